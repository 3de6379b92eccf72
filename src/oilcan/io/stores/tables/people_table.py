"""Persons whom the service's records name: pseudonyms for the audit log, and how a person is erased.

A pseudonym is a keyed hash of the name; the key is random, of one person alone, and lies in this store only. Who has
the store can tell whose pseudonym it is. Erasing a person replaces the name everywhere in the store and throws the key
away: then nobody can, and the audit log, which has the pseudonym alone, stays as it is.
"""

import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Final

from oilcan.ground.errors import StoreError
from oilcan.io.stores.databases.database import Database, Transaction
from oilcan.io.stores.tables.audit_table import Entry

_SETTING: Final = "pseudonym keys"
_NAMES: Final = (("alarms", "acknowledged_by"), ("comments", "said_by"), ("audit", "done_by"), ("api_keys", "name"),
                 ("decisions", "decided_by"))


class People:
    """The persons of a store."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def pseudonym(self, name: str, *, now: int, random: Callable[[int], bytes]) -> str:
        """The pseudonym of a name; the same each time, until the person is erased.

        Parameters
        ----------
        random
            `secrets.token_bytes`.
        """
        def work(tx: Transaction) -> str:
            keys = _keys(tx)
            if name not in keys:
                keys[name] = random(32).hex()
                _write(tx, keys, now)
            return keys[name]

        return pseudonym_of(name, bytes.fromhex(self._db.write(work)))

    def erase(self, name: str, *, now: int, random: Callable[[int], bytes]) -> tuple[str | None, int]:
        """Replace a name everywhere by a random one, and forget its key.

        Returns
        -------
        The pseudonym that nobody can resolve from now on, None if there was none; and how many places had the name.

        Raises
        ------
        StoreError
            If a key of that name is in use, or nothing has that name.
        """
        def work(tx: Transaction) -> tuple[str | None, int]:
            if tx.rows("SELECT 1 FROM api_keys WHERE name = ? AND revoked_at IS NULL", (name,)):
                raise StoreError(f"key {name}: is in use, so the person still acts. Revoke it with `oilcan keys revoke "
                                 f"{name}` first.")
            new, keys = f"erased-{random(6).hex()}", _keys(tx)
            places = sum(tx.run(f"UPDATE {table} SET {column} = ? WHERE {column} = ?", (new, name))  # noqa: S608 - ours
                         for table, column in _NAMES)
            for number, detail in tx.rows("SELECT id, detail FROM audit"):
                values = json.loads(detail)
                if values.get("name") == name:
                    places += tx.run("UPDATE audit SET detail = ? WHERE id = ?",
                                     (json.dumps(values | {"name": new}, sort_keys=True), number))
            if not places and name not in keys:
                raise StoreError(f"erase: nothing in this store names {name!r}. See `oilcan keys list` for names of "
                                 f"keys.")
            key = keys.pop(name, None)
            _write(tx, keys, now)
            return pseudonym_of(name, bytes.fromhex(key)) if key else None, places

        return self._db.write(work)

    def entries_after(self, number: int) -> list[tuple[int, Entry]]:
        """Entries of the store's audit after a number, oldest first, each with its number."""
        sql = "SELECT id, at, done_by, action, detail FROM audit WHERE id > ? ORDER BY id"
        return self._db.read(lambda tx: [(int(key), Entry(at, by, action, json.loads(detail)))
                                         for key, at, by, action, detail in tx.rows(sql, (number,))])

    def acknowledgements(self) -> list[tuple[int, int, str, str]]:
        """Number, moment, person and task of each acknowledged alarm, oldest first."""
        sql = ("SELECT id, acknowledged_at, acknowledged_by, task FROM alarms WHERE acknowledged_at IS NOT NULL "
               "ORDER BY acknowledged_at, id")
        return self._db.read(lambda tx: [(int(key), int(at), str(by), str(task))
                                         for key, at, by, task in tx.rows(sql)])


def pseudonym_of(name: str, key: bytes) -> str:
    """The keyed hash of a name.

    Examples
    --------
    >>> pseudonym_of("Ada", b"1"), pseudonym_of("Ada", b"1") == pseudonym_of("Ada", b"2")
    ('person-...', False)
    """
    return f"person-{hmac.new(key, name.encode(), hashlib.sha256).hexdigest()[:16]}"


def _keys(tx: Transaction) -> dict[str, str]:
    found = tx.rows("SELECT value FROM settings WHERE name = ?", (_SETTING,))
    return dict(json.loads(found[0][0])) if found else {}


def _write(tx: Transaction, keys: dict[str, str], now: int) -> None:
    tx.run("INSERT INTO settings (name, value, changed_at) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET "
           "value = excluded.value, changed_at = excluded.changed_at", (_SETTING, json.dumps(keys), now))
