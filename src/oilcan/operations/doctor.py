"""What is wrong with a checkout, and repair of what can be repaired; one check for each question a person has."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from oilcan.ground.errors import OilcanError
from oilcan.io.repository import integrity, leftovers, merging, preflight, remotes
from oilcan.io.repository.dvc_command import stale_stages
from oilcan.io.repository.repository_root import short


@dataclass(frozen=True)
class Diagnosis:
    """Result of one check; `refusal` is a message for standard error."""

    summary: str
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)      # repairs that were made, and what to know
    advice: str = ""
    refusal: str = ""

    @property
    def is_wrong(self) -> bool:
        """Whether something is wrong and was not repaired."""
        return bool(self.faults or self.refusal)


def start(root: Path, *, repair: bool = False) -> Diagnosis:
    """Can `dvc repro` begin? First clears away what a killed run left half-written, which loses nothing."""
    del repair
    fixed = [f"fixed: {line}" for line in leftovers.fix(root)]
    try:
        name = preflight.check(root)
    except OilcanError as err:
        return Diagnosis("`dvc repro` cannot begin", [], fixed, refusal=str(err))
    return Diagnosis(f"{short(root / 'datasets' / name)}.yaml and its raw files", [],
                     fixed + [f"note: {line}" for line in preflight.limits(root)])


def files(root: Path, *, repair: bool = False) -> Diagnosis:
    """Are the bytes in the cache and in the workspace the recorded ones?"""
    checked = integrity.check(root)
    strangers = remotes.strangers_in_samples(root)
    faults = [*map(str, checked.findings), *(f"{path}: not of the sample store; it was pushed there by mistake"
                                             for path in strangers)]
    counts = (f"{checked.objects:,} objects of the cache, {checked.outputs:,} outputs in place: "
              f"{len(faults) or 'nothing'} wrong")
    if not faults:
        return Diagnosis(counts)
    if not repair:
        return Diagnosis(counts, faults, advice="Run `oilcan doctor files --repair`, then `dvc pull` or `dvc repro`.")
    done = integrity.repair(root, checked.findings)
    for path in strangers:
        path.unlink()
        done.append(f"{path}: deleted")
    return Diagnosis(counts, [], [*faults, *done], "Now run `dvc pull` (if a remote has the data) or `dvc repro`.")


def lock(root: Path, *, repair: bool = False) -> Diagnosis:
    """Would `dvc repro` run anything? Works without data."""
    del repair
    stale = stale_stages(root)
    if not stale:
        return Diagnosis("dvc.lock agrees with code, parameters and contracts; `dvc repro` has nothing to run")
    lines = [line for item in stale for line in (item.stage, *(f"    {reason}" for reason in item.reasons))]
    return Diagnosis(f"`dvc repro` would run {len(stale)} stages", lines, advice="Run `dvc repro` and commit dvc.lock.")


def remotes_answer(root: Path, *, repair: bool = False) -> Diagnosis:
    """Does each remote answer, with the credentials of this machine?"""
    del repair
    names = remotes.remote_names(root)
    team = [name for name in names if name != remotes.SAMPLES]
    note = [] if team else ["note: no remote of a team yet, so `dvc push` has no aim; see docs/remotes.md"]
    return Diagnosis(f"{', '.join(names) or 'none'}", remotes.unreachable(root), note)


def resolve_outputs(root: Path) -> Diagnosis:
    """After a merge: take our side of every output in conflict, for `dvc repro` to make again."""
    taken = merging.take_our_outputs(root)
    return Diagnosis(f"{len(taken)} outputs in conflict", [], [f"ours for now: {path}" for path in taken],
                     "Now run `dvc repro`, `git add --all` and `git commit`.")


CHECKS: Final[dict[str, Callable[..., Diagnosis]]] = {
    "start": start, "files": files, "lock": lock, "remotes": remotes_answer}


def examine(root: Path, names: Sequence[str], *, repair: bool) -> dict[str, Diagnosis]:
    """Several checks; one that refuses is a fault, and the others still run."""
    found: dict[str, Diagnosis] = {}
    for name in names:
        try:
            found[name] = CHECKS[name](root, repair=repair)
        except OilcanError as err:
            found[name] = Diagnosis("cannot be checked", refusal=str(err))
    return found
