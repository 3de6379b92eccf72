"""What exploration finds by itself in public data whose truth is known; see `test_real_contracts` for the files."""

import numpy as np
import pandas as pd
import pytest
from tests.stages.test_real_contracts import PRESENT, ROOT

from oilcan.contract import parse_contract
from oilcan.core.exploration.fleet_findings import explore
from oilcan.core.exploration.fleet_record import record
from oilcan.core.exploration.warning_signs import announceable
from oilcan.core.ingest import ingest
from oilcan.core.prepare.partitions import clean_readings
from oilcan.io.raw_data.reading import read_raw
from oilcan.reports.exploration_page import page

TELLING = {"comp1": ("volt", "error1"), "comp2": ("rotate", "error2"), "comp3": ("pressure", "error4"),
           "comp4": ("vibration", "error5")}


def explored(name, change=lambda text: text):
    """Findings about a data set from its raw files, with all its labels, as `oilcan explore` has them."""
    contract = parse_contract(change((ROOT / f"datasets/{name}.yaml").read_text()), f"{name}.yaml")
    tables = ingest(read_raw(contract, PRESENT[name]), contract, max_rejected_share=0.0).tables
    readings, _ = clean_readings(tables["telemetry"], contract, fill_periods=3)
    rows = None
    if contract.time.kind == "none":
        targets = {f"target_{task}": tables["telemetry"][spec.column].astype(float)
                   for task, spec in contract.tasks.items()}
        rows = pd.DataFrame({"machine_id": tables["telemetry"]["machine_id"], "part": "train", **targets})
    return explore(record(contract, readings, tables, rows, most=1_500_000), rows, seed=1)


def with_the_first_day(text):
    """The contract without its exclusion of the failures of 2 January."""
    start = text.index("    exclude:")
    return text[:start] + text[text.index("    columns:", start):]


@pytest.fixture(scope="module")
def azure():
    return explored("azure_pdm_daily", with_the_first_day)


class TestRealData:
    """Not collected where the data are not here."""

    __test__ = bool(PRESENT)

    def test_telemetry_moves_two_days_before_failures_and_errors_one(self, azure):
        assert len(azure.modes) == 4
        for mode in azure.modes:
            sensor, code = TELLING[mode.mode]
            assert {sign.sensor: sign.lead for sign in mode.sensors if sign.lead > 0} == {sensor: 48.0}
            assert {found.code: found.lead for found in mode.codes}[code] == 24.0

    def test_maintenance_comes_every_fifteen_days(self, azure):
        assert azure.rhythm["interval"] == 15 * 24
        assert azure.rhythm["share"] > 0.9

    def test_eighteen_failures_at_one_instant_have_no_precursor(self, azure):
        found, = (pitfall for pitfall in azure.pitfalls if pitfall.kind == "failures at one instant")
        assert found.what == "18 failures of 17 machines at 2015-01-02 03:00:00+00:00"
        assert "they have no precursor" in found.evidence
        assert "they have no precursor" in page(azure, "")

    def test_the_variables_of_the_three_rules_of_ai4i2020(self):
        """Heat dissipation (temperature difference, speed), power (torque times speed), overstrain (torque, wear)."""
        found = explored("ai4i2020").labels["machine_failure"]
        columns = {row["column"]: row for row in found["columns"]}
        for name in ("torque_nm", "speed_rpm", "power_w", "strain_min_nm", "temperature_difference_k", "tool_wear_min"):
            assert columns[name]["beyond_chance"]
            assert columns[name]["tail_lift"] > 4
        for name in ("air_temperature_k", "process_temperature_k"):         # alone they say little
            assert columns[name]["tail_lift"] < 1
        pair = found["pairs"][0]
        assert {pair["first"], pair["second"]} == {"temperature_difference_k", "speed_rpm"}

    def test_drives_differ_by_model_and_two_counters_are_known_a_week_ahead(self):
        found = explored("backblaze_2013")
        models, = (kind for kind in found.kinds if kind.column == "model")
        assert models.p_value < 1e-6
        assert models.ratio_ci95[0] > 3
        assert "machines differ by model" in page(found, "")
        mode, = found.modes
        assert {sign.sensor for sign in mode.sensors if sign.lead >= 7 * 24} == {"smart_5_raw", "smart_197_raw"}
        assert 0.1 < announceable(mode, lead=7 * 24, horizon=float(mode.aligned.edges[-1])) < 0.5

    @pytest.mark.parametrize(("name", "regimes"), [("cmapss_fd001", 1), ("cmapss_fd002", 6)])
    def test_regimes_and_the_one_trend_of_turbofan_engines(self, name, regimes):
        found = explored(name)
        assert (found.regimes, found.trends) == (regimes, 1)
        lives = next(lives for lives in found.lives if lives.kind == "all")
        assert lives.fit.cause == "wear"
        assert np.isfinite(lives.fit.shape_ci95).all()
