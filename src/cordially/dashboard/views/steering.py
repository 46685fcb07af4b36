"""What can be done to a campaign that was started: try again, pause, go on, call back, go slower."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from cordially.dashboard import guestlist, live, words
from cordially.dashboard.asked import whole, wholes
from cordially.dashboard.guestlist import Filter
from cordially.dashboard.page import back_to, event_page, user_of
from cordially.dashboard.sets import Only
from cordially.dashboard.shown import shown
from cordially.dashboard.starting import read_start
from cordially.delivery.wake import wake
from cordially.events.models import Event
from cordially.invitations import campaigns as ledger
from cordially.invitations import hours, senders
from cordially.invitations.lifecycle import State
from cordially.invitations.models import Campaign, Invitation, Sender
from cordially.lib.clock import now as clock_now
from cordially.team.rights import Right

#: more ticks than a page holds boxes are no ticks
_MOST_IDS = 5000
#: what WhatsApp allows the largest senders, messages a second
_FASTEST = 400


@require_POST
@event_page(acts=Right.SEND)
def retry(request: HttpRequest, event: Event) -> HttpResponse:
    """Failed invitations go into the queue again: those named, all of a campaign, or all of a set."""
    failed = Invitation.objects.filter(campaign__event=event, state=State.FAILED)
    if (campaign := whole(request.POST.get("campaign"))) is not None:
        failed = failed.filter(campaign=campaign)
    elif (only := request.POST.get("only", "")) in list(Only):
        of_set = guestlist.chosen(event, Filter(only=only))
        failed = failed.filter(is_current=True, guest__in=of_set.values("pk"))
    else:
        failed = failed.filter(pk__in=wholes(request.POST.getlist("id")[:_MOST_IDS]))
    count = ledger.retry(failed, by=user_of(request))
    wake()
    live.wake()
    waits = ngettext("{n} invitation waits for another try.", "{n} invitations wait for another try.", count)
    nothing = _("Nothing to try again: the list changed meanwhile.")
    said = waits.format(n=f"{count:,}") if count else nothing
    messages.success(request, said)
    return redirect(back_to(request, event))


def _campaign(event: Event, pk: int) -> Campaign:
    return get_object_or_404(Campaign.objects.select_related("sender"), pk=pk, event=event)


@require_POST
@event_page(acts=Right.SEND)
def pause(request: HttpRequest, event: Event, pk: int) -> HttpResponse:
    ledger.pause(_campaign(event, pk), by=user_of(request))
    return _acted(request, event)


@require_POST
@event_page(acts=Right.SEND)
def resume(request: HttpRequest, event: Event, pk: int) -> HttpResponse:
    ledger.resume(_campaign(event, pk), by=user_of(request))
    return _acted(request, event)


@require_POST
@event_page(acts=Right.SEND)
def start_now(request: HttpRequest, event: Event, pk: int) -> HttpResponse:
    """A campaign that waits for its time waits no longer."""
    if not hours.begin(_campaign(event, pk).pk, clock_now()):
        messages.warning(
            request, _("It doesn’t wait for its time any more: it was started or cancelled meanwhile.")
        )
    return _acted(request, event)


@require_POST
@event_page(acts=Right.SEND)
def reschedule(request: HttpRequest, event: Event, pk: int) -> HttpResponse:
    """Another time for a campaign that waits for its own."""
    try:
        starts = read_start(request.POST.get("starts", ""), event)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return _acted(request, event)
    if ledger.reschedule(_campaign(event, pk), starts):
        messages.success(
            request, _("It starts %(when)s.") % {"when": words.clock(hours.leaves_at(event, starts))}
        )
    else:
        messages.warning(
            request, _("It doesn’t wait for its time any more: it was started or cancelled meanwhile.")
        )
    return _acted(request, event)


@require_POST
@event_page(acts=Right.SEND)
def resume_sender(request: HttpRequest, event: Event, pk: int) -> HttpResponse:
    own = Sender.objects.filter(campaigns__event=event).distinct()
    found = get_object_or_404(own, pk=pk)
    if not senders.has_credentials(found):
        messages.warning(request, _("It has no credentials. Enter them first, and it goes on by itself."))
        return _acted(request, event)
    try:
        ledger.resume_sender(found)
    except ledger.CantResume as error:
        messages.warning(request, shown(error))
    return _acted(request, event)


@require_POST
@event_page(acts=Right.SEND)
def speed(request: HttpRequest, event: Event, pk: int) -> HttpResponse:
    """Messages a second, from the next tick of the engine on."""
    asked = whole(request.POST.get("per_second")) or 0
    if 1 <= asked <= _FASTEST:
        Sender.objects.filter(pk=_campaign(event, pk).sender_id).update(per_second=asked)
    return _acted(request, event)


@require_http_methods(["GET", "POST"])
@event_page(acts=Right.SEND)
def cancel(request: HttpRequest, event: Event, pk: int) -> HttpResponse:
    """Ask with the number, then call back what still waits."""
    campaign = _campaign(event, pk)
    if request.method == "GET":
        return _ask(request, event, "cancel", campaign)
    count = ledger.cancel(campaign, by=user_of(request))
    said = ngettext(
        "{n} invitation was cancelled before being sent.",
        "{n} invitations were cancelled before being sent.",
        count,
    )
    messages.success(request, said.format(n=f"{count:,}"))
    return _acted(request, event)


@require_GET
@event_page(acts=Right.SEND)
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
