"""The bell and the live line beyond one process, through Redis. Hints alone: whatever is lost is found by looking."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Awaitable, Callable

from redis.exceptions import RedisError

from cordially.lib.redisurl import Address

logger = logging.getLogger(__name__)

CHANNEL = "cordially:bell"
WORK = "work"  # there may be something to send
NEWS = "news"  # something was committed
TOGETHER = 0.03  # seconds in which rings count as one
AGAIN = 1.0  # seconds between two tries of a Redis that can't be reached


class Bells:
    """Rings in all processes what is rung in one. Built inside the event loop's thread."""

    def __init__(self, address: Address, heard: dict[str, Callable[[], None]]) -> None:
        """`heard`: what happens when another process rings WORK or NEWS."""
        self._address = address
        self._heard = heard
        self._me = secrets.token_hex(6)
        self._rung: set[str] = set()
        self._wanted = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: list[asyncio.Task[None]] = []
        #: why Redis can't be used right now, by direction
        self._troubles: dict[str, str] = {}

    @property
    def trouble(self) -> str:
        """Empty when Redis can be used."""
        return next(iter(self._troubles.values()), "")

    def _works(self, direction: str) -> None:
        if self._troubles.pop(direction, "") and not self._troubles:
            logger.warning("Redis can be used again")

    async def start(self) -> None:
        """Returns at once; a Redis that can't be reached is tried again for as long as this runs."""
        self._loop = asyncio.get_running_loop()
        self._tasks = [
            asyncio.create_task(self._forever(work), name=name)
            for name, work in (("bells out", self._tell), ("bells in", self._listen))
        ]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def ring(self, what: str) -> None:
        """Any thread, any time; never fails."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._note, what)

    def _note(self, what: str) -> None:
        self._rung.add(what)
        self._wanted.set()

    async def _tell(self) -> None:
        async with self._address.async_client() as redis:
            await redis.ping()
            self._works("_tell")
            while True:
                await self._wanted.wait()
                self._wanted.clear()
                rung, self._rung = self._rung, set()
                # what is rung while Redis is away is stale by then
                for what in sorted(rung):
                    await redis.publish(CHANNEL, f"{self._me} {what}")
                self._works("_tell")
                await asyncio.sleep(TOGETHER)

    async def _listen(self) -> None:
        async with self._address.async_client() as redis, redis.pubsub() as line:
            await line.subscribe(CHANNEL)
            self._works("_listen")
            # what was rung meanwhile was not heard
            for hear in self._heard.values():
                hear()
            while True:
                message = await line.get_message(ignore_subscribe_messages=True, timeout=AGAIN)
                if message is None:
                    continue
                who, _, what = bytes(message["data"]).decode(errors="replace").partition(" ")
                if who != self._me and what in self._heard:
                    self._heard[what]()

    async def _forever(self, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
            except Exception as error:  # whatever it is: without this loop nobody would ever hear again
                known = isinstance(error, RedisError | OSError)
                if not self.trouble:
                    logger.error(
                        "Redis can’t be used, everything goes on without it: %s",
                        type(error).__name__,
                        exc_info=None if known else error,
                    )
                self._troubles[work.__name__] = type(error).__name__
            await asyncio.sleep(AGAIN)
