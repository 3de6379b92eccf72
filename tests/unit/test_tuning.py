import numpy as np
import pytest
import yaml
from tests.conftest import ROOT
from tests.training_frames import fleet, train_params, training_data

from oilcan.ground.errors import ParamsError
from oilcan.ground.section import section
from oilcan.operations.tuning.search_space import Search, Space, judge
from oilcan.params.stages.train import ForestParams, TrainParams
from oilcan.training.sample import Sample
from oilcan.training.targets import Target

FAILURE, RUL = Target("failure", "failure_within"), Target("rul", "rul", cap=240.0)
SPACE = section(Space, yaml.safe_load((ROOT / "tune.yaml").read_text(encoding="utf-8")), "tune.yaml")


FEATURES = tuple(f"s{at}" for at in range(6))


def _sample(target: Target) -> Sample:
    part = training_data(fleet()).train
    return Sample.of(target, part.rows, part.matrix)


def _committed() -> TrainParams:
    return section(TrainParams, yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["train"], "train")


@pytest.mark.parametrize("family", ["random_forest", "extra_trees", "hist_gradient_boosting"])
@pytest.mark.parametrize("target", [FAILURE, RUL, Target("broken", "label")])
def test_the_ranges_fit_every_section_and_hold_the_committed_values(family, target):
    search = Search.of(target, family, SPACE, _committed(), FEATURES)
    committed = getattr(_committed(), search.section).model_dump()
    kept = {word: value for word, value in search.present().items() if word != "max_depth"}
    assert kept == {word: committed[word] for word in kept}


def test_no_limit_of_depth_begins_at_the_deepest():
    forest = ForestParams(trees=5, max_depth=0, min_samples_leaf=1, max_features=0.5, max_samples=1.0)
    search = Search.of(FAILURE, "random_forest", SPACE, train_params(random_forest=forest), FEATURES)
    assert search.present()["max_depth"] == 30


def test_a_trial_changes_its_section_alone():
    search = Search.of(RUL, "hist_gradient_boosting", SPACE, train_params(), FEATURES)
    changed = search.with_values({"iterations": 3}).model_dump()
    before = train_params().model_dump()
    assert changed.pop("life_boosting") == before.pop("life_boosting") | {"iterations": 3}
    assert changed == before


def test_a_score_is_the_mean_of_its_folds_and_comes_again():
    search = Search.of(FAILURE, "hist_gradient_boosting", SPACE, train_params(), FEATURES)
    sample = _sample(FAILURE)
    scores = [judge(search, {"iterations": 5}, sample, seed=1) for _ in range(2)]
    assert scores[0] == scores[1]
    assert scores[0].mean == pytest.approx(np.mean(scores[0].folds))
    assert len(scores[0].folds) == 3


def test_the_score_of_a_signal_beats_that_of_none():
    sample = _sample(RUL)
    search = Search.of(RUL, "hist_gradient_boosting", SPACE, train_params(), FEATURES)
    assert search.direction == "minimize"
    few, many = (judge(search, {"iterations": n}, sample, seed=0).mean for n in (1, 25))
    assert many < few


@pytest.mark.parametrize(("ranges", "said"), [
    ({"leaves": {"low": 1.0, "high": 2.0, "log": False}}, "leaves: no such parameter"),
    ({"iterations": {"low": 0.0, "high": 9.0, "log": False}}, r"hist_gradient_boosting: low(?s:.*)iterations"),
])
def test_ranges_that_cannot_be_are_refused(ranges, said):
    space = Space.model_validate(SPACE.model_dump() | {"hist_gradient_boosting": ranges})
    with pytest.raises(ParamsError, match=said):
        Search.of(FAILURE, "hist_gradient_boosting", space, train_params(), FEATURES)


def test_a_range_upside_down_is_refused():
    with pytest.raises(ParamsError, match="low must lie below high"):
        section(Space, SPACE.model_dump() | {"label_forest": {"max_features": {"low": 1.0, "high": 0.1, "log": False}}},
                "tune.yaml")


def test_ranges_of_a_section_that_is_not_there_are_refused():
    with pytest.raises(ParamsError, match=r"no such sections of `train`: \['forest'\]"):
        section(Space, {"forest": {}}, "tune.yaml")
