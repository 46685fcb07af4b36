"""The numbers that messages leave from: how each is, how fast and how much it may send."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from cordially import connection
from cordially.dashboard import live, numbers
from cordially.dashboard.asked import whole
from cordially.dashboard.page import event_page, refused_to_all
from cordially.dashboard.shown import shown
from cordially.delivery.wake import wake
from cordially.events.models import Event
from cordially.guests.texts import clean
from cordially.invitations import campaigns, senders
from cordially.invitations.models import Account, EventSending, Sender, SenderState
from cordially.lib.clock import now as clock_now
from cordially.team.rights import runs_installation

from .sender_test import card

#: what WhatsApp allows the largest senders, messages a second
_FASTEST = 400
_MOST = 10_000_000
_FIELDS = ("per_second", "per_hour", "per_day")


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def sender(request: HttpRequest) -> HttpResponse:
    """All of them; where there is only one, its own page."""
    found = numbers.visible(request.user)
    if len(found) > 1:
        return _list(request, found)
    return _one(request, found[0] if found else None)


def _list(request: HttpRequest, found: list[Sender]) -> HttpResponse:
    context = {
        "here": "sender",
        "rows": numbers.rows(found),
        "may_change": runs_installation(request.user),
    }
    return render(request, "dashboard/senders.html", context)


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def one(request: HttpRequest, pk: int) -> HttpResponse:
    return _one(request, numbers.find(request.user, pk))


def _one(request: HttpRequest, found: Sender | None) -> HttpResponse:
    """Look (GET), then keep its name and limits, or let it go on (POST). What runs heeds them at once."""
    if request.method == "POST" and not runs_installation(request.user):
        return refused_to_all(request)
    if request.method != "POST" or found is None:
        return show(request, found)
    match request.POST.get("do"):
        case "resume":
            return _resume(request, found)
        case "check":
            return _check(request, found)
        case "speed":
            return _speed(request, found)
    name = clean(request.POST.get("name", ""), 80)
    typed = {field: request.POST.get(field, "").strip()[:20] for field in _FIELDS}
    errors, kept = _read(typed)
    typed["name"] = name
    if errors:
        return show(request, found, typed=typed, errors=errors, status=422)
    seen = request.POST.get("seen")
    if seen is not None and seen != version(found):
        return show(request, found, typed=typed, is_stale=True, status=409)
    Sender.objects.filter(pk=found.pk).update(name=name, **kept)
    wake()
    live.wake()
    messages.success(request, _("Saved. What is being sent heeds it from now on."))
    return redirect("sender_one", found.pk)


def version(found: Sender) -> str:
    """Which limits somebody looked at."""
    return "|".join(numbers.written(getattr(found, name)) for name in _FIELDS)


def _read(typed: dict[str, str]) -> tuple[dict[str, str], dict[str, int | None]]:
    """What is wrong, by field; and what to keep."""
    errors: dict[str, str] = {}
    kept: dict[str, int | None] = {}
    for field, text in typed.items():
        plain = text.replace(",", "").replace(" ", "").strip()
        number, most = whole(plain), _FASTEST if field == "per_second" else _MOST
        if not plain and field != "per_second":
            kept[field] = None
        elif not number or number > most:
            errors[field] = _("Write a number from 1 to %(most)s.") % {"most": f"{most:,}"}
        else:
            kept[field] = number
    return errors, kept


def _resume(request: HttpRequest, found: Sender) -> HttpResponse:
    if not senders.has_credentials(found):
        messages.warning(request, _("It has no credentials. Enter them first, and it goes on by itself."))
    else:
        try:
            campaigns.resume_sender(found)
        except campaigns.CantResume as error:
            messages.warning(request, shown(error))
        wake()
        live.wake()
    return redirect("sender_one", found.pk)


def _check(request: HttpRequest, found: Sender) -> HttpResponse:
    try:
        good = connection.ask_about(found)
    except senders.NotReady as error:
        messages.warning(request, shown(error))
    else:
        if good:
            messages.success(request, _("Twilio answers."))
        else:
            messages.warning(request, _("Something is wrong; “Health” says what."))
    return redirect("sender_one", found.pk)


def _speed(request: HttpRequest, found: Sender) -> HttpResponse:
    asked = whole(request.POST.get("per_second")) or 0
    if 1 <= asked <= _FASTEST:
        Sender.objects.filter(pk=found.pk).update(per_second=asked)
        wake()
        live.wake()
    return redirect("sender_one", found.pk)


def show(
    request: HttpRequest,
    found: Sender | None,
    *,
    typed: dict[str, str] | None = None,
    errors: dict[str, str] | None = None,
    is_stale: bool = False,
    status: int = 200,
) -> HttpResponse:
    """The page of one sender, with what was typed into it."""
    context = {"here": "sender", "sender": found, "may_change": runs_installation(request.user)}
    zone = _zone()
    with timezone.override(zone):
        if found is not None:
            context |= _context(request, found, zone, typed or {}, errors or {})
            context["is_stale"] = is_stale
        return render(request, "dashboard/sender.html", context, status=status)


def _context(
    request: HttpRequest, found: Sender, zone: ZoneInfo, typed: dict[str, str], errors: dict[str, str]
) -> dict[str, Any]:
    now = clock_now()
    kept = Account.objects.filter(sid=found.account).first()
    used = numbers.used_by()
    default = senders.known_sender()
    return (
        card(request, found)
        | _pulse(found, now)
        | {
            "limits": numbers.limits(found, typed, errors),
            "tiers": numbers.TIERS,
            "speeds": numbers.speeds(found),
            "seen": version(found),
            "typed_name": typed.get("name", found.name),
            "days": numbers.days(found, zone, now),
            "is_real": senders.is_real(found.account),
            "is_simulated": senders.is_simulated(found.account),
            "is_configured_account": found.account == senders.account(),
            "is_configured": senders.is_configured(found),
            "account": kept,
            "events": used.get(found.pk, 0) + (used.get(None, 0) if found == default else 0),
            "is_default": found == default,
            "wrong": len(errors),
            "is_one_of_many": Sender.objects.count() > 1,
            "zone": str(zone),
        }
    )


def _zone() -> ZoneInfo:
    """The clock of the newest event: a sender has no place of its own."""
    newest = Event.objects.order_by("-pk").first()
    return newest.zone if newest else ZoneInfo(settings.TIME_ZONE)


def _pulse(found: Sender, now: dt.datetime) -> dict[str, Any]:
    """What moves by itself."""
    lines, heard = numbers.health(found, now)
    return {
        "health": lines,
        "heard": heard,
        "is_worried": any(line.tone == "warn" for line in lines),
        "is_paused": found.state == SenderState.PAUSED,
        "has_credentials": senders.has_credentials(found),
    }


@never_cache
@require_GET
@login_required
def pulse(request: HttpRequest, pk: int) -> HttpResponse:
    """What moves by itself, for a page that stays open: health, and what is used of the limits."""
    found = numbers.find(request.user, pk)
    with timezone.override(_zone()):
        context = _pulse(found, clock_now()) | {
            "sender": found,
            "limits": numbers.limits(found, {}, {}),
            "may_change": runs_installation(request.user),
            "oob": True,
        }
        # a notice that stays is left alone: somebody may be about to press its button
        context["stopped_changed"] = context["is_paused"] != (request.GET.get("stopped") == "1")
        return render(request, "dashboard/_sender_pulse.html", context)


@never_cache
@require_http_methods(["GET", "POST"])
@event_page
def of_event(request: HttpRequest, event: Event) -> HttpResponse:
    """From which number an event's messages leave. Who runs the installation chooses."""
    may_choose = runs_installation(request.user)
    kept = EventSending.objects.filter(event=event).select_related("sender").first()
    current = kept.sender if kept else None
    listed = [choice for choice in numbers.choices(current) if may_choose or choice[0] == current]
    if request.method == "POST":
        if not may_choose:
            return refused_to_all(request)
        return _choose(request, event, {sender.pk: sender for sender, _words in listed})
    context = {
        "here": "more",
        "choices": listed,
        "current": current,
        "default": senders.known_sender(),
        "may_choose": may_choose,
        "going": event.campaigns.filter(finished_at=None).count(),
    }
    return render(request, "dashboard/event_sender.html", context)


@require_POST
def _choose(request: HttpRequest, event: Event, offered: dict[int, Sender]) -> HttpResponse:
    asked = request.POST.get("sender", "")
    chosen = offered.get(whole(asked) or 0)
    if asked and chosen is None:
        messages.warning(request, _("This sender isn’t there any more. Choose another one."))
        return redirect("event_sender", event.slug)
    EventSending.objects.update_or_create(event=event, defaults={"sender": chosen})
    if chosen is None:
        messages.success(request, _("This event uses the sender that all others use."))
    else:
        messages.success(request, _("From now on this event sends from %(sender)s.") % {"sender": chosen})
    return redirect("event_sender", event.slug)
