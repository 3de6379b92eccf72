"""notifications.yaml as a service reads it: the rules, and the secrets that the environment has for them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from oilcan.ground.errors import ParamsError, bullet_list
from oilcan.ground.section import section
from oilcan.io.stage.stage_inputs import read_yaml
from oilcan.params.operating.notifications import Notifications, WebhookChannel


@dataclass(frozen=True)
class Secrets:
    """The password of the SMTP server and the secret of each webhook that has one; never shown."""

    smtp: str | None = field(default=None, repr=False)
    of_channel: Mapping[str, str] = field(default_factory=dict, repr=False)


def read_notifications(path: Path, environment: Mapping[str, str]) -> tuple[Notifications, Secrets]:
    """Rules and secrets.

    Raises
    ------
    ParamsError
        If the file is not valid, or the environment lacks a secret that it asks for; all breaches at once.
    """
    rules = section(Notifications, read_yaml(path), str(path))
    wanted = {name: f"OILCAN_NOTIFY_{name.upper()}" for name, channel in rules.channels.items()
              if isinstance(channel, WebhookChannel) and channel.needs_secret}
    missing = [f"{variable}: the secret of channel {name!r}" for name, variable in wanted.items()
               if not environment.get(variable)]
    needs_password = rules.smtp is not None and rules.smtp.user is not None
    if needs_password and not environment.get("OILCAN_SMTP_PASSWORD"):
        missing.append("OILCAN_SMTP_PASSWORD: the password of smtp.user")
    if missing:
        raise ParamsError(bullet_list(f"{path}: the environment lacks", missing))
    return rules, Secrets(environment.get("OILCAN_SMTP_PASSWORD") if needs_password else None,
                          {name: environment[variable] for name, variable in wanted.items()})
