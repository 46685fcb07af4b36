"""Messages through Twilio: asked once, and honest about what became of the question."""

from __future__ import annotations

import asyncio
import datetime as dt
import email.utils
import json
import math
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from logging import getLogger
from typing import Any, Final
from urllib.parse import quote

from twilio.base.exceptions import TwilioException
from twilio.rest import Client

from cordially.lib import clock
from cordially.providers.base import (
    Accepted,
    CantAsk,
    FoundMessage,
    Outcome,
    OutgoingMessage,
    Refused,
    Unknown,
    Withheld,
)
from cordially.providers.events import StatusUpdate

from . import codes
from .address import checked_base, checked_callback
from .statuses import is_message_sid, status_update
from .wire import Exchange, Wire, current

_logger = getLogger(__name__)

PREFIX: Final = "whatsapp:"

# Twilio repeats a report that we could not take, up to five times within 15 seconds, whatever went wrong.
# https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides (August 2026)
_REPEATS: Final = "#rc=5&rp=all"

_MOST_PAGES = 40
#: as many messages as one answer may hold
_LARGEST_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Checked:
    """What Twilio says of the account itself. `name` is the account's own, "" when it did not answer."""

    ok: bool
    sentence: str
    name: str = ""


class TwilioProvider:
    """One Twilio account, used from one event loop.

    `may_leave` is asked with the attempt's key at the moment at which its request would leave.
    """

    may_leave: Callable[[str], bool] | None

    def __init__(
        self,
        account_sid: str,
        auth_token: str,
        *,
        key_sid: str = "",
        api_url: str = "",
        status_callback: str,
        timeout: float = 30.0,
        connect_timeout: float = 5.0,
        max_connections: int = 200,
    ) -> None:
        self.account = account_sid
        self.may_leave = None
        self._status_callback = checked_callback(status_callback)
        self._wire = Wire(
            checked_base(api_url),
            timeout=timeout,
            connect_timeout=connect_timeout,
            max_connections=max_connections,
        )
        self.use(auth_token, key_sid)

    def use(self, secret: str, key_sid: str = "") -> None:
        """Ask with these credentials from now on: the account's token, or the secret of a key of its own.

        What is under way goes on with the former ones, over the same lines.
        """
        # The SDK falls back on os.environ for an empty mapping, and would take region and edge from there.
        user = key_sid or self.account
        self._client = Client(user, secret, self.account, http_client=self._wire, environment={"_": ""})
        self._messages = self._client.messages

    async def send(self, message: OutgoingMessage) -> Outcome:
        """Ask once. Never raises for what the wire or the provider does."""
        exchange = Exchange(partial(self._may_leave, message.key))
        token = current.set(exchange)
        try:
            created = await self._messages.create_async(
                to=PREFIX + message.to,
                from_=PREFIX + message.sender,
                content_sid=message.content_ref,
                content_variables=content_variables(message.values),
                status_callback=self.callback_for(message.key),
            )
        except Exception as error:  # one place for all of them, because none may pass for "not sent"
            return _outcome_of(error, exchange)
        finally:
            current.reset(token)
        if is_message_sid(created.sid):
            return Accepted(created.sid)
        return Unknown(f"Twilio answered {exchange.status} without naming the message")

    async def fetch(self, message_id: str) -> StatusUpdate | None:
        """What Twilio says of this message now; None when it can't be asked."""
        if not is_message_sid(message_id):
            return None
        try:
            record = await self._messages(message_id).fetch_async()
            return _update_of(record) if is_message_sid(record.sid) else None
        except Exception as error:
            _logger.warning("could not fetch a message: %s", _kind(error))
            return None

    async def find(self, sender: str, to: str, since: dt.datetime) -> Sequence[FoundMessage] | None:
        """Messages from sender to this number created since then, by Twilio's clock, newest first.

        None when Twilio can't be asked.

        Twilio filters by the day of sending only, and what was not sent yet has none: so we read from the
        newest on, until a page holds nothing recent.
        """
        found: list[FoundMessage] = []
        try:
            page = await self._messages.page_async(to=PREFIX + to, from_=PREFIX + sender)
            for _ in range(_MOST_PAGES):
                recent = [message for message in map(_found, page) if message.created_at >= since]
                found += recent
                page = await page.next_page_async() if recent else None
                if page is None:
                    return sorted(found, key=lambda message: message.created_at, reverse=True)
        except Exception as error:
            _logger.warning("could not list messages: %s", _kind(error))
            return None
        _logger.warning("gave up on a list of messages that does not end")
        return None

    async def all_since(self, since: dt.datetime) -> AsyncIterator[Sequence[FoundMessage]]:
        """Page by page every message of the account created since then, by Twilio's clock, newest first.

        Raises CantAsk. Incoming messages are among them.
        """
        try:
            page = await self._messages.page_async(page_size=_LARGEST_PAGE)
            while page is not None:
                recent = [message for message in map(_found, page) if message.created_at >= since]
                if not recent:
                    return
                yield recent
                page = await page.next_page_async()
        except Exception as error:
            raise CantAsk(_kind(error)) from error

    async def check(self) -> Checked:
        """Whether Twilio knows this account and its password."""
        exchange = Exchange()
        token = current.set(exchange)
        try:
            account = await self._client.api.v2010.accounts(self.account).fetch_async()
        except Exception as error:
            return Checked(False, _check_failure(error, exchange))
        finally:
            current.reset(token)
        name = account.friendly_name or ""
        if account.status != "active":
            row = codes.CODES[30002 if account.status == "suspended" else 20005]
            return Checked(False, f"{row.sentence} {row.cure}".strip(), name)
        return Checked(True, "Twilio answers and knows this account.", name)

    async def close(self) -> None:
        await self._wire.close()

    def callback_for(self, key: str) -> str:
        """Where Twilio reports about this attempt."""
        return f"{self._status_callback}?k={quote(key, safe='')}{_REPEATS}"

    def _may_leave(self, key: str) -> bool:
        return self.may_leave is None or self.may_leave(key)


def content_variables(values: Sequence[str]) -> str:
    """The template's variables as Twilio takes them: a JSON string with the keys "1", "2", …"""
    return json.dumps({str(number): value for number, value in enumerate(values, 1)}, ensure_ascii=False)


def _outcome_of(error: Exception, exchange: Exchange) -> Outcome:
    """Refused only when Twilio surely did not take it: it said so, or nothing ever left."""
    if exchange.withheld and not exchange.written:
        return Withheld()
    if isinstance(error, UnicodeError) and not exchange.written:
        return Refused(codes.fault(codes.UNSENDABLE))
    if not exchange.written:
        return Refused(codes.fault(codes.UNREACHABLE, detail=_kind(error)))
    if exchange.status is None:
        return Unknown(f"the request went out and no answer came: {_kind(error)}")
    if not isinstance(error, TwilioException):
        return Unknown(f"Twilio answered {exchange.status} and the answer broke off: {_kind(error)}")
    if not 400 <= exchange.status < 500 or exchange.status == 408:
        return Unknown(f"Twilio answered {exchange.status}")
    return Refused(codes.fault_in(error, exchange.status), _retry_after(exchange))


def _check_failure(error: Exception, exchange: Exchange) -> str:
    if exchange.status is None or exchange.status >= 500:
        return codes.UNREACHABLE.sentence
    if not isinstance(error, TwilioException):
        return "What answered does not speak like Twilio. Check TWILIO_API_URL."
    return codes.fault_in(error, exchange.status).reason


def _kind(error: Exception) -> str:
    """The error's name alone: its text may hold a URL with numbers."""
    cause = error.__cause__
    name = "time-out" if isinstance(error, asyncio.TimeoutError) else type(error).__name__
    return f"{name} ({type(cause).__name__})" if cause is not None else name


def _retry_after(exchange: Exchange) -> float | None:
    """Seconds that the answer asks us to wait: a number, or a date as HTTP allows."""
    text = (exchange.headers or {}).get("Retry-After", "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = _seconds_until(text)
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _seconds_until(http_date: str) -> float:
    try:
        moment = email.utils.parsedate_to_datetime(http_date)
    except ValueError:
        return math.nan
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return max(0.0, (moment - clock.now()).total_seconds())


def _update_of(record: Any) -> StatusUpdate:
    return status_update(record.sid, record.status or "", record.error_code, record.error_message or "")


def _found(record: Any) -> FoundMessage:
    if not is_message_sid(record.sid) or record.date_created is None:
        raise ValueError("a message without identity or date")
    to = (record.to or "").removeprefix(PREFIX)
    whose = record.from_ or ""
    sender = whose.removeprefix(PREFIX) if whose.startswith(PREFIX) else ""
    return FoundMessage(_update_of(record), to, record.date_created, record.body or "", sender)
