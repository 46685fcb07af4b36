"""What the pages say about states and times. Plain sentences; a code only at the end."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone

from cordially.invitations.lifecycle import State
from cordially.invitations.models import Invitation

#: from the best news to the worst: the order of bars, legends and equations
ORDER = (
    State.READ,
    State.DELIVERED,
    State.SENT,
    State.ACCEPTED,
    State.SENDING,
    State.QUEUED,
    State.UNSURE,
    State.FAILED,
    State.SKIPPED,
    State.CANCELLED,
)

#: the same words inside a sentence
LOWER = {state: str(state.label).lower() for state in State}


def _day(at: dt.datetime, now: dt.datetime) -> str:
    days = (at.date() - now.date()).days
    if days == 0:
        return ""
    if days in (1, -1):
        return "tomorrow" if days == 1 else "yesterday"
    written = f"{at.day} {at:%b}"
    return written if at.year == now.year else f"{written} {at.year}"


def clock(at: dt.datetime | None, *, seconds: bool = False) -> str:
    """A moment on the clock of the current time zone: `10:58`, `tomorrow 10:00`, `21 Nov 10:58`."""
    if at is None:
        return ""
    local = timezone.localtime(at)
    time = f"{local:%H:%M:%S}" if seconds else f"{local:%H:%M}"
    day = _day(local, timezone.localtime())
    return f"{day} {time}" if day else time


def span(seconds: float) -> str:
    """How long: `1.4 s`, `19 seconds`, `2 min 36 s`, `3 h 20 min`."""
    if seconds < 10:
        return f"{max(seconds, 0):.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest and minutes < 10 else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def countdown(seconds: int | None) -> tuple[str, str]:
    """Time left as a figure and its unit: (`1:04`, `min`)."""
    if seconds is None:
        return "–", ""
    seconds = max(seconds, 1)
    if seconds < 3600:
        return f"{seconds // 60}:{seconds % 60:02}", "min"
    return f"{seconds // 3600}:{seconds % 3600 // 60:02}", "h"


def _after(invitation: Invitation, at: dt.datetime | None) -> str:
    start = invitation.sending_at or invitation.accepted_at
    return span((at - start).total_seconds()) if at and start else ""


def with_code(reason: str, code: int | None) -> str:
    """The sentence, and the code at its end for whoever wants it."""
    return f"{reason} ({code})" if code and str(code) not in reason else reason


def what_happened(invitation: Invitation) -> str:
    """The story of one invitation so far, in one sentence."""
    match State(invitation.state):
        case State.QUEUED if invitation.due_at:
            again = f"Tried again {_at(clock(invitation.due_at))}"
            return f"{again}: {invitation.reason}" if invitation.reason else again
        case State.QUEUED:
            return invitation.reason or "Waits its turn"
        case State.SENDING:
            return "First attempt" if invitation.attempts <= 1 else f"Attempt {invitation.attempts}"
        case State.UNSURE:
            return "The line broke while sending. Asking Twilio before anything is sent again"
        case State.ACCEPTED:
            return "Twilio has it"
        case State.SENT:
            return "WhatsApp has it; not on the phone yet"
        case State.DELIVERED:
            after = _after(invitation, invitation.delivered_at)
            return f"On the phone after {after}" if after else "On the phone"
        case State.READ:
            after = _after(invitation, invitation.read_at)
            return f"Read {after} after it was sent" if after else "Read"
        case State.CANCELLED:
            return invitation.reason or "Called back before it was sent"
        case State.FAILED | State.SKIPPED:
            return with_code(invitation.reason, invitation.code)


def _at(moment: str) -> str:
    """`at 10:00`, but `tomorrow at 10:00`."""
    day, _, time = moment.rpartition(" ")
    return f"{day} at {time}" if day else f"at {time}"


def when(invitation: Invitation) -> str:
    """The moment beside the state's word."""
    match State(invitation.state):
        case State.QUEUED if invitation.due_at:
            return clock(invitation.due_at)
        case State.UNSURE:
            return f"since {clock(invitation.changed_at)}"
        case State.DELIVERED:
            return clock(invitation.delivered_at)
        case State.READ:
            return clock(invitation.read_at)
        case State.SENT:
            return clock(invitation.sent_at or invitation.changed_at)
        case _:
            return clock(invitation.changed_at)
