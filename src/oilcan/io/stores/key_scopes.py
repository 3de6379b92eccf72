"""What an API key may do: its scope, and which scopes one includes."""

from collections.abc import Mapping
from typing import Final, Literal, get_args

Scope = Literal["read", "write", "admin", "alerts"]
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)
_INCLUDES: Final[Mapping[Scope, frozenset[Scope]]] = {
    "read": frozenset({"read"}), "write": frozenset({"read", "write"}), "admin": frozenset(SCOPES),
    "alerts": frozenset({"alerts"}),            # Alertmanager may send alerts, and see nothing
}


def includes(scope: str, wanted: str) -> bool:
    """Whether a key of one scope may do what another one is for.

    Examples
    --------
    >>> includes("write", "read"), includes("write", "alerts"), includes("admin", "alerts")
    (True, False, True)
    """
    return wanted in _INCLUDES.get(scope, frozenset())  # type: ignore[call-overload]
