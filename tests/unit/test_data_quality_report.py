import re

import pytest
from tests.canonical_frames import FLEET, failures, fleet_contract, judge, telemetry

from oilcan.reports.data_quality_page import render


def page(rows, text=FLEET, **limits):
    return render(judge(rows, text=text, **limits), fleet_contract(text))


def coloured(html):
    """Width of all that is drawn as a gap, in px of the map's 640."""
    return sum(float(width) for width in re.findall(r'width="([0-9.]+)" height="10" class="gap"', html))


def test_a_gap_colours_the_slices_it_covers():
    rows = telemetry()
    assert coloured(page(rows)) == 0
    slices = judge(rows).presence.shape[1]
    assert coloured(page(rows.drop(index=range(96, 120)))) == pytest.approx(3 * 640 / slices, abs=0.1)


def test_only_the_machines_with_most_missing_rows_are_drawn():
    rows = telemetry(machines=50, hours=100)
    rows = rows.drop(index=range(4940, 4960)).reset_index(drop=True)
    html = render(judge(rows, failed=failures()), fleet_contract())
    assert "the 40 with most missing rows; 10 more not" in html
    assert html.count("<text ") == 40
    assert ">m49</text>" in html


@pytest.mark.parametrize("text", ["<script>", "a & b"])
def test_names_from_the_data_cannot_become_markup(text):
    rows = telemetry().replace({"machine_id": {"m00": text}})
    html = page(rows.sort_values(["machine_id", "time"], ignore_index=True))
    assert f">{text}</text>" not in html


def test_a_sensor_without_a_range_has_no_strip():
    html = page(telemetry())
    assert html.count('<svg class="strip"') == 1


def test_every_count_of_the_metrics_is_told_in_words():
    verdict = judge(telemetry())
    html = render(verdict, fleet_contract())
    assert "Readings of a stuck sensor" in html
    assert not [reason for reason in verdict.metrics["counts"] if "_" in reason and reason in html]
