"""Numbers that an address or a form names. What is no number is nothing, never an error."""

from __future__ import annotations

from collections.abc import Iterable


def whole(text: str | None) -> int | None:
    """The number that an address or a form names, if it is one that a database can hold."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 18 else None


def wholes(texts: Iterable[str]) -> list[int]:
    """Those that are numbers."""
    return [number for text in texts if (number := whole(text)) is not None]
