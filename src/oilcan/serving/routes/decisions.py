"""Alerts in, the decision out; the decisions of before and what the monitoring says now."""

from typing import Annotated

import pydantic
from fastapi import Query
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from oilcan.serving.bodies.alertmanager_body import read_alerts
from oilcan.serving.ground.refusal import answer
from oilcan.serving.http import documents
from oilcan.serving.http.door import BODY, CALLER
from oilcan.serving.live.live_service import wall_clock
from oilcan.serving.routes.services import DirectRoute, service_of
from oilcan.serving.watch.alert_decision import decide_for, shown_decision, shown_watch


class DecisionsAsked(pydantic.BaseModel):
    """Which decisions."""

    model_config = pydantic.ConfigDict(extra="forbid")

    limit: int = pydantic.Field(default=20, ge=1, le=1_000)


async def alerts(request: Request) -> Response:
    """Decide on the model, if one of the alerts asks for it, and write the decision down."""
    service = service_of(request)
    group = read_alerts(request.scope[BODY])
    service.of_machines()
    by = request.scope[CALLER].name
    decision = await service.ask(lambda: decide_for(group, service.watch, service.store, by, wall_clock()))
    return answer(service.served.stamp() | {"decision": decision and shown_decision(decision),
                                            "calling": len(group.calling)})


async def decisions(request: Request, asked: Annotated[DecisionsAsked, Query()]) -> Response:
    """The newest decisions, and what the monitoring says now."""
    service = service_of(request)
    service.of_machines()
    newest = await service.ask(lambda: service.store.decisions.newest(asked.limit))
    return answer(service.served.stamp() | shown_watch(service.watch)
                  | {"decisions": [shown_decision(each) for each in newest]})


ROUTES = [
    DirectRoute("/v1/alerts", alerts, methods=["POST"],
                **documents.of("decided", alerts.__doc__ or "", body="alert_group", refusals=(404, 503))),
    APIRoute("/v1/decisions", decisions, methods=["GET"],
             **documents.of("decisions", decisions.__doc__ or "", refusals=(404, 422, 503))),
]
