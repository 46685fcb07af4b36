"""What Twilio lists after a copy was brought back, written into the copy."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Sequence

import pytest
from tests.people import NOW, a_campaign, a_guest, a_template, an_event

from cordially.delivery.comparing import Compare
from cordially.delivery.thread import LedgerThread
from cordially.guests.models import Guest
from cordially.invitations import campaigns, comparing, flightcheck
from cordially.invitations.lifecycle import State
from cordially.invitations.models import Comparison, Invitation, Sender, SenderState
from cordially.providers.base import CantAsk, FoundMessage
from cordially.providers.events import Delivery, StatusUpdate

pytestmark = pytest.mark.django_db(transaction=True)

LATER = NOW + dt.timedelta(hours=1)


class Lists:
    """An account at Twilio that lists these messages, two on a page."""

    def __init__(self, sender: Sender, *messages: FoundMessage, breaks: bool = False) -> None:
        self.account = sender.account
        self.messages = messages
        self.breaks = breaks
        self.asked_since: dt.datetime | None = None

    async def all_since(self, since: dt.datetime) -> AsyncIterator[Sequence[FoundMessage]]:
        self.asked_since = since
        for first in range(0, len(self.messages), 2):
            yield self.messages[first : first + 2]
            if self.breaks:
                raise CantAsk("it hung up")


def listed(
    number: int, sender: Sender, to: str, body: str, delivery: Delivery = Delivery.SENT
) -> FoundMessage:
    update = StatusUpdate(f"SM{number:032}", delivery, delivery.value)
    return FoundMessage(update, to, LATER, body, sender.phone)


def compare(provider: Lists) -> bool:
    async def run() -> bool:
        thread = LedgerThread()
        try:
            return await Compare(provider, thread).compare()  # type: ignore[arg-type]
        finally:
            await asyncio.to_thread(thread.close)

    return asyncio.run(run())


def states(*guests: Guest) -> list[str]:
    found = dict(Invitation.objects.filter(is_current=True).values_list("guest", "state"))
    return [found.get(guest.pk, "none") for guest in guests]


def test_what_had_left_is_counted_and_the_rest_still_waits() -> None:
    event = an_event()
    ruth, omar = a_guest(event, "Ruth", "+972502000001"), a_guest(event, "Omar", "+972502000002")
    sender = a_campaign([ruth, omar]).sender
    comparing.guard(LATER)
    provider = Lists(sender, listed(1, sender, ruth.phone, f"Come! /r/{ruth.token}"))

    assert compare(provider)

    assert states(ruth, omar) == [State.SENT, State.QUEUED]
    assert provider.asked_since is not None and provider.asked_since <= NOW
    sender.refresh_from_db()
    assert sender.state == SenderState.PAUSED
    assert "1 invitation had left." in sender.paused_reason
    assert campaigns.resume_sender(sender)
    assert not compare(provider), "it is done once"


def test_nothing_leaves_before_twilio_was_asked() -> None:
    event = an_event()
    ruth = a_guest(event, "Ruth", "+972502000001")
    sender = a_campaign([ruth]).sender
    comparing.guard(LATER)

    assert not compare(Lists(sender, listed(1, sender, "+972502000009", "Hi"), breaks=True))

    with pytest.raises(campaigns.CantResume, match="brought back"):
        campaigns.resume_sender(sender)
    assert flightcheck.check(event, event.guests.all(), a_template()).problem == comparing.COMPARING
    assert compare(Lists(sender))
    assert flightcheck.check(event, event.guests.all(), a_template()).problem != comparing.COMPARING


def test_what_is_begun_again_counts_nobody_twice() -> None:
    event = an_event()
    people = [a_guest(event, f"Guest {n}", f"+97250200000{n}") for n in range(4)]
    late = a_guest(event, "Late", "+972502000009")
    sender = a_campaign(people).sender
    comparing.guard(LATER)
    messages = [
        listed(1, sender, late.phone, "Dear Late"),
        *(listed(2 + n, sender, guest.phone, f"/r/{guest.token}") for n, guest in enumerate(people)),
    ]
    assert not compare(Lists(sender, *messages, breaks=True))
    assert compare(Lists(sender, *messages))

    assert states(*people, late) == [State.SENT] * 5
    found = Comparison.objects.get()
    assert (found.counted, found.marked) == (4, 1)


def test_a_message_of_a_campaign_that_the_copy_doesnt_know_marks_its_guest() -> None:
    event = an_event()
    ruth, omar = a_guest(event, "Ruth", "+972502000001"), a_guest(event, "Omar", "+972502000001")
    maya = a_guest(event, "Maya", "+972502000003")
    noa = a_guest(event, "Noa", "+972502000004")
    sender = a_campaign([a_guest(event, "First", "+972502000005")]).sender
    comparing.guard(LATER)

    compare(
        Lists(
            sender,
            # two read on one phone: the name tells whose it is
            listed(1, sender, ruth.phone, "Dear omar, come to our party", Delivery.READ),
            listed(2, sender, maya.phone, "Come to our party"),
            # it never reached her: she may be invited
            listed(3, sender, noa.phone, "Dear Noa", Delivery.FAILED),
            listed(4, sender, "+972509999999", "Somebody else’s"),
        )
    )

    assert states(ruth, omar, maya, noa) == ["none", State.READ, State.SENT, "none"]
    row = Invitation.objects.get(guest=omar)
    assert row.campaign.name == comparing.FOUND and row.campaign.audience == 2
    assert row.campaign.texts.get(key=row.text).body == "Dear omar, come to our party"
    campaigns.resume_sender(sender)
    report = flightcheck.check(event, event.guests.filter(pk__in=[ruth.pk, omar.pk, maya.pk]), a_template())
    assert report.ready == 1
    # nobody knows how to send it: there is nothing to try again
    Invitation.objects.filter(pk=row.pk).update(state=State.FAILED, failed_at=LATER, reason="No.")
    assert campaigns.retry(Invitation.objects.filter(pk=row.pk)) == 0


def test_a_failed_one_that_had_arrived_at_last_is_not_tried_again() -> None:
    event = an_event()
    ruth = a_guest(event, "Ruth", "+972502000001")
    sender = a_campaign([ruth]).sender
    Invitation.objects.update(
        state=State.FAILED, failed_at=NOW, reason="No.", attempts=1, message_id="SM" + "9" * 32
    )
    comparing.guard(LATER)
    compare(Lists(sender, listed(1, sender, ruth.phone, f"/r/{ruth.token}", Delivery.DELIVERED)))
    assert states(ruth) == [State.DELIVERED]
    assert campaigns.retry(Invitation.objects.all()) == 0
