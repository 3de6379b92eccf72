"""GET /v1/model: what is in service, and where it comes from."""

from starlette.requests import Request
from starlette.responses import Response

from oilcan.serving import documents
from oilcan.serving.refusal import answer
from oilcan.serving.routes.direct import direct_router, service_of

router = direct_router()


@router.get("/v1/model", **documents.of("model", "The model's card: lineage, forecasts, thresholds, features."))
async def model(request: Request) -> Response:
    """The model's card."""
    return answer(service_of(request).card())
