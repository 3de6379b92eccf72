"""A model on paper, fitted to the measurements: what a plant of plants needs, and where it breaks first.

Assumptions, none of which was run at that size:

- Processor time is a line in the number of machines. Partitions are shared by all cores without loss, other work runs
  on one core.
- Memory is a line too. What does not grow with the fleet is the libraries and what a stage has at once: partitions of
  25 machines in two workers, a part of `ingest`, the readings of `explore`. What grows is on the host of `dvc repro`.
- A reading each second instead of each hour makes 3,600 times the work of the stages that go through readings, and no
  more forecasts: these are asked for as often as before. A partition is at least one machine.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from growth import Line

READINGS_A_YEAR: Final = 8_760          # hourly readings of one machine
MACHINES: Final = 100_000
FASTER: Final = 3_600                   # a reading each second
HOURS: Final = 24.0                     # in which a stage should end
WORKERS: Final = 2                      # of the measurements
LIBRARIES: Final = 0.15                 # GiB of processes that hold nothing yet
SHARED: Final = ("validate", "prepare", "featurize", "predict")       # stages whose partitions are independent
AT_ONCE: Final = {                      # stages that go through readings -> readings that were in memory at once
    "ingest": 500_000, "validate": 25 * READINGS_A_YEAR, "prepare": 25 * READINGS_A_YEAR, "explore": 1_500_000,
    "featurize": 25 * READINGS_A_YEAR, "reference": 25 * READINGS_A_YEAR}
SAMPLED: Final = ("explore",)           # looks at so many readings, and at least at one machine
LEFT_OUT: Final = ("simulate", "monitor")       # a company has its own readings; nothing comes after the test part


@dataclass(frozen=True)
class Cost:
    """What one stage needs: hours of one core, GiB on the host of `dvc repro` and of each worker, TB written."""

    stage: str
    cpu_h: float
    host_gib: float
    worker_gib: float | None
    written_tb: float

    @property
    def cores(self) -> str:
        """Cores that end it within a day."""
        if self.cpu_h > HOURS and self.worker_gib is None:
            return "none will do: its work is not shared"
        return f"{max(1.0, self.cpu_h / HOURS):,.0f}"

    def row(self, rhythm: str) -> str:
        """Of the table."""
        worker = "" if self.worker_gib is None else f"{self.worker_gib:,.1f}"
        return (f"| {rhythm} | {self.stage} | {self.cpu_h:,.1f} | {self.cores} | {self.host_gib:,.1f} | {worker} | "
                f"{self.written_tb:,.2f} |")


def text(results: Mapping[int, Mapping[str, Mapping[str, Any]]]) -> str:
    """Needs of 100,000 machines with hourly readings and with one each second."""
    lines = [f"On paper, {MACHINES:,} machines and a year, from {', '.join(f'{size:,}' for size in results)} machines:",
             "", "| readings | stage | CPU h | cores to end within a day | GiB of the host | GiB of a worker | "
             "written TB |", "|---|---|---|---|---|---|---|"]
    ends = []
    for rhythm, factor in (("hourly", 1), ("each second", FASTER)):
        costs = list(needs(results, factor))
        lines += [cost.row(rhythm) for cost in costs]
        most = max(costs, key=lambda cost: max(cost.host_gib, cost.worker_gib or 0.0))
        late = [cost.stage for cost in costs if cost.cpu_h > HOURS and cost.worker_gib is None]
        ends.append(f"{rhythm}: memory breaks first at {most.stage} "
                    f"({max(most.host_gib, most.worker_gib or 0.0):,.0f} GiB); more than a day on one core: "
                    f"{', '.join(late) or 'no stage'}.")
    return "\n".join([*lines, "", *ends])


def needs(results: Mapping[int, Mapping[str, Mapping[str, Any]]], factor: int) -> Iterator[Cost]:
    """Of each stage that was measured with every size, with so many times the readings of a machine."""
    sizes = list(results)
    for stage in results[sizes[0]]:
        if stage in LEFT_OUT or not all(stage in results[size] for size in sizes):
            continue
        cpu, memory, written = (Line.through(sizes, [results[size][stage][word] for size in sizes])
                                for word in ("cpu_s", "peak_mib", "out_bytes"))
        larger = max(1.0, factor * READINGS_A_YEAR / AT_ONCE.get(stage, factor * READINGS_A_YEAR))
        more = larger if stage in SAMPLED else factor if stage in AT_ONCE else 1
        workers = WORKERS if stage in SHARED else 1
        held = max(0.0, memory.start / 1024 - LIBRARIES) / workers * larger
        grown = LIBRARIES + memory.each * MACHINES / 1024
        yield Cost(stage, cpu.at(MACHINES) * more / 3600, grown + (0.0 if stage in SHARED else held),
                   LIBRARIES + held if stage in SHARED else None,
                   written.at(MACHINES) * (more if stage in ("ingest", "prepare") else 1) / 1e12)
