"""The store: everything the service must not forget, whatever the database below it."""

from oilcan.io.stores.databases.database import Database
from oilcan.io.stores.tables.alarm_table import AlarmsPart
from oilcan.io.stores.tables.audit_table import Audit
from oilcan.io.stores.tables.bundle_table import Bundles
from oilcan.io.stores.tables.forecast_table import ForecastsPart
from oilcan.io.stores.tables.key_table import Keys
from oilcan.io.stores.tables.record_table import RecordsPart
from oilcan.io.stores.tables.refused_table import RefusedPart
from oilcan.io.stores.tables.retention import RetentionPart
from oilcan.io.stores.tables.state_table import Settings, Snapshots


class Store(RecordsPart, ForecastsPart, AlarmsPart, RefusedPart, RetentionPart):
    """Readings, records, forecasts, alarms, keys and settings; safe to use from many threads.

    Attributes
    ----------
    snapshots, keys, settings, bundles, audit
        The smaller rooms of the store.
    """

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.snapshots = Snapshots(self)
        self.keys = Keys(database)
        self.settings = Settings(database)
        self.bundles = Bundles(database)
        self.audit = Audit(database)

    def close(self) -> None:
        """Close every connection."""
        self.database.close()
