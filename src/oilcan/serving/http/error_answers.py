"""What an error means to the client: every kind of it as a refusal with its status."""

import logging
from typing import Final

from starlette.responses import Response

from oilcan.ground.errors import StoreError
from oilcan.serving.ground.refusal import Refusal, answer

_LOG: Final = logging.getLogger("oilcan")


def answer_to(err: Exception) -> Response:
    """The answer to a request that ended in an error.

    A store that cannot be used, for whatever reason, is 503: the request may be right, and can be sent again. Anything
    that is not one of our refusals is a defect of the service: 500, with the trace in the log and never in the answer.

    Examples
    --------
    >>> answer_to(StoreError("service.db: is locked.")).status_code
    503
    """
    refusal = err if isinstance(err, Refusal) else _refusal_of(err)
    return answer(refusal.content, refusal.status, refusal.headers)


def _refusal_of(err: Exception) -> Refusal:
    if isinstance(err, StoreError):
        _LOG.info("a request was refused: %s", err)       # who watches the store warns, once
        return Refusal(503, "store", found="no answer", wanted="a store that can read and write",
                       do="Send it again after a moment; sent twice it counts once.", headers={"Retry-After": "2"})
    _LOG.error("a request ended in a defect of the service", exc_info=err)
    return Refusal(500, "service", found="a defect of the service", wanted="an answer",
                   do="Report it with the server's log.")
