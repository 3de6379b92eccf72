"""What exploration finds by itself in public data whose truth is known.

AI4I 2020 and C-MAPSS FD001 travel in git; for the other files see `test_real_contracts`.
"""

import numpy as np
import pytest
from tests.stages.exploring import explored, sample
from tests.stages.test_real_contracts import PRESENT

from oilcan.core.exploration.warnings.warning_signs import announceable
from oilcan.reports.exploration_page import page

TELLING = {"comp1": ("volt", "error1"), "comp2": ("rotate", "error2"), "comp3": ("pressure", "error4"),
           "comp4": ("vibration", "error5")}


def with_the_first_day(text):
    """The contract without its exclusion of the failures of 2 January."""
    start = text.index("    exclude:")
    return text[:start] + text[text.index("    columns:", start):]


@pytest.fixture(scope="module")
def azure():
    return explored("azure_pdm_daily", PRESENT["azure_pdm_daily"], with_the_first_day)


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

    def test_drives_differ_by_model_and_two_counters_are_known_a_week_ahead(self):
        found = explored("backblaze_2013", PRESENT["backblaze_2013"])
        models, = (kind for kind in found.kinds if kind.column == "model")
        assert models.p_value < 1e-6
        assert models.ratio_ci95[0] > 3
        assert "machines differ by model" in page(found, "")
        mode, = found.modes
        assert {sign.sensor for sign in mode.sensors if sign.lead >= 7 * 24} == {"smart_5_raw", "smart_197_raw"}
        assert 0.1 < announceable(mode, lead=7 * 24, horizon=float(mode.aligned.edges[-1])) < 0.5

    def test_six_regimes_and_one_trend_of_turbofan_engines(self):
        is_worn_by(explored("cmapss_fd002", PRESENT["cmapss_fd002"]), regimes=6, trends=1)


def is_worn_by(found, *, regimes, trends):
    assert (found.regimes, found.trends) == (regimes, trends)
    lives = next(lives for lives in found.lives if lives.kind == "all")
    assert lives.fit.cause == "wear"
    assert np.isfinite(lives.fit.shape_ci95).all()


def test_one_regime_and_one_trend_of_turbofan_engines_of_the_sample(tmp_path):
    is_worn_by(explored("cmapss_fd001", sample("cmapss_fd001", tmp_path)), regimes=1, trends=1)


def test_the_variables_of_the_three_rules_of_the_sample_ai4i2020(tmp_path):
    """Heat dissipation (temperature difference, speed), power (torque times speed), overstrain (torque, wear)."""
    found = explored("ai4i2020", sample("ai4i2020", tmp_path)).labels["machine_failure"]
    columns = {row["column"]: row for row in found["columns"]}
    for name in ("torque_nm", "speed_rpm", "power_w", "strain_min_nm", "temperature_difference_k", "tool_wear_min"):
        assert columns[name]["beyond_chance"]
        assert columns[name]["tail_lift"] > 4
    for name in ("air_temperature_k", "process_temperature_k"):         # alone they say little
        assert columns[name]["tail_lift"] < 1
    assert set(found["derived"][0]["expression"].split()) > {"speed_rpm", "temperature_difference_k"}   # limits on both


def test_the_formulas_of_the_three_rules_are_proposed_from_plain_columns(tmp_path):
    """Without the derived columns of the contract: power, strain, and how much warmer the process is than the air."""
    def plain(text):
        lines = [line for line in text.splitlines() if not line.startswith("rule_baseline")]
        begin, end = lines.index("derived:"), lines.index("failures: {from: none}")
        return "\n".join(lines[:begin] + lines[end:])

    found = explored("ai4i2020", sample("ai4i2020", tmp_path), plain)
    assert {row["expression"] for row in found.labels["machine_failure"]["derived"][:3]} == {
        "torque_nm * speed_rpm", "torque_nm * tool_wear_min", "air_temperature_k - process_temperature_k"}
    text = page(found, "")
    assert "Derived columns worth adding" in text
    assert 'torque_nm_times_speed_rpm: {expression: torque_nm * speed_rpm, unit: &#34;Nm rpm&#34;' in text
