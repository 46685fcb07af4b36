"""An event's team: who is in it, what each may do, and links for those who are to join."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from cordially.dashboard.page import event_page, user_of
from cordially.events.models import Event
from cordially.guests.texts import clean
from cordially.team import members
from cordially.team.members import CantChange
from cordially.team.models import Membership, Role
from cordially.team.rights import Right

#: what each role is for
EXPLAINED = {
    Role.OWNER: gettext_lazy("Changes everything, and decides who is in the team."),
    Role.EDITOR: gettext_lazy("Changes guests, templates and the event."),
    Role.VIEWER: gettext_lazy("Looks, and changes nothing."),
}


@dataclass(frozen=True)
class Asked:
    """A part as it was chosen on the page."""

    role: Role
    can_send: bool

    @classmethod
    def read(cls, request: HttpRequest) -> Asked:
        role = request.POST.get("role", "")
        return cls(Role(role) if role in Role.values else Role.VIEWER, request.POST.get("can_send") == "1")


@never_cache
@require_GET
@event_page
def team(request: HttpRequest, event: Event) -> HttpResponse:
    """Everybody of the team sees it; owners change it."""
    return _page(request, event)


def _page(request: HttpRequest, event: Event, fresh: str = "") -> HttpResponse:
    context = {
        "here": "team",
        "members": Membership.objects.filter(event=event).select_related("user"),
        "links": members.open_links(event).select_related("made_by"),
        "roles": [(role, role.label, EXPLAINED[role]) for role in Role],
        "fresh": fresh,
    }
    return render(request, "dashboard/team.html", context)


@never_cache
@require_POST
@event_page(acts=Right.OWN)
def add(request: HttpRequest, event: Event) -> HttpResponse:
    """Make a link and show it, this once."""
    asked = Asked.read(request)
    if _gives_more(request, asked.can_send):
        return redirect("team", event.slug)
    note = clean(request.POST.get("note", ""), 80)
    try:
        made = members.make_link(event, asked.role, can_send=asked.can_send, note=note, by=user_of(request))
    except CantChange as error:
        messages.error(request, str(error))
        return redirect("team", event.slug)
    return _page(request, event, request.build_absolute_uri(reverse("join", args=[made.token])))


def _gives_more(request: HttpRequest, can_send: bool) -> bool:
    """Whether an owner who may not send gives that right to somebody, like themselves; then they are told."""
    if can_send and not request.cordially_rights.send:  # type: ignore[attr-defined]
        messages.error(request, _("Only somebody who may send can give others that right."))
        return True
    return False


@require_POST
@event_page(acts=Right.OWN)
def take_back(request: HttpRequest, event: Event, pk: int) -> HttpResponse:
    """The link brings nobody in any more."""
    gone, _rows = members.open_links(event).filter(pk=pk).delete()
    if gone:
        messages.success(request, _("The link is taken back."))
    else:
        messages.warning(request, _("The link was over already: it was used or taken back meanwhile."))
    return redirect("team", event.slug)


def _member(event: Event, pk: int) -> Membership:
    return get_object_or_404(Membership.objects.select_related("user", "event"), pk=pk, event=event)


@require_POST
@event_page(acts=Right.OWN)
def change(request: HttpRequest, event: Event, pk: int) -> HttpResponse:
    """Another role, or the right to send."""
    member = _member(event, pk)
    asked = Asked.read(request)
    if not member.can_send and _gives_more(request, asked.can_send):
        return redirect("team", event.slug)
    try:
        if members.change(member, asked.role, can_send=asked.can_send):
            messages.success(
                request, _("Saved: %(name)s is %(role)s.") % {"name": member.name, "role": asked.role.label}
            )
    except CantChange as error:
        messages.error(request, str(error))
    return redirect("team", event.slug)


@require_POST
@event_page(acts=Right.SEE)
def remove(request: HttpRequest, event: Event, pk: int) -> HttpResponse:
    """An owner removes anybody; everybody may leave."""
    member = _member(event, pk)
    leaves = member.user == request.user
    if not leaves and not request.cordially_rights.own:  # type: ignore[attr-defined]
        messages.error(request, _("Only an owner of this event may do this."))
        return redirect("team", event.slug)
    try:
        members.remove(member)
    except CantChange as error:
        messages.error(request, str(error))
        return redirect("team", event.slug)
    if leaves:
        messages.success(request, _("You left the team of %(event)s.") % {"event": event.name})
        return redirect("events")
    messages.success(request, _("%(name)s is not in the team any more.") % {"name": member.name})
    return redirect("team", event.slug)
