"""What can go wrong with a message, in our words.

    ErrorClass
    ├── RETRY_SOON   a hiccup: nothing was sent, try again in seconds
    ├── RETRY_LATER  a limit: nothing was sent, try again in minutes or hours
    ├── GUEST        this person can't be reached this way: never retried by itself
    ├── TEMPLATE     the words are at fault: the campaign stops
    └── SENDER       the account or number is at fault: the sender stops

`Misconfigured` stands outside: no message is at fault, the installation is.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class ErrorClass(enum.StrEnum):
    RETRY_SOON = "retry_soon"
    RETRY_LATER = "retry_later"
    GUEST = "guest"
    TEMPLATE = "template"
    SENDER = "sender"


class Mend(enum.StrEnum):
    """What a host does about guests whom a message can't reach: those of one kind are mended together."""

    NUMBER = "number"  # correct it, then send again
    NO_WHATSAPP = "no_whatsapp"  # hand the personal link on another way
    UNWANTED = "unwanted"  # the guest, or WhatsApp for them, doesn't take messages from this sender
    OTHER = "other"  # read why, and try again


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a message was not taken or not delivered.

    `sentence` is for the host; `detail` is the provider's own text, for the log alone (it may hold a number).
    """

    error_class: ErrorClass
    sentence: str
    code: int | None = None
    cure: str = ""
    detail: str = ""
    #: the sender goes too fast for somebody: it slows down
    slows: bool = False
    #: seconds for which the whole sender had better rest
    rests: float = 0.0
    #: a fault of the words or the sender that may lie with this one guest's number or values
    one_guest: bool = False
    #: nobody knows what it means: many in a row are not this guest's fault
    unclear: bool = False
    #: requests at most, where the class's own number is too large
    tries: int | None = None
    #: seconds until the second request at the earliest, doubling from there
    first_wait: float | None = None
    #: numbers that begin so are never tried again
    never_for: str = ""

    @property
    def reason(self) -> str:
        """Sentence, cure and code as the host reads them."""
        text = f"{self.sentence} {self.cure}".strip()
        return f"{text} ({self.code})" if self.code else text


class Misconfigured(Exception):
    """The installation lacks something; the message says what and how to mend it."""
