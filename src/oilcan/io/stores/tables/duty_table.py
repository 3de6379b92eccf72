"""Who of several processes does what one does for all, and what it says about it."""

from dataclasses import dataclass
from typing import Final

from oilcan.io.stores.databases.database import Database, Transaction

_MINE: Final = "WHERE duty = 'upkeep' AND holder = ?"


@dataclass(frozen=True)
class Holding:
    """Who has the duty.

    Attributes
    ----------
    holder
        Empty if it was given back.
    beat
        Grows as long as the holder lives.
    said
        Number of its last words.
    """

    holder: str
    beat: int
    said: int


class Duties:
    """The one duty there is: monitoring, saving and tidying. No clocks are compared, so none has to be right."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def holding(self) -> Holding | None:
        """Who has it now; None before the first."""
        rows = self._db.read(lambda tx: tx.rows("SELECT holder, beat, said FROM duties WHERE duty = 'upkeep'"))
        return Holding(*rows[0]) if rows else None

    def take(self, seen: Holding | None, me: str) -> bool:
        """Take it over if it is still as it was seen; whether that succeeded."""
        def work(tx: Transaction) -> bool:
            if seen is None:
                return tx.run("INSERT INTO duties (duty, holder, beat, said, words) VALUES ('upkeep', ?, 0, 0, '') "
                              "ON CONFLICT DO NOTHING", (me,)) == 1
            return tx.run(f"UPDATE duties SET holder = ?, beat = beat + 1 {_MINE} AND beat = ?",  # noqa: S608
                          (me, seen.holder, seen.beat)) == 1

        return self._db.write(work)

    def beat(self, me: str) -> bool:
        """Say that the holder lives; false if it has the duty no longer."""
        return self._db.write(lambda tx: tx.run(f"UPDATE duties SET beat = beat + 1 {_MINE}", (me,))) == 1  # noqa: S608

    def leave(self, me: str) -> None:
        """Give it back; who comes next need not wait."""
        self._db.write(lambda tx: tx.run(f"UPDATE duties SET holder = '' {_MINE}", (me,)))  # noqa: S608

    def say(self, me: str, words: str) -> bool:
        """Leave words for the others; false, and nothing is written, if another has the duty now."""
        sql = f"UPDATE duties SET words = ?, said = said + 1 {_MINE}"  # noqa: S608 - our own words
        return self._db.write(lambda tx: tx.run(sql, (words, me))) == 1

    def words(self) -> str:
        """What was said last; empty before the first words."""
        rows = self._db.read(lambda tx: tx.rows("SELECT words FROM duties WHERE duty = 'upkeep'"))
        return str(rows[0][0]) if rows else ""
