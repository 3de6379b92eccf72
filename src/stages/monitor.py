"""Rows after the test part -> what has changed since the model was accepted.

Reads   the data-set contract (`split.until` ends the test part), data/canonical, models/bundle, models/reference,
        monitoring.yaml
Params  monitor
Writes  metrics/monitoring.json (five figures), metrics/detail/monitoring.json, reports/monitoring.html
An alert does not fail the stage: it is printed, and the exit code is 0. `oilcan monitor` has exit codes for alerts.
"""

from collections.abc import Sequence

from oilcan.io.stage import files, stage, stage_inputs
from oilcan.operations.watching import monitor
from oilcan.operations.watching.watched_model import MATERIAL, open_watch, read_rules
from oilcan.operations.watching.watched_tables import CanonicalTables
from oilcan.params.stages.monitor import MonitorParams
from oilcan.reports import monitoring_page


def main(argv: Sequence[str] | None = None) -> None:
    """Watch what the arguments name."""
    inputs = ("canonical", "bundle", "reference", "rules")
    args = stage.parse(__doc__, "contract", *inputs, "metrics", "details", "page", argv=argv)
    p = stage_inputs.read_params(MonitorParams, args.params, "monitor")
    contract = stage_inputs.read_contract(args.contract)
    rules = read_rules(args.rules)
    since = monitor.end_of_test(contract)

    report = None if since is None else monitor.watch_tables(
        open_watch(args.bundle, rules, args.reference / MATERIAL), CanonicalTables(args.canonical),
        since=since, until=None, machines_at_once=p.machines_at_once)

    files.write_json(report.metrics() if report else monitor.NOTHING, args.metrics)
    files.write_json(report.details() if report else {"verdict": monitor.NO_ROWS}, args.details)
    files.write_text(monitoring_page.render(report, contract), args.page)
    stage.report("monitor", verdict=report.verdict if report else monitor.NO_ROWS)


if __name__ == "__main__":
    stage.run(main)
