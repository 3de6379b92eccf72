"""Review in the real small repository: no champion, the same champion, a better one, a broken one."""

import json

import pytest

pytestmark = pytest.mark.slow


def _verdict(repo) -> dict:
    return json.loads((repo.path / "metrics/detail/review.json").read_text(encoding="utf-8"))


def _promote(repo) -> None:
    repo.run("oilcan", "promote", "--approver", "Ada", "--reason", "first in service", "--override")
    assert "champion: bundle" in repo.run("oilcan", "champion").stdout


def test_promote_then_review_again_compares_on_the_same_rows(small_repo):
    assert _verdict(small_repo)["champion"] is None
    _promote(small_repo)
    small_repo.run("dvc", "repro", "review")
    verdict = _verdict(small_repo)
    note = json.loads((small_repo.path / "models/champion.json").read_text(encoding="utf-8"))
    assert verdict["champion"] == note["bundle"]
    compared = next(check for check in verdict["checks"] if check["name"] == "champion, test part")
    assert compared["passed"]
    assert "gain +0.0% (+0.0% to +0.0%)" in compared["found"]


def test_a_worse_challenger_is_held_and_the_champion_stays(small_repo):
    _promote(small_repo)
    small_repo.set_params(train={"hist_gradient_boosting": {"iterations": 1, "max_leaf_nodes": 2}})
    small_repo.run("dvc", "repro", "review")
    verdict = _verdict(small_repo)
    assert verdict["decision"] in {"hold", "reject"}
    assert any("champion, test part" in reason for reason in verdict["reasons"])
    small_repo.commit("a worse model")
    refused = small_repo.run("oilcan", "promote", "--approver", "Ada", "--reason", "no", check=False)
    assert refused.returncode == 1
    assert "the gate decided" in refused.stderr


def test_a_champion_that_was_changed_is_refused(small_repo):
    _promote(small_repo)
    file = next((small_repo.path / "models/champion/trees").iterdir())
    file.chmod(0o644)
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    refused = small_repo.run("dvc", "repro", "review", check=False)
    assert refused.returncode != 0
    assert "sha256" in refused.stdout + refused.stderr


def test_cards_have_no_empty_cell(small_repo):
    for page in ("model_card", "data_sheet"):
        text = (small_repo.path / f"reports/{page}.md").read_text(encoding="utf-8")
        rows = [line for line in text.splitlines() if line.startswith("|") and set(line) - set("|- ")]
        assert rows
        assert not [row for row in rows if any(not cell.strip() for cell in row.strip("|").split("|"))
                    and row != "| | |"], page
        assert "nan" not in text.lower().split()


def test_the_model_card_says_which_rows_the_trees_learned_from(small_repo):
    learned = json.loads((small_repo.path / "models/model.json").read_text(encoding="utf-8"))["learned_from"]
    card = (small_repo.path / "reports/model_card.md").read_text(encoding="utf-8")
    [row] = [line for line in card.splitlines() if line.startswith("| learned from |")]
    for name, groups in learned.items():
        assert f"{name}: " in row
        for group in groups.values():
            assert f"{group['kept']:,} of {group['of']:,}" in row
