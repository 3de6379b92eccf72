import pytest

from oilcan.core.draft.recommended_words import write_recommended

WORDS = {"horizon": "4d", "lead_time": "12h", "windows": "[1d, 4d, 10d]", "refractory": "108h", "cap": "90 cycles"}
WHY = {word: f"why {word}" for word in WORDS}
DRAFT = """name: press
tasks:
  failure: {kind: failure_within, horizon: FILL_IN, lead_time: 1h, modes: true}  # e.g. 72h; lead_time guessed: short
rows: {windows: [8h, 1d, 7d]}  # guessed
split: {by: time, validation: 0.15, test: 0.2}
"""


def test_open_and_guessed_words_are_written_with_their_evidence():
    text, written = write_recommended(DRAFT, WORDS, WHY)
    assert written == ["horizon", "lead_time", "windows", "refractory"]
    assert ("  failure: {kind: failure_within, horizon: 4d, lead_time: 12h, modes: true}  "
            "# guessed by `oilcan explore`: why horizon; why lead_time\n") in text
    assert "rows: {windows: [1d, 4d, 10d]}  # guessed by `oilcan explore`: why windows\n" in text
    assert text.endswith("refractory: 108h  # guessed by `oilcan explore`: why refractory\n")


def test_a_second_time_changes_nothing():
    text, _ = write_recommended(DRAFT, WORDS, WHY)
    assert write_recommended(text, WORDS | {"horizon": "9d"}, WHY) == (text, [])


@pytest.mark.parametrize("line", [
    "  failure: {kind: failure_within, horizon: 72h, lead_time: 2h}  # decided in March",
    "  failure: {kind: failure_within, horizon: 72h, lead_time: 2h}",
    "rows: {windows: [8h]}  # agreed",
    "rows: {windows: [8h]}",
    "  quality: {kind: number, column: y}",
    "# rows: {windows: [8h]}  # guessed",
])
def test_what_a_person_decided_stays(line):
    text = f"{line}\nrefractory: 5d\n"
    assert write_recommended(text, WORDS, WHY) == (text, [])


def test_a_cap_is_written_for_lives_and_no_refractory_time():
    text, written = write_recommended("tasks:\n  rul: {kind: rul, cap: FILL_IN}  # longest life\n", WORDS, WHY)
    assert written == ["cap"]
    assert "{kind: rul, cap: 90 cycles}  # guessed by `oilcan explore`: why cap" in text
