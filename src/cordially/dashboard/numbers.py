"""What the pages of senders show: limits with what is used of them, health, the last days, who uses which."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Count, Exists, OuterRef, Q
from django.db.models.functions import TruncDate
from django.http import Http404
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from cordially.connection import NOT_REGISTERED
from cordially.events.models import Event
from cordially.guests.phones import format_phone
from cordially.invitations import forecast, ledger, senders
from cordially.invitations.hearing import Hearing, hearing
from cordially.invitations.lifecycle import State
from cordially.invitations.models import (
    Account,
    Campaign,
    CampaignState,
    EventSending,
    Invitation,
    Sender,
    SenderState,
    Source,
    StatusEvent,
)
from cordially.lib.clock import now as clock_now
from cordially.team.rights import runs_installation, seen_by

from . import words
from .shown import shown

#: what the dial offers, messages a second
SPEEDS = (1, 2, 5, 10, 20, 40, 80)
#: WhatsApp's tiers: different people in 24 hours
TIERS = (250, 2_000, 10_000, 100_000)
DAYS = 8
#: the drawing's own measures, in per cent of its box
_LEFT, _WIDTH, _TOP, _FOOT = 6.0, 94.0, 8.0, 84.0


def visible(user: User | AnonymousUser) -> list[Sender]:
    """All for who runs the installation; for others the default, and those of their own events."""
    if runs_installation(user):
        return list(Sender.objects.all())
    mine = seen_by(user, Event.objects.all())
    chosen = Sender.objects.filter(
        Q(pk__in=EventSending.objects.filter(event__in=mine).values("sender"))
        | Q(pk__in=Campaign.objects.filter(event__in=mine).values("sender"))
    )
    default = senders.known_sender()
    found = {sender.pk: sender for sender in [*([default] if default else []), *chosen]}
    return [found[pk] for pk in sorted(found)]


def find(user: User | AnonymousUser, pk: int) -> Sender:
    """One that this person may see. Raises Http404."""
    for sender in visible(user):
        if sender.pk == pk:
            return sender
    raise Http404("No such sender")


# limits


@dataclass(frozen=True)
class Limit:
    """One of the three limits, with what is used of it."""

    name: str
    title: str
    means: str
    unit: str
    #: as it stands in the field
    value: str
    most: int | None
    used: int | None
    error: str = ""
    #: of what the use is counted
    span: str = ""

    @property
    def low(self) -> int:
        """From here on it is nearly used up."""
        return (self.most or 0) * 8 // 10

    @property
    def high(self) -> int:
        return (self.most or 0) * 95 // 100


def limits(sender: Sender, typed: Mapping[str, str], errors: Mapping[str, str]) -> list[Limit]:
    now = clock_now()
    used = forecast.used(sender, now)
    lately = ledger.left(sender.pk).filter(at__gt=now - dt.timedelta(seconds=1)).count()
    rows = [
        ("per_second", _("A second"),
         _("What WhatsApp takes from one number. More than 80 is refused unless yours was raised; "
           "refusals cost time."),
         _("a second"), lately, _("this second")),
        ("per_hour", _("An hour"),
         _("A new number should start gently. After a week or so without complaints you can take this away."),
         _("an hour"), used.in_hour, _("in the last hour")),
        ("per_day", _("Different people in 24 hours"),
         _("WhatsApp counts them over all your numbers. Good quality raises it: 250, 2,000, 10,000, "
           "100,000, no limit."),
         _("people"), used.in_day, _("in the last 24 h")),
    ]  # fmt: skip
    return [
        Limit(
            name, title, means, unit, typed.get(name, written(getattr(sender, name))),
            getattr(sender, name), count if getattr(sender, name) else None, errors.get(name, ""), span,
        )
        for name, title, means, unit, count, span in rows
    ]  # fmt: skip


def written(limit: int | None) -> str:
    return "" if limit is None else str(limit)


def speeds(sender: Sender) -> list[int]:
    return sorted({*SPEEDS, sender.per_second})


# health


@dataclass(frozen=True)
class Line:
    """How one thing is: `good`, `warn` or `plain`."""

    tone: str
    title: str
    said: str = ""


def health(sender: Sender, now: dt.datetime) -> tuple[list[Line], Hearing]:
    """Six queries at most."""
    heard = hearing(sender, now)
    kept = Account.objects.filter(sid=sender.account).first()
    found = [_worker(sender, now), *_asked(sender), *_reports(sender, kept, heard)]
    if sender.held_until and sender.held_until > now:
        until = words.clock(sender.held_until, seconds=True)
        found.append(Line("warn", _("Waits until %(when)s") % {"when": until}, shown(sender.held_reason)))
    if sender.slowed_at and now - sender.slowed_at < dt.timedelta(minutes=5):
        at = words.clock(sender.slowed_at, seconds=True)
        found.append(
            Line(
                "plain",
                _("WhatsApp asked for less at %(when)s") % {"when": at},
                _("The pace comes back by itself."),
            )
        )
    try:
        senders.require_public_url(sender.account)
    except senders.NotReady as error:
        found.insert(0, Line("warn", _("Nothing leaves yet"), shown(error)))
    return found, heard


def _worker(sender: Sender, now: dt.datetime) -> Line:
    if sender.lease_until and sender.lease_until > now:
        # two processes can't drain one number: whoever looks at two wants to know which
        said = _("worker %(name)s") % {"name": sender.lease_holder[:8]} if sender.lease_holder else ""
        return Line("good", _("A worker looks after this number"), said)
    return Line("warn", _("No worker looks after this number"), _("Nothing leaves. Is the server running?"))


def _asked(sender: Sender) -> list[Line]:
    """What Twilio said when it was asked last."""
    if sender.checked_at is None:
        return [
            Line("plain", _("Twilio was not asked yet"), _("“Check now” asks whether it knows this number."))
        ]
    when = {"when": words.clock(sender.checked_at)}
    if sender.checked_trouble:
        return [Line("warn", _("The check at %(when)s failed") % when, shown(sender.checked_trouble))]
    took = {"ms": f"{sender.checked_ms or 0:,}", **when}
    lines = [Line("good", _("Twilio answers"), _("in %(ms)s ms, checked at %(when)s") % took)]
    if sender.standing == NOT_REGISTERED:
        why = _("It can’t send WhatsApp messages from it. Register the number in Twilio’s console.")
        return [*lines, Line("warn", _("The account doesn’t have this number"), why)]
    if not sender.standing:
        why = _("These credentials may not ask. A test message shows whether it works.")
        return [*lines, Line("plain", _("Twilio doesn’t tell of the number"), why)]
    quality = {"HIGH": _("quality high"), "MEDIUM": _("quality medium"), "LOW": _("quality low")}.get(
        sender.quality.upper(), ""
    )
    name = _("as “%(name)s”") % {"name": sender.registered_as} if sender.registered_as else ""
    online = sender.standing.upper().startswith("ONLINE")
    good = online and sender.quality.upper() != "LOW"
    title = _("The number is registered") if online else _("WhatsApp doesn’t let it send now")
    told = [name, quality, "" if online else sender.standing.lower()]
    return [*lines, Line("good" if good else "warn", title, ", ".join(filter(None, told)))]


def _reports(sender: Sender, kept: Account | None, heard: Hearing) -> list[Line]:
    if kept is not None and not kept.token and sender.account != senders.account():
        why = _("Twilio signs its reports with the Auth Token, and only a key was entered. Cordially asks about each "
                "message instead, which takes longer.")  # fmt: skip
        return [Line("warn", _("Reports can’t be checked"), why)]
    lines = []
    if heard.is_bad:
        count = {"n": heard.unheard}
        title = ngettext(
            "%(n)s message has no report yet", "%(n)s messages have no report yet", heard.unheard
        ) % count  # fmt: skip
        lines.append(Line("warn", title, _("The overview of the event says the likely cause.")))
    elif heard.heard_at:
        when = {"when": words.clock(heard.heard_at, seconds=True)}
        lines.append(
            Line(
                "good", _("Twilio’s reports reach you"), _("the last one at %(when)s, signature valid") % when
            )
        )
    else:
        said = _("The first one comes seconds after the first message.")
        lines.append(Line("plain", _("No report yet"), said))
    if refused := sender.refused_count:
        title = ngettext("%(n)s report was refused", "%(n)s reports were refused", refused) % {"n": refused}
        why = shown(sender.refused_why) or _(
            "Their signature didn’t fit: the auth token or the public address is another one."
        )
        lines.append(Line("warn", title, why))
    return lines


# the last days


@dataclass(frozen=True)
class Bar:
    """One day, its measures in per cent of the drawing."""

    day: dt.date
    count: int
    x: float
    middle: float
    y: float
    height: float
    is_today: bool
    is_wide: bool


@dataclass(frozen=True)
class Days:
    bars: list[Bar]
    #: (place in per cent, figure)
    grid: list[tuple[float, int]]
    #: place of the daily limit, where there is one within the drawing
    limit: float | None
    zone: str

    @property
    def total(self) -> int:
        return sum(bar.count for bar in self.bars)


def days(sender: Sender, zone: ZoneInfo, now: dt.datetime) -> Days:
    """People written to on each of the last days, on that clock. One query."""
    today = now.astimezone(zone).date()
    first = today - dt.timedelta(days=DAYS - 1)
    since = dt.datetime.combine(first, dt.time(), zone)
    rows = (
        ledger.left(sender.pk)
        .filter(at__gte=since)
        .annotate(day=TruncDate("at", tzinfo=zone))
        .values("day")
        .annotate(n=Count("invitation__phone", distinct=True))
        .values_list("day", "n")
    )
    found = dict(rows)
    most = max([*found.values(), 1])
    limit = sender.per_day if sender.per_day and sender.per_day <= 3 * most else None
    top = _round_up(max(most, limit or 0))
    step = _WIDTH / DAYS
    bars = []
    for place in range(DAYS):
        day = first + dt.timedelta(days=place)
        count = found.get(day, 0)
        height = (_FOOT - _TOP) * count / top
        x = _LEFT + step * place + step * 0.2
        bars.append(Bar(day, count, x, x + step * 0.3, _FOOT - height, height, day == today, place % 2 == 0))
    grid = [(_FOOT - (_FOOT - _TOP) * part / 2, top * part // 2) for part in range(3)]
    at = _FOOT - (_FOOT - _TOP) * limit / top if limit else None
    return Days(bars, grid, at, str(zone))


def _round_up(count: int) -> int:
    """To an even figure that an axis can carry."""
    for power in range(12):
        for digit in (2, 4, 6, 10):
            if digit * 10**power >= count:
                return int(digit * 10**power)
    return count


# who uses which


@dataclass(frozen=True)
class Row:
    """A sender in the list."""

    sender: Sender
    origin: str
    events: int
    people: int
    is_default: bool
    has_credentials: bool


def rows(found: Iterable[Sender]) -> list[Row]:
    """The same few queries however many there are."""
    listed = list(found)
    names = dict(Account.objects.values_list("sid", "name"))
    used = used_by()
    people = _people_today()
    default = senders.known_sender()
    return [
        Row(
            sender,
            origin(sender, names),
            used.get(sender.pk, 0) + (used.get(None, 0) if sender == default else 0),
            people.get(sender.pk, 0),
            sender == default,
            sender.account in names or sender.account == senders.account(),
        )
        for sender in listed
    ]


def origin(sender: Sender, names: Mapping[str, str]) -> str:
    """Where its credentials come from."""
    if senders.is_simulated(sender.account):
        return _("the built-in simulator")
    if sender.account == senders.account():
        return _("from the environment")
    if sender.account in names:
        return names[sender.account] or _("account …%(end)s") % {"end": sender.account[-4:]}
    return _("no credentials")


def used_by() -> dict[int | None, int]:
    """Sender -> events that chose it; under None those that use the default."""
    chosen = EventSending.objects.exclude(sender=None).filter(event__archived_at=None).order_by()
    found: dict[int | None, int] = dict(chosen.values_list("sender").annotate(n=Count("pk")))
    without = Event.objects.filter(archived_at=None).filter(
        ~Exists(EventSending.objects.filter(event=OuterRef("pk")).exclude(sender=None))
    )
    found[None] = without.count()
    return found


def _people_today() -> dict[int, int]:
    since = clock_now() - dt.timedelta(days=1)
    never = StatusEvent.objects.filter(
        invitation=OuterRef("invitation"), attempt=OuterRef("attempt"), status=State.QUEUED,
        source=Source.ENGINE, code=None,
    )  # fmt: skip
    begun = StatusEvent.objects.filter(status=State.SENDING, at__gt=since).filter(~Exists(never)).order_by()
    counted = begun.values("invitation__campaign__sender").annotate(
        n=Count("invitation__phone", distinct=True)
    )
    return dict(counted.values_list("invitation__campaign__sender", "n"))


def waiting(sender: Sender) -> int:
    """Invitations that wait to leave from it."""
    going = [CampaignState.RUNNING, CampaignState.PAUSED, CampaignState.SCHEDULED]
    return Invitation.objects.filter(
        campaign__sender=sender, campaign__state__in=going, state=State.QUEUED
    ).count()


def choices(current: Sender | None) -> list[tuple[Sender, str]]:
    """Senders that an event may use, each with its words; what is chosen already is always among them."""
    accounts = [*senders.accounts()]
    found = Sender.objects.filter(Q(account__in=accounts) | Q(pk=current.pk if current else None))
    names = dict(Account.objects.values_list("sid", "name"))
    listed = []
    for sender in found:
        stopped = f" · {_('stopped')}" if sender.state == SenderState.PAUSED else ""
        label = f"{sender.name} · " if sender.name else ""
        listed.append((sender, f"{label}{format_phone(sender.phone)} · {origin(sender, names)}{stopped}"))
    return listed
