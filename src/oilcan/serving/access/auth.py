"""Who may ask this? API keys by scope; open only on loopback and only while there is no key."""

from typing import Final

from oilcan.io.stores.key_scopes import includes
from oilcan.serving.access.key_ring import Caller, KeyRing
from oilcan.serving.ground.refusal import Refusal

PUBLIC: Final = frozenset({"/healthz", "/readyz", "/", "/openapi.json"})
OPEN: Final = Caller("open", "admin")
_LOCAL: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})


def needed_scope(method: str, path: str) -> str | None:
    """The scope a request needs; None if anybody may ask.

    Examples
    --------
    >>> needed_scope("GET", "/v1/machines"), needed_scope("POST", "/v1/telemetry")
    ('read', 'write')
    >>> needed_scope("POST", "/v1/predict"), needed_scope("POST", "/v1/model/rollback"), needed_scope("GET", "/healthz")
    ('read', 'admin', None)
    >>> needed_scope("POST", "/v1/alerts")
    'alerts'
    """
    if path in PUBLIC or path.startswith("/static/"):
        return None
    if method in {"GET", "HEAD"} or path == "/v1/predict":
        return "read"
    if path == "/v1/alerts":
        return "alerts"
    return "admin" if path.startswith("/v1/model/") else "write"


class Auth:
    """Checks the key of a request against the key ring.

    Parameters
    ----------
    may_be_open
        Whether requests without a key are served while there is no key: on loopback only.
    """

    def __init__(self, ring: KeyRing, *, may_be_open: bool) -> None:
        self._ring, self._may_be_open = ring, may_be_open

    async def check(self, scope: str, authorization: str | None, host: str | None) -> Caller:
        """The caller, if its key allows the scope.

        Parameters
        ----------
        authorization, host
            Headers of these names.

        Raises
        ------
        Refusal
            401 without a valid key, 403 if its scope is not enough or a page of another site asks an open service,
            503 if the store has not answered for so long that a revoked key could not be known.
        """
        if authorization is None and self._may_be_open and self._ring.is_empty():
            _refuse_foreign_name(host)
            return OPEN
        caller = await self._caller(authorization or "")
        if not includes(caller.scope, scope):
            raise Refusal(403, "header Authorization", found=f"a key of scope {caller.scope!r}",
                          wanted=f"scope {scope!r}", do="Use a key of that scope (`oilcan keys create`).")
        return caller

    async def _caller(self, authorization: str) -> Caller:
        kind, _, token = authorization.partition(" ")
        if kind.lower() != "bearer" or not token:
            raise _unknown("no key" if not authorization else "no Bearer key")
        caller = self._ring.caller(token) or await self._ring.caller_after_reading(token)
        if caller is None:
            raise _unknown("a key that is unknown or revoked")
        return caller


def _unknown(found: str) -> Refusal:
    return Refusal(401, "header Authorization", found=found, wanted="Bearer and a valid key",
                   do="Send `Authorization: Bearer KEY`; `oilcan keys create` makes one.",
                   headers={"WWW-Authenticate": "Bearer"})


def _refuse_foreign_name(host: str | None) -> None:
    """An open service answers to local names only, so that no web page can reach it under a name of its own."""
    name = (host or "").rpartition(":")[0] if not (host or "").endswith("]") and ":" in (host or "") else host
    if name not in _LOCAL:
        raise Refusal(403, "header Host", found=repr(host), wanted="127.0.0.1, localhost or [::1]",
                      do="Ask by that name, or create a key with `oilcan keys create`.")
