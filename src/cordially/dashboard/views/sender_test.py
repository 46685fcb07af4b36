"""A test message from one of the numbers to the host's own phone, and how far it is."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from cordially.accounts.models import Host
from cordially.dashboard.asked import whole
from cordially.dashboard.editor import tidy
from cordially.dashboard.numbers import find
from cordially.dashboard.page import of_installation, user_of
from cordially.dashboard.shown import shown
from cordially.delivery.wake import wake
from cordially.events.models import Event
from cordially.guests.phones import format_phone, read_phone
from cordially.invitations import library, senders, trials
from cordially.invitations.models import MessageTemplate, Sender, SenderState, TemplateVersion, TestMessage
from cordially.invitations.senders import NotReady
from cordially.lib.clock import now as clock_now
from cordially.team.rights import runs_installation, seen_by
from cordially.templating import variables

from .template_test import WRONG, followed

#: texts offered for a test
_OFFERED = 50
_LONGEST = 60
#: as long the page shows the last one
_SHOWN = dt.timedelta(minutes=10)


def offered(account: str) -> list[tuple[TemplateVersion, str]]:
    """What can be sent from this account, each with its words: title and language. Three queries."""
    templates = list(MessageTemplate.objects.filter(archived_at=None).order_by("-pk")[:_OFFERED])
    found = library.all_standings(templates, account)
    return [
        (standing.in_use, f"{template.title} · {standing.language.english_name}")
        for template in templates
        for standing in found.get(template.pk, [])
        if standing.in_use is not None
    ][:_OFFERED]


def card(request: HttpRequest, sender: Sender, **more: Any) -> dict[str, Any]:
    """What the card shows: the form, and under it the last test of this person."""
    user = user_of(request)
    host = Host.objects.filter(user=user).first() if user else None
    sent = (
        TestMessage.objects.filter(sender=sender, created_by=user, created_at__gt=clock_now() - _SHOWN)
        .select_related("template")
        .last()
    )
    context: dict[str, Any] = {
        "sender": sender,
        "texts": offered(sender.account),
        "number": format_phone(host.phone) if host else "",
        "may_change": runs_installation(request.user),
    }
    if sent is not None:
        context |= followed(sent.template, sent)
    return context | {"here": "sender"} | more


@never_cache
@require_POST
@of_installation
def send(request: HttpRequest, pk: int) -> HttpResponse:
    """Queue one; the page follows it."""
    sender = find(request.user, pk)
    error, why_not = _send(request, sender)
    if not request.htmx:  # type: ignore[attr-defined]
        if error or why_not:
            messages.warning(request, error or why_not)
        return redirect("sender_one", pk)
    if not error and not why_not:
        return render(request, "dashboard/_sender_test.html", card(request, sender))
    typed = {"number": request.POST.get("number", "")[:_LONGEST], "text": whole(request.POST.get("text"))}
    context = card(request, sender, test_error=error, test_cant=why_not, **typed)
    return render(request, "dashboard/_sender_test.html", context, status=422)


def _send(request: HttpRequest, sender: Sender) -> tuple[str, str]:
    """What is wrong with the number, and why nothing can leave otherwise; both empty when it is queued."""
    user = user_of(request)
    if user is None:
        raise Http404("Nobody to send it to")
    phone = read_phone(tidy(request.POST.get("number", ""))[:_LONGEST], "")
    if not phone.e164:
        return str(WRONG.get(phone.why, _("That is not a phone number."))), ""
    Host.objects.update_or_create(user=user, defaults={"phone": phone.e164})
    asked = whole(request.POST.get("text"))
    version = next((version for version, _words in offered(sender.account) if version.pk == asked), None)
    if version is None:
        return "", _("WhatsApp approves this text no more, or it was put away. Choose another one.")
    try:
        if not senders.has_credentials(sender):
            return "", _("It has no credentials. Enter them first.")
        senders.require_public_url(sender.account)
    except NotReady as error:
        return "", shown(error)
    if sender.state == SenderState.PAUSED:
        return "", _("It is stopped: %(why)s") % {"why": shown(sender.paused_reason)}
    trials.ask(sender, version.text.template, version, _values(request, version), phone.e164, user)
    wake()
    return "", ""


def _values(request: HttpRequest, version: TemplateVersion) -> list[str]:
    """What stands in the provider's numbers: the newest event's own values, and somebody invented."""
    event = seen_by(request.user, Event.objects.filter(archived_at=None)).order_by("-pk").first()
    values = variables.sample_values(event, version.text.language, [slot.name for slot in version.slots])
    return [slot.value(values) for slot in version.slots]


@never_cache
@require_GET
@of_installation
def state(request: HttpRequest, pk: int, key: int) -> HttpResponse:
    """How far a test message is."""
    message = TestMessage.objects.filter(pk=key, sender=pk, created_by=user_of(request)).first()
    if message is None:
        raise Http404("No such test message")
    context = followed(message.template, message) | {"sender": message.sender}
    return render(request, "dashboard/_sender_test_state.html", context)
