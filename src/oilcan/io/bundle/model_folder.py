"""The folder that `train` hands to the stages after it: two fitted models in the form of a bundle.

Nothing in it can run code. So a stage may read it also where no `dvc.lock` vouches for its bytes.
"""

from pathlib import Path
from typing import Final

from oilcan.core.model.fitted import Fitted, Trained
from oilcan.io.bundle.forecast_files import read_forecasts, write_forecasts
from oilcan.io.stage.files import fresh_folder

_JUDGED: Final = "judged"
_SERVED: Final = "served"


def write_model(trained: Trained, folder: Path) -> None:
    """Write both models; the folder appears whole or not at all."""
    with fresh_folder(folder) as draft:
        for name, fitted in ((_JUDGED, trained.judged), (_SERVED, trained.served)):
            (draft / name).mkdir()
            write_forecasts(fitted, draft / name)


def read_model(folder: Path) -> Trained:
    """Read what `write_model` wrote.

    Raises
    ------
    IntegrityError
        If a file is missing, or is not as `write_model` wrote it.
    """
    return Trained(_read(folder / _JUDGED), _read(folder / _SERVED))


def _read(folder: Path) -> Fitted:
    content = {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*"))
               if path.is_file()}
    return read_forecasts(content, folder, f"Restore it with `dvc checkout {folder.parent}`, or run `dvc repro train`")
