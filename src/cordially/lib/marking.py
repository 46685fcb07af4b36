"""Marks a sentence for translation where it is made, though nobody knows yet who will read it.

What workers write into the ledger, and what the parts without Django say, stays English; a page translates it when
it shows it (`cordially.dashboard.shown`).
"""

from __future__ import annotations


def noop(text: str) -> str:
    """The same text. It may hold `{named}` places, which are filled after this."""
    return text


def plural(one: str, many: str, n: int) -> str:
    """The one of both that goes with `n`, in English; the place of the number is called `{n}`."""
    return one if n == 1 else many
