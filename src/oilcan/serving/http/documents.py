"""How a route appears in the OpenAPI document: body, answers, refusals; their schemas are in `api_schemas`."""

from collections.abc import Mapping
from typing import Any, Final

_REFUSALS: Final = {
    400: "The body is not JSON, or did not arrive whole.",
    401: "No key, or one that is unknown or revoked.",
    403: "The key's scope is not enough.",
    404: "There is no such thing.",
    408: "The body took too long to arrive.",
    409: "It cannot be done now.",
    413: "The body or the batch is too large.",
    415: "The body is not declared as JSON.",
    422: "The request breaks the contract; nothing of it was kept.",
    429: "Too many requests; Retry-After says how long to wait.",
    503: "The service cannot answer now; Retry-After says when to try again.",
}
_OF_A_BODY: Final = (400, 408, 413, 415, 422)
Document = dict[str, Any]


def of(answer: str, summary: str, *, body: str | None = None, refusals: tuple[int, ...] = (),
       also: Mapping[int, str] | None = None, path: tuple[str, ...] = (), open_to_all: bool = False) -> Document:
    """Keyword arguments of a FastAPI route.

    Parameters
    ----------
    answer, body
        Names of schemas, of the answer 200 and of the body.
    refusals
        Status codes of refusals beside those every route of its kind may give.
    also
        Other status codes with an answer of a schema of their own.
    path
        Parameters in the path that FastAPI does not see.
    open_to_all
        No key is wanted.
    """
    codes = {*refusals, *(_OF_A_BODY if body else ()), *(() if open_to_all else (401, 403, 429, 503))}
    responses = {200: _answer("Done.", answer)}
    responses |= {code: _answer(_REFUSALS[code], "refusal") for code in sorted(codes)}
    responses |= {code: _answer(_REFUSALS[code], schema) for code, schema in (also or {}).items()}
    extra: Document = {"security": [] if open_to_all else [{"key": []}]}
    if body:
        extra["requestBody"] = {"required": True, "content": _json(body)}
    if path:
        extra["parameters"] = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
                               for name in path]
    return {"summary": summary, "responses": responses, "openapi_extra": extra}


def text(summary: str, media_type: str) -> Document:
    """Keyword arguments of a route that answers with text."""
    document = of("refusal", summary)
    document["responses"][200] = {"description": "Done.", "content": {media_type: {"schema": {"type": "string"}}}}
    return document


def _answer(description: str, schema: str) -> Document:
    return {"description": description, "content": _json(schema)}


def _json(schema: str) -> Document:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
