"""WhatsApp's marks in a filled text: *bold*, _italic_, ~strike~, ```mono```, and links.

Whatever stands in a text stays text: a piece is words and how they look, never anything to be rendered as it is.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final, NamedTuple
from urllib.parse import urlsplit

_BOLD, _ITALIC, _STRIKE, _MONO = 1, 2, 4, 8
_STYLES: Final = {"*": _BOLD, "_": _ITALIC, "~": _STRIKE}
_FENCE: Final = "```"
_LINK = re.compile(r"(?<![a-z0-9])(?:https?://|www\.)[^\s<>\"`\x00-\x20\x7f]+", re.I)
_NO_END: Final = ".,;:!?*~'’”»…"
_BRACKETS: Final = {")": "(", "]": "[", "}": "{"}


class Piece(NamedTuple):
    """A run of text that looks the same throughout."""

    text: str
    is_variable: bool = False
    bold: bool = False
    italic: bool = False
    strike: bool = False
    mono: bool = False
    #: where it leads, only ever http or https; "" for what is no link
    href: str = ""


class _Span(NamedTuple):
    start: int
    end: int


def pieces(filled: str | Iterable[tuple[str, bool]]) -> list[Piece]:
    """How WhatsApp shows a filled text, given whole or as `variables.parts` gives it.

    Marks count wherever they come from: to WhatsApp a value is text like any other.
    """
    parts = [(filled, False)] if isinstance(filled, str) else list(filled)
    text = "".join(part for part, _ in parts)
    from_variable = [is_variable for part, is_variable in parts for _ in part]
    styles, hidden, hrefs = _read(text)
    looks = list(zip(from_variable, styles, hrefs, strict=True))
    shown = [place for place in range(len(text)) if not hidden[place]]
    return [
        Piece(
            "".join(text[place] for place in places),
            is_variable,
            bool(style & _BOLD),
            bool(style & _ITALIC),
            bool(style & _STRIKE),
            bool(style & _MONO),
            href,
        )
        for (is_variable, style, href), places in groupby(shown, looks.__getitem__)
    ]


def plain(shown: Iterable[Piece]) -> str:
    """The words alone."""
    return "".join(piece.text for piece in shown)


def marks(text: str) -> list[tuple[int, int]]:
    """Where marks stand that WhatsApp takes for such: (start, end) of each run."""
    _, hidden, _ = _read(text)
    runs = groupby(range(len(text)), hidden.__getitem__)
    spans = [list(places) for is_hidden, places in runs if is_hidden]
    return [(places[0], places[-1] + 1) for places in spans]


def _read(text: str) -> tuple[list[int], list[bool], list[str]]:
    """Of each character: its styles, whether it is a mark and so not shown, where it leads."""
    styles, hidden, hrefs = [0] * len(text), [False] * len(text), [""] * len(text)
    solid = [False] * len(text)  # where no mark counts
    for start, end in _monos(text):
        inner = slice(start + len(_FENCE), end - len(_FENCE))
        for place in range(start, end):
            solid[place] = True
            styles[place] |= _MONO
            hidden[place] = not inner.start <= place < inner.stop
    for start, end in _links(text):
        if any(solid[start:end]):
            continue
        hrefs[start:end] = [_href(text[start:end])] * (end - start)
        solid[start:end] = [True] * (end - start)
    line = 0
    for row in text.split("\n"):
        _style(text, _Span(line, line + len(row)), solid, styles, hidden)
        line += len(row) + 1
    return styles, hidden, hrefs


def _monos(text: str) -> Iterator[_Span]:
    start = text.find(_FENCE)
    while start >= 0:
        end = text.find(_FENCE, start + len(_FENCE) + 1)
        if end < 0:
            return
        if text[start + len(_FENCE) : end].strip():
            yield _Span(start, end + len(_FENCE))
            start = text.find(_FENCE, end + len(_FENCE))
        else:
            start = text.find(_FENCE, start + 1)


def _links(text: str) -> Iterator[_Span]:
    for match in _LINK.finditer(text):
        start, end = match.span()
        # an address may well end with `_`, unless that ends the italics which began before it
        no_end = _NO_END + "_" if text[start - 1 : start] == "_" else _NO_END
        while end > start:
            last = text[end - 1]
            opening = _BRACKETS.get(last)
            if last not in no_end and not (opening and opening not in text[start:end]):
                break
            end -= 1
        if _has_host(_href(text[start:end])):
            yield _Span(start, end)


def _href(link: str) -> str:
    return f"https://{link}" if link[:4].lower() == "www." else link


def _has_host(address: str) -> bool:
    try:
        host = urlsplit(address).hostname or ""
    except ValueError:
        return False
    return _is_word(host[:1])


def _style(text: str, row: _Span, solid: Sequence[bool], styles: list[int], hidden: list[bool]) -> None:
    """Marks of one line. Inside a pair the other marks count as well, so pairs may be nested but not crossed."""
    ends: dict[str, list[int]] = {mark: [] for mark in _STYLES}
    for place in range(row.start + 1, row.end):
        if text[place] in ends and not solid[place] and _may_end(text, place, row.end):
            ends[text[place]].append(place)
    open_until = [row.end]  # the innermost pair last
    place = row.start
    while place < row.end:
        while len(open_until) > 1 and place >= open_until[-1]:
            open_until.pop()
        mark = text[place]
        if mark in ends and not (solid[place] or hidden[place]) and _may_begin(text, place, row):
            places = ends[mark]
            found = bisect_right(places, place)
            if found < len(places) and places[found] < open_until[-1]:
                end = places[found]
                hidden[place] = hidden[end] = True
                for inside in range(place, end + 1):
                    styles[inside] |= _STYLES[mark]
                open_until.append(end)
        place += 1


def _may_begin(text: str, place: int, row: _Span) -> bool:
    before = text[place - 1] if place > row.start else " "
    after = text[place + 1] if place + 1 < row.end else " "
    return not (_is_word(before) or after.isspace() or after == text[place])


def _may_end(text: str, place: int, end: int) -> bool:
    after = text[place + 1] if place + 1 < end else " "
    return not (text[place - 1].isspace() or _is_word(after))


def _is_word(char: str) -> bool:
    """Letters, digits, and what stands on letters in Hindi, Hebrew or Arabic."""
    return bool(char) and unicodedata.category(char)[0] in "LMN"
