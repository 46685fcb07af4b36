"""The forecast against the pace that really decides, driven through the same hours and days by a made-up clock."""

from __future__ import annotations

import datetime as dt
import time
from collections import Counter
from zoneinfo import ZoneInfo

import pytest
from tests.people import NOW, a_campaign, a_sender, a_template, an_event, later, some_guests

from cordially.delivery import pace
from cordially.delivery.pace import Limits, Pace, Sent
from cordially.invitations import campaigns, ledger
from cordially.invitations import forecast as module
from cordially.invitations.forecast import Day, Forecast, Used, forecast, used
from cordially.invitations.models import Invitation, Sender, TestMessage

JERUSALEM = ZoneInfo("Asia/Jerusalem")
UTC = ZoneInfo("UTC")

#: (seconds before now, how many)
History = list[tuple[float, int]]


def play(
    count: int,
    limits: Limits,
    hour: History = [],  # noqa: B006
    people: History = [],  # noqa: B006
    known: int = 0,
) -> list[float]:
    """When each left, in seconds from the start, as the real pace has it. `known` of them were written to before."""
    start = 200_000.3  # the clock of a process doesn't begin at a whole second
    engine = Pace(limits)
    written = [(start - ago, f"old {ago:.3f} {place}") for ago, many in people for place in range(many)]
    engine.refill(Sent(hour=[(start - ago, many) for ago, many in hour], people=sorted(written)))
    left: list[float] = []
    now = start
    while len(left) < count:
        slots = engine.plan(now, 0.25, count - len(left))
        for slot in slots:
            place = len(left)
            again = known * (place + 1) // count
            was_known = again > known * place // count
            engine.take(slot, written[again - 1][1] if was_known else f"new {place}")
            slot.leave(slot.at)
            left.append(slot.at - start)
        now += 0.1 if slots else max(0.1, _rests(engine, now))
    return left


def _rests(engine: Pace, now: float) -> float:
    """How long surely nothing can leave: so that days pass quickly here."""
    waits = [0.0]
    if engine._hour_room() <= 0 and engine._hour:
        waits.append(engine._hour[0][0] + 1 + 10 + 3600 - now)
    if engine._day_room() <= 0:
        waits.append(next(iter(engine._people.values())) + 86400 - now)
    return max(waits)


def told(hour: History, people: History, known: int = 0, now: dt.datetime = NOW) -> Used:
    def at(history: History) -> list[tuple[dt.datetime, int]]:
        return sorted((now - dt.timedelta(seconds=ago), many) for ago, many in history)

    return Used(hour=at(hour), people=at(people), known=known)


def ask(count: int, limits: Limits, given: Used = Used(), **more: object) -> Forecast:  # noqa: B008
    return forecast(
        count,
        **{
            "per_second": limits.per_second, "per_hour": limits.per_hour, "per_day": limits.per_day,
            "used": given, "now": NOW, "zone": JERUSALEM, **more,
        },
    )  # fmt: skip


BUSY_HOUR = [(3500.0, 300), (1800.0, 400), (10.0, 200)]
BUSY_DAY = [(80_000.0, 500), (30_000.0, 700), (1800.0, 400), (10.0, 200)]
CASES: dict[str, tuple[int, Limits, History, History, int, str]] = {
    "one": (1, Limits(80), [], [], 0, "second"),
    "a second": (312, Limits(2), [], [], 0, "second"),
    "a fast second": (20_000, Limits(80), [], [], 0, "second"),
    "a wide hour": (5_000, Limits(80, 6_000), BUSY_HOUR, [], 0, "second"),
    "an hour": (2_500, Limits(80, 1_000), [], [], 0, "hour"),
    "an hour that began": (700, Limits(80, 1_000), BUSY_HOUR, [], 0, "hour"),
    "an hour that was made smaller": (300, Limits(80, 500), BUSY_HOUR, [], 0, "hour"),
    "many hours": (9_000, Limits(20, 250), BUSY_HOUR, [], 0, "hour"),
    "an hour as fast as the second": (20_000, Limits(2, 7_000), [], [], 0, "hour"),
    "a day": (5_000, Limits(80, None, 2_000), [], [], 0, "day"),
    "a day that began": (3_000, Limits(80, None, 2_000), [], BUSY_DAY, 0, "day"),
    "a day that is used up": (900, Limits(80, None, 1_800), [], BUSY_DAY, 0, "day"),
    "many days": (5_000, Limits(10, None, 250), [], BUSY_DAY[2:], 0, "day"),
    "a day with room for all": (150, Limits(80, None, 2_000), [], BUSY_DAY, 0, "second"),
    "an hour and a day": (6_000, Limits(80, 1_000, 2_000), BUSY_HOUR, BUSY_DAY, 0, "day"),
    "a day that hours don’t divide": (9_000, Limits(40, 300, 3_333), BUSY_HOUR, BUSY_DAY, 0, "day"),
    "people who are known": (700, Limits(80, None, 1_950), [], BUSY_DAY, 600, "second"),
    "people who are known, and a day that ends": (900, Limits(80, None, 1_850), [], BUSY_DAY, 600, "day"),
    "people who are known wait too": (700, Limits(80, None, 1_700), [], BUSY_DAY, 600, "day"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_it_agrees_with_the_pace(case):
    count, limits, hour, people, known, bound_by = case
    left = play(count, limits, hour, people, known)
    found = ask(count, limits, told(hour, people, known), zone=UTC)
    assert found.seconds == pytest.approx(left[-1], rel=0.02, abs=2)
    assert (found.starts_at - NOW).total_seconds() == pytest.approx(left[0], rel=0.02, abs=2)
    assert found.ends_at == NOW + dt.timedelta(seconds=found.seconds)
    assert found.bound_by == bound_by
    days = Counter((NOW + dt.timedelta(seconds=at)).date() for at in left)
    assert {day.date: day.count for day in found.days} == pytest.approx(days, rel=0.02)
    assert sum(day.count for day in found.days) == count


def test_it_counts_as_the_pace_counts():
    assert module.STRETCH == 1 + pace.STRETCH
    assert module.HOUR == pace._HOUR + pace._LATEST + 1
    assert module.DAY == pace._DAY


@pytest.mark.parametrize(
    "limits", [Limits(80), Limits(80, 1_000), Limits(80, None, 250), Limits(80, 1_000, 2_000), Limits(20, 30)]
)
def test_a_hundred_thousand_take_no_time(limits):
    began = time.perf_counter()
    found = ask(100_000, limits, told(BUSY_HOUR, BUSY_DAY))
    took = time.perf_counter() - began
    assert sum(day.count for day in found.days) == 100_000
    assert took < 2


def test_days_are_those_of_the_events_zone():
    late = dt.datetime(2026, 11, 22, 21, 59, 0, tzinfo=dt.UTC)  # 23:59 in Jerusalem
    found = ask(1_000, Limits(10), now=late)
    assert [day.date.day for day in found.days] == [22, 23]
    assert found.days[0].count == pytest.approx(60 / 0.1009, abs=1)
    assert ask(1_000, Limits(10), now=late, zone=UTC).days == (Day(dt.date(2026, 11, 22), 1_000),)


@pytest.mark.parametrize(
    ("zone", "now", "dates"),
    [
        # the night that lacks an hour: 23:30, then 24 hours later 0:30, and Sunday has no message at all
        ("Europe/Berlin", (2027, 3, 27, 23, 30), ["03-27", "03-29", "03-30", "03-31"]),
        # the night that has one more: 0:15, then 23:15 of the same day
        ("Europe/Berlin", (2026, 10, 25, 0, 15), ["10-25", "10-26", "10-27"]),
        # a day that begins at one o’clock
        ("Africa/Cairo", (2027, 4, 29, 23, 45), ["04-29", "05-01", "05-02", "05-03"]),
        # a day that begins twice
        ("America/Havana", (2026, 11, 1, 0, 30), ["11-01", "11-02", "11-03"]),
    ],
)
def test_days_are_right_where_a_clock_is_put_forward_or_back(zone, now, dates):
    place = ZoneInfo(zone)
    found = ask(
        400, Limits(10, None, 100), now=dt.datetime(*now, tzinfo=place).astimezone(dt.UTC), zone=place
    )
    assert [f"{day.date:%m-%d}" for day in found.days] == dates
    assert sum(day.count for day in found.days) == 400
    in_zone = Counter(
        (found.starts_at + dt.timedelta(seconds=86400 * (place_ // 100) + place_ % 100 * 0.1009))
        .astimezone(place).date()
        for place_ in range(400)
    )  # fmt: skip
    assert {day.date: day.count for day in found.days} == in_zone


def test_campaigns_that_wait_take_turns_with_this_one():
    alone = ask(100, Limits(10))
    shared = ask(100, Limits(10), Used(waiting=[1_000]))
    assert shared.seconds == pytest.approx(2 * alone.seconds, rel=0.02)
    short = ask(100, Limits(10), Used(waiting=[20, 10]))
    assert short.seconds == pytest.approx(129 * 0.1009)
    behind = ask(100, Limits(10), ahead=50)
    assert behind.seconds == pytest.approx(149 * 0.1009)
    assert behind.starts_at == NOW + dt.timedelta(seconds=50 * 0.1009)


def test_others_use_up_the_day_as_well():
    found = ask(100, Limits(10, None, 100), Used(waiting=[500]))
    assert [day.count for day in found.days] == [50, 50]


def test_a_held_sender_starts_later_and_says_why():
    held = Used(held="Twilio asked for a break.", held_until=NOW + dt.timedelta(minutes=5))
    found = ask(10, Limits(10), held)
    assert found.held == "Twilio asked for a break."
    assert found.starts_at == held.held_until
    assert ask(10, Limits(10), Used(held="The password is wrong.")).starts_at == NOW
    assert ask(10, Limits(10, 0)).held == "The sender’s limit is 0 an hour."
    assert ask(10, Limits(10, None, 0)).held == "The sender’s limit is 0 people a day."


def test_nobody_takes_no_time():
    found = ask(0, Limits(10, 5, 5), told(BUSY_HOUR, BUSY_DAY))
    assert (found.seconds, found.days, found.starts_at, found.ends_at) == (0, (), NOW, NOW)


@pytest.mark.django_db
class TestUsed:
    """What the ledger says about a sender."""

    def send(self, sender: Sender, count: int, now: dt.datetime) -> None:
        assert ledger.take_lease(sender.pk, "worker", 10, now)
        assert len(ledger.tick(sender.pk, "worker", limit=count, now=now).claims) == count

    def test_messages_of_the_hour_and_people_of_the_day(self):
        sender = a_sender(per_hour=1_000, per_day=1_000)
        a_campaign(some_guests(an_event(), 9), sender)
        self.send(sender, 2, later(-7_200))
        self.send(sender, 3, later(-60))
        found = used(sender, NOW)
        assert found.in_hour == 3 and found.in_day == 5
        assert [count for _, count in found.people] == [2, 3]
        assert found.people[0][0] == later(-7_200)
        assert list(found.waiting) == [4]
        assert used(sender, later(86_400 - 7_000)).in_day == 3
        assert not used(sender, later(86_400 - 60)).people

    def test_a_person_counts_once_at_the_last_message(self):
        sender, guests = a_sender(per_day=10), some_guests(an_event(), 2)
        for ago, purpose in ((7_200, "invitation"), (3_600, "reminder")):
            a_campaign(guests, sender, purpose=purpose, now=later(-ago))
            self.send(sender, 2, later(-ago))
        found = used(sender, NOW, to=[guests[0].phone, "+15005550006"])
        assert found.people == [(later(-3_600), 2)]
        assert found.known == 1

    def test_what_never_left_counts_nowhere(self):
        sender = a_sender(per_hour=10, per_day=10)
        a_campaign(some_guests(an_event(), 1), sender)
        self.send(sender, 1, later(-60))
        invitation = Invitation.objects.get()
        invitation.status_events.create(attempt=1, status="queued", source="engine", at=later(-59))
        assert used(sender, NOW).in_hour == used(sender, NOW).in_day == 0

    def test_test_messages_count(self, django_user_model):
        sender = a_sender(per_hour=10, per_day=10)
        given = {
            "sender": sender, "template": a_template(), "phone": "+15005550006", "content_ref": "HX1",
            "created_by": django_user_model.objects.create(username="hadar"),
        }  # fmt: skip
        for ago in (7_200, 60):
            TestMessage.objects.create(**given, state="sent", left_at=later(-ago))
        TestMessage.objects.create(**given)
        found = used(sender, NOW)
        assert found.in_hour == 1 and found.in_day == 1

    def test_windows_without_a_limit_are_not_looked_at(self, django_assert_num_queries):
        sender = a_sender()
        a_campaign(some_guests(an_event(), 1), sender)
        self.send(sender, 1, later(-60))
        with django_assert_num_queries(1):
            found = used(sender, NOW)
        assert (found.hour, found.people) == ([], [])

    def test_campaigns_that_are_paused_don_t_wait_in_the_queue(self):
        sender, event = a_sender(), an_event()
        campaign = a_campaign(some_guests(event, 3), sender)
        a_campaign(some_guests(event, 2), sender)
        assert list(used(sender, NOW).waiting) == [3, 2]
        campaigns.pause(campaign)
        assert list(used(sender, NOW).waiting) == [2]

    def test_a_sender_that_may_not_send_says_why(self):
        sender = a_sender()
        ledger.hold_sender(sender.pk, later(300), "Twilio asked for a break.")
        sender.refresh_from_db()
        assert used(sender, NOW).held == "Twilio asked for a break."
        assert used(sender, NOW).held_until == later(300)
        assert used(sender, later(301)).held == ""
        ledger.pause_sender(sender.pk, 20003, "The password is wrong.", NOW)
        sender.refresh_from_db()
        assert used(sender, NOW).held == "The password is wrong."
        assert used(sender, NOW).held_until is None
