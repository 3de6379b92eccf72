"""Sentences are composed from fields: no description of a sensor changes how a reason is read."""

import json
from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from oilcan.core.features.facts import Facts
from oilcan.core.features.families.registry import FAMILIES
from oilcan.core.features.plan import Category, Feature, FeaturePlan, FleetReference, Sensor
from oilcan.core.features.signals.health_index import NAME
from oilcan.core.reasons.wording import sentence
from oilcan.params.stages.featurize import FeaturizeParams

HOSTILE = [
    "Motor current: phase A", "temperature against ambient", "Druck am Ventil (vorn), über Soll",
    "against", ": ", ", mean of the last 24 h against expectation", "Flow above expectation", "a: b, c against d",
    '"quoted" [bracket] {brace} %s {0} \\n <b>&amp;</b>', "温度 : 轴承", "ضغط الزيت", "x" * 5_000, " against  against ",
    "Health index: life left", "trend, time since then", "; usually 3", "Mostly by: Flow", "\u202eflow", "",
]
TEXTS = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=60))
PLAIN = "Sensor"
PARAMS = FeaturizeParams(families=list(FAMILIES), stats=["mean", "std", "min", "max"], regimes=True, max_regimes=6,
                         drop_constant=True, lean=False)


def _features(description: str, *, normalised: bool) -> Iterator[Feature]:
    """Every feature that any family proposes for sensors and columns of this description."""
    sensors = tuple(Sensor(name, "bar", description, rhythm) for name, rhythm in (
        ("plain", "plain"), ("load", "condition"), ("count", "counter"), ("rest", "sparse"), (NAME, "plain")))
    facts = Facts(
        time="instant", params=PARAMS, windows=(24.0, 168.0), plan_sensors=sensors,
        normalised=frozenset({"plain"} if normalised else ()),
        statics={"model": ("text", "none", description), "built": ("instant", "UTC", description),
                 "rating": ("number", "kW", description)},
        kinds={"errors": ("E1", "E2"), "maintenance": ("bearing", "seal"), "failures": ("seal",)},
        categories=(Category("model", ("A", "B")),),
        fleet=(FleetReference("plain", "model", ("A", "B"), (0.0,) * 3, (1.0,) * 3),), regular_start=False,
        only_life=False)
    for family in FAMILIES.values():
        yield from family.propose(facts)


def _sentences(feature: Feature) -> list[str]:
    plan = FeaturePlan("fleet", 1, "instant", (feature,), (), categories=(Category("model", ("A", "B")),))
    return [sentence(plan, feature, value, normal) for value in (None, 0.0, 1.0, -2.5) for normal in (None, 0.0, 2.0)]


@settings(max_examples=150, deadline=None)
@given(TEXTS, st.booleans())
@example("Motor current: phase A", False)
@example("temperature against ambient", True)
def test_a_sentence_differs_from_a_plain_one_by_the_description_alone(text, normalised):
    for hostile, plain in zip(_features(text, normalised=normalised), _features(PLAIN, normalised=normalised),
                              strict=True):
        if plain.kind == "events":
            assert hostile == plain
            continue
        assert (hostile.measure, hostile.reference) == (plain.measure, plain.reference)
        shown = text or plain.sensor                # an empty description: the name of the column
        for found, wanted in zip(_sentences(hostile), _sentences(plain), strict=True):
            assert wanted.startswith(PLAIN)
            assert found == shown + wanted.removeprefix(PLAIN)


@settings(max_examples=100, deadline=None)
@given(TEXTS)
def test_a_plan_keeps_every_word_through_its_file(text):
    plan = FeaturePlan("fleet", 1, "instant", tuple(_features(text, normalised=True)), ())
    assert FeaturePlan.from_json(json.loads(json.dumps(plan.to_json()))) == plan


@pytest.mark.parametrize(("text", "kind", "wanted"), [
    ("Motor current: phase A", "level", "Motor current: phase A, newest reading: 1 bar, 1 below its normal"),
    ("temperature against ambient", "level", "temperature against ambient, newest reading: 1 bar, 1 below its normal"),
])
def test_the_phase_is_not_lost_and_no_difference_is_made_up(text, kind, wanted):
    feature = next(each for each in _features(text, normalised=False) if each.kind == kind)
    plan = FeaturePlan("fleet", 1, "instant", (feature,), ())
    assert sentence(plan, feature, 1.0, 2.0) == wanted
