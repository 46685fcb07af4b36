"""Message templates: the list, a new one, and what is done to a template as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from cordially.dashboard import words
from cordially.dashboard.editor import KINDS, Pill, Tab
from cordially.dashboard.page import event_page
from cordially.events.models import Event
from cordially.guests.texts import clean
from cordially.invitations import library, senders
from cordially.invitations.models import Category, MessageTemplate
from cordially.templating import languages, shipped
from cordially.templating.components import Components

LONGEST_TITLE = 80


def language_choices(without: frozenset[str] = frozenset()) -> list[tuple[str, str]]:
    """Code and name of the languages that WhatsApp takes, by name: `French · Français`."""
    named = [
        (code, words.language(code), each.own_name)
        for code, each in languages.LANGUAGES.items()
        if code not in without
    ]
    return [
        (code, english if english == own else f"{english} · {own}")
        for code, english, own in sorted(named, key=lambda each: each[1])
    ]


def address(event: Event, template: MessageTemplate, language: str = "") -> str:
    """Where a template is edited."""
    path = reverse("template", args=[event.slug, template.pk])
    return f"{path}?lang={language}" if language else path


def find(pk: int) -> MessageTemplate:
    return get_object_or_404(MessageTemplate, pk=pk)


@dataclass(frozen=True)
class Entry:
    """A template as the list shows it."""

    template: MessageTemplate
    tabs: list[Tab]
    campaigns: int
    #: the first words of the text that is the fallback
    begins: str

    @property
    def groups(self) -> list[tuple[Pill, list[Tab]]]:
        """Its languages by how they stand, in the order of the first of each."""
        found: dict[Pill, list[Tab]] = {}
        for tab in self.tabs:
            found.setdefault(tab.pill, []).append(tab)
        return list(found.items())


@require_GET
@event_page
def templates(request: HttpRequest, event: Event) -> HttpResponse:
    library.default_template()
    listed = list(MessageTemplate.objects.annotate(used=Count("campaigns")).order_by("title", "id"))
    standings = library.all_standings(listed, senders.account_of(event))
    entries = []
    for template in listed:
        mine = standings.get(template.pk, [])
        for standing in mine:
            standing.text.template = template
        begins = " ".join(mine[0].text.body.split()) if mine else ""
        entries.append(Entry(template, [Tab(each, False) for each in mine], template.used, begins[:200]))
    context = {
        "here": "templates",
        "entries": [entry for entry in entries if entry.template.archived_at is None],
        "away": [entry for entry in entries if entry.template.archived_at],
    }
    return render(request, "dashboard/templates.html", context)


@require_http_methods(["GET", "POST"])
@event_page
def new(request: HttpRequest, event: Event) -> HttpResponse:
    """A title, a language, and words to begin with."""
    default = languages.normal(event.language) or shipped.FALLBACK
    given = {
        "title": clean(request.POST.get("title", ""), 500),
        "category": request.POST.get("category", Category.MARKETING),
        "language": request.POST.get("language", default),
        "start": request.POST.get("start", "shipped"),
    }
    errors: dict[str, str] = {}
    if request.method == "POST":
        errors = wrong_title(given["title"])
        if given["category"] not in Category.values:
            errors["category"] = _("Choose one of these.")
        if given["language"] not in languages.LANGUAGES:
            errors["language"] = _("WhatsApp takes no texts in it. Choose one from the list.")
        if not errors:
            language = given["language"]
            words = shipped_in(language) if given["start"] == "shipped" else Components("")
            template = library.create(given["title"], {language: words}, category=given["category"])
            return redirect(address(event, template, language))
    context = {
        "here": "templates",
        **given,
        "errors": errors,
        "kinds": KINDS,
        "languages": language_choices(),
    }
    return render(request, "dashboard/template_new.html", context, status=422 if errors else 200)


def shipped_in(language: str) -> Components:
    near = languages.best(language, shipped.TEXTS.keys(), shipped.FALLBACK)
    return shipped.TEXTS[near]


def wrong_title(title: str) -> dict[str, str]:
    if not title:
        return {"title": _("Give it a name, so that you find it again.")}
    if len(title) > LONGEST_TITLE:
        return {
            "title": _("Shorten it to {longest_title} characters: it has {n}.").format(
                longest_title=LONGEST_TITLE, n=len(title)
            )
        }
    return {}


def settings_context(template: MessageTemplate, **given: Any) -> dict[str, Any]:
    """The card with what all languages of a template share."""
    texts = [
        languages.named(code) for code in template.texts.order_by("pk").values_list("language", flat=True)
    ]
    return {
        "template": template,
        "settings": {"title": template.title, "fallback": template.fallback_language, "errors": {}} | given,
        "fallbacks": [(each.code, words.language(each.code)) for each in texts],
    }


@require_POST
@event_page
def duplicate(request: HttpRequest, event: Event, pk: int) -> HttpResponse:
    copy = library.duplicate(find(pk))
    messages.success(request, _("This is the copy. Nothing of it is approved yet."))
    return redirect(address(event, copy))


@require_POST
@event_page
def archive(request: HttpRequest, event: Event, pk: int) -> HttpResponse:
    template = find(pk)
    library.archive(template)
    messages.success(
        request, _("“{title}” was put away. Campaigns that have it go on.").format(title=template.title)
    )
    return redirect("templates", event.slug)


@require_POST
@event_page
def restore(request: HttpRequest, event: Event, pk: int) -> HttpResponse:
    template = find(pk)
    library.restore(template)
    messages.success(request, _("“{title}” can be chosen again.").format(title=template.title))
    return redirect("templates", event.slug)
