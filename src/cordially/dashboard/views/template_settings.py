"""What all texts of a template share: its title, its languages, who reads which."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _

from cordially.dashboard import words
from cordially.dashboard.editor import tidy
from cordially.dashboard.page import event_page, press
from cordially.events.models import Event
from cordially.guests.texts import clean
from cordially.invitations import library
from cordially.invitations.models import Campaign, CampaignState, MessageTemplate
from cordially.templating import languages, shipped

from .template_editor import show
from .templates import address, find, shipped_in, wrong_title

_UNDER_WAY = (CampaignState.SCHEDULED, CampaignState.RUNNING, CampaignState.PAUSED)


@press
@event_page
def change_settings(request: HttpRequest, event: Event, pk: int) -> HttpResponse:
    """Its title, and who reads what when there is no text in their language."""
    template = find(pk)
    title = clean(request.POST.get("title", ""), 500)
    fallback = request.POST.get("fallback", "")
    errors = wrong_title(title)
    if fallback and not template.texts.filter(language=fallback).exists():
        errors["fallback"] = _("There is no text in this language. Choose another.")
    if errors:
        given = {"title": title, "fallback": fallback, "errors": errors}
        return show(request, event, template, request.POST.get("language", ""), status=422, settings=given)
    template.title, template.fallback_language = title, fallback
    template.save(update_fields=["title", "fallback_language"])
    messages.success(request, _("Saved."))
    return redirect(address(event, template, request.POST.get("language", "")))


@press
@event_page
def language(request: HttpRequest, event: Event, pk: int) -> HttpResponse:
    """One more text, with the fallback's words to begin with; or one less."""
    template = find(pk)
    asked = tidy(request.POST.get("language", ""))
    if request.POST.get("do") == "remove":
        return _remove(request, event, template, asked)
    texts = {text.language: text for text in template.texts.order_by("pk")}
    if asked not in texts:
        if asked not in languages.LANGUAGES:
            wrong = _("WhatsApp takes no texts in it. Choose one from the list.")
            return show(request, event, template, "new", status=422, wrong_language=wrong)
        model = texts.get(template.fallback_language) or next(iter(texts.values()), None)
        words = model.components if model else shipped_in(asked)
        if template.name == shipped.NAME and asked in shipped.TEXTS:
            words = shipped.TEXTS[asked]
        library.save_text(template, asked, words)
    return redirect(address(event, template, asked))


def _remove(request: HttpRequest, event: Event, template: MessageTemplate, code: str) -> HttpResponse:
    name = words.language(code)
    text = get_object_or_404(template.texts, language=code)
    wrong = ""
    if template.texts.count() == 1:
        wrong = _("A template has one text at least. Put the template away instead.")
    elif template.fallback_language == code:
        wrong = _(
            "{name} is what others read when there is no text in their language. Choose another first."
        ).format(name=name)
    elif Campaign.objects.filter(
        template=template, state__in=_UNDER_WAY, texts__content_ref__in=text.versions.values("ref")
    ).exists():
        wrong = _(
            "A campaign that is on its way sends the {name} text. It can be removed when that is finished."
        ).format(name=name)
    if wrong:
        return show(request, event, template, code, status=422, wrong=wrong)
    text.delete()
    messages.success(request, _("The {name} text is gone.").format(name=name))
    return redirect(address(event, template))
