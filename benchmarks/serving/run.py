"""What `make bench-serving` measures of the service.

It needs `make` and `make install-serve` before; its part mqtt needs `make install-gateway` and Mosquitto, too;
its part replicas needs PostgreSQL and `make install-test`.

    python benchmarks/serving/run.py                            # all parts, and docs/benchmarks-serving.md
    python benchmarks/serving/run.py latency ingest             # some parts, printed only
    python benchmarks/serving/run.py soak --soak-minutes 20

Load comes from a process of its own; what is compared takes turns in the same minute; figures are medians of rounds.
`--quick` shortens every round, to try the benchmark itself.
"""

import argparse
import tempfile
from pathlib import Path

import parts
from by_mqtt import mqtt
from replicas import replicas
from servers import ROOT

PARTS = {"latency": parts.latency, "rivals": parts.rivals, "ingest": parts.ingest, "health": parts.health,
         "mqtt": mqtt, "replicas": replicas, "online": parts.online,
         "start": parts.start, "soak": parts.soak}


def main() -> None:
    """Run the parts that the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="all of them without a name")
    parser.add_argument("--soak-minutes", type=float, default=20.0)
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args()
    (ROOT / ".dvc/tmp").mkdir(parents=True, exist_ok=True)
    text: list[str] = []
    for name in args.parts or PARTS:
        print(f"{name}: started", flush=True)
        with tempfile.TemporaryDirectory(dir=ROOT / ".dvc/tmp") as folder:
            found = PARTS[name](Path(folder), parts.Effort(quick=args.quick, soak_minutes=args.soak_minutes))
        print(found, flush=True)
        text.append(found)
    if not args.parts and not args.quick:
        page = ROOT / "docs/benchmarks-serving.md"
        page.write_text("# The service, measured\n\nWritten by `make bench-serving`: load from a second process, "
                        "median of rounds that take turns, two cores.\n\n" + "\n\n".join(text) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
