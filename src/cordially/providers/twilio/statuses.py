"""Twilio's words for how far a message has come, put into ours."""

from __future__ import annotations

import re
from typing import Final

from cordially.providers.errors import Fault
from cordially.providers.events import Delivery, StatusUpdate

from . import codes

# https://www.twilio.com/docs/messaging/guides/outbound-message-status-in-status-callbacks (August 2026)
DELIVERIES: Final[dict[str, Delivery]] = {
    "accepted": Delivery.ACCEPTED,
    "scheduled": Delivery.ACCEPTED,
    "queued": Delivery.ACCEPTED,
    "sending": Delivery.ACCEPTED,
    "sent": Delivery.SENT,
    "delivered": Delivery.DELIVERED,
    "read": Delivery.READ,
    "failed": Delivery.FAILED,
    "undelivered": Delivery.FAILED,
    "canceled": Delivery.FAILED,
}

_SID = re.compile(r"(?:SM|MM)[0-9a-fA-F]{32}", re.ASCII)


def is_message_sid(text: object) -> bool:
    """WhatsApp messages are SM… or, with content, often MM…."""
    return isinstance(text, str) and _SID.fullmatch(text) is not None


def status_update(
    sid: str, word: str, code: int | None = None, detail: str = "", key: str = ""
) -> StatusUpdate:
    delivery = DELIVERIES.get(word.lower(), Delivery.UNKNOWN)
    failed = delivery is Delivery.FAILED
    return StatusUpdate(sid, delivery, word, key, _failure(word.lower(), code, detail) if failed else None)


def _failure(word: str, code: int | None, detail: str) -> Fault:
    if word == "canceled" and code is None:
        return codes.fault(codes.CANCELLED, None, detail)
    return codes.fault_for(code, detail=detail)
