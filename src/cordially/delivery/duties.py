"""Which of the duties that one process has for all are this one's."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from cordially.invitations import duties
from cordially.lib.clock import now as clock_now

from .thread import LedgerThread

logger = logging.getLogger(__name__)

LAST = 10.0  # seconds that a duty is held
RENEW = 5.0  # seconds after which it is taken anew


class Duties:
    """Takes duties as they are asked for, and keeps them. Used from one event loop."""

    def __init__(self, thread: LedgerThread, holder: str, dead: Callable[[], Sequence[str]] = tuple) -> None:
        self._thread = thread
        self._holder = holder
        #: holders that surely don't live any more
        self._dead = dead
        #: duty -> when it was taken last (monotonic); None: another has it
        self._taken: dict[str, float | None] = {}

    async def has(self, name: str) -> bool:
        """Whether this process is the one to do it now."""
        before = self._taken.get(name)
        begun = time.monotonic()
        if before is not None and begun - before < RENEW:
            return True
        taken = await self._thread.run(duties.take, name, self._holder, LAST, clock_now(), self._dead())
        if taken and before is None:
            logger.debug("duty %s is done here", name)
        self._taken[name] = begun if taken else None
        return taken

    async def give_back(self) -> None:
        if any(since is not None for since in self._taken.values()):
            self._taken.clear()
            await self._thread.run(duties.give_back, self._holder)
