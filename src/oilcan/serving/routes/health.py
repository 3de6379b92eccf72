"""Is it alive, is it ready, what does Prometheus see?"""

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import Response

from oilcan.serving.ground.refusal import answer
from oilcan.serving.http import documents
from oilcan.serving.routes.services import DirectRoute, service_of


async def healthz(_request: Request) -> Response:
    """Alive: the process answers."""
    return answer({"status": "alive"})


async def readyz(request: Request) -> Response:
    """Ready: bundle proven, state restored."""
    service = service_of(request)
    waiting = service.waiting_for()
    status = {"status": "starting" if waiting else "ready", "waiting_for": waiting}
    return answer(status | service.served.stamp(), 503 if waiting else 200)


async def metrics(request: Request) -> Response:
    """Numbers for Prometheus."""
    return Response(service_of(request).metrics.text(), media_type=CONTENT_TYPE_LATEST)


ROUTES = [
    DirectRoute("/healthz", healthz, methods=["GET"],
                **documents.of("health", "Alive: the process answers.", open_to_all=True)),
    DirectRoute("/readyz", readyz, methods=["GET"],
                **documents.of("readiness", "Ready: bundle proven, state restored.", open_to_all=True,
                               also={503: "readiness"})),
    DirectRoute("/metrics", metrics, methods=["GET"], **documents.text("Numbers for Prometheus.", CONTENT_TYPE_LATEST)),
]
