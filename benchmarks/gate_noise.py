"""How often does noise alone promote or hold a challenger at the tolerances of gate.yaml?

    python benchmarks/gate_noise.py               # 200 pairs of models for each line, some minutes
    python benchmarks/gate_noise.py --pairs 20

Both models see the same machines and failures. A failure has a strength that both see; each model adds noise of its
own to every failure and to every row. `noise` is the challenger's, as a share of the champion's: at 1.0 both are as
good as each other, and every hold is due to chance. Alarms, costs and floors are left out: they have their own tests.
Each verdict is reached with `proof` of gate.yaml and without it.
"""

import argparse
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from oilcan.contract import Contract, parse_contract
from oilcan.governance.compare import against_champion
from oilcan.governance.gate import judge
from oilcan.ground.section import section
from oilcan.params.operating.gate_policy import GatePolicy
from oilcan.params.stages.review import ReviewParams

ROOT = Path(__file__).parents[1]
MACHINES, ROWS, WARNED = 60, 120, 12        # rows of six hours; a failure is due within the next 72 hours
FINE = {"basis": {"machines": MACHINES}, "test": {"pr_auc": 0.6, "pr_auc_ci95": [0.5, 0.7], "prevalence": 0.03,
                                                  "ece": 0.01, "n": MACHINES * ROWS}}


def pair(rng: np.random.Generator, failures: int, noise: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows with their target and the challenger's forecast, and the champion's forecasts of the same rows."""
    target, strength = np.zeros((MACHINES, ROWS)), np.zeros((MACHINES, ROWS))
    own = np.zeros((2, MACHINES, ROWS))
    for at in rng.choice(MACHINES * (ROWS // WARNED), failures, replace=False):
        machine, begin = at // (ROWS // WARNED), at % (ROWS // WARNED) * WARNED
        rows = slice(begin, begin + WARNED)
        target[machine, rows], strength[machine, rows] = 1.0, rng.normal(3.0, 1.5)
        own[:, machine, rows] = rng.normal(0, 1.0, (2, 1))
    own += rng.normal(0, 1.0, own.shape)
    spread = np.array([noise, 1.0])[:, None, None]
    challenger, champion = (1 / (1 + np.exp(-(strength - 4.0 + spread * own)))).reshape(2, -1)
    key = pd.DataFrame({"machine_id": np.repeat([f"M{at:02}" for at in range(MACHINES)], ROWS), "time": np.tile(
        pd.date_range("2026-01-01", periods=ROWS, freq="6h", tz="UTC"), MACHINES)})
    rows = key.assign(part="test", target_failure=target.ravel(), p_failure=challenger)
    return rows, key.assign(p_failure=champion)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=200)
    args = parser.parse_args()
    contract = _contract()
    policy = section(GatePolicy, yaml.safe_load((ROOT / "gate.yaml").read_text(encoding="utf-8")), "gate.yaml")
    machines = pd.DataFrame({"machine_id": [f"M{at:02}" for at in range(MACHINES)],
                             "model": [f"P{at % 3}" for at in range(MACHINES)],
                             "site": [f"S{at // 3 % 3}" for at in range(MACHINES)]})
    strict = policy.model_copy(update={"proof": None})
    print("| failures | noise | promoted | without `proof` | held most often by |\n|---|---|---|---|---|", flush=True)
    for failures in (8, 20, 60):
        for noise in (0.7, 1.0, 1.3):
            rng, promoted, without, holds = np.random.default_rng(1), 0, 0, Counter[str]()
            for number in range(args.pairs):
                rows, champion = pair(rng, failures, noise)
                found = against_champion(contract, rows, machines, champion,
                                         ReviewParams(seed=number, bootstrap=100), policy)
                verdict, other = (judge(FINE | {"events": {"n_failures": failures}}, {"passed": True}, found, each,
                                        contract.tasks) for each in (policy, strict))
                promoted += verdict.decision == "promote"
                without += other.decision == "promote"
                holds.update({check.name.split(" = ")[0] for check in verdict.checks if not check.passed})
            print(f"| {failures} | {noise:g} | {promoted / args.pairs:.0%} | {without / args.pairs:.0%} | "
                  f"{', '.join(f'{name} ({count / args.pairs:.0%})' for name, count in holds.most_common(3))} |",
                  flush=True)


def _contract() -> Contract:
    words = yaml.safe_load((ROOT / "datasets/demo_fleet.yaml").read_text(encoding="utf-8"))
    words["tasks"] = {"failure": words["tasks"]["failure"] | {"modes": False}}
    return parse_contract(yaml.safe_dump(words, sort_keys=False), "datasets/demo_fleet.yaml")


if __name__ == "__main__":
    main()
