"""`oilcan serve`, settings from the environment, with one more route: POST /v1/empty answers without doing anything."""

import os

from starlette.requests import Request
from starlette.responses import Response

from oilcan.serving import server
from oilcan.serving.ground.refusal import answer
from oilcan.serving.ground.settings import read_settings
from oilcan.serving.routes.services import DirectRoute

make_app = server.make_app


async def empty(_request: Request) -> Response:
    """Nothing, behind the same door: the key, the rate, the whole body."""
    return answer({"status": "alive"})


def with_empty(settings):
    """The application with the empty route in front."""
    app = make_app(settings)
    app.router.routes.insert(0, DirectRoute("/v1/empty", empty, methods=["POST"]))
    return app


server.make_app = with_empty
server.serve(read_settings(os.environ))
