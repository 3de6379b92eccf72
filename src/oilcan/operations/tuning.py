"""A sweep: Optuna proposes, cross-validation judges, each trial is told and left as a DVC experiment at once.

What is told is on disk (SQLite below .dvc/tmp/tune), so a sweep that is stopped or killed goes on with the trial
it was at. Trial n draws from seed + n and the trials before it alone: a sweep that was killed ends as one that was not.
"""

import argparse
import fcntl
import hashlib
import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from oilcan.ground.errors import DataError, OilcanError, ParamsError
from oilcan.io.repository import experiments, whole_params
from oilcan.io.repository.dvc_command import stale_stages
from oilcan.io.repository.repository_root import short
from oilcan.io.stage import feature_rows, stage_inputs
from oilcan.io.stage.dvc_files import find_stage
from oilcan.io.stage.progress import Progress
from oilcan.params.section import section
from oilcan.params.train import TrainParams
from oilcan.training.cross import choose_family
from oilcan.training.recipe import choice_of
from oilcan.training.search_space import Search, Space, judge
from oilcan.training.targets import Target
from oilcan.training.training_data import Part, machine_codes

METRICS: Final = "metrics/tune.json"
DECLARED: Final = "metrics/dvc.yaml"      # declares METRICS in the experiments alone: no other commit has that file
_UPSTREAM: Final = ("fetch", "simulate", "ingest", "prepare", "featurize")
_DOWNSTREAM: Final = ("train", "evaluate", "review")        # their metrics are those of other parameters
_FIRST_RANDOM: Final = 8                                    # trials drawn at random before Optuna models the score


def sweep(root: Path, args: argparse.Namespace) -> int:
    """Run the trials that are still wanting."""
    optuna = _optuna()
    part, features, search = _problem(root, args)
    with _alone(root / ".dvc/tmp/tune") as folder:
        name = _name(search, part, features, args.seed)
        study = optuna.create_study(storage=f"sqlite:///{folder / 'trials.sqlite'}", study_name=name,
                                    direction=search.direction, load_if_exists=True)
        _pick_up(optuna, study, search)
        print(f"{name}: {search.metric} of {search.target.name} by {search.family.replace('_', ' ')}, "
              f"{len(_done(study))} of {args.trials} trials done", flush=True)
        _run_trials(optuna, study, _Sweep(root, name, part, features, search, args))
    return _summary(study, search, name)


@dataclass(frozen=True)
class _Sweep:
    """What the trials of a sweep share."""

    root: Path
    name: str
    part: Part
    features: tuple[str, ...]
    search: Search
    args: argparse.Namespace


def _run_trials(optuna: Any, study: Any, sweep: _Sweep) -> None:
    args, begun = sweep.args, time.monotonic()
    jobs = whole_params.read_all_params(sweep.root / "params.yaml").compute.jobs
    _leave(study, sweep)
    with Progress("tune", args.trials, len(_done(study)), unit="trials") as bar:
        while (number := len(_done(study))) < args.trials:
            if args.timeout is not None and time.monotonic() - begun >= args.timeout:
                break
            study.sampler = optuna.samplers.TPESampler(seed=args.seed + number, n_startup_trials=_FIRST_RANDOM)
            trial, started = study.ask(), time.monotonic()
            score = judge(sweep.search, sweep.search.suggest(trial), sweep.part, sweep.features, seed=args.seed,
                          jobs=jobs)
            trial.set_user_attr("folds", list(score.folds))
            trial.set_user_attr("seconds", round(time.monotonic() - started, 1))
            study.tell(trial, score.mean)
            _leave(study, sweep)
            bar.advance(1)


def _leave(study: Any, sweep: _Sweep) -> None:
    """The finished trials as DVC experiments, those included that a killed sweep did not come to write."""
    there = experiments.names(sweep.root)
    without = [out for stage in _DOWNSTREAM for out in find_stage(sweep.root, stage).outs
               if out.startswith("metrics/")]
    for at, trial in enumerate(_done(study)):
        name = _experiment(sweep.name, at)
        if name in there:
            continue
        said = {"metric": sweep.search.metric, "score": round(trial.value, 6), "seconds": trial.user_attrs["seconds"],
                "folds": {str(fold): round(value, 6) for fold, value in enumerate(trial.user_attrs["folds"])}}
        changed = {"params.yaml": _params_text(sweep.root, sweep.search.section, trial.params),
                   METRICS: json.dumps(said, indent=2, sort_keys=True) + "\n",
                   DECLARED: f"metrics:\n- {Path(METRICS).name}\n"}
        experiments.record(sweep.root, name, changed, without=without,
                           message=f"oilcan tune: trial {at}, {sweep.search.metric} {trial.value:.6f}")


def _experiment(sweep: str, at: int) -> str:
    return f"{sweep}-{at:03d}"


def _params_text(root: Path, section_name: str, values: dict[str, Any]) -> str:
    """params.yaml with a trial's values, comments kept, as `dvc exp run -S` would write it."""
    from dvc.utils.serialize import modify_yaml

    with tempfile.TemporaryDirectory(prefix="oilcan-params-") as folder:
        draft = Path(folder) / "params.yaml"
        draft.write_text((root / "params.yaml").read_text(encoding="utf-8"), encoding="utf-8")
        with modify_yaml(str(draft)) as content:
            content["train"][section_name].update(values)
        return draft.read_text(encoding="utf-8")


def _problem(root: Path, args: argparse.Namespace) -> tuple[Part, tuple[str, ...], Search]:
    """Training rows, names of features, and what to search."""
    params = whole_params.read_all_params(root / "params.yaml")
    contract = stage_inputs.read_contract(root / "datasets" / f"{params.dataset}.yaml")
    name = args.task or contract.headline()[0]
    if name not in contract.tasks:
        raise ParamsError(f"--task: no such task (found {name!r}, wanted one of {sorted(contract.tasks)}).")
    stale = [item.stage for item in stale_stages(root) if item.stage.rpartition(":")[2].partition("@")[0] in _UPSTREAM]
    if stale:
        raise DataError(f"tune: the features are not those of the present parameters ({', '.join(stale)} would run). "
                        f"Run `dvc repro featurize`.")
    plan = feature_rows.read_plan(root / "data/features")
    part = Part(*feature_rows.read_rows(root / "data/prepared", root / "data/features", plan, "train"))
    task = contract.tasks[name]
    target = Target(name, task.kind, cap=task.cap.ticks if task.cap else None)
    space = section(Space, _yaml(args.space or root / "tune.yaml"), str(args.space or "tune.yaml"))
    return part, tuple(plan.names), _search(target, space, params.train, part, tuple(plan.names))


def _search(target: Target, space: Space, params: TrainParams, part: Part, features: tuple[str, ...]) -> Search:
    choice = choose_family(choice_of(target, params), target, target.values(part.rows), machine_codes(part.rows),
                           part.matrix, params, features)
    return Search.of(target, choice.family, space, params)


def _yaml(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as err:
        raise ParamsError(f"{short(path)}: not readable as YAML ({' '.join(str(err).split())}).") from err


def _name(search: Search, part: Part, features: tuple[str, ...], seed: int) -> str:
    """A name of its own for every problem: a sweep goes on only where nothing that it compares has changed."""
    told = json.dumps([search.params.model_dump(), {word: span.model_dump() for word, span in search.ranges.items()},
                       features, seed], sort_keys=True)
    outcome = search.target.values(part.rows).tobytes() + part.matrix[:: max(1, len(part.matrix) // 1000)].tobytes()
    digest = hashlib.sha256(told.encode() + outcome).hexdigest()
    return f"tune-{search.target.name}-{digest[:6]}"


def _pick_up(optuna: Any, study: Any, search: Search) -> None:
    """Begin with the values of params.yaml; try again what a killed sweep was at."""
    trials = study.get_trials(deepcopy=False)
    if not trials:
        study.enqueue_trial(search.present())
    for trial in trials:
        if trial.state.name == "RUNNING":
            study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
            study.enqueue_trial(trial.params)


def _done(study: Any) -> list[Any]:
    return [trial for trial in study.get_trials(deepcopy=False) if trial.state.name == "COMPLETE"]


def _summary(study: Any, search: Search, name: str) -> int:
    done = _done(study)
    if not done:
        print("no trial was finished")
        return 1
    best = study.best_trial
    at = [trial.number for trial in done].index(best.number)
    print(f"best: {search.metric} {best.value:.6f}, trial {at} (params.yaml as it is: {done[0].value:.6f})")
    for word, value in sorted(best.params.items()):
        print(f"  train.{search.section}.{word}: {value:.6g}")
    print(f"all trials: dvc exp show --drop '.*' --keep 'tune|train.{search.section}'\n"
          f"take it:    dvc exp apply {_experiment(name, at)} && dvc repro")
    return 0


@contextmanager
def _alone(folder: Path) -> Iterator[Path]:
    """The folder of sweeps, for one at a time; the lock goes with the process, also with a killed one."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as err:
            raise OilcanError("tune: another sweep is running here. Wait for it, or stop it.") from err
        yield folder


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as err:
        raise OilcanError("tune: Optuna is not installed. Run `make install-tune`.") from err
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna
