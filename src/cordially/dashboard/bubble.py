"""A message as WhatsApp draws it, for the pages that show one."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from cordially.events.models import Event
from cordially.lib.clock import now as clock_now
from cordially.templating import variables
from cordially.templating.components import ButtonKind, Components
from cordially.templating.markup import Piece, pieces
from cordially.templating.rules import MOST_IN_BUTTON, Finding, Level

#: of more buttons than these WhatsApp draws one less, and a list
_MOST_DRAWN = 3


@dataclass(frozen=True, slots=True)
class Shown:
    """A run of the text, and whether what stands there is a fault."""

    piece: Piece
    is_bad: bool = False


@dataclass(frozen=True, slots=True)
class Bubble:
    """Everything that the fragment `_bubble.html` draws."""

    header: list[Shown]
    #: the address of a picture: named, because the page loads nothing from other hosts
    image: str
    body: list[Shown]
    footer: str
    replies: list[str]
    link: str
    #: `HH:MM` on the clock of the event
    time: str

    @property
    def buttons(self) -> list[tuple[str, bool]]:
        """(title, whether it is a link) of those that are drawn; of many, WhatsApp draws two and a list."""
        every = [(title, False) for title in self.replies] + ([(self.link, True)] if self.link else [])
        return every if len(every) <= _MOST_DRAWN else every[: _MOST_DRAWN - 1]

    @property
    def listed(self) -> list[str]:
        """The titles behind “See all options”; empty where all are drawn."""
        every = [*self.replies, *([self.link] if self.link else [])]
        return every[_MOST_DRAWN - 1 :] if len(every) > _MOST_DRAWN else []


def bubble(
    components: Components, values: Mapping[str, str], event: Event, findings: Sequence[Finding] = ()
) -> Bubble:
    """The message with these values. What an error of `findings` is about is marked, and what stays empty."""
    titles = {
        kind: [_as_drawn(each.title) for each in components.buttons if each.kind is kind]
        for kind in ButtonKind
    }
    link = next(iter(titles[ButtonKind.LINK]), "")
    return Bubble(
        header=_shown(components.header, values, _places("header", findings)),
        image=components.image,
        body=_shown(components.body, values, _places("body", findings)),
        footer=components.footer,
        replies=[title for title in titles[ButtonKind.REPLY] if title],
        link=link,
        time=f"{clock_now().astimezone(event.zone):%H:%M}",
    )


def _as_drawn(title: str) -> str:
    return title if len(title) <= MOST_IN_BUTTON else f"{title[: MOST_IN_BUTTON - 1]}…"


def _places(field: str, findings: Sequence[Finding]) -> set[int]:
    return {
        place
        for finding in findings
        if finding.field == field and finding.level is Level.ERROR
        for place in range(finding.start, finding.end)
    }


def _shown(text: str, values: Mapping[str, str], bad: Collection[int]) -> list[Shown]:
    """`bad`: places of the text as it is written."""
    runs = list(_runs(text, values, bad))
    drawn = pieces([(part, is_variable) for part, is_variable, _ in runs])
    # the same pieces, told apart by what is at fault: both lists hold the same characters
    faults = [
        piece.is_variable
        for piece in pieces([(part, is_bad) for part, _, is_bad in runs])
        for _ in piece.text
    ]
    shown: list[Shown] = []
    place = 0
    for piece in drawn:
        marked = zip(piece.text, faults[place : place + len(piece.text)], strict=True)
        for is_bad, letters in groupby(marked, lambda each: each[1]):
            shown.append(Shown(piece._replace(text="".join(letter for letter, _ in letters)), is_bad))
        place += len(piece.text)
    return shown


def _runs(text: str, values: Mapping[str, str], bad: Collection[int]) -> Iterator[tuple[str, bool, bool]]:
    """The filled text in pieces: (text, from a variable, at fault)."""
    end = 0
    for match in variables.VARIABLE.finditer(text):
        yield from _literal(text, end, match.start(), bad)
        value = variables.slot_of(match).value(values)
        yield value or match[0], True, not value or match.start() in bad
        end = match.end()
    yield from _literal(text, end, len(text), bad)


def _literal(text: str, start: int, end: int, bad: Collection[int]) -> Iterator[tuple[str, bool, bool]]:
    for is_bad, places in groupby(range(start, end), lambda place: place in bad):
        yield "".join(text[place] for place in places), False, is_bad
