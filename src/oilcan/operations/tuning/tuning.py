"""A sweep: Optuna proposes, cross-validation scores, and each finished trial becomes a DVC experiment at once.

Scores are kept on disk (SQLite below .dvc/tmp/tune), so a sweep that is stopped or killed continues with the trial
it was running. Trial n depends on seed + n and on the trials before it alone: a killed and resumed sweep ends like
one that ran through.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from oilcan.ground.errors import from_extra
from oilcan.io.batches.progress import Progress
from oilcan.io.process_lock import only_process
from oilcan.operations.tuning.search_space import Search, judge
from oilcan.operations.tuning.trial_experiments import Trial, experiment_name, record_trials
from oilcan.operations.tuning.tuning_problem import Problem, read_problem

_FIRST_RANDOM: Final = 8                                    # trials drawn at random before Optuna models the score


@dataclass(frozen=True)
class Options:
    """What a person chooses for a sweep.

    Attributes
    ----------
    trials
        In all, those of earlier calls counted.
    timeout
        Seconds after which no trial begins; None for no limit.
    task, space
        As in `read_problem`.
    """

    trials: int
    seed: int
    timeout: float | None = None
    task: str | None = None
    space: Path | None = None


@dataclass(frozen=True)
class Best:
    """The best trial of a sweep, beside the score of params.yaml as it is.

    `section` is the one of `train` in params.yaml that `values` belong to.
    """

    experiment: str
    at: int
    metric: str
    score: float
    score_now: float
    section: str
    values: Mapping[str, Any]


def sweep(root: Path, options: Options, *, say: Callable[[str], None]) -> Best | None:
    """Run the trials that are missing.

    Parameters
    ----------
    say
        Receives a line about the sweep before its first trial.

    Returns
    -------
    None if no trial was finished.

    Raises
    ------
    OilcanError
        If Optuna is not installed, another sweep runs here, or as `read_problem`.
    """
    optuna = _optuna()
    problem = read_problem(root, options.task, options.space)
    search, name = problem.search, problem.name(options.seed)
    with _alone(root / ".dvc/tmp/tune") as folder:
        study = optuna.create_study(storage=f"sqlite:///{folder / 'trials.sqlite'}", study_name=name,
                                    direction=search.direction, load_if_exists=True)
        _pick_up(optuna, study, search)
        say(f"{name}: {search.metric} of {search.target.name} by {search.family.replace('_', ' ')}, "
            f"{len(_done(study))} of {options.trials} trials done")
        _run_trials(optuna, study, problem, options, lambda: _record(root, name, study, search))
    return _best(study, search, name)


def _run_trials(optuna: Any, study: Any, problem: Problem, options: Options, record: Callable[[], None]) -> None:
    begun = time.monotonic()
    record()
    with Progress("tune", options.trials, len(_done(study)), unit="trials") as bar:
        while (number := len(_done(study))) < options.trials:
            if options.timeout is not None and time.monotonic() - begun >= options.timeout:
                break
            study.sampler = optuna.samplers.TPESampler(seed=options.seed + number, n_startup_trials=_FIRST_RANDOM)
            _run_trial(study, problem, options.seed)
            record()
            bar.advance(1)


def _run_trial(study: Any, problem: Problem, seed: int) -> None:
    trial, started = study.ask(), time.monotonic()
    values = problem.search.suggest(trial)
    score = judge(problem.search, values, problem.sample, seed=seed, jobs=problem.jobs)
    trial.set_user_attr("folds", list(score.folds))
    trial.set_user_attr("seconds", round(time.monotonic() - started, 1))
    study.tell(trial, score.mean)


def _record(root: Path, name: str, study: Any, search: Search) -> None:
    trials = [Trial(each.params, each.value, each.user_attrs["folds"], each.user_attrs["seconds"])
              for each in _done(study)]
    record_trials(root, name, trials, metric=search.metric, section=search.section)


def _pick_up(optuna: Any, study: Any, search: Search) -> None:
    """Begin with the values of params.yaml; repeat the trial that a killed sweep was running."""
    trials = study.get_trials(deepcopy=False)
    if not trials:
        study.enqueue_trial(search.present())
    for trial in trials:
        if trial.state.name == "RUNNING":
            study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
            study.enqueue_trial(trial.params)


def _done(study: Any) -> list[Any]:
    return [trial for trial in study.get_trials(deepcopy=False) if trial.state.name == "COMPLETE"]


def _best(study: Any, search: Search, name: str) -> Best | None:
    done = _done(study)
    if not done:
        return None
    best = study.best_trial
    at = [trial.number for trial in done].index(best.number)
    return Best(experiment=experiment_name(name, at), at=at, metric=search.metric, score=best.value,
                score_now=done[0].value, section=search.section, values=best.params)


@contextmanager
def _alone(folder: Path) -> Iterator[Path]:
    """The folder of sweeps, for one at a time; the lock ends with the process, also with a killed one."""
    with only_process(folder / "lock", "tune: another sweep is running here. Wait for it, or stop it."):
        yield folder


def _optuna() -> Any:
    with from_extra("tune", "tune"):
        import optuna
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna
