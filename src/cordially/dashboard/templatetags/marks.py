"""Icons, seals, bars: small pieces of markup that every page needs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import get_text_list
from django.utils.translation import gettext as _

from cordially.dashboard import words
from cordially.dashboard.shown import shown as translated
from cordially.events.look import Look, look
from cordially.events.models import Event
from cordially.guests.phones import format_phone
from cordially.invitations import prices
from cordially.invitations.lifecycle import State
from cordially.templating.languages import Language

register = template.Library()

#: a part this small is still to be seen, in per cent
_LEAST = 0.7


@register.simple_tag
def icon(name: str, extra: str = "") -> SafeString:
    """One icon of the sprite; `extra` holds the modifiers, as in `s flip`."""
    classes = "".join(f" icon--{word}" for word in extra.split())
    return format_html('<svg class="icon{}" aria-hidden="true"><use href="#i-{}"/></svg>', classes, name)


@register.simple_tag
def seal(monogram: str, classes: str = "") -> SafeString:
    """The wax seal with its letters."""
    return format_html(
        '<span class="seal {}" aria-hidden="true">'
        '<svg viewBox="0 0 64 64"><use href="#seal"/></svg><span>{}</span></span>',
        classes,
        monogram,
    )


@register.filter
def paper(event: Event) -> Look:
    """The stationery that belongs to an event."""
    return look(event)


@register.filter
def clock(at: dt.datetime | None) -> str:
    return words.clock(at)


@register.filter
def clock_seconds(at: dt.datetime | None) -> str:
    return words.clock(at, seconds=True)


@register.filter
def shown(stored: str) -> str:
    """A sentence that was made in English, in the language of the reader."""
    return translated(stored)


@register.filter
def named(language: Language) -> str:
    """`French`, in the language of the reader."""
    return words.language(language.code)


@register.filter
def tel(phone: str) -> str:
    """E.164 grouped as its country groups it."""
    return format_phone(phone)


@register.filter
def as_words(name: str) -> str:
    """`party_size` as a person writes it."""
    return name.replace("_", " ")


def segments(counts: Mapping[State, int]) -> list[tuple[State, float, float]]:
    """(state, start, width) in per cent, none narrower than can be seen, together exactly 100."""
    present = [(state, counts.get(state, 0)) for state in words.ORDER if counts.get(state, 0)]
    total = sum(count for _state, count in present)
    if not total:
        return []
    widths = [max(count / total * 100, _LEAST) for _state, count in present]
    spare = sum(widths) - 100
    room = sum(width - _LEAST for width in widths) or 1
    widths = [width - spare * (width - _LEAST) / room for width in widths]
    drawn, start = [], 0.0
    for (state, _count), width in zip(present, widths, strict=True):
        drawn.append((state, start, width))
        start += width
    return drawn


def in_words(counts: Mapping[State, int]) -> str:
    """`38 read, 118 delivered and 6 failed`: the sentence of a bar."""
    told = [f"{counts[state]:,} {words.lower(state)}" for state in words.ORDER if counts.get(state)]
    if len(told) < 2:
        return "".join(told) or _("nothing yet")
    return get_text_list(told, _("and")).replace(f", {_('and')}", f" {_('and')}")


@register.simple_tag
def statebar(counts: Mapping[State, int], size: str = "", label: str = "") -> SafeString:
    """What became of the messages, as one bar."""
    rects = format_html_join(
        "",
        '<rect {}="{}" x="{}%" width="{}%" height="100%"/>',
        (
            (
                "fill" if state is State.SKIPPED else "class",
                "url(#hatch)" if state is State.SKIPPED else f"tone-{state.value}",
                f"{start:.2f}",
                f"{width:.2f}",
            )
            for state, start, width in segments(counts)
        ),
    )
    return format_html(
        '<svg class="statebar{}" role="img" aria-label="{}">{}</svg>',
        f" statebar--{size}" if size else "",
        label or in_words(counts),
        rects,
    )


@register.simple_tag
def equation(counts: Mapping[State, int]) -> list[dict[str, Any]]:
    """The states that hold somebody, in their order: [{state, word, count}]."""
    return [
        {"state": state.value, "word": words.lower(state), "count": counts[state]}
        for state in words.ORDER
        if counts.get(state)
    ]


@register.simple_tag
def checkbar(ready: int, left_out: int) -> SafeString:
    """How many of those who were chosen will be sent a message."""
    counts = {State.DELIVERED: ready, State.SKIPPED: left_out}
    return statebar(
        counts,
        "l",
        _("{ready} will be sent, {left_out} are left out").format(
            ready=f"{ready:,}", left_out=f"{left_out:,}"
        ),
    )


@register.simple_tag
def price(amount: Decimal, currency: str) -> str:
    return prices.money(amount, currency)


@register.simple_tag
def price_each(amount: Decimal, currency: str) -> str:
    return prices.money_each(amount, currency)


@register.simple_tag
def language(code: str) -> str:
    """`French` for `fr`."""
    return words.language(code)
