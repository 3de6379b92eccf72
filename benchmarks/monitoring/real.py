"""What `monitor` says of real data: the real pipeline in a scratch checkout, its test part ended early.

    OILCAN_DATASETS=<folder> python benchmarks/monitoring/real.py azure_pdm_daily azure_pdm_daily:week backblaze_2013

The cuts are moved so that some of the span lies after the test part; the contracts of the repository stay as they are.
"""

import json
import sys
from pathlib import Path
from typing import Any, Final

import yaml

sys.path.insert(0, str(Path(__file__).parents[1]))
import runs

CUTS: Final = {                         # data set -> window, cuts
    "azure_pdm_daily": ("month", {"validation": "2015-07-15", "test": "2015-09-01", "until": "2015-10-01"}),
    "backblaze_2013": ("week", {"validation": "2013-04-27", "test": "2013-05-05", "until": "2013-05-06"}),
}  # fmt: skip


def watch(dataset: str, chosen: str) -> dict[str, Any]:
    """The details that the stage `monitor` writes, by another window if one is chosen."""
    window, cuts = CUTS[dataset]
    window = chosen or window
    with runs.checkout(dataset) as copy:
        contract = copy.folder / f"datasets/{dataset}.yaml"
        values = yaml.safe_load(contract.read_text(encoding="utf-8"))
        values["split"] |= cuts
        contract.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
        rules = copy.folder / "monitoring.yaml"
        rules.write_text(rules.read_text(encoding="utf-8").replace("window: week", f"window: {window}", 1),
                         encoding="utf-8")
        copy.choose({"train.model": "hist_gradient_boosting"})
        copy.repro("monitor")
        return json.loads((copy.folder / "metrics/detail/monitoring.json").read_text(encoding="utf-8"))


def main() -> None:
    """Verdict, alerts and windows of each data set."""
    for wanted in sys.argv[1:] or CUTS:
        dataset, _, window = wanted.partition(":")
        found = watch(dataset, window)
        print(f"{wanted}: {found['verdict']}")
        for alert in (*found["open"], *found["closed"]):
            print(f"  {alert['severity']} since {alert['since']}, closed {alert['closed']}: {alert['what']} on "
                  f"{alert['scope']}: {alert['cause']}; {alert['findings'][:2]}")
        for each in found["windows"]:
            print(f"  {each['window']}: {each['machines']} machines, findings {each['findings']}, "
                  f"unknown {[(gap['subject'], gap['reason']) for gap in each['unknown']][:3]}")


if __name__ == "__main__":
    main()
