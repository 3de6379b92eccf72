"""What a Dask cluster costs over joblib's own processes: the same stages, in turn, in processor time.

    python benchmarks/scale/dask_overhead.py 1000               # machines; two rounds
    python benchmarks/scale/dask_overhead.py 300 --rounds 3 --stages featurize

Works on the fleet that `run.py` laid out in .oilcan/scale/MACHINES/ (its stages up to `train` run first if they have
not). Dask is the embedded cluster of two workers: its start, its scheduler and the copies of all arguments count. Both
must write the same bytes. It needs `make install-dask`.
"""

import argparse
import hashlib
import shlex
import statistics
import sys
from pathlib import Path
from typing import Final

import yaml

sys.path.insert(0, str(Path(__file__).parent))
import process_tree
import run

from oilcan.io.stage.dvc_files import find_stage

STAGES: Final = ("validate", "prepare", "featurize", "predict")
BACKENDS: Final = ("loky", "dask")


def main() -> None:
    """Measure in turn and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("machines", type=int)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=STAGES)
    args = parser.parse_args()
    run.measure(args.machines, "train" if "predict" in args.stages else "prepare", again=False)
    folder = run.HOME / str(args.machines)
    costs: dict[tuple[str, str], list[float]] = {}
    for _ in range(args.rounds):
        for stage in args.stages:
            written = {}
            for backend in BACKENDS:
                costs.setdefault((stage, backend), []).append(cost_of(folder, stage, backend))
                written[backend] = digest(folder, stage)
            if written["loky"] != written["dask"]:
                sys.exit(f"{stage}: Dask wrote other bytes than loky")
    print("| stage | loky: CPU s | dask: CPU s | ratio |\n|---|---|---|---|")
    for stage in (*args.stages, "all"):
        loky, dask = (sum(statistics.median(costs[each, backend]) for each in args.stages if stage in (each, "all"))
                      for backend in BACKENDS)
        print(f"| {stage} | {loky:.1f} | {dask:.1f} | {dask / loky:.2f} |")


def cost_of(folder: Path, stage: str, backend: str) -> float:
    """Seconds of the processor for one run."""
    params = yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8"))
    params["compute"] |= {"backend": backend, "address": "local"}
    place = folder / f"{backend}.yaml"
    place.write_text(yaml.safe_dump(params), encoding="utf-8")
    words = shlex.split(find_stage(folder, stage).cmd)
    command = [sys.executable, *words[words.index("python") + 1:], "--params", place.name]
    cost = process_tree.run(command, folder, folder / f"{stage}-{backend}.log")
    print(f"{stage}, {backend}: {cost}", flush=True)
    return cost.cpu_s


def digest(folder: Path, stage: str) -> str:
    """Of everything that the stage wrote."""
    total = hashlib.sha256()
    for out in find_stage(folder, stage).outs:
        place = folder / out
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.is_file():
                total.update(path.read_bytes())
    return total.hexdigest()


if __name__ == "__main__":
    main()
