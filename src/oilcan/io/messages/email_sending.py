"""An e-mail by a team's own SMTP server."""

import smtplib
import socket
import ssl
from collections.abc import Sequence
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final

from oilcan.ground.errors import OilcanError
from oilcan.params.operating.notifications import SmtpServer

_SECONDS: Final = 10.0          # for each answer of the server


def send_email(server: SmtpServer, password: str | None, to: Sequence[str], subject: str, text: str, *, key: str,
               at: datetime) -> None:
    """Hand an e-mail to the server; when it returns, the server has taken it for every address.

    Parameters
    ----------
    key
        The same at every attempt; it becomes the `Message-ID`, by which mail programs drop a repetition.
    at
        Moment of the message, with a time zone.

    Raises
    ------
    OilcanError
        If the server does not take it. No address is named: the message may be shown to others.
    """
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = server.sender, ", ".join(to), subject
    message["Date"], message["Message-ID"] = format_datetime(at), f"<{key}@{server.sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    try:
        with _connected(server, password) as connection:
            refused = connection.send_message(message, server.sender, list(to))
    except smtplib.SMTPRecipientsRefused as err:
        codes = sorted({code for code, _ in err.recipients.values()})
        raise OilcanError(_failure(server, f"it refuses all {len(to)} addresses with {codes}")) from None
    except smtplib.SMTPResponseException as err:
        raise OilcanError(_failure(server, f"it answers {err.smtp_code} ({type(err).__name__})")) from None
    except (OSError, smtplib.SMTPException) as err:
        raise OilcanError(_failure(server, f"{type(err).__name__}")) from None
    if refused:
        raise OilcanError(_failure(server, f"it refuses {len(refused)} of {len(to)} addresses"))


def _connected(server: SmtpServer, password: str | None) -> smtplib.SMTP:
    name = socket.gethostname()         # smtplib would ask the DNS for it, without a limit of time
    if server.security == "tls":
        connection: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, name, timeout=_SECONDS,
                                                    context=ssl.create_default_context())
    else:
        connection = smtplib.SMTP(server.host, server.port, name, timeout=_SECONDS)
    try:
        if server.security == "starttls":
            connection.starttls(context=ssl.create_default_context())
        if server.user is not None:
            connection.login(server.user, password or "")
    except BaseException:
        connection.close()
        raise
    return connection


def _failure(server: SmtpServer, what: str) -> str:
    return f"smtp {server.host}:{server.port}: did not take the message ({what}). It is tried again"
