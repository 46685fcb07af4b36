"""Pieces of the pages that change by themselves, written for the page and for its live line alike.

A frame is a few of these pieces as HTML; the browser puts each in the place of the one with the same id.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable, Collection, Hashable, Set
from dataclasses import dataclass
from typing import Any, TypeVar
from weakref import WeakSet, WeakValueDictionary

from django.db.models import Case, F, Max, When
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from cordially.events.models import Event
from cordially.guests.models import Guest
from cordially.invitations import hours
from cordially.invitations.campaigns import Tally, tally
from cordially.invitations.lifecycle import State
from cordially.invitations.models import Campaign, CampaignState, Invitation, SenderState, StatusEvent
from cordially.invitations.progress import Progress, progress, settled
from cordially.invitations.senders import known_sender
from cordially.lib.clock import now as clock_now
from cordially.team.rights import ALL, Rights

from . import chart, guestlist, overview, sets, stream, words
from .guestlist import Filter
from .person import person
from .pulse import pulse

T = TypeVar("T")

#: how long a campaign that has come to its end stays on the guest page
_LINGERS = dt.timedelta(minutes=10)
#: figures may take this part of the time, at most
_SHARE = 0.1
#: seconds; and never older than this
_LONGEST_REST = 3.0
_MOST_KEPT = 200
_LATELY = 5_000  # so many lines of the log are looked through for who changed last
_LATEST = 12
_LISTED = 50


#: an event, and the zone of its clock
Where = tuple[int, str]


@dataclass(frozen=True)
class OnTheWay:
    """A campaign with its progress, in the words of the page."""

    campaign: Campaign
    progress: Progress

    @property
    def key(self) -> str:
        return str(self.campaign.pk)

    @property
    def is_running(self) -> bool:
        return self.campaign.state == CampaignState.RUNNING

    @property
    def is_paused(self) -> bool:
        return self.campaign.state == CampaignState.PAUSED

    @property
    def is_scheduled(self) -> bool:
        return self.campaign.state == CampaignState.SCHEDULED

    @property
    def is_quiet(self) -> bool:
        """Whether it waits for its event's quiet hours to end."""
        return self.is_running and self.campaign.quiet_until is not None and bool(self.progress.waiting)

    @property
    def began_at(self) -> dt.datetime | None:
        """When it started after waiting for its time; None when it didn't wait, or never began."""
        one = self.campaign
        if one.starts_at is None or self.is_scheduled:
            return None
        return None if one.finished_at is not None and one.finished_at < one.starts_at else one.starts_at

    @property
    def leaves_at(self) -> dt.datetime | None:
        """When the first message of a scheduled one leaves: not in the quiet hours."""
        one = self.campaign
        return hours.leaves_at(one.event, one.starts_at) if one.starts_at else None

    @property
    def is_open(self) -> bool:
        return self.is_running or self.is_paused or self.is_scheduled

    @property
    def is_stuck(self) -> bool:
        """Whether the sender itself is stopped, so that nothing goes on before a person mends it."""
        return self.is_open and self.campaign.sender.state == SenderState.PAUSED

    @property
    def tone(self) -> str:
        tones = {
            CampaignState.SCHEDULED: "queued",
            CampaignState.RUNNING: "failed" if self.is_stuck else "queued" if self.is_quiet else "sending",
            CampaignState.PAUSED: "unsure",
            CampaignState.CANCELLED: "cancelled",
        }
        return tones.get(CampaignState(self.campaign.state), "delivered")

    @property
    def label(self) -> str:
        if self.is_stuck and self.is_running:
            return _("Stopped")
        return _("Quiet hours") if self.is_quiet else str(self.campaign.get_state_display())

    @property
    def image(self) -> str:
        """The icon that goes with the tone."""
        return "pause" if self.is_paused else f"s-{self.tone}"

    @property
    def left(self) -> tuple[str, str]:
        return words.countdown(self.progress.seconds_left)

    @property
    def done_at(self) -> str:
        if self.progress.seconds_left is None:
            return ""
        return words.clock(clock_now() + dt.timedelta(seconds=self.progress.seconds_left), seconds=True)

    @property
    def failed(self) -> int:
        return self.progress.counts[State.FAILED]

    @property
    def checking(self) -> int:
        return self.progress.counts[State.UNSURE]

    @property
    def read(self) -> int:
        return self.progress.counts[State.READ]

    @property
    def arrived(self) -> int:
        return self.progress.counts[State.DELIVERED] + self.progress.counts[State.READ]


def look_at(campaign: Campaign, counted: Tally | None = None) -> OnTheWay:
    return OnTheWay(campaign, progress(campaign, found=counted.of(campaign) if counted else None))


def under_way(event: Event, counted: Tally | None = None) -> list[OnTheWay]:
    """Three of the campaigns that run or wait: before those that wait for their time, the newest first."""
    going = [CampaignState.SCHEDULED, CampaignState.RUNNING, CampaignState.PAUSED]
    last = Case(When(state=CampaignState.SCHEDULED, then=1), default=0)
    found = Campaign.objects.filter(event=event, state__in=going).order_by(last, "-pk")
    first = found.select_related("event", "sender", "created_by")[:3]
    return [look_at(campaign, counted) for campaign in first]


def on_the_way(event: Event, counted: Tally | None = None) -> list[OnTheWay]:
    """Those under way; else the one that ended a moment ago."""
    if going := under_way(event, counted):
        return going
    found = Campaign.objects.filter(event=event).select_related("sender", "created_by")
    ended = found.filter(finished_at__gt=clock_now() - _LINGERS)[:1]
    return [look_at(campaign, counted) for campaign in ended]


def list_figures(event: Event, wanted: Filter, counted: Tally) -> dict[str, Any]:
    """Every figure of the guest page: of the whole list, and within the search."""
    found = guestlist.figures(event, wanted, counted)
    whole = guestlist.figures(event, Filter(), counted) if wanted.picks else found
    return {
        "whole": whole,
        "total": found.count(wanted.show, wanted.answer),
        "tabs": guestlist.tabs(wanted, found),
        "chips": guestlist.chips(wanted, found),
        "of_campaign": Campaign.objects.filter(event=event, pk=wanted.campaign).first()
        if wanted.campaign
        else None,
        "without_campaign": wanted.but(campaign=None, show=""),
        "of_set": sets.label(wanted.only),
        "without_set": wanted.but(only=""),
        "picked": guestlist.picked(wanted),
    }


class Shared:
    """What all open pages of a kind and a language show alike, read once for all of them.

    Reading it may take a tenth of the time: what took 100 ms is read once a second, however many pages ask.
    """

    def __init__(self, longest: float = _LONGEST_REST) -> None:
        self._kept: dict[Hashable, tuple[Any, float]] = {}
        self._longest = longest

    def get(self, key: Hashable, read: Callable[[], T]) -> tuple[T, bool]:
        """The value, and whether it was read just now. Who gets an older one asks again a little later."""
        started, worked = time.monotonic(), time.thread_time()
        key = (translation.get_language(), key)
        value, until = self._kept.get(key, (None, 0.0))
        if started < until:
            return value, False
        fresh = read()
        ended = time.monotonic()
        # what it cost us, not how long others kept us waiting; of the database's own time at most half
        rest = max((time.thread_time() - worked) / _SHARE, ended - started)
        if len(self._kept) > _MOST_KEPT:
            self._kept.clear()
        self._kept[key] = (fresh, ended + min(rest, self._longest))
        return fresh, True

    def clear(self) -> None:
        self._kept.clear()


shared = Shared()
#: what took long to read and moves slowly: it may be a minute old
charts = Shared(60.0)


@dataclass(frozen=True)
class Reader:
    """Who has a page open: the language they read, and what they may do."""

    language: str = "en"
    may: Rights = ALL


class Frames:
    """What one open page shows, drawn again when something happened."""

    #: whether the page wants another frame in a second: a pace or a time left moves, or figures are owed
    ticking = False

    def __init__(self, event: Event, reader: Reader = Reader()) -> None:
        self.event = event
        self.reader = reader
        self.look: int | None = None
        self._sent: dict[str, str] = {}

    @property
    def where(self) -> Where:
        """What pages share is drawn for one event on one clock: a page that was opened before may have another."""
        return self.event.pk, self.event.timezone

    def begin(self) -> None:
        """The page was drawn just now: remember what it says, to tell what is news. Reads the database."""

    def draw(self, changed: Set[int] | None, look: int | None = None) -> str:
        """The pieces that differ from what was sent last. `changed`: guest ids, or None for everything.

        `look`: what was read after this look of the tailer is new enough; None reads everything anew.
        """
        self.look = look
        with timezone.override(self.event.zone), translation.override(self.reader.language):
            pieces = self.pieces(changed)
            key = ("sender", self.where)
            pieces["sender"], _ = shared.get(key, self._sender_status)
        fresh = {name: html for name, html in pieces.items() if self._sent.get(name) != html}
        self._sent |= fresh
        return "".join(fresh.values())

    def _sender_status(self) -> str:
        return self._render("_sender_status.html", shell_sender=known_sender(self.event))

    def pieces(self, changed: Set[int] | None) -> dict[str, str]:
        raise NotImplementedError

    def _render(self, template: str, **context: Any) -> str:
        known = {"event": self.event, "may": self.reader.may}
        return render_to_string(f"dashboard/{template}", known | context)


class PersonFrames(Frames):
    """One guest, on a page of their own or beside the list."""

    def __init__(
        self, event: Event, guest_id: int, reader: Reader = Reader(), *, beside: bool = False
    ) -> None:
        super().__init__(event, reader)
        self.guest_id = guest_id
        self.beside = beside
        self._first: tuple[str, str] | None = None

    def begin(self) -> None:
        guest = Guest.objects.filter(event=self.event, pk=self.guest_id).select_related("event").first()
        if guest is not None:
            # in the words in which it is compared later
            with timezone.override(self.event.zone), translation.override(self.reader.language):
                self._first = (person(self.event, guest).trouble, str(guest.in_person_at))

    def pieces(self, changed: Set[int] | None) -> dict[str, str]:
        if changed is not None and self.guest_id not in changed:
            return {}
        guest = Guest.objects.filter(event=self.event, pk=self.guest_id).select_related("event").first()
        if guest is None:
            return {}
        shown = person(self.event, guest)
        # forms stay as they are, with what is being typed: that there are others now is said instead
        acts = (shown.trouble, str(guest.in_person_at))
        self._first = self._first or acts
        context = {
            "person": shown, "guest": guest, "beside": self.beside, "is_news": acts != self._first,
            "level": "h3" if self.beside else "h2",
        }  # fmt: skip
        names = ("state", "news", "story")
        return {f"guest {name}": self._render(f"_guest_{name}.html", **context) for name in names}


class Board:
    """Rows as all pages of an event show them to readers of a kind: each is read and drawn once for all.

    When one page asks for rows that changed, those that changed on the other pages are read along.
    """

    def __init__(self) -> None:
        self._pages: WeakSet[GuestFrames] = WeakSet()
        self._kept: dict[int, tuple[int, str]] = {}
        self._lock = threading.Lock()

    def join(self, page: GuestFrames) -> None:
        with self._lock:
            self._pages.add(page)

    def get(self, page: GuestFrames, wanted: Collection[int], changed: Collection[int]) -> dict[str, str]:
        """The pieces of these rows, by name; those of guests who are not there are missing."""
        look = page.look
        if look is None:
            return {f"row {pk}": html for pk, html in page.draw_rows(wanted).items()}
        with self._lock:
            missing = {pk for pk in wanted if not self._has(pk, look)}
            if missing:
                shown = {pk for each in self._pages for pk in each.ids}
                missing |= {pk for pk in shown.intersection(changed) if not self._has(pk, look)}
                drawn = page.draw_rows(missing)
                for pk in missing:
                    self._kept[pk] = (look, drawn.get(pk, ""))
                for pk in self._kept.keys() - shown:
                    del self._kept[pk]
            return {f"row {pk}": html for pk in wanted if (html := self._kept[pk][1])}

    def _has(self, pk: int, look: int) -> bool:
        return pk in self._kept and self._kept[pk][0] >= look


#: by event and its clock, campaign and reader, for as long as a page of theirs is open
_boards: WeakValueDictionary[tuple[Where, int | None, Reader], Board] = WeakValueDictionary()


class GuestFrames(Frames):
    """The guest page: the rows that can be seen, the figures, and the campaigns on their way.

    `beside`: the guest whose panel is open.
    """

    def __init__(
        self,
        event: Event,
        wanted: Filter,
        ids: list[int],
        reader: Reader = Reader(),
        beside: int | None = None,
    ) -> None:
        super().__init__(event, reader)
        self.panel = PersonFrames(event, beside, reader, beside=True) if beside else None
        self.wanted = wanted
        self.ids = ids
        self._board = _boards.setdefault((self.where, wanted.campaign, reader), Board())
        self._board.join(self)
        self._owes = False

    def pieces(self, changed: Set[int] | None) -> dict[str, str]:
        pieces = self.panel.pieces(changed) if self.panel else {}
        seen = self.ids if changed is None else [pk for pk in self.ids if pk in changed]
        if seen:
            pieces |= self._board.get(self, seen, changed or ())
        key = ("going", self.where, self.reader.may)
        (pieces["progress"], is_running), is_fresh = shared.get(key, self._on_the_way)
        if changed is None or changed or self._owes:
            figures, are_fresh = shared.get(("figures", self.where, self.wanted), self._figures)
            is_fresh = is_fresh and are_fresh
            pieces |= figures
        self._owes = not is_fresh
        self.ticking = self._owes or is_running
        return pieces

    def begin(self) -> None:
        if self.panel is not None:
            self.panel.begin()

    def draw_rows(self, ids: Collection[int]) -> dict[int, str]:
        """The live cells of these guests' rows."""
        guests = Guest.objects.filter(event=self.event, pk__in=ids)
        rows = guestlist.rows(guests, self.wanted.campaign, tagged=False)
        return {row.guest.pk: self._render("_row_live.html", row=row) for row in rows}

    def _on_the_way(self) -> tuple[str, bool]:
        going = on_the_way(self.event)
        drawn = self._render("_progresses.html", progresses=going)
        return drawn, any(one.is_running for one in going)

    def _figures(self) -> dict[str, str]:
        found = list_figures(self.event, self.wanted, tally(self.event))
        names = ("head", "tabs", "chips")
        return {name: self._render(f"_guests_{name}.html", wanted=self.wanted, **found) for name in names}


class CampaignListFrames(Frames):
    """All campaigns of the event."""

    def pieces(self, changed: Set[int] | None) -> dict[str, str]:
        lines, is_fresh = shared.get(("campaigns", self.where), lambda: campaign_lines(self.event))
        self.ticking = not is_fresh or any(one.is_running for one in lines)
        return {"campaigns": self._render("_campaigns_list.html", lines=lines)}


class OverviewFrames(Frames):
    """An event at a glance."""

    def __init__(self, event: Event, reader: Reader = Reader()) -> None:
        super().__init__(event, reader)
        self._newest: dt.datetime | None = None

    def pieces(self, changed: Set[int] | None) -> dict[str, str]:
        key = self.where
        context, are_fresh = shared.get(("overview", key), lambda: overview_context(self.event))
        going, is_fresh = shared.get(("under way", key), lambda: under_way(self.event))
        slow, _ = charts.get(("chart", key), lambda: slow_context(self.event))
        self.ticking = not (is_fresh and are_fresh) or any(one.is_running for one in going)
        names = ("acts", "start", "funnel", "needs", "light", "sends")
        pieces = {name: self._render(f"_overview_{name}.html", **context) for name in names}
        pieces["progress"] = self._render("_progresses.html", progresses=going)
        for name in ("chart", "tables"):
            pieces[name] = self._render(f"_overview_{name}.html", **slow, **context)
        pieces["now"] = self._render("_overview_now.html", **context, since=self._newest)
        self._newest = max((line.at for line in context["lines"]), default=self._newest)
        return pieces


def overview_context(event: Event) -> dict[str, Any]:
    """Everything that the overview shows but the campaigns on their way and the chart."""
    found = overview.figures(event)
    steps = overview.funnel(found, reverse("guests", args=[event.slug]))
    listed = overview.tasks(event, found)
    return {
        "figures": found,
        "steps": steps,
        "ribbon": overview.ribbon(steps),
        "tasks": listed,
        "guests_in_need": sum(task.guests for task in listed),
        "light": overview.light(event, found),
        "lines": stream.lines(event, [campaign.pk for campaign in found.campaigns]),
        "checklist": [] if found.campaigns else overview.checklist(event, found),
        "closes": overview.closing(event),
    }


def slow_context(event: Event) -> dict[str, Any]:
    """What of the overview walks through all invitations or answers."""
    return {"chart": chart.chart(event), "tables": overview.tables(event)}


class CampaignFrames(Frames):
    """One campaign's page."""

    def __init__(self, event: Event, campaign: Campaign, state: str, reader: Reader = Reader()) -> None:
        super().__init__(event, reader)
        self.campaign_id = campaign.pk
        self.state = state

    def pieces(self, changed: Set[int] | None) -> dict[str, str]:
        key = ("campaign", self.campaign_id, self.state)
        context, is_fresh = shared.get(
            key, lambda: campaign_context(self.event, self.campaign_id, self.state)
        )
        self.ticking = context["one"].is_running or not is_fresh
        names = ("head", "figures", "people", "note", "speed", "pulse", "when")
        return {name: self._render(f"_campaign_{name}.html", **context) for name in names}


def campaign_lines(event: Event) -> list[OnTheWay]:
    """Every campaign of the event, the newest first; those that ended in one query together."""
    found = list(
        Campaign.objects.filter(event=event).select_related("event", "sender", "template", "created_by")
    )
    going = {CampaignState.SCHEDULED, CampaignState.RUNNING, CampaignState.PAUSED}
    ended = settled(one for one in found if one.state not in going)
    return [OnTheWay(one, ended[one.pk]) if one.pk in ended else look_at(one) for one in found]


def campaign_context(event: Event, campaign_id: int, state: str) -> dict[str, Any]:
    """Everything that the page of a campaign shows."""
    campaign = Campaign.objects.select_related("sender", "template", "created_by").get(
        pk=campaign_id, event=event
    )
    one = look_at(campaign)
    host = campaign.created_by
    return {
        "one": one,
        # who started it in the shell has no name
        "by": (host.get_full_name() or host.get_username()) if host else "",
        "campaign": campaign,
        "progress": one.progress,
        "state": state,
        "people": people(campaign, state),
        "state_tabs": [
            (known.value, str(known.label), one.progress.counts[known])
            for known in words.ORDER
            if one.progress.counts[known] or known.value == state
        ],
        "skipped": one.progress.counts[State.SKIPPED],
        "pulse": pulse(campaign, clock_now()) if one.is_running else None,
        "languages": languages_of(campaign),
        "starts_local": f"{campaign.starts_at.astimezone(event.zone):%Y-%m-%dT%H:%M}"
        if campaign.starts_at
        else "",
        "speeds": sorted({1, 2, 5, 10, 20, 40, 80, campaign.sender.per_second}),
    }


def languages_of(campaign: Campaign) -> str:
    """`English`, or `4 languages`."""
    spoken = sorted(set(campaign.texts.values_list("language", flat=True)))
    if len(spoken) == 1:
        return words.language(spoken[0])
    return ngettext("%(n)s language", "%(n)s languages", len(spoken)) % {"n": len(spoken)} if spoken else ""


@dataclass(frozen=True)
class Line:
    """One guest of a campaign: what happened, and when."""

    key: str
    name: str
    state: State
    story: str
    at: dt.datetime


def people(campaign: Campaign, state: str) -> list[Line]:
    """Who changed last; in one state when it is named."""
    invitations = Invitation.objects.filter(campaign=campaign).select_related("guest")
    if state:
        found = list(invitations.filter(state=state).order_by("-changed_at", "-pk")[:_LISTED])
    else:
        newest = StatusEvent.objects.aggregate(n=Max("pk"))["n"] or 0
        # an expression in place of the column: no database shall begin with the campaign, and so with every message
        lately = StatusEvent.objects.annotate(of=F("invitation__campaign") + 0).filter(
            pk__gt=newest - _LATELY, of=campaign.pk
        )
        told = lately.order_by("-pk").values_list("invitation", flat=True)[: _LATEST * 5]
        keys = list(dict.fromkeys(told))[:_LATEST]
        # of one that is long over the log is too far back
        rows = invitations.filter(pk__in=keys) if keys else invitations
        found = list(rows.order_by("-changed_at", "-pk")[:_LATEST])
    return [
        Line(str(one.pk), one.guest.name, State(one.state), words.what_happened(one), one.changed_at)
        for one in found
    ]
