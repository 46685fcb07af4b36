"""An event at a glance: where every event opens."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET

from cordially.dashboard import chart as charts
from cordially.dashboard import frames, guestlist
from cordially.dashboard.guestlist import Filter
from cordially.dashboard.page import event_page
from cordially.dashboard.position import newest
from cordially.events.models import Event
from cordially.templating.variables import personal_link

#: guests of an event whose chart is drawn with the page; that of a longer list comes after it
_AT_ONCE = 10_000


@require_GET
@event_page
def overview(request: HttpRequest, event: Event) -> HttpResponse:
    if query := request.META.get("QUERY_STRING"):
        # the guest list was here before: what was kept as a bookmark still shows the same people
        return redirect(f"{reverse('guests', args=[event.slug])}?{query}")
    since = newest()
    context = frames.overview_context(event)
    is_short = context["figures"].guests <= _AT_ONCE
    context |= {
        "here": "overview",
        "since": str(since),
        "progresses": frames.on_the_way(event),
        "chart": charts.chart(event) if is_short else None,
        "chart_later": not is_short and bool(context["figures"].campaigns),
    }
    return render(request, "dashboard/overview.html", context)


@require_GET
@event_page
def chart(request: HttpRequest, event: Event) -> HttpResponse:
    """The chart alone: a piece for the overview of a long list, a page without scripts."""
    drawn, _ = frames.charts.get(("chart", event.pk), lambda: charts.chart(event))
    name = "_overview_chart.html" if request.htmx else "chart.html"  # type: ignore[attr-defined]
    return render(request, f"dashboard/{name}", {"here": "overview", "chart": drawn})


@require_GET
@event_page
def links(request: HttpRequest, event: Event) -> HttpResponse:
    """The personal links of those whom the filter finds: a line each, name, tab, address."""
    people = guestlist.chosen(event, Filter.read(request.GET)).order_by("pk").values_list("name", "token")
    lines = [f"{' '.join(name.split())}\t{personal_link(token)}\n" for name, token in people]
    return HttpResponse(
        "".join(lines),
        content_type="text/plain; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{event.slug}-links.txt"'},
    )
