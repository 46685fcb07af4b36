"""The address of the live line, and of the same pieces for whoever has to ask for them."""

from __future__ import annotations

from functools import partial

from asgiref.sync import sync_to_async
from django.contrib.auth import get_user
from django.contrib.sessions.backends.db import SessionStore
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.views.decorators.http import require_GET

from cordially.dashboard import live
from cordially.dashboard.asked import whole, wholes
from cordially.dashboard.frames import (
    CampaignFrames,
    CampaignListFrames,
    Frames,
    GuestFrames,
    OverviewFrames,
    PersonFrames,
    Reader,
)
from cordially.dashboard.guestlist import PAGE, Filter
from cordially.events.models import Event
from cordially.invitations.lifecycle import State
from cordially.invitations.models import Campaign
from cordially.team.rights import NONE, Right, rights_of


def _page(request: HttpRequest, slug: str) -> Frames | None:
    """What the page that asks can draw; None when there is nobody who may see it."""
    if not request.user.is_authenticated:
        return None
    event = Event.objects.filter(slug=slug).first()
    may = rights_of(request.user, event) if event else NONE
    if event is None or Right.SEE not in may:
        raise Http404("No event of yours")
    reader = Reader(request.LANGUAGE_CODE, may)
    if request.GET.get("page") == "campaign":
        campaign = Campaign.objects.filter(event=event, pk=whole(request.GET.get("campaign")) or 0).first()
        if campaign is None:
            raise Http404("No such campaign")
        state = request.GET.get("state", "")
        return CampaignFrames(event, campaign, state if state in State.values else "", reader)
    if request.GET.get("page") == "campaigns":
        return CampaignListFrames(event, reader)
    if request.GET.get("page") == "overview":
        return OverviewFrames(event, reader)
    ids = wholes(request.GET.get("ids", "").split(",")[: PAGE * 2])
    beside = whole(request.GET.get("beside"))
    if request.GET.get("page") == "guest":
        return PersonFrames(event, beside or 0, reader)
    return GuestFrames(event, Filter.read(request.GET), ids, reader, beside)


def _may_still(session_key: str | None, page: Frames) -> bool:
    """Whether that session is there and whoever it belongs to has the rights that the page was drawn for."""
    request = HttpRequest()
    request.session = SessionStore(session_key)
    return rights_of(get_user(request), page.event) == page.reader.may


@require_GET
async def line(request: HttpRequest, slug: str) -> HttpResponseBase:
    """Server-sent events; with `poll`, what the page shows now."""
    page = await sync_to_async(_page)(request, slug)
    if page is None:
        return HttpResponse("Sign in first.", status=401, content_type="text/plain")
    if request.GET.get("poll"):
        response: HttpResponseBase = HttpResponse(await live.in_thread(page.draw, None))
    else:
        since = request.headers.get("Last-Event-ID") or request.GET.get("since", "")
        await live.in_thread(page.begin)
        may_look = partial(_may_still, request.session.session_key, page)
        response = StreamingHttpResponse(
            live.lines(page.event.pk, page, since, may_look=may_look),
            content_type="text/event-stream; charset=utf-8",
        )
        response["X-Accel-Buffering"] = "no"
    response["Cache-Control"] = "private, no-cache, no-transform"
    return response
