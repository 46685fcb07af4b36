"""Campaigns: the list, and one of them while it runs and ever after."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from cordially.dashboard import frames
from cordially.dashboard.page import event_page
from cordially.dashboard.position import newest
from cordially.events.models import Event
from cordially.invitations.lifecycle import State
from cordially.invitations.models import Campaign


@require_GET
@event_page
def campaigns(request: HttpRequest, event: Event) -> HttpResponse:
    since = newest()
    context = {"here": "campaigns", "since": str(since), "lines": frames.campaign_lines(event)}
    return render(request, "dashboard/campaigns.html", context)


@require_GET
@event_page
def campaign(request: HttpRequest, event: Event, pk: int) -> HttpResponse:
    since = newest()
    state = request.GET.get("state", "")
    state = state if state in State.values else ""
    try:
        context = frames.campaign_context(event, pk, state)
    except Campaign.DoesNotExist as error:
        raise Http404("No such campaign") from error
    return render(request, "dashboard/campaign.html", {"here": "campaigns", "since": str(since), **context})
