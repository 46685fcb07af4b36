"""WhatsApp's review of a template: what it takes exception to, how long it takes, what may follow."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

STATUSES: Final = frozenset({"received", "pending", "approved", "rejected", "paused", "disabled"})

_VARIABLE: Final = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
_MARKUP: Final = "*_~`"
_EMOJI: Final = re.compile(r"[\u2600-\u27bf\U0001f000-\U0001faff]")
# Scripts that put no space between words: each of their signs counts as a word here.
_NO_SPACES: Final = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff"
_WORD: Final = re.compile(rf"[{_NO_SPACES}]|[^\W_{_NO_SPACES}]+")
_LONGEST_BODY: Final = 1024


@dataclass(frozen=True, slots=True)
class Approval:
    """A request for review. What its name holds decides how it goes (see `status` and `counted_as`)."""

    name: str
    category: str
    submitted_at: float
    #: what the review will take exception to
    breach: str = ""
    #: a state that a test chose, and why
    chosen: str = ""
    reason: str = ""

    def status(self, now: float, approve_after: float, lapse_after: float) -> str:
        """One of STATUSES. `…_after` in seconds, the second from the approval."""
        if self.chosen:
            return self.chosen
        waited = now - self.submitted_at
        if waited < approve_after:
            return "received" if waited < approve_after / 4 else "pending"
        if "reject" in self.name or self.breach:
            return "rejected"
        if waited >= approve_after + lapse_after:
            if "disable" in self.name:
                return "disabled"
            if "pause" in self.name:
                return "paused"
        return "approved"

    def rejection_reason(self, status: str) -> str:
        if status != "rejected":
            return ""
        if self.chosen:
            return self.reason
        return self.breach or "The name asks for it."

    def counted_as(self, status: str) -> str:
        """The category that WhatsApp gave it, once it has looked at it."""
        looked_at = status not in ("received", "pending")
        return "MARKETING" if looked_at and "recategorise" in self.name else self.category


def breach_of(shape: Mapping[str, Any]) -> str:
    """What WhatsApp rejects this template for, the first of it; "" when there is nothing.

    https://developers.facebook.com/docs/whatsapp/message-templates/guidelines (August 2026)
    """
    return next((f"INVALID_FORMAT: {text}" for text in _breaches(shape)), "")


def _breaches(shape: Mapping[str, Any]) -> Iterator[str]:
    body = str(shape.get("body") or shape.get("title") or "")
    header, footer = str(shape.get("header_text") or ""), str(shape.get("footer") or "")
    actions = [each for each in shape.get("actions") or () if isinstance(each, dict)]
    urls = [str(each.get("url") or "") for each in actions]
    numbers = {name for text in (header, body, *urls) for name in _VARIABLE.findall(text)}
    if not all(name.isascii() and name.isdigit() for name in numbers):
        yield "Variable parameters must be whole numbers with two sets of curly brackets."
    elif {int(name) for name in numbers} != set(range(1, len(numbers) + 1)):
        yield "Variable parameters must be sequential, without a gap."
    yield from _breaches_of_body(body)
    if len(_VARIABLE.findall(header)) > 1:
        yield "The header can have one variable only."
    if set(header) & set(f"{_MARKUP}\n") or _EMOJI.search(header):
        yield "The header can't have new lines, emojis, asterisks or formatting characters."
    if _VARIABLE.search(footer) or "\n" in footer or _EMOJI.search(footer):
        yield "The footer can't have variables, new lines or emojis."
    replies = [each.get("type", "QUICK_REPLY") == "QUICK_REPLY" for each in actions]
    if sum(one != other for one, other in zip(replies, replies[1:], strict=False)) > 1:
        yield "Quick reply buttons must stand together."


def _breaches_of_body(body: str) -> Iterator[str]:
    if len(body) > _LONGEST_BODY:
        yield f"The body can't have more than {_LONGEST_BODY} characters."
    between = [text for place, text in enumerate(_VARIABLE.split(body)) if place % 2 == 0]
    if len(between) == 1:
        return
    if not (_says_something(between[0]) and _says_something(between[-1])):
        yield "Variables can't be at the start or end of the template."
    if not all(text.strip().strip(_MARKUP).strip() for text in between[1:-1]):
        yield "Variables can't stand next to each other."
    variables = set(_VARIABLE.findall(body))
    if len(_WORD.findall(" ".join(between))) < 2 * len(variables) + 1:
        yield "This template has too many variables for its length."


def _says_something(text: str) -> bool:
    """Punctuation and markup alone don't keep a variable from the edge."""
    return any(sign not in _MARKUP and unicodedata.category(sign)[0] not in "PZC" for sign in text)
