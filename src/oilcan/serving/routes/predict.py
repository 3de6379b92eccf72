"""POST /v1/predict: forecasts for rows of features or a window of history; nothing is kept but the log."""

from starlette.requests import Request
from starlette.responses import Response

from oilcan.serving.ground.refusal import answer
from oilcan.serving.http import documents
from oilcan.serving.http.door import BODY
from oilcan.serving.routes.services import DirectRoute, service_of


async def predict(request: Request) -> Response:
    """Forecast rows of features, or a window of history."""
    return answer(await service_of(request).predictor.predict(request.scope[BODY]))


ROUTES = [
    DirectRoute("/v1/predict", predict, methods=["POST"],
                **documents.of("predictions", "Forecast rows of features, or a window of history.", body="predict")),
]
