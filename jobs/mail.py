"""Letters: written as e-mail and handed to a post office over SMTP, under TLS, in bounded time, at least once under one Message-ID."""

import hashlib
import smtplib
import ssl
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from urllib.parse import unquote, urlsplit

from app.core.errors import FankaError, UnavailableError
from app.core.settings import Settings

TIMEOUT_S = 5.0
"""For each step of the talk; there are fewer than ten, so that a letter is over before its lease is."""


class MailRefusedError(FankaError):
    """The post office will never take this letter: the address is wrong or closed."""

    status = 422
    code = "mail_refused"


@dataclass(frozen=True, slots=True)
class Letter:
    """One letter. `key` is its delivery's: the same key gives the same Message-ID, by which a receiver knows a repeat."""

    key: str
    to: str
    subject: str
    text: str
    leave: str = ""
    """The link by which the receiver hears no more; mail programs show it as a button (RFC 8058)."""


def message_id(key: str, sender: str) -> str:
    """The Message-ID of a delivery."""
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:40]}@{sender.rpartition('@')[2]}>"


def send_letter(settings: Settings, letter: Letter, *, now: datetime) -> str:
    """Hand a letter in; returns its Message-ID. Raises MailRefusedError for good, UnavailableError when another time may be better."""
    if settings.smtp_url is None:
        raise MailRefusedError("没有设置发信服务器 / no post office is set", code="no_post_office")
    written = _write(settings.smtp_from, letter, now=now)
    try:
        with _open(settings) as office:
            office.send_message(written, from_addr=settings.smtp_from, to_addrs=[letter.to])
    except smtplib.SMTPRecipientsRefused as error:
        _judge([code for code, _ in error.recipients.values()])
    except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
        _judge([error.smtp_code] if isinstance(error, smtplib.SMTPDataError) else [])
    except (OSError, smtplib.SMTPException) as error:
        raise UnavailableError(f"the post office did not take the letter: {type(error).__name__}", code="mail_away") from None
    return str(written["Message-ID"])


def _write(sender: str, letter: Letter, *, now: datetime) -> EmailMessage:
    made = EmailMessage(policy=SMTP)
    made["From"], made["To"], made["Subject"] = sender, letter.to, letter.subject
    made["Date"], made["Message-ID"] = format_datetime(now), message_id(letter.key, sender)
    made["Auto-Submitted"] = "auto-generated"
    if letter.leave:
        made["List-Unsubscribe"], made["List-Unsubscribe-Post"] = f"<{letter.leave}>", "List-Unsubscribe=One-Click"
    made.set_content(letter.text, cte="base64")
    return made


def _open(settings: Settings) -> smtplib.SMTP:
    """A talk with the post office, closed by `with`. Without TLS nothing is said to another machine (the settings see to it)."""
    assert settings.smtp_url is not None, "the caller looked"
    place = urlsplit(settings.smtp_url)
    host, port, own = place.hostname or "", place.port or 0, settings.smtp_from.rpartition("@")[2]
    secure = ssl.create_default_context()
    if place.scheme == "smtps":
        office: smtplib.SMTP = smtplib.SMTP_SSL(host, port, local_hostname=own, timeout=TIMEOUT_S, context=secure)
    else:
        office = smtplib.SMTP(host, port, local_hostname=own, timeout=TIMEOUT_S)
    try:
        if place.scheme == "smtp+starttls":
            office.starttls(context=secure)
        if place.username:
            office.login(unquote(place.username), unquote(place.password or ""))
    except BaseException:
        office.close()
        raise
    return office


def _judge(codes: list[int]) -> None:
    """A refusal by number: 5xx is for good, anything else may pass."""
    if codes and all(500 <= code < 600 for code in codes):
        raise MailRefusedError("收件地址不收信 / the address does not take letters") from None
    raise UnavailableError("the post office refused the letter for now", code="mail_away") from None
