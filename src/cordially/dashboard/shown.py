"""Sentences that were made in English, in the language of who reads them.

What workers write into the ledger and what the parts without Django say is English (`cordially.lib.marking`). Here it
is looked up in the catalogue: whole, or by the shape of it where figures and names were filled in.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, lru_cache

from babel.messages.mofile import read_mo
from django.conf import settings
from django.utils.translation import get_language, gettext, to_locale

_PLACE = re.compile(r"\{\{|\}\}|\{(\w+)\}")
#: a sentence with less than this beside its places could be taken for another one
_FEWEST_LETTERS = 8


def shown(stored: object) -> str:
    """The sentence in the language of the page; as it is, if nobody has translated it."""
    text = str(stored)
    language = get_language()
    if not text or language is None or language.partition("-")[0] == "en":
        return text
    whole = gettext(text)
    return whole if whole != text else _by_shape(text, language)


@lru_cache(maxsize=4096)
def _by_shape(text: str, language: str) -> str:
    for shape, translated in _shapes(language):
        if found := shape.fullmatch(text):
            # what was filled in may be such a sentence itself: a reason, a state
            parts = {name[1:]: shown(value) for name, value in found.groupdict().items()}
            listed = [parts[name] for name in sorted(filter(str.isdigit, parts), key=int)]
            return translated.format(*listed, **parts)
    return text


@cache
def _shapes(language: str) -> list[tuple[re.Pattern[str], str]]:
    """Every sentence with `{places}`, as a pattern and its translation; those that say most come first."""
    path = settings.LOCALE_PATHS[0] / to_locale(language) / "LC_MESSAGES" / "django.mo"
    if not path.exists():
        return []
    with path.open("rb") as file:
        catalog = read_mo(file)
    found: list[tuple[int, re.Pattern[str], str]] = []
    for message in catalog:
        for text, translated in zip(_forms(message.id), _forms(message.string), strict=False):
            letters = sum(sign.isalpha() for sign in _PLACE.sub("", text))
            if translated and letters >= _FEWEST_LETTERS and any(place[1] for place in _PLACE.finditer(text)):
                found.append((letters, _pattern(text), translated))
    return [(shape, translated) for _, shape, translated in sorted(found, key=lambda one: -one[0])]


def _forms(text: str | Sequence[str] | None) -> Sequence[str]:
    """Alone, or singular and plural."""
    return (text,) if isinstance(text, str) else text or ()


def _pattern(text: str) -> re.Pattern[str]:
    made, end = "", 0
    seen: set[str] = set()
    for place in _PLACE.finditer(text):
        name = place[1]
        made += re.escape(text[end : place.start()])
        if name is None:
            made += re.escape(place[0][0])
        else:
            # a group can't be called `0`, a place can
            made += f"(?P=p{name})" if name in seen else f"(?P<p{name}>.*?)"
            seen.add(name)
        end = place.end()
    return re.compile(made + re.escape(text[end:]), re.DOTALL)
