"""Whether credentials are good, and what Twilio says of a number before anything is sent from it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from twilio.base.exceptions import TwilioException
from twilio.rest import Client

from . import codes
from .client import PREFIX
from .content import ContentError, Credentials, connected

__all__ = ["Found", "look"]

_PER_PAGE: Final = 100
_MOST_PAGES: Final = 10
_ACTIVE: Final = "active"


@dataclass(frozen=True, slots=True)
class Found:
    """What Twilio answered. `seconds`: how long the first answer took."""

    #: how the account calls itself; empty where only a key was given, which may not ask
    account_name: str
    seconds: float
    #: whether the number is a WhatsApp sender of the account; None when Twilio doesn't tell
    registered: bool | None = None
    #: how guests see it
    name: str = ""
    #: Twilio's word, like ONLINE
    standing: str = ""
    #: WhatsApp's word: HIGH, MEDIUM, LOW
    quality: str = ""
    #: E.164 of all its WhatsApp senders
    numbers: tuple[str, ...] = ()


def look(credentials: Credentials, phone: str) -> Found:
    """Ask as this account whether its credentials are good, and for the number (E.164).

    Raises ContentError when they are not, or when Twilio can't be asked; Misconfigured for a wrong address.
    """
    with connected(credentials, credentials.account_sid) as client:
        begun = time.monotonic()
        name = _greeted(client, credentials)
        seconds = time.monotonic() - begun
        try:
            senders = _senders(client)
        except (TwilioException, ValueError, TypeError, LookupError, AttributeError):
            # a key may lack the right to ask; the credentials are good all the same
            return Found(name, seconds)
    mine = next((sender for sender in senders if _number(sender) == phone), None)
    numbers = tuple(filter(None, map(_number, senders)))
    if mine is None:
        return Found(name, seconds, False, numbers=numbers)
    profile, properties = _fields(mine.profile), _fields(mine.properties)
    return Found(
        name,
        seconds,
        True,
        name=str(profile.get("name") or "")[:80],
        standing=str(mine.status or "")[:40],
        quality=str(properties.get("quality_rating") or "")[:20],
        numbers=numbers,
    )


def _greeted(client: Client, credentials: Credentials) -> str:
    """The account's own name. A key that Twilio made as “standard” may read messages, but not the account."""
    if credentials.key_sid:
        client.messages.page(page_size=1)
        return ""
    account = client.api.v2010.accounts(credentials.account_sid).fetch()
    if account.status != _ACTIVE:
        raise ContentError(codes.fault(codes.CODES[20005], 20005))
    return str(account.friendly_name or "")[:80]


def _senders(client: Client) -> list[Any]:
    """Those on WhatsApp, each with everything that Twilio tells."""
    listed: list[Any] = []
    page = client.messaging.v2.channels_senders.page(channel="whatsapp", page_size=_PER_PAGE)
    for _ in range(_MOST_PAGES):
        listed += page
        page = page.next_page()
        if page is None:
            break
    return listed


def _number(sender: Any) -> str:
    return str(sender.sender_id or "").removeprefix(PREFIX)


def _fields(given: Any) -> Mapping[str, Any]:
    return given if isinstance(given, dict) else {}
