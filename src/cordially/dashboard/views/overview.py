"""An event at a glance: where every event opens."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET

from cordially.dashboard.page import event_page
from cordially.dashboard.position import newest
from cordially.events.models import Event


@require_GET
@event_page
def overview(request: HttpRequest, event: Event) -> HttpResponse:
    if query := request.META.get("QUERY_STRING"):
        # the guest list was here before: what was kept as a bookmark still shows the same people
        return redirect(f"{reverse('guests', args=[event.slug])}?{query}")
    since = newest()
    return render(request, "dashboard/overview.html", {"here": "overview", "since": str(since)})
