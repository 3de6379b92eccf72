"""If it is time for a new model, say so to Airflow: one event of the asset `oilcan-drift` for each retraining.

    python deploy/airflow/announce.py --airflow http://127.0.0.1:8080

An answer of 500 or more is asked for again: an Airflow on SQLite gives one when its database is busy.
Run it every ten minutes from cron or a timer. The webhook of an alert (`POST /v1/alerts`) makes the service decide and
record. This script asks `oilcan retrain --step begin` about these records, and creates the event once. AIRFLOW_TOKEN is
a token of Airflow; without it the script asks for one, which an Airflow gives only where everybody is an administrator.
"""

import argparse
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import Any

ASSET = "oilcan-drift"
NOT_DUE = 5
PAUSES_S = (1, 2, 4, 8)


def asked(words: list[str]) -> tuple[int, str]:
    """Exit code of the question, and the name of the retraining that is due."""
    done = subprocess.run(["oilcan", "retrain", "--step", "begin", *words], capture_output=True, text=True, check=False)
    sys.stderr.write(done.stderr)
    return done.returncode, done.stdout.partition("\n")[0].removeprefix("would retrain: ")


class Airflow:
    """The REST API of Airflow 3."""

    def __init__(self, address: str) -> None:
        self._address = address.rstrip("/")
        self._token = os.environ.get("AIRFLOW_TOKEN") or self._call("/auth/token")["access_token"]

    def _call(self, path: str, body: dict[str, Any] | None = None) -> Any:
        headers = {"Content-Type": "application/json"}
        if hasattr(self, "_token"):
            headers["Authorization"] = f"Bearer {self._token}"
        text = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(self._address + path, text, headers), timeout=30) as answer:
            return json.load(answer)

    def announce(self, retraining: str) -> bool:
        """Create the event of a retraining, unless it is there."""
        assets = self._call(f"/api/v2/assets?name_pattern={ASSET}")["assets"]
        number = next((asset["id"] for asset in assets if asset["name"] == ASSET), None)
        if number is None:
            raise SystemExit(f"error: {self._address}: no asset {ASSET!r} (found {len(assets)}). Put "
                             f"deploy/airflow/oilcan_retrain.py into its folder of DAGs.")
        events = self._call(f"/api/v2/assets/events?asset_id={number}&limit=100&order_by=-timestamp")["asset_events"]
        if any(event["extra"].get("retraining") == retraining for event in events):
            return False
        self._call("/api/v2/assets/events", {"asset_id": number, "extra": {"retraining": retraining}})
        return True


def announced(address: str, retraining: str) -> bool:
    """`Airflow.announce`, again after each fault of the server: it looks for the event before it creates one."""
    for pause in PAUSES_S:
        try:
            return Airflow(address).announce(retraining)
        except urllib.error.HTTPError as err:
            if err.code < 500:
                raise
            time.sleep(pause)
    return Airflow(address).announce(retraining)


def main() -> int:
    """Ask, and announce what is due."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--airflow", default="http://127.0.0.1:8080", help="address of Airflow (%(default)s)")
    parser.add_argument("--store", help="store of the service (default: OILCAN_STORE)")
    args = parser.parse_args()
    code, retraining = asked(["--store", args.store] if args.store else [])
    if code == NOT_DUE:
        print("not due")
        return 0
    if code:
        return code
    try:
        new = announced(args.airflow, retraining)
    except urllib.error.URLError as err:
        raise SystemExit(f"error: {args.airflow}: Airflow refuses or does not answer ({err}). Check its address, and "
                         f"AIRFLOW_TOKEN.") from err
    print(f"{'announced' if new else 'announced before'}: {retraining}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
