"""All plants, one after the other or several at once: one that fails does not stop the others."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from oilcan.ground.errors import OilcanError
from oilcan.io.repository.git_plumbing import commit_of, try_git
from oilcan.io.repository.one_at_a_time import one_at_a_time
from oilcan.operations.plants.plant_list import Plant
from oilcan.operations.plants.plant_run import PlantRun


def run_plants(root: Path, plants: Sequence[Plant], *, jobs: int, say: Callable[[str], None]) -> dict[str, str]:
    """Run each plant from the commit that is checked out; what is not committed is not in it.

    Parameters
    ----------
    jobs
        Plants at once, each with the processes of its own pipeline.
    say
        Hears one line for each step of a plant.

    Returns
    -------
    Why each plant that failed did, by name.

    Raises
    ------
    OilcanError
        If another `oilcan plants` is at work, or the branch of a plant is checked out.
    """
    here = try_git(root, "symbolic-ref", "--short", "HEAD").stdout.strip()
    if here.startswith("plant/"):
        raise OilcanError(f"{here}: is the branch of one plant, and the others would take in its results. Check out "
                          f"the branch with the code that is common to all, such as main.")
    base = commit_of(root, "HEAD")

    def run(plant: Plant) -> str | None:
        work = PlantRun(root, plant, base, lambda step: say(f"{plant.name}: {step}"))
        try:
            commit = work.run()
        except (OilcanError, OSError) as err:
            work.failed(str(err))
            say(f"{plant.name}: failed")
            return str(err)
        say(f"{plant.name}: done, {plant.branch} is {commit[:12]}")
        return None

    with one_at_a_time(root, "plants"), ThreadPoolExecutor(jobs) as pool:
        errors = zip(plants, pool.map(run, plants), strict=True)
        return {plant.name: error for plant, error in errors if error is not None}
