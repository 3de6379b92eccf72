"""The whole loop on the real parts: a month of drifting readings leads to a new model in service, and back again.

One service, one repository, the commands that people type. Clients read and send all the time. The steps are
functions, in their order; the test at the end reads like the story.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import httpx
import pandas as pd
import pytest
import yaml
from tests.conftest import ROOT, Repo
from tests.ops.conftest import bundle_of
from tests.ops.running_service import Load, following_service
from tests.service.api.conftest import columnar
from tests.service.conftest import Server
from tests.service_intake import fleet_between, rows_of
from tests.waiting import wait_until

from oilcan.core.simulate import draw_fleet
from oilcan.io.bundle.bundle_folder import load_bundle
from oilcan.io.stores import open_store
from oilcan.io.stores.column_layout import layout_of
from oilcan.operations.watching.watched_tables import watched_numbers

DRIFT_MM_S, DRIFTS_FROM = 10.0, "2024-05-29"     # the first day after the repository's data
QUICK = {"compute": {"jobs": 1}, "featurize": {"families": ["level", "trailing", "ewm", "slope", "events", "static"],
                                             "regimes": False},
         "train": {"max_rows": 20000, "min_rows": 100, "hist_gradient_boosting": {"iterations": 60},
                   "life_boosting": {"iterations": 40, "bags": 1}, "outlook": {"iterations": 5}},
         "explain": {"rows": 100, "repeats": 2}, "review": {"bootstrap": 100}}
LEAD, HORIZON = pd.Timedelta(hours=12), pd.Timedelta(hours=72)
ADA = ("--approver", "Ada Lind", "--reason", "the vibration sensors have drifted")


def instant(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


class Plant:
    """The machines of the repository and their later life, with vibration sensors that read too high from a day on.

    Attributes
    ----------
    acknowledged
        (machine, time) of every reading that the service has acknowledged.
    """

    def __init__(self, url: str) -> None:
        self.fleet = draw_fleet(machines=24, days=240, seed=20260101, start="2024-01-01", horizon_h=72, lead_time_h=12)
        for name in ("telemetry", "errors", "maintenance", "failures"):
            frame = getattr(self.fleet, name)
            frame["time"] = frame["time"].dt.tz_localize("UTC")
        self.fleet.machines["commissioned"] = self.fleet.machines["commissioned"].dt.tz_localize("UTC")
        drifted = self.fleet.telemetry["time"] >= instant(DRIFTS_FROM)
        self.fleet.telemetry.loc[drifted, "vibration_mm_s"] += DRIFT_MM_S
        self._http, self.acknowledged, self.statuses = httpx.Client(base_url=url, timeout=120), set(), Counter()
        self.close = self._http.close
        self._post("machines", {"machines": rows_of(self.fleet.machines.drop(columns="operator_name"))})

    def send(self, first: str, end: str, *, step: str = "1D") -> None:
        """Readings and records of some days, a step at a time, as a gateway would that was offline for so long."""
        rows = fleet_between(self.fleet, instant(first), instant(end))
        tables = {name: rows(name) for name in ("errors", "maintenance", "failures", "telemetry")}
        tables["failures"] = tables["failures"].rename(columns={"component": "mode"})
        by_step = {name: dict(list(table.groupby(table["time"].dt.floor(step)))) for name, table in tables.items()}
        for at in sorted({each for steps in by_step.values() for each in steps}):
            for name, steps in by_step.items():
                if at in steps:
                    self._post(name, columnar(steps[at]) if name == "telemetry" else {"records": rows_of(steps[at])})
                    if name == "telemetry":
                        self.acknowledged |= set(zip(steps[at]["machine_id"], steps[at]["time"], strict=True))

    def _post(self, name: str, body: dict) -> None:
        answer = self._http.post(f"/v1/{name}", json=body)
        self.statuses[answer.status_code] += 1
        assert answer.status_code == 200, answer.text


@pytest.fixture
def repo(small_repo) -> Repo:
    """The small fleet's repository, with quick parameters and the policies of a plant of 24 machines."""
    small_repo.set_params(**QUICK)
    contract = small_repo.path / "datasets/demo_fleet.yaml"
    text = contract.read_text()
    contract.write_text(text.replace("validation: 0.15, test: 0.2,", "validation: 0.1, test: 0.1,"))     # three weeks
    assert contract.read_text() != text
    gate = yaml.safe_load((small_repo.path / "gate.yaml").read_text())
    gate["evidence"]["failures"], gate["slices"]["fewest_machines"] = 5, 20
    (small_repo.path / "gate.yaml").write_text(yaml.safe_dump(gate))
    return small_repo


@pytest.fixture
def service(repo, tmp_path: Path) -> Iterator[Server]:
    with following_service(repo, tmp_path, clock="data") as server:
        yield server


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def open_alerts(service: Server) -> list[str]:
    lines = httpx.get(f"{service.url}/metrics", timeout=120).text.splitlines()
    return [line for line in lines if line.startswith("oilcan_alert_open{") and 'subject="vibration_mm_s"' in line]


class Month:
    """The commands of docs/operations.md, block by block: each must end with 0, or with the exit code that it names."""

    def __init__(self, repo: Repo, store: str) -> None:
        text = (ROOT / "docs/operations.md").read_text(encoding="utf-8").split("\n## A month\n")[1]
        parts = [part.partition("\n") for part in text.split("\n### ")[1:]]
        self.blocks = {title: body.split("```\n")[1].splitlines() for title, _, body in parts}
        self._repo, self._store = repo, store

    def run(self, title: str, *, more: str = "") -> str:
        """What the commands under a heading print; `more` is added to each promotion."""
        (found,) = (each for each in self.blocks if each.startswith(title))
        printed = ""
        for line in self.blocks.pop(found):
            if "--canary" in line:      # test_rollout.py: here the models have other horizons, which a canary may not
                continue
            promotes = line.startswith("oilcan promote")
            command = f"{line.partition(' #')[0]} --no-server-check {more}" if promotes else line
            done = self._repo.run("bash", "-c", command, check=False, OILCAN_STORE=self._store)
            allowed = re.search(r"# exit code (\d)", line)
            assert done.returncode in {0, int(allowed[1]) if allowed else 0}, f"{line}\n{done.stdout}\n{done.stderr}"
            printed += done.stdout
        return printed


def weeks_of_drift(month: Month, repo: Repo, service: Server, plant: Plant) -> None:
    """After each of two weeks the service has an alert, and the engineer asks for a decision."""
    plant.send("2024-05-30", "2024-06-10")
    wait_until(lambda: open_alerts(service), "no alert about vibration", seconds=120)
    repo.run("oilcan", "decide", "--store", service.store)
    plant.send("2024-06-10", "2024-06-17")
    assert open_alerts(service)
    assert "inputs:vibration_mm_s" in month.run("Engineer, every week")


def retrained(month: Month, repo: Repo) -> tuple[str, float]:
    """Decision of the gate, which has compared both models on the same newest rows; the old one's Brier score there."""
    assert "drift: 2 of the last 2 windows had an open alert" in month.run("Engineer, when it is time")
    (branch,) = repo.run("git", "for-each-ref", "--format=%(refname:short)", "refs/heads/retrain").stdout.split()
    review = json.loads(repo.run("git", "show", f"{branch}:metrics/detail/review.json").stdout)
    checks = {check["name"]: check for check in review["checks"]}
    for name in ("champion, test part", "champion, brier, test part", "champion, cost, test part",
                 "champion, rows it has not learned from"):
        assert checks[name]["passed"], checks[name]
    return review["decision"], float(re.search(r"against ([\d.]+),", checks["champion, brier, test part"]["found"])[1])


def approved(month: Month, repo: Repo, decision: str) -> str:
    """Merged and promoted; the digest. What the gate holds is refused without an override."""
    if decision != "promote":           # a fleet of 24 machines has few failures, so a person takes the responsibility
        branch = repo.run("git", "for-each-ref", "--format=%(refname:short)", "refs/heads/retrain").stdout.strip()
        refused = repo.run("oilcan", "promote", *ADA, "--revision", branch, check=False)
        assert f"the gate decided '{decision}'" in refused.stderr
    month.run("Approver", more="" if decision == "promote" else "--override")
    return bundle_of(repo.path / "models/bundle")


def traced(repo: Repo, service: Server, bundles: set[str]) -> None:
    """From a forecast of the service back to data and approver, and from raw data on to models and forecasts."""
    number = httpx.get(f"{service.url}/v1/machines", timeout=120).json()["machines"][0]["id"]
    back = json.loads(repo.run("oilcan", "lineage", number, "--store", service.store).stdout)
    assert back["bundle"] == back["forecast"]["bundle"]
    assert back["bundle"] in bundles
    assert {"data/live", "datasets/demo_fleet.yaml"} <= set(back["data"])
    assert {each["by"] for each in back["approvals"]} == {"Ada Lind"}
    on = json.loads(repo.run("oilcan", "lineage", "data/raw/demo_fleet", "--store", service.store).stdout)
    counts = {each["bundle"]: each["forecasts"] for each in on["models"]}
    assert all(counts[bundle] > 0 for bundle in bundles)


def served(store: str, plant: Plant, first: str, end: str, *, role: str = "active") -> pd.DataFrame:
    """What the service forecast for some days, and what came true: machine, time, bundle, p, failed."""
    with closing(open_store(store)) as opened:
        rows = pd.DataFrame([
            (name, pd.Timestamp(each.time, unit="us", tz="UTC"), each.bundle, each.values["p_failure"])
            for name in plant.fleet.machines["machine_id"]
            for each in opened.forecasts(name, role=role, since=instant(first).value // 1000,
                                         until=instant(end).value // 1000, limit=10_000)],
            columns=["machine_id", "time", "bundle", "p"])
    failures = plant.fleet.failures.groupby("machine_id")["time"]
    rows["failed"] = [
        machine in failures.groups
        and failures.get_group(machine).between(at + LEAD, at + LEAD + HORIZON, inclusive="right").any()
        for machine, at in zip(rows["machine_id"], rows["time"], strict=True)]
    return rows.drop_duplicates(["machine_id", "time"], keep="last")


def brier(rows: pd.DataFrame) -> float:
    return float(((rows["p"] - rows["failed"]) ** 2).mean())


def outcomes_improve(service: Server, plant: Plant, first: str, second: str, *, gate: float) -> None:
    """On the same live rows of August the new model has less than half the Brier score of the old one, its challenger.

    In July, before the promotion, the old model's score in service is the one that the gate found in the batch.
    """
    july = served(service.store, plant, "2024-07-11", "2024-07-29")
    assert set(july["bundle"]) == {first}
    assert brier(july) == pytest.approx(gate, rel=0.2)
    new = served(service.store, plant, "2024-08-02", "2024-08-22")
    old = served(service.store, plant, "2024-08-02", "2024-08-22", role="shadow")
    assert (set(new["bundle"]), set(old["bundle"])) == ({second}, {first})
    both = new.merge(old, on=["machine_id", "time"], suffixes=("", "_old"), validate="one_to_one")
    assert len(both) > 400              # a batch of a day gives one forecast a machine
    assert both["failed"].sum() > 5
    assert brier(both) < 0.5 * brier(both.assign(p=both["p_old"]))


def nothing_is_lost(service: Server, plant: Plant, repo: Repo) -> None:
    contract = load_bundle(repo.path / "models/bundle").contract
    with closing(open_store(service.store)) as store:
        store.use_layout(layout_of(contract, watched_numbers(contract)), 0)
        kept = {(name, pd.Timestamp(at, unit="us", tz="UTC")) for name in plant.fleet.machines["machine_id"]
                for at in store.readings(name, limit=100_000).times.tolist()}
    assert plant.acknowledged <= kept


@pytest.mark.slow
def test_a_month_of_drift_leads_to_a_new_model_in_service_and_back(repo, service, stack):
    first = bundle_of(repo.path / "models/bundle")
    repo.run("oilcan", "promote", *ADA, "--override", "--no-server-check")
    repo.run("oilcan", "champion")
    repo.commit("the champion")
    month, plant = Month(repo, service.store), stack.enter_context(closing(Plant(service.url)))
    plant.send("2024-04-01", DRIFTS_FROM, step="10D")       # without it, machines would learn their normal from a drift
    plant.send(DRIFTS_FROM, "2024-05-30")
    again = columnar(fleet_between(plant.fleet, instant("2024-05-29"), instant("2024-05-29 01:00"))("telemetry"))

    def read_and_send(client: httpx.Client, _number: int, _at: int) -> Iterator[httpx.Response]:
        yield client.get("/v1/machines")
        yield client.post("/v1/telemetry", json=again)

    with Load(service.url, read_and_send, threads=2, pause_s=0.25) as crew:     # the machine has other work to do
        weeks_of_drift(month, repo, service, plant)
        plant.send("2024-06-17", "2024-08-01")
        assert "2024-06" in month.run("Engineer, at the beginning of the month")
        decision, of_old = retrained(month, repo)
        second = approved(month, repo, decision)
        httpx.post(f"{service.url}/v1/model/shadow", json={"bundle": "first"}, timeout=120).raise_for_status()
        plant.send("2024-08-01", "2024-08-26")
        assert httpx.get(f"{service.url}/v1/model", timeout=120).json()["model"] == second
        month.run("Plant manager")
        assert "audit: whole" in month.run("Auditor")
        outcomes_improve(service, plant, first, second, gate=of_old)
        traced(repo, service, {first, second})
        assert f"demo_fleet: v1.0.0, bundle {first[:12]}" in month.run("If it was wrong")
        assert httpx.get(f"{service.url}/v1/model", timeout=120).json()["model"] == first
    assert month.blocks == {}
    assert set(crew.answers) | set(plant.statuses) == {200}
    nothing_is_lost(service, plant, repo)
    assert "audit: whole" in repo.run("oilcan", "audit", "verify").stdout
    kinds = {line.split()[1] for line in repo.run("oilcan", "audit", "log").stdout.splitlines()}
    assert kinds >= {"gate", "approval", "promotion", "rollout", "collect", "decision", "retrain", "rollback",
                     "incident"}
