"""Test messages to the host's own number: at the sender's pace, once, and in no campaign."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from tests.people import a_campaign, a_guest, a_sender, a_template, an_event, some_guests

from cordially.delivery.engine import Engine
from cordially.delivery.verdicts import of_update
from cordially.invitations import campaigns, ledger, trials
from cordially.invitations.lifecycle import State
from cordially.invitations.models import (
    Invitation,
    Sender,
    SenderState,
    Source,
    StatusEvent,
    TemplateVersion,
    TestMessage,
    UnmatchedCallback,
)
from cordially.lib.clock import now as clock_now
from cordially.providers.base import Unknown
from cordially.providers.events import Delivery, StatusUpdate

from .carrier import NOT_ON_WHATSAPP
from .test_drain import run, states, until

pytestmark = pytest.mark.django_db(transaction=True)

MINE = "+972501234567"


def asked(sender: Sender, phone: str = MINE) -> TestMessage:
    template = a_template()
    version = TemplateVersion.objects.get(text__template=template)
    host, _ = User.objects.get_or_create(username="hadar")
    return trials.ask(
        sender, template, version, ["Sunita", "Maya & Arjun", "https://x.example/r/1"], phone, host
    )


def state(test: TestMessage) -> str:
    return TestMessage.objects.get(pk=test.pk).state


async def test_it_is_sent_once_and_stands_in_no_campaign(thread, carrier, sender):
    test = await thread.run(asked, sender)
    await run(thread, carrier, lambda: state(test) == State.ACCEPTED)
    [message] = carrier.asked
    assert (message.to, message.values[0]) == (MINE, "Sunita")
    assert await thread.run(lambda: (Invitation.objects.count(), StatusEvent.objects.count())) == (0, 0)


async def test_its_reports_move_it_on_and_are_not_unmatched(thread, carrier, sender):
    test = await thread.run(asked, sender)
    await run(thread, carrier, lambda: state(test) == State.ACCEPTED)

    def hear(delivery: Delivery) -> str:
        message_id = TestMessage.objects.get(pk=test.pk).message_id
        update = StatusUpdate(message_id, delivery, delivery.value, key=f"test.{test.pk}.1")
        ledger.record([of_update(update, clock_now(), Source.CALLBACK)])
        return state(test)

    assert await thread.run(hear, Delivery.DELIVERED) == "delivered"
    assert await thread.run(hear, Delivery.SENT) == "delivered", "a late report takes nothing back"
    assert await thread.run(hear, Delivery.READ) == "read"
    assert await thread.run(UnmatchedCallback.objects.count) == 0


async def test_a_silent_one_is_asked_about(thread, carrier, sender):
    test = await thread.run(asked, sender)

    def sent_long_ago() -> None:
        at = clock_now() - timedelta(seconds=20)
        TestMessage.objects.update(state=State.ACCEPTED, left_at=at, changed_at=at, message_id="SM1")

    await thread.run(sent_long_ago)
    carrier.fetch = lambda message_id: asyncio.sleep(0, StatusUpdate("SM1", Delivery.READ, "read"))
    await run(thread, carrier, lambda: state(test) == State.READ)


async def test_what_twilio_refuses_is_told_and_not_tried_again(thread, carrier, sender):
    test = await thread.run(asked, sender)
    carrier.says = lambda message: NOT_ON_WHATSAPP
    await run(thread, carrier, lambda: state(test) == State.FAILED)
    row = await thread.run(TestMessage.objects.get)
    assert (row.code, row.reason) == (63024, "Not on WhatsApp. (63024)") and len(carrier.asked) == 1


async def test_a_lost_answer_is_never_sent_again(thread, carrier, sender):
    test = await thread.run(asked, sender)
    carrier.says = lambda message: Unknown("taken")
    await run(thread, carrier, lambda: state(test) == State.UNSURE)
    again = await thread.run(asked, sender, "+972507654321")
    carrier.says = lambda message: NOT_ON_WHATSAPP
    await run(thread, carrier, lambda: state(again) == State.FAILED)
    assert [message.to for message in carrier.asked] == [MINE, "+972507654321"]


async def test_it_counts_in_the_limits_also_after_a_restart(thread, carrier, sender):
    sender.per_hour = 3
    await thread.run(sender.save)
    test = await thread.run(asked, sender)
    await run(thread, carrier, lambda: state(test) == State.ACCEPTED)
    campaign = await thread.run(lambda: a_campaign(some_guests(an_event(), 5), sender, now=clock_now()))
    await run(thread, carrier, lambda: states(campaign) == {"accepted": 2, "queued": 3})
    engine = Engine(carrier, thread)
    await engine.start()
    try:
        await until(thread, lambda: Sender.objects.get(pk=sender.pk).lease_holder != "")
        await thread.run(lambda: None)
    finally:
        await engine.stop()
    assert len(carrier.asked) == 3


async def test_behind_a_paused_sender_it_fails_with_the_reason(thread, carrier, sender):
    def pause() -> None:
        Sender.objects.filter(pk=sender.pk).update(
            state=SenderState.PAUSED, paused_at=clock_now(), paused_reason="Wrong password."
        )

    await thread.run(pause)
    test = await thread.run(asked, sender)
    await run(thread, carrier, lambda: state(test) == State.FAILED)
    row = await thread.run(TestMessage.objects.get)
    assert row.reason == "The sender is paused: Wrong password." and carrier.asked == []


async def in_an_hour_that_is_full(thread, carrier, sender) -> TestMessage:
    """A test message that a drainer has, and can't send: one of an hour has left."""
    sender.per_hour = 1
    await thread.run(sender.save)
    first = await thread.run(asked, sender)
    await run(thread, carrier, lambda: state(first) == State.ACCEPTED)
    return await thread.run(asked, sender)


async def test_in_an_hour_that_is_full_it_is_given_up_and_never_sent_later(thread, carrier, sender):
    test = await in_an_hour_that_is_full(thread, carrier, sender)
    engine = Engine(carrier, thread)
    await engine.start()
    try:
        await until(thread, lambda: state(test) == State.SENDING)
        # as if it had waited since then
        engine._drainers[sender.pk]._tests[0].created_at -= trials.WAITS
        await until(thread, lambda: state(test) == State.FAILED)
    finally:
        await engine.stop()
    row = await thread.run(TestMessage.objects.get, pk=test.pk)
    assert row.reason == trials.GIVEN_UP and row.left_at is None and len(carrier.asked) == 1


async def test_what_has_not_left_at_a_stop_waits_for_the_next_start(thread, carrier, sender):
    test = await in_an_hour_that_is_full(thread, carrier, sender)
    await run(thread, carrier, lambda: state(test) == State.SENDING)
    row = await thread.run(TestMessage.objects.get, pk=test.pk)
    assert (row.state, row.left_at) == (State.QUEUED, None)
    await thread.run(lambda: Sender.objects.update(per_hour=None))
    await run(thread, carrier, lambda: state(test) == State.ACCEPTED)


async def test_nothing_leaves_while_the_sender_is_paused_also_what_was_taken_before(thread, carrier, sender):
    test = await in_an_hour_that_is_full(thread, carrier, sender)
    engine = Engine(carrier, thread)
    await engine.start()
    try:
        await until(thread, lambda: state(test) == State.SENDING)
        # in one moment: the hour has room again, and a fault paused the sender
        await thread.run(
            lambda: Sender.objects.update(
                per_hour=None,
                state=SenderState.PAUSED,
                paused_at=clock_now(),
                paused_reason="Wrong password.",
            )
        )
        await until(thread, lambda: state(test) == State.FAILED)
    finally:
        await engine.stop()
    row = await thread.run(TestMessage.objects.get, pk=test.pk)
    assert row.reason == "The sender is paused: Wrong password." and len(carrier.asked) == 1


def test_a_silent_one_is_asked_about_less_and_less_often(sender):
    asked(sender)
    left = clock_now()
    TestMessage.objects.update(state=State.ACCEPTED, left_at=left, changed_at=left, message_id="SM1")
    at = [second for second in range(700) if trials.silent(sender.account, left + timedelta(seconds=second))]
    assert at == [6, 13, 27, 55, 111, 223, 447]
    TestMessage.objects.update(state=State.DELIVERED, changed_at=left)
    assert trials.silent(sender.account, left + timedelta(seconds=60)) == []


def test_a_request_of_a_process_that_is_gone_is_unsure_and_left_alone(sender):
    test = asked(sender)
    [taken] = trials.take([sender.pk], clock_now())
    assert taken == test and trials.take([sender.pk], clock_now()) == [], "nobody takes it twice"
    assert trials.forgotten(clock_now()) == 0
    assert trials.forgotten(clock_now() + timedelta(minutes=5)) == 1
    assert state(test) == State.UNSURE and trials.take([sender.pk], clock_now()) == []


def test_one_that_waited_too_long_is_given_up(sender):
    test = asked(sender)
    assert trials.take([sender.pk], clock_now() + timedelta(minutes=3)) == []
    test.refresh_from_db()
    assert test.state == State.FAILED and "was not sent" in test.reason


def test_only_the_senders_own_drainer_takes_it(sender):
    asked(sender)
    assert trials.take([a_sender().pk], clock_now()) == []


def test_a_guest_with_the_hosts_number_is_not_taken_for_the_test(sender):
    from cordially.delivery.rescue import known_elsewhere

    test = asked(sender)
    TestMessage.objects.update(message_id="SM7", state=State.ACCEPTED, left_at=clock_now())
    campaign = a_campaign([a_guest(an_event(), phone=MINE)], sender)
    assert known_elsewhere(["SM7", "SM8"]) == {"SM7"}
    assert campaigns.counts(campaign)[State.QUEUED] == 1 and state(test) == State.ACCEPTED
