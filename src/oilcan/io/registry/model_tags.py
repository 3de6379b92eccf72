"""Tags of models in git: read with their messages, made plain or signed."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, Literal

from oilcan.core.registry.model_tag import ModelTag, is_model_tag
from oilcan.ground.errors import OilcanError
from oilcan.io.repository.git_plumbing import NO_OBJECT, RefChange, RefMoved, git, move_refs, resolve, try_git

Signature = Literal["none", "ssh", "gpg"]
_END: Final = "\x1e"
_FORMAT: Final = "%(refname:short)%1f%(*objectname)%1f%(objectname)%1f%(creatordate:unix)%1f%(contents)%1e"


def data_sets(root: Path) -> list[str]:
    """Names of the data sets of a repository, and so of its models."""
    return sorted(path.stem for path in (root / "datasets").glob("*.yaml"))


def model_tags(root: Path, datasets: Iterable[str]) -> list[ModelTag]:
    """The tags of the models of some data sets."""
    names = list(datasets)
    listed = git(root, "for-each-ref", f"--format={_FORMAT}", "refs/tags")
    tags = []
    for record in listed.split(_END):
        if record.strip():
            name, commit, object_name, at, message = record.lstrip("\n").split("\x1f", 4)
            if is_model_tag(name, names):
                tags.append(ModelTag(name, commit or object_name, _fields(message), int(at or 0)))
    return tags


def make_tag(root: Path, name: str, commit: str, title: str, fields: Mapping[str, str], *, by: str, at: int,
             sign: bool) -> Signature:
    """Make an annotated tag, unless the same tag exists; what it is signed with.

    Raises
    ------
    OilcanError
        If a tag of that name names another commit or bundle, or git cannot sign.
    """
    there = resolve(root, f"refs/tags/{name}")
    if there is not None:
        known = next((tag for tag in model_tags(root, [name.partition("@")[0].partition("#")[0]]) if tag.name == name),
                     None)
        if known is None or known.commit != commit or known.fields.get("bundle") != fields.get("bundle"):
            raise OilcanError(f"tag {name}: is there already, for another commit or bundle. See `oilcan audit verify`.")
        return signature_of(root, name)
    message = title + "\n\n" + "".join(f"{key}: {' '.join(value.split())}\n" for key, value in fields.items())
    date = f"{at} +0000"
    if sign:
        git(root, "tag", "--sign", "--cleanup=verbatim", "-F", "-", name, commit, text=message,
            GIT_COMMITTER_DATE=date)
        return signature_of(root, name)
    text = f"object {commit}\ntype commit\ntag {name}\ntagger {_plain(by)} <audit@oilcan.invalid> {date}\n\n{message}"
    made = git(root, "mktag", text=text)
    try:
        move_refs(root, [RefChange(f"refs/tags/{name}", made, NO_OBJECT)])
    except RefMoved as err:
        raise OilcanError(f"tag {name}: another process has made it at the same time. Run the command again.") from err
    return "none"


def can_sign(root: Path) -> bool:
    """Whether the user has named a key: `git config user.signingkey`."""
    return bool(try_git(root, "config", "--get", "user.signingkey").stdout.strip())


def signature_of(root: Path, name: str) -> Signature:
    """What a tag is signed with; a light tag (`git tag NAME`) has no text that could carry a signature."""
    content = try_git(root, "cat-file", "tag", f"refs/tags/{name}").stdout
    if "-----BEGIN SSH SIGNATURE-----" in content:
        return "ssh"
    return "gpg" if "-----BEGIN PGP SIGNATURE-----" in content else "none"


def signature_faults(root: Path, tags: Iterable[ModelTag]) -> list[str]:
    """Signed tags whose signature git does not confirm; tags that say they are signed and are not."""
    found = []
    for tag in tags:
        signature, promised = signature_of(root, tag.name), tag.fields.get("signature", "none")
        if signature == "none" and promised != "none":
            found.append(f"tag {tag.name}: says it is signed ({promised}), and carries no signature")
        elif signature != "none" and (checked := try_git(root, "verify-tag", tag.name)).returncode:
            reason = " ".join(checked.stderr.split()) or "the key is not known here"
            found.append(f"tag {tag.name}: its {signature} signature is not confirmed ({reason})")
    return found


def author_of(root: Path, commit: str) -> tuple[str, str]:
    """Name and address of the author of a commit."""
    name, _, address = git(root, "log", "-1", "--format=%an%n%ae", commit).partition("\n")
    return name, address


def _fields(message: str) -> dict[str, str]:
    """`key: value` lines after the title."""
    lines = message.partition("\n\n")[2].partition("-----BEGIN")[0].splitlines()
    return {key.strip(): value.strip() for key, colon, value in (line.partition(": ") for line in lines) if colon}


def _plain(name: str) -> str:
    """A name without what ends git's own fields."""
    return " ".join("".join(" " if letter in "<>\n\r" else letter for letter in name).split()) or "unknown"
