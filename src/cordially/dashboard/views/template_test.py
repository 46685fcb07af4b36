"""A test message to the host's own number, and how far it is."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from cordially.accounts.models import Host
from cordially.dashboard import editor, words
from cordially.dashboard.asked import whole
from cordially.dashboard.editor import Tab, tidy
from cordially.dashboard.page import event_page, user_of
from cordially.dashboard.shown import shown
from cordially.delivery.wake import wake
from cordially.events.models import Event
from cordially.guests import phones
from cordially.guests.models import Guest
from cordially.guests.phones import format_phone, read_phone
from cordially.invitations import senders, trials
from cordially.invitations.lifecycle import State
from cordially.invitations.models import MessageTemplate, Review, SenderState, TemplateVersion, TestMessage
from cordially.invitations.senders import NotReady
from cordially.lib.clock import now as clock_now
from cordially.team.rights import Right
from cordially.templating import variables

from .templates import find

#: as long a page asks how far it is
_FOLLOWED = dt.timedelta(minutes=2)
_LONGEST_NUMBER = 60
#: what is wrong with one's own number: nobody else has to be asked for it
WRONG = {
    "": gettext_lazy("Write the number of your own phone."),
    phones.TOO_SHORT: gettext_lazy("A digit or more is missing."),
    phones.TOO_LONG: gettext_lazy("There are too many digits."),
    phones.NO_SUCH_NUMBER: gettext_lazy("No phone can have this number. Check its digits."),
    phones.TWO_NUMBERS: gettext_lazy("Write one number only."),
    phones.TWO_READINGS: gettext_lazy(
        "This can be read in more than one way. Write it with + and the country code."
    ),
    phones.NO_COUNTRY: gettext_lazy("Write it with + and the country code."),
}


def _tab(event: Event, template: MessageTemplate, language: str) -> Tab:
    for tab in editor.tabs_of(template, senders.account_of(event), language):
        if tab.is_here:
            return tab
    raise Http404("This template has no text")


def _why_not(tab: Tab) -> str:
    """Why no version of this text can be sent; empty when one can."""
    standing = tab.standing
    if standing.in_use is not None:
        return ""
    name, newest = words.language(tab.language.code), standing.newest
    if newest is None:
        return _(
            "WhatsApp has not approved the {name} text, and sends nothing else. Ask for its approval first."
        ).format(name=name)
    if newest.state == Review.APPROVED:
        return _(
            "Its button leads to an address that is not this server’s any more. Ask for its approval again."
        )
    if editor.follows(standing):
        return _(
            "WhatsApp has not approved the {name} text yet. A test can be sent as soon as it has."
        ).format(name=name)
    told = {
        Review.PAUSED: _("WhatsApp paused the {name} text. Mend it and ask again."),
        Review.DISABLED: _("WhatsApp disabled the {name} text. Mend it and ask again."),
    }
    return told.get(
        Review(newest.state), _("WhatsApp rejected the {name} text. Mend it and ask again.")
    ).format(name=name)


def _guest(event: Event, at: int) -> Guest | None:
    """The one whom the preview shows."""
    guests = event.guests.order_by("pk")
    return guests[at - 1 : at].first() or guests.first()


def _dialog(
    request: HttpRequest, event: Event, tab: Tab, *, number: str, error: str = "", cant: str = ""
) -> HttpResponse:
    at = whole(request.POST.get("at") or request.GET.get("at")) or 1
    standing = tab.standing
    context: dict[str, Any] = {
        "here": "templates",
        "template": standing.text.template,
        "tab": tab,
        "at": str(at),
        "guest": _guest(event, at),
        "number": number,
        "error": error,
        "cant": cant or _why_not(tab),
        "version": standing.in_use,
        "is_older": standing.in_use is not None and standing.in_use.components != standing.text.components,
    }
    return _render(request, context, 422 if error or (cant and request.method == "POST") else 200)


def _render(request: HttpRequest, context: dict[str, Any], status: int = 200) -> HttpResponse:
    name = "_template_test.html" if request.htmx else "template_test.html"  # type: ignore[attr-defined]
    return render(request, f"dashboard/{name}", context, status=status)


@require_http_methods(["GET", "POST"])
@event_page(acts=Right.SEND)
def test(request: HttpRequest, event: Event, pk: int) -> HttpResponse:
    """Ask for the number (GET), then send (POST)."""
    user = user_of(request)
    if user is None:
        raise Http404("Nobody to send it to")
    template = find(pk)
    if request.method == "GET":
        host = Host.objects.filter(user=user).first()
        tab = _tab(event, template, request.GET.get("lang", ""))
        return _dialog(request, event, tab, number=format_phone(host.phone) if host else "")
    tab = _tab(event, template, request.POST.get("language", ""))
    number = tidy(request.POST.get("number", ""))[:_LONGEST_NUMBER]
    phone = read_phone(number, event.country)
    if not phone.e164:
        return _dialog(
            request,
            event,
            tab,
            number=number,
            error=str(WRONG.get(phone.why, _("That is not a phone number."))),
        )
    Host.objects.update_or_create(user=user, defaults={"phone": phone.e164})
    version = tab.standing.in_use
    if version is None:
        return _dialog(request, event, tab, number=number)
    try:
        sender = senders.sender_for(event)
        senders.require_public_url(sender.account)
    except NotReady as error:
        return _dialog(request, event, tab, number=number, cant=shown(error))
    if sender.state == SenderState.PAUSED:
        return _dialog(
            request,
            event,
            tab,
            number=number,
            cant=_("The sender is paused: {paused_reason}").format(paused_reason=shown(sender.paused_reason)),
        )
    guest = _guest(event, whole(request.POST.get("at")) or 1)
    sent = trials.ask(sender, template, version, _values(event, tab, version, guest), phone.e164, user)
    wake()
    if request.htmx:  # type: ignore[attr-defined]
        return _render(request, followed(template, sent))
    return redirect("template_test_state", event.slug, pk, sent.pk)


def _values(event: Event, tab: Tab, version: TemplateVersion, guest: Guest | None) -> list[str]:
    """What stands in the provider's numbers: the guest's values, and samples where there are none."""
    names = [slot.name for slot in version.slots]
    values = variables.sample_values(event, tab.code, names)
    if guest is not None:
        own = variables.values_for(event, guest, tab.code)
        values = {**values, **{name: value for name, value in own.items() if value}}
        # a fallback is to be seen as the guest sees it
        values |= {
            slot.name: slot.fallback for slot in version.slots if slot.fallback and not own.get(slot.name)
        }
    return [slot.value(values) for slot in version.slots]


@dataclass(frozen=True)
class Step:
    """A stretch of the way."""

    label: str
    said: str
    tone: str
    icon: str


_WAY = (State.QUEUED, State.SENT, State.DELIVERED)
_REACHED = {
    State.QUEUED: 0, State.SENDING: 0, State.UNSURE: 0, State.ACCEPTED: 0,
    State.SENT: 1, State.DELIVERED: 2, State.READ: 2,
}  # fmt: skip
_SAID = {
    State.QUEUED: gettext_lazy("Waits its turn."),
    State.SENDING: gettext_lazy("Leaves now."),
    State.ACCEPTED: gettext_lazy("Twilio has it."),
    State.SENT: gettext_lazy("WhatsApp has it; it is not on the phone yet."),
    State.DELIVERED: gettext_lazy("On the phone."),
    State.READ: gettext_lazy("Read."),
}


def _steps(message: TestMessage) -> list[Step]:
    """How far it came; what is still to come is pale."""
    state = State(message.state)
    if state in (State.FAILED, State.UNSURE):
        said = words.with_code(message.reason, message.code)
        failed = state is State.FAILED
        return [Step(_("Not sent") if failed else _("Not sure"), said, state.value, f"s-{state.value}")]
    reached = _REACHED[state]
    steps = []
    for place, each in enumerate(_WAY):
        now = place == reached
        shown = state if now else each
        tone = shown.value if place <= reached else "plain"
        steps.append(Step(str(shown.label), str(_SAID[state]) if now else "", tone, f"s-{shown.value}"))
    return steps


def followed(template: MessageTemplate, message: TestMessage) -> dict[str, Any]:
    ended = message.state in (State.READ, State.FAILED, State.UNSURE)
    late = message.created_at < clock_now() - _FOLLOWED
    return {
        "here": "templates",
        "template": template,
        "sent": message,
        "key": str(message.pk),
        "steps": _steps(message),
        "follows": not ended and not late,
        "late": late and not ended,
        "phone": message.phone,
    }


@require_GET
@event_page
def state(request: HttpRequest, event: Event, pk: int, key: int) -> HttpResponse:
    """How far a test message is."""
    message = TestMessage.objects.filter(pk=key, template=pk, created_by=user_of(request)).first()
    if message is None:
        raise Http404("No such test message")
    context = followed(find(pk), message)
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "dashboard/_template_test_state.html", context)
    return _render(request, context)
