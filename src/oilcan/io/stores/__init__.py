"""Where the service keeps what it must not lose: SQLite by default, PostgreSQL for several replicas.

`open_store` is the one door. See docs/stores.md.
"""

from pathlib import Path
from typing import Final

from oilcan.ground.errors import StoreError
from oilcan.io.stores.store import Store

__all__ = ["DEFAULT_URL", "Store", "open_store"]

DEFAULT_URL: Final = "sqlite:///.oilcan/service.db"


def open_store(url: str = DEFAULT_URL) -> Store:
    """The store at an address, made or brought up to date if need be.

    Parameters
    ----------
    url
        `sqlite:///relative/path`, `sqlite:////absolute/path`, or `postgresql://user@host/database`.

    Raises
    ------
    StoreError
        If the address is not valid, the store is another program's, or a newer Oilcan wrote it.
    StoreUnavailable
        If it does not answer.
    """
    kind, found, rest = url.partition("://")
    if kind == "sqlite" and found and len(rest) > 1 and rest.startswith("/"):
        from oilcan.io.stores.databases.sqlite import SqliteDatabase

        return Store(SqliteDatabase(Path(rest[1:])))
    if kind in {"postgresql", "postgres"} and found:
        try:
            from oilcan.io.stores.databases.postgres import PostgresDatabase
        except ModuleNotFoundError as err:
            raise StoreError(f"store: PostgreSQL needs a package that is not here ({err.name}). "
                             f"Install requirements/serve.txt.") from err

        return Store(PostgresDatabase(url))
    raise StoreError(f"store: {kind[:20]!r} is no kind of store (wanted sqlite:///path or postgresql://...). "
                     f"Set OILCAN_STORE or --store.")
