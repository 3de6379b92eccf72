"""Readings and feedback in, the new risk of each machine out."""

from starlette.requests import Request
from starlette.responses import Response

from oilcan.io.stores.values import RecordTable
from oilcan.serving.ground.refusal import answer
from oilcan.serving.http import documents
from oilcan.serving.http.door import BODY
from oilcan.serving.routes.services import DirectRoute, service_of


async def telemetry(request: Request) -> Response:
    """Store readings, each machine and time once, and answer with the new risks."""
    return answer(await service_of(request).of_machines().take_readings(request.scope[BODY]))


async def errors(request: Request) -> Response:
    """Store errors that did not stop a machine."""
    return await _records(request, "errors")


async def maintenance(request: Request) -> Response:
    """Store maintenance that was done."""
    return await _records(request, "maintenance")


async def failures(request: Request) -> Response:
    """Store failures; they become labels."""
    return await _records(request, "failures")


async def machines(request: Request) -> Response:
    """Store what does not change of machines: model, site, day of commissioning."""
    return answer(await service_of(request).of_machines().put_machines(request.scope[BODY]))


async def _records(request: Request, table: RecordTable) -> Response:
    return answer(await service_of(request).of_machines().take_records(table, request.scope[BODY]))


ROUTES = [
    DirectRoute("/v1/machines", machines, methods=["POST"],
                **documents.of("described", machines.__doc__ or "", body="machines", refusals=(404, 503))),
    DirectRoute("/v1/telemetry", telemetry, methods=["POST"],
                **documents.of("taken", "Store readings; the new risks.", body="telemetry", refusals=(404, 503))),
    *(DirectRoute(f"/v1/{call.__name__}", call, methods=["POST"],
                  **documents.of("noted", call.__doc__ or "", body=call.__name__, refusals=(404, 503)))
      for call in (errors, maintenance, failures)),
]
