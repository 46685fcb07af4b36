"""Templates that are at Twilio already: what there is, and bringing one in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from cordially import approvals
from cordially.approvals import CantHandIn
from cordially.dashboard.editor import Pill, pill_of, tidy
from cordially.dashboard.page import event_page
from cordially.dashboard.shown import shown
from cordially.events.models import Event
from cordially.guests import fields as guest_fields
from cordially.invitations import senders
from cordially.providers.errors import Misconfigured
from cordially.providers.twilio.content import ContentError, ListedContent
from cordially.templating import languages, variables

from .templates import address

#: listed on one page
_SHOWN = 100
_KINDS = {
    "twilio/text": gettext_lazy("Text"),
    "twilio/media": gettext_lazy("Text with a picture"),
    "twilio/quick-reply": gettext_lazy("Text with answers"),
    "twilio/call-to-action": gettext_lazy("Text with a button"),
    "whatsapp/card": gettext_lazy("Card"),
    "twilio/card": gettext_lazy("Card"),
}


@dataclass(frozen=True)
class Place:
    """A number that needs one of our names."""

    number: str
    sample: str
    chosen: str

    @property
    def shown(self) -> str:
        """As it stands in the text."""
        return "{{" + self.number + "}}"

    @property
    def name(self) -> str:
        return f"n{self.number}"


@dataclass(frozen=True)
class Found:
    """A content of the account, and what was chosen for its numbers."""

    listed: ListedContent
    places: list[Place]
    #: why it can't be used here; empty when it can
    useless: str
    error: str = ""

    @property
    def kind(self) -> str:
        return str(_KINDS.get(self.listed.kind, self.listed.kind))

    @property
    def pill(self) -> Pill:
        return pill_of(self.listed.approval.status.value)

    @property
    def language(self) -> languages.Language:
        return languages.named(self.listed.language)

    @property
    def tag(self) -> str:
        """The language as browsers write it: `pt-BR`."""
        return self.language.code.replace("_", "-")


def _found(listed: ListedContent, names: Mapping[str, str], error: str = "") -> Found:
    # the number of the button is the personal page's, and nobody has to say so
    of_buttons = {button.url.rpartition("{{")[2].rstrip("} ") for button in listed.buttons if button.url}
    numbers = [number for number in listed.samples if number not in of_buttons]
    places = [Place(number, listed.samples[number], names.get(f"n{number}", "")) for number in numbers]
    useless = shown(listed.usable)
    if not useless:
        try:
            approvals.named(listed, dict.fromkeys(numbers, "guest_name"))
        except CantHandIn as wrong:
            useless = str(wrong)
    return Found(listed, places, useless, error)


@require_http_methods(["GET", "POST"])
@event_page
def bring_in(request: HttpRequest, event: Event) -> HttpResponse:
    """Look (GET), then say what each number stands for and bring one in (POST)."""
    problem, listed, account = "", [], senders.account_of(event)
    try:
        listed = approvals.importable(account)
    except (ContentError, Misconfigured) as error:
        problem = _("Twilio did not say what it has: {error}").format(error=shown(error))
    names = _names(event)
    chosen, wrong = "", ""
    if request.method == "POST" and not problem:
        chosen = tidy(request.POST.get("ref", ""))
        one = next((each for each in listed if each.ref == chosen), None)
        if one is None:
            problem = _("This one is not at Twilio any more, or somebody brought it in meanwhile.")
        else:
            try:
                text = approvals.bring_in(one, _given(request.POST, one, names), account)
            except CantHandIn as error:
                wrong = shown(error)
            else:
                messages.success(request, _("It is here now. Look at it as your guests would read it."))
                return redirect(address(event, text.template, text.language))
    given = {name: request.POST.get(name, "") for name in request.POST}
    found = [
        _found(each, given if each.ref == chosen else {}, wrong if each.ref == chosen else "")
        for each in listed
    ]
    usable = [each for each in found if not each.useless]
    context = {
        "here": "templates",
        "problem": problem,
        "usable": usable[:_SHOWN],
        "more": max(len(usable) - _SHOWN, 0),
        "unusable": [each for each in found if each.useless][:_SHOWN],
        "names": names,
    }
    status = 422 if wrong or (problem and request.method == "POST") else 200
    return render(request, "dashboard/template_import.html", context, status=status)


def _names(event: Event) -> Sequence[str]:
    """Our variables, in the order in which the editor offers them."""
    known = variables.known_names(event, guest_fields.columns(event))
    built_in = [each.name for each in variables.BUILT_IN]
    own = sorted(name for name in known - set(built_in) if variables.VARIABLE.fullmatch(f"{{{{{name}}}}}"))
    return [*built_in, *own]


def _given(chosen: Mapping[str, str], listed: ListedContent, names: Sequence[str]) -> dict[str, str]:
    wanted = {number: chosen.get(f"n{number}", "") for number in listed.samples}
    return {number: name for number, name in wanted.items() if name in names}
