"""Raw files without a contract -> the form they are written in, and their first rows as text."""

import gzip
import re
import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Final, Literal

import pandas as pd
import pyarrow
import pyarrow.parquet

from oilcan.core.draft import SeenFile
from oilcan.core.draft.text_form import TextForm, find_form
from oilcan.ground.errors import DataError, bullet_list
from oilcan.ground.hashing import sha256
from oilcan.io.raw_data.parquet_types import plain_types

_HEAD_BYTES: Final = 1 << 16
_MOST_ROWS: Final = 150_000             # of all files together
_FEWEST_ROWS: Final = 2_000             # of any one


def look_at(paths: Sequence[Path]) -> list[SeenFile]:
    """Look at every file; DataError lists all that cannot be read."""
    limit = max(_FEWEST_ROWS, _MOST_ROWS // len(paths))
    seen, problems = [], []
    for path, name in zip(paths, _names(paths), strict=True):
        try:
            seen.append(_look_at_parquet(path, name, limit) if _is_parquet(path) else _look_at_text(path, name, limit))
        except FileNotFoundError:
            problems.append(f"{path}: does not exist")
        except IsADirectoryError:
            problems.append(f"{path}: is a folder; name the files in it")
        except (UnicodeDecodeError, pyarrow.ArrowException, pd.errors.ParserError, EOFError, OSError, zlib.error,
                ValueError) as err:
            problems.append(f"{path}: not readable ({' '.join(str(err).split())})")
    if problems:
        raise DataError(bullet_list("cannot draft a contract from these files", problems))
    return seen


def _names(paths: Sequence[Path]) -> list[str]:
    """File names, with as much of their folders as makes them different."""
    names = [path.name for path in paths]
    if len(set(names)) == len(names):
        return names
    full = [PurePosixPath(path.resolve().as_posix()) for path in paths]
    depth = 1
    while len(set(names)) < len(names) and depth < 20:
        depth += 1
        names = ["/".join(path.parts[-depth:]) for path in full]
    return names


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(4) == b"PAR1"


def _look_at_parquet(path: Path, name: str, limit: int) -> SeenFile:
    with pyarrow.parquet.ParquetFile(path) as file:
        rows = file.metadata.num_rows
        single = [field.name for field in file.schema_arrow if not pyarrow.types.is_nested(field.type)]
        left_out = len(file.schema_arrow) - len(single)
        batches = file.iter_batches(batch_size=min(limit, max(rows, 1)), columns=single)
        table = next(batches, None)
        frame = (plain_types(pyarrow.Table.from_batches([table]), frozenset(), name).to_pandas() if table is not None
                 else pd.DataFrame(columns=single))
    return SeenFile(name, sha256(path), _as_text(frame), rows <= len(frame), format="parquet",
                    nameless=left_out)


def _as_text(frame: pd.DataFrame) -> pd.DataFrame:
    """Cells as a csv file would write them."""
    return pd.DataFrame({
        name: values.map(lambda cell: "" if pd.isna(cell) else str(cell)).astype("str")
        for name, values in frame.items()
    })


def _look_at_text(path: Path, name: str, limit: int) -> SeenFile:
    raw = _head(path)
    if b"\0" in raw and not raw.startswith((b"\xff\xfe", b"\xfe\xff")) and b"\0" in raw.splitlines()[0]:
        raise ValueError("neither text nor gzip nor Parquet")
    encoding = _encoding(raw)
    text = raw.decode(encoding, errors="ignore").lstrip("\ufeff")
    lines = re.split(r"\r\n|\r|\n", text)[:200 if len(raw) < _HEAD_BYTES else -1][:200]
    if not any(line.strip() for line in lines):
        return SeenFile(name, sha256(path), pd.DataFrame(), whole=True)
    form = find_form(lines)
    frame = _frame(path, form, "utf-8-sig" if encoding == "utf-8" else encoding, limit)
    whole = len(frame) <= limit
    labels, nameless = _labels(form)
    frame = frame.iloc[:limit, [at for at, label in enumerate(labels) if label is not None]]
    frame.columns = pd.Index([label for label in labels if label is not None], dtype="object")
    units = {label: unit for label, unit in zip(labels, form.units, strict=False) if label is not None}
    return SeenFile(name, sha256(path), frame, whole, "csv", form.separator, _decimal(frame, form.separator),
                    form.header, encoding, form.skip_lines, form.skip_rows, form.comment, units, nameless)


def _frame(path: Path, form: TextForm, encoding: str, limit: int) -> pd.DataFrame:
    """The first rows as text, columns by position; lines of another width, comments and empty rows left out."""
    frame = pd.read_csv(
        path, sep=r"\s+" if form.separator == "blank" else form.separator, header=None, names=range(len(form.names)),
        dtype="str", keep_default_na=False, encoding=encoding, skiprows=form.lines_above, nrows=limit + 1,
        skipinitialspace=True, compression="gzip" if _is_gzip(path) else None, index_col=False, on_bad_lines="skip")
    frame = frame.fillna("")
    if form.comment and len(frame):
        frame = frame[~frame[0].str.startswith(form.comment)]
    return frame[(frame != "").any(axis=1)].reset_index(drop=True)


def _labels(form: TextForm) -> tuple[list[str | int | None], int]:
    """Name of each column in the contract; its position if the name occurs twice; None without a name."""
    if not form.header:
        return list(range(len(form.names))), 0
    repeated = {name for name, times in Counter(form.names).items() if times > 1}
    labels: list[str | int | None] = [None if not name else at if name in repeated else name
                                      for at, name in enumerate(form.names)]
    return labels, sum(label is None for label in labels)


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(2) == b"\x1f\x8b"


def _head(path: Path) -> bytes:
    if _is_gzip(path):
        with gzip.open(path) as stream:
            return stream.read(_HEAD_BYTES)
    with path.open("rb") as plain:
        return plain.read(_HEAD_BYTES)


def _encoding(raw: bytes) -> str:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    try:
        raw[:-4].decode("utf-8") if len(raw) == _HEAD_BYTES else raw.decode("utf-8")
    except UnicodeDecodeError as err:
        if len(raw) == _HEAD_BYTES and err.start >= len(raw) - 8:   # a character cut at the end of the head
            return "utf-8"
        return "latin-1"
    return "utf-8"


def _decimal(frame: pd.DataFrame, separator: str) -> Literal[".", ","]:
    if separator == ",":
        return "."
    head = frame.head(200)
    commas = sum(int(head[name].str.fullmatch(r"\s*[+-]?[\d.]*\d,\d+\s*").sum()) for name in head)
    points = sum(int(head[name].str.fullmatch(r"\s*-?\d+\.\d+\s*").sum()) for name in head)
    return "," if commas > points else "."
