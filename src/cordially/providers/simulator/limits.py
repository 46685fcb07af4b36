"""What a sender may carry, counted at the door."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from enum import Enum, auto

#: how many of the last requests are remembered, of each sender and on the disk
MOST_ARRIVALS = 200_000
_WINDOW = 1.0


class Verdict(Enum):
    TAKE = auto()
    REFUSE = auto()  # above the limit: HTTP 429
    DROP = auto()  # above twice the limit: taken, and fails with 63018


class Door:
    """One sender's requests. All times are of time.monotonic."""

    def __init__(self, per_second: int, arrivals: Sequence[float] = ()) -> None:
        self.arrivals = deque(arrivals, maxlen=MOST_ARRIVALS)
        self._limit = per_second
        self._recent: deque[float] = deque()
        self._taken: deque[float] = deque()
        self._last_to: dict[str, float] = {}

    def arrive(self, now: float) -> Verdict:
        """Note a request and say what becomes of it."""
        self.arrivals.append(now)
        if self._limit <= 0:
            return Verdict.TAKE
        self._recent.append(now)
        _forget(self._recent, now)
        _forget(self._taken, now)
        if len(self._taken) < self._limit:
            return Verdict.TAKE
        return Verdict.DROP if len(self._recent) > 2 * self._limit else Verdict.REFUSE

    def took(self, to: str, now: float, pair_seconds: float) -> bool:
        """Note a created message; whether it comes too soon after the last one to the same guest."""
        if self._limit > 0:
            self._taken.append(now)
        if pair_seconds <= 0:
            return False
        last = self._last_to.get(to)
        self._last_to[to] = now
        return last is not None and now - last < pair_seconds


def most_in_a_second(times: Sequence[float]) -> int:
    """The largest number of them in any sliding second."""
    most = 0
    window: deque[float] = deque()
    for moment in sorted(times):
        window.append(moment)
        _forget(window, moment)
        most = max(most, len(window))
    return most


def _forget(times: deque[float], now: float) -> None:
    while times and times[0] <= now - _WINDOW:
        times.popleft()
