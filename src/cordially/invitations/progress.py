"""How a campaign stands: counts, pace, time left, and what it is waiting for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, F, Max
from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from cordially.lib.clock import now as clock_now
from cordially.lib.marking import noop

from .campaigns import counts
from .ledger import is_held, left
from .lifecycle import OPEN, State
from .models import Campaign, CampaignState, Invitation, Sender, SenderState, StatusEvent

_WINDOW = 10.0  # seconds over which the pace is measured


@dataclass(frozen=True, slots=True)
class Progress:
    """One look at a campaign. `audience` is the sum of `counts`."""

    state: CampaignState
    counts: dict[State, int]
    audience: int
    had_turn: int
    waiting: int
    per_second: float
    limit_per_second: int
    seconds_left: int | None
    #: why nothing moves, or what is being waited for; empty when all is well
    note: str
    #: different people of the last 24 hours, and how many the sender may write to; None without a limit
    today: int | None
    per_day: int | None
    #: a fault of the sender must be mended by a person first
    sender_paused: bool

    @property
    def room(self) -> int | None:
        """How many more different people may be written to today."""
        return None if self.per_day is None else max(0, self.per_day - (self.today or 0))

    @property
    def ready_to_send(self) -> int:
        """Everyone but those left out."""
        return self.audience - self.counts[State.SKIPPED]

    @property
    def settled(self) -> bool:
        """Whether the engine has nothing left to do."""
        return not any(self.counts[state] for state in OPEN)


def progress(
    campaign: Campaign, now: dt.datetime | None = None, found: dict[State, int] | None = None
) -> Progress:
    """A fixed number of queries, whatever the size of the campaign.

    `found`: what `counts` says of it, where that is known already.
    """
    now = now or clock_now()
    campaign = Campaign.objects.select_related("sender").get(pk=campaign.pk)
    sender = campaign.sender
    found = counts(campaign) if found is None else found
    waiting = found[State.QUEUED]
    audience = sum(found.values())
    running = campaign.state == CampaignState.RUNNING and campaign.quiet_until is None
    pace = _pace(campaign, now) if running else 0.0
    return Progress(
        state=CampaignState(campaign.state),
        counts=found,
        audience=audience,
        had_turn=audience - waiting - found[State.SKIPPED] - found[State.CANCELLED],
        waiting=waiting,
        per_second=pace,
        limit_per_second=sender.per_second,
        seconds_left=_seconds_left(sender, waiting, pace) if running and waiting else None,
        note=_note(campaign, sender, found, now),
        today=_people_today(sender, now) if sender.per_day else None,
        per_day=sender.per_day,
        sender_paused=sender.state == SenderState.PAUSED,
    )


def settled(campaigns: Iterable[Campaign]) -> dict[int, Progress]:
    """The same of campaigns that have ended, by key, in one query."""
    given = {campaign.pk: campaign for campaign in campaigns}
    found: dict[int, dict[State, int]] = {pk: dict.fromkeys(State, 0) for pk in given}
    rows = Invitation.objects.filter(campaign__in=given).order_by().values_list("campaign", "state")
    for pk, state, number in rows.annotate(n=Count("pk")):
        found[pk][State(state)] = number
    return {pk: _ended(given[pk], counted) for pk, counted in found.items()}


def _ended(campaign: Campaign, found: dict[State, int]) -> Progress:
    audience, waiting = sum(found.values()), found[State.QUEUED]
    return Progress(
        state=CampaignState(campaign.state),
        counts=found,
        audience=audience,
        had_turn=audience - waiting - found[State.SKIPPED] - found[State.CANCELLED],
        waiting=waiting,
        per_second=0.0,
        limit_per_second=campaign.sender.per_second,
        seconds_left=None,
        note="",
        today=None,
        per_day=None,
        sender_paused=False,
    )


def _people_today(sender: Sender, now: dt.datetime) -> int:
    day = left(sender.pk).filter(at__gt=now - dt.timedelta(days=1))
    return int(day.aggregate(n=Count("invitation__phone", distinct=True))["n"])


def _pace(campaign: Campaign, now: dt.datetime) -> float:
    """Requests a second, over the last seconds or since the start."""
    span = min(_WINDOW, max(1.0, (now - campaign.created_at).total_seconds()))
    since = now - dt.timedelta(seconds=span)
    # an expression in place of the column: no database shall begin with the campaign, and so with every invitation
    begun = StatusEvent.objects.annotate(of=F("invitation__campaign") + 0).filter(
        status=State.SENDING, at__gt=since, of=campaign.pk
    )
    return round(begun.count() / span, 1)


def _seconds_left(sender: Sender, waiting: int, pace: float) -> int:
    left = waiting / (pace or sender.per_second)
    if sender.per_hour:
        left = max(left, (waiting // sender.per_hour) * 3600.0)
    if sender.per_day:
        left = max(left, (waiting // sender.per_day) * 86400.0)
    return round(left)


def _note(campaign: Campaign, sender: Sender, found: dict[State, int], now: dt.datetime) -> str:
    if sender.state == SenderState.PAUSED:
        return sender.paused_reason
    if campaign.state == CampaignState.PAUSED:
        return campaign.paused_reason
    if campaign.state == CampaignState.SCHEDULED and campaign.starts_at:
        return _("Nothing has left yet. It starts by itself: {moment}.").format(
            moment=_moment(campaign, campaign.starts_at)
        )
    if campaign.state != CampaignState.RUNNING:
        return ""
    if campaign.quiet_until and found[State.QUEUED]:
        return ngettext(
            "Quiet hours: {n} waits and goes on by itself, {moment}.",
            "Quiet hours: {n} wait and go on by themselves, {moment}.",
            found[State.QUEUED],
        ).format(n=f"{found[State.QUEUED]:,}", moment=_moment(campaign, campaign.quiet_until))
    if sender.held_until and is_held(sender, now):
        # English, as the reason is: the page translates both
        return noop("{held_reason} Goes on at {clock}.").format(
            held_reason=sender.held_reason, clock=_clock(campaign, sender.held_until)
        )
    waiting = found[State.QUEUED]
    if used_up := _used_up(sender, now) if waiting else None:
        which, opens = used_up
        if which == "hour":
            told = ngettext(
                "This hour’s {limit} are used up. {n} waits and goes on at {clock} by itself.",
                "This hour’s {limit} are used up. {n} wait and go on at {clock} by themselves.",
                waiting,
            ).format(limit=f"{sender.per_hour:,}", n=f"{waiting:,}", clock=_clock(campaign, opens))
        else:
            told = ngettext(
                "Today’s {limit} people are used up. {n} waits and goes on at {clock} by itself.",
                "Today’s {limit} people are used up. {n} wait and go on at {clock} by themselves.",
                waiting,
            ).format(limit=f"{sender.per_day:,}", n=f"{waiting:,}", clock=_clock(campaign, opens))
        return told
    queued = Invitation.objects.filter(campaign=campaign, state=State.QUEUED)
    # the first that is ready ends the search; the times of all are read only when there is none
    all_later = waiting and not queued.filter(due_at__isnull=True).exists()
    if all_later and (last := queued.aggregate(last=Max("due_at"))["last"]):
        return ngettext("{n} is tried again by {clock}.", "{n} are tried again by {clock}.", waiting).format(
            n=f"{waiting:,}", clock=_clock(campaign, last)
        )
    return ""


def _used_up(sender: Sender, now: dt.datetime) -> tuple[str, dt.datetime] | None:
    """The window that has no room left (`hour` or `day`), and when it has again; looked at only where a limit is set."""
    begun = left(sender.pk)
    if sender.per_hour:
        hour = begun.filter(at__gt=now - dt.timedelta(hours=1)).order_by("at")
        if (count := hour.count()) >= sender.per_hour:
            opens = hour.values_list("at", flat=True)[count - sender.per_hour]
            return "hour", opens + dt.timedelta(hours=1)
    if sender.per_day:
        day = begun.filter(at__gt=now - dt.timedelta(days=1))
        people = day.values("invitation__phone").annotate(last=Max("at")).order_by("last")
        if (count := people.count()) >= sender.per_day:
            opens = people.values_list("last", flat=True)[count - sender.per_day]
            return "day", opens + dt.timedelta(days=1)
    return None


def _moment(campaign: Campaign, at: dt.datetime) -> str:
    local = at.astimezone(campaign.event.zone)
    return formats.date_format(local, "l j F, H:i")


def _clock(campaign: Campaign, at: dt.datetime) -> str:
    return f"{at.astimezone(campaign.event.zone):%H:%M:%S}"
