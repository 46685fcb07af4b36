"""What a page says before sending: how long it takes, until when, on which days; and what it costs."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from cordially.invitations.forecast import PER_DAY, PER_HOUR, Forecast
from cordially.invitations.models import Sender
from cordially.lib.clock import now as clock_now

from . import words

#: days that are named one by one
_MOST_DAYS = 4


@dataclass(frozen=True, slots=True)
class Told:
    """A forecast in words; no end of a sentence has its full stop."""

    #: `2 min 36 s`
    takes: str
    #: `10:46`, `tomorrow at 10:46`, `Thursday 26 November at 10:46`
    until: str
    #: `over 2 days: 2,000 today, 912 tomorrow`; empty when all of it leaves today
    days: str
    #: whose clock that is: `Jerusalem`
    place: str


def in_words(found: Forecast, zone: ZoneInfo, now: dt.datetime | None = None) -> Told:
    """When these messages leave, on the clock of the zone."""
    today = (now or clock_now()).astimezone(zone).date()
    return Told(takes(found.seconds), _until(found, zone, today), _days(found, today), place(zone))


def takes(seconds: float) -> str:
    """How long: `a moment`, `19 seconds`, `2 min 36 s`, `3 h 20 min`, `2 days 4 h`."""
    if seconds < 2:
        return "a moment"
    hours = round(seconds / 3600)
    if hours < 24:
        return words.span(round(seconds)) if seconds >= 10 else f"{seconds:.0f} seconds"
    days, hours = divmod(hours, 24)
    told = "1 day" if days == 1 else f"{days:,} days"
    return f"{told} {hours} h" if hours else told


def day(date: dt.date, today: dt.date) -> str:
    """`today`, `tomorrow`, `Thursday 26 November`; the year where it is another one."""
    if (away := (date - today).days) in (0, 1):
        return ("today", "tomorrow")[away]
    written = f"{date:%A} {date.day} {date:%B}"
    return written if date.year == today.year else f"{written} {date.year}"


def place(zone: ZoneInfo) -> str:
    """Whose clock: `Jerusalem` of Asia/Jerusalem."""
    return zone.key.rpartition("/")[2].replace("_", " ")


def pace(found: Forecast, sender: Sender) -> str:
    """What decides how fast it goes: `2 a second`, `1,000 an hour`, `2,000 people a day`."""
    if found.bound_by == PER_DAY:
        return f"{sender.per_day:,} people a day"
    if found.bound_by == PER_HOUR:
        return f"{sender.per_hour:,} an hour"
    return f"{sender.per_second:,} a second"


def _until(found: Forecast, zone: ZoneInfo, today: dt.date) -> str:
    ends = found.ends_at.astimezone(zone)
    if ends.date() == today:
        return f"{ends:%H:%M}"
    return f"{day(ends.date(), today)} at {ends:%H:%M}"


def _days(found: Forecast, today: dt.date) -> str:
    if [each.date for each in found.days] in ([], [today]):
        return ""
    named = [f"{each.count:,} {_on(day(each.date, today))}" for each in found.days]
    if len(named) == 1:
        return f"all {named[0]}"
    if len(named) > _MOST_DAYS:
        last = day(found.days[-1].date, today)
        named[_MOST_DAYS - 1 :] = [f"and so on until {last}"]
    return f"over {len(found.days):,} days: {', '.join(named)}"


def _on(written: str) -> str:
    return written if written in ("today", "tomorrow") else f"on {written}"
