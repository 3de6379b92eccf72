"""A JSON body posted to another system, and what it calls what it made of it."""

import hashlib
import hmac
import http.client
import json
import ssl
import urllib.parse
from collections.abc import Mapping
from typing import Any, Final

from oilcan.ground.errors import OilcanError

_SECONDS: Final = 10.0          # for each answer
_LARGEST: Final = 65_536        # bytes of an answer that are looked at


def post_json(url: str, content: Mapping[str, Any], *, key: str, authorization: str | None = None,
              signing: str | None = None, reference: str | None = None) -> str | None:
    """Post a body; when it returns, the receiver has answered with a status from 200 to 299. Redirects are refused.

    Parameters
    ----------
    key
        The same at every attempt; the header `Idempotency-Key`.
    signing
        Key of the header `X-Oilcan-Signature`, HMAC-SHA256 of the body in hex; None for no such header.
    reference
        Path in the JSON answer, such as `data.name`.

    Returns
    -------
    What stands at `reference`; None if nothing does.

    Raises
    ------
    OilcanError
        If the receiver does not answer so. Of the address only the host is named: the rest may be a secret.
    """
    body = json.dumps(content, allow_nan=False, ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "oilcan",
               "Idempotency-Key": key}
    if authorization is not None:
        headers["Authorization"] = authorization
    if signing is not None:
        headers["X-Oilcan-Signature"] = f"sha256={hmac.new(signing.encode(), body, hashlib.sha256).hexdigest()}"
    parts = urllib.parse.urlsplit(url)
    try:
        status, answer = _posted(parts, body, headers)
    except (OSError, ssl.SSLError, http.client.HTTPException, ValueError) as err:
        raise OilcanError(f"webhook {parts.hostname}: does not answer ({type(err).__name__}). It is tried again"
                          ) from None
    if not 200 <= status < 300:
        raise OilcanError(f"webhook {parts.hostname}: answers {status} (wanted 200 to 299). It is tried again")
    return _at(answer, reference) if reference else None


def _posted(parts: urllib.parse.SplitResult, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("no address")
    connection = (http.client.HTTPSConnection(parts.hostname, parts.port, timeout=_SECONDS,
                                              context=ssl.create_default_context())
                  if parts.scheme == "https" else
                  http.client.HTTPConnection(parts.hostname, parts.port, timeout=_SECONDS))
    try:
        target = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
        connection.request("POST", target, body, dict(headers))
        answer = connection.getresponse()
        return answer.status, answer.read(_LARGEST)
    finally:
        connection.close()


def _at(answer: bytes, path: str) -> str | None:
    """What stands at a path of a JSON answer.

    Examples
    --------
    >>> _at(b'{"data": {"name": "WO-7"}}', "data.name"), _at(b"thanks", "data.name")
    ('WO-7', None)
    """
    try:
        found = json.loads(answer)
        for step in path.split("."):
            found = found[step]
    except (ValueError, LookupError, TypeError):
        return None
    return str(found) if isinstance(found, str | int) else None
