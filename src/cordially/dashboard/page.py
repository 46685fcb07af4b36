"""What every page of an event shares: who may see it, whose clock it shows, and what stands round it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, overload
from urllib.parse import urlsplit, urlunsplit

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.db.models import Func, IntegerField, OuterRef, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from cordially.events.models import Event
from cordially.guests.models import Guest
from cordially.invitations.models import Campaign
from cordially.team.rights import Right, owners_of, rights_of, runs_installation

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, Event, P], HttpResponseBase]
Page = Callable[..., HttpResponseBase]


def user_of(request: HttpRequest) -> User | None:
    return request.user if isinstance(request.user, User) else None


def ours(address: str | None) -> str:
    """The address if it is one of this server's pages, else nothing."""
    wanted = address or ""
    return wanted if wanted.startswith("/") and url_has_allowed_host_and_scheme(wanted, None) else ""


def back_to(request: HttpRequest, event: Event) -> str:
    """The page that the host came from, if it is ours; else the guest list."""
    return ours(request.POST.get("back")) or reverse("guests", args=[event.slug])


def _how_many(rows: QuerySet[Any]) -> Subquery:
    # not Django's own Count: it would group, which takes twice as long over 100,000
    counted = (
        rows.filter(event=OuterRef("pk"))
        .order_by()
        .annotate(n=Func(template="COUNT(*)", output_field=IntegerField()))
        .values("n")
    )
    return Subquery(counted)


def events_with_counts() -> QuerySet[Event]:
    """Events, each with `guest_count` and `campaign_count`."""
    return Event.objects.annotate(
        guest_count=_how_many(Guest.objects.all()), campaign_count=_how_many(Campaign.objects.all())
    )


def _here(request: HttpRequest, slug: str) -> str:
    """Where to go on after signing in: a press can't be repeated, so back to the page that it was made on."""
    if request.method in ("GET", "HEAD"):
        return request.get_full_path()
    came_from = urlsplit(request.headers.get("Referer", ""))
    wanted = urlunsplit(("", "", came_from.path, came_from.query, ""))
    is_ours = came_from.netloc == request.get_host() and ours(wanted)
    return wanted if is_ours else reverse("guests", args=[slug])


def press(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """For what a button does; whoever opens its address by hand comes to the page on which the button is."""

    @wraps(view)
    def answer(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        if request.method in ("GET", "HEAD"):
            return redirect(request.path.rpartition("/")[0])
        return require_POST(view)(request, *args, **kwargs)

    return answer


@overload
def event_page(view: View[P]) -> Page: ...
@overload
def event_page(*, sees: Right = ..., acts: Right = ...) -> Callable[[View[P]], Page]: ...
def event_page(
    view: View[P] | None = None, *, sees: Right = Right.SEE, acts: Right = Right.EDIT
) -> Page | Callable[[View[P]], Page]:
    """A page of one event: for its team alone, on the event's own clock, never kept by a proxy.

    `sees` is the right that looking at it needs, `acts` the one that everything else needs. Whoever is not in the
    team is told that there is no such page; who may not do this is told whom to ask.
    """
    if view is None:
        return lambda found: _event_page(found, sees, acts)
    return _event_page(view, sees, acts)


def _event_page(view: View[P], sees: Right, acts: Right) -> Page:
    @wraps(view)
    def page(request: HttpRequest, slug: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return redirect_to_login(_here(request, slug))
        event = get_object_or_404(events_with_counts(), slug=slug)
        rights = rights_of(request.user, event)
        if Right.SEE not in rights:
            raise Http404("No event of yours")
        request.cordially_event = event  # type: ignore[attr-defined]
        request.cordially_rights = rights  # type: ignore[attr-defined]
        needed = sees if request.method in ("GET", "HEAD", "OPTIONS") else acts
        with timezone.override(event.zone):
            response = (
                view(request, event, *args, **kwargs) if needed in rights else _refused(request, needed)
            )
        patch_cache_control(response, private=True, no_cache=True)
        return response

    return page


def _refused(request: HttpRequest, needed: Right) -> HttpResponse:
    event: Event = request.cordially_event  # type: ignore[attr-defined]
    sentences = {
        Right.EDIT: _("You may look at this event, but not change it."),
        Right.SEND: _("You may not send for this event."),
        Right.OWN: _("Only an owner of this event may do this."),
    }
    names = list(owners_of(event))
    if request.htmx:  # type: ignore[attr-defined]
        messages.error(request, sentences[needed])
        return HttpResponse(status=403, headers={"HX-Refresh": "true"})
    context = {"sentence": sentences[needed], "owners": get_text_list(names, _("or")) if names else ""}
    return render(request, "dashboard/refused.html", context, status=403)


def refused_to_all(request: HttpRequest) -> HttpResponse:
    """For what all events share: only who runs the installation may change it."""
    context = {"sentence": _("You may not change what all events share."), "owners": ""}
    return render(request, "dashboard/refused.html", context, status=403)


def of_installation(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A page about what all events share, for who runs the installation alone."""

    @wraps(view)
    @login_required
    def page(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        return view(request, *args, **kwargs) if runs_installation(request.user) else refused_to_all(request)

    return page
