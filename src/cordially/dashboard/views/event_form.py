"""Making an event, changing it, and putting it away."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_http_methods, require_POST

from cordially.dashboard.eventform import Sheet
from cordially.dashboard.page import event_page, refused_to_all, user_of
from cordially.dashboard.sheet import countries
from cordially.events import creating, pictures
from cordially.events.models import Event
from cordially.invitations.models import Campaign
from cordially.team.members import own
from cordially.team.rights import may_make_events


@require_http_methods(["GET", "POST"])
@login_required
@cache_control(private=True, no_cache=True)
def new(request: HttpRequest) -> HttpResponse:
    """An empty form; then the event, and its overview, which says what to do next."""
    if not may_make_events(request.user):
        return refused_to_all(request)
    if request.method == "GET":
        return _form(request, Sheet.empty(), None)
    sheet = Sheet.typed(request.POST)
    typed, picture = sheet.read(), _picture(request, sheet)
    if _is_right(sheet, typed, None):
        event = creating.make(typed, picture=picture or "")
        own(event, user_of(request))
        messages.success(
            request, _("“%(name)s” is there. Nobody has been told of it yet.") % {"name": event.name}
        )
        return redirect("overview", event.slug)
    pictures.remove(picture or "")
    return _form(request, sheet, None, 422)


@require_http_methods(["GET", "POST"])
@event_page
def edit(request: HttpRequest, event: Event) -> HttpResponse:
    if request.method == "GET":
        return _form(request, Sheet.of(event), event)
    sheet = Sheet.typed(request.POST)
    sheet.picture = event.picture
    typed, picture = sheet.read(), _picture(request, sheet)
    if not _is_right(sheet, typed, event):
        pictures.remove(picture or "")
        return _form(request, sheet, event, 422)
    try:
        creating.change(event, typed, seen=sheet.seen_at, picture=picture)
    except creating.Changed as meanwhile:
        pictures.remove(picture or "")
        sheet.changed_meanwhile(meanwhile.event)
        return _form(request, sheet, event, 409)
    if picture is not None:
        pictures.remove(event.picture)
    messages.success(request, _("Saved."))
    return redirect("overview", event.slug)


@require_POST
@event_page
def archive(request: HttpRequest, event: Event) -> HttpResponse:
    """Out of the list, unless something of it is still under way."""
    going = Campaign.objects.filter(event=event, finished_at=None)
    if going.exists():
        messages.warning(
            request,
            _("A campaign of this event isn’t finished. Let it end or cancel it, then put the event away."),
        )
        return redirect("event_edit", event.slug)
    creating.archive(event)
    return redirect(f"{reverse('events')}?away={event.slug}")


@require_POST
@event_page
def restore(request: HttpRequest, event: Event) -> HttpResponse:
    creating.restore(event)
    messages.success(request, _("“%(name)s” is back.") % {"name": event.name})
    return redirect("events")


def _is_right(sheet: Sheet, typed: creating.Typed, event: Event | None) -> bool:
    try:
        creating.read(typed, event=event)
    except ValidationError as error:
        sheet.refused(error.message_dict)
    return not sheet.errors


def _picture(request: HttpRequest, sheet: Sheet) -> str | None:
    """The name of the new picture, "" to have none any more, None to leave it as it is."""
    if upload := request.FILES.get("picture"):
        try:
            return pictures.keep(upload)
        except ValidationError as error:
            sheet.errors["picture"] = error.messages[0]
            return None
    return "" if request.POST.get("no_picture") else None


def _form(request: HttpRequest, sheet: Sheet, event: Event | None, status: int = 200) -> HttpResponse:
    context = {
        "here": "edit" if event else "new",
        "sheet": sheet,
        "values": sheet.values,
        "errors": sheet.errors,
        "theirs": sheet.theirs,
        "countries": countries(),
        "was_sent": bool(event and event.campaigns.exists()),
        **sheet.choices,
    }
    return render(request, "dashboard/event_form.html", context, status=status)
