"""Numbers that do something special, told by their last two digits. Data, so that pages can list them.

They lie in +1 202 555 0100 to 0199, a block that the North American plan keeps for fiction: nobody has
them, and yet number libraries call them valid (unlike Ofcom's, which libphonenumber refuses).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

PREFIX: Final = "+120255501"


class Answer(Enum):
    """What the sender gets to hear when it asks for a message."""

    CREATED = auto()
    REFUSED = auto()  # HTTP 4xx with the row's code
    BUSY = auto()  # HTTP 429, nothing created
    ERROR_BEFORE = auto()  # HTTP 500, nothing created
    ERROR_AFTER = auto()  # HTTP 500, created all the same
    GATEWAY = auto()  # HTTP 502 with a page instead of JSON, nothing created
    LOST = auto()  # created, connection closed without an answer
    CLOSED = auto()  # connection closed, nothing created
    SLOW = auto()  # created, answered late


CREATING: Final = frozenset({Answer.CREATED, Answer.ERROR_AFTER, Answer.LOST, Answer.SLOW})


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a message, and how it is reported."""

    #: the last status it reaches; None leaves it to chance whether it is read
    ends_at: str | None = None
    #: the code it fails with; 0 when it does not fail
    error_code: int = 0
    failed_status: str = "failed"
    after_sent: bool = False
    #: how often each status is reported
    copies: int = 1
    shuffled: bool = False
    delayed: bool = False


USUAL: Final = Fate()


@dataclass(frozen=True, slots=True)
class MagicNumber:
    suffix: str
    name: str
    description: str
    answer: Answer = Answer.CREATED
    code: int = 0
    fate: Fate = USUAL
    #: how many requests in a row it happens to before one goes well; 0 means always
    times: int = 0

    @property
    def number(self) -> str:
        return PREFIX + self.suffix


MAGIC_NUMBERS: Final = (
    MagicNumber(
        "01",
        "No such number",
        "Refused at once: HTTP 400, code 21211.",
        answer=Answer.REFUSED,
        code=21211,
    ),
    MagicNumber(
        "02",
        "Not on WhatsApp",
        "Taken, then reported as failed with 63024.",
        fate=Fate(error_code=63024),
    ),
    MagicNumber(
        "03", "Opted out", "Refused at once: HTTP 400, code 21610.", answer=Answer.REFUSED, code=21610
    ),
    MagicNumber(
        "04",
        "Too busy",
        "HTTP 429 (20429) three times, the first with Retry-After: 1; then fine.",
        answer=Answer.BUSY,
        times=3,
    ),
    MagicNumber(
        "05",
        "Server error",
        "HTTP 500 (20500) once, nothing created; then fine.",
        answer=Answer.ERROR_BEFORE,
        times=1,
    ),
    MagicNumber(
        "06",
        "Lost answer",
        "Taken and delivered, but the connection closes without an answer.",
        answer=Answer.LOST,
    ),
    MagicNumber("07", "Echo", "Every report comes twice.", fate=Fate(copies=2)),
    MagicNumber("08", "Out of order", "“Delivered” is reported before “sent”.", fate=Fate(shuffled=True)),
    MagicNumber("09", "Silent", "Delivered, but never reported: only asking tells.", fate=Fate(copies=0)),
    MagicNumber("10", "Never reads", "Delivered, never read.", fate=Fate(ends_at="delivered")),
    MagicNumber(
        "11", "Phone is off", "Stays “sent” for ever: switched off, or blocked us.", fate=Fate(ends_at="sent")
    ),
    MagicNumber("12", "Slow answer", "Taken, but answered only after some seconds.", answer=Answer.SLOW),
    MagicNumber(
        "13",
        "Channel is full",
        "Taken, then failed with 63018 once; the next attempt is fine.",
        fate=Fate(error_code=63018),
        times=1,
    ),
    MagicNumber(
        "14",
        "Lost request",
        "The connection closes once with nothing created; then fine.",
        answer=Answer.CLOSED,
        times=1,
    ),
    MagicNumber(
        "15",
        "Outside the window",
        "Sent, then undelivered with 63016.",
        fate=Fate(error_code=63016, failed_status="undelivered", after_sent=True),
    ),
    MagicNumber(
        "16",
        "Sender is gone",
        "Refused at once: HTTP 400, code 63007. The fault is the sender’s, not the guest’s.",
        answer=Answer.REFUSED,
        code=63007,
    ),
    MagicNumber(
        "17",
        "Template is missing",
        "Taken, then failed with 63027. The fault is the template’s.",
        fate=Fate(error_code=63027),
    ),
    MagicNumber(
        "18",
        "Bad gateway",
        "HTTP 502 with an HTML page once, nothing created; then fine.",
        answer=Answer.GATEWAY,
        times=1,
    ),
)

_BY_NUMBER: Final = {magic.number: magic for magic in MAGIC_NUMBERS}


def magic_of(phone: str) -> MagicNumber | None:
    return _BY_NUMBER.get(phone)
