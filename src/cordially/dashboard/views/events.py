"""All events, each in its envelope."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from django.contrib.auth.decorators import login_required
from django.db.models import Count, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from cordially.dashboard.page import events_with_counts
from cordially.events.models import Event
from cordially.invitations.lifecycle import LIVE, OPEN, State
from cordially.invitations.models import Campaign, CampaignState, Invitation, SenderState
from cordially.rsvp.models import Answer


@dataclass
class Card:
    """One event as its envelope shows it."""

    event: Event
    guests: int
    counts: dict[State, int]
    coming: int
    answered: int
    running: list[Campaign] = field(default_factory=list)

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
    def stuck(self) -> str:
        """Why a campaign that should run doesn't."""
        for campaign in self.running:
            if campaign.sender.state == SenderState.PAUSED:
                return campaign.sender.paused_reason
        return ""


def _cards() -> list[Card]:
    """Four queries, however many events."""
    states: dict[int, dict[State, int]] = defaultdict(dict)
    found = Invitation.objects.filter(is_current=True).order_by()
    for event_id, state, count in found.values_list("guest__event", "state").annotate(n=Count("pk")):
        states[event_id][State(state)] = count
    answers: dict[int, tuple[int, int]] = {}
    said = Answer.objects.filter(is_current=True).order_by().values("guest__event", "reply")
    for row in said.annotate(n=Count("pk"), people=Sum("heads")):
        answered, coming = answers.get(row["guest__event"], (0, 0))
        coming += (row["people"] or 0) if row["reply"] == "yes" else 0
        answers[row["guest__event"]] = (answered + row["n"], coming)
    running: dict[int, list[Campaign]] = defaultdict(list)
    for campaign in Campaign.objects.filter(state=CampaignState.RUNNING).select_related("sender"):
        running[campaign.event_id].append(campaign)
    cards = []
    for event in events_with_counts():
        answered, coming = answers.get(event.pk, (0, 0))
        guests = int(event.guest_count)  # type: ignore[attr-defined]
        cards.append(Card(event, guests, states[event.pk], coming, answered, running[event.pk]))
    return cards


@login_required
@require_GET
def events(request: HttpRequest) -> HttpResponse:
    return render(request, "dashboard/events.html", {"cards": _cards()})
