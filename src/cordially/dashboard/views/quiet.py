"""The hours in which nothing of an event leaves; and, on a phone, the way to everything else."""

from __future__ import annotations

import datetime as dt

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from cordially.dashboard.page import event_page
from cordially.delivery.wake import wake
from cordially.events.models import Event
from cordially.invitations.models import EventSending


def _time(text: str) -> dt.time | None:
    """Raises ValueError."""
    return dt.time.fromisoformat(text).replace(second=0, microsecond=0, tzinfo=None) if text else None


@require_http_methods(["GET", "POST"])
@event_page
def quiet(request: HttpRequest, event: Event) -> HttpResponse:
    """Look (GET), then keep both hours, or neither (POST). What runs heeds them within a second or two."""
    kept = EventSending.objects.filter(event=event).first()
    form = {
        "from": f"{kept.quiet_from:%H:%M}" if kept and kept.quiet_from else "",
        "until": f"{kept.quiet_until:%H:%M}" if kept and kept.quiet_until else "",
    }
    error = ""
    if request.method == "POST":
        form = {name: request.POST.get(name, "").strip()[:8] for name in ("from", "until")}
        if request.POST.get("do") == "none":
            form = {"from": "", "until": ""}
        error = _keep(event, form["from"], form["until"])
        if not error:
            wake()
            messages.success(
                request,
                _("Nothing leaves between %(from)s and %(until)s.") % form
                if form["from"]
                else _("Messages leave at any hour."),
            )
            return redirect("quiet", event.slug)
    context = {"here": "quiet", "form": form, "error": error}
    return render(request, "dashboard/quiet.html", context, status=422 if error else 200)


def _keep(event: Event, begins: str, ends: str) -> str:
    """The sentence that says why not; empty when it is kept."""
    try:
        quiet_from, quiet_until = _time(begins), _time(ends)
    except ValueError:
        return _("Write an hour like 21:00.")
    if (quiet_from is None) != (quiet_until is None):
        return _("Write both hours, or neither.")
    if quiet_from is not None and quiet_from == quiet_until:
        return _("They begin and end at the same time. Then nothing would ever leave.")
    EventSending.objects.update_or_create(
        event=event, defaults={"quiet_from": quiet_from, "quiet_until": quiet_until}
    )
    return ""


@require_GET
@event_page
def more(request: HttpRequest, event: Event) -> HttpResponse:
    return render(request, "dashboard/more.html", {"here": "more"})
