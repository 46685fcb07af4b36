"""Message templates: write, copy, put away; and which of their versions may be sent.

A text is a draft until it is handed in; then it is a version, which never changes. A campaign takes the newest
version that WhatsApp approved, and keeps it whatever is written later.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Max, Q
from django.utils.translation import gettext

from cordially.lib.clock import now as clock_now
from cordially.templating import languages, shipped, variables
from cordially.templating.components import Components

from .models import Category, MessageTemplate, Review, TemplateText, TemplateVersion

_NOT_A_NAME = re.compile(r"[^a-z0-9]+")
_WAITING = (Review.RECEIVED, Review.PENDING)


def default_template() -> MessageTemplate:
    """The template that is there from the beginning, in every language that ships; made at first need."""
    template = MessageTemplate.objects.filter(name=shipped.NAME).first()
    return template or _make_default()


@transaction.atomic
def _make_default() -> MessageTemplate:
    template, _ = MessageTemplate.objects.get_or_create(
        name=shipped.NAME,
        defaults={
            "title": shipped.TITLE,
            "category": shipped.CATEGORY,
            "fallback_language": shipped.FALLBACK,
        },
    )
    for language, components in shipped.TEXTS.items():
        text = TemplateText(template=template, language=language, **TemplateText.columns(components))
        TemplateText.objects.bulk_create([text], ignore_conflicts=True)
    return template


@transaction.atomic
def create(
    title: str,
    texts: Mapping[str, Components],
    *,
    category: str = Category.MARKETING,
    name: str = "",
    fallback_language: str | None = None,
) -> MessageTemplate:
    """A new template; `texts` by language. The first language is the fallback unless another is named."""
    template = MessageTemplate.objects.create(
        name=_free_name(name, title),
        title=title,
        category=category,
        fallback_language=next(iter(texts), "") if fallback_language is None else fallback_language,
    )
    for language, components in texts.items():
        save_text(template, language, components)
    return template


def save_text(template: MessageTemplate, language: str, components: Components) -> TemplateText:
    """Keep what is written now. Versions that were handed in stay as they are."""
    text, _ = TemplateText.objects.update_or_create(
        template=template,
        language=language,
        defaults={**TemplateText.columns(components), "saved_at": clock_now()},
    )
    return text


def duplicate(template: MessageTemplate) -> MessageTemplate:
    """The same texts under a new name. Nothing of it is approved yet."""
    return create(
        gettext("{title} (copy)").format(title=template.title[:70]),
        {text.language: text.components for text in template.texts.all()},
        category=template.category,
        name=template.name,
        fallback_language=template.fallback_language,
    )


def archive(template: MessageTemplate) -> None:
    """Out of the way: it can't be chosen any more. Campaigns go on."""
    MessageTemplate.objects.filter(pk=template.pk, archived_at=None).update(archived_at=clock_now())


def restore(template: MessageTemplate) -> None:
    MessageTemplate.objects.filter(pk=template.pk).update(archived_at=None)


def _free_name(asked: str, title: str) -> str:
    if asked and not MessageTemplate.objects.filter(name=asked).exists():
        return asked
    base = _NOT_A_NAME.sub("_", (asked or title).lower()).strip("_")[:70] or "template"
    name, number = base, 1
    while MessageTemplate.objects.filter(name=name).exists():
        number += 1
        name = f"{base}_{number}"
    return name


#: a claim of a process that died in between is over by then
_CLAIMED = dt.timedelta(minutes=3)


def claim(text: TemplateText) -> bool:
    """Be the only one who hands it in, until `release`. False when somebody else does."""
    free = Q(claimed_at=None) | Q(claimed_at__lt=clock_now() - _CLAIMED)
    return bool(TemplateText.objects.filter(free, pk=text.pk).update(claimed_at=clock_now()))


def release(text: TemplateText) -> None:
    TemplateText.objects.filter(pk=text.pk).update(claimed_at=None)


def hand_in(
    text: TemplateText,
    account: str,
    ref: str,
    *,
    state: str = Review.RECEIVED,
    reason: str = "",
    components: Components | None = None,
    slots: Iterable[variables.Slot] | None = None,
    category: str = "",
) -> TemplateVersion:
    """Remember that this account calls the text, as it is now, `ref`.

    Raises IntegrityError where `ref` stands for a version already.
    """
    components = components or text.components
    now = clock_now()
    with transaction.atomic():
        TemplateText.objects.select_for_update().get(pk=text.pk)
        newest = text.versions.filter(account=account).aggregate(newest=Max("number"))["newest"]
        return TemplateVersion.objects.create(
            text=text,
            number=(newest or 0) + 1,
            account=account,
            ref=ref,
            **TemplateVersion.columns(components),
            category=category or text.template.category,
            asked_category=text.template.category,
            variables=[slot.key for slot in (components.slots if slots is None else slots)],
            link_base=variables.link_base() if components.has_link_button else "",
            state=state,
            reason=reason[:500],
            created_at=now,
            changed_at=now,
            checked_at=now,
        )


def usable(version: TemplateVersion) -> bool:
    """Whether it can be sent now."""
    return version.state == Review.APPROVED and version.link_base in ("", variables.link_base())


def sendable(template: MessageTemplate, account: str) -> dict[str, TemplateVersion]:
    """Language -> the newest version that can be sent, for the languages that have one."""
    versions = TemplateVersion.objects.filter(
        text__template=template, account=account, state=Review.APPROVED
    ).select_related("text")
    found: dict[str, TemplateVersion] = {}
    for version in versions.order_by("text", "number"):
        if usable(version):
            found[version.text.language] = version
    return found


@dataclass(frozen=True, slots=True)
class Standing:
    """How one text stands at an account."""

    text: TemplateText
    newest: TemplateVersion | None
    in_use: TemplateVersion | None

    @property
    def is_draft(self) -> bool:
        """Whether what is written, or what kind of message it is, was not handed in yet."""
        newest = self.newest
        if newest is None or newest.components != self.text.components:
            return True
        # WhatsApp may count it as something else than was asked for: neither is news
        told = (newest.asked_category, newest.category)
        return bool(newest.asked_category) and self.text.template.category not in told

    @property
    def is_waiting(self) -> bool:
        return not self.is_draft and self.newest is not None and self.newest.state in _WAITING

    @property
    def is_stale(self) -> bool:
        """Whether its button leads to an address that is not ours any more."""
        return self.newest is not None and self.newest.link_base not in ("", variables.link_base())

    @property
    def state(self) -> str:
        """`draft`, or WhatsApp's word for the newest version."""
        return "draft" if self.is_draft or self.newest is None else self.newest.state

    @property
    def language(self) -> languages.Language:
        return languages.named(self.text.language)


def standings(template: MessageTemplate, account: str) -> list[Standing]:
    """All its texts: the fallback first, then in the order in which they were written."""
    return _standings([template], account).get(template.pk, [])


def all_standings(templates: Iterable[MessageTemplate], account: str) -> dict[int, list[Standing]]:
    """Template id -> its texts: two queries for all of them."""
    return _standings(list(templates), account)


def _standings(templates: list[MessageTemplate], account: str) -> dict[int, list[Standing]]:
    versions: dict[int, list[TemplateVersion]] = {}
    handed_in = TemplateVersion.objects.filter(text__template__in=templates, account=account)
    for version in handed_in.order_by("number"):
        versions.setdefault(version.text_id, []).append(version)
    of = {template.pk: template for template in templates}
    found: dict[int, list[Standing]] = {}
    texts = TemplateText.objects.filter(template__in=templates).order_by("pk")
    for text in sorted(texts, key=lambda text: text.language != of[text.template_id].fallback_language):
        text.template = of[text.template_id]
        mine = versions.get(text.pk, [])
        in_use = next((version for version in reversed(mine) if usable(version)), None)
        found.setdefault(text.template_id, []).append(Standing(text, mine[-1] if mine else None, in_use))
    return found
