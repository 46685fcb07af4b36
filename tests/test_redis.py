"""Against a real Redis: jobs, bells and counts; and what becomes of them while it is away or empty."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from cordially.delivery import bells, jobs
from cordially.delivery.bells import NEWS, WORK, Bells
from cordially.delivery.jobs import Jobs, make_broker
from cordially.lib import rates
from cordially.lib.redisurl import Address, read

from .fleet import Redis

#: the client leaves what a dead server closed to the garbage collector
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def redis() -> Iterator[Redis]:
    found = Redis()
    found.start()
    yield found
    found.stop()


@pytest.fixture
def address(redis: Redis) -> Address:
    return read(redis.url)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "AGAIN", 0.05)
    monkeypatch.setattr(bells, "AGAIN", 0.05)


async def becomes(true: Callable[[], object]) -> None:
    async with asyncio.timeout(15):
        while not true():
            await asyncio.sleep(0.01)


class Worker:
    """Takes jobs as long as the block runs. `stuck`: never gets done with one."""

    def __init__(self, address: Address, stuck: bool = False) -> None:
        self.took: list[int] = []
        self._stuck = stuck
        self._over = asyncio.Event()
        self.jobs = Jobs(make_broker(address), self._take_on)

    async def _take_on(self, sender_id: int) -> bool:
        self.took.append(sender_id)
        if self._stuck:
            await self._over.wait()
            raise RuntimeError
        return True

    async def __aenter__(self) -> Worker:
        self._task = asyncio.create_task(self.jobs.work())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        self._over.set()
        await asyncio.gather(self._task, return_exceptions=True)
        await self.jobs.close()


def offering(address: Address) -> Jobs:
    async def nobody(sender_id: int) -> bool:
        raise AssertionError

    return Jobs(make_broker(address), nobody)


async def test_each_job_is_taken_once_whoever_takes_it(address: Address) -> None:
    mine = offering(address)
    async with Worker(address) as one, Worker(address) as two:
        for sender_id in range(1, 21):
            assert await mine.offer(sender_id)
        await becomes(lambda: len(one.took + two.took) >= 20)
        assert sorted(one.took + two.took) == list(range(1, 21))
        client = address.async_client()
        await becomes_async(lambda: _pending(client), 0)
        await client.aclose()
    await mine.close()


async def becomes_async(ask: Callable[[], Awaitable[int]], wanted: int) -> None:
    async with asyncio.timeout(15):
        while await ask() != wanted:
            await asyncio.sleep(0.02)


async def _pending(client: object) -> int:
    found = await client.xpending(jobs.STREAM, jobs.GROUP)  # type: ignore[attr-defined]
    return int(found["pending"])


async def test_a_job_of_a_worker_that_never_acknowledges_goes_to_another(
    address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "REDELIVERED_AFTER", 1)
    mine = offering(address)
    async with Worker(address, stuck=True) as stuck:
        assert await mine.offer(7)
        await becomes(lambda: stuck.took == [7])
        async with Worker(address) as other:
            # it looks for what others left whenever a job comes
            assert await mine.offer(8)
            await becomes(lambda: {7, 8} <= set(other.took))
    await mine.close()


async def test_a_redis_that_comes_back_empty_is_worked_with_at_once(address: Address, redis: Redis) -> None:
    mine = offering(address)
    async with Worker(address) as worker:
        assert await mine.offer(1)
        await becomes(lambda: worker.took == [1])
        redis.stop()
        assert not await mine.offer(2)
        redis.start()
        async with asyncio.timeout(15):
            while 3 not in worker.took:
                await mine.offer(3)
                await asyncio.sleep(0.1)
    await mine.close()


async def test_what_rings_in_one_process_rings_in_the_others(address: Address, redis: Redis) -> None:
    heard: list[str] = []
    mine = Bells(address, {WORK: lambda: heard.append("own"), NEWS: lambda: heard.append("own")})
    other = Bells(address, {WORK: lambda: heard.append(WORK), NEWS: lambda: heard.append(NEWS)})
    await mine.start()
    await other.start()
    try:
        # whoever has just begun to listen looks once
        await becomes(lambda: {WORK, NEWS, "own"} <= set(heard))
        heard.clear()
        for _ in range(50):
            mine.ring(NEWS)
        await becomes(lambda: heard)
        mine.ring(WORK)
        await becomes(lambda: WORK in heard)
        assert "own" not in heard
        assert heard.count(NEWS) < 10, "rings at the same moment count as one"
        redis.stop()
        await becomes(lambda: mine.trouble and other.trouble)
        mine.ring(WORK)
        heard.clear()
        redis.start()
        await becomes(lambda: not mine.trouble and not other.trouble)
        assert WORK in heard, "what was rung meanwhile is looked for"
    finally:
        await mine.stop()
        await other.stop()


def test_tries_are_counted_together_and_without_redis_here(
    address: Address, redis: Redis, settings: Any
) -> None:
    settings.REDIS = address
    rates._server.cache_clear()
    what = ("signin", os.urandom(4).hex())
    try:
        assert [rates.count(*what, most=2) for _ in range(3)] == [False, False, True]
        with address.client() as client:
            assert client.get(f"rate:{':'.join(what)}") == b"3"
            assert 0 < int(str(client.ttl(f"rate:{':'.join(what)}"))) <= rates.WINDOW
        assert rates.is_over(*what, most=3)
        redis.stop()
        assert not rates.is_over(*what, most=3)
        assert [rates.count(*what, most=2) for _ in range(3)] == [False, False, True]
    finally:
        rates._server.cache_clear()
