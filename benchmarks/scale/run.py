"""Every stage on simulated fleets of growing size: time, memory and bytes for each row.

    python benchmarks/scale/run.py 100 300 1000     # machines; a year of hourly readings each
    python benchmarks/scale/run.py --table          # what is known so far
    python benchmarks/scale/run.py --again 300      # measure a fleet anew

Works in .oilcan/scale/MACHINES/ and adds one line to .oilcan/scale/results.jsonl for each stage, as soon as it has
run: a run that was cut goes on at the stage where it was. DVC is left out.
"""

import argparse
import json
import shlex
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import yaml

sys.path.insert(0, str(Path(__file__).parent))
import growth
import paper
import process_tree

from oilcan.io.stage.dvc_files import find_stage

ROOT: Final = Path(__file__).parents[2]
HOME: Final = ROOT / ".oilcan/scale"
RESULTS: Final = HOME / "results.jsonl"
STAGES: Final = ("data/dvc.yaml:simulate", "ingest", "validate", "prepare", "explore", "featurize", "train", "predict",
                 "explain", "evaluate", "reference", "package", "monitor", "review")
COPIED: Final = ("src", "datasets", "dvc.yaml", "data/dvc.yaml", "data/fetched.yaml", "requirements/core.txt",
                 "gate.yaml", "monitoring.yaml", "models/champion.json")


def main() -> None:
    """Measure what is asked and not known yet, then print the table and the model on paper."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("machines", nargs="*", type=int, default=[])
    parser.add_argument("--until", choices=[_name(stage) for stage in STAGES], default=_name(STAGES[-1]))
    parser.add_argument("--again", action="store_true", help="forget what is known of these fleets")
    parser.add_argument("--table", action="store_true", help="measure nothing")
    args = parser.parse_args()
    for machines in () if args.table else args.machines:
        measure(machines, args.until, again=args.again)
    show(read_results())


def measure(machines: int, until: str, *, again: bool) -> None:
    """Run the stages of one fleet that have no line yet."""
    folder = HOME / str(machines)
    if again:
        shutil.rmtree(folder, ignore_errors=True)
        kept = [line for line in _lines() if line["machines"] != machines]
        RESULTS.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
    if not folder.is_dir():
        lay_out(folder, machines)
    known = read_results().get(machines, {})
    for address in STAGES:
        name = _name(address)
        if name not in known:
            entry = find_stage(folder, address)
            words = shlex.split(entry.cmd)
            log = folder / f"{name}.log"
            cost = process_tree.run([sys.executable, *words[words.index("python") + 1:]], folder, log)
            line = {"machines": machines, "stage": name, **asdict(cost),
                    "out_bytes": sum(_bytes(folder / out) for out in entry.outs)}
            with RESULTS.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
            print(f"{machines:,} machines, {name}: {cost}", flush=True)
        if name == until:
            break


def lay_out(folder: Path, machines: int) -> None:
    """The code as it is now, and parameters that draw a fleet of this size."""
    for name in COPIED:
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copyfile(source, target)
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["dataset"], params["simulate"]["machines"] = "demo_fleet", machines
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")


def read_results() -> dict[int, dict[str, dict[str, Any]]]:
    """Machines -> stage -> its line."""
    results: dict[int, dict[str, dict[str, Any]]] = {}
    for line in _lines():
        results.setdefault(line["machines"], {})[line["stage"]] = line
    return dict(sorted(results.items()))


def _lines() -> list[dict[str, Any]]:
    if not RESULTS.is_file():
        return []
    return [json.loads(line) for line in RESULTS.read_text(encoding="utf-8").splitlines()]


def show(results: dict[int, dict[str, dict[str, Any]]]) -> None:
    """Cost of each stage by fleet, its slopes, and what a far larger fleet would need."""
    sizes = list(results)
    print("| stage | " + " | ".join(f"{size:,}: CPU s, MiB, bytes a reading" for size in sizes)
          + " | slope of CPU | slope of memory |")
    print("|---" * (len(sizes) + 3) + "|")
    for stage in map(_name, STAGES):
        have = [size for size in sizes if stage in results[size]]
        if have:
            lines = [results[size][stage] for size in have]
            cells = {size: f"{line['cpu_s']:.1f}, {line['peak_mib']:.0f}, "
                           f"{line['out_bytes'] / (size * paper.READINGS_A_YEAR):.1f}"
                     for size, line in zip(have, lines, strict=True)}
            slopes = [f"{growth.slope(have, [line[word] for line in lines]):.2f}" if len(have) > 1 else ""
                      for word in ("cpu_s", "peak_mib")]
            print(f"| {stage} | " + " | ".join(cells.get(size, "") for size in sizes) + f" | {' | '.join(slopes)} |")
    if len(sizes) > 1:
        print()
        print(paper.text(results))


def _name(address: str) -> str:
    return address.rpartition(":")[2]


def _bytes(path: Path) -> int:
    return sum(each.stat().st_size for each in (path.rglob("*") if path.is_dir() else [path]) if each.is_file())


if __name__ == "__main__":
    main()
