"""The number that messages leave from: how it is, and how fast and how much it may send."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from cordially.dashboard.asked import whole
from cordially.dashboard.page import refused_to_all
from cordially.delivery.wake import wake
from cordially.guests.texts import clean
from cordially.invitations import campaigns, forecast, senders
from cordially.invitations.hearing import Hearing, hearing
from cordially.invitations.models import Sender, SenderState
from cordially.lib.clock import now as clock_now
from cordially.team.rights import runs_installation

#: what WhatsApp allows the largest senders, messages a second
_FASTEST = 400
_MOST = 10_000_000


@dataclass(frozen=True)
class Limit:
    """One of the three limits, with what is used of it."""

    name: str
    title: str
    means: str
    unit: str
    #: as it stands in the field
    value: str
    most: int | None
    used: int | None
    error: str = ""


def _limits(sender: Sender, typed: dict[str, str], errors: dict[str, str]) -> list[Limit]:
    used = forecast.used(sender, clock_now())
    rows = [
        ("per_second", _("A second"),
         _("What WhatsApp takes from one number. More than 80 is refused unless yours was raised; refusals cost time."),
         _("a second"), None),
        ("per_hour", _("An hour"),
         _("A new number should start gently. After a week or so without complaints you can take this away."),
         _("an hour"), used.in_hour),
        ("per_day", _("Different people in 24 hours"),
         _("WhatsApp counts them over all your numbers. Good quality raises it: 250, 2,000, 10,000, 100,000, no limit."),
         _("people"), used.in_day),
    ]  # fmt: skip
    return [
        Limit(
            name, title, means, unit, typed.get(name, _written(getattr(sender, name))),
            getattr(sender, name), count if getattr(sender, name) else None, errors.get(name, ""),
        )
        for name, title, means, unit, count in rows
    ]  # fmt: skip


def _written(limit: int | None) -> str:
    return "" if limit is None else str(limit)


def _read(name: str, text: str) -> int | None:
    """Raises ValueError with a sentence."""
    plain = text.replace(",", "").replace(" ", "").strip()
    if not plain and name != "per_second":
        return None
    number, most = whole(plain), _FASTEST if name == "per_second" else _MOST
    if not number or number > most:
        raise ValueError(_("Write a number from 1 to %(most)s.") % {"most": f"{most:,}"})
    return number


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def sender(request: HttpRequest) -> HttpResponse:
    """Look (GET), then keep its name and limits, or let it go on (POST). What runs heeds them at once."""
    found = senders.known_sender()
    may_change = runs_installation(request.user)
    if request.method == "POST" and not may_change:
        return refused_to_all(request)
    typed: dict[str, str] = {}
    errors: dict[str, str] = {}
    if request.method == "POST" and found:
        if request.POST.get("do") == "resume":
            campaigns.resume_sender(found)
            wake()
            return redirect("sender")
        typed = {
            name: request.POST.get(name, "").strip()[:20] for name in ("per_second", "per_hour", "per_day")
        }
        errors = _keep(found, typed, clean(request.POST.get("name", ""), 80))
        if not errors:
            wake()
            messages.success(request, _("Saved. What is being sent heeds it from now on."))
            return redirect("sender")
    now = clock_now()
    heard: Hearing | None = hearing(found, now) if found else None
    context = {
        "here": "sender",
        "sender": found,
        "limits": _limits(found, typed, errors) if found else [],
        "heard": heard,
        "is_paused": bool(found and found.state == SenderState.PAUSED),
        "is_held": bool(found and found.held_until and found.held_until > now),
        "is_drained": bool(found and found.lease_until and found.lease_until > now),
        "is_real": senders.is_real(),
        "may_change": may_change,
        "wrong": len(errors),
    }
    return render(request, "dashboard/sender.html", context, status=422 if errors else 200)


def _keep(found: Sender, typed: dict[str, str], name: str) -> dict[str, str]:
    """What is wrong, by field; empty when all of it is kept."""
    errors: dict[str, str] = {}
    kept: dict[str, int | None] = {}
    for field, text in typed.items():
        try:
            kept[field] = _read(field, text)
        except ValueError as error:
            errors[field] = str(error)
    if not errors:
        Sender.objects.filter(pk=found.pk).update(name=name, **kept)
    return errors
