"""How often the live monitoring judges: what verdicts take stays small beside what the service takes."""

import time

import pytest

from oilcan.serving.watch.verdict_pace import VerdictPace

COST_S = 0.001                          # of a verdict
FOR_S = 1.5


@pytest.mark.parametrize("is_busy", [True, False], ids=["intake at full speed", "an idle service"])
def test_verdicts_take_a_small_share_and_never_cease(is_busy: bool) -> None:
    pace, verdicts = VerdictPace(), 0
    began, worked = time.monotonic(), time.process_time()
    while time.monotonic() < began + FOR_S or verdicts < 2:
        if pace.is_due:
            verdicts += 1
            pace.took(COST_S)
        elif not is_busy:
            time.sleep(0.005)
    lasted, worked = time.monotonic() - began, time.process_time() - worked
    between = (verdicts - 1) * COST_S
    assert between <= lasted / 200                          # never more than a half per cent of one processor
    assert between <= max(worked / 200, lasted / 300)       # and of what the process takes, unless it takes little


def test_after_an_error_the_next_verdict_is_due_at_once() -> None:
    pace = VerdictPace()
    pace.took(1_000.0)
    assert not pace.is_due
    pace.hurry()
    assert pace.is_due
