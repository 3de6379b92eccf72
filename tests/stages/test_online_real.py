"""On a slice of every real data set that is here, the online engine equals batch; see `test_real_contracts`."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from tests import online_frames as frames
from tests.stages.test_real_contracts import PRESENT, ROOT

from oilcan.core.features.arrays import FLEET_TABLES, Tables
from oilcan.core.features.batch import compute_matrix
from oilcan.core.features.learning import learn, merge
from oilcan.core.features.plan import FeaturePlan
from oilcan.core.features.planning.build import build_plan
from oilcan.core.ingest import ingest
from oilcan.core.online import NEW, OnlineFeatures
from oilcan.core.timeline.groups import exact, units_per_tick
from oilcan.io.raw_data.reading import read_raw
from oilcan.io.stage import stage_inputs
from oilcan.params.stages.featurize import FeaturizeParams

SLICES = {"ai4i2020": 400, "azure_pdm_daily": 6, "backblaze_2013": 60, "cmapss_fd002": 8}     # machines
DAYS = 14                           # of daily files


def sliced(name: str, folder: Path) -> tuple[Tables, object]:
    """Some machines of a data set, those that fail first, with every reading a row."""
    contract = stage_inputs.read_contract(ROOT / f"datasets/{name}.yaml")
    for file in sorted(PRESENT[name].rglob("*")):
        if file.is_file() and (file.parent.name != "daily" or file in sorted(file.parent.iterdir())[:DAYS]):
            place = folder / file.relative_to(PRESENT[name])
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(file.resolve())
    tables = ingest(read_raw(contract, folder), contract, max_rejected_share=0.0).tables
    everyone = pd.unique(pd.concat([tables["failures"]["machine_id"], tables["telemetry"]["machine_id"]]))
    chosen = {key: table[table["machine_id"].isin(everyone[: SLICES[name]])].reset_index(drop=True)
              for key, table in tables.items() if "machine_id" in table}
    keys = [key for key in ("machine_id", "time") if key in chosen["telemetry"]]
    rows = chosen["telemetry"][keys].assign(partition=0, part="train")
    rows["target_rul"] = np.minimum(rows.groupby("machine_id").cumcount(ascending=False), 125.0)
    return Tables(rows=rows, **{key: chosen[key] for key in ("telemetry", *FLEET_TABLES)}), contract


def planned(tables: Tables, contract: object) -> FeaturePlan:
    """The plan that `featurize` would propose for the slice."""
    settings = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["featurize"]
    ready = frames.prepared(tables, contract, 0)
    learned = learn(contract, ready.telemetry, tables.rows, keep_every=1)
    everything = {name: getattr(tables, name) for name in FLEET_TABLES}
    return build_plan(contract, FeaturizeParams(**settings), merge([learned]), everything)


class TestSlices:
    """Not collected where there are no real data."""

    __test__ = bool(PRESENT)

    @pytest.mark.slow
    @pytest.mark.parametrize("name", sorted(set(PRESENT) & (set(SLICES) - {"ai4i2020"})))
    def test_a_slice_of_real_data_gives_what_batch_gives(self, name: str, tmp_path: Path) -> None:
        tables, contract = sliced(name, tmp_path)
        live = frames.Stream(planned(tables, contract), tables, contract, 2, None)
        for table in frames.RECORDS:
            live.tell(table, np.arange(len(getattr(tables, table))))
        time, period = exact(tables.telemetry["time"]), contract.time.period.ticks
        late = np.random.default_rng(1).choice([0, 0, 3 * period], len(time)) * units_per_tick(tables.telemetry["time"])
        for some in np.array_split(np.argsort(time + late, kind="stable"), 6):
            live.send(some)
            live.check()
            live.restart()
        assert len(live.arrived) == len(time)

    @pytest.mark.parametrize("name", sorted(set(PRESENT) & {"ai4i2020"}))
    def test_independent_rows_give_what_batch_gives(self, name: str, tmp_path: Path) -> None:
        tables, contract = sliced(name, tmp_path)
        plan = planned(tables, contract)
        engine = OnlineFeatures(plan, contract, fill_periods=2)
        slots = engine.register(tables.telemetry["machine_id"].tolist(), tables.machines)
        values = frames.numbers(engine, tables.telemetry)
        assert (engine.apply(slots, np.zeros(len(slots), np.int64), values) == NEW).all()
        expected = compute_matrix(plan, frames.prepared(tables, contract, 2))
        np.testing.assert_array_equal(engine.features(slots), expected)
