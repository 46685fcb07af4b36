"""An event at a glance: where every event opens."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET

from cordially.dashboard import frames, guestlist
from cordially.dashboard.guestlist import Filter
from cordially.dashboard.overview import closing
from cordially.dashboard.page import event_page
from cordially.dashboard.position import newest
from cordially.events.models import Event
from cordially.templating.variables import personal_link

#: guests of an event whose chart is drawn with the page; that of a longer list comes after it
AT_ONCE = 10_000


@require_GET
@event_page
def overview(request: HttpRequest, event: Event) -> HttpResponse:
    if query := request.META.get("QUERY_STRING"):
        # the guest list was here before: what was kept as a bookmark still shows the same people
        return redirect(f"{reverse('guests', args=[event.slug])}?{query}")
    since = newest()
    context = frames.overview_context(event)
    is_short = context["figures"].guests <= AT_ONCE
    context |= {
        "here": "overview",
        "since": str(since),
        "progresses": frames.under_way(event, context["figures"].tally),
        "later": not is_short and bool(context["figures"].campaigns),
    }
    if is_short:
        context |= frames.slow_context(event)
    return render(request, "dashboard/overview.html", context)


@require_GET
@event_page
def chart(request: HttpRequest, event: Event) -> HttpResponse:
    """What the overview of a long list lacked at first: a piece for it, a page without scripts."""
    slow, _ = frames.charts.get(("chart", event.pk), lambda: frames.slow_context(event))
    name = "_overview_slow.html" if request.htmx else "chart.html"  # type: ignore[attr-defined]
    return render(request, f"dashboard/{name}", {"here": "overview", "closes": closing(event), **slow})


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
