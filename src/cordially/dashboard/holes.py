"""Ids of the feed that were left out, and may still be committed.

PostgreSQL gives ids away before they are committed, and never gives one twice: a writer that is slow, or that
failed, leaves a hole, of one id or of many thousands. They are kept as spans, so a large one costs as little
as a small one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Q

#: spans of one query; nearer ones are joined when there are more
MOST = 100


@dataclass(frozen=True, slots=True)
class Span:
    """`first` to `last`, both left out, until that moment of time.monotonic."""

    first: int
    last: int
    until: float


class Holes:
    def __init__(self) -> None:
        self.spans: list[Span] = []

    def __bool__(self) -> bool:
        return bool(self.spans)

    def __contains__(self, pk: int) -> bool:
        return any(span.first <= pk <= span.last for span in self.spans)

    @property
    def query(self) -> Q:
        """What would fill them."""
        found = Q(pk__in=[])
        for span in self.spans:
            found |= Q(pk__range=(span.first, span.last))
        return found

    def fill(self, pks: Iterable[int], now: float) -> None:
        """These have come; what is too old to come any more is forgotten."""
        came = sorted(pks)
        kept: list[Span] = []
        for span in self.spans:
            if span.until > now:
                inside = [pk for pk in came if span.first <= pk <= span.last]
                kept += _between(span.first - 1, inside, span.last + 1, span.until)
        self.spans = _joined(kept)

    def note(self, after: int, pks: Iterable[int], until: float) -> None:
        """Of all ids above `after`, only these have come so far."""
        came = sorted(pks)
        if came:
            self.spans = _joined(self.spans + _between(after, came[:-1], came[-1], until))


def _between(low: int, pks: list[int], high: int, until: float) -> list[Span]:
    """What is missing between `low` and `high`."""
    edges = [low, *pks, high]
    return [
        Span(before + 1, after - 1, until)
        for before, after in zip(edges, edges[1:], strict=False)
        if after - before > 1
    ]


def _joined(spans: list[Span]) -> list[Span]:
    """At most MOST of them, the nearest made one: what lies between is told twice, and nothing is lost."""
    spans = sorted(spans, key=lambda span: span.first)
    if len(spans) <= MOST:
        return spans
    gaps = sorted(range(1, len(spans)), key=lambda at: spans[at].first - spans[at - 1].last, reverse=True)
    starts = [0, *sorted(gaps[: MOST - 1])]
    groups = [spans[start:end] for start, end in zip(starts, [*starts[1:], len(spans)], strict=True)]
    return [
        Span(group[0].first, max(span.last for span in group), max(span.until for span in group))
        for group in groups
    ]
