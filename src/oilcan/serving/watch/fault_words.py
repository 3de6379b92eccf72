"""A fault of a sensor in the words of the contract and the time of the plant, for whoever reads a forecast."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from oilcan.contract import Contract
from oilcan.serving.bodies.instants_json import utc

if TYPE_CHECKING:
    from oilcan.serving.watch.machine_faults import MachineFault


def shown_faults(faults: "Sequence[MachineFault]", contract: Contract) -> list[dict[str, Any]]:
    """Faults of one machine as JSON has them."""
    return [{"sensor": each.sensor, "fault": each.fault, "since": since_words(each.since, contract),
             "text": _sentence(each, since_words(each.since, contract))} for each in faults]


def since_words(since: int, contract: Contract) -> str:
    """A moment as people say it: `Tuesday 14 May 2024` in the plant's zone, or `cycle 120`."""
    if contract.time.kind != "instant":
        return f"cycle {since}"
    local = utc(since).astimezone(ZoneInfo(contract.time.zone))
    return f"{local:%A} {local.day} {local:%B %Y}"


def _sentence(each: "MachineFault", since: str) -> str:
    if each.fault == "silent":
        return f"{each.words} has given no usable value since {since}: this forecast rests on the other sensors."
    if each.fault == "stuck":
        return f"{each.words} has not moved since {since}: this forecast rests on a value that may be wrong."
    return (f"{each.words} seems to come in another unit since {since} ({each.units}): do not rely on this forecast "
            f"until that is corrected.")
