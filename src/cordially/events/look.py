"""What an event's stationery looks like: the tint and pattern of the liner, and the monogram of the seal.

It follows from the name alone, so it needs no column and is the same on every page.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass

from cordially.events.models import Event

TINTS = ("mulberry", "fjord", "ochre", "moss", "rust", "ink")
LINERS = ("scallop", "lattice", "dots", "stripe", "gingham")

#: chosen so that the four events of the design look as they are drawn there
_SEED = b"1719875:"
_JOINER = "\u200d"
#: what belongs to the letter or picture before it: accents, vowel signs, variation selectors
_MARKS = {"Mn", "Mc", "Me"}


@dataclass(frozen=True, slots=True)
class Look:
    """Names of the style sheet: class `tint-…`, class `liner--…`, and the letters in the wax."""

    tint: str
    liner: str
    monogram: str


def look(event: Event) -> Look:
    digest = hashlib.sha256(_SEED + event.name.encode("utf-8", "replace")).digest()
    return Look(TINTS[digest[0] % len(TINTS)], LINERS[digest[1] % len(LINERS)], monogram(event.name))


def monogram(name: str) -> str:
    """“M&A” of “Maya & Arjun”, “KR” of “Kestrel Robotics”, one letter where the script has no initials."""
    sides = [initial for side in name.split("&") if (initial := _initial(side))]
    if len(sides) == 2 and name.count("&") == 1:
        return "&".join(sides)
    first = _initial(name)
    if not first:
        year = re.findall(r"\d", name)
        return "".join(year[-2:]) or _grapheme(name.strip()) or "C"
    if not _is_latin(first):
        return first
    capitals = [
        i for word in re.split(r"[\s\-–&,/]+", name) if (i := _initial(word, of_word=True)) and _is_latin(i)
    ]
    return "".join(capitals[:2]) or first


def _initial(text: str, of_word: bool = False) -> str:
    """The first letter, large. `of_word`: only when it is written large already (“the” gives none)."""
    for at, letter in enumerate(text):
        if letter.isalpha():
            return "" if of_word and letter.islower() else _grapheme(text[at:]).upper()
        if of_word and letter.isdigit():
            return ""
    return ""


def _is_latin(letter: str) -> bool:
    return unicodedata.name(letter[0], "").startswith("LATIN")


def _grapheme(text: str) -> str:
    """The first thing that a reader would call one character."""
    text = unicodedata.normalize("NFC", text)
    end = 1
    while end < len(text):
        if unicodedata.category(text[end]) in _MARKS or "\U0001f3fb" <= text[end] <= "\U0001f3ff":
            end += 1
        elif text[end] == _JOINER and end + 1 < len(text):
            end += 2
        else:
            break
    return text[:end]
