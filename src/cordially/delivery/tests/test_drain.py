"""Whole campaigns through the engine, with a provider that takes, refuses, stalls and loses."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import time
from collections.abc import Callable

import pytest
from django.db import OperationalError
from tests.people import ACCOUNT, a_campaign, a_guest, a_template, an_event, approved, some_guests

from cordially.delivery import drain, rescue, verdicts
from cordially.delivery.drain import Drainer
from cordially.delivery.engine import Engine
from cordially.delivery.pace import Slot
from cordially.delivery.rescue import MOST_LOST, Rescue
from cordially.delivery.tests.carrier import BAD_CREDENTIALS, BUSY, NOT_ON_WHATSAPP, Carrier
from cordially.delivery.thread import LedgerThread
from cordially.events.models import Event
from cordially.guests.models import Guest
from cordially.invitations import campaigns, ledger, library
from cordially.invitations.lifecycle import State
from cordially.invitations.models import (
    Campaign,
    CampaignState,
    Invitation,
    MessageTemplate,
    Sender,
    SenderState,
    Source,
    StatusEvent,
    TemplateVersion,
)
from cordially.invitations.progress import progress
from cordially.lib.clock import now as clock_now
from cordially.providers.base import Accepted, OutgoingMessage, Refused, Unknown, Withheld
from cordially.providers.errors import ErrorClass, Fault
from cordially.providers.events import Delivery, StatusUpdate
from cordially.templating.components import Button, ButtonKind, Components

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE = 30.0  # seconds until a test gives up waiting


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
        "HX" + "1" * 32,
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


async def test_one_without_a_text_fails_and_all_others_leave(thread, carrier, sender):
    def prepare() -> Campaign:
        campaign = started(5, sender)
        campaign.invitations.filter(pk=campaign.invitations.order_by("pk").first().pk).update(text="xx")
        return campaign

    campaign = await thread.run(prepare)
    await run(thread, carrier, lambda: states(campaign) == {"accepted": 4, "failed": 1})
    row = await thread.run(lambda: campaign.invitations.get(state=State.FAILED))
    assert row.reason == "The text of this message is missing. Send it anew in another campaign."


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
    await drainer._word({(claim.campaign_id, claim.text)})
    drainer._slots[claim.attempt.key] = Slot(0.0, 0.0)
    drainer._running = frozenset({claim.campaign_id})
    assert drainer._lease_good_until == 0.0
    news = await drainer._attempt(claim)
    assert carrier.asked == []
    await thread.run(ledger.record, [news])
    assert await thread.run(states, campaign) == {"queued": 1}


async def in_flight(carrier: Carrier, count: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while len(carrier.asked) < count:
            await asyncio.sleep(0.005)


async def test_after_pause_nothing_leaves_that_was_not_under_way(thread, carrier, sender):
    sender.per_second = 20
    await thread.run(sender.save)
    campaign = await thread.run(started, 100, sender)
    engine = Engine(carrier, thread)
    await engine.start()
    try:
        await in_flight(carrier, 5)
        await thread.run(campaigns.pause, campaign)
        # what is claimed now leaves within a quarter of a second, unless the pause is heeded before
        await until(thread, lambda: "sending" not in states(campaign))
        asked = len(carrier.asked)
        assert await thread.run(states, campaign) == {"accepted": asked, "queued": 100 - asked}
        await thread.run(campaigns.resume, campaign)
        await in_flight(carrier, asked + 3)
    finally:
        await engine.stop()
    assert len({message.to for message in carrier.asked}) == len(carrier.asked)


async def test_a_stop_waits_for_answers_only_so_long(thread, carrier, sender, monkeypatch):
    monkeypatch.setattr(drain, "ANSWERS_WITHIN", 0.3)
    campaign = await thread.run(started, 3, sender)
    carrier.gate.clear()
    engine = Engine(carrier, thread)
    await engine.start()
    await in_flight(carrier, 3)
    async with asyncio.timeout(PATIENCE):
        await engine.stop()
    assert await thread.run(states, campaign) == {"unsure": 3}
    assert await thread.run(no_lease, sender)


async def test_who_asks_to_slow_down_is_heeded_whoever_heard_it(thread, carrier, sender):
    await thread.run(started, 1, sender)
    drainer = Drainer(sender, carrier, thread, "one")
    running = asyncio.create_task(drainer.run())
    await in_flight(carrier, 1)
    assert drainer._pace.factor(time.monotonic()) == 1.0
    await thread.run(lambda: Sender.objects.update(slowed_at=clock_now()))
    async with asyncio.timeout(PATIENCE):
        while drainer._pace.factor(time.monotonic()) > 0.6:
            await asyncio.sleep(0.01)
    drainer.stop()
    await running


async def test_a_changed_limit_holds_at_once_and_counts_what_left_before(thread, carrier, sender):
    campaign = await thread.run(started, 200, sender)
    engine = Engine(carrier, thread)
    await engine.start()
    try:
        await in_flight(carrier, 30)
        await thread.run(lambda: Sender.objects.update(per_hour=40, per_day=45))
        await until(thread, lambda: progress(campaign).note.startswith("This hour’s 40"))
        await until(thread, lambda: "sending" not in states(campaign))
        assert 40 <= len(carrier.asked) < 100
        counted = len(carrier.asked)
        await thread.run(lambda: Sender.objects.update(per_hour=None, per_day=counted + 5))
        await until(thread, lambda: "people are used up" in progress(campaign).note)
        await until(thread, lambda: "sending" not in states(campaign))
        assert len(carrier.asked) == counted + 5
    finally:
        await engine.stop()


class Refusing(LedgerThread):
    """One piece of news can't be written, whatever happens."""

    poisoned: str | None = None

    async def run(self, function: Callable, *args: object, **kwargs: object) -> object:  # type: ignore[override]
        news = kwargs.get("news", args[0] if function is ledger.record else [])
        if self.poisoned and any(one.attempt.key == self.poisoned for one in news):
            raise ValueError("this can’t be written")
        return await super().run(function, *args, **kwargs)


async def test_one_answer_that_cannot_be_written_keeps_none_of_the_others(carrier, sender):
    thread = Refusing()
    try:
        campaign = await thread.run(started, 20, sender)
        first = await thread.run(lambda: campaign.invitations.order_by("id")[0].pk)
        thread.poisoned = f"{campaign.uid}.{first}.1"
        await run(thread, carrier, lambda: states(campaign) == {"accepted": 19, "sending": 1})
        assert await thread.run(no_lease, sender)
        assert len(carrier.asked) == 20
    finally:
        await asyncio.to_thread(thread.close)


async def test_a_clock_that_jumped_past_the_lease_sends_nothing_on_it(thread, carrier, sender, monkeypatch):
    campaign = await thread.run(started, 1, sender)
    drainer = Drainer(sender, carrier, thread, "one")
    await thread.run(ledger.take_lease, sender.pk, "one", 10, clock_now())
    [claim] = (await thread.run(lambda: ledger.tick(sender.pk, "one", limit=1, now=clock_now()))).claims
    drainer._running = frozenset({claim.campaign_id})
    drainer._lease_is_good(time.monotonic(), clock_now())
    assert drainer._may_go(claim.campaign_id)
    awake = clock_now() + dt.timedelta(minutes=5)
    monkeypatch.setattr(drain, "clock_now", lambda: awake)
    assert not drainer._may_go(claim.campaign_id), (
        "a machine that was frozen wakes up with its own time unmoved"
    )
    drainer._slots[claim.attempt.key] = Slot(0.0, 0.0)
    drainer._campaigns[claim.attempt.key] = claim.campaign_id
    assert not drainer.may_leave(claim.attempt.key), "nor does what waited for its line to open"
    await thread.run(ledger.record, [verdicts.of_outcome(claim.attempt, Withheld(), clock_now())])
    assert await thread.run(states, campaign) == {"queued": 1}


async def test_words_are_those_of_the_moment_at_which_send_was_pressed(thread, carrier, sender):
    def prepare() -> Campaign:
        event = an_event()
        campaign = started([a_guest(event)], sender, template=a_template("{{event_name}} {{rsvp_link}}"))
        Event.objects.filter(pk=event.pk).update(name="Another name")
        return campaign

    campaign = await thread.run(prepare)
    await run(thread, carrier, lambda: states(campaign) == {"accepted": 1})
    assert carrier.taken[0].values[0] == "Maya & Arjun"


async def test_one_lost_answer_after_the_other_makes_everybody_wait(thread, carrier, sender):
    campaign = await thread.run(started, 400, sender)
    carrier.says = lambda message: Unknown("Twilio answered 503")
    carrier.reachable = False
    await run(thread, carrier, lambda: Sender.objects.get(pk=sender.pk).held_until is not None)
    assert len(carrier.asked) < 200, "not the whole list into doubt"
    assert (await thread.run(lambda: progress(campaign).note)).startswith("Twilio doesn’t answer.")
    reasons = await thread.run(
        lambda: set(campaign.invitations.filter(state=State.UNSURE).values_list("reason", flat=True))
    )
    assert reasons == {ledger.ERROR_REASON}


async def test_what_never_left_is_not_counted_in_the_hour(thread, carrier, sender):
    sender.per_hour = 5
    await thread.run(sender.save)
    campaign = await thread.run(started, 5, sender)
    carrier.says = lambda message: Refused(Fault(ErrorClass.RETRY_SOON, "Twilio can’t be reached."))
    await run(thread, carrier, lambda: len(carrier.asked) >= 5 and states(campaign) == {"queued": 5})
    await thread.run(lambda: campaign.invitations.update(due_at=None))
    await thread.run(lambda: Sender.objects.update(held_until=None))
    assert "used up" not in await thread.run(lambda: progress(campaign).note)
    carrier.says = lambda message: Accepted("")
    await run(thread, carrier, lambda: states(campaign) == {"accepted": 5})


async def test_a_lease_that_is_taken_again_knows_what_left_before_whatever_the_clock_says(
    thread, carrier, sender
):
    sender.per_hour = 10
    await thread.run(sender.save)
    campaign = await thread.run(started, 30, sender)
    engine = Engine(carrier, thread)
    await engine.start()
    try:
        await until(thread, lambda: states(campaign) == {"accepted": 10, "queued": 20})
        # as if the clock had jumped ahead: all of it seems to be hours ago, and the lease to be over
        then = clock_now() - dt.timedelta(hours=3)
        await thread.run(lambda: StatusEvent.objects.update(at=then))
        await thread.run(lambda: Sender.objects.update(lease_until=then))
        await until(thread, lambda: Sender.objects.get(pk=sender.pk).lease_until > clock_now())
        await until(thread, lambda: "sending" not in states(campaign))
        assert len(carrier.asked) == 10
    finally:
        await engine.stop()


# The rescue


def its_time(campaign: Campaign) -> None:
    """Whatever waits to be asked about is due now."""
    Invitation.objects.filter(campaign=campaign).exclude(look_at=None).update(look_at=clock_now())


def unsure(sender: Sender, people: list[Guest], seconds_ago: float = 0.0, **given: object) -> Campaign:
    """Claimed by a worker that died then."""
    campaign = started(people, sender, **given)
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
    assert await Rescue(carrier, thread, 60).settle() == 1
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
    await Rescue(carrier, thread, 60).settle()
    rows = await thread.run(lambda: dict(campaign.invitations.values_list("guest", "message_id")))
    ids = [found.update.message_id for found in carrier.found]
    assert rows == {people[0].pk: ids[1], people[1].pk: None, people[2].pk: ids[0]}


def household() -> list[Guest]:
    event = an_event()
    return [a_guest(event, name, "+972541234567") for name in ("Sunita", "Prakash")]


WITHOUT_A_LINK = "Dear {{guest_name}}, come to {{event_name}}"


async def test_a_text_without_a_link_is_known_by_what_was_filled_in(thread, carrier, sender):
    people = await thread.run(household)
    campaign = await thread.run(lambda: unsure(sender, people, template=a_template(WITHOUT_A_LINK)))
    listed(carrier, people[0], "Hi, are you open tomorrow?")
    listed(carrier, people[0], "Dear Prakash, come to Maya & Arjun")
    await Rescue(carrier, thread, 60).settle()
    rows = await thread.run(lambda: dict(campaign.invitations.values_list("guest", "message_id")))
    assert rows == {people[0].pk: None, people[1].pk: carrier.found[1].update.message_id}


async def test_who_was_renamed_since_a_lost_request_gets_no_second_message(thread, carrier, sender):
    guest = await thread.run(lambda: a_guest(an_event(), "Sunita"))
    campaign = await thread.run(lambda: unsure(sender, [guest], template=a_template(WITHOUT_A_LINK)))
    await thread.run(lambda: Guest.objects.filter(pk=guest.pk).update(name="Sunita Deshpande"))
    listed(carrier, guest, "Something else to Sunita")
    listed(carrier, guest, "Dear Sunita, come to  Maya & Arjun")
    await Rescue(carrier, thread, 60).settle()
    found = await thread.run(lambda: campaign.invitations.get().message_id)
    assert found == carrier.found[1].update.message_id


async def test_a_similar_message_long_before_the_request_is_no_proof(thread, carrier, sender):
    guest = await thread.run(lambda: a_guest(an_event(), "Sunita"))
    await thread.run(lambda: unsure(sender, [guest], template=a_template(WITHOUT_A_LINK)))
    listed(carrier, guest, "Dear Mrs Deshpande, come to Maya & Arjun")
    old = dataclasses.replace(carrier.found[0], created_at=clock_now() - dt.timedelta(hours=1))
    carrier.found[0] = old
    assert await Rescue(carrier, thread, 60).settle() == 0


async def test_in_a_household_a_similar_message_may_be_the_others(thread, carrier, sender):
    people = await thread.run(household)
    campaign = await thread.run(lambda: unsure(sender, people, template=a_template(WITHOUT_A_LINK)))
    listed(carrier, people[0], f"Dear {people[1].name}, come to Maya & Arjun")
    await Rescue(carrier, thread, 60).settle()
    rows = await thread.run(lambda: dict(campaign.invitations.values_list("guest", "message_id")))
    assert rows[people[0].pk] is None and rows[people[1].pk]


BY_A_BUTTON = Components(
    "Dear friends, come to {{event_name}}!", buttons=(Button(ButtonKind.LINK, "Will you come?"),)
)


def with_a_button(name: str = "button") -> MessageTemplate:
    """Its text is the same for all guests; only the button, which Twilio's list doesn't show, tells them apart."""
    template = library.create(name, {"en": BY_A_BUTTON}, name=name)
    library.hand_in(template.texts.get(), ACCOUNT, "HX" + "2" * 32, state="approved")
    return template


async def test_what_tells_nobody_apart_stays_unsure_on_a_shared_phone(thread, carrier, sender):
    people = await thread.run(household)
    campaign = await thread.run(lambda: unsure(sender, people, template=with_a_button()))
    listed(carrier, people[0], "Dear friends, come to Maya & Arjun!")
    assert await Rescue(carrier, thread, 0).settle() == 0
    await thread.run(its_time, campaign)
    assert await Rescue(carrier, thread, 0).settle() == 0, "neither taken for sent nor sent again"
    assert await thread.run(states, campaign) == {"unsure": 2}


async def test_after_an_hour_a_person_decides_whose_it_was(thread, carrier, sender):
    people = await thread.run(household)
    campaign = await thread.run(lambda: unsure(sender, people, template=with_a_button()))
    listed(carrier, people[0], "Dear friends, come to Maya & Arjun!")
    long_ago = clock_now() - dt.timedelta(hours=2)
    await thread.run(lambda: campaign.invitations.update(sending_at=long_ago, look_at=long_ago))
    assert await Rescue(carrier, thread, 0).settle() == 2
    reasons = await thread.run(lambda: set(campaign.invitations.values_list("state", "reason")))
    assert reasons == {("failed", rescue.WHOSE_IS_IT)}


async def test_a_name_that_begins_like_another_is_not_taken_for_it(thread, carrier, sender):
    def ann_and_anna() -> list[Guest]:
        event = an_event()
        return [a_guest(event, name, "+972541234567") for name in ("Ann", "Anna Levi")]

    people = await thread.run(ann_and_anna)
    campaign = await thread.run(lambda: unsure(sender, people, template=a_template(WITHOUT_A_LINK)))
    listed(carrier, people[0], "Dear Anna Levi, come to Maya & Arjun")
    await Rescue(carrier, thread, 60).settle()
    rows = await thread.run(lambda: dict(campaign.invitations.values_list("guest", "message_id")))
    assert rows[people[0].pk] is None and rows[people[1].pk]


async def test_where_there_is_one_for_each_all_were_taken(thread, carrier, sender):
    people = await thread.run(household)
    campaign = await thread.run(lambda: unsure(sender, people, template=with_a_button()))
    for guest in people:
        listed(carrier, guest, "Dear friends, come to Maya & Arjun!")
    assert await Rescue(carrier, thread, 60).settle() == 2
    ids = await thread.run(lambda: set(campaign.invitations.values_list("message_id", flat=True)))
    assert ids == {found.update.message_id for found in carrier.found}


async def test_in_a_household_the_last_one_in_doubt_has_what_nobody_else_has(thread, carrier, sender):
    people = await thread.run(household)
    campaign = await thread.run(lambda: unsure(sender, people, template=a_template(WITHOUT_A_LINK)))
    listed(carrier, people[0], f"Dear {people[1].name}, come to Maya & Arjun")
    listed(carrier, people[0], "Dear Mrs Deshpande, come to Maya & Arjun")
    assert await Rescue(carrier, thread, 60).settle() == 1
    await thread.run(its_time, campaign)
    assert await Rescue(carrier, thread, 60).settle() == 1
    assert await thread.run(states, campaign) == {"sent": 2}


async def test_each_guest_reads_the_text_of_their_language(thread, carrier, sender):
    texts = {
        "en": "Dear {{guest_name}}, come on {{event_date}}, please.",
        "he": "{{event_date}}: {{guest_name}} בואו!",
    }

    def prepare() -> Campaign:
        template = approved("two", texts, ACCOUNT)
        for version in TemplateVersion.objects.filter(text__template=template):
            TemplateVersion.objects.filter(pk=version.pk).update(ref=f"HX{version.text.language}")
        event = an_event()
        people = [a_guest(event, "Ruth", language="he"), a_guest(event, "Ann", language="en")]
        return started(people, sender, template=template)

    campaign = await thread.run(prepare)
    await run(thread, carrier, lambda: states(campaign) == {"accepted": 2})
    sent = {message.content_ref: message.values for message in carrier.taken}
    assert sent == {"HXhe": ("יום חמישי, 6 במאי 2027", "Ruth"), "HXen": ("Ann", "Thursday, 6 May 2027")}


async def test_a_text_without_any_variable_is_known_as_a_whole(thread, carrier, sender):
    guest = await thread.run(lambda: a_guest(an_event()))
    campaign = await thread.run(lambda: unsure(sender, [guest], template=a_template("Come!\nIt is today.")))
    listed(carrier, guest, "Come! Where are you?")
    assert await Rescue(carrier, thread, 60).settle() == 0
    listed(carrier, guest, "Come!\nIt is today. ")
    assert await Rescue(carrier, thread, 60).settle() == 0, "not before its time has come again"
    await thread.run(its_time, campaign)
    assert await Rescue(carrier, thread, 60).settle() == 1


async def test_a_message_of_another_invitation_is_nobodys_proof(thread, carrier, sender):
    people = await thread.run(household)
    campaign = await thread.run(lambda: unsure(sender, people, template=a_template("Come to {{event_name}}")))
    listed(carrier, people[0], "Come to Maya & Arjun")
    known = carrier.found[0].update.message_id
    await thread.run(
        lambda: Invitation.objects.filter(guest=people[0]).update(
            state=State.SENT, message_id=known, accepted_at=clock_now(), sent_at=clock_now(), look_at=None
        )
    )
    assert await Rescue(carrier, thread, 60).settle() == 0
    assert await thread.run(states, campaign) == {"sent": 1, "unsure": 1}


async def test_the_failed_message_of_an_earlier_attempt_is_no_proof_for_the_next_one(thread, carrier, sender):
    campaign = await thread.run(started, 1, sender)
    carrier.says = lambda message: Accepted("") if not carrier.taken else Unknown("lost on the way")
    await run(thread, carrier, lambda: states(campaign) == {"accepted": 1})
    [row] = await thread.run(lambda: list(campaign.invitations.all()))
    busy = Fault(ErrorClass.RETRY_LATER, "WhatsApp asked to slow down.", 63018)
    failed = StatusUpdate(row.message_id, Delivery.FAILED, "failed", f"{campaign.uid}.{row.pk}.1", fault=busy)
    await thread.run(ledger.record, [verdicts.of_update(failed, clock_now(), Source.CALLBACK)])
    await thread.run(lambda: Invitation.objects.update(due_at=None))
    carrier.reachable = False
    await run(thread, carrier, lambda: states(campaign) == {"unsure": 1})
    carrier.reachable = True
    await thread.run(its_time, campaign)
    assert await Rescue(carrier, thread, 60).settle() == 0, "the only message on the list is the old one"
    assert await thread.run(states, campaign) == {"unsure": 1}


async def test_a_clock_that_runs_an_hour_ahead_hides_no_message(thread, carrier, sender):
    guest = await thread.run(lambda: a_guest(an_event()))
    campaign = await thread.run(unsure, sender, [guest])
    listed(carrier, guest, f"http://127.0.0.1:8000/r/{guest.token}")
    [found] = carrier.found
    carrier.found = [dataclasses.replace(found, created_at=found.created_at - dt.timedelta(hours=1))]
    assert await Rescue(carrier, thread, 60).settle() == 1
    assert await thread.run(states, campaign) == {"sent": 1}


async def test_a_claim_by_a_clock_that_was_days_ahead_hides_no_message(thread, carrier, sender):
    guest = await thread.run(lambda: a_guest(an_event()))
    campaign = await thread.run(unsure, sender, [guest])
    listed(carrier, guest, f"http://127.0.0.1:8000/r/{guest.token}")
    ahead = clock_now() + dt.timedelta(days=60)
    await thread.run(lambda: campaign.invitations.update(sending_at=ahead))
    assert await Rescue(carrier, thread, 60).settle() == 1
    assert await thread.run(states, campaign) == {"sent": 1}


async def test_requests_that_twilio_loses_again_and_again_end_with_a_person(thread, carrier, sender):
    guest = await thread.run(lambda: a_guest(an_event()))
    campaign = await thread.run(unsure, sender, [guest])
    await thread.run(lambda: campaign.invitations.update(tries=MOST_LOST - 1))
    await Rescue(carrier, thread, 0).settle()
    row = await thread.run(campaign.invitations.get)
    assert (row.state, row.reason[:30]) == (State.FAILED, "Tried 10 times. Twilio never a")


async def test_a_word_for_it_that_is_new_to_us_is_no_reason_to_ask_every_second(thread, carrier, sender):
    guest = await thread.run(lambda: a_guest(an_event()))
    campaign = await thread.run(unsure, sender, [guest])
    listed(carrier, guest, f"http://127.0.0.1:8000/r/{guest.token}")
    update = StatusUpdate(carrier.found[0].update.message_id, Delivery.UNKNOWN, "pondered")
    carrier.found = [dataclasses.replace(carrier.found[0], update=update)]
    assert await Rescue(carrier, thread, 60).settle() == 1
    assert await thread.run(states, campaign) == {"accepted": 1}, "Twilio has it"


async def test_what_twilio_does_not_list_stays_unsure_until_it_surely_was_not_taken(thread, carrier, sender):
    guest = await thread.run(lambda: a_guest(an_event()))
    campaign = await thread.run(unsure, sender, [guest], 3600)
    # the request is an hour old by the clock; but the clock may have jumped, and nobody asked before
    rescue = Rescue(carrier, thread, 60)
    assert await rescue.settle() == 0
    assert await thread.run(states, campaign) == {"unsure": 1}
    again = (await thread.run(campaign.invitations.get)).look_at
    assert clock_now() < again <= clock_now() + dt.timedelta(seconds=60), "asked again when it is sure"
    rescue._missing = {attempt: first - 60 for attempt, first in rescue._missing.items()}
    await thread.run(its_time, campaign)
    assert await rescue.settle() == 1
    assert await thread.run(states, campaign) == {"queued": 1}
    told = await thread.run(lambda: StatusEvent.objects.filter(invitation__campaign=campaign).last())
    assert (told.source, told.note) == ("rescue", "Twilio never took it, queued again")


async def test_unsure_ones_are_settled_however_many_others_wait_to_be_asked_about(thread, carrier, sender):
    silent = await thread.run(started, 60, sender)
    await run(thread, carrier, lambda: states(silent) == {"accepted": 60})
    guest = await thread.run(lambda: a_guest(an_event()))
    campaign = await thread.run(unsure, sender, [guest])
    listed(carrier, guest, f"http://127.0.0.1:8000/r/{guest.token}")
    await thread.run(its_time, silent)
    assert await Rescue(carrier, thread, 60).settle() == 1
    assert await thread.run(states, campaign) == {"sent": 1}


async def test_while_twilio_cannot_be_asked_nothing_is_sent_again(thread, carrier, sender):
    guest = await thread.run(lambda: a_guest(an_event()))
    campaign = await thread.run(unsure, sender, [guest], 3600)
    carrier.reachable = False
    assert await Rescue(carrier, thread, 60).settle() == 0
    assert await thread.run(states, campaign) == {"unsure": 1}


async def test_a_message_without_news_is_asked_about_until_it_was_read(thread, carrier, sender):
    campaign = await thread.run(started, 1, sender)
    await run(thread, carrier, lambda: states(campaign) == {"accepted": 1})
    rescue = Rescue(carrier, thread, 60)
    for delivery in (Delivery.SENT, Delivery.DELIVERED, Delivery.READ):
        update = dataclasses.replace(carrier.found[0].update, delivery=delivery)
        carrier.found = [dataclasses.replace(carrier.found[0], update=update)]
        assert await rescue.poll() == 0, "not before its time"
        await thread.run(its_time, campaign)
        assert await rescue.poll() == 1
        assert await thread.run(states, campaign) == {delivery.value: 1}
    assert (await thread.run(campaign.invitations.get)).look_at is None


@pytest.mark.parametrize("state", ["accepted", "delivered"])
async def test_it_is_asked_about_ever_more_seldom_and_not_for_ever(thread, carrier, sender, state):
    campaign = await thread.run(started, 1, sender)
    await run(thread, carrier, lambda: states(campaign) == {"accepted": 1})
    carrier.found = []

    def hours_ago(hours: float) -> None:
        then = clock_now() - dt.timedelta(hours=hours)
        stamps = {"delivered_at": then} if state == "delivered" else {}
        campaign.invitations.update(state=state, sending_at=then, look_at=clock_now(), **stamps)

    rescue = Rescue(carrier, thread, 60)
    for hours, at_least in [(0.1, 0.1), (1, 1), (4, 4)]:
        await thread.run(hours_ago, hours)
        await rescue.poll()
        again = (await thread.run(campaign.invitations.get)).look_at
        assert again >= clock_now() + dt.timedelta(hours=at_least * 0.99)
    await thread.run(hours_ago, 73)
    await rescue.poll()
    assert (await thread.run(campaign.invitations.get)).look_at is None
