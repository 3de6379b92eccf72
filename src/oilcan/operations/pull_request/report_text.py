"""`oilcan report`: the page of a pull request and its pictures."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pandas as pd

from oilcan.core.phrasing.quantities import number, percent
from oilcan.io.repository.git_plumbing import git
from oilcan.io.repository.whole_params import read_all_params
from oilcan.io.stage.files import write_text
from oilcan.operations.pull_request.comparing import METRICS, Changes, gather
from oilcan.operations.pull_request.revisions import Commit, find_commit
from oilcan.reports import pull_request_page
from oilcan.reports.pull_request_page import Line, metrics_table, pictures, values_table

_MOST_FILES: Final = 12


def report(root: Path, base: str, head: str, pictures_folder: Path | None = None) -> tuple[str, list[str]]:
    """Markdown for a reviewer of what changed from `base` to `head`, and the metrics that got lost.

    Parameters
    ----------
    base, head
        Commits; `base` is fetched if it is not here.
    pictures_folder
        Where to write the curves as SVG files; the text then refers to them by a relative path.

    Raises
    ------
    OilcanError
        If a commit cannot be had, or has no metrics.
    """
    commits = find_commit(root, base), find_commit(root, head)
    changes = gather(root, *commits, read_all_params(root / "params.yaml").review)
    drawn = pictures(*(_tables(root, each) for each in commits)) if pictures_folder else {}
    for name, (_, svg) in drawn.items():
        write_text(svg, Path(pictures_folder or "") / f"{name}.svg")
    return _page(changes, {name: heading for name, (heading, _) in drawn.items()}, pictures_folder), changes.missing


def _page(changes: Changes, drawn: Mapping[str, str], folder: Path | None) -> str:
    base, head, verdict = changes.base, changes.head, changes.verdict
    lines = [
        f"# {base.name} ({base.digest[:12]}) to {head.name} ({head.digest[:12]})",
        f"**Gate: {verdict['decision']}.** {'; '.join(verdict.get('reasons', ['its reasons are not recorded']))}.",
        "## Metrics",
        metrics_table(_lines(changes)),
        _explained(changes),
    ]
    if changes.missing:
        lines.append(f"**Missing, so this report fails:** {', '.join(changes.missing)} in {METRICS}.")
    lines += ["## Slices that got worse", _slices(changes)]
    if drawn:
        lines += ["## Curves", "\n".join(f"![{heading}]({(folder or Path()).name}/{name}.svg)"
                                         for name, heading in drawn.items())]
    lines += ["## What changed", "Parameters:", values_table(("parameter", "base", "this change"), changes.params),
              "Data and models, by the md5 that dvc.lock records:",
              values_table(("output", "base", "this change"),
                           {path: (old[:12] or "-", new[:12] or "-") for path, (old, new) in changes.outputs.items()}),
              _files(changes),
              "## Record",
              f"Bundle of this change: `{head.outputs.get('models/bundle', 'none')}`, from data "
              f"`{head.outputs.get('data/canonical', 'none')}`. Audit log: {changes.audit}."]
    return "\n\n".join(line for line in lines if line) + "\n"


def _lines(changes: Changes) -> list[Line]:
    lines = []
    for each in changes.figures:
        pair = each.paired
        change = (pair.low, pair.high) if pair is not None and pair.low is not None and pair.high is not None else None
        lines.append(Line(each.name, each.base, each.head, each.base_ci95, each.head_ci95, change))
    return lines


def _explained(changes: Changes) -> str:
    if changes.not_paired:
        return f"Forecasts were **not compared**: {changes.not_paired}"
    return ("In brackets: 95 % intervals by resampling machines. A difference is called better or worse where its "
            "paired interval leaves out 0. Noise among training runs is not in it.")


def _slices(changes: Changes) -> str:
    if changes.not_paired:
        return "not compared"
    rows = {each.where: (each.metric, number(each.champion), number(each.challenger),
                         f"{percent(each.gain)} ({percent(each.gain_low)} to {percent(each.gain_high)})")
            for each in changes.worse_slices}
    return values_table(("slice", "metric", "base", "this change", "gain"), rows)


def _files(changes: Changes) -> str:
    lines = []
    for kind, paths in changes.files.items():
        if paths:
            shown = ", ".join(f"`{path}`" for path in paths[:_MOST_FILES])
            more = f" and {len(paths) - _MOST_FILES} more" if len(paths) > _MOST_FILES else ""
            lines.append(f"- {kind}: {shown}{more}")
    return "\n".join(lines)


def _tables(root: Path, commit: Commit) -> dict[str, pd.DataFrame]:
    names = git(root, "ls-tree", "--name-only", commit.digest, "plots/").splitlines()
    wanted = [name for name in names if Path(name).stem in pull_request_page.CURVES]
    return {Path(name).stem: pd.read_csv(io.StringIO(commit.text(name) or "")) for name in wanted}
