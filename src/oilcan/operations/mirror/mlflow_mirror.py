"""MLflow kept equal to git: runs, registered versions, aliases.

Everything is found again by tags that begin with `oilcan.`, so a second call continues where a killed one stopped. A
run or version that differs in anything is deleted and made anew, since MLflow does not let parameters change.
"""

import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from oilcan.core.registry.mirrored import State, differences, names, part
from oilcan.ground.errors import from_extra

_KEY: Final = "oilcan.key"
_FACT: Final = "oilcan.fact."
_MODEL: Final = "model"
_FILE: Final = "sqlite:///"
_AT_ONCE: Final = 100                               # parameters in a call; MLflow takes no more
POINTER: Final = "pointer.json"


class MlflowMirror:
    """One MLflow server, or one database."""

    def __init__(self, uri: str, bundles: str) -> None:
        with from_extra("mirror", "mlflow"):
            from mlflow import MlflowClient
        self._client, self._uri = MlflowClient(tracking_uri=uri, registry_uri=uri), uri
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        self._artifacts = Path(uri.removeprefix(_FILE)).absolute().parent if uri.startswith(_FILE) else None
        self._bundles = bundles

    def differences(self, wanted: State) -> list[str]:
        """What differs from git, also what somebody changed or added on the side of MLflow."""
        return differences(wanted, self.found(names(wanted, "models")))

    def update(self, wanted: State) -> list[str]:
        """Make MLflow equal to git; what was done, a line each."""
        found = self.found(names(wanted, "models"))
        return [*self._update_runs(wanted, found), *self._update_models(wanted, found)]

    def found(self, models: Iterable[str]) -> State:
        """All that MLflow holds of this repository."""
        state: State = {}
        for run in self._runs():
            state |= self._run_state(run)
        known = {model.name for model in self._client.search_registered_models()
                 if model.tags.get(_KEY)} | set(models)
        for name in sorted(known):
            state |= self._model_state(name)
        return state

    def _runs(self) -> Iterator[Any]:
        experiments = [each.experiment_id for each in self._client.search_experiments() if each.tags.get(_KEY)]
        token: str | None = None
        while experiments:
            page = self._client.search_runs(experiments, max_results=1000, page_token=token)
            yield from page
            token = page.token
            if not token:
                return

    def _run_state(self, run: Any) -> State:
        start = f"runs/{run.data.tags.get(_KEY, f'unknown {run.info.run_id}')}"
        state = {f"{start}/params/{name}": value for name, value in run.data.params.items()}
        state |= {f"{start}/metrics/{name}": repr(value) for name, value in run.data.metrics.items()}
        state |= {f"{start}/facts/{name.removeprefix(_FACT)}": value for name, value in run.data.tags.items()
                  if name.startswith(_FACT)}
        return state | {f"{start}/status": run.info.status}

    def _model_state(self, name: str) -> State:
        state: State = {}
        version_of: dict[str, str] = {}
        for each in self._client.search_model_versions(f"name='{name}'"):
            version = each.tags.get(_KEY, f"unknown {each.version}")
            version_of[str(each.version)] = version
            state[f"models/{name}/versions/{version}/commit"] = each.tags.get(f"{_FACT}commit", "")
            state[f"models/{name}/versions/{version}/bundle"] = self._pointed_at(each)
        if version_of:
            aliases = self._client.get_registered_model(name).aliases
            state |= {f"models/{name}/aliases/{alias}": version_of.get(str(number), f"unknown {number}")
                      for alias, number in aliases.items()}
        return state

    def _pointed_at(self, version: Any) -> str:
        """Digest of the bundle that a version would load, as its file says, if its tag says the same."""
        from mlflow.artifacts import download_artifacts

        try:
            with tempfile.TemporaryDirectory(prefix="oilcan-mirror-") as folder:
                place = download_artifacts(f"{version.source}/{POINTER}", dst_path=folder, tracking_uri=self._uri)
                digest = str(json.loads(Path(place).read_text(encoding="utf-8"))["bundle"])
        except Exception as err:  # MLflow raises what its store raises; each is a difference
            return f"unreadable ({type(err).__name__})"
        tag = version.tags.get(f"{_FACT}bundle", "")
        return digest if digest == tag else f"{digest}, its tag says {tag}"

    def _update_runs(self, wanted: State, found: State) -> Iterator[str]:
        keys = names(wanted, "runs")
        for run in list(self._runs()):
            key = run.data.tags.get(_KEY, "")
            if key not in keys or part(self._run_state(run), f"runs/{key}") != part(found, f"runs/{key}") or (
                    part(found, f"runs/{key}") != part(wanted, f"runs/{key}")):
                self._client.delete_run(run.info.run_id)
                yield f"run {key or run.info.run_id}: deleted, it differed"
        here = {run.data.tags.get(_KEY) for run in self._runs()}
        for key in keys:
            if key not in here:
                self._make_run(key, part(wanted, f"runs/{key}"), self._bundle_of(wanted, key))
                yield f"run {key}: made"

    def _make_run(self, key: str, state: State, bundle: str) -> None:
        from mlflow.entities import Metric, Param, RunTag

        facts = part(state, "facts")
        run = self._client.create_run(self._experiment(facts["dataset"]), run_name=key, tags={_KEY: key})
        params = [Param(name, value) for name, value in part(state, "params").items()]
        for first in range(0, len(params), _AT_ONCE):
            self._client.log_batch(run.info.run_id, params=params[first:first + _AT_ONCE])
        metrics = [Metric(name, float(value), 0, 0) for name, value in part(state, "metrics").items()]
        self._client.log_batch(run.info.run_id, metrics=metrics,
                               tags=[RunTag(f"{_FACT}{name}", value) for name, value in facts.items()])
        if bundle:
            self._log_model(run.info.run_id, bundle)
        self._client.set_terminated(run.info.run_id, "FINISHED")

    def _log_model(self, run_id: str, bundle: str) -> None:
        with tempfile.TemporaryDirectory(prefix="oilcan-mirror-") as folder:
            _write_model(Path(folder), bundle, self._bundles)
            self._client.log_artifacts(run_id, folder, _MODEL)

    def _experiment(self, dataset: str) -> str:
        there = self._client.get_experiment_by_name(dataset)
        if there is None:
            place = self._artifacts and (self._artifacts / "mlflow-artifacts" / dataset).as_uri()
            return str(self._client.create_experiment(dataset, artifact_location=place, tags={_KEY: dataset}))
        if there.tags.get(_KEY) != dataset:
            self._client.set_experiment_tag(there.experiment_id, _KEY, dataset)
        return str(there.experiment_id)

    @staticmethod
    def _bundle_of(wanted: State, key: str) -> str:
        model, _, version = key.partition("@")
        return wanted.get(f"models/{model}/versions/{version}/bundle", "")

    def _update_models(self, wanted: State, found: State) -> Iterator[str]:
        run_of = {run.data.tags.get(_KEY): run for run in self._runs()}
        for name in dict.fromkeys([*names(wanted, "models"), *names(found, "models")]):
            asked = part(wanted, f"models/{name}")
            yield from self._update_versions(name, asked, run_of)
            yield from self._update_aliases(name, asked)

    def _update_versions(self, name: str, asked: State, run_of: dict[str, Any]) -> Iterator[str]:
        if name not in {model.name for model in self._client.search_registered_models()}:
            self._client.create_registered_model(name, tags={_KEY: name})
        here: set[str] = set()
        live = {run.info.run_id for run in run_of.values()}
        for each in self._client.search_model_versions(f"name='{name}'"):
            version = each.tags.get(_KEY, "")
            as_asked = (self._pointed_at(each) == asked.get(f"versions/{version}/bundle") and each.run_id in live
                        and each.tags.get(f"{_FACT}commit") == asked.get(f"versions/{version}/commit"))
            if as_asked and version not in here:
                here.add(version)
                continue
            self._client.delete_model_version(name, each.version)
            yield f"version {name} {version or each.version}: deleted, it differed"
        for version in names(asked, "versions"):
            if version not in here:
                run = run_of[f"{name}@{version}"]
                facts = part(asked, f"versions/{version}")
                self._log_model(run.info.run_id, facts["bundle"])       # again: somebody may have changed its files
                self._client.create_model_version(
                    name, f"{run.info.artifact_uri}/{_MODEL}", run.info.run_id,
                    tags={_KEY: version} | {f"{_FACT}{word}": value for word, value in facts.items()})
                yield f"version {name} {version}: made"

    def _update_aliases(self, name: str, asked: State) -> Iterator[str]:
        versions = self._client.search_model_versions(f"name='{name}'")
        number = {each.tags.get(_KEY): str(each.version) for each in versions}
        now = {alias: str(version) for alias, version in self._client.get_registered_model(name).aliases.items()}
        wanted = {alias: number[version] for alias, version in part(asked, "aliases").items()}
        for alias in now.keys() - wanted.keys():
            self._client.delete_registered_model_alias(name, alias)
            yield f"alias {name}@{alias}: deleted"
        for alias, version in wanted.items():
            if now.get(alias) != version:
                self._client.set_registered_model_alias(name, alias, version)
                yield f"alias {name}@{alias}: moved"


def _write_model(folder: Path, bundle: str, bundles: str) -> None:
    """A model that MLflow can load: it names the bundle by its digest, and holds no code and no pickle."""
    (folder / POINTER).write_text(json.dumps({"bundle": bundle, "bundles": bundles}), encoding="utf-8")
    (folder / "MLmodel").write_text(
        "flavors:\n  python_function:\n    loader_module: oilcan.operations.mirror.mlflow_model\n"
        f"    data: {POINTER}\n", encoding="utf-8")
