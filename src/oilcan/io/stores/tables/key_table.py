"""API keys: who may do what. Tokens are shown once; the store has their hashes only."""

import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from oilcan.ground.errors import StoreError
from oilcan.io.stores.databases.database import Database, Transaction
from oilcan.io.stores.key_scopes import SCOPES, Scope, includes
from oilcan.io.stores.tables.audit_table import write_down

_BYTES: Final = 32
_PREFIX: Final = "oilcan_"              # lets a scanner of leaked secrets know what it has found


@dataclass(frozen=True)
class Key:
    """A key without its token."""

    name: str
    scope: Scope
    created_at: int
    revoked_at: int | None
    last_used_at: int | None

    def allows(self, scope: Scope) -> bool:
        """Is it good for a scope? admin allows all, write allows read.

        Examples
        --------
        >>> Key("press-line", "write", 0, None, None).allows("read")
        True
        """
        return self.revoked_at is None and includes(self.scope, scope)


def token_hash(token: str) -> bytes:
    """What the store has of a token.

    A token is 32 random bytes, so one fast keyed hash is as good as a slow one: there is nothing to guess.
    """
    return hashlib.blake2b(token.encode(errors="replace"), digest_size=32, key=b"oilcan api key").digest()


class Keys:
    """The keys of a store."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def create(self, name: str, scope: Scope, *, by: str, now: int, random: Callable[[int], bytes]) -> str:
        """Make a key; the token, which is stored nowhere.

        Parameters
        ----------
        name
            1 to 64 of a-z, 0-9, dot, dash, underscore; never given twice, so that old entries stay true.
        random
            `secrets.token_bytes`.

        Raises
        ------
        StoreError
            If the name or scope is not valid, or the name is taken.
        """
        if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,63}", name):
            raise StoreError(f"key: {name[:80]!r} is no name (wanted 1 to 64 of a-z, 0-9, '.', '-', '_').")
        if scope not in SCOPES:
            raise StoreError(f"key {name}: {scope!r} is no scope (wanted one of {', '.join(SCOPES)}).")
        token = _PREFIX + base64.urlsafe_b64encode(random(_BYTES)).rstrip(b"=").decode()

        def work(tx: Transaction) -> None:
            added = tx.run("INSERT INTO api_keys (name, scope, hash, created_at) VALUES (?, ?, ?, ?) "
                           "ON CONFLICT DO NOTHING", (name, scope, token_hash(token), now))
            if not added:
                raise StoreError(f"key {name}: is there already, perhaps revoked. Choose another name.")
            write_down(tx, by, "key created", {"name": name, "scope": scope}, now)

        self._db.write(work)
        return token

    def all(self) -> list[Key]:
        """All keys, revoked ones too, in the order of their making."""
        return self._select("ORDER BY created_at, name")

    def find(self, token: str) -> Key | None:
        """The key of a token; None if it is unknown or revoked."""
        found = self._select("WHERE hash = ? AND revoked_at IS NULL", token_hash(token))
        return found[0] if found else None

    def by_hash(self) -> dict[bytes, Key]:
        """All keys that are not revoked, by the hash of their token."""
        sql = "SELECT hash, name, scope, created_at, revoked_at, last_used_at FROM api_keys WHERE revoked_at IS NULL"
        return self._db.read(lambda tx: {bytes(digest): Key(*row) for digest, *row in tx.rows(sql)})

    def used(self, name: str, now: int) -> None:
        """Remember when a key was last used; not for every request: once a minute is enough."""
        self._db.write(lambda tx: tx.run("UPDATE api_keys SET last_used_at = ? WHERE name = ?", (now, name)))

    def revoke(self, name: str, *, by: str, now: int) -> None:
        """Make a key worthless from now on.

        Raises
        ------
        StoreError
            If there is no such key, or it was revoked before.
        """
        def work(tx: Transaction) -> None:
            if not tx.run("UPDATE api_keys SET revoked_at = ? WHERE name = ? AND revoked_at IS NULL", (now, name)):
                raise StoreError(f"key {name}: no key of this name is in use. See `oilcan keys list`.")
            write_down(tx, by, "key revoked", {"name": name}, now)

        self._db.write(work)

    def _select(self, rest: str, *parameters: object) -> list[Key]:
        sql = f"SELECT name, scope, created_at, revoked_at, last_used_at FROM api_keys {rest}"  # noqa: S608 - our own words
        return self._db.read(lambda tx: [Key(*row) for row in tx.rows(sql, parameters)])
