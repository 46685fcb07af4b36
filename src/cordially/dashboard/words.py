"""What the pages say about states and times. Plain sentences; a code only at the end."""

from __future__ import annotations

import datetime as dt

from django.utils import formats, timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from cordially.invitations.lifecycle import State
from cordially.invitations.models import Invitation
from cordially.templating import languages

from .shown import shown

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


def lower(state: State) -> str:
    """The same word inside a sentence."""
    return str(state.label).lower()


def _day(at: dt.datetime, now: dt.datetime) -> str:
    days = (at.date() - now.date()).days
    if days == 0:
        return ""
    if days in (1, -1):
        return _("tomorrow") if days == 1 else _("yesterday")
    return formats.date_format(at, "j M" if at.year == now.year else "j M Y")


def clock(at: dt.datetime | None, *, seconds: bool = False) -> str:
    """A moment on the clock of the current time zone: `10:58`, `tomorrow 10:00`, `21 Nov 10:58`."""
    if at is None:
        return ""
    local = timezone.localtime(at)
    time = f"{local:%H:%M:%S}" if seconds else f"{local:%H:%M}"
    day = _day(local, timezone.localtime())
    return f"{day} {time}" if day else time


def in_seconds(seconds: float) -> str:
    """`19 seconds`."""
    return _("{n} seconds").format(n=f"{seconds:.0f}")


def language(code: str) -> str:
    """`French` for `fr`, in the language of the reader."""
    return languages.named(code).name_in(get_language() or "en")


def span(seconds: float) -> str:
    """How long: `1.4 s`, `19 seconds`, `2 min 36 s`, `3 h 20 min`."""
    if seconds < 10:
        return _("{n} s").format(n=f"{max(seconds, 0):.1f}")
    if seconds < 90:
        return in_seconds(seconds)
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        told = _("{n} min {rest} s") if rest and minutes < 10 else _("{n} min")
        return told.format(n=minutes, rest=rest)
    hours, minutes = divmod(minutes, 60)
    return (_("{n} h {rest} min") if minutes else _("{n} h")).format(n=hours, rest=minutes)


def countdown(seconds: int | None) -> tuple[str, str]:
    """Time left as a figure and its unit: (`1:04`, `min`)."""
    if seconds is None:
        return "–", ""
    seconds = max(seconds, 1)
    if seconds < 3600:
        return f"{seconds // 60}:{seconds % 60:02}", _("min")
    return f"{seconds // 3600}:{seconds % 3600 // 60:02}", _("h")


def _after(invitation: Invitation, at: dt.datetime | None) -> str:
    start = invitation.sending_at or invitation.accepted_at
    return span((at - start).total_seconds()) if at and start else ""


def with_code(reason: str, code: int | None) -> str:
    """The sentence, and the code at its end for whoever wants it."""
    reason = shown(reason)
    return f"{reason} ({code})" if code and str(code) not in reason else reason


def what_happened(invitation: Invitation) -> str:
    """The story of one invitation so far, in one sentence."""
    match State(invitation.state):
        case State.QUEUED if invitation.due_at:
            again = _again(invitation.due_at)
            return f"{again}: {shown(invitation.reason)}" if invitation.reason else again
        case State.QUEUED:
            return shown(invitation.reason) or _("Waits its turn")
        case State.SENDING:
            first = invitation.attempts <= 1
            return _("First attempt") if first else _("Attempt {n}").format(n=invitation.attempts)
        case State.UNSURE:
            return _("The line broke while sending. Asking Twilio before anything is sent again")
        case State.ACCEPTED:
            return _("Twilio has it")
        case State.SENT:
            return _("WhatsApp has it; not on the phone yet")
        case State.DELIVERED:
            after = _after(invitation, invitation.delivered_at)
            return _("On the phone after {time}").format(time=after) if after else _("On the phone")
        case State.READ:
            after = _after(invitation, invitation.read_at)
            return _("Read {time} after it was sent").format(time=after) if after else str(State.READ.label)
        case State.CANCELLED:
            return shown(invitation.reason) or _("Called back before it was sent")
        case State.FAILED | State.SKIPPED:
            return with_code(invitation.reason, invitation.code)


def _again(at: dt.datetime) -> str:
    """`Tried again at 10:00`, but `Tried again tomorrow at 10:00`."""
    local = timezone.localtime(at)
    told = {"day": _day(local, timezone.localtime()), "time": f"{local:%H:%M}"}
    return (_("Tried again {day} at {time}") if told["day"] else _("Tried again at {time}")).format(**told)


def when(invitation: Invitation) -> str:
    """The moment beside the state's word."""
    match State(invitation.state):
        case State.QUEUED if invitation.due_at:
            return clock(invitation.due_at)
        case State.UNSURE:
            return _("since {time}").format(time=clock(invitation.changed_at))
        case State.DELIVERED:
            return clock(invitation.delivered_at)
        case State.READ:
            return clock(invitation.read_at)
        case State.SENT:
            return clock(invitation.sent_at or invitation.changed_at)
        case _:
            return clock(invitation.changed_at)
