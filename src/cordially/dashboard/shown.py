"""Sentences that were made in English, in the language of who reads them.

What workers write into the ledger and what the parts without Django say is English (`cordially.lib.marking`). Here it
is looked up in the catalogue: whole, by the shape of it where figures and names were filled in, or sentence by
sentence where several stand in a row, like what happened and what to do about it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import NamedTuple

from babel.messages.mofile import read_mo
from django.conf import settings
from django.utils.translation import get_language, gettext, ngettext, to_locale

from cordially.templating import languages

_PLACE = re.compile(r"\{\{|\}\}|\{([^\W\d]\w*)\}")
#: a sentence with less than this beside its places could be taken for another one
_FEWEST_LETTERS = 8
#: longer texts than any of ours, and sentences within sentences within sentences, stay as they are
_LONGEST = 1000
_DEEPEST = 3
#: where one sentence may end and the next begin
_BETWEEN = re.compile(r"(?<=[.!?…”)])\s+")
#: Twilio's code after a sentence
_CODE = re.compile(r"\(\d+\)")
#: what was filled in and ends like this may be a sentence of ours itself; a name or a title is nobody's to translate
_ENDS = (".", "!", "?", ")", "”")


class _Shape(NamedTuple):
    """One sentence with places: `forms` is its msgid, or singular and plural."""

    pattern: re.Pattern[str]
    forms: tuple[str, ...]


def shown(stored: object) -> str:
    """The sentence in the language of the page; as it is, if nobody has translated it."""
    text = str(stored)
    language = get_language()
    if not text or len(text) > _LONGEST or language is None or language.partition("-")[0] == "en":
        return text
    return _shown(text, language, 0)


@lru_cache(maxsize=4096)
def _shown(text: str, language: str, depth: int) -> str:
    def exactly(text: str) -> str:
        translated = gettext(text)
        return translated if translated != text else ""

    def by_shape(text: str) -> str:
        return exactly(text) or _by_shape(text, language, depth)

    return exactly(text) or _in_a_row(text, exactly, {}) or _in_a_row(text, by_shape, {}) or text


def _in_a_row(text: str, one: Callable[[str], str], known: dict[str, str]) -> str:
    """All sentences of a text, each as long as can be; empty when one of them is not known.

    `known`: what the ends of this text say, so that each is looked at once.
    """
    if text not in known:
        known[text] = _sentences(text, one, known)
    return known[text]


def _sentences(text: str, one: Callable[[str], str], known: dict[str, str]) -> str:
    if _CODE.fullmatch(text):
        return text
    if whole := one(text):
        return whole
    for gap in reversed(list(_BETWEEN.finditer(text))):
        # the end first: it is looked at once, however often it is asked for
        if (rest := _in_a_row(text[gap.end() :], one, known)) and (first := one(text[: gap.start()])):
            return f"{first} {rest}"
    return ""


def _by_shape(text: str, language: str, depth: int) -> str:
    for pattern, forms in _shapes(language):
        if found := pattern.fullmatch(text):
            given = found.groupdict()
            parts = {name: _filled(name, value, language, depth) for name, value in given.items()}
            try:
                return _translated(forms, given.get("n", "1")).format(**parts)
            except (KeyError, IndexError, ValueError):  # a translation with a place that the sentence hasn't
                return ""
    return ""


def _translated(forms: tuple[str, ...], n: str) -> str:
    if len(forms) == 1:
        return gettext(forms[0])
    digits = n.replace(",", "")
    return ngettext(forms[0], forms[1], int(digits) if digits.isdecimal() else 2)


def _filled(name: str, value: str, language: str, depth: int) -> str:
    """What stands in a place, for the reader: a language by its name, a sentence translated, all else as it is."""
    if name == "language":
        return languages.named(value).name_in(language)
    may_be_ours = value.endswith(_ENDS) and " " in value and depth < _DEEPEST
    return _shown(value, language, depth + 1) if may_be_ours else value


@cache
def _shapes(language: str) -> list[_Shape]:
    """Every translated sentence with `{places}`; those that say most come first."""
    path = settings.LOCALE_PATHS[0] / to_locale(language) / "LC_MESSAGES" / "django.mo"
    if not path.exists():
        return []
    with path.open("rb") as file:
        catalog = read_mo(file)
    found: list[tuple[int, _Shape]] = []
    for message in catalog:
        forms = _forms(message.id)
        if not all(_forms(message.string)) or not message.string:
            continue
        for text in forms:
            letters = sum(sign.isalpha() for sign in _PLACE.sub("", text))
            if letters >= _FEWEST_LETTERS and any(place[1] for place in _PLACE.finditer(text)):
                found.append((letters, _Shape(_pattern(text), tuple(forms))))
    return [shape for _, shape in sorted(found, key=lambda one: -one[0])]


def _forms(text: str | Sequence[str] | None) -> Sequence[str]:
    """Alone, or singular and plural."""
    return (text,) if isinstance(text, str) else text or ()


def _pattern(text: str) -> re.Pattern[str]:
    """The place `{n}` takes a figure, all others anything."""
    made, end = "", 0
    seen: set[str] = set()
    for place in _PLACE.finditer(text):
        name = place[1]
        made += re.escape(text[end : place.start()])
        if name is None:
            made += re.escape(place[0][0])
        else:
            what = r"[\d.,]+" if name == "n" else ".*?"
            made += f"(?P={name})" if name in seen else f"(?P<{name}>{what})"
            seen.add(name)
        end = place.end()
    return re.compile(made + re.escape(text[end:]), re.DOTALL)
