"""What is to be done later: one heap and one timer, however much waits."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

_logger = logging.getLogger(__name__)

Action = Callable[[], None]


class Agenda:
    """Actions in order of their time (time.monotonic). Lives in the event loop that starts it."""

    def __init__(self, together: Callable[[], AbstractContextManager[None]] = nullcontext) -> None:
        """What falls due at one time is done within `together`."""
        self._together = together
        self._heap: list[tuple[float, int, Action]] = []
        self._numbers = itertools.count()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._set_timer()

    def stop(self) -> None:
        """Forget everything that was still to be done."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop = None
        self._heap.clear()

    def at(self, when: float, action: Action) -> None:
        heapq.heappush(self._heap, (when, next(self._numbers), action))
        if self._heap[0][2] is action:
            self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._loop is not None and self._heap:
            self._timer = self._loop.call_later(max(0.0, self._heap[0][0] - time.monotonic()), self._run)

    def _run(self) -> None:
        self._timer = None
        # Not past this instant: an action that makes new ones due at once must not hold the loop.
        now = time.monotonic()
        due = []
        while self._heap and self._heap[0][0] <= now:
            due.append(heapq.heappop(self._heap)[2])
        with self._together():
            for action in due:
                try:
                    action()
                except Exception:  # the one place for it: what comes after must still be done
                    _logger.exception("the simulator could not do what was due")
        self._set_timer()
