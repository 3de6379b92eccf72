"""`oilcan gateway`: readings from MQTT and OPC UA, passed on to a running service."""

import argparse
import logging
import os
import signal
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any


def register(commands: Any) -> None:
    """Add `oilcan gateway`."""
    parser = commands.add_parser(
        "gateway", help="take readings from MQTT or OPC UA and pass them on to a running service",
        description="Take readings from an MQTT broker or an OPC UA server and pass them on to a running service. "
                    "What is acknowledged is stored, or on this disk until it is. docs/gateway.md describes the file; "
                    "the service's key is OILCAN_KEY.")
    parser.add_argument("rules", type=Path, metavar="FILE", help="gateway.yaml: the service, the sources, the mapping")
    parser.add_argument("--metrics-port", type=int, metavar="PORT", help="answer Prometheus at /metrics on this port")
    parser.add_argument("--metrics-host", default="127.0.0.1", metavar="HOST",
                        help="address of that port (%(default)s: this computer alone); it asks for no key")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run until a signal stops it."""
    from oilcan.gateway.running import Gateway
    from oilcan.ground.errors import from_extra
    from oilcan.ground.section import section
    from oilcan.io.stage.stage_inputs import read_yaml
    from oilcan.params.operating.gateway import GatewayRules

    rules = section(GatewayRules, read_yaml(args.rules), str(args.rules))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    gateway = Gateway(rules, os.environ, stop)
    with ExitStack() as opened:
        if args.metrics_port is not None:
            with from_extra("--metrics-port", "gateway"):
                from oilcan.gateway import gateway_metrics
            opened.enter_context(gateway_metrics.serving(gateway, args.metrics_host, args.metrics_port))
        gateway.run()
    return 0
