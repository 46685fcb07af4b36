"""What becomes of the invitations of guests who are taken off the list, or brought back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib.auth.models import User

from cordially.guests.models import Guest
from cordially.lib.clock import now as clock_now
from cordially.lib.marking import noop

from .campaigns import IN_PERSON, INVITATION
from .ledger import log_all
from .lifecycle import LIVE, State
from .models import Invitation, Source

TAKEN_OFF = noop("Taken off the list.")


def cancel(sender: object, ids: Sequence[int], by: object = None, **_given: Any) -> None:
    """Nothing leaves for them any more, and no figure counts them. What is in flight is settled."""
    now = clock_now()
    reason = (
        noop("Taken off the list by {name}.").format(name=by.get_username())
        if isinstance(by, User)
        else TAKEN_OFF
    )
    theirs = Invitation.objects.filter(guest__in=ids)
    stopped = list(theirs.filter(state=State.QUEUED).values_list("pk", flat=True))
    if stopped:
        rows = Invitation.objects.filter(pk__in=stopped, state=State.QUEUED)
        rows.update(state=State.CANCELLED, due_at=None, reason=reason, changed_at=now)
        log_all(Invitation.objects.filter(pk__in=stopped, changed_at=now), Source.HOST, now, note=reason)
    theirs.filter(is_current=True).update(is_current=False)


def restore(sender: object, ids: Sequence[int], **_given: Any) -> None:
    """The invitation that counted before counts again."""
    counts: dict[int, tuple[int, str]] = {}
    rows = Invitation.objects.filter(guest__in=ids).order_by("pk").values_list("guest", "pk", "state")
    for guest, pk, state in rows:
        # as when they were made: what is left out never hides a live one
        if state == State.SKIPPED and guest in counts and counts[guest][1] in LIVE:
            continue
        counts[guest] = pk, state
    Invitation.objects.filter(pk__in=[pk for pk, _ in counts.values()]).update(is_current=True)


def follow_number(sender: object, guest: Guest, **_given: Any) -> None:
    """What still waits goes to the number that the guest has now; without one it is left out."""
    now = clock_now()
    waiting = Invitation.objects.filter(guest=guest, state=State.QUEUED)
    if guest.phone:
        waiting.update(phone=guest.phone, changed_at=now)
        return
    left_out = list(waiting.values_list("pk", flat=True))
    if left_out:
        rows = Invitation.objects.filter(pk__in=left_out, state=State.QUEUED)
        rows.update(state=State.SKIPPED, due_at=None, reason=guest.phone_note, changed_at=now)
        log_all(Invitation.objects.filter(pk__in=left_out, changed_at=now), Source.HOST, now)


def call_off(sender: object, guest: Guest, **_given: Any) -> None:
    """Who was invited in person gets no invitation that still waits."""
    now = clock_now()
    waiting = Invitation.objects.filter(guest=guest, state=State.QUEUED, campaign__purpose=INVITATION)
    ids = list(waiting.values_list("pk", flat=True))
    if ids:
        rows = Invitation.objects.filter(pk__in=ids, state=State.QUEUED)
        rows.update(state=State.CANCELLED, due_at=None, reason=IN_PERSON, changed_at=now)
        log_all(Invitation.objects.filter(pk__in=ids, changed_at=now), Source.HOST, now, note=IN_PERSON)
