"""The windows of a sender, driven through made-up hours in which the loop is late and lines are slow."""

from __future__ import annotations

import heapq
import random
from bisect import bisect_left
from collections.abc import Callable, Sequence

import pytest

from cordially.delivery.pace import Limits, Pace, Sent, Slot

TICK, HORIZON = 0.1, 0.25


def drive(
    pace: Pace,
    seconds: float,
    *,
    start: float = 0.0,
    stalls: Callable[[], float] = lambda: 0.0,
    late: Callable[[], float] = lambda: 0.0,
    new_number: Callable[[], str] | None = None,
) -> list[float]:
    """When each message left, as seen at the door. `stalls` delays a tick, `late` a request."""
    counter = iter(range(10**9))
    number = new_number or (lambda: f"+{next(counter)}")
    left: list[float] = []
    under_way: list[tuple[float, int, Slot]] = []
    now = start
    while now < start + seconds:
        while under_way and under_way[0][0] <= now:
            written, _, slot = heapq.heappop(under_way)
            slot.leave(written)
            left.append(written)
        for slot in pace.plan(now, HORIZON, 500):
            pace.take(slot, number())
            heapq.heappush(under_way, (max(slot.at, now) + late(), next(counter), slot))
        now += TICK + stalls()
    for written, _, slot in under_way:
        slot.leave(written)
    return sorted(left)


def took(pace: Pace, at: float, phone: str) -> None:
    """A message to this number left at that time."""
    slot = Slot(at, at)
    pace.take(slot, phone)
    slot.leave(at)


def most_in(left: Sequence[float], seconds: float) -> int:
    """The most that any window of that length carries."""
    return max(
        (place - bisect_left(left, at - seconds + 1e-6) + 1 for place, at in enumerate(left)), default=0
    )


def at_random(share: float, longest: float, seed: int = 1) -> Callable[[], float]:
    """Now and then something takes up to so long."""
    chance = random.Random(seed)
    return lambda: chance.uniform(0, longest) if chance.random() < share else 0.0


MISHAPS: dict[str, dict[str, Callable[[], float]]] = {
    "none": {},
    "a jittery loop": {"late": at_random(1.0, 0.02), "stalls": at_random(0.5, 0.05)},
    "a loop that hangs now and then": {"stalls": at_random(0.1, 0.9), "late": at_random(0.2, 0.1)},
    "lines that open slowly": {"late": at_random(0.2, 2.5)},
    "everything": {"late": at_random(0.5, 1.5), "stalls": at_random(0.3, 1.2)},
}


@pytest.mark.parametrize("mishaps", MISHAPS.values(), ids=list(MISHAPS))
@pytest.mark.parametrize("per_second", [1, 10, 80, 400])
def test_no_sliding_second_carries_more_than_the_limit(per_second, mishaps):
    left = drive(Pace(Limits(per_second)), 60, **mishaps)
    assert most_in(left, 1.0) <= per_second


@pytest.mark.parametrize("idle", [0.3, 0.9, 2.0, 100.0])
@pytest.mark.parametrize("per_second", [1, 3, 10, 80, 400])
def test_a_sender_that_was_idle_does_not_make_up_for_it(per_second, idle):
    pace = Pace(Limits(per_second))
    left = drive(pace, 5) + drive(pace, 5, start=5 + idle)
    assert most_in(left, 1.0) <= per_second


@pytest.mark.parametrize(("mishap", "share"), [("none", 0.99), ("a jittery loop", 0.975)])
@pytest.mark.parametrize("per_second", [1, 10, 80, 400])
def test_the_limit_is_reached(per_second, mishap, share):
    left = drive(Pace(Limits(per_second)), 121, **MISHAPS[mishap])
    assert sum(at <= 120 for at in left) / 120 >= share * per_second


def test_slow_lines_cost_little():
    left = drive(Pace(Limits(80)), 61, **MISHAPS["lines that open slowly"])
    assert len(left) / 60 >= 0.75 * 80


def test_no_more_slots_than_asked_for():
    pace = Pace(Limits(80))
    assert len(pace.plan(0.0, HORIZON, 3)) == 3
    assert pace.plan(0.0, HORIZON, 0) == pace.plan(0.0, HORIZON, -5) == []


def test_what_was_planned_and_not_used_does_not_count():
    pace = Pace(Limits(1, per_hour=1))
    assert len(pace.plan(0.0, HORIZON, 5)) == len(pace.plan(0.0, HORIZON, 5)) == 1


def test_no_hour_carries_more_than_its_limit():
    left = drive(Pace(Limits(80, per_hour=1000)), 4000, late=at_random(0.3, 1.0))
    assert most_in(left, 3600.0) == 1000
    assert len(left) > 1000, "the next hour goes on"


def test_no_day_carries_more_people_than_its_limit():
    chance = random.Random(3)
    pace = Pace(Limits(10, per_day=250))
    left = drive(pace, 60, new_number=lambda: f"+{chance.randrange(10**6)}")
    assert len(left) == 250
    assert pace.plan(86_000.0, HORIZON, 500) == []
    assert pace.plan(86_500.0, HORIZON, 500) != []


def test_the_same_people_count_once_a_day():
    left = drive(Pace(Limits(10, per_day=250)), 60, new_number=iter(["+1", "+2"] * 1000).__next__)
    assert len(left) > 500


def test_after_a_restart_the_windows_are_as_they_were():
    pace = Pace(Limits(10, per_hour=30, per_day=1000))
    left = [(990.0 + place / 10, f"+{place}") for place in range(20)]
    pace.refill(Sent([at for at, _ in left], [(990.0, 10), (991.0, 10)], left))
    slots = pace.plan(992.0, HORIZON, 500)
    assert slots and min(slot.at for slot in slots) >= 991.0 + 1.0
    assert len(pace.plan(1000.0, 60.0, 500)) == 10
    assert all(pace.rests(f"+{place}", 992.0, 6.0) for place in range(20))


def test_a_number_rests_after_its_message():
    pace = Pace(Limits(80))
    took(pace, 100.0, "+1")
    assert pace.rests("+1", 102.0, 6.0) == 4.0
    assert pace.rests("+1", 106.0, 6.0) == pace.rests("+2", 102.0, 6.0) == 0


def test_a_sender_that_is_told_to_ease_halves_and_recovers():
    pace = Pace(Limits(80))
    drive(pace, 2)
    pace.slow_down(2.0)
    pace.slow_down(2.5)
    assert pace.factor(2.5) < 0.55, "two words within a second are one"
    assert 35 <= len(pace.plan(2.5, 1.0, 500)) <= 55
    pace.slow_down(4.0)
    assert pace.factor(4.0) < 0.3
    assert pace.factor(40.0) == 1.0
    for at in range(100):
        pace.slow_down(50.0 + 2 * at)
    assert pace.plan(250.0, 10.0, 500), "it never stands still"


def test_a_changed_limit_holds_from_the_next_plan():
    pace = Pace(Limits(80))
    drive(pace, 5)
    pace.limits = Limits(10)
    assert len(pace.plan(10.0, 0.9, 500)) <= 10
    pace.limits = Limits(400)
    assert len(pace.plan(10.0, 1.0, 500)) > 350
