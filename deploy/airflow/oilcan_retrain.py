"""Retraining by Airflow 3: monthly, and when drift is announced; a task for each step of `oilcan retrain`.

Written by deploy/airflow/build.py: edit its template, or deploy/schedule.yaml. docs/orchestrators.md explains it.
Environment of the scheduler and of its workers: OILCAN_REPOSITORY, the clone; OILCAN_PROGRAMS, where `oilcan` and `dvc`
are (default: its .venv/bin); OILCAN_STORE, the store of the service; OILCAN_ALERTMANAGER, where failures are sent.
"""

import json
import os
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, Asset, Param
from airflow.timetables.assets import AssetOrTimeSchedule
from airflow.timetables.trigger import CronTriggerTimetable

REPOSITORY = os.environ.get("OILCAN_REPOSITORY", ".")
PROGRAMS = os.environ.get("OILCAN_PROGRAMS", f"{REPOSITORY}/.venv/bin")
DRIFT = Asset("oilcan-drift")           # deploy/airflow/announce.py creates its events
MONTHLY = CronTriggerTimetable("17 3 1 * *", timezone="UTC")


def notify(context: Any) -> None:
    """Send the failure of a task where the alerts of the service go, so that it reaches the engineer."""
    address = os.environ.get("OILCAN_ALERTMANAGER")
    if not address:
        return
    task, now = context["task_instance"].task_id, datetime.now(UTC)
    alert = {
        "labels": {"alertname": "OilcanRetrainingFailed", "severity": "warning", "team": "engineer", "step": task},
        "annotations": {"summary": f"Airflow, {context['run_id']}: step {task} of the retraining failed.",
                        "runbook_url": "docs/runbooks/retraining-failed.md"},
        "endsAt": (now + timedelta(days=1)).isoformat(),
    }
    request = urllib.request.Request(f"{address}/api/v2/alerts", json.dumps([alert]).encode(),
                                     {"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=30).close()


def step(name: str, **limits: Any) -> BashOperator:
    """Task of one step. Exit code 5 skips the tasks after it; any other but 0 is a failure."""
    because = ' ${BECAUSE:+--because "$BECAUSE"}' if name == "begin" else ""
    return BashOperator(
        task_id=name, bash_command=f"oilcan retrain --step {name} --yes{because}", skip_on_exit_code=5,
        cwd=REPOSITORY, env={"PATH": f"{PROGRAMS}:{os.environ['PATH']}", "BECAUSE": "{{ params.because }}"},
        append_env=True, **limits)


with DAG(
    "oilcan_retrain",
    description=__doc__.splitlines()[0],
    schedule=AssetOrTimeSchedule(timetable=MONTHLY, assets=[DRIFT]),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,                  # one writer: so that DVC and the worktree have one
    dagrun_timeout=timedelta(hours=24),
    params={"because": Param("", type="string", description="reason to retrain now, whatever retrain.yaml says")},
    default_args={"retries": 2, "retry_delay": timedelta(minutes=10),
                  "execution_timeout": timedelta(hours=6), "on_failure_callback": notify},
) as dag:
    (step("begin")
     >> step("worktree")
     >> step("fetch")
     >> step("extend")
     >> step("pipeline")
     >> step("commit")
     >> step("record")
     >> step("remove")
     >> step("gate", retries=0))
