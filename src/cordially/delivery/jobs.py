"""Jobs for the workers, by Taskiq over Redis Streams: acknowledged, and handed to another when a worker dies.

A job says “this sender has nobody to drain it”. The ledger stays the truth: a job that is lost is offered again,
one that comes twice finds the lease taken.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from redis.exceptions import RedisError
from taskiq import AsyncBroker
from taskiq.exceptions import TaskiqError
from taskiq.receiver import Receiver
from taskiq_redis import RedisStreamBroker, RedisStreamSentinelBroker

from cordially.lib.redisurl import Address

logger = logging.getLogger(__name__)

STREAM = "cordially:jobs"
GROUP = "cordially:workers"
DRAIN = "cordially:drain"
#: a job that its worker didn't acknowledge goes to another after so many milliseconds
REDELIVERED_AFTER = 10_000
#: jobs that nobody fetched are forgotten beyond this number: they are offered again anyway
MOST = 10_000
WITHIN = 2.0  # seconds that handing one on may take
AGAIN = 1.0  # seconds between two tries of a Redis that can't be reached


def make_broker(address: Address) -> AsyncBroker:
    """One job at a time for each worker that asks, so that they share."""
    shared: dict[str, Any] = {
        "queue_name": STREAM,
        "consumer_group_name": GROUP,
        "consumer_id": "0",
        "maxlen": MOST,
        "xread_block": 1000,
    }
    if address.sentinels:
        return RedisStreamSentinelBroker(list(address.sentinels), address.master, **shared, **address.options)
    return RedisStreamBroker(
        address.url,
        idle_timeout=REDELIVERED_AFTER,
        unacknowledged_lock_timeout=5,
        xread_count=1,
        **shared,
        socket_connect_timeout=2.0,
        socket_timeout=5.0,
    )


class Jobs:
    """Offers senders to the workers (`offer`), and takes what is offered (`work`). For one event loop."""

    def __init__(self, broker: AsyncBroker, take_on: Callable[[int], Awaitable[bool]]) -> None:
        self._broker = broker

        async def drain(sender_id: int) -> None:
            await take_on(sender_id)

        self._drain = broker.register_task(drain, task_name=DRAIN)
        self._is_open = False

    async def offer(self, sender_id: int) -> bool:
        """False when it can't be handed on now. Never raises."""
        try:
            async with asyncio.timeout(WITHIN):
                if not self._is_open:
                    await self._broker.startup()
                    self._is_open = True
                await self._drain.kiq(sender_id)
        except (RedisError, TaskiqError, OSError):
            return False
        return True

    async def work(self) -> None:
        """Take jobs until cancelled; a Redis that can't be reached or was emptied is tried again."""
        self._broker.is_worker_process = True
        with ThreadPoolExecutor(1, thread_name_prefix="jobs") as executor:
            while True:
                receiver = Receiver(
                    self._broker, executor, max_async_tasks=1, run_startup=True, propagate_exceptions=False
                )
                try:
                    await receiver.listen(asyncio.Event())
                except* (RedisError, TaskiqError, OSError) as group:
                    logger.debug("jobs: %s", type(group.exceptions[0]).__name__)
                except* Exception:  # whatever it is: without this loop nobody would ever take a job again
                    logger.exception("jobs")
                await asyncio.sleep(AGAIN)

    async def close(self) -> None:
        try:
            async with asyncio.timeout(WITHIN):
                await self._broker.shutdown()
        except (RedisError, TaskiqError, OSError):
            logger.debug("the broker was gone already")
