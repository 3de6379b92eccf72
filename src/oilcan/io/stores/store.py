"""The store: everything that the service keeps, the same for every database."""

from oilcan.io.stores.databases.database import Database, Health
from oilcan.io.stores.retention import RetentionPart
from oilcan.io.stores.tables.alarm_table import AlarmsPart
from oilcan.io.stores.tables.audit_table import Audit
from oilcan.io.stores.tables.bundle_table import Bundles
from oilcan.io.stores.tables.decision_table import Decisions
from oilcan.io.stores.tables.forecast_table import ForecastsPart
from oilcan.io.stores.tables.key_table import Keys
from oilcan.io.stores.tables.notice_table import Notices
from oilcan.io.stores.tables.people_table import People
from oilcan.io.stores.tables.record_table import RecordsPart
from oilcan.io.stores.tables.refused_table import RefusedPart
from oilcan.io.stores.tables.state_table import Duties, Settings, Snapshots


class Store(RecordsPart, ForecastsPart, AlarmsPart, RefusedPart, RetentionPart):
    """Readings, records, forecasts, alarms, keys and settings; safe to use from many threads.

    Attributes
    ----------
    snapshots, keys, settings, bundles, audit, people, decisions, notices, duties
        The smaller rooms of the store.
    """

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.snapshots = Snapshots(self)
        self.keys = Keys(database)
        self.settings = Settings(database)
        self.bundles = Bundles(database)
        self.audit = Audit(database)
        self.people = People(database)
        self.decisions = Decisions(database)
        self.notices = Notices(database)
        self.duties = Duties(database)

    @property
    def health(self) -> Health:
        """Whether the store answers, as its last calls found it."""
        return self.database.health

    @property
    def is_shared(self) -> bool:
        """Whether other processes may serve from it, too."""
        return self.database.is_shared

    def probe(self) -> None:
        """Write something that changes nothing, to see whether the store can write again."""
        self.database.write(lambda tx: tx.run("UPDATE counters SET value = value WHERE name = 'forecasts'"))

    def claim(self) -> None:
        """Be the one process that serves from this store, where there may be one only (SQLite).

        Raises
        ------
        StoreError
            If another process is.
        """
        self.database.claim()

    def close(self) -> None:
        """Close every connection."""
        self.database.close()
