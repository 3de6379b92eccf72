"""The crew's page: files of this package, the same for everybody, without a key; all facts come from the API."""

import functools
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from oilcan.serving.ground.refusal import Refusal
from oilcan.serving.routes.services import DirectRoute

_FOLDER: Final = Path(__file__).parents[1] / "page"
_KINDS: Final = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@functools.cache
def _files() -> dict[str, tuple[bytes, str]]:
    """Name -> content and type of every file of the page, read once."""
    return {path.name: (path.read_bytes(), _KINDS[path.suffix]) for path in sorted(_FOLDER.iterdir())}


async def index(_request: Request) -> Response:
    """The page itself."""
    return _answer("index.html")


async def static(request: Request) -> Response:
    """What the page is made of: styles, scripts, icon."""
    return _answer(request.path_params["name"])


def _answer(name: str) -> Response:
    if name not in _files():
        raise Refusal(404, "path", found=repr(name), wanted="a file of the page", do="Open / for the page.")
    content, kind = _files()[name]
    return Response(content, media_type=kind)


ROUTES = [
    DirectRoute("/", index, methods=["GET"], include_in_schema=False),
    DirectRoute("/static/{name}", static, methods=["GET"], include_in_schema=False),
]
