"""What a deployment chooses: OILCAN_* environment variables, overruled by options of `oilcan serve`."""

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

import pydantic

from oilcan.ground.errors import ParamsError, bullet_list
from oilcan.ground.section import breaches
from oilcan.io.stores import DEFAULT_URL

PREFIX: Final = "OILCAN_"


class ServiceSettings(pydantic.BaseModel):
    """Immutable, no unknown keys; texts from the environment are read as the type of their field."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    bundle: Path = Path("models/bundle")                    # folder of the bundle to start with
    bundles: Path | None = None                             # folder that bundles may be activated from; None: beside it
    monitoring: Path | None = None                          # a monitoring.yaml; None: the rules in the bundle
    notifications: Path | None = None                       # a notifications.yaml; None: alarms stay on the page
    bundle_source: str | None = None                        # bundles by digest: folder, https://..., dvc:REPOSITORY
    store: str = DEFAULT_URL                                # sqlite:///path or postgresql://user@host/name
    signers: Path | None = None                             # who may sign bundles; None: a bundle needs no signature
    accept_rejected: bool = False                           # serve a model that the gate held or rejected
    host: str = "127.0.0.1"
    port: int = pydantic.Field(default=8080, ge=1, le=65535)
    tls_certificate: Path | None = None                     # PEM, with `tls_key`
    tls_key: Path | None = None
    require_keys: bool = False                              # closed on loopback too, with or without a key
    metrics_open: bool = False                              # /metrics without a key: for a scraper behind a firewall
    known_machines_only: bool = False                       # refuse machines the store does not know
    max_machines: int = pydantic.Field(default=5_000, ge=1)
    max_body_bytes: int = pydantic.Field(default=16 * 2**20, ge=1024)
    max_rows: int = pydantic.Field(default=20_000, ge=1)    # of one batch
    rate_per_s: float = pydantic.Field(default=1_000, ge=0)  # requests of one key (or address); 0: no limit
    header_timeout_s: float = pydantic.Field(default=15, gt=0, le=3600)     # a connection without a request ends
    body_timeout_s: float = pydantic.Field(default=20, gt=0, le=3600)       # a body that comes, an answer that is read
    max_connections: int = pydantic.Field(default=512, ge=8, le=100_000)    # more wait for one to end
    clock_skew_s: float = pydantic.Field(default=300, ge=0)  # readings may be this far ahead of our clock
    clock: Literal["wall", "data"] = "wall"                 # data: now is the newest reading, for replays
    snapshot_every_s: float = pydantic.Field(default=60, gt=0)
    retention_days: float = pydantic.Field(default=0, ge=0)  # of readings and forecasts; 0 keeps all

    @pydantic.model_validator(mode="after")
    def _tls_is_whole(self) -> "ServiceSettings":
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key go together (found one, wanted both or none)")
        return self

    @property
    def is_loopback(self) -> bool:
        """Whether nobody but this computer can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def read_settings(environment: Mapping[str, str], **options: Any) -> ServiceSettings:
    """Settings from the environment; options that are not None overrule it.

    Raises
    ------
    ParamsError
        If a value is wrong; all breaches at once, by the name of their variable.

    Examples
    --------
    >>> read_settings({"OILCAN_PORT": "9000", "HOME": "/"}, host=None).port
    9000
    """
    known = {PREFIX + name.upper(): name for name in ServiceSettings.model_fields}
    values: dict[str, Any] = {known[key]: value for key, value in environment.items() if key in known}
    values |= {name: value for name, value in options.items() if value is not None}
    try:
        return ServiceSettings(**values)
    except pydantic.ValidationError as err:
        raise ParamsError(bullet_list("settings of the service are not valid (options, or OILCAN_* in the environment)",
                                      breaches(err))) from None
