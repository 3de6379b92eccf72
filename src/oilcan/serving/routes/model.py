"""GET /v1/model: what is in service, and where it comes from."""

from starlette.requests import Request
from starlette.responses import Response

from oilcan.serving import documents
from oilcan.serving.refusal import answer
from oilcan.serving.routes.direct import DirectRoute, service_of


async def model(request: Request) -> Response:
    """The model's card."""
    return answer(service_of(request).card())


ROUTES = [
    DirectRoute("/v1/model", model, methods=["GET"],
                **documents.of("model", "The model's card: lineage, forecasts, thresholds, features.")),
]
