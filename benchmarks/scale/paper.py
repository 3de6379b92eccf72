"""A model on paper, fitted to the measurements: what a plant of plants needs, and where it breaks first.

Assumptions: cost is a line in the number of readings; work on partitions is shared by all cores without loss, other
work runs on one core; memory of a stage grows as measured. Nothing here was run at that size.
"""

from collections.abc import Mapping
from typing import Any, Final

from growth import Line

READINGS_A_YEAR: Final = 8_760          # hourly readings of one machine
MACHINES: Final = 100_000
FASTER: Final = 3_600                   # a reading each second
HOURS: Final = 24.0                     # in which one run of the pipeline should end
SHARED: Final = ("validate", "prepare", "featurize", "predict")       # stages whose partitions are independent


def text(results: Mapping[int, Mapping[str, Mapping[str, Any]]]) -> str:
    """CPU hours, cores, memory and disk of 100,000 machines, hourly and each second."""
    sizes = list(results)
    stages = [stage for stage in results[sizes[0]] if all(stage in results[size] for size in sizes)]
    fits = {stage: {word: Line.through(sizes, [results[size][stage][word] for size in sizes])
                    for word in ("cpu_s", "peak_mib", "out_bytes")} for stage in stages}
    lines = [f"On paper, from {', '.join(f'{size:,}' for size in sizes)} machines:", "",
             "| readings | stage | CPU h | cores to end within a day | memory GiB | written TB |",
             "|---|---|---|---|---|---|"]
    worst: dict[str, tuple[float, str]] = {}
    for rhythm, factor in (("hourly", 1), ("each second", FASTER)):
        for stage, fit in fits.items():
            machines = MACHINES * factor
            cpu_h, gib = fit["cpu_s"].at(machines) / 3600, fit["peak_mib"].at(machines) / 1024
            few = stage in SHARED or cpu_h <= HOURS
            cores = f"{max(1.0, cpu_h / HOURS):,.0f}" if few else "never: its work is not shared"
            lines.append(f"| {rhythm} | {stage} | {cpu_h:,.1f} | {cores} | {gib:,.1f} | "
                         f"{fit['out_bytes'].at(machines) / 1e12:,.2f} |")
            worst[rhythm] = max(worst.get(rhythm, (0.0, "")), (gib, stage))
    lines += ["", *(f"{rhythm}: breaks first in memory, at {stage} ({gib:,.0f} GiB)."
                    for rhythm, (gib, stage) in worst.items())]
    return "\n".join(lines)
