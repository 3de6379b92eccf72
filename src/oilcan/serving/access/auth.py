"""Who may ask this? API keys by scope; open only on loopback and only while there is no key."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from oilcan.io.stores.values import SCOPES
from oilcan.serving.ground.refusal import Refusal

PUBLIC: Final = frozenset({"/healthz", "/readyz", "/", "/openapi.json"})
_REFRESH_S: Final = 2.0                                     # a revoked key is noticed after this at the latest
_REMEMBERED: Final = 1_024
_LOCAL: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})


@dataclass(frozen=True)
class Caller:
    """Whom a request comes from: name of its key, or `open` where none is wanted."""

    name: str
    scope: str


OPEN: Final = Caller("open", "admin")


def needed_scope(method: str, path: str) -> str | None:
    """The scope a request needs; None if anybody may ask.

    Examples
    --------
    >>> needed_scope("GET", "/v1/machines"), needed_scope("POST", "/v1/telemetry")
    ('read', 'write')
    >>> needed_scope("POST", "/v1/predict"), needed_scope("POST", "/v1/model/rollback"), needed_scope("GET", "/healthz")
    ('read', 'admin', None)
    """
    if path in PUBLIC or path.startswith("/static/"):
        return None
    if method in {"GET", "HEAD"} or path == "/v1/predict":
        return "read"
    return "admin" if path.startswith("/v1/model/") else "write"


class Auth:
    """Checks keys, and remembers what the store said of them for two seconds.

    Parameters
    ----------
    find
        Secret -> caller, or None if there is no such key. The store compares hashes in constant time.
    has_keys
        Is there any key that is not revoked?
    may_be_open
        Whether requests without a key are served while there is no key: on loopback only.
    """

    def __init__(self, find: Callable[[str], Caller | None], has_keys: Callable[[], bool], *,
                 may_be_open: bool) -> None:
        self._find, self._has_keys, self._may_be_open = find, has_keys, may_be_open
        self._seen: dict[bytes, tuple[Caller | None, float]] = {}       # by hash: no secret stays in memory
        self._open_until, self._is_open = -1.0, False

    def is_open(self, now: float) -> bool:
        """Whether requests without a key are served."""
        if self._may_be_open and now >= self._open_until:
            self._is_open, self._open_until = not self._has_keys(), now + _REFRESH_S
        return self._is_open

    def check(self, scope: str, authorization: str | None, host: str | None, now: float) -> Caller:
        """Whom the request comes from, if it may ask this.

        Parameters
        ----------
        authorization, host
            Headers of these names.

        Raises
        ------
        Refusal
            401 without a valid key, 403 if its scope is not enough, or if a page of another site asks an open service.
        """
        if authorization is None and self.is_open(now):
            _refuse_foreign_name(host)
            return OPEN
        caller = self._caller(authorization or "", now)
        if SCOPES.index(caller.scope) < SCOPES.index(scope):
            raise Refusal(403, "header Authorization", found=f"a key of scope {caller.scope!r}",
                          wanted=f"scope {scope!r}", do="Use a key of that scope (`oilcan keys create`).")
        return caller

    def _caller(self, authorization: str, now: float) -> Caller:
        kind, _, secret = authorization.partition(" ")
        if kind.lower() != "bearer" or not secret:
            raise _unknown("no key" if not authorization else "no Bearer key")
        digest = hashlib.sha256(secret.encode()).digest()
        caller, until = self._seen.get(digest, (None, -1.0))
        if now >= until:
            caller = self._find(secret)
            if len(self._seen) >= _REMEMBERED:
                self._seen.clear()
            self._seen[digest] = caller, now + _REFRESH_S
        if caller is None:
            raise _unknown("a key that is unknown or revoked")
        return caller


def _unknown(found: str) -> Refusal:
    return Refusal(401, "header Authorization", found=found, wanted="Bearer and a valid key",
                   do="Send `Authorization: Bearer KEY`; `oilcan keys create` makes one.",
                   headers={"WWW-Authenticate": "Bearer"})


def _refuse_foreign_name(host: str | None) -> None:
    """An open service answers to its local names alone, so no web page can reach it by a name of its own."""
    name = (host or "").rpartition(":")[0] if not (host or "").endswith("]") and ":" in (host or "") else host
    if name not in _LOCAL:
        raise Refusal(403, "header Host", found=repr(host), wanted="127.0.0.1, localhost or [::1]",
                      do="Ask by that name, or create a key with `oilcan keys create`.")
