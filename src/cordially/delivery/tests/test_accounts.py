"""Several accounts in one engine: each drains its own senders, and none waits for another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from tests.people import ACCOUNT, a_campaign, a_sender, a_template, an_event, some_guests

from cordially.delivery.engine import Engine
from cordially.delivery.tests.carrier import BAD_CREDENTIALS, Carrier
from cordially.delivery.thread import LedgerThread
from cordially.invitations.lifecycle import State
from cordially.invitations.models import Campaign, Invitation, Sender, SenderState

pytestmark = pytest.mark.django_db(transaction=True)

OTHER = "AC" + "8" * 32


@pytest.fixture(autouse=True)
def elsewhere(settings: object) -> None:
    """Nobody's phone is at stake, so no public address is needed."""
    settings.TWILIO_API_URL = "http://127.0.0.1:9"  # type: ignore[attr-defined]


def a_list(account: str, count: int = 5) -> Campaign:
    sender = a_sender(account=account)
    return a_campaign(some_guests(an_event(), count), sender, a_template(account=account))


def states(campaign: Campaign) -> list[str]:
    return list(Invitation.objects.filter(campaign=campaign).values_list("state", flat=True))


async def until(thread: LedgerThread, true: Callable[[], bool]) -> None:
    async with asyncio.timeout(15):
        while not await thread.run(true):
            await asyncio.sleep(0.02)


async def test_each_account_sends_its_own(thread: LedgerThread) -> None:
    first, second = await thread.run(a_list, ACCOUNT), await thread.run(a_list, OTHER)
    mine, other = Carrier(ACCOUNT), Carrier(OTHER, 1000)
    engine = Engine(mine, thread)
    engine.connect(other)
    await engine.start()
    try:
        await until(thread, lambda: states(first) + states(second) == ["accepted"] * 10)
    finally:
        await engine.stop()
    assert {message.sender for message in mine.taken} == {first.sender.phone}
    assert {message.sender for message in other.taken} == {second.sender.phone}


async def test_wrong_credentials_stop_that_sender_alone(thread: LedgerThread) -> None:
    first, second = await thread.run(a_list, ACCOUNT), await thread.run(a_list, OTHER)
    engine = Engine(Carrier(ACCOUNT, says=lambda message: BAD_CREDENTIALS), thread)
    engine.connect(Carrier(OTHER, 1000))
    await engine.start()
    try:
        await until(thread, lambda: states(second) == ["accepted"] * 5)
    finally:
        await engine.stop()
    assert set(await thread.run(states, first)) == {"queued"}
    found = await thread.run(lambda: dict(Sender.objects.values_list("account", "state")))
    assert found == {ACCOUNT: SenderState.PAUSED, OTHER: SenderState.ACTIVE}


async def test_an_account_that_comes_while_it_runs_is_drained(thread: LedgerThread) -> None:
    second = await thread.run(a_list, OTHER)
    engine = Engine(None, thread)
    await engine.start()
    try:
        assert not engine.accounts
        engine.connect(Carrier(OTHER, 1000))
        await until(thread, lambda: states(second) == ["accepted"] * 5)
    finally:
        await engine.stop()


async def test_what_is_in_flight_when_an_account_leaves_is_settled_and_the_rest_waits(
    thread: LedgerThread,
) -> None:
    campaign = await thread.run(a_list, OTHER, 200)
    carrier = Carrier(OTHER, 1000)
    carrier.gate.clear()
    engine = Engine(carrier, thread)
    await engine.start()
    try:
        async with asyncio.timeout(15):
            while len(carrier.asked) < 10:
                await asyncio.sleep(0.01)
            leaving = asyncio.create_task(engine.disconnect(OTHER))
            await asyncio.sleep(0)
            carrier.gate.set()
            await leaving
        asked = len(carrier.asked)
        found = await thread.run(states, campaign)
        assert found.count(State.ACCEPTED) == asked < 200
        assert found.count(State.QUEUED) == 200 - asked
        sender = await thread.run(Sender.objects.get)
        assert sender.lease_holder == ""
        # and when it comes again it goes on, and nobody gets a second one
        again = Carrier(OTHER, 2000)
        engine.connect(again)
        await until(thread, lambda: states(campaign) == [State.ACCEPTED] * 200)
        numbers = [message.to for message in carrier.taken + again.taken]
        assert len(numbers) == len(set(numbers)) == 200
    finally:
        carrier.gate.set()
        await engine.stop()


async def test_an_account_that_does_not_answer_holds_up_no_other(thread: LedgerThread) -> None:
    """Its look-ups hang; the other's lost answer is settled all the same."""

    class Hangs(Carrier):
        async def find(self, *args: object) -> None:  # type: ignore[override]
            await asyncio.Event().wait()

    def doubt() -> None:
        Invitation.objects.update(
            state=State.UNSURE, attempts=1, sending_at=None, look_at="2020-01-01T00:00Z"
        )

    first, second = await thread.run(a_list, ACCOUNT, 1), await thread.run(a_list, OTHER, 1)
    await thread.run(doubt)
    engine = Engine(Hangs(ACCOUNT), thread, surely_after=0.0)
    engine.connect(Carrier(OTHER, 1000))
    await engine.start()
    try:
        await until(thread, lambda: states(second) == ["accepted"])
        assert await thread.run(states, first) == ["unsure"]
    finally:
        await engine.stop()


async def test_an_account_is_connected_once(thread: LedgerThread) -> None:
    engine = Engine(Carrier(ACCOUNT), thread)
    with pytest.raises(ValueError):
        engine.connect(Carrier(ACCOUNT))
