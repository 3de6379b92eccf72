"""A bundle at work: its forecasts, and the features of every machine that it wants."""

from collections.abc import Mapping, Sequence

import numpy as np

from oilcan.core.online import OnlineFeatures
from oilcan.ground.columns import MACHINE
from oilcan.io.stores.tables.text_table import Texts
from oilcan.io.stores.values import Machine, Readings, Record
from oilcan.serving.model.loaded_bundle import LoadedBundle


class BundleTrack:
    """Bundle and online features; owned by the engine's thread.

    Parameters
    ----------
    columns
        Of stored readings, in order.
    features
        Those of another track of the same plan, to be shared; made anew where not given.
    """

    def __init__(self, served: LoadedBundle, columns: Sequence[str], texts: Texts,
                 features: OnlineFeatures | None = None) -> None:
        bundle = served.bundle
        self.served, self._texts, self._columns = served, texts, columns
        self.features = features or OnlineFeatures(bundle.plan, bundle.contract, fill_periods=bundle.fill_periods)
        self._at = [list(columns).index(name) for name in self.features.columns]
        listed = bundle.contract.tables["telemetry"].columns
        self._text = [place for place, name in enumerate(self.features.columns) if listed[name].type == "text"]

    @property
    def engine(self) -> str:
        """Name of what can read its snapshots: the feature plan and what is done before it."""
        return f"{self.served.bundle.plan.hash} {self.served.bundle.fill_periods}"

    def afresh(self, features: OnlineFeatures | None = None) -> "BundleTrack":
        """The same bundle with features that know nothing yet, or with those given."""
        return BundleTrack(self.served, self._columns, self._texts, features)

    def shares(self, other: LoadedBundle) -> bool:
        """Whether another bundle wants the same features, so that both can share them."""
        mine, plan = self.served.bundle, other.bundle
        return (mine.plan.hash, mine.fill_periods) == (plan.plan.hash, plan.fill_periods)

    def register(self, machines: Sequence[Machine]) -> None:
        """Make machines known with their static columns, in this order."""
        described = [each for each in machines if each.static]
        columns = {name for each in described for name in each.static}
        table = {name: [each.static.get(name) for each in described] for name in columns}
        table[MACHINE] = [each.machine_id for each in described]
        self.features.register([each.machine_id for each in machines], table)

    def load(self, states: Mapping[str, bytes]) -> set[str]:
        """Take up machines where `dump` left them; those whose state cannot be used, which are left as they are."""
        sound = {name: state for name, state in states.items() if self.features.accepts(name, state)}
        if sound:
            self.features.load_many(self.features.register(list(sound)), list(sound.values()))
        return states.keys() - sound.keys()

    def take(self, readings: Readings) -> np.ndarray:
        """Take in readings; what became of each."""
        if not len(readings):
            return np.zeros(0, dtype=np.uint8)
        slots = self.features.register(readings.machine_ids)
        values = readings.values[:, self._at]
        for place in self._text:
            texts = self._texts.decode(self.features.columns[place], values[:, place])
            values[:, place] = self.features.encode(self.features.columns[place], texts)
        return self.features.apply(slots, readings.times, values)

    def note(self, table: str, records: Sequence[Record]) -> None:
        """Take in records of one table."""
        slots = self.features.register([record.machine_id for record in records])
        self.features.record(table, slots, np.array([record.time for record in records], dtype=np.int64),
                             [record.kind for record in records])

    def matrix(self, machine_ids: Sequence[str]) -> np.ndarray:
        """Features of machines at their newest reading, float32, shape (n, n_features)."""
        return self.features.features(self.features.register(machine_ids))

    def newest(self, machine_ids: Sequence[str]) -> np.ndarray:
        """Whole units of each machine's newest reading; `NO_TIME` before the first."""
        slots = self.features.register(machine_ids)         # first: it makes room for new ones
        newest: np.ndarray = self.features.now["newest"][slots]
        return newest

    def dump(self, machine_ids: Sequence[str]) -> dict[str, bytes]:
        """States of machines, by id."""
        slots = self.features.register(machine_ids).tolist()
        return {name: self.features.dump(slot) for name, slot in zip(machine_ids, slots, strict=True)}
