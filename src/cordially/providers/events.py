"""What a provider reports about a message, in our words, with its own word kept beside."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from .errors import Fault


class Delivery(enum.StrEnum):
    """How far a message has come. The values are states of an invitation."""

    ACCEPTED = "accepted"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"
    UNKNOWN = "unknown"  # a word that is new to us: kept, never guessed


@dataclass(frozen=True, slots=True)
class StatusUpdate:
    """One report. `key` names our attempt when the provider carried it back; `raw` is the provider's word."""

    message_id: str
    delivery: Delivery
    raw: str
    key: str = ""
    fault: Fault | None = None
