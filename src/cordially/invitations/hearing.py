"""Whether Twilio's reports arrive; and if messages go out and none comes back, the likely cause."""

from __future__ import annotations

import datetime as dt
import enum
import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings

from .lifecycle import State
from .models import Invitation, Sender, StatusEvent
from .senders import is_real

#: a message that was taken so long ago should have been reported about
GRACE = dt.timedelta(seconds=60)
#: what is older says nothing about how it stands now
_LOOK_BACK = dt.timedelta(days=1)
#: more than this are not counted out
MOST = 1000


class Cause(enum.StrEnum):
    NONE = ""
    ADDRESS = "address"  # ours is one that nobody outside can reach
    SIGNATURE = "signature"  # reports come, and none of them fits
    SILENCE = "silence"  # nothing comes at all


@dataclass(frozen=True, slots=True)
class Hearing:
    """How it stands with the reports to one sender. `unheard`: messages that Twilio took since the last valid
    one, a minute ago or longer; counted up to MOST. `since`: when the first of them left.
    """

    heard_at: dt.datetime | None
    unheard: int = 0
    since: dt.datetime | None = None
    cause: Cause = Cause.NONE
    #: of refused callbacks: how many since the last valid one, and what the last looked like
    refused: int = 0
    why: str = ""

    @property
    def is_bad(self) -> bool:
        return self.unheard > 0


def hearing(sender: Sender, now: dt.datetime) -> Hearing:
    """One query while all is well, of MOST rows at most; else two."""
    start = max(sender.heard_at or now - _LOOK_BACK, now - _LOOK_BACK)
    # by time first, as the index has it: joined at once, a database may begin with all of the sender's messages
    left = StatusEvent.objects.filter(status=State.SENDING, at__gt=start, at__lte=now - GRACE).order_by("at")
    times = dict(left.values_list("invitation", "at")[:MOST])
    taken = Invitation.objects.filter(pk__in=times, message_id__isnull=False, campaign__sender=sender)
    unheard = sorted(times[pk] for pk in taken.values_list("pk", flat=True)) if times else []
    if not unheard:
        return Hearing(sender.heard_at)
    return Hearing(
        sender.heard_at,
        len(unheard),
        unheard[0],
        _cause(sender),
        sender.refused_count,
        sender.refused_why if sender.refused_count else "",
    )


def _cause(sender: Sender) -> Cause:
    if is_real(sender.account) and _is_of_this_machine(settings.SITE_URL):
        return Cause.ADDRESS
    return Cause.SIGNATURE if sender.refused_count else Cause.SILENCE


def _is_of_this_machine(url: str) -> bool:
    """Whether the address leads nowhere from outside: this machine, or a network of its own."""
    host = urlsplit(url).hostname or ""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return host == "localhost" or host.endswith((".local", ".localhost", ".internal")) or "." not in host
