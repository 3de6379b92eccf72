"""The client's side of the service: a JSON body sent, its answer or one clear message."""

import http.client
import json
import ssl
import time
import urllib.parse
from collections.abc import Callable
from typing import Any, Final

from oilcan.ground.errors import DataError, OilcanError

_TRIES: Final = 60
_KEY: Final = " Commands take the key from the environment variable OILCAN_KEY."


class RefusedByService(OilcanError):  # noqa: N818 - the service's word for it
    """The service refuses a request.

    Attributes
    ----------
    status, where
        The status of the answer, and the place that it names; '' if it is not one of the service's own answers.
    """

    def __init__(self, message: str, status: int, where: str) -> None:
        super().__init__(message)
        self.status, self.where = status, where


class Api:
    """A running service over one kept connection; what it cannot take now is sent again.

    Parameters
    ----------
    url
        Of the service: http://127.0.0.1:8080. OpenSSL verifies https by the system's certificates, or by the file
        that the environment variable SSL_CERT_FILE names.
    key
        API key; None where the service is open.
    sleep
        Waits some seconds before the next try.
    tries
        How often it is asked before it counts as away.
    """

    def __init__(self, url: str, key: str | None, *, sleep: Callable[[float], None] = time.sleep,
                 tries: int = _TRIES) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise DataError(f"url: not the address of a service (found {url!r}). Write it as http://127.0.0.1:8080.")
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._url, self._sleep, self._tries = url, sleep, tries
        self._connection = kind(parts.hostname, parts.port, timeout=60)
        self._headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})

    def get(self, path: str) -> dict[str, Any]:
        """The answer to a question; raises as `post` does."""
        return self._ask("GET", path, None)

    def post(self, path: str, body: Any) -> dict[str, Any]:
        """The answer.

        Raises
        ------
        RefusedByService
            If the service refuses.
        OilcanError
            If it is not the one its certificate names, or does not answer for a minute.
        """
        return self._ask("POST", path, json.dumps(body, allow_nan=False).encode())

    def _ask(self, method: str, path: str, body: bytes | None) -> dict[str, Any]:
        for _ in range(self._tries):
            try:
                self._connection.request(method, path, body, self._headers)
                answer = self._connection.getresponse()
                content = answer.read()
            except ssl.SSLCertVerificationError as err:
                self._connection.close()
                raise OilcanError(f"{self._url}: its certificate is not trusted ({err.verify_message}). Name the file "
                                  f"of its authority in the environment variable SSL_CERT_FILE.") from err
            except (OSError, http.client.HTTPException):
                self._connection.close()
                self._sleep(1.0)
                continue
            if answer.status in {429, 503}:
                self._sleep(float(answer.headers.get("Retry-After", 1)))
                continue
            if answer.status >= 400:
                where, words = _refusal(content)
                raise RefusedByService(f"{self._url}{path}: refused with {answer.status}: {words}"
                                       + (_KEY if answer.status in {401, 403} else ""), answer.status, where)
            return dict(json.loads(content))
        raise OilcanError(f"{self._url}: no answer for {self._tries} tries. Start the service with `oilcan serve`.")

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()


def _refusal(content: bytes) -> tuple[str, str]:
    """The place that a refusal names, and the refusal in words; what came instead of one as it is."""
    try:
        error = json.loads(content)["error"]
        return str(error["where"]), f"{error['where']}: found {error['found']}, wanted {error['wanted']}. {error['do']}"
    except (ValueError, LookupError, TypeError):
        return "", f"{content[:500].decode(errors='replace')!r}. Ask who runs it."
