"""Certificate and key of TLS, checked before granian reads them: it would end in a trace, or ask for a passphrase."""

import ssl
import stat
from pathlib import Path

from oilcan.ground.errors import ParamsError


def check_pair(certificate: Path, key: Path) -> None:
    """Prove that the service may use this certificate with this key.

    Raises
    ------
    ParamsError
        If one cannot be read, if every user of the computer can get at the key, or if they do not fit each other.
    """
    for name, file in (("certificate", certificate), ("key", key)):
        try:
            file.open("rb").close()
        except OSError as err:
            raise ParamsError(f"tls_{name} {file}: cannot be read ({err.strerror}). Name a PEM file that the user of "
                              f"the service may read.") from err
    mode = stat.S_IMODE(key.stat().st_mode)
    if mode & stat.S_IRWXO:
        raise ParamsError(f"tls_key {key}: every user of this computer can get at it (found mode {mode:04o}, wanted "
                          f"0600 or 0640). Run `chmod o= {key}`.")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=lambda: "")
    except (OSError, ValueError) as err:
        reason = (getattr(err, "reason", None) or "no PEM").lower().replace("_", " ")
        raise ParamsError(f"tls_certificate {certificate}, tls_key {key}: do not fit each other (found: {reason}, "
                          f"wanted: PEM files of a certificate and of its key, without a passphrase). Name files that "
                          f"belong together.") from err
