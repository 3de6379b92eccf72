"""`make watch`: service, replayed fleet, Prometheus and Alertmanager on this machine, and a drift to switch on.

Everything listens on loopback and lives in .oilcan/watch, which is made anew each time. The configuration is that of
deploy/, with shorter intervals and with this terminal in the place of mail. Enter switches the drift on and off;
Ctrl-C ends all of it.
"""

import argparse
import contextlib
import http.server
import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

DEPLOY = Path(__file__).parent
PROGRAMS = {"prometheus": "prometheus", "prometheus-alertmanager": "prometheus-alertmanager"}     # program, package
EXTRA_DAYS = 364                        # that the fleet goes on after the data of the clone
MOST_MACHINES = 30                      # enough for a verdict, and the history is sent in seconds


class RefusedError(Exception):
    """What a person must do first."""


@dataclass(frozen=True)
class Ports:
    """Where each part listens, on loopback."""

    service: int = 8080
    prometheus: int = 9090
    alertmanager: int = 9093
    receiver: int = 9094


def configure(folder: Path, ports: Ports) -> None:
    """Write the configuration of deploy/ with these ports, without keys, and fast enough to look at."""
    prometheus = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text(encoding="utf-8"))
    prometheus["global"] |= {"scrape_interval": "1s", "evaluation_interval": "1s"}
    prometheus["alerting"]["alertmanagers"] = [{"static_configs": [{"targets": [f"127.0.0.1:{ports.alertmanager}"]}]}]
    places = {"oilcan": ports.service, "prometheus": ports.prometheus}
    prometheus["scrape_configs"] = [
        {"job_name": name, "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]} for name, port in places.items()]
    routing = yaml.safe_load((DEPLOY / "alertmanager/alertmanager.yml").read_text(encoding="utf-8"))
    for receiver in routing["receivers"]:
        if "email_configs" in receiver:
            del receiver["email_configs"]
            receiver["webhook_configs"] = [{"url": f"http://127.0.0.1:{ports.receiver}/{receiver['name']}"}]
        for hook in receiver["webhook_configs"]:
            hook.pop("http_config", None)
            hook["url"] = hook["url"].replace("http://127.0.0.1:8080/", f"http://127.0.0.1:{ports.service}/")
    _hurry(routing["route"])
    shutil.copytree(DEPLOY / "prometheus/rules", folder / "rules")
    (folder / "prometheus.yml").write_text(yaml.safe_dump(prometheus), encoding="utf-8")
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(routing), encoding="utf-8")


def _hurry(route: dict[str, Any]) -> None:
    route |= {"group_wait": "1s", "group_interval": "2s"}
    for child in route.get("routes", []):
        _hurry(child)


def longer_fleet(folder: Path) -> Path:
    """Canonical tables of the clone's simulated fleet that go on for another year."""
    params = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
    if params["dataset"] != "demo_fleet":
        raise RefusedError(f"params.yaml: dataset is {params['dataset']!r} (wanted 'demo_fleet', which can be "
                           f"simulated for longer). Give its tables with --canonical FOLDER.")
    params["simulate"] |= {"machines": min(MOST_MACHINES, params["simulate"]["machines"]),
                           "days": params["simulate"]["days"] + EXTRA_DAYS}
    file, contract = folder / "params.yaml", "datasets/demo_fleet.yaml"
    file.write_text(yaml.safe_dump(params), encoding="utf-8")
    (folder / "live").mkdir()           # no months that a service has collected
    for stage, *words in (("simulate", contract, folder / "raw"),
                          ("ingest", contract, folder / "raw", folder / "live", folder / "canonical")):
        command = [sys.executable, "-P", f"src/stages/{stage}.py", *map(str, words), "--params", str(file)]
        done = subprocess.run(command, env=os.environ | {"PYTHONPATH": "src"}, capture_output=True, text=True,
                              check=False)
        if done.returncode:
            raise RefusedError(f"{stage}: {done.stderr.strip()}")
    return folder / "canonical"


@dataclass
class Receiver:
    """Takes what Alertmanager sends to people."""

    port: int
    lines: queue.Queue[str] = field(default_factory=queue.Queue)
    known: dict[tuple[str, str], str] = field(default_factory=dict)

    def take(self, team: str, alert: dict[str, Any]) -> None:
        """Keep a line of what is new; Alertmanager sends all alerts of a group again when one of them changes."""
        key = team, alert["fingerprint"]
        if self.known.get(key, "resolved") != alert["status"]:
            name, text = alert["labels"]["alertname"], alert["annotations"]["summary"]
            self.lines.put(f"{team}: {name} {alert['status']}: {text}")
        self.known[key] = alert["status"]

    def start(self) -> http.server.ThreadingHTTPServer:
        """Listen until the server that is returned is shut down."""
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                for alert in body["alerts"]:
                    receiver.take(self.path.strip("/"), alert)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """The lines say it."""

        server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server


class Processes:
    """Programs that end together; each writes a log of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.running = folder, dict[str, subprocess.Popen[bytes]]()

    def start(self, name: str, *command: str | Path, **environment: str) -> None:
        """Start one in a session of its own, so that Ctrl-C reaches this script alone."""
        with (self.folder / f"{name}.log").open("wb") as log:
            self.running[name] = subprocess.Popen(command, env=os.environ | environment, stdin=subprocess.DEVNULL,
                                                  stdout=log, stderr=log, start_new_session=True)

    def check(self, *may_end: str) -> None:
        """RefusedError if one has ended."""
        for name, process in self.running.items():
            if process.poll() is not None and (process.returncode or name not in may_end):
                last = (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")[-1_000:]
                raise RefusedError(f"{name}: ended with exit code {process.returncode}. Its last words:\n{last}")

    def stop(self) -> None:
        """End all, the newest first."""
        for process in reversed(self.running.values()):
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        for process in self.running.values():
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def answers(url: str) -> bool:
    """Whether an address answers with 200."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:                     # urllib's errors are of this kind
        return False


def shown(service: str) -> dict[str, float]:
    """What /metrics shows now; nothing if it does not answer."""
    try:
        with urllib.request.urlopen(f"{service}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
    except OSError:
        return {}
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}


def decision(metrics: dict[str, float]) -> str:
    """The action of the newest decision; empty before the first."""
    return next((re.findall(r'"(\w+)"', name)[0] for name, value in metrics.items()
                 if name.startswith("oilcan_decision_info") and value == 1), "")


def played_from(canonical: Path, days: float) -> float:
    """Time of the reading after which the replay is at its speed, in seconds."""
    times = pd.read_parquet(canonical / "telemetry", columns=["time"])["time"]
    return float((times.max() - pd.Timedelta(days=days)).timestamp())


def start_all(args: argparse.Namespace, ports: Ports, folder: Path, processes: Processes) -> None:
    """Start the four programs, each when what it needs is there."""
    service = f"http://127.0.0.1:{ports.service}"
    oilcan = Path(sys.executable).with_name("oilcan")
    configure(folder, ports)
    processes.start("prometheus", "prometheus", f"--config.file={folder}/prometheus.yml",
                    f"--storage.tsdb.path={folder}/prometheus", f"--web.listen-address=127.0.0.1:{ports.prometheus}")
    processes.start("alertmanager", "prometheus-alertmanager", f"--config.file={folder}/alertmanager.yml",
                    f"--storage.path={folder}/alertmanager", f"--web.listen-address=127.0.0.1:{ports.alertmanager}",
                    "--cluster.listen-address=")
    processes.start("service", oilcan, "serve", "--bundle", args.bundle, "--clock", "data", "--port",
                    str(ports.service), "--store", f"sqlite:///{folder}/service.db", "--accept-rejected",
                    OILCAN_RATE_PER_S="0")
    canonical = args.canonical or longer_fleet(folder)
    for url in (f"{service}/readyz", f"http://127.0.0.1:{ports.prometheus}/-/ready",
                f"http://127.0.0.1:{ports.alertmanager}/-/ready"):
        while not answers(url):
            processes.check()
            time.sleep(0.1)
    processes.start("replay", oilcan, "replay-stream", "--url", service, "--data", canonical, "--days", str(args.days),
                    "--speed", str(args.speed), "--drift", args.drift, "--drift-machines", str(args.drift_machines),
                    "--drift-while", folder / "drift")
    start = played_from(canonical, args.days)
    while shown(service).get("oilcan_newest_reading_timestamp_seconds", 0.0) <= start:
        processes.check()
        time.sleep(0.5)


def _typed() -> Iterator[None]:
    for _ in sys.stdin:
        yield None


def watch(ports: Ports, folder: Path, processes: Processes, lines: "queue.Queue[str]") -> None:
    """Print what arrives; Enter switches the drift."""
    switch, known, service = folder / "drift", "", f"http://127.0.0.1:{ports.service}"

    def toggle() -> None:
        for _ in _typed():
            is_on = not switch.exists()
            switch.touch() if is_on else switch.unlink()
            lines.put(f"the drift is {'on' if is_on else 'off'}")

    threading.Thread(target=toggle, daemon=True).start()
    while True:
        processes.check("replay")
        with contextlib.suppress(queue.Empty):
            print(f"{time.strftime('%H:%M:%S')}  {lines.get(timeout=0.5)}", flush=True)
        newest = decision(shown(service)) or known
        if newest != known:
            known = newest
            print(f"{time.strftime('%H:%M:%S')}  decision: {newest}", flush=True)


def parse() -> argparse.Namespace:
    """Options; the defaults are those of `make watch`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, default=Path("models/bundle"))
    parser.add_argument("--canonical", type=Path, help="tables to play (default: the demo fleet, simulated for longer)")
    parser.add_argument("--days", type=float, default=float(EXTRA_DAYS), help="how much is played (%(default)g)")
    parser.add_argument("--speed", type=float, default=60_480.0,
                        help="seconds of the fleet in a second (%(default)g: a week in ten seconds)")
    parser.add_argument("--drift", default="vibration_mm_s+1.5")
    parser.add_argument("--drift-machines", type=float, default=0.6)
    parser.add_argument("--folder", type=Path, default=Path(".oilcan/watch"))
    parser.add_argument("--ports", type=int, nargs=4, default=[8080, 9090, 9093, 9094],
                        metavar=("SERVICE", "PROMETHEUS", "ALERTMANAGER", "RECEIVER"))
    return parser.parse_args()


def run(args: argparse.Namespace) -> None:
    """All of it, until it is interrupted."""
    missing = [package for program, package in PROGRAMS.items() if shutil.which(program) is None]
    if missing:
        raise RefusedError(f"make watch: a program is missing (wanted {' and '.join(PROGRAMS)}). Run `apt-get install "
                      f"{' '.join(missing)}`.")
    if not (args.bundle / "manifest.json").is_file():
        raise RefusedError(f"{args.bundle}: is not a bundle. Run `make repro`.")
    ports, folder = Ports(*args.ports), args.folder.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    processes, receiver = Processes(folder), Receiver(ports.receiver)
    server = receiver.start()
    try:
        print("starting; the history is simulated and sent first", flush=True)
        start_all(args, ports, folder, processes)
        print(f"service http://127.0.0.1:{ports.service}  Prometheus http://127.0.0.1:{ports.prometheus}/alerts  "
              f"Alertmanager http://127.0.0.1:{ports.alertmanager}\nEnter switches the drift on and off "
              f"({args.drift} on {args.drift_machines:.0%} of the machines), Ctrl-C ends.", flush=True)
        watch(ports, folder, processes, receiver.lines)
    finally:
        processes.stop()
        server.shutdown()


def main() -> None:
    """Run; SIGTERM ends it as Ctrl-C does."""
    for number in (signal.SIGINT, signal.SIGTERM):      # a shell starts what runs in the background without SIGINT
        signal.signal(number, signal.default_int_handler)
    try:
        run(parse())
    except KeyboardInterrupt:
        print("ended")
    except (RefusedError, OSError) as err:
        sys.exit(f"error: {err}")


if __name__ == "__main__":
    main()
