"""Several engines on one ledger: each drains its share of the senders, and none is left out."""

from __future__ import annotations

import asyncio

import pytest
from tests.people import ACCOUNT, a_campaign, a_guest, a_sender, a_template, an_event

from cordially.delivery import engine as engines
from cordially.delivery.engine import Engine
from cordially.delivery.tests.carrier import Carrier
from cordially.delivery.thread import LedgerThread
from cordially.invitations import campaigns
from cordially.invitations.models import Duty, Invitation, Sender

pytestmark = pytest.mark.django_db(transaction=True)


def senders(count: int) -> None:
    a_template()
    for number in range(count):
        a_sender(phone=f"+1555010{number:04}")


def drained(engine: Engine) -> int:
    return Sender.objects.filter(lease_holder=engine.holder).count()


async def until(thread: LedgerThread, *wanted: tuple[Engine, int]) -> None:
    async with asyncio.timeout(20):
        while [await thread.run(drained, engine) for engine, _ in wanted] != [count for _, count in wanted]:
            await asyncio.sleep(0.02)


class Offers:
    """Says that it hands on what it doesn't."""

    def __init__(self, works: bool) -> None:
        self.works = works
        self.offered: list[int] = []

    async def offer(self, sender_id: int) -> bool:
        self.offered.append(sender_id)
        return self.works


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "SWEEP", 0.05)
    monkeypatch.setattr(engines, "SPARE_AFTER", 0.2)
    monkeypatch.setattr(engines, "STAND_IN", 0.3)


async def test_a_second_worker_takes_half_of_what_is_idle_and_a_dead_ones_part(thread: LedgerThread) -> None:
    await thread.run(senders, 6)
    first, second = (Engine(Carrier(ACCOUNT), thread, most=10) for _ in range(2))
    await first.start()
    try:
        await until(thread, (first, 6))
        await second.start()
        await until(thread, (first, 3), (second, 3))
    finally:
        await first.stop()
    try:
        await until(thread, (second, 6))
    finally:
        await second.stop()
    assert await thread.run(lambda: Duty.objects.count()) == 0


async def test_no_worker_drains_more_than_it_may(thread: LedgerThread) -> None:
    await thread.run(senders, 5)
    engine = Engine(Carrier(ACCOUNT), thread, most=2)
    await engine.start()
    try:
        await until(thread, (engine, 2))
        assert engine.room == 0
        assert not await engine.take_on(5)
    finally:
        await engine.stop()


@pytest.mark.parametrize("works", [True, False])
async def test_what_is_offered_in_vain_is_taken_all_the_same(thread: LedgerThread, works: bool) -> None:
    await thread.run(senders, 3)
    offers = Offers(works)
    engine = Engine(Carrier(ACCOUNT), thread, most=5, offers=offers)
    await engine.start()
    try:
        await until(thread, (engine, 3))
    finally:
        await engine.stop()
    # one that fails is not waited for once for each sender
    assert len(set(offers.offered)) == (3 if works else 1)


def queued_for(number: int) -> int:
    sender = Sender.objects.order_by("pk")[number]
    event = an_event()
    campaign = a_campaign([a_guest(event)], sender=sender)
    campaigns.resume(campaign)
    return sender.pk


async def test_who_has_no_place_left_leaves_an_idle_sender_for_one_that_has_work(
    thread: LedgerThread,
) -> None:
    await thread.run(senders, 2)
    engine = Engine(Carrier(ACCOUNT), thread, most=1)
    await engine.start()
    try:
        for number in (0, 1, 0):
            waiting = await thread.run(queued_for, number)
            left = Invitation.objects.filter(campaign__sender=waiting, state="queued")
            async with asyncio.timeout(20):
                while await thread.run(left.exists):
                    await asyncio.sleep(0.02)
    finally:
        await engine.stop()


async def test_who_only_minds_drains_nothing_and_offers(thread: LedgerThread) -> None:
    await thread.run(senders, 2)
    offers = Offers(True)
    engine = Engine(Carrier(ACCOUNT), thread, most=0, offers=offers)
    await engine.start()
    try:
        async with asyncio.timeout(10):
            while len(offers.offered) < 2:
                await asyncio.sleep(0.02)
        assert await thread.run(drained, engine) == 0
    finally:
        await engine.stop()
