"""docs/results.md, written section by section: what was run anew takes the place of what stood there."""

import re
from typing import Final

from published import FIGURES
from runs import ROOT

PAGE: Final = ROOT / "docs/results.md"
INTRO: Final = """# Results

Written by `make results`: every data set of [datasets](../datasets) whose files are present, run by the same
pipeline with the parameters of [params.yaml](../params.yaml), in a checkout of its own, with five seeds. Models,
calibration and thresholds are chosen on training and validation parts; in a run the test part is read by
`evaluate` alone. [Evaluation](evaluation.md) defines the figures.
[Decision 0012](decisions/0012-who-has-seen-the-test-parts.md) says how often test parts were looked at while this was
built. Published figures of others come from secondary tables unless stated otherwise. Protocols differ, so read them as
orders of magnitude, not as a ranking. The spread is the standard deviation over the seeds.

"""
_SECTION: Final = re.compile(r"^## (.+?)\n(.*?)(?=^## |\Z)", re.M | re.S)


def write(heading: str, body: str) -> None:
    """Put a section in its place on the page, beside the others; also to the screen."""
    print(f"## {heading}\n\n{body}", flush=True)
    parts: dict[str, str] = dict(_SECTION.findall(PAGE.read_text(encoding="utf-8") if PAGE.is_file() else ""))
    parts[heading] = body
    order = [*FIGURES, *sorted(set(parts) - set(FIGURES))]
    sections = [f"## {each}\n\n{parts[each].strip()}\n" for each in order if each in parts]
    PAGE.write_text(INTRO + "\n".join(sections), encoding="utf-8")
