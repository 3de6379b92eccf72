"""The repository that a command works on."""

from pathlib import Path

from oilcan.ground.errors import OilcanError


def find_root(start: Path | None = None) -> Path:
    """The folder with dvc.yaml and params.yaml, here or above.

    Raises
    ------
    OilcanError
        If no folder here or above has both.
    """
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / "dvc.yaml").is_file() and (folder / "params.yaml").is_file():
            return folder
    raise OilcanError(f"{here}: no Oilcan repository here or above (wanted dvc.yaml and params.yaml). "
                      f"Change to your clone.")


def short(path: Path) -> str:
    """A path as one would type it from here."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
