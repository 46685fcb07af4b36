"""Whole campaigns through the engine, with a provider that takes, refuses, stalls and loses."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio
from django.db import OperationalError
from tests.people import a_campaign, a_guest, a_template, an_event, some_guests

from cordially.delivery.drain import Drainer
from cordially.delivery.engine import Engine
from cordially.delivery.rescue import Rescue
from cordially.delivery.tests.carrier import BAD_CREDENTIALS, BUSY, NOT_ON_WHATSAPP, Carrier
from cordially.delivery.thread import LedgerThread
from cordially.guests.models import Guest
from cordially.invitations import campaigns, ledger
from cordially.invitations.lifecycle import State
from cordially.invitations.models import Campaign, CampaignState, Invitation, Sender, SenderState, StatusEvent
from cordially.lib.clock import now as clock_now
from cordially.providers.base import Accepted, OutgoingMessage, Unknown

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE = 30.0  # seconds until a test gives up waiting


@pytest_asyncio.fixture
async def thread() -> AsyncIterator[LedgerThread]:
    thread = LedgerThread()
    yield thread
    await asyncio.to_thread(thread.close)


@pytest.fixture
def carrier() -> Carrier:
    return Carrier()


def started(guests: int | list[Guest], sender: Sender, **given: object) -> Campaign:
    people = some_guests(an_event(), guests) if isinstance(guests, int) else guests
    return a_campaign(people, sender, now=clock_now(), **given)


def states(campaign: Campaign) -> dict[str, int]:
    return {state.value: count for state, count in campaigns.counts(campaign).items() if count}


async def until(thread: LedgerThread, holds: Callable[[], bool]) -> None:
    """Look every few milliseconds; the engine runs meanwhile."""
    async with asyncio.timeout(PATIENCE):
        while not await thread.run(holds):
            await asyncio.sleep(0.02)


async def run(thread: LedgerThread, carrier: Carrier, holds: Callable[[], bool], **given: object) -> None:
    """An engine, from its start until this holds, to its stop."""
    engine = Engine(carrier, thread, **given)
    await engine.start()
    try:
        await until(thread, holds)
    finally:
        await engine.stop()


def no_lease(sender: Sender) -> bool:
    return Sender.objects.get(pk=sender.pk).lease_holder == ""


async def test_a_whole_campaign_is_sent_once_each(thread, carrier, sender):
    campaign = await thread.run(started, 40, sender)
    commits: list[None] = []
    await run(
        thread,
        carrier,
        lambda: Campaign.objects.get(pk=campaign.pk).state == CampaignState.FINISHED,
        on_commit=lambda: commits.append(None),
    )
    assert await thread.run(states, campaign) == {"accepted": 40}
    assert len({message.to for message in carrier.asked}) == len(carrier.asked) == 40
    assert commits, "the pages are told"
    assert await thread.run(no_lease, sender)


async def test_a_message_holds_the_guests_own_words(thread, carrier, sender):
    def prepare() -> tuple[Campaign, Guest]:
        guest = a_guest(an_event(), "Sunita & Prakash", fields={"table": "12\n"})
        template = a_template("{{rsvp_link}} {{guest_name}}: table {{table}} at {{event_location}}")
        return started([guest], sender, template=template), guest

    campaign, guest = await thread.run(prepare)
    await run(thread, carrier, lambda: states(campaign) == {"accepted": 1})
    [message] = carrier.taken
    link = f"http://127.0.0.1:8000/r/{guest.token}"
    assert message.values == (link, "Sunita & Prakash", "12", "The Orange Grove, Binyamina")
    assert (message.sender, message.to, message.content_ref) == (
        sender.phone,
        guest.phone,
        campaign.content_ref,
    )


async def test_refused_accepted_and_lost_ones_each_come_to_their_own_end(thread, carrier, sender):
    campaign = await thread.run(started, 9, sender)
    phones = await thread.run(
        lambda: list(campaign.invitations.order_by("id").values_list("phone", flat=True))
    )
    fates = {
        phones[0]: [BUSY],
        phones[1]: [NOT_ON_WHATSAPP],
        phones[2]: [Unknown("taken")],
    }

    def says(message: OutgoingMessage) -> object:
        left = fates.get(message.to)
        return left.pop(0) if left else Accepted("")

    carrier.says = says
    await run(thread, carrier, lambda: states(campaign).keys() <= {"accepted", "sent", "failed"})
    assert await thread.run(states, campaign) == {"accepted": 7, "sent": 1, "failed": 1}
    taken = [message.to for message in carrier.taken]
    assert len(taken) == len(set(taken)) == 8


async def test_a_guest_whose_word_went_missing_meanwhile_fails_with_a_sentence(thread, carrier, sender):
    def prepare() -> Campaign:
        guest = a_guest(an_event(), fields={"table": "12"})
        campaign = started([guest], sender, template=a_template("{{guest_name}}: table {{table}}"))
        Guest.objects.filter(pk=guest.pk).update(fields={})
        return campaign

    campaign = await thread.run(prepare)
    await run(thread, carrier, lambda: states(campaign) == {"failed": 1})
    assert carrier.asked == []
    row = await thread.run(campaign.invitations.get)
    assert row.reason == "No value for “table” in this guest’s message. Fill it in, then try again."


@pytest.mark.parametrize("broken", [RuntimeError("a bug"), ValueError(), TimeoutError()])
async def test_when_sending_breaks_nobody_is_sent_a_second_message(thread, carrier, sender, broken):
    campaign = await thread.run(started, 3, sender)
    carrier.says = lambda message: broken
    carrier.reachable = False
    await run(thread, carrier, lambda: states(campaign) == {"unsure": 3})
    await run(thread, carrier, lambda: True)
    assert len(carrier.asked) == 3


async def test_a_fault_of_the_sender_stops_everything_and_fails_nobody(thread, carrier, sender):
    campaign = await thread.run(started, 30, sender)
    carrier.says = lambda message: BAD_CREDENTIALS

    def paused_and_settled() -> bool:
        sender.refresh_from_db()
        return sender.state == SenderState.PAUSED and states(campaign) == {"queued": 30}

    await run(thread, carrier, paused_and_settled)
    assert sender.paused_reason == "Twilio doesn’t accept the credentials. (20003)"
    asked = len(carrier.asked)
    carrier.says = lambda message: Accepted("")
    await run(thread, carrier, lambda: True)
    assert len(carrier.asked) == asked
    await thread.run(campaigns.resume_sender, sender)
    await run(thread, carrier, lambda: states(campaign) == {"accepted": 30})


async def test_stop_settles_what_is_in_flight_and_gives_the_lease_back(thread, carrier, sender):
    campaign = await thread.run(started, 200, sender)
    carrier.gate.clear()
    engine = Engine(carrier, thread)
    await engine.start()
    async with asyncio.timeout(PATIENCE):
        while len(carrier.asked) < 3:
            await asyncio.sleep(0.01)
    stopping = asyncio.create_task(engine.stop())
    done, _ = await asyncio.wait([stopping], timeout=0.3)
    assert not done, "it waits for the answers"
    carrier.gate.set()
    await stopping
    left = await thread.run(states, campaign)
    assert left == {"accepted": len(carrier.asked), "queued": 200 - len(carrier.asked)}
    assert await thread.run(no_lease, sender)


class BrokenThread(LedgerThread):
    """The database is out of reach for the calls that are counted down."""

    def __init__(self) -> None:
        super().__init__()
        self.broken = 0

    async def run(self, function: Callable, *args: object, **kwargs: object) -> object:  # type: ignore[override]
        if function is ledger.tick and kwargs["news"] and self.broken:
            self.broken -= 1
            raise OperationalError("disk I/O error")
        return await super().run(function, *args, **kwargs)


async def test_while_the_database_is_out_of_reach_answers_are_kept_and_written_afterwards(carrier, sender):
    thread = BrokenThread()
    try:
        campaign = await thread.run(started, 5, sender)
        thread.broken = 2
        await run(thread, carrier, lambda: states(campaign) == {"accepted": 5})
        assert thread.broken == 0
        assert len(carrier.asked) == 5
    finally:
        await asyncio.to_thread(thread.close)


async def test_two_workers_share_the_work_and_send_nothing_twice(thread, carrier, sender):
    campaign = await thread.run(started, 30, sender)
    engines = [Engine(carrier, thread) for _ in range(3)]
    for engine in engines:
        await engine.start()
    await until(thread, lambda: states(campaign) == {"accepted": 30})
    for engine in engines:
        await engine.stop()
    assert len(carrier.asked) == 30


async def test_a_worker_whose_lease_was_taken_sends_nothing_more(thread, carrier, sender):
    campaign = await thread.run(started, 200, sender)
    drainer = Drainer(sender, carrier, thread, "one")
    running = asyncio.create_task(drainer.run())
    async with asyncio.timeout(PATIENCE):
        while not carrier.asked:
            await asyncio.sleep(0.01)

    def steal() -> None:
        Sender.objects.filter(pk=sender.pk).update(lease_holder="two")

    await thread.run(steal)
    await running
    asked = len(carrier.asked)
    counted = await thread.run(states, campaign)
    assert counted.get("accepted") == asked < 200
    assert "sending" not in counted, "what was claimed and not requested waits again"
    assert not await thread.run(no_lease, sender), "the new holder keeps it"


async def test_what_waited_longer_than_the_lease_is_not_requested(thread, carrier, sender):
    campaign = await thread.run(started, 1, sender)
    drainer = Drainer(sender, carrier, thread, "one")
    await thread.run(ledger.take_lease, sender.pk, "one", 10, clock_now())
    [claim] = (await thread.run(lambda: ledger.tick(sender.pk, "one", limit=1, now=clock_now()))).claims
    await drainer._word({claim.campaign_id})
    assert drainer._lease_good_until == 0.0
    news = await drainer._attempt(claim)
    assert carrier.asked == []
    await thread.run(ledger.record, [news])
    assert await thread.run(states, campaign) == {"queued": 1}


# The rescue


def unsure(sender: Sender, people: list[Guest], seconds_ago: float = 0.0) -> Campaign:
    """Claimed by a worker that died then."""
    campaign = started(people, sender)
    then = clock_now() - dt.timedelta(seconds=seconds_ago)
    ledger.take_lease(sender.pk, "dead", 1, then)
    for place in range(len(people)):
        # a household is claimed seconds apart
        Invitation.objects.filter(campaign=campaign, state=State.QUEUED).update(due_at=None)
        ledger.tick(sender.pk, "dead", limit=100, seconds=1, now=then + dt.timedelta(milliseconds=place))
    Sender.objects.filter(pk=sender.pk).update(lease_until=then)
    ledger.take_lease(sender.pk, "next", 1, clock_now())
    assert states(campaign) == {"unsure": len(people)}
    return campaign


def listed(carrier: Carrier, guest: Guest, body: str) -> None:
    """The provider has a message to this guest's number with that text."""
    carrier._take(OutgoingMessage("", "", guest.phone, "", (body,)))


async def test_an_unsure_one_is_found_by_the_personal_link_in_its_text(thread, carrier, sender):
    guest = await thread.run(lambda: a_guest(an_event()))
    campaign = await thread.run(unsure, sender, [guest])
    listed(carrier, guest, f"Come! http://127.0.0.1:8000/r/{guest.token}")
    assert await Rescue(carrier, thread, 60).round() == 1
    row = await thread.run(campaign.invitations.get)
    assert (row.state, row.message_id) == (State.SENT, carrier.found[0].update.message_id)


async def test_households_on_one_number_are_told_apart_by_their_links(thread, carrier, sender):
    def household() -> list[Guest]:
        event = an_event()
        return [a_guest(event, name, "+972541234567") for name in ("Sunita", "Prakash", "Ravi")]

    people = await thread.run(household)
    campaign = await thread.run(unsure, sender, people)
    for guest in (people[2], people[0]):
        listed(carrier, guest, f"http://127.0.0.1:8000/r/{guest.token}")
    await Rescue(carrier, thread, 60).round()
    rows = await thread.run(lambda: dict(campaign.invitations.values_list("guest", "message_id")))
    ids = [found.update.message_id for found in carrier.found]
    assert rows == {people[0].pk: ids[1], people[1].pk: None, people[2].pk: ids[0]}


async def test_a_text_without_a_link_fits_one_of_those_with_the_number(thread, carrier, sender):
    def household() -> list[Guest]:
        event = an_event()
        return [a_guest(event, name, "+972541234567") for name in ("Sunita", "Prakash")]

    people = await thread.run(household)
    campaign = await thread.run(unsure, sender, people)
    listed(carrier, people[0], "Come to our wedding")
    rescue = Rescue(carrier, thread, 60)
    await rescue.round()
    await rescue.round()
    assert await thread.run(states, campaign) == {"sent": 1, "unsure": 1}


async def test_a_message_of_another_invitation_is_nobodys_proof(thread, carrier, sender):
    def household() -> list[Guest]:
        event = an_event()
        return [a_guest(event, name, "+972541234567") for name in ("Sunita", "Prakash")]

    people = await thread.run(household)
    campaign = await thread.run(unsure, sender, people)
    listed(carrier, people[0], "Come to our wedding")
    known = carrier.found[0].update.message_id
    await thread.run(
        lambda: Invitation.objects.filter(guest=people[0]).update(
            state=State.SENT, message_id=known, look_at=None
        )
    )
    assert await Rescue(carrier, thread, 60).round() == 0
    assert await thread.run(states, campaign) == {"sent": 1, "unsure": 1}


async def test_what_twilio_does_not_list_stays_unsure_until_it_surely_was_not_taken(thread, carrier, sender):
    guest, late = await thread.run(lambda: some_guests(an_event(), 2))
    fresh = await thread.run(unsure, sender, [guest], 30)
    await thread.run(ledger.release_lease, sender.pk, "next")
    old = await thread.run(unsure, sender, [late], 61)
    assert await Rescue(carrier, thread, 60).round() == 1
    assert await thread.run(states, fresh) == {"unsure": 1}
    assert await thread.run(states, old) == {"queued": 1}
    told = await thread.run(lambda: StatusEvent.objects.filter(invitation__campaign=old).last())
    assert (told.source, told.note) == ("rescue", "Twilio never took it, queued again")
    again = await thread.run(lambda: fresh.invitations.get().look_at)
    assert again > clock_now(), "it is asked about again, and not at once"


async def test_while_twilio_cannot_be_asked_nothing_is_sent_again(thread, carrier, sender):
    guest = await thread.run(lambda: a_guest(an_event()))
    campaign = await thread.run(unsure, sender, [guest], 3600)
    carrier.reachable = False
    assert await Rescue(carrier, thread, 60).round() == 0
    assert await thread.run(states, campaign) == {"unsure": 1}


async def test_a_message_without_news_is_asked_about(thread, carrier, sender):
    campaign = await thread.run(started, 1, sender)
    await run(thread, carrier, lambda: states(campaign) == {"accepted": 1})

    def its_time() -> None:
        Invitation.objects.filter(campaign=campaign).update(look_at=clock_now())

    await thread.run(its_time)
    assert await Rescue(carrier, thread, 60).round() == 1
    assert await thread.run(states, campaign) == {"sent": 1}
