"""What is installed here: the digest of Oilcan's code, and the versions of the libraries that decide its results."""

import hashlib
import platform
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

_BASE: Final = Path(__file__).parents[1]
_LIBRARIES: Final = ("joblib", "numpy", "pandas", "pyarrow", "pydantic", "scikit-learn", "scipy", "threadpoolctl",
                     "treelite", "cloudpickle", "dask", "distributed")


def code_digest(parts: Iterable[str] = ("",), without: tuple[str, ...] = ()) -> str:
    """SHA-256 of Python files of the package, by their names in it and their bytes.

    Parameters
    ----------
    parts
        Files and folders below `oilcan`; all of it without a word.
    without
        How the names begin that are left out.
    """
    total = hashlib.sha256()
    for name in parts:
        place = _BASE / name
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            inside = path.relative_to(_BASE).as_posix()
            if not inside.startswith(without):
                total.update(inside.encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


@cache
def _installed() -> tuple[tuple[str, str], ...]:
    return (("oilcan", f"code {code_digest()[:12]}"), ("python", ".".join(platform.python_version_tuple()[:2])),
            *((name, _version(name)) for name in _LIBRARIES))


def installed() -> dict[str, str]:
    """Version by name, of Oilcan's code, Python and each library; read once for each process."""
    return dict(_installed())


def differences(found: Mapping[str, str], wanted: Mapping[str, str]) -> list[str]:
    """How an installation differs from another one.

    Examples
    --------
    >>> differences({"numpy": "1.0"}, {"numpy": "2.4.0", "scipy": "1.15"})
    ['numpy 1.0 (wanted 2.4.0)', 'scipy unknown (wanted 1.15)']
    """
    return [f"{name} {found.get(name, 'unknown')} (wanted {version})" for name, version in wanted.items()
            if found.get(name) != version]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
