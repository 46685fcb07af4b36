"""How fast a sender may go. Pure: it is told the time (monotonic seconds) and remembers what left.

What counts is what Twilio's door sees, and two requests never travel equally fast. So messages leave on an
even grid that spreads a second's worth over a little more than a second, and a guard looks at when they really
left: of any `per_second` + 1, the last leaves more than a second after the first. One that should have left and
hasn't (its line opens slowly) may leave at any moment, so it counts as leaving now.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass

#: how much longer than a second the grid makes a second: 0.9%, so that 99% of the limit is reached
STRETCH = 0.009
#: how much slower than another a request may travel, in seconds: what the guard leaves for it
MARGIN = 0.008
_HOUR = 3600.0
_DAY = 86400.0
#: slots that a late loop may catch up at once
_CATCH_UP = 8
#: how much later than planned a request may leave, in seconds: what an hour's count waits longer
_LATEST = 10.0
#: numbers are remembered at least so long, for the rest between two messages to the same one
_LATELY = 60.0


@dataclass(slots=True, eq=False)
class Slot:
    """One place in the stream: its place on the grid, and when the request leaves or left."""

    planned: float
    at: float
    left: bool = False
    #: nobody at that number had a message in the window before
    first: bool = False
    #: under which it is counted in the hour
    second: int = 0

    def leave(self, at: float) -> None:
        """The request was written at that time."""
        self.at, self.left = at, True


@dataclass(frozen=True, slots=True)
class Limits:
    per_second: int
    per_hour: int | None = None
    #: different people in 24 hours
    per_day: int | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """What left before, in monotonic times, oldest first."""

    #: single messages of the last seconds
    second: Sequence[float] = ()
    #: how many in each second of the last hour
    hour: Sequence[tuple[float, int]] = ()
    #: the last message of each number
    people: Sequence[tuple[float, str]] = ()


class Pace:
    """The windows of one sender."""

    def __init__(self, limits: Limits, margin: float = MARGIN) -> None:
        self.limits = limits
        self.margin = margin
        #: the last `per_second` of them, by the time at which they left
        self._second: list[Slot] = []
        self._last: Slot | None = None
        #: [second, how many]: an hour at full speed is 288,000 messages, and 3,600 seconds
        self._hour: deque[list[int]] = deque()
        self._in_hour = 0
        self._people: OrderedDict[str, float] = OrderedDict()
        self._factor = 1.0
        self._eased_at = 0.0

    def refill(self, sent: Sent) -> None:
        """Remember what left before. Of two accounts of the hour the fuller one counts: clocks may jump."""
        for at in sent.second:
            slot = Slot(at, at, left=True)
            self._second.append(slot)
            if self._last is None or self._last.at < at:
                self._last = slot
        if sum(count for _, count in sent.hour) >= self._in_hour:
            self._hour.clear()
            self._in_hour = 0
            for at, count in sent.hour:
                self._count(at, count)
        for at, phone in sent.people:
            self._people[phone] = max(at, self._people.get(phone, at))
            self._people.move_to_end(phone)

    def slow_down(self, now: float) -> None:
        """The provider said: too fast. Half the pace now, back to the full one over half a minute."""
        if now - self._eased_at > 1.0 or self._factor == 1.0:
            self._factor = max(0.05, self.factor(now) / 2)
            self._eased_at = now

    def factor(self, now: float) -> float:
        """The share of the limit in use: 1 unless the provider asked for less."""
        if self._factor < 1.0:
            return min(1.0, self._factor + (now - self._eased_at) / 30.0)
        return 1.0

    def plan(self, now: float, horizon: float, most: int) -> list[Slot]:
        """The places of the next messages, from now to now + horizon; at most `most`."""
        self._forget(now)
        most = min(most, self._hour_room(), self._day_room())
        spacing = (1.0 + STRETCH) / (self.limits.per_second * self.factor(now))
        last = self._last or Slot(now - spacing, now - spacing)
        slots: list[Slot] = []
        while len(slots) < most:
            planned = max(last.planned + spacing, now - _CATCH_UP * spacing)
            # the guard may push a message off the grid; the grid itself stays, so that no time adds up
            at = max(planned, now, last.at + spacing / 2, self._window_opens(slots))
            if at > now + horizon:
                break
            last = Slot(planned, at)
            slots.append(last)
        return slots

    def take(self, slot: Slot, phone: str) -> None:
        """Use a planned place for a message to this number."""
        self._remember(slot, phone)

    def give_back(self, slot: Slot, phone: str) -> None:
        """The request never left: it counts nowhere."""
        if slot in self._second:
            self._second.remove(slot)
        for entry in reversed(self._hour):
            if entry[0] == slot.second and entry[1]:
                entry[1] -= 1
                self._in_hour -= 1
                break
        if slot.first:
            self._people.pop(phone, None)

    def rests(self, phone: str, now: float, seconds: float) -> float:
        """How much longer a number is left alone that had a message in the last seconds; 0 for no longer."""
        last = self._people.get(phone)
        return 0.0 if last is None else max(0.0, last + seconds - now)

    def _remember(self, slot: Slot, phone: str) -> None:
        self._last = slot
        self._second.append(slot)
        slot.second = self._count(slot.at, 1)
        slot.first = phone not in self._people
        self._people[phone] = slot.at
        self._people.move_to_end(phone)

    def _count(self, at: float, count: int) -> int:
        """Count them in the hour; under which second."""
        second = int(at)
        if not self._hour or self._hour[-1][0] < second:
            self._hour.append([second, 0])
        self._hour[-1][1] += count
        self._in_hour += count
        return self._hour[-1][0]

    def _forget(self, now: float) -> None:
        for slot in self._second:
            if not slot.left:
                slot.at = max(slot.at, now)
        self._second.sort(key=lambda slot: slot.at)
        del self._second[: -self.limits.per_second]
        while self._hour and self._hour[0][0] + 1 + _LATEST <= now - _HOUR:
            self._in_hour -= self._hour.popleft()[1]
        known = _LATELY if self.limits.per_day is None else _DAY
        while self._people and next(iter(self._people.values())) <= now - known:
            self._people.popitem(last=False)

    def _window_opens(self, planned: list[Slot]) -> float:
        """When the message `per_second` places earlier leaves the sliding second."""
        place = self.limits.per_second - len(planned)
        if place <= 0:
            return planned[-self.limits.per_second].at + 1.0 + self.margin
        if place > len(self._second):
            return 0.0
        return self._second[-place].at + 1.0 + self.margin

    def _hour_room(self) -> int:
        return 1_000_000 if self.limits.per_hour is None else self.limits.per_hour - self._in_hour

    def _day_room(self) -> int:
        return 1_000_000 if self.limits.per_day is None else self.limits.per_day - len(self._people)
