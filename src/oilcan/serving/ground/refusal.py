"""A refused request and its answer: {error: {where, found, wanted, do}}, never a stack trace."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response

from oilcan.ground.errors import OilcanError

JSON: Final = "application/json"
_MOST: Final = 100              # breaches listed in one answer


class Refusal(OilcanError):  # noqa: N818 - what it is: a request refused
    """A request that is not served, with the status of its answer.

    Parameters
    ----------
    where
        Part of the request that is wrong: `body.rows[3].time`, `header Authorization`.
    found, wanted
        What the request holds there, and what it should.
    do
        The remedy.
    headers
        Of the answer, e.g. Retry-After.
    breaches
        Everything that is wrong, one line each, where there may be more than the first.
    """

    def __init__(self, status: int, where: str, *, found: str, wanted: str, do: str,
                 headers: Mapping[str, str] | None = None, breaches: Sequence[str] = ()) -> None:
        super().__init__(f"{where}: found {found}, wanted {wanted}. {do}")
        self.status, self.headers = status, dict(headers or {})
        error: dict[str, Any] = {"where": where, "found": shown(found), "wanted": wanted, "do": do}
        if breaches:
            error["breaches"] = [shown(breach) for breach in breaches[:_MOST]]
        self.content = {"error": error}


def shown(found: str, longest: int = 200) -> str:
    """Text from outside, cut to a length that cannot flood a log or an answer.

    Examples
    --------
    >>> shown("x" * 300, 10)
    'xxxxxxxxxx...'
    """
    return found if len(found) <= longest else found[:longest] + "..."


def answer(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Content as JSON; NaN becomes null."""
    return Response(orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY), status, headers, JSON)


async def answer_refusal(_request: Request, refusal: Exception) -> Response:
    """A refusal as its answer."""
    assert isinstance(refusal, Refusal)  # noqa: S101  # for mypy: it is registered for this class alone
    return answer(refusal.content, refusal.status, refusal.headers)
