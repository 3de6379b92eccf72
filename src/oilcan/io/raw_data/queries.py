"""Tables of a database as immutable Parquet files: the `source.queries` of a contract.

SQLAlchemy and the driver of PostgreSQL are an extra: requirements/sql.in. The address of a database
stands in the environment alone, since it holds a password.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

from oilcan.contract import Contract, Query
from oilcan.ground.errors import DataError, IntegrityError, from_extra
from oilcan.ground.hashing import sha256
from oilcan.io.raw_data.unpack import inside
from oilcan.io.stage.files import fresh_file


def variable(database: str) -> str:
    """Name of the environment variable that holds the address of a database.

    Examples
    --------
    >>> variable("plant")
    'OILCAN_DATABASE_PLANT'
    """
    return f"OILCAN_DATABASE_{database.upper()}"


def take_snapshots(contract: Contract, folder: Path) -> dict[str, str]:
    """Run the queries whose files are not in place, and write each result as a Parquet file.

    A file that is in place is never written again: it is what the models have learned from.

    Returns
    -------
    Path below `folder` -> sha256, of files whose sha256 the contract does not state yet.

    Raises
    ------
    DataError
        If a database has no address, cannot be reached or refuses the query, or the result is empty.
    IntegrityError
        If the contract states a sha256 and the result of the query today has another.
    OilcanError
        If the extra is not installed.
    """
    pins = {file.path: file.sha256 for file in contract.source.files}
    new: dict[str, str] = {}
    for query in contract.source.queries:
        target = inside(folder, query.path)
        if target.exists():
            digest = sha256(target)
        else:
            rows = _answer(query)
            with fresh_file(target) as draft:
                pyarrow.parquet.write_table(rows, draft)
                digest = _proven(contract.name, query, sha256(draft), pins[query.path])
        if pins[query.path] is None:
            new[query.path] = digest
    return new


def record_pins(text: str, pins: dict[str, str]) -> str:
    """A contract's text with the sha256 of some files filled in; everything else, comments too, stays.

    Raises
    ------
    DataError
        If a file neither says `sha256: null` right behind its path nor is a mapping of its path alone.

    Examples
    --------
    >>> record_pins("files: [{path: a.csv}, {path: b.csv}]", {"a.csv": "00ff"})
    'files: [{path: a.csv, sha256: 00ff}, {path: b.csv}]'
    >>> record_pins("files: [{path: orders.parquet, sha256: null}]  # mine", {"orders.parquet": "00ff"})
    'files: [{path: orders.parquet, sha256: 00ff}]  # mine'
    """
    for path, digest in pins.items():
        form = rf"(path:\s*[\"']?{re.escape(path)}[\"']?\s*(?:,\s*|\n\s*)sha256:\s*)(?:null|~)"
        text, found = re.subn(form, rf"\g<1>{digest}", text, count=1)
        if not found:
            alone = rf"(\{{\s*path:\s*[\"']?{re.escape(path)}[\"']?)(\s*\}})"
            text, found = re.subn(alone, rf"\g<1>, sha256: {digest}\g<2>", text, count=1)
        if not found:
            raise DataError(f"source.files: {path} does not say `sha256: null` right behind its path. Write there "
                            f"`sha256: {digest}`.")
    return text


def _proven(name: str, query: Query, digest: str, wanted: str | None) -> str:
    if wanted not in {None, digest}:
        raise IntegrityError(
            f"{query.path}: the database returns other rows than the snapshot that datasets/{name}.yaml "
            f"names (found sha256 {digest}, wanted {wanted}). Get the snapshot by `dvc pull data/raw/{name}`, or take "
            f"a new one: set its sha256 to null in the contract and raise the version.")
    return digest


def _answer(query: Query) -> pyarrow.Table:
    with from_extra("source.queries", "sql"):
        import sqlalchemy
    address = os.environ.get(variable(query.database))
    if not address:
        raise DataError(f"source.queries: database {query.database!r} has no address. Set {variable(query.database)} "
                        f"to its SQLAlchemy URL, e.g. postgresql+psycopg://reader@plant/cmms.")
    try:
        engine = sqlalchemy.create_engine(address, poolclass=sqlalchemy.pool.NullPool)     # leaves nothing open
        with engine.connect() as connection:
            result = connection.execute(sqlalchemy.text(query.sql))
            names, rows = list(result.keys()), result.fetchall()
    except (sqlalchemy.exc.SQLAlchemyError, ImportError) as err:
        reason = str(getattr(err, "orig", None) or err).splitlines()[0]
        raise DataError(f"source.queries: {query.path}: database {query.database!r} does not answer the query "
                        f"({reason}); check {variable(query.database)} and the SQL.") from err
    if not rows:
        raise DataError(f"source.queries: {query.path}: the query found no rows. Check its conditions.")
    return pyarrow.table({name: _column([row[at] for row in rows]) for at, name in enumerate(names)})


def _column(values: Sequence[Any]) -> pyarrow.Array:
    """Values as the database typed them; as text where they are of several types."""
    try:
        return pyarrow.array(values)
    except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError):
        return pyarrow.array([None if value is None else str(value) for value in values])
