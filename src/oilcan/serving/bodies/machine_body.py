"""The body of POST /v1/machines -> static columns of machines: model, site, day of commissioning."""

from collections.abc import Callable
from typing import Any, Final

from oilcan.contract import Column, Contract
from oilcan.ground.columns import MACHINE
from oilcan.serving.bodies.instants_json import InstantFormat
from oilcan.serving.bodies.json_rows import NAME, Row, is_name, kind_of, known_keys, read_body, row_list
from oilcan.serving.ground.refusal import Refusal

INSTANTS: Final = InstantFormat("instant")


class MachineReader:
    """Reads rows of the machines table of a contract; a wrong row refuses the whole body, for there are few."""

    def __init__(self, contract: Contract, max_rows: int) -> None:
        self._columns, self._max_rows = static_columns(contract), max_rows

    def read(self, body: bytes) -> dict[str, Row]:
        """Static columns by machine; null is left out.

        Raises
        ------
        Refusal
            If anything in it is not as the contract says.
        """
        return self.take(read_body(body, ("machines",)).get("machines"), "body.machines")

    def take(self, content: Any, where: str) -> dict[str, Row]:
        """Static columns of a list of rows; see `read`."""
        machines = {}
        for at, row in enumerate(row_list(content, where, self._max_rows)):
            here = f"{where}[{at}]"
            known_keys(row, (MACHINE, *self._columns), here)
            _check(row.get(MACHINE), is_name, NAME, f"{here}.{MACHINE}")
            for name, column in self._columns.items():
                if row.get(name) is not None:
                    _check(row[name], *_fit(column), f"{here}.{name}")
            machines[row[MACHINE]] = {name: row[name] for name in self._columns if row.get(name) is not None}
        return machines


def static_columns(contract: Contract) -> dict[str, Column]:
    """Columns of the machines table that may be kept."""
    listed = contract.tables["machines"].columns if "machines" in contract.tables else {}
    return {name: column for name, column in listed.items()
            if name != MACHINE and column.role != "ignore" and column.personal is None}


def _check(content: Any, is_right: Callable[[Any], bool], wanted: str, where: str) -> None:
    if not is_right(content):
        raise Refusal(422, where, found=kind_of(content), wanted=wanted, do="Fix it; nothing of the body was kept.")


def _fit(column: Column) -> tuple[Callable[[Any], bool], str]:
    """What a cell of a column must be, and how to say so."""
    if column.type == "text" and column.values is not None:
        return column.values.__contains__, f"one of {column.values}"
    return {
        "text": (is_name, NAME),
        "instant": (lambda content: INSTANTS.read(content) is not None, INSTANTS.wanted),
        "flag": (lambda content: type(content) is bool, "true or false"),
    }.get(column.type, (lambda content: type(content) in (int, float) and abs(content) < 1e300, "a number"))
