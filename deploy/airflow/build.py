"""The DAG of Airflow from the steps of `oilcan retrain` and deploy/schedule.yaml: `python deploy/airflow/build.py`.

It writes oilcan_retrain.py beside it. A test builds it again, so edit this file, never the DAG.
"""

from pathlib import Path
from typing import Any

import yaml

from oilcan.cli.renewal.retrain import EXIT, STEPS

HERE = Path(__file__).parent
DAG_FILE = HERE / "oilcan_retrain.py"
TASK = 'step("{name}")'
GATE = 'step("{name}", retries=0)'         # asking it again changes nothing

TEMPLATE = '''\
"""Retraining by Airflow 3: monthly, and when drift is announced; a task for each step of `oilcan retrain`.

Written by deploy/airflow/build.py: edit that, or deploy/schedule.yaml. docs/orchestrators.md explains it.
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
MONTHLY = CronTriggerTimetable("%(cron)s", timezone="UTC")


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
    """Task of one step. Exit code %(not_due)d skips the tasks after it; any other but 0 is a failure."""
    because = ' ${BECAUSE:+--because "$BECAUSE"}' if name == "begin" else ""
    return BashOperator(
        task_id=name, bash_command=f"oilcan retrain --step {name} --yes{because}", skip_on_exit_code=%(not_due)d,
        cwd=REPOSITORY, env={"PATH": f"{PROGRAMS}:{os.environ['PATH']}", "BECAUSE": "{{ params.because }}"},
        append_env=True, **limits)


with DAG(
    "oilcan_retrain",
    description=__doc__.splitlines()[0],
    schedule=AssetOrTimeSchedule(timetable=MONTHLY, assets=[DRIFT]),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,                  # one writer: so that DVC and the worktree have one
    dagrun_timeout=timedelta(hours=%(run_hours)d),
    params={"because": Param("", type="string", description="reason to retrain now, whatever retrain.yaml says")},
    default_args={"retries": %(retries)d, "retry_delay": timedelta(minutes=%(retry_minutes)d),
                  "execution_timeout": timedelta(hours=%(step_hours)d), "on_failure_callback": notify},
) as dag:
    (%(tasks)s)
'''


def cron(schedule: dict[str, Any]) -> str:
    """The moment of a schedule as cron writes it.

    Examples
    --------
    >>> cron({"day": 1, "time": "03:17"})
    '17 3 1 * *'
    """
    hour, minute = map(int, schedule["time"].split(":"))
    return f"{minute} {hour} {schedule['day']} * *"


def source() -> str:
    """Text of the DAG."""
    schedule = yaml.safe_load((HERE.parent / "schedule.yaml").read_text(encoding="utf-8"))
    tasks = "\n     >> ".join((GATE if name == "gate" else TASK).format(name=name) for name in STEPS)
    return TEMPLATE % (schedule | {"cron": cron(schedule), "not_due": EXIT["not_due"], "tasks": tasks})


if __name__ == "__main__":
    DAG_FILE.write_text(source(), encoding="utf-8")
