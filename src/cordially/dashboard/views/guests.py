"""The guest list."""

from __future__ import annotations

from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from cordially.dashboard import frames, guestlist
from cordially.dashboard.guestlist import Filter
from cordially.dashboard.page import event_page
from cordially.dashboard.position import newest
from cordially.events.models import Event
from cordially.guests.models import SavedView
from cordially.invitations.campaigns import tally

from .roster import ACTS


class _Known(Paginator):  # type: ignore[type-arg]
    """A paginator that is told how many there are: the figures know it already."""

    def __init__(self, *args: object, count: int) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self.__dict__["count"] = count


def _turn(wanted: Filter, number: int) -> str:
    return f"?{urlencode([*wanted.pairs, ('page', number)])}"


def _undoable(request: HttpRequest, event: Event) -> int:
    """How many this browser took off the list last, and may bring back."""
    kept = request.session.get("taken_off") or {}
    return len(kept.get("ids", [])) if kept.get("event") == event.pk else 0


@require_GET
@event_page
def guests(request: HttpRequest, event: Event) -> HttpResponse:
    """One page of those whom the filter finds, with every figure about them."""
    since = newest()
    wanted = Filter.read(request.GET)
    counted = tally(event)
    figures = frames.list_figures(event, wanted, counted)
    pages = _Known(guestlist.matching(event, wanted), guestlist.PAGE, count=figures["total"])
    page = pages.get_page(request.GET.get("page"))
    rows = guestlist.rows(page.object_list, wanted.campaign)
    context = {
        "here": "guests",
        "since": str(since),
        "wanted": wanted,
        "page": page,
        "rows": rows,
        "ids": ",".join(row.key for row in rows),
        "by_name": wanted.but(sort="name"),
        "by_name_back": wanted.but(sort="-name"),
        "by_change": wanted.but(sort="changed"),
        "by_group": wanted.but(sort="group"),
        "by_answer": wanted.but(sort="answer"),
        "views": SavedView.objects.filter(event=event),
        "undoable": _undoable(request, event),
        "bulk_acts": [(key, label) for key, label in ACTS.items() if key != "remove"],
        "unsorted": wanted.but(sort=""),
        "previous_page": _turn(wanted, page.number - 1),
        "next_page": _turn(wanted, page.number + 1),
        "progresses": frames.on_the_way(event, counted),
        **figures,
    }
    return render(request, "dashboard/guests.html", context)
