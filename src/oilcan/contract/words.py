"""What a data-set contract may say: typed, strict, immutable.

Three shapes are written with these words alone: a fleet with event logs, run to failure, and
independent rows. `source_words.py` holds the words of `source`, `table_words.py` those of one
table; `rules.py` and `table_rules.py` hold the rules that span several entries.
"""

from typing import Any, Literal

import pydantic

from oilcan.contract.part import Part
from oilcan.contract.source_words import Source
from oilcan.contract.table_words import Column, Table
from oilcan.ground.durations import Duration, PositiveDuration
from oilcan.ground.errors import ContractError
from oilcan.ground.time_units import elapsed, length_unit


class Time(Part):
    """How time is counted: UTC instants, cycles, running time without a calendar, or not at all."""

    kind: Literal["instant", "cycle", "elapsed", "none"]
    unit: Literal["s", "min", "h"] = "h"            # elapsed: what the numbers of the files count
    zone: str = "UTC"                               # zone of raw instants that carry none
    period: PositiveDuration | None = None          # usual step between readings; absent: each machine has its own
    max_gap: PositiveDuration | None = None         # a longer step is a gap, not a rhythm

    @property
    def lengths(self) -> str:
        """Unit in which lengths of time are shown and named: `h`, `cycles`, `s`, `min` or `hours`."""
        return length_unit(self.kind, self.unit)

    def plain(self, moment: Any) -> str | float | int:
        """A canonical time for a JSON file: ISO 8601, running time in its unit, or the cycle."""
        if self.kind == "elapsed":
            return elapsed(moment.value // 1000, self.unit)
        return str(moment.isoformat()) if self.kind == "instant" else int(moment)


class Derived(Part):
    """A column computed from others of the same row: `torque_nm * speed_rpm * 2 * pi / 60`."""

    expression: str
    unit: str
    description: str


class Failures(Part):
    """Where failures are written down."""

    source: Literal["table", "flag", "end_of_life", "none"] = pydantic.Field(alias="from")
    column: str | None = None                       # flag: the telemetry column that is true in the last row
    mode: str = "failure"                           # flag, end_of_life: name of the one failure mode
    test_rul_files: list[str] = []                  # end_of_life: true RUL of test lives, a number a line


class Task(Part):
    """What is to be forecast."""

    kind: Literal["failure_within", "rul", "label", "class", "number"]
    horizon: PositiveDuration | None = None
    lead_time: Duration | None = None
    modes: bool = False                             # failure_within: also one forecast per failure mode
    cap: PositiveDuration | None = None             # rul
    column: str | None = None                       # label, class, number: what is to be forecast
    informational: bool = False                     # shown beside the others; the gate does not ask for it


class Rows(Part):
    """At which rows a forecast is made, and how far features look back."""

    stride: PositiveDuration | None = None
    windows: list[PositiveDuration] = []


class Split(Part):
    """How rows are parted into train, validation and test."""

    by: Literal["time", "machine", "row", "group", "given"]  # given: test_files are the test part
    validation: float | str                         # share of the span, machines or rows; or first instant
    test: float | str | None = None
    until: str | None = None                        # by time: first instant after the test part; from there on: watched
    gap: PositiveDuration | None = None             # absent: horizon + lead time
    unseen_machines: float = pydantic.Field(default=0.0, ge=0, lt=1)  # share kept for test alone (by time)
    test_rows: Literal["all", "last"] = "all"       # given: score every row of a test life or only its last


class Costs(Part):
    """What a wrong or right decision costs, in EUR per event."""

    missed_failure_eur: float = pydantic.Field(gt=0)
    false_alarm_eur: float = pydantic.Field(ge=0)
    planned_repair_eur: float = pydantic.Field(ge=0)


class Alarms(Part):
    """How many alarms a crew can follow."""

    per_week: int = pydantic.Field(ge=1)            # at most, in any trailing 7 days
    crew: str | None = None                         # column of `machines` whose values are the crews; absent: one crew


class Limits(Part):
    """Shares above which the data are refused; they belong to the data, not to the way they are looked at."""

    max_rejected_share: float = pydantic.Field(default=0.02, ge=0, le=1)     # of the records of any one table
    max_quarantined_share: float = pydantic.Field(default=0.05, ge=0, le=1)  # of the readings of any one sensor
    max_gap_share: float = pydantic.Field(default=0.2, ge=0, le=1)           # of the expected rows
    max_missing_share: float = pydantic.Field(default=0.5, ge=0, le=1)       # of the readings of any one sensor


class Contract(Part):
    """The whole adapter of one data set."""

    name: str = pydantic.Field(pattern=r"^[a-z][a-z0-9_]*$")
    version: int = pydantic.Field(ge=1)
    description: str
    source: Source
    time: Time
    tables: dict[Literal["telemetry", "errors", "maintenance", "failures", "machines", "labels", "truth"], Table]
    derived: dict[str, Derived] = {}
    failures: Failures
    tasks: dict[str, Task] = pydantic.Field(min_length=1)
    rows: Rows = Rows()
    split: Split
    costs: Costs = Costs(missed_failure_eur=1.0, false_alarm_eur=1.0, planned_repair_eur=1.0)    # see rules.py
    limits: Limits = Limits()
    refractory: PositiveDuration | None = None      # alarms of one machine this close count as one
    alarms: Alarms | None = None                    # absent: as many as the forecast raises
    slices: list[str] = []                          # columns of `machines` (or of independent rows) to report by
    rule_baseline: dict[str, float] = {}            # telemetry column -> limit; any above it alarms: a rule to beat

    def telemetry_columns(self, *roles: str) -> list[str]:
        """Names of telemetry columns with one of the roles, key, dropped and flag-failure columns left out."""
        hidden = {"machine_id", "time", self.failures.column}
        columns = self.tables["telemetry"].columns
        names = [
            name
            for name, column in columns.items()
            if name not in hidden and column.role in roles and column.personal != "drop"
        ]
        return names + (list(self.derived) if "sensor" in roles else [])

    def headline(self) -> tuple[str, Task]:
        """The first task that forecasts an event, else the first task: its name and text."""
        for name, task in self.tasks.items():
            if task.kind in {"failure_within", "label"}:
                return name, task
        return next(iter(self.tasks.items()))

    def label_column(self, column: str) -> Column | None:
        """The label column of that name in the telemetry or in the table `labels`; None if there is none."""
        for table in ("telemetry", "labels"):
            found = self.tables[table].columns.get(column) if table in self.tables else None
            if found is not None and (found.role == "label" or table == "labels"):
                return found
        return None

    def classes(self, task: str) -> list[str]:
        """Classes of a `class` task, in the order of its column's `values`."""
        column = self.label_column(str(self.tasks[task].column))
        return list(column.values or []) if column is not None else []

    @property
    def replaced_parts(self) -> tuple[str, ...]:
        """Components whose maintenance record begins a new reference for the machine, sorted."""
        table = self.tables.get("maintenance")
        return () if table is None else tuple(sorted(set(table.replaced)))

    def shortest_look_back(self) -> float:
        """Ticks of the shortest window of features; 1 without windows."""
        return min((window.ticks for window in self.rows.windows), default=1.0)

    def longest_look_ahead(self) -> float:
        """Ticks after a row until the last of its targets is decided; 0 for remaining life and without time."""
        return max((sum(each.ticks for each in (task.horizon, task.lead_time) if each is not None)
                    for task in self.tasks.values()), default=0.0)  # fmt: skip

    def look_ahead(self) -> tuple[float, float]:
        """Horizon and lead time of the headline task, in ticks; ContractError if it has none."""
        name, task = self.headline()
        if task.horizon is None or task.lead_time is None:
            raise ContractError(f"datasets/{self.name}.yaml: tasks.{name} is not of kind failure_within. Give it "
                                f"horizon and lead_time.")
        return task.horizon.ticks, task.lead_time.ticks
