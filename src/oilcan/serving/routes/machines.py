"""The fleet by risk, one machine, the alarms, one forecast of the log."""

from typing import Annotated, Literal

import pydantic
from fastapi import Query
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from oilcan.io.stores.databases.text_limits import LONGEST
from oilcan.io.stores.tables.alarm_table import FINDINGS
from oilcan.serving.bodies.json_rows import kind_of, read_body
from oilcan.serving.ground.refusal import Refusal, answer, shown
from oilcan.serving.http import documents
from oilcan.serving.http.door import BODY, CALLER
from oilcan.serving.live.live_service import wall_clock
from oilcan.serving.live.machine_views import shown_alarm, shown_delivery
from oilcan.serving.routes.services import DirectRoute, service_of
from oilcan.serving.watch.fault_words import shown_faults

_COMMENT = 2_000            # characters at most
_LARGEST = 2**63 - 1        # id
_DIGITS = 19                # of it
_FLUSH_S = 1.0              # longest wait for forecasts to be written; the store may be slow or away


class Asked(pydantic.BaseModel):
    """Query parameters: no unknown ones."""

    model_config = pydantic.ConfigDict(extra="forbid")


class FleetAsked(Asked):
    """Which page of which machines."""

    alarm: bool | None = pydantic.Field(default=None, description="Only machines with an open alarm, or without")
    filter: list[str] = pydantic.Field(default=[], max_length=10, description="column:value of the machines table")
    page: int = pydantic.Field(default=1, ge=1, le=1_000_000)
    size: int = pydantic.Field(default=50, ge=1, le=500)


class PastAsked(Asked):
    """How far back."""

    since: str | None = pydantic.Field(default=None, max_length=40, description="Earliest moment of the history")


class AlarmsAsked(Asked):
    """Which alarms."""

    state: Literal["open", "all"] = "open"
    machine_id: str | None = pydantic.Field(default=None, max_length=LONGEST)
    limit: int = pydantic.Field(default=200, ge=1, le=1_000)


class DeliveriesAsked(Asked):
    """How many messages."""

    limit: int = pydantic.Field(default=100, ge=1, le=1_000)


async def machines(request: Request, asked: Annotated[FleetAsked, Query()]) -> Response:
    """The fleet, the riskiest machine first."""
    live = service_of(request).of_machines()
    filters = dict(_filter(text) for text in asked.filter)

    return answer(await live.fleet(filters=filters, alarm=asked.alarm, page=asked.page, size=asked.size))


async def machine(request: Request, machine_id: str, asked: Annotated[PastAsked, Query()]) -> Response:
    """All that is known of one machine."""
    service = service_of(request)
    live = service.of_machines()
    if machine_id not in live.engine.board.slot:
        raise Refusal(404, "path.machine_id", found=repr(machine_id[:200]), wanted="a machine that has sent readings",
                      do="GET /v1/machines lists them.")
    since = live.moments.parse(asked.since, "query.since")
    await service.ask(lambda: service.log.flush(_FLUSH_S))      # so that the newest forecast is in the history
    faults = shown_faults(service.watch.known.faults.get(machine_id, ()), service.served.bundle.contract)
    return answer(await live.machine(machine_id, since) | {"faults": faults})


async def alarms(request: Request, asked: Annotated[AlarmsAsked, Query()]) -> Response:
    """Alarms, the newest first."""
    service = service_of(request)
    live = service.of_machines()
    listed = await service.ask(lambda: live.store.alarms(
        machine_id=asked.machine_id, open_only=asked.state == "open", limit=asked.limit))
    return answer(service.served.stamp() | {"alarms": [shown_alarm(alarm, live.moments) for alarm in listed]})


async def deliveries(request: Request, asked: Annotated[DeliveriesAsked, Query()]) -> Response:
    """Messages about alarms, the newest first."""
    service = service_of(request)
    live = service.of_machines()
    newest = await service.ask(lambda: live.store.notices.newest(asked.limit))
    return answer(service.served.stamp() | {"deliveries": [shown_delivery(each) for each in newest]})


async def acknowledge(request: Request) -> Response:
    """Say that an alarm was seen, what was found at the machine, and a comment."""
    service = service_of(request)
    live = service.of_machines()
    body = read_body(request.scope[BODY], ("comment", "finding"))
    comment, finding = body.get("comment", ""), body.get("finding")
    if type(comment) is not str or len(comment) > _COMMENT:
        raise Refusal(422, "body.comment", found=kind_of(comment), wanted=f"a text of at most {_COMMENT:,} characters",
                      do="Shorten it.")
    if finding is not None and (type(finding) is not str or finding not in FINDINGS):
        raise Refusal(422, "body.finding", found=shown(finding, 40) if type(finding) is str else kind_of(finding),
                      wanted=f"one of {list(FINDINGS)}, or none",
                      do="Say what was found at the machine: worn, sound, or that nobody looked.")
    number = _number(request.path_params["alarm_id"], "path.alarm_id")
    alarm = await service.ask(lambda: live.store.acknowledge(
        number, request.scope[CALLER].name, wall_clock(), comment, finding))
    if alarm is None:
        raise Refusal(404, "path.alarm_id", found=str(number), wanted="an alarm of GET /v1/alarms",
                      do="Look at the list again.")
    return answer(service.served.stamp() | {"alarm": shown_alarm(alarm, live.moments)})


async def forecast(request: Request, forecast_id: str) -> Response:
    """A forecast of the log, and where it comes from."""
    service = service_of(request)
    number = _number(forecast_id, "path.forecast_id")
    await service.ask(lambda: service.log.flush(_FLUSH_S))
    logged = await service.ask(lambda: service.store.forecast(number))
    if logged is None:
        raise Refusal(404, "path.forecast_id", found=forecast_id[:40], wanted="a forecast that is still kept",
                      do="Forecasts older than the retention are gone.")
    return answer(service.served.stamp() | {"forecast": await service.ask(lambda: service.traced(logged))})


def _filter(text: str) -> tuple[str, str]:
    column, colon, value = text.partition(":")
    if not colon:
        raise Refusal(422, "query.filter", found=repr(text[:60]), wanted="column:value", do="For example site:north.")
    return column, value


def _number(text: str, where: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS and int(text) <= _LARGEST):
        raise Refusal(422, where, found=repr(text[:40]), wanted=f"a whole number up to {_LARGEST}",
                      do="Use an id that the service has given.")
    return int(text)


ROUTES = [
    APIRoute("/v1/machines", machines, methods=["GET"],
             **documents.of("fleet", "The fleet, the riskiest machine first.", refusals=(404, 422, 503))),
    APIRoute("/v1/machines/{machine_id:path}", machine, methods=["GET"],
             **documents.of("machine", "All that is known of one machine.", refusals=(404, 422, 503))),
    APIRoute("/v1/alarms", alarms, methods=["GET"],
             **documents.of("alarms", "Alarms, the newest first.", refusals=(404, 422, 503))),
    APIRoute("/v1/deliveries", deliveries, methods=["GET"],
             **documents.of("deliveries", deliveries.__doc__ or "", refusals=(404, 422, 503))),
    DirectRoute("/v1/alarms/{alarm_id}/acknowledge", acknowledge, methods=["POST"],
                **documents.of("acknowledged", "Say that an alarm was seen, what was found, and a comment.",
                               body="acknowledge",
                               refusals=(404, 503), path=("alarm_id",))),
    APIRoute("/v1/forecasts/{forecast_id}", forecast, methods=["GET"],
             **documents.of("logged", "A forecast of the log, and where it comes from.", refusals=(404, 422, 503))),
]
