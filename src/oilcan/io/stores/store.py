"""The store: everything the service must not forget, whatever the database below it."""

from oilcan.io.stores.alarms import AlarmsPart
from oilcan.io.stores.audit import Audit
from oilcan.io.stores.bundles import Bundles
from oilcan.io.stores.database import Database
from oilcan.io.stores.forecasts import ForecastsPart
from oilcan.io.stores.keys import Keys
from oilcan.io.stores.records import RecordsPart
from oilcan.io.stores.refused import RefusedPart
from oilcan.io.stores.retention import RetentionPart
from oilcan.io.stores.state import Settings, Snapshots


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
