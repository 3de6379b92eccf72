"""Which configuration for C-MAPSS? Cross-validation by engine, on training engines alone.

    python benchmarks/select_rul.py                 # a few configurations, both subsets; about ten minutes
    python benchmarks/select_rul.py --folds 10 --only committed "other subset"

Everything learned (regimes, health index, choice of features, trees) is learned anew in each fold, by the
project's own functions. A row of a held-out engine counts by the density of the lengths over which test engines
were observed, over the share of training engines still alive at that age: the expectation over cut points. These
lengths are all that is read of test engines. RMSE is in cycles, with the difference from the first configuration
(its error by drawing engines again); PHM08 is per 100 engines; `below` is the coverage of 90 % intervals, drawn on
the other half of the engines, where the failure is nearer than the cap.
"""

import argparse
import sys
import time
from copy import copy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parent))

from runs import ROOT, checkout

from oilcan.contract import Contract, parse_contract
from oilcan.core.features.arrays import FLEET_TABLES, Tables
from oilcan.core.features.batch import compute_matrix
from oilcan.core.features.learning import learn
from oilcan.core.features.planning.build import build_plan
from oilcan.core.features.planning.screen import Screen, useful
from oilcan.core.judging import row_metrics
from oilcan.core.model import intervals
from oilcan.core.model.calibration import machine_folds
from oilcan.ground.columns import MACHINE, TIME
from oilcan.io.repository import whole_params
from oilcan.io.stage import table_files
from oilcan.params.whole import Params
from oilcan.training.growing import grow
from oilcan.training.recipe import recipe_of
from oilcan.training.sample import Sample
from oilcan.training.targets import Target, targets_of

SUBSETS: Final = ("cmapss_fd001", "cmapss_fd002")
SMOOTHED: Final = 10        # cycles over which the density of cut points is smoothed
DRAWS: Final = 400          # of engines, for the error of a difference
WINDOWS: Final = "5 cycles, 15 cycles, 30 cycles"


@dataclass(frozen=True)
class Variant:
    """What differs from the committed configuration."""

    words: str
    featurize: dict[str, Any] = field(default_factory=dict)
    boosting: dict[str, Any] = field(default_factory=dict)
    windows: str = WINDOWS
    even: bool = False              # readings of all regimes count the same in the health index
    sister: bool = False            # training engines of the other subset teach too: plan and trees


def variants(params: Params) -> list[Variant]:
    """The configurations compared."""
    families = params.featurize.families
    return [
        Variant("committed"),
        Variant("all regimes count the same", even=True),
        Variant("no drift of the hidden state", {"families": [name for name in families if name != "drift"]}),
        Variant("no health index", {"families": [name for name in families if name != "health"]}),
        Variant("no normalising by regime", {"regimes": False}),
        Variant("with cross-sensor residuals", {"families": [*families, "residual"]}),
        Variant("windows 5, 20, 30", windows="5 cycles, 20 cycles, 30 cycles"),
        Variant("windows 10, 20, 30", windows="10 cycles, 20 cycles, 30 cycles"),
        Variant("one bag", boosting={"bags": 1}),
        Variant("24 leaves", boosting={"max_leaf_nodes": 24}),
        Variant("500 iterations at 0.03", boosting={"iterations": 500, "learning_rate": 0.03}),
        Variant("lives of the other subset as well", sister=True),
    ]


def cut_weights(cycle: np.ndarray, ends: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    """What rows of training engines count, shape (n,): density of cut points over the share of engines alive.

    Parameters
    ----------
    cycle
        Of each row, shape (n,).
    ends, cuts
        Last cycle of each training engine, and of what was observed of each test engine.
    """
    at = np.arange(cycle.max() + 1.0)
    density = np.exp(-0.5 * ((at[:, None] - cuts) / SMOOTHED) ** 2).sum(axis=1)
    return np.asarray((density / (ends >= at[:, None]).mean(axis=1))[cycle.astype(int)])


class Lives:
    """Training engines of one subset: their readings, rows, capped remaining life, and what each row counts."""

    def __init__(self, prepared: Path) -> None:
        rows = table_files.read_table(prepared / "rows.parquet")
        cuts = rows[rows["part"] == "test"].groupby(MACHINE)[TIME].max().to_numpy()
        self.rows = rows[rows["part"] != "test"].reset_index(drop=True)
        tables = {name: table_files.read_table(prepared / f"{name}.parquet") for name in FLEET_TABLES}
        readings = pd.concat([table_files.read_table(path) for path in table_files.partitions(prepared / "telemetry")])
        mine = set(self.rows[MACHINE])
        self.telemetry, *known = (table[table[MACHINE].isin(mine)].reset_index(drop=True)
                                  for table in (readings, *tables.values()))
        self.fleet = dict(zip(tables, known, strict=True))
        self.machine = self.rows[MACHINE].to_numpy()
        self.weight = cut_weights(self.rows[TIME].to_numpy(), self.rows.groupby(MACHINE)[TIME].max().to_numpy(), cuts)

    def with_sister(self, sister: "Lives") -> "Lives":
        """The same, and behind them the lives of another subset, which count nothing."""
        out = copy(self)
        def named(table: pd.DataFrame) -> pd.DataFrame:
            return table.assign(**{MACHINE: "sister " + table[MACHINE]})

        out.rows, out.telemetry = (pd.concat([ours, named(theirs)], ignore_index=True) for ours, theirs in (
            (self.rows, sister.rows), (self.telemetry, sister.telemetry)))
        out.fleet = {name: pd.concat([table, named(sister.fleet[name])], ignore_index=True)
                     for name, table in self.fleet.items()}
        return out

    def matrix(self, contract: Contract, params: Params, variant: Variant, held_out: np.ndarray,
               ) -> tuple[np.ndarray, list[str]]:
        """Features of all rows by a plan learned on the engines not held out."""
        rows = self.rows.assign(part=np.where(held_out, "validation", "train"))
        chosen = params.featurize.model_copy(update=variant.featurize)
        learned = learn(contract, self.telemetry, rows, keep_every=1)
        plan = build_plan(contract, chosen, learned, self.fleet)
        if variant.even and plan.health:
            even = (1.0,) * len(plan.health.precision)
            plan = replace(plan, health=replace(plan.health, precision=even))
        matrix = compute_matrix(plan, Tables(telemetry=self.telemetry, rows=rows, **self.fleet))
        kept = useful(plan, [Screen.of(matrix[~held_out])])
        return matrix[:, [plan.names.index(name) for name in kept]], kept

    def forecasts(self, contract: Contract, params: Params, variant: Variant, folds: int) -> tuple[Target, np.ndarray]:
        """Remaining life of every row of our own engines, by trees that have not seen its engine."""
        boosting = params.train.life_boosting.model_copy(update=variant.boosting)
        train = params.train.model_copy(update={"life_boosting": boosting})
        target = targets_of(contract, self.rows, self.rows, 1)[0][0]
        said = np.empty(len(self.rows))
        for _, held in machine_folds(self.machine, folds):
            held_out = np.append(held, np.zeros(len(said) - len(held), dtype=bool))
            matrix, names = self.matrix(contract, params, variant, held_out)
            recipe = recipe_of(target, train, "hist_gradient_boosting", names)
            trees, _ = grow(Sample.of(target, self.rows, matrix).take(~held_out), recipe, jobs=1)
            said[held_out] = np.clip(trees.predict(matrix[held_out]), 0, target.cap)
        return target, said[:len(self.machine)]

    def scores(self, target: Target, said: np.ndarray) -> list[float]:
        """RMSE, PHM08 per 100 engines, coverage, coverage below the cap, mean width."""
        values = target.values(self.rows)
        covered, width = np.zeros(len(said), dtype=bool), np.zeros(len(said))
        for inside, outside in machine_folds(self.machine, 2):
            interval = intervals.fit(said[inside], values[inside], self.machine[inside], target.cap)
            covered[outside] = intervals.covered(interval, said[outside], values[outside])
            low, high = interval(said[outside])
            width[outside] = high - low
        def mean(what: np.ndarray, of: Any = slice(None)) -> float:
            return float(np.average(what[of], weights=self.weight[of]))

        return [np.sqrt(mean((said - values) ** 2)), 100 * mean(row_metrics.phm_penalties(values, said)),
                100 * mean(covered), 100 * mean(covered, values < (target.cap or np.inf)), mean(width)]


    def difference(self, target: Target, ours: np.ndarray, theirs: np.ndarray) -> tuple[float, float]:
        """RMSE of one forecast minus that of another, and its standard error over engines."""
        values, (engine, _) = target.values(self.rows), pd.factorize(self.machine)
        sums = np.stack([np.bincount(engine, self.weight * square) for square in
                         ((ours - values) ** 2, (theirs - values) ** 2, np.ones(len(values)))])
        drawn = np.random.default_rng(0).integers(0, sums.shape[1], (DRAWS, sums.shape[1]))
        def gap(of: np.ndarray) -> np.ndarray:
            return np.asarray(np.sqrt(of[0] / of[2]) - np.sqrt(of[1] / of[2]))

        return float(gap(sums.sum(axis=1))), float(gap(sums[:, drawn].sum(axis=2)).std())


def lives_of(subset: str) -> Lives:
    """Training engines of a subset, prepared by the pipeline."""
    with checkout(subset) as here:
        here.choose({})
        here.repro("prepare")
        return Lives(here.folder / "data/prepared")


def main() -> None:
    """Print one line per configuration and subset."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--only", nargs="+", default=[""], help="the configurations whose words contain one of these")
    parser.add_argument("--subsets", nargs="+", choices=SUBSETS, default=SUBSETS)
    args = parser.parse_args()
    params = whole_params.read_all_params(ROOT / "params.yaml")
    chosen = [variant for variant in variants(params) if any(words in variant.words for words in args.only)]
    print("| subset | configuration | RMSE | difference | PHM08 | coverage % | below % | width | s |")
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    prepared = {subset: lives_of(subset) for subset in SUBSETS}
    for subset in args.subsets:
        lives, (sister,) = prepared[subset], [other for name, other in prepared.items() if name != subset]
        first = np.empty(0)
        for variant in chosen:
            text = (ROOT / f"datasets/{subset}.yaml").read_text(encoding="utf-8").replace(WINDOWS, variant.windows)
            started = time.monotonic()
            taught = lives.with_sister(sister) if variant.sister else lives
            target, forecast = taught.forecasts(parse_contract(text, subset), params, variant, args.folds)
            first = forecast if variant is chosen[0] else first
            error, *others = lives.scores(target, forecast)
            print(f"| {subset} | {variant.words} | {error:.2f} | {{:+.2f}} +- {{:.2f}} | ".format(
                *lives.difference(target, forecast, first)) + " | ".join(f"{number:.2f}" for number in others)
                + f" | {time.monotonic() - started:.0f} |", flush=True)


if __name__ == "__main__":
    main()
