from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from cordially.dashboard import reckoning
from cordially.invitations.forecast import Forecast, Used, forecast
from cordially.invitations.models import Sender

JERUSALEM = ZoneInfo("Asia/Jerusalem")
#: a Tuesday, 10:43 in Jerusalem
NOW = dt.datetime(2026, 11, 24, 8, 43, 30, tzinfo=dt.UTC)


def ask(
    count: int, per_second: int = 80, per_hour: int | None = None, per_day: int | None = None
) -> Forecast:
    return forecast(
        count, per_second=per_second, per_hour=per_hour, per_day=per_day, used=Used(), now=NOW, zone=JERUSALEM
    )


def test_a_short_one() -> None:
    told = reckoning.in_words(ask(310, 2), JERUSALEM, NOW)
    assert told == reckoning.Told(takes="2 min 36 s", until="10:46", days="", place="Jerusalem")


def test_one_that_a_day_spreads() -> None:
    told = reckoning.in_words(ask(4_912, per_day=2_000), JERUSALEM, NOW)
    assert told.days == "over 3 days: 2,000 today, 2,000 tomorrow, 912 on Thursday 26 November"
    assert told.until == "Thursday 26 November at 10:43"
    assert told.takes == "2 days"


def test_many_days_are_not_all_named() -> None:
    told = reckoning.in_words(ask(12_000, per_day=250), JERUSALEM, NOW)
    assert told.days == (
        "over 48 days: 250 today, 250 tomorrow, 250 on Thursday 26 November, "
        "and so on until Sunday 10 January 2027"
    )


def test_one_that_begins_tomorrow() -> None:
    late = dt.datetime(2026, 11, 24, 21, 58, tzinfo=dt.UTC)
    held = Used(held="Twilio asked for a break.", held_until=late + dt.timedelta(minutes=5))
    found = forecast(900, per_second=80, per_hour=None, per_day=None, used=held, now=late, zone=JERUSALEM)
    told = reckoning.in_words(found, JERUSALEM, late)
    assert (told.days, told.until) == ("all 900 tomorrow", "tomorrow at 00:03")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.4, "a moment"), (7.4, "7 seconds"), (19.2, "19 seconds"), (89.7, "1 min 30 s"), (156.4, "2 min 36 s"),
        (12_000, "3 h 20 min"), (86_000, "1 day"), (93_600, "1 day 2 h"), (180_000, "2 days 2 h"),
    ],
)  # fmt: skip
def test_spans(seconds: float, said: str) -> None:
    assert reckoning.takes(seconds) == said


def test_what_decides_how_fast_it_goes() -> None:
    sender = Sender(per_second=80, per_hour=1_000, per_day=2_000)
    assert reckoning.pace(ask(10), sender) == "80 a second"
    assert reckoning.pace(ask(1_500, per_hour=1_000), sender) == "1,000 an hour"
    assert reckoning.pace(ask(2_500, per_day=2_000), sender) == "2,000 people a day"
