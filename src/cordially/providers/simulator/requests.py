"""The form of a create request, read as strictly as Twilio reads it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from .content import Content, read_variables
from .errors import ApiError
from .store import CHANNEL

Form = dict[str, list[str]]

_E164: Final = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
_SERVICE_SID: Final = re.compile(r"MG[0-9a-fA-F]{32}", re.ASCII)
_LONGEST_BODY: Final = 1600
_VALIDITY: Final = range(1, 36001)
# https://www.twilio.com/docs/messaging/features/message-scheduling (August 2026)
_SOONEST: Final = dt.timedelta(seconds=300)
_LATEST: Final = dt.timedelta(days=35)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A message that somebody may send."""

    to: str
    #: E.164
    sender: str
    #: None while a Messaging Service has still to choose one
    from_: str | None
    service_sid: str | None
    content: Content | None
    variables: dict[str, str]
    body: str
    num_media: int
    callback: str
    #: time.time; 0 means now
    send_at: float

    @property
    def phone(self) -> str:
        return self.to.removeprefix(CHANNEL)


def one(form: Form, name: str) -> str:
    """The value of a parameter that comes once; "" when it does not come."""
    values = form.get(name)
    return values[-1] if values else ""


def read_wanted(
    form: Form, senders: Sequence[str], find: Callable[[str], Content | None], now: dt.datetime
) -> Wanted:
    """Raises ApiError with the code that Twilio would answer."""
    to = one(form, "To")
    service_sid = one(form, "MessagingServiceSid") or None
    from_ = one(form, "From") or None
    sender = _read_parties(to, from_, service_sid, senders)
    content, variables = _read_content(form, find)
    body, media = one(form, "Body"), form.get("MediaUrl", [])
    if content is not None:
        body = content.body(variables)
    elif not body and not media:
        raise ApiError(21602)
    elif len(body) > _LONGEST_BODY:
        raise ApiError(21617)
    _check_validity(form)
    return Wanted(
        to=to,
        sender=sender,
        from_=from_,
        service_sid=service_sid,
        content=content,
        variables=variables,
        body=body,
        num_media=content.num_media() if content else len(media),
        callback=_read_callback(one(form, "StatusCallback")),
        send_at=_read_schedule(form, service_sid, now),
    )


def _read_parties(to: str, from_: str | None, service_sid: str | None, senders: Sequence[str]) -> str:
    """The sender in E.164."""
    if not to:
        raise ApiError(21604)
    if not from_ and not service_sid:
        raise ApiError(21603)
    if service_sid and not _SERVICE_SID.fullmatch(service_sid):
        raise ApiError(21701, service_sid)
    on_whatsapp = to.startswith(CHANNEL)
    if from_ and from_.startswith(CHANNEL) != on_whatsapp:
        raise ApiError(21910)
    if not on_whatsapp:
        raise ApiError(21606, from_ or "")  # no sender here can write SMS
    if not _E164.fullmatch(to.removeprefix(CHANNEL)):
        raise ApiError(21211, to)
    if from_ is None:
        return senders[0]
    if from_ == to:
        raise ApiError(63031)
    sender = from_.removeprefix(CHANNEL)
    if sender not in senders:
        raise ApiError(63007)
    return sender


def _read_content(form: Form, find: Callable[[str], Content | None]) -> tuple[Content | None, dict[str, str]]:
    sid, variables = one(form, "ContentSid"), one(form, "ContentVariables")
    if not sid:
        if variables:
            raise ApiError(21654)
        return None, {}
    content = find(sid)
    if content is None:
        raise ApiError(21655)
    return content, read_variables(variables)


def _read_callback(url: str) -> str:
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        good = parts.scheme in ("http", "https") and host and "_" not in host and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise ApiError(21609, url)
    return url


def _check_validity(form: Form) -> None:
    text = one(form, "ValidityPeriod")
    if text and not (text.isascii() and text.isdigit() and int(text) in _VALIDITY):
        raise ApiError(21624)


def _read_schedule(form: Form, service_sid: str | None, now: dt.datetime) -> float:
    kind, text = one(form, "ScheduleType"), one(form, "SendAt")
    if not kind and not text:
        return 0.0
    if kind != "fixed":
        raise ApiError(35126)
    if not text:
        raise ApiError(35111)
    if not service_sid:
        raise ApiError(35118)
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise ApiError(35114) from None
    if moment.tzinfo is None or moment <= now:
        raise ApiError(35114)
    if moment < now + _SOONEST:
        raise ApiError(35115)
    if moment > now + _LATEST:
        raise ApiError(35117)
    return moment.timestamp()
