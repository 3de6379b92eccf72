"""The DAG of Airflow from the steps of `oilcan retrain` and deploy/schedule.yaml: `python deploy/airflow/build.py`.

It writes oilcan_retrain.py from oilcan_retrain.py.j2. A test builds it again, so edit the template, never the DAG.
"""

from pathlib import Path
from typing import Any

import jinja2
import yaml

from oilcan.cli.renewal.retrain import EXIT, STEPS

HERE = Path(__file__).parent
DAG_FILE = HERE / "oilcan_retrain.py"
TEMPLATE = HERE / "oilcan_retrain.py.j2"


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
    template = jinja2.Template(TEMPLATE.read_text(encoding="utf-8"), undefined=jinja2.StrictUndefined,
                               keep_trailing_newline=True)
    return template.render(schedule, cron=cron(schedule), not_due=EXIT["not_due"], steps=STEPS)


if __name__ == "__main__":
    DAG_FILE.write_text(source(), encoding="utf-8")
