"""What every page of an event shares: who may see it, whose clock it shows, and what stands round it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec
from urllib.parse import urlsplit, urlunsplit

from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from cordially.events.models import Event
from cordially.guests.models import Guest
from cordially.invitations.models import Campaign

P = ParamSpec("P")


def user_of(request: HttpRequest) -> User | None:
    return request.user if isinstance(request.user, User) else None


def ours(address: str | None) -> str:
    """The address if it is one of this server's pages, else nothing."""
    wanted = address or ""
    return wanted if wanted.startswith("/") and url_has_allowed_host_and_scheme(wanted, None) else ""


def back_to(request: HttpRequest, event: Event) -> str:
    """The page that the host came from, if it is ours; else the guest list."""
    return ours(request.POST.get("back")) or reverse("guests", args=[event.slug])


def _how_many(rows: QuerySet[Any]) -> Coalesce:
    counted = rows.filter(event=OuterRef("pk")).order_by().values("event").annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counted), 0)


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


def event_page(
    view: Callable[Concatenate[HttpRequest, Event, P], HttpResponseBase],
) -> Callable[..., HttpResponseBase]:
    """A page of one event: for the host alone, on the event's own clock, never kept by a proxy."""

    @wraps(view)
    def page(request: HttpRequest, slug: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return redirect_to_login(_here(request, slug))
        event = get_object_or_404(events_with_counts(), slug=slug)
        request.cordially_event = event  # type: ignore[attr-defined]
        with timezone.override(event.zone):
            response = view(request, event, *args, **kwargs)
        patch_cache_control(response, private=True, no_cache=True)
        return response

    return page
