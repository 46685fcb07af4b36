"""Recording what a guest said."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.db.models import Count, Sum

from cordially.events.models import Event
from cordially.guests.models import Guest
from cordially.rsvp.models import Answer, Reply


def seats(guest: Guest) -> int:
    """How many people may come on this invitation: the size of the party, and never less than the guest."""
    return max(1, guest.party_size)


def current_answer(guest: Guest) -> Answer | None:
    return Answer.objects.filter(guest=guest, is_current=True).first()


def record_answer(
    guest: Guest, reply: str, heads: int, note: str, now: dt.datetime, *, entered_by: str = ""
) -> Answer:
    """Store an answer as the one that counts; the one before becomes history.

    `entered_by`: the host who enters it for the guest.

    The same answer again (a double tap, a reloaded page) is the answer that is there already.
    """
    heads = 0 if reply == Reply.NO else heads
    with transaction.atomic():
        # The guest's row is the lock: of two taps at once the second sees what the first wrote.
        # SQLite has no row locks; its transactions here are IMMEDIATE, which comes to the same.
        Guest.objects.select_for_update().only("pk").get(pk=guest.pk)
        current = current_answer(guest)
        if current:
            if (current.reply, current.heads, current.note) == (reply, heads, note):
                return current
            Answer.objects.filter(pk=current.pk).update(is_current=False)
        return Answer.objects.create(
            guest=guest,
            event_id=guest.event_id,
            reply=reply,
            heads=heads,
            note=note,
            at=now,
            entered_by=entered_by[:150],
        )


def summary(event: Event) -> dict[str, int]:
    """Guests by answer, and `coming`, the people: `{"yes": 2, "no": 0, "maybe": 1, "coming": 5}`."""
    current = Answer.objects.filter(event=event, is_current=True).order_by()
    rows = current.values_list("reply").annotate(Count("id"), Sum("heads"))
    found = {reply: (guests, people) for reply, guests, people in rows}
    counts = {reply.value: found.get(reply.value, (0, 0))[0] for reply in Reply}
    return counts | {"coming": found.get(Reply.YES.value, (0, 0))[1]}
