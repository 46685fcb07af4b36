"""All events, each in its envelope."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from django.contrib.auth.decorators import login_required
from django.db.models import Count, FilteredRelation, Q, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_GET

from cordially.dashboard.guestlist import TOLD
from cordially.dashboard.page import events_with_counts
from cordially.dashboard.shown import shown
from cordially.events.models import Event
from cordially.guests.models import Guest
from cordially.guests.texts import clean
from cordially.invitations.lifecycle import LIVE, OPEN, State
from cordially.invitations.models import Campaign, CampaignState, Invitation, SenderState
from cordially.lib.clock import now as clock_now
from cordially.rsvp.models import Answer
from cordially.team.rights import AnyUser, may_make_events, seen_by

UPCOMING, PAST, AWAY = "", "past", "away"


@dataclass
class Card:
    """One event as its envelope shows it."""

    event: Event
    guests: int
    counts: dict[State, int]
    coming: int
    answered: int
    #: who can't be written to before a person settles their number
    unreachable: int = 0
    running: list[Campaign] = field(default_factory=list)
    #: the next one that waits for its time
    scheduled: Campaign | None = None

    @property
    def invited(self) -> int:
        return sum(self.counts.get(state, 0) for state in {*LIVE, State.FAILED})

    @property
    def silent(self) -> int:
        return max(self.invited - self.answered, 0)

    @property
    def under_way(self) -> int:
        return sum(self.counts.get(state, 0) for state in {*OPEN, State.ACCEPTED, State.SENT})

    @property
    def had_turn(self) -> int:
        return self.invited - self.counts.get(State.QUEUED, 0)

    @property
    def failed(self) -> int:
        return self.counts.get(State.FAILED, 0)

    @property
    def need_you(self) -> int:
        return self.failed + self.unreachable

    @property
    def stuck(self) -> str:
        """Why a campaign that should run doesn't."""
        for campaign in self.running:
            if campaign.sender.state == SenderState.PAUSED:
                return shown(campaign.sender.paused_reason)
        return ""

    @property
    def shelf(self) -> str:
        """Which tab it stands in."""
        if self.event.archived_at:
            return AWAY
        day = clock_now().astimezone(self.event.zone).date()
        return PAST if self.event.starts_local.date() < day else UPCOMING

    @property
    def takes_answers(self) -> bool:
        return self.event.answers_until is not None and clock_now() < self.event.answers_close_at


def _cards(user: AnyUser) -> list[Card]:
    """Five queries, however many events."""
    states: dict[int, dict[State, int]] = defaultdict(dict)
    # by campaign first: the index answers it alone
    found = Invitation.objects.filter(is_current=True).order_by().values_list("campaign", "state")
    of_campaign = dict(Campaign.objects.order_by().values_list("pk", "event"))
    for campaign_id, state, count in found.annotate(n=Count("pk")):
        counts = states[of_campaign[campaign_id]]
        counts[State(state)] = counts.get(State(state), 0) + count
    answers: dict[int, tuple[int, int]] = {}
    said = Answer.objects.filter(is_current=True).order_by().values("event", "reply")
    for row in said.annotate(n=Count("pk"), people=Sum("heads")):
        answered, coming = answers.get(row["event"], (0, 0))
        coming += (row["people"] or 0) if row["reply"] == "yes" else 0
        answers[row["event"]] = (answered + row["n"], coming)
    running: dict[int, list[Campaign]] = defaultdict(list)
    scheduled: dict[int, Campaign] = {}
    going = [CampaignState.RUNNING, CampaignState.SCHEDULED]
    for campaign in (
        Campaign.objects.filter(state__in=going).select_related("sender").order_by("starts_at", "pk")
    ):
        if campaign.state == CampaignState.RUNNING:
            running[campaign.event_id].append(campaign)
        else:
            scheduled.setdefault(campaign.event_id, campaign)
    unreachable = _unreachable()
    cards = []
    for event in seen_by(user, events_with_counts()):
        answered, coming = answers.get(event.pk, (0, 0))
        guests = int(event.guest_count)  # type: ignore[attr-defined]
        cards.append(
            Card(
                event,
                guests,
                states[event.pk],
                coming,
                answered,
                unreachable[event.pk],
                running[event.pk],
                scheduled.get(event.pk),
            )  # fmt: skip
        )
    return cards


def _unreachable() -> Counter[int]:
    """By event: guests without a number that can be used, whose invitation says nothing more than that."""
    lost = Guest.objects.filter(phone="", opted_out_at=None).order_by()
    current = FilteredRelation("invitations", condition=Q(invitations__is_current=True))
    rows = lost.annotate(inv=current).exclude(inv__state__in=TOLD).values_list("event")
    return Counter(dict(rows.annotate(n=Count("pk"))))


@login_required
@cache_control(private=True, no_cache=True)
@require_GET
def events(request: HttpRequest) -> HttpResponse:
    every = _cards(request.user)
    show = request.GET.get("show", "")
    show = show if show in (PAST, AWAY) else UPCOMING
    q = clean(request.GET.get("q", ""), 100)
    cards = [card for card in every if card.shelf == show and _has(card.event, q)]
    if show == PAST:
        cards.reverse()
    context = {
        "here": "events",
        "may_make": may_make_events(request.user),
        "cards": cards,
        "show": show,
        "q": q,
        "shelves": Counter(card.shelf or "upcoming" for card in every),
        "running": sum(bool(card.running) for card in every if card.shelf == UPCOMING),
        "needing": sum(bool(card.need_you or card.stuck) for card in every if card.shelf == UPCOMING),
        "put_away": seen_by(request.user, Event.objects.all())
        .filter(slug=request.GET.get("away", ""), archived_at__isnull=False)
        .first(),
    }
    return render(request, "dashboard/events.html", context)


def _has(event: Event, q: str) -> bool:
    return q.casefold() in f"{event.name}\n{event.venue}".casefold()
