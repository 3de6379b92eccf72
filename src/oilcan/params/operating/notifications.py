"""notifications.yaml: where alarms go besides the page, for each crew."""

import re
import zoneinfo
from typing import Annotated, Any, Final, Literal

import pydantic

from oilcan.ground.durations import PositiveDuration
from oilcan.ground.section import Section

Name = Annotated[str, pydantic.Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Clock = Annotated[str, pydantic.Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
OTHER_CREWS: Final = "*"        # crews that the file does not name; the only crew where the contract names none
FIELDS: Final = ("machine_id", "time", "opened_at", "p", "percent", "threshold", "task", "crew", "summary", "reasons",
                 "link", "alarm", "key")
PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")


def _zone(name: str) -> str:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("not a time zone of the IANA list, such as Europe/Berlin") from None
    return name


Zone = Annotated[str, pydantic.AfterValidator(_zone)]


class EmailChannel(Section):
    """A message to some addresses, by the server of `smtp`."""

    kind: Literal["email"]
    to: list[Annotated[str, pydantic.Field(pattern=r"^[^\s@,;<>]+@[^\s@,;<>]+$")]] = pydantic.Field(min_length=1)


class WebhookChannel(Section):
    """A JSON body posted to an address; `{secret}` is OILCAN_NOTIFY_<NAME> of the environment."""

    kind: Literal["webhook"]
    url: str = pydantic.Field(pattern=r"^(https?://\S+|\{secret\})$")
    authorization: str | None = None        # value of that header, for example "Bearer {secret}"
    signed: bool = False                    # header X-Oilcan-Signature: HMAC-SHA256 of the body, keyed by the secret
    body: dict[str, Any] | None = None      # one alarm in the receiver's own words; None: Oilcan's own form
    reference: str | None = None            # where the answer names what it made: data.name
    zone: Zone = "UTC"                      # of the times in `body`
    time_format: str = "%Y-%m-%dT%H:%M:%S%z"

    @property
    def needs_secret(self) -> bool:
        """Whether a value of the environment is asked for."""
        return self.signed or any("{secret}" in text for text in (self.url, self.authorization or ""))

    @pydantic.field_validator("body")
    @classmethod
    def _known_fields(cls, body: dict[str, Any] | None) -> dict[str, Any] | None:
        unknown = sorted({name for name in placeholders(body) if name not in FIELDS})
        if unknown:
            raise ValueError(f"unknown placeholders {unknown} (wanted some of {list(FIELDS)})")
        return body


class SmtpServer(Section):
    """The server that takes e-mails; the password of `user` is OILCAN_SMTP_PASSWORD of the environment."""

    host: str = pydantic.Field(min_length=1)
    port: int = pydantic.Field(ge=1, le=65535)
    security: Literal["starttls", "tls", "none"]
    user: str | None
    sender: str = pydantic.Field(pattern=r"^[^\s@,;<>]+@[^\s@,;<>]+$")


class QuietHours(Section):
    """Hours in which nobody is called; what comes then waits for their end."""

    begin: Clock
    end: Clock
    zone: Zone

    @pydantic.model_validator(mode="after")
    def _not_all_day(self) -> "QuietHours":
        if self.begin == self.end:
            raise ValueError(f"begin and end are the same (found {self.begin}): nobody would ever be called")
        return self


class Escalation(Section):
    """Who is called when nobody acknowledges; quiet hours do not count for it."""

    after: PositiveDuration                     # since the crew was due to be called
    channels: list[Name] = pydantic.Field(min_length=1)


class CrewRules(Section):
    """How one crew is called."""

    channels: list[Name] = pydantic.Field(min_length=1)
    digest: PositiveDuration | None             # alarms of so long in one message; None: each at once
    quiet: QuietHours | None
    escalation: Escalation | None
    work_orders: Name | None                    # channel of the maintenance system; each alarm at once, day and night


class RetryRules(Section):
    """What happens while a receiver does not take a message."""

    first: PositiveDuration                     # until the second attempt; doubled with each that follows
    longest: PositiveDuration
    give_up: PositiveDuration                   # since the message was due: then it counts as failed


class Notifications(Section):
    """The whole file."""

    link: str | None = pydantic.Field(pattern=r"^https?://\S+$")    # address of the crew's page, for the messages
    smtp: SmtpServer | None
    channels: dict[Name, Annotated[EmailChannel | WebhookChannel, pydantic.Field(discriminator="kind")]]
    crews: dict[str, CrewRules]
    retry: RetryRules

    def of_crew(self, crew: str) -> CrewRules:
        """The rules of a crew: its own, or those of `*`."""
        return self.crews.get(crew, self.crews[OTHER_CREWS])

    @pydantic.model_validator(mode="after")
    def _fits(self) -> "Notifications":
        faults = []
        if OTHER_CREWS not in self.crews:
            faults.append(f'crews: "{OTHER_CREWS}" is missing; an alarm of a crew that is not named would go nowhere')
        for crew, rules in self.crews.items():
            used = [*rules.channels, *(rules.escalation.channels if rules.escalation else ()),
                    *([rules.work_orders] if rules.work_orders else ())]
            faults += [f"crews.{crew}: channel {name!r} is not in channels (found {sorted(self.channels)})"
                       for name in sorted({name for name in used if name not in self.channels})]
            if rules.work_orders in self.channels and self.channels[rules.work_orders].kind != "webhook":
                faults.append(f"crews.{crew}.work_orders: {rules.work_orders!r} is an e-mail (wanted a webhook)")
        if self.smtp is None and any(channel.kind == "email" for channel in self.channels.values()):
            faults.append("smtp: is missing, and there are e-mail channels")
        if faults:
            raise ValueError("; ".join(faults))
        return self


def placeholders(content: Any) -> list[str]:
    """Names in braces, in all texts of a JSON value.

    Examples
    --------
    >>> placeholders({"asset": "{machine_id}", "notes": ["{p} of {threshold}", 1]})
    ['machine_id', 'p', 'threshold']
    """
    if isinstance(content, str):
        return PLACEHOLDER.findall(content)
    below = content.values() if isinstance(content, dict) else content if isinstance(content, list) else ()
    return [name for each in below for name in placeholders(each)]
