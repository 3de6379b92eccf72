"""The signature on a bundle: made with OpenSSH over its seal, in a file beside the folder: NAME.sig beside NAME.

The seal names the digest of the manifest, which names the digest of every file. So one signature covers the bundle.
Who may sign is a list in the form of OpenSSH (ssh-keygen, "ALLOWED SIGNERS"). `make sign` makes a signature.
"""

import subprocess
import tempfile
from pathlib import Path
from typing import Final

from oilcan.ground.errors import IntegrityError, OilcanError, ParamsError
from oilcan.io.bundle.bundle_folder import MANIFEST

NAMESPACE: Final = "oilcan-bundle"      # a signature that a key made for another purpose does not count
_REMEDY: Final = "Have a person of that list run `make sign`, and put the signature beside the bundle"


def signature_path(folder: Path) -> Path:
    """Where the signature on the bundle in a folder lies.

    Examples
    --------
    >>> signature_path(Path("models/bundle")).as_posix()
    'models/bundle.sig'
    """
    return folder.with_name(f"{folder.name}.sig")


def check_signature(folder: Path, digest: str, signers: Path) -> str:
    """Name of the person who signed the bundle of this digest.

    Parameters
    ----------
    signers
        Who may sign: lines of OpenSSH's form `NAME KEYTYPE KEY`.

    Raises
    ------
    IntegrityError
        If there is no signature, or it is not one of `signers` on this very bundle.
    ParamsError
        If there is no such list.
    """
    signature = signature_path(folder)
    if not signers.is_file():
        raise ParamsError(f"{signers}: no such file (wanted the list of those who may sign bundles). Correct "
                          f"OILCAN_SIGNERS.")
    if not signature.is_file():
        raise IntegrityError(f"{folder}: nobody signed this bundle (found no {signature.name}, wanted a signature by "
                             f"one of {signers}). {_REMEDY}.")
    name = _ssh_keygen("find-principals", "-s", str(signature), "-f", str(signers)).stdout.strip().partition("\n")[0]
    if not name:
        raise IntegrityError(f"{signature}: the key that signed is not in {signers}. {_REMEDY}.")
    checked = _ssh_keygen("verify", "-f", str(signers), "-I", name, "-n", NAMESPACE, "-s", str(signature),
                          text=f"{digest}  {MANIFEST}\n")
    if checked.returncode:
        reason = " ".join((checked.stdout + checked.stderr).split())
        raise IntegrityError(f"{signature}: is not {name}'s signature on bundle {digest[:12]} ({reason}). {_REMEDY}.")
    return name


def _ssh_keygen(action: str, *words: str, text: str = "") -> "subprocess.CompletedProcess[str]":
    with tempfile.TemporaryFile("w+", encoding="utf-8") as message:
        message.write(text)
        message.seek(0)
        try:
            return subprocess.run(["ssh-keygen", "-Y", action, *words], stdin=message, capture_output=True,
                                  encoding="utf-8", check=False)
        except FileNotFoundError as err:
            raise OilcanError("bundle: ssh-keygen is not installed, so signatures cannot be checked. Install "
                              "openssh-client, or unset OILCAN_SIGNERS.") from err
