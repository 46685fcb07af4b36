"""What a page says before sending: how long it takes, until when, on which days; and what it costs."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

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
        return _("a moment")
    hours = round(seconds / 3600)
    if hours < 24:
        return words.span(round(seconds)) if seconds >= 10 else words.in_seconds(seconds)
    days, hours = divmod(hours, 24)
    if hours:
        return ngettext("{n} day {hours} h", "{n} days {hours} h", days).format(n=f"{days:,}", hours=hours)
    return ngettext("{n} day", "{n} days", days).format(n=f"{days:,}")


def day(date: dt.date, today: dt.date) -> str:
    """`today`, `tomorrow`, `Thursday 26 November`; the year where it is another one."""
    if (away := (date - today).days) in (0, 1):
        return (_("today"), _("tomorrow"))[away]
    return formats.date_format(date, "l j F" if date.year == today.year else "l j F Y")


def place(zone: ZoneInfo) -> str:
    """Whose clock: `Jerusalem` of Asia/Jerusalem."""
    return zone.key.rpartition("/")[2].replace("_", " ")


def pace(found: Forecast, sender: Sender) -> str:
    """What decides how fast it goes: `2 a second`, `1,000 an hour`, `2,000 people a day`."""
    if found.bound_by == PER_DAY:
        return _("{per_day} people a day").format(per_day=f"{sender.per_day:,}")
    if found.bound_by == PER_HOUR:
        return _("{per_hour} an hour").format(per_hour=f"{sender.per_hour:,}")
    return _("{per_second} a second").format(per_second=f"{sender.per_second:,}")


def _until(found: Forecast, zone: ZoneInfo, today: dt.date) -> str:
    ends = found.ends_at.astimezone(zone)
    if ends.date() == today:
        return f"{ends:%H:%M}"
    return _("{day} at {time}").format(day=day(ends.date(), today), time=f"{ends:%H:%M}")


def _days(found: Forecast, today: dt.date) -> str:
    if [each.date for each in found.days] in ([], [today]):
        return ""
    named = [_on(each.count, each.date, today) for each in found.days]
    if len(named) == 1:
        return _("all {days}").format(days=named[0])
    if len(named) > _MOST_DAYS:
        last = day(found.days[-1].date, today)
        named[_MOST_DAYS - 1 :] = [_("and so on until {last}").format(last=last)]
    told = ngettext("over {n} day: {days}", "over {n} days: {days}", len(found.days))
    return told.format(n=f"{len(found.days):,}", days=", ".join(named))


def _on(count: int, date: dt.date, today: dt.date) -> str:
    near = (date - today).days in (0, 1)
    told = _("{count} {day}") if near else _("{count} on {day}")
    return told.format(count=f"{count:,}", day=day(date, today))
