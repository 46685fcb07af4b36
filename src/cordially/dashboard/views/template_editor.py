"""The editor of one text of a template: look at it, keep it, hand it in, follow what WhatsApp says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from cordially import approvals
from cordially.approvals import CantHandIn
from cordially.dashboard import editor
from cordially.dashboard.asked import whole
from cordially.dashboard.editor import Tab, Typed
from cordially.dashboard.page import event_page, press
from cordially.dashboard.shown import shown
from cordially.events.models import Event
from cordially.guests import fields as guest_fields
from cordially.invitations import library, senders
from cordially.invitations.models import MessageTemplate, TemplateText
from cordially.providers.errors import Misconfigured
from cordially.providers.twilio.content import ContentError

from .templates import address, find, language_choices, settings_context


class _Changed(Exception):
    """Somebody saved the text after it was opened; it holds what is there now."""

    def __init__(self, text: TemplateText) -> None:
        self.text = text


def show(
    request: HttpRequest,
    event: Event,
    template: MessageTemplate,
    language: str,
    *,
    typed: Typed | None = None,
    status: int = 200,
    settings: dict[str, Any] | None = None,
    **more: Any,
) -> HttpResponse:
    """The whole page, with what was typed or else what is kept."""
    tabs = editor.tabs_of(template, senders.account_of(event), language)
    if language == "new" or not tabs:
        context = {
            "here": "templates",
            "template": template,
            "tabs": editor.tabs_of(template, senders.account_of(event), "") if tabs else [],
            "is_new": True,
            "languages": language_choices(frozenset(tab.code for tab in tabs)),
            **more,
        }
        return render(request, "dashboard/template_language.html", context, status=status)
    at = whole(request.POST.get("at") or request.GET.get("at")) or 0
    context = {
        "here": "templates",
        **settings_context(template, **(settings or {})),
        **editor.page(event, template, tabs, typed, at),
        **more,
    }
    return render(request, "dashboard/template.html", context, status=status)


def _open(tabs: Sequence[Tab]) -> Tab:
    """The one that is looked at."""
    for tab in tabs:
        if tab.is_here:
            return tab
    raise Http404("This template has no text")


@require_GET
@event_page
def template(request: HttpRequest, event: Event, pk: int) -> HttpResponse:
    return show(request, event, find(pk), request.GET.get("lang", ""))


@require_POST
@event_page
def look(request: HttpRequest, event: Event, pk: int) -> HttpResponse:
    """What is to say about what is typed just now. Keeps nothing."""
    template = find(pk)
    tabs = editor.tabs_of(template, senders.account_of(event), request.POST.get("language", ""))
    here = _open(tabs)
    at = whole(request.POST.get("at")) or 0
    seen = editor.look(event, here.standing, [tab.standing for tab in tabs], Typed.read(request.POST), at)
    context = {"template": template, "tab": here, "look": seen, "oob": True}
    return render(request, "dashboard/_template_look.html", context)


@transaction.atomic
def _keep(template: MessageTemplate, language: str, typed: Typed) -> TemplateText:
    """Save what was typed, unless somebody saved the text meanwhile: raises _Changed."""
    text = TemplateText.objects.select_for_update().get(template=template, language=language)
    if text.saved_at.isoformat() != typed.seen and text.components != typed.components:
        raise _Changed(text)
    if typed.category != typed.was and typed.category != template.category:
        template.category = typed.category
        template.save(update_fields=["category"])
    if text.components == typed.components:
        return text
    return library.save_text(template, language, typed.components)


def _kept(request: HttpRequest, event: Event, template: MessageTemplate) -> TemplateText | HttpResponse:
    """The text as it is saved now, or the page that says why it is not."""
    language = request.POST.get("language", "")
    typed = Typed.read(request.POST)
    if not template.texts.filter(language=language).exists():
        return show(
            request, event, template, "new", status=409, wrong_language=_("This text was removed meanwhile.")
        )
    if typed.too_much:
        return show(request, event, template, language, typed=typed, status=422, wrong=typed.too_much)
    try:
        return _keep(template, language, typed)
    except _Changed as changed:
        typed.seen = changed.text.saved_at.isoformat()
        said = _(
            "Somebody saved this text at {saved}. What you typed is still here; look at both before you save."
        ).format(saved=editor.saved(changed.text))
        return show(
            request, event, template, language,
            typed=typed, status=409, conflict=said, theirs=changed.text.components,
        )  # fmt: skip


def _to(request: HttpRequest, event: Event, template: MessageTemplate) -> HttpResponse:
    at = whole(request.POST.get("at")) or 1
    step = f"&at={at}" if at > 1 else ""
    return redirect(f"{address(event, template, request.POST.get('language', ''))}{step}")


@press
@event_page
def save(request: HttpRequest, event: Event, pk: int) -> HttpResponse:
    template = find(pk)
    kept = _kept(request, event, template)
    if isinstance(kept, HttpResponse):
        return kept
    messages.success(request, _("The draft is saved."))
    return _to(request, event, template)


@press
@event_page
def submit(request: HttpRequest, event: Event, pk: int) -> HttpResponse:
    """Keep it, then ask WhatsApp to approve it."""
    template = find(pk)
    text = _kept(request, event, template)
    if isinstance(text, HttpResponse):
        return text
    # it is saved: what is typed next goes on from there
    typed = Typed.of(text)
    tabs = editor.tabs_of(text.template, senders.account_of(event), text.language)
    here = _open(tabs)
    cant = editor.why_not(here.standing, typed, 0)
    if not cant:
        known = [*guest_fields.columns(event), *event.fields]
        try:
            approvals.hand_in(text, known, senders.account_of(event))
        except (CantHandIn, ContentError, Misconfigured) as error:
            cant = shown(error)
    if cant:
        return show(request, event, text.template, text.language, typed=typed, status=422, cant=cant)
    messages.success(request, _("WhatsApp has been asked. It mostly answers within minutes."))
    return _to(request, event, template)


@press
@event_page
def ask(request: HttpRequest, event: Event, pk: int) -> HttpResponse:
    """Ask now how the review stands."""
    template = find(pk)
    language = request.POST.get("language", "")
    tabs = editor.tabs_of(template, senders.account_of(event), language)
    newest = next((tab.standing.newest for tab in tabs if tab.is_here), None)
    if newest is None:
        return redirect(address(event, template, language))
    try:
        changed = approvals.ask(newest)
    except (ContentError, Misconfigured) as error:
        return show(
            request,
            event,
            template,
            language,
            status=422,
            wrong=_("Twilio doesn’t say: {error}").format(error=shown(error)),
        )
    if not changed:
        messages.success(request, _("WhatsApp has not answered yet."))
    return redirect(address(event, template, language))


@require_GET
@event_page
def review(request: HttpRequest, event: Event, pk: int) -> HttpResponse:
    """How the texts stand at WhatsApp, for a page that waits for it."""
    template = find(pk)
    tabs = editor.tabs_of(template, senders.account_of(event), request.GET.get("lang", ""))
    here = _open(tabs)
    context = {
        "template": template,
        "tabs": tabs,
        "tab": here,
        "stands": editor.stands(here.standing),
        "follows": any(editor.follows(tab.standing) for tab in tabs),
        "here_follows": editor.follows(here.standing),
        "notices": editor.notices(tabs),
        "oob": True,
    }
    response = render(request, "dashboard/_template_review.html", context)
    if request.GET.get("was") != ",".join(tab.standing.state for tab in tabs):
        response["HX-Trigger"] = "decided"
    return response
