"""How long messages will take to leave, and on which days. Pure but for `used`: it is told everything.

It counts as `delivery/pace.py` does (a test holds the two together), but in runs of messages that follow each
other evenly, so a hundred thousand cost no more than the number of times that a limit makes them wait. The n-th
leaves a place on the grid after the one before it, not before the one `per_hour` places earlier is an hour old,
and not before the one `per_day` people earlier is a day old.
"""

from __future__ import annotations

import datetime as dt
import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.db.models import Count, Max
from django.db.models.functions import TruncSecond

from cordially.lib.marking import noop

from .hours import Quiet
from .ledger import is_held, left
from .lifecycle import State
from .models import CampaignState, Invitation, Sender, SenderState, TestMessage

#: as in `delivery/pace.py`: a second's worth leaves in this many seconds,
STRETCH = 1.009
#: an hour is counted in its whole seconds, and ten more for requests that leave late
HOUR = 3611.0
DAY = 86400.0
#: “bound by”, in the order of what makes one wait longest
SECOND, PER_HOUR, PER_DAY = "second", "hour", "day"


@dataclass(frozen=True, slots=True)
class Used:
    """What left a sender lately, what it still has to do, and whether it may do anything at all.

    `hour`: messages of the last hour; `people`: different people of the last 24 hours, at their last message;
    both as (instant, count), oldest first.
    """

    hour: Sequence[tuple[dt.datetime, int]] = ()
    people: Sequence[tuple[dt.datetime, int]] = ()
    #: how many wait in each running campaign; they take turns with these
    waiting: Sequence[int] = ()
    #: how many of the messages go to people who are counted in `people` already
    known: int = 0
    #: why nothing leaves now; empty when nothing is in the way
    held: str = ""
    #: when it goes on by itself; None when it isn't held, or a person must see to it
    held_until: dt.datetime | None = None

    @property
    def in_hour(self) -> int:
        """Messages of the last hour."""
        return sum(count for _, count in self.hour)

    @property
    def in_day(self) -> int:
        """Different people of the last 24 hours."""
        return sum(count for _, count in self.people)


@dataclass(frozen=True, slots=True)
class Day:
    """A day on which messages leave."""

    date: dt.date
    count: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """When `count` messages leave. Instants are aware; `days` are those of the zone, none of them empty."""

    count: int
    starts_at: dt.datetime
    ends_at: dt.datetime
    #: from the moment that was asked about to the last message
    seconds: float
    days: tuple[Day, ...]
    #: the limit that decides: "second", "hour" or "day"
    bound_by: str
    #: messages a second while none of them waits
    rate: float
    #: why nothing leaves now; empty when nothing is in the way. The times hold once it is mended
    held: str


@dataclass(slots=True, eq=False)
class _Run:
    """Messages that follow each other evenly: the first at `at`, in seconds from now."""

    at: float
    count: int
    every: float


class _Window:
    """One limit: no more than so many in any span."""

    def __init__(self, limit: int, span: float, before: Sequence[_Run]) -> None:
        self.span = span
        self.runs = list(before)
        self._run = self._place = 0
        #: how many may leave before anything must have left the window
        self._room = limit - sum(run.count for run in before)
        self._skip(max(0, -self._room))
        self._room = max(0, self._room)

    def opens(self) -> tuple[float, int]:
        """From when the next may leave, and how many after each other that is true for."""
        if self._room:
            return 0.0, self._room
        run = self.runs[self._run]
        return run.at + self._place * run.every + self.span, run.count - self._place

    def take(self, count: int) -> None:
        """So many left; not more than `opens` said."""
        if self._room:
            self._room -= count
        else:
            self._skip(count)

    def _skip(self, count: int) -> None:
        self._place += count
        while self._place and self._place >= self.runs[self._run].count:
            self._place -= self.runs[self._run].count
            self._run += 1


def forecast(
    count: int,
    *,
    per_second: int,
    per_hour: int | None,
    per_day: int | None,
    used: Used,
    now: dt.datetime,
    zone: ZoneInfo,
    ahead: int = 0,
    starts_at: dt.datetime | None = None,
    quiet: Quiet | None = None,
) -> Forecast:
    """When so many messages leave if Send is pressed at `now`, within a sender's limits.

    `ahead`: how many leave before the first of them, besides those in `used.waiting`, which take turns.
    `starts_at`: they wait for it, while those in `used.waiting` leave. `quiet`: hours of their event, taken as
    if they held for everybody.
    """
    held = used.held
    if per_hour == 0 or per_day == 0:
        held = held or (
            noop("The sender’s limit is 0 an hour.")
            if per_hour == 0
            else noop("The sender’s limit is 0 people a day.")
        )
    starts = max(0.0, (used.held_until - now).total_seconds()) if used.held_until else 0.0
    every = STRETCH / per_second
    waits = max(0.0, (starts_at - now).total_seconds()) if starts_at else 0.0
    queue = _Queue(count, ahead, _left_by_then(used.waiting, int(max(0.0, waits - starts) / every)))
    starts = max(starts, waits)
    silence = _Silence(quiet, now) if quiet else None
    runs, waited = _runs(
        queue.length, every, starts, used, now, per_hour or None, per_day or None, queue, silence
    )
    if not count:
        at = now + dt.timedelta(seconds=silence.opens(starts) if silence else starts)
        return Forecast(0, at, at, starts, (), SECOND, 1 / every, held)
    first, last = _at(runs, queue.place(0)), _at(runs, queue.place(count - 1))
    return Forecast(
        count=count,
        starts_at=now + dt.timedelta(seconds=first),
        ends_at=now + dt.timedelta(seconds=last),
        seconds=last,
        days=tuple(_days(runs, queue, now, zone)),
        bound_by=max(waited, key=(SECOND, PER_HOUR, PER_DAY).index),
        rate=1 / every,
        held=held,
    )


def _left_by_then(waiting: Sequence[int], places: int) -> tuple[int, ...]:
    """What still waits of the others when so many of them have left, each campaign in its turn."""
    left = list(waiting)
    while places > 0 and any(left):
        going = [i for i, many in enumerate(left) if many]
        share = max(1, min(places // len(going), min(left[i] for i in going)))
        for i in going[:places]:
            left[i] -= share
            places -= share
    return tuple(many for many in left if many > 0)


@dataclass(frozen=True, slots=True)
class _Silence:
    """Quiet hours, in seconds from now."""

    quiet: Quiet
    now: dt.datetime

    def opens(self, at: float) -> float:
        """The first moment from `at` on that isn't quiet."""
        until = self.quiet.until(self.now + dt.timedelta(seconds=at))
        return (until - self.now).total_seconds() if until else at

    def many(self, at: float, every: float) -> int:
        """How many leave from `at` on, which isn't quiet, before it is."""
        closes = (self.quiet.next(self.now + dt.timedelta(seconds=at)) - self.now).total_seconds()
        return max(1, math.ceil((closes - at) / every))


@dataclass(frozen=True, slots=True)
class _Queue:
    """Where our messages stand among the others: campaigns take turns, the older one first."""

    count: int
    ahead: int
    others: tuple[int, ...]

    @property
    def length(self) -> int:
        """Places up to the last of ours."""
        return self.place(self.count - 1) + 1 if self.count else 0

    def place(self, index: int) -> int:
        """The place of our message number `index`, from 0."""
        return self.ahead + index + sum(min(index + 1, waiting) for waiting in self.others)

    def ours(self, places: int) -> int:
        """How many of the first so many places are ours."""
        if not self.others:
            return min(self.count, max(0, places - self.ahead))
        return bisect_left(range(self.count), places, key=self.place)


def _runs(
    length: int,
    every: float,
    starts: float,
    used: Used,
    now: dt.datetime,
    per_hour: int | None,
    per_day: int | None,
    queue: _Queue,
    silence: _Silence | None = None,
) -> tuple[list[_Run], set[str]]:
    """The runs in which so many messages leave, and which limits made one wait."""
    windows: list[tuple[str, _Window]] = []
    if per_hour:
        windows.append((PER_HOUR, _Window(per_hour, HOUR, _before(used.hour, now))))
    if per_day:
        refreshed = _refreshed(queue, used, per_day)
        windows.append((PER_DAY, _Window(per_day, DAY, _without(_before(used.people, now), refreshed))))
    runs: list[_Run] = []
    waited = {SECOND}
    grid, to_go = starts, length
    while to_go:
        at, take = grid, to_go
        for name, window in windows:
            opens, many = window.opens()
            take = min(take, many)
            if opens > at:
                at = opens
                waited.add(name)
        if silence:
            at = silence.opens(at)
            take = min(take, silence.many(at, every))
        if runs and at == grid:
            runs[-1].count += take
        else:
            runs.append(run := _Run(at, take, every))
            for _, window in windows:
                window.runs.append(run)
        for _, window in windows:
            window.take(take)
        to_go -= take
        grid = runs[-1].at + runs[-1].count * every
    return runs, waited


def _before(sent: Sequence[tuple[dt.datetime, int]], now: dt.datetime) -> list[_Run]:
    """What left before, in seconds from now; never later than now, whatever a clock said."""
    return [_Run(min(0.0, (at - now).total_seconds()), count, 0.0) for at, count in sent if count]


def _refreshed(queue: _Queue, used: Used, per_day: int) -> int:
    """How many people are written to again before the day is used up, if ever: they don't count anew.

    Who waits for whom isn't known, so they are taken as spread evenly. Once the day is used up everybody waits,
    they too.
    """
    new = queue.length - used.known
    room = per_day - used.in_day
    if used.known <= 0 or room <= 0:
        return 0
    leave = queue.length if new <= room else room * queue.length // new
    return min(used.known, used.known * leave // queue.length)


def _without(runs: list[_Run], count: int) -> list[_Run]:
    """So many people fewer, from the oldest on: lists are mostly written to in the same order."""
    kept = []
    for run in runs:
        gone = min(count, run.count)
        count -= gone
        if run.count > gone:
            kept.append(_Run(run.at, run.count - gone, run.every))
    return kept


def _at(runs: Sequence[_Run], place: int) -> float:
    for run in runs:
        if place < run.count:
            return run.at + place * run.every
        place -= run.count
    raise IndexError(place)


def _days(runs: Sequence[_Run], queue: _Queue, now: dt.datetime, zone: ZoneInfo) -> list[Day]:
    dates: list[tuple[dt.date, int]] = []  # each with how many places there are up to its end
    passed, ends = 0, -math.inf
    for run in runs:
        place = 0
        while place < run.count:
            if (seconds := run.at + place * run.every) >= ends:
                date = (now + dt.timedelta(seconds=seconds)).astimezone(zone).date()
                midnight = dt.datetime.combine(date + dt.timedelta(days=1), dt.time(), zone)
                ends = (midnight.astimezone(dt.UTC) - now).total_seconds()
                dates.append((date, 0))
            place = min(run.count, max(place + 1, math.ceil((ends - run.at) / run.every)))
            dates[-1] = (dates[-1][0], passed + place)
        passed += run.count
    days, done = [], 0
    for date, places in dates:
        if ours := queue.ours(places) - done:
            days.append(Day(date, ours))
            done += ours
    return days


def used(sender: Sender, now: dt.datetime, to: Iterable[str] = ()) -> Used:
    """What the ledger knows of a sender. A handful of queries; windows without a limit aren't looked at.

    `to`: numbers of those who are about to be written to, for `known`.
    """
    begun = left(sender.pk)
    hour: Counter[dt.datetime] = Counter()
    if sender.per_hour:
        since = now - dt.timedelta(seconds=HOUR)
        seconds = begun.filter(at__gt=since).annotate(second=TruncSecond("at")).values("second")
        hour.update(dict(seconds.annotate(n=Count("pk")).order_by("second").values_list("second", "n")))
        hour.update(at for _, at in _tests(sender, since))
    people: dict[str, dt.datetime] = {}
    known = 0
    if sender.per_day:
        since = now - dt.timedelta(seconds=DAY)
        day = begun.filter(at__gt=since).values("invitation__phone").annotate(last=Max("at"))
        people = dict(day.order_by("last").values_list("invitation__phone", "last"))
        for phone, at in _tests(sender, since):
            people[phone] = max(at, people.get(phone, at))
        known = sum(phone in people for phone in to)
    waiting = Invitation.objects.filter(
        campaign__sender=sender, campaign__state=CampaignState.RUNNING, state=State.QUEUED
    )
    held, held_until = _held(sender, now)
    return Used(
        hour=sorted(hour.items()),
        people=sorted(Counter(people.values()).items()),
        waiting=list(
            waiting.order_by("campaign_id")
            .values("campaign_id")
            .annotate(n=Count("pk"))
            .values_list("n", flat=True)
        ),
        known=known,
        held=held,
        held_until=held_until,
    )


def _tests(sender: Sender, since: dt.datetime) -> list[tuple[str, dt.datetime]]:
    """Messages to the host's own number: they count for WhatsApp like any other."""
    tests = TestMessage.objects.filter(sender=sender, left_at__gt=since)
    return [(phone, at) for phone, at in tests.values_list("phone", "left_at") if at]


def _held(sender: Sender, now: dt.datetime) -> tuple[str, dt.datetime | None]:
    if sender.state == SenderState.PAUSED:
        return sender.paused_reason, None
    if is_held(sender, now):
        return sender.held_reason, sender.held_until
    return "", None
