"""From a choice of guests to a campaign: look, count, confirm; and what can be done to it afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypedDict

from django.contrib import messages
from django.contrib.auth.models import User
from django.db.models import Max, QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRedirect

from cordially.dashboard import guestlist, live, words
from cordially.dashboard.asked import whole, wholes
from cordially.dashboard.guestlist import Filter
from cordially.dashboard.page import event_page
from cordially.delivery.wake import wake
from cordially.events.models import Event
from cordially.guests.models import Guest
from cordially.guests.texts import clean
from cordially.invitations import campaigns as ledger
from cordially.invitations.campaigns import Audience, AudienceChanged, CantStart
from cordially.invitations.lifecycle import LIVE, State
from cordially.invitations.models import Campaign, Invitation, MessageTemplate, Sender
from cordially.invitations.rendering import parts, values_for
from cordially.invitations.senders import NotReady, default_template, words_of

#: more ticks than a page holds boxes are no ticks
_MOST_IDS = 5000
#: what WhatsApp allows the largest senders, messages a second
_FASTEST = 400


@dataclass(frozen=True)
class Selection:
    """Who was chosen: the guests that were ticked, or everybody whom a filter finds."""

    ids: list[int]
    wanted: Filter

    @classmethod
    def read(cls, params: QueryDict) -> Selection:
        ids = wholes(params.getlist("id")[:_MOST_IDS])
        if params.get("all") or not ids:
            return cls([], Filter.read(params) if params.get("all") else Filter(show=guestlist.NEW))
        return cls(ids, Filter())

    def guests(self, event: Event) -> QuerySet[Guest]:
        if self.ids:
            return Guest.objects.filter(event=event, pk__in=self.ids)
        return guestlist.chosen(event, self.wanted)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The same choice as fields of a form."""
        if self.ids:
            return [("id", str(pk)) for pk in self.ids]
        return [("all", "1"), *self.wanted.pairs]


def user_of(request: HttpRequest) -> User | None:
    return request.user if isinstance(request.user, User) else None


def back_to(request: HttpRequest, event: Event) -> str:
    """The page that the host came from, if it is ours; else the guest list."""
    wanted = request.POST.get("back") or ""
    if wanted.startswith("/") and url_has_allowed_host_and_scheme(wanted, None):
        return wanted
    return reverse("guests", args=[event.slug])


def _template(event: Event, params: QueryDict) -> MessageTemplate:
    """The one that was chosen, else the one of the last campaign, else the one that is always there."""
    if found := MessageTemplate.objects.filter(pk=whole(params.get("template")) or 0).first():
        return found
    last = Campaign.objects.filter(event=event).select_related("template").first()
    return last.template if last else default_template()


class Meant(TypedDict):
    """What the messages are for, and whether they go to those who had one before."""

    purpose: str
    again: bool


def _meant(params: QueryDict) -> Meant:
    purpose = params.get("purpose", "")
    return {
        "purpose": purpose if purpose in ledger.PURPOSES else ledger.INVITATION,
        "again": params.get("again") == "1",
    }


def _dialog(
    request: HttpRequest, event: Event, params: QueryDict, status: int = 200, **more: Any
) -> HttpResponse:
    """What will be sent, to how many, and who is left out: inside the page's dialog, or as a page."""
    selection = Selection.read(params)
    template = _template(event, params)
    guests, meant = selection.guests(event), _meant(params)
    audience = ledger.audience(guests, template, **meant)
    twice = ledger.audience(guests, template, purpose=meant["purpose"], again=True)
    ready = ledger.invitable(guests, **meant).order_by("pk")
    at = max(1, min(whole(params.get("at")) or 1, audience.ready or 1))
    guest = ready[at - 1 : at].first() or (selection.guests(event).first() if not audience.ready else None)
    context = {
        "here": "send",
        "selection": selection,
        "template": template,
        "templates": MessageTemplate.objects.all(),
        "audience": audience,
        **meant,
        "purposes": ledger.PURPOSES,
        "latest": event.campaigns.aggregate(latest=Max("pk"))["latest"] or 0,
        "more": max(0, twice.ready - audience.ready),
        "left_out": audience.chosen - audience.ready,
        "bar": {State.DELIVERED: audience.ready, State.SKIPPED: audience.chosen - audience.ready},
        "guest": guest,
        "parts": words.as_read(parts(words_of(template), values_for(event, guest))) if guest else [],
        "at": at,
        "before": at - 1 if at > 1 else None,
        "after": at + 1 if at < audience.ready else None,
        "back": params.get("back", ""),
        **more,
    }
    name = "dashboard/_send.html" if request.htmx else "dashboard/send.html"  # type: ignore[attr-defined]
    return render(request, name, context, status=status)


def _changed(confirmed: int | None, audience: Audience) -> str:
    if confirmed == audience.ready:
        return "Somebody pressed Send meanwhile. Look again: these guests would get one more."
    return (
        f"The list changed while you read: {audience.ready:,} now, not {confirmed or 0:,}. "
        f"Look again, then send {audience.ready:,}."
    )


@require_http_methods(["GET", "POST"])
@event_page
def send(request: HttpRequest, event: Event) -> HttpResponse:
    """Look (GET), then confirm (POST) exactly the number that was read."""
    if request.method == "GET":
        return _dialog(request, event, request.GET)
    selection = Selection.read(request.POST)
    template = _template(event, request.POST)
    confirmed = whole(request.POST.get("confirmed")) or 0
    try:
        campaign = ledger.start_campaign(
            event,
            selection.guests(event),
            template=template,
            name=clean(request.POST.get("name", ""), 120),
            by=user_of(request),
            confirmed=confirmed,
            latest=whole(request.POST.get("latest")),
            **_meant(request.POST),
        )
    except AudienceChanged:
        audience = ledger.audience(selection.guests(event), template, **_meant(request.POST))
        changed = _changed(confirmed, audience)
        return _dialog(request, event, request.POST, 409, changed=changed)
    except (CantStart, NotReady) as error:
        return _dialog(request, event, request.POST, 422, cant=str(error))
    return _on_its_way(request, event, campaign)


def _on_its_way(request: HttpRequest, event: Event, campaign: Campaign) -> HttpResponse:
    wake()
    live.wake()
    count = campaign.invitations.filter(state__in=LIVE).count()
    word = "invitation is" if count == 1 else "invitations are"
    messages.success(request, f"{count:,} {word} on the way.")
    where = back_to(request, event)
    if request.htmx:  # type: ignore[attr-defined]
        return HttpResponseClientRedirect(where)
    return redirect(where)


@require_POST
@event_page
def retry(request: HttpRequest, event: Event) -> HttpResponse:
    """Failed invitations go into the queue again: those named, or all of a campaign."""
    failed = Invitation.objects.filter(campaign__event=event, state=State.FAILED)
    if (campaign := whole(request.POST.get("campaign"))) is not None:
        failed = failed.filter(campaign=campaign)
    else:
        failed = failed.filter(pk__in=wholes(request.POST.getlist("id")[:_MOST_IDS]))
    count = ledger.retry(failed, by=user_of(request))
    wake()
    live.wake()
    word = "invitation waits" if count == 1 else "invitations wait"
    said = (
        f"{count:,} {word} for another try." if count else "Nothing to try again: the list changed meanwhile."
    )
    messages.success(request, said)
    return redirect(back_to(request, event))


def _campaign(event: Event, pk: int) -> Campaign:
    return get_object_or_404(Campaign.objects.select_related("sender"), pk=pk, event=event)


@require_POST
@event_page
def pause(request: HttpRequest, event: Event, pk: int) -> HttpResponse:
    ledger.pause(_campaign(event, pk), by=user_of(request))
    return _acted(request, event)


@require_POST
@event_page
def resume(request: HttpRequest, event: Event, pk: int) -> HttpResponse:
    ledger.resume(_campaign(event, pk), by=user_of(request))
    return _acted(request, event)


@require_POST
@event_page
def resume_sender(request: HttpRequest, event: Event, pk: int) -> HttpResponse:
    own = Sender.objects.filter(campaigns__event=event).distinct()
    ledger.resume_sender(get_object_or_404(own, pk=pk))
    return _acted(request, event)


@require_POST
@event_page
def speed(request: HttpRequest, event: Event, pk: int) -> HttpResponse:
    """Messages a second, from the next tick of the engine on."""
    asked = whole(request.POST.get("per_second")) or 0
    if 1 <= asked <= _FASTEST:
        Sender.objects.filter(pk=_campaign(event, pk).sender_id).update(per_second=asked)
    return _acted(request, event)


@require_http_methods(["GET", "POST"])
@event_page
def cancel(request: HttpRequest, event: Event, pk: int) -> HttpResponse:
    """Ask with the number, then call back what still waits."""
    campaign = _campaign(event, pk)
    if request.method == "GET":
        return _ask(request, event, "cancel", campaign)
    count = ledger.cancel(campaign, by=user_of(request))
    word = "invitation was" if count == 1 else "invitations were"
    messages.success(request, f"{count:,} {word} cancelled before being sent.")
    return _acted(request, event)


@require_GET
@event_page
def ask_retry(request: HttpRequest, event: Event, pk: int) -> HttpResponse:
    """Before many are tried again: how many."""
    return _ask(request, event, "retry", _campaign(event, pk))


def _ask(request: HttpRequest, event: Event, what: str, campaign: Campaign) -> HttpResponse:
    counts = ledger.counts(campaign)
    context = {
        "here": "campaigns",
        "what": what,
        "campaign": campaign,
        "key": str(campaign.pk),
        "waiting": counts[State.QUEUED],
        "failed": counts[State.FAILED],
        "had_turn": campaign.audience
        - counts[State.QUEUED]
        - counts[State.SKIPPED]
        - counts[State.CANCELLED],
        "back": request.GET.get("back", ""),
    }
    name = "dashboard/_ask.html" if request.htmx else "dashboard/ask.html"  # type: ignore[attr-defined]
    return render(request, name, context)


def _acted(request: HttpRequest, event: Event) -> HttpResponse:
    wake()
    live.wake()
    return redirect(back_to(request, event))
