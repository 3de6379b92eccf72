"""What family `drift` costs a service: processor time of a reading and state of a machine, with it and without it.

    python benchmarks/drift_cost.py                     # FD001 and FD002; about three minutes

The plans of training engines, with the drift and without; the online engine takes the engines' cycles in and
computes all features after each, for one engine and for all engines at a time. Both plans take turns, cycle by cycle.
A whole service also parses, forecasts, explains and stores, so its ratio is nearer to 1.
"""

import statistics
import sys
import time
from pathlib import Path
from typing import Final

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from runs import ROOT
from select_rul import SUBSETS, Lives, lives_of

from oilcan.contract import Contract, parse_contract
from oilcan.core.features.learning import learn
from oilcan.core.features.plan import FeaturePlan
from oilcan.core.features.planning.build import build_plan
from oilcan.core.online import OnlineFeatures
from oilcan.core.timeline.groups import exact
from oilcan.ground.columns import MACHINE, TIME
from oilcan.io.repository import whole_params
from oilcan.params.whole import Params

BEGUN: Final = 30           # cycles taken in before anything is measured
MEASURED: Final = 90        # cycles measured, as every engine has them


def plans(contract: Contract, params: Params, lives: Lives) -> dict[str, FeaturePlan]:
    """Learned on all training engines, with the drift of the hidden state and without."""
    learned = learn(contract, lives.telemetry, lives.rows.assign(part="train"), keep_every=1)
    chosen = params.featurize
    without = chosen.model_copy(update={"families": [name for name in chosen.families if name != "drift"]})
    return {name: build_plan(contract, each, learned, lives.fleet) for name, each in (
        ("without", without), ("with", chosen))}


class Played:
    """An engine of one plan, and the seconds that each of its cycles took."""

    def __init__(self, plan: FeaturePlan, contract: Contract, lives: Lives, ids: list[str]) -> None:
        self.engine = OnlineFeatures(plan, contract, fill_periods=0)
        self.slots = self.engine.register(ids, lives.fleet["machines"])
        self.seconds: list[float] = []

    def cycle(self, times: np.ndarray, values: np.ndarray) -> None:
        """One reading of each machine, and all features after it."""
        begun = time.process_time()
        self.engine.apply(self.slots, times, values)
        self.engine.features(self.slots, times)
        self.seconds.append(time.process_time() - begun)

    @property
    def state(self) -> float:
        """Bytes of a machine."""
        return statistics.mean(len(self.engine.dump(int(slot))) for slot in self.slots)


def compared(subset: str, params: Params, lives: Lives) -> str:
    """A line for one engine at a time and one for all."""
    contract = parse_contract((ROOT / f"datasets/{subset}.yaml").read_text(encoding="utf-8"), subset)
    made, lines = plans(contract, params, lives), []
    k = made["with"].drift.directions if made["with"].drift else 0
    ordered = lives.telemetry.sort_values([TIME, MACHINE])
    for machines in (1, lives.rows[MACHINE].nunique()):
        ids = sorted(lives.rows[MACHINE].unique())[:machines]
        played = {name: Played(plan, contract, lives, ids) for name, plan in made.items()}
        table = ordered[ordered[MACHINE].isin(ids)]
        for _, readings in table[table[TIME] <= BEGUN + MEASURED].groupby(TIME):
            assert len(readings) == machines        # noqa: S101 - every engine of these sets has so many cycles
            for each in played.values():
                each.cycle(exact(readings[TIME]), readings[list(each.engine.columns)].to_numpy(float))
        without, with_it = (1e6 * statistics.median(each.seconds[BEGUN:]) / machines for each in played.values())
        states = [each.state for each in played.values()]
        lines.append(f"| {subset} | {k} | {machines} | {without:.0f} | {with_it:.0f} | {with_it / without:.2f} | "
                     f"{states[0]:,.0f} | {states[1] - states[0]:,.0f} |")
    return "\n".join(lines)


def main() -> None:
    """Print the table."""
    params = whole_params.read_all_params(ROOT / "params.yaml")
    print("| subset | k | engines at a time | us a reading without | with | ratio | bytes of a machine | more |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    for subset in SUBSETS:
        print(compared(subset, params, lives_of(subset)), flush=True)


if __name__ == "__main__":
    main()
