"""What `oilcan replay` does: read, replay, write the page and the results."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from oilcan.ground.errors import DataError
from oilcan.io.repository.repository_root import short
from oilcan.io.stage import files
from oilcan.operations.replay.replay_settings import read_settings
from oilcan.operations.replay.replay_study import study
from oilcan.operations.replay.retrain_policies import POLICIES, policies_of
from oilcan.reports import replay_page


@dataclass(frozen=True)
class Wanted:
    """The flags of the command; None is the default."""

    name: str
    policies: Sequence[str] | None
    scenario: str
    seeds: int
    begins: str | None
    until: str | None
    as_pipeline: bool = False


@dataclass(frozen=True)
class Places:
    """Where things are read from and written to."""

    root: Path
    page: Path
    results: Path
    shelf: Path


def replay(wanted: Wanted, places: Places, *, say: Callable[[str], None]) -> list[str]:
    """Replay and write; the lines to print.

    Raises
    ------
    DataError
        If a flag is not valid, or the data cannot be replayed.
    """
    if wanted.seeds < 1:
        raise DataError(f"--seeds {wanted.seeds}: is not a number of fleets (wanted at least 1).")
    policies = policies_of(wanted.policies or list(POLICIES))
    settings = read_settings(places.root, wanted.name, begins=wanted.begins, until=wanted.until,
                             as_pipeline=wanted.as_pipeline)
    results = study(settings, places.root, policies=policies, seeds=range(1, wanted.seeds + 1),
                    scenario=wanted.scenario, shelf=places.shelf, say=say)
    files.write_json(results, places.results)
    files.write_text(replay_page.page(results), places.page)
    return [*replay_page.lines(results), f"written: {short(places.page)}, {short(places.results)}"]
