"""The service around the bundle of the small fleet: in this process, or as a server of its own."""

import asyncio
import contextlib
import dataclasses
import json
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
import yaml
from fastapi import FastAPI

from oilcan.core.bundle.bundle import Bundle
from oilcan.core.features.plan import FeaturePlan
from oilcan.core.prepare.cleaning import remove_quarantined
from oilcan.ground.hashing import sha256
from oilcan.io.bundle.bundle_folder import MANIFEST, SEAL, WATCH, load_bundle
from oilcan.io.bundle.verdict_file import path_of, write_verdict
from oilcan.io.stage import files
from oilcan.serving.ground.settings import read_settings
from oilcan.serving.server import make_app


class Client:
    """Asks an application in this process, one request after the other."""

    def __init__(self, app: FastAPI) -> None:
        self.app, self.service = app, app.state.service
        self._runner, self._lifespan = asyncio.Runner(), app.router.lifespan_context(app)
        self._runner.run(self._lifespan.__aenter__())
        self._is_open = True
        self._http = httpx.AsyncClient(transport=httpx.ASGITransport(app, raise_app_exceptions=False),
                                       base_url="http://127.0.0.1")

    def ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        return self._runner.run(self._http.request(method, path, **request))

    def get(self, path: str, **request: Any) -> httpx.Response:
        return self.ask("GET", path, **request)

    def post(self, path: str, **request: Any) -> httpx.Response:
        return self.ask("POST", path, **request)

    def wait_ready(self) -> None:
        while self.get("/readyz").status_code != 200:
            time.sleep(0.01)

    def send(self, readings: pd.DataFrame) -> dict[str, Any]:
        """Telemetry in columns, as a gateway would send it."""
        answer = self.post("/v1/telemetry", json=columnar(readings))
        assert answer.status_code == 200, answer.text
        return answer.json()

    def stop(self) -> None:
        """End the service, as a signal would; again does nothing."""
        if self._is_open:
            self._is_open = False
            self._runner.run(self._lifespan.__aexit__(None, None, None))
            self._runner.close()


def columnar(readings: pd.DataFrame) -> dict[str, Any]:
    """The body of a batch: NaN as null, times as ISO 8601."""
    cells = readings.drop(columns=["machine_id", "time"]).astype(object)
    cells = cells.where(cells.notna(), None)
    return {"machine_id": readings["machine_id"].tolist(), "time": [at.isoformat() for at in readings["time"]],
            "columns": {name: cells[name].tolist() for name in cells}}


@pytest.fixture(scope="session")
def bundle_folder(_small_repo) -> Path:
    return _small_repo.path / "models/bundle"


def repackaged(source: Path, target: Path, *, other_plan: bool = False, threshold: float | None = None,
               gate: str | None = None, horizon: str | None = None) -> Path:
    """The same bundle under another digest; with a plan of another hash, another threshold, verdict or horizon."""
    shutil.copytree(source, target)
    forecasts = json.loads((target / "forecasts.json").read_text())
    if other_plan:
        plan = FeaturePlan.from_json(json.loads((target / "plan.json").read_text()))
        first = dataclasses.replace(plan.features[0], description="in other words")
        plan = dataclasses.replace(plan, features=(first, *plan.features[1:]))
        files.write_json(plan.to_json(), target / "plan.json")
        forecasts["plan_hash"] = plan.hash
        (target / WATCH).unlink()                       # the reference of the monitoring belongs to the first plan
    if threshold is not None:
        forecasts["forecasts"][0]["policy"] |= {"threshold": threshold, "release": threshold}
    files.write_json(forecasts, target / "forecasts.json")
    manifest = json.loads((target / MANIFEST).read_text()) | {"dataset": f"demo_fleet, {target.name}"}
    manifest["lineage"] |= {"inputs_md5": {"model": target.name}}
    if other_plan:
        del manifest["files"][WATCH]
    if horizon is not None:
        contract = yaml.safe_load((target / "contract.yaml").read_text())
        contract["tasks"][next(iter(contract["tasks"]))]["horizon"] = horizon
        (target / "contract.yaml").write_text(yaml.safe_dump(contract, sort_keys=False))
    for name in ("plan.json", "forecasts.json", "contract.yaml"):
        manifest["files"][name] = {"sha256": sha256(target / name), "bytes": (target / name).stat().st_size}
    files.write_json(manifest, target / MANIFEST)
    files.write_text(f"{sha256(target / MANIFEST)}  {MANIFEST}\n", target / SEAL)
    reasons = ["made up for a test" if gate else "repackaged for a test"]
    write_verdict(path_of(target), gate or "promote", reasons, [], bundle=sha256(target / MANIFEST), champion=None)
    return target


@pytest.fixture
def bundles(bundle_folder, tmp_path) -> Path:
    """A folder of three bundles: `first`, `second` of the same plan, `third` of another one."""
    home = tmp_path / "bundles"
    home.mkdir()
    shutil.copytree(bundle_folder, home / "first")
    shutil.copy(path_of(bundle_folder), path_of(home / "first"))
    repackaged(bundle_folder, home / "second", threshold=0.0)
    repackaged(bundle_folder, home / "third", other_plan=True)
    return home


@pytest.fixture(scope="session")
def bundle(bundle_folder) -> Bundle:
    return load_bundle(bundle_folder)


@pytest.fixture(scope="session")
def fleet(_small_repo) -> dict[str, pd.DataFrame]:
    """Canonical tables of the small fleet, readings that validate quarantined taken out."""
    data = _small_repo.path / "data"
    telemetry = pd.concat([pd.read_parquet(part) for part in sorted((data / "canonical/telemetry").glob("*.parquet"))])
    telemetry, _ = remove_quarantined(telemetry, pd.read_parquet(data / "quarantine.parquet"))
    tables = {name: pd.read_parquet(data / f"canonical/{name}.parquet")
              for name in ("errors", "maintenance", "failures", "machines")}
    return tables | {"telemetry": telemetry}


@pytest.fixture(scope="session")
def predicted(_small_repo) -> pd.DataFrame:
    """What the stage `predict` wrote."""
    return pd.read_parquet(_small_repo.path / "data/predictions/predictions.parquet")


def copied(store: str, used: set[str]) -> str:
    """A copy of a SQLite store with all that is committed, as a kill would leave it; one in use is left alone."""
    path = Path(store.removeprefix("sqlite:///"))
    target = path.with_name(f"{path.stem}_after.db")
    if f"sqlite:///{target}" not in used and path.exists():
        # not file by file: the service may write from one to the other meanwhile
        with contextlib.closing(sqlite3.connect(path)) as source, contextlib.closing(sqlite3.connect(target)) as copy:
            source.backup(copy)
    return f"sqlite:///{target}"


@pytest.fixture
def start(bundle_folder, tmp_path) -> Iterator[Callable[..., Client]]:
    """A client of a service that is started with the settings given; ended with the test.

    On a SQLite file that one has already, the next starts from a copy of it: as after a kill.
    """
    clients: list[Client] = []

    def begin(**options: Any) -> Client:
        settings = {"bundle": bundle_folder, "store": f"sqlite:///{tmp_path}/service.db",
                    "accept_rejected": True} | options
        used = {client.service.settings.store for client in clients}
        while settings["store"] in used and settings["store"].startswith("sqlite"):
            settings["store"] = copied(settings["store"], used)
        clients.append(Client(make_app(read_settings({}, **settings))))
        if not settings.get("require_keys"):
            clients[-1].wait_ready()
        return clients[-1]

    yield begin
    for client in clients:
        client.stop()


@pytest.fixture
def client(start) -> Client:
    return start()


@pytest.fixture
def rows(bundle) -> list[dict[str, float | None]]:
    """Feature rows as JSON has them."""
    table = pd.DataFrame(bundle.check_rows)[list(bundle.fitted.features)]
    return table.astype(object).where(table.notna(), None).to_dict("records")


@pytest.fixture
def expected(bundle) -> pd.DataFrame:
    """The forecasts that `package` wrote down for those rows."""
    kept = pd.DataFrame(bundle.check_rows)
    return kept[[name for name in kept if name.startswith("expected_")]].rename(
        columns=lambda name: name.removeprefix("expected_"))
