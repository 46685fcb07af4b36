"""Deliveries and answers over time, as a picture and as figures."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field, replace

from django.db.models import CharField, Count, F
from django.db.models.functions import Cast, Coalesce, Substr
from django.utils.translation import gettext as _

from cordially.events.models import Event
from cordially.invitations.models import Invitation
from cordially.lib.clock import now as clock_now
from cordially.rsvp.models import Answer

#: how long one bucket may be, in seconds; the shortest is taken that leaves MOST of them
_STEPS = (10, 30, 60, 300, 600, 1800, 3600, 3 * 3600, 6 * 3600, 86_400, 7 * 86_400)
MOST = 60
#: digits of an instant as the database writes it, by how exactly a bucket of so many seconds needs it
_EXACT = ((600, 15), (60, 16), (0, 19))
#: what an instant that was cut off is completed with
_REST = "0000-01-01 00:00:00"
#: the drawing's own measures, in per cent of its box: the lines stand between these
_LEFT, _WIDTH, _TOP, _HEIGHT = 6.0, 79.0, 4.0, 84.0


@dataclass(frozen=True)
class Curve:
    """One line, growing: the name of its colour, its word, its sum, and its paths (1000 × 100)."""

    key: str
    label: str
    total: int
    path: str
    area: str
    #: where its word stands, in per cent from the top
    end: float


@dataclass(frozen=True)
class Mark:
    """A place on an axis, in per cent, and its word."""

    at: float
    label: str
    is_wide: bool = False


@dataclass
class Chart:
    curves: list[Curve] = field(default_factory=list)
    #: when campaigns started
    starts: list[Mark] = field(default_factory=list)
    times: list[Mark] = field(default_factory=list)
    grid: list[Mark] = field(default_factory=list)
    #: the figures: the end of each bucket, and the sums until then; only where something changed
    rows: list[tuple[dt.datetime, list[int]]] = field(default_factory=list)
    title: str = ""
    summary: str = ""
    zone: str = ""


def chart(event: Event) -> Chart | None:
    """Three queries over what is current; None while nothing was sent. Times are on the event's clock."""
    campaigns = list(event.campaigns.order_by("created_at").values_list("pk", "created_at"))
    if not campaigns:
        return None
    begin, end = campaigns[0][1], _end(event, campaigns[-1][1])
    edges = buckets(begin, end, event.zone)
    step = (edges[1] - edges[0]).total_seconds()
    counts = _read(event, [pk for pk, _at in campaigns], step)
    labels = {"delivered": _("Delivered"), "read": _("Read"), "answered": _("Answered")}
    sums = {key: _sums(edges, found) for key, found in counts.items()}
    top = _round_up(max(max(line) for line in sums.values()))
    drawn = Chart(zone=event.timezone)
    past = max(2, bisect_left(edges, clock_now()) + 1)
    drawn.curves = _apart(
        [_curve(key, labels[key], line[:past], len(edges) - 1, top) for key, line in sums.items()]
    )
    drawn.starts = [Mark(_across(at, edges), "") for _pk, at in campaigns if edges[0] <= at <= edges[-1]]
    drawn.times = _times(edges, event.zone)
    drawn.grid = [
        Mark(_TOP + _HEIGHT * (1 - part / 4), f"{top * part // 4:,}")
        for part in range(5)
        if top % 4 == 0 or part in (0, 4)
    ]
    drawn.rows = _rows(edges, sums)
    drawn.title = _title(begin, end)
    drawn.summary = _("Since %(day)s: %(delivered)s delivered, %(read)s read, %(answered)s answered.") % {
        "day": f"{begin.astimezone(event.zone):%-d %b %H:%M}",
        **{curve.key: f"{curve.total:,}" for curve in drawn.curves},
    }
    return drawn


def _end(event: Event, newest: dt.datetime) -> dt.datetime:
    """Now; a day after the event nothing more is expected."""
    return max(min(clock_now(), event.starts_at + dt.timedelta(days=1)), newest + dt.timedelta(minutes=2))


def buckets(begin: dt.datetime, end: dt.datetime, zone: zoneinfo.ZoneInfo) -> list[dt.datetime]:
    """The edges of at most MOST buckets round that span, at full hours or days of that clock."""
    span = (end - begin).total_seconds()
    step = next((step for step in _STEPS if span / step <= MOST - 2), None)
    if step is None:
        step = -(-int(span) // (MOST - 2) // 86_400) * 86_400
    local = begin.astimezone(zone)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    into = (
        (local.replace(tzinfo=None) - midnight.replace(tzinfo=None)).total_seconds() if step < 86_400 else 0
    )
    first = midnight.astimezone(dt.UTC) + dt.timedelta(seconds=into // step * step)
    edges = [min(first, begin)] if first > begin else [first]
    while edges[-1] < end:
        edges.append(edges[-1] + dt.timedelta(seconds=step))
    return edges


def _read(event: Event, campaigns: list[int], step: float) -> dict[str, Counter[dt.datetime]]:
    """By curve: instant, as exactly as a bucket needs it -> how many."""
    current = Invitation.objects.filter(campaign__in=campaigns, is_current=True).order_by()
    arrived = current.annotate(on=Coalesce(F("delivered_at"), F("read_at")))
    answers = Answer.objects.filter(event=event, is_current=True).order_by()
    return {
        "delivered": _by_time(arrived.filter(on__isnull=False), "on", step),
        "read": _by_time(current.filter(read_at__isnull=False), "read_at", step),
        "answered": _by_time(answers, "at", step),
    }


def _by_time(rows: object, column: str, step: float) -> Counter[dt.datetime]:
    digits = next(digits for least, digits in _EXACT if step >= least)
    # by the digits of the instant itself: both databases write it the same way, and cut it fast
    cut = rows.annotate(cut=Substr(Cast(column, CharField()), 1, digits)).values_list("cut")  # type: ignore[attr-defined]
    found = Counter[dt.datetime]()
    for text, count in cut.annotate(n=Count("pk")):
        found[dt.datetime.fromisoformat(text + _REST[len(text) :]).replace(tzinfo=dt.UTC)] += count
    return found


def _sums(edges: list[dt.datetime], found: Counter[dt.datetime]) -> list[int]:
    """How many there were until each edge; what came before the first or after the last is at that end."""
    added = [0] * len(edges)
    for at, count in found.items():
        added[min(bisect_left(edges, at + dt.timedelta(microseconds=1)), len(edges) - 1)] += count
    total, sums = 0, []
    for count in added:
        total += count
        sums.append(total)
    return sums


def _round_up(number: int) -> int:
    """The next number that an axis may end at, and that can be divided by four: 4, 8, 20, 40, 80, 200 …"""
    power = 1
    while True:
        for figure in (4, 8, 12, 20):
            if figure * power >= number:
                return figure * power
        power *= 10


def _curve(key: str, label: str, sums: list[int], last: int, top: int) -> Curve:
    """As far as the clock has come, of `last` buckets."""
    points = " L".join(
        f"{place / last * 1000:.0f} {100 - count / top * 100:.1f}" for place, count in enumerate(sums)
    )
    total = sums[-1]
    return Curve(
        key, label, total, f"M{points}", f"M{points} V100 L0 100z", _TOP + _HEIGHT * (1 - total / top)
    )


def _apart(curves: list[Curve]) -> list[Curve]:
    """The words at the ends so far from each other that each can be read."""
    least, placed, floor = 8.0, [], _TOP
    for curve in curves:
        floor = max(curve.end, floor)
        placed.append(replace(curve, end=floor))
        floor += least
    lowest = _TOP + _HEIGHT
    return [
        replace(curve, end=min(curve.end, lowest - least * after))
        for after, curve in zip(range(len(placed) - 1, -1, -1), placed, strict=True)
    ]


def _across(at: dt.datetime, edges: list[dt.datetime]) -> float:
    return _LEFT + _WIDTH * ((at - edges[0]) / (edges[-1] - edges[0]))


def _times(edges: list[dt.datetime], zone: zoneinfo.ZoneInfo) -> list[Mark]:
    """Six or seven words below the picture, every second of them only where there is room."""
    span = edges[-1] - edges[0]
    every = max(1, -(-(len(edges) - 1) // 6))
    marks = []
    for place, at in enumerate(edges[::every]):
        local = at.astimezone(zone)
        if span > dt.timedelta(days=300):
            label = f"{local:%-d %b %Y}"
        elif span > dt.timedelta(days=6):
            label = f"{local:%-d %b}"
        elif span > dt.timedelta(hours=30):
            label = f"{local:%a %H:%M}"
        else:
            label = f"{local:%H:%M}" if span > dt.timedelta(minutes=9) else f"{local:%H:%M:%S}"
        across = _across(at, edges)
        if across <= _LEFT + _WIDTH:
            marks.append(Mark(across, label, place % 2 == 1))
    return marks


def _rows(edges: list[dt.datetime], sums: dict[str, list[int]]) -> list[tuple[dt.datetime, list[int]]]:
    rows: list[tuple[dt.datetime, list[int]]] = []
    for at, *counts in zip(edges, *sums.values(), strict=True):
        if any(counts) and (not rows or rows[-1][1] != counts):
            rows.append((at, counts))
    return rows


def _title(begin: dt.datetime, end: dt.datetime) -> str:
    span = end - begin
    if span <= dt.timedelta(hours=2):
        return _("The first minutes")
    if span <= dt.timedelta(days=2):
        return _("The first hours")
    if span <= dt.timedelta(days=8):
        return _("The first week")
    return _("Since the first message")
