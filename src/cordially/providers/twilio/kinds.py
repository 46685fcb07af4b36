"""The types in which Twilio keeps a template: which one we choose, and what we make of those of others."""

from __future__ import annotations

import enum
import mimetypes
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, NamedTuple

from cordially.lib.marking import noop


class ApprovalStatus(enum.StrEnum):
    """Where WhatsApp's review of a template stands."""

    UNSUBMITTED = "unsubmitted"  # never sent for review
    RECEIVED = "received"  # Twilio has it, WhatsApp not yet
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    PAUSED = "paused"  # after complaints; WhatsApp releases it by itself
    DISABLED = "disabled"
    UNKNOWN = "unknown"  # a word that is new to us

    @classmethod
    def _missing_(cls, value: object) -> ApprovalStatus:
        return cls.UNKNOWN


class Approval(NamedTuple):
    status: ApprovalStatus
    #: why it was rejected, in WhatsApp's words
    reason: str
    #: what WhatsApp counts it as by now, which may differ from what was asked; "" when Twilio doesn't say
    category: str = ""

    @classmethod
    def read(cls, review: Any) -> Approval:
        """From Twilio's answer. A list may say nothing of what was never handed in."""
        told = _mapping(review)
        status = _text(told.get("status")) or ApprovalStatus.UNSUBMITTED.value
        reason, category = _text(told.get("rejection_reason")), _text(told.get("category"))
        return cls(ApprovalStatus(status.lower()), reason, category.upper())


@dataclass(frozen=True, slots=True)
class ContentButton:
    """A reply, or a link: then `url` ends with the number of its variable, as in `https://x.example/r/{{3}}`."""

    kind: Literal["reply", "link"]
    title: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class WholeContent:
    """One text of a template with Twilio's numbers in place of names: `{{1}}`, `{{2}}`, … without a gap.

    `samples`: a text for each number, in their order. `language`: as WhatsApp has it (`pt_BR`).
    """

    name: str
    language: str
    body: str
    header: str = ""
    #: public address of a picture; excludes a header
    image: str = ""
    footer: str = ""
    buttons: tuple[ContentButton, ...] = ()
    samples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ListedContent:
    """A content as the account has it. What its kind has no place for is empty."""

    ref: str
    name: str
    language: str
    #: Twilio's type that goes out; "" when it has none
    kind: str
    body: str
    header: str
    image: str
    footer: str
    buttons: tuple[ContentButton, ...]
    #: number of each variable ("1", "2", …) -> its sample, "" where Twilio has none
    samples: dict[str, str]
    approval: Approval
    #: "" or the sentence why Cordially can't send it
    usable: str


def typed(content: WholeContent) -> tuple[str, dict[str, Any]]:
    """The plainest of Twilio's types that takes all of it, and its fields."""
    shape: dict[str, Any] = {"body": content.body}
    if content.header:
        shape["header_text"] = content.header
    if content.image:
        shape["media"] = [content.image]
    if content.footer:
        shape["footer"] = content.footer
    if content.buttons:
        shape["actions"] = [_action(button) for button in content.buttons]
    match sorted(shape), sorted({button.kind for button in content.buttons}), len(content.buttons):
        case ["body"], [], 0:
            return "twilio/text", shape
        case ["body", "media"], [], 0:
            return "twilio/media", shape
        case ["actions", "body"], ["reply"], _:
            return "twilio/quick-reply", shape
        case ["actions", "body"], ["link"], 1:
            return "twilio/call-to-action", shape
    return "whatsapp/card", shape


def _action(button: ContentButton) -> dict[str, str]:
    if button.kind == "link":
        return {"type": "URL", "title": button.title, "url": button.url}
    return {"type": "QUICK_REPLY", "title": button.title}


# Twilio sends the richest type that the channel takes: richest first. (August 2026)
# https://www.twilio.com/docs/content/content-types-overview
_RICHEST_FIRST: Final = (
    "whatsapp/card",
    "whatsapp/authentication",
    "whatsapp/flows",
    "twilio/carousel",
    "twilio/catalog",
    "twilio/flows",
    "twilio/schedule",
    "twilio/pay",
    "twilio/card",
    "twilio/list-picker",
    "twilio/location",
    "twilio/call-to-action",
    "twilio/quick-reply",
    "twilio/media",
    "twilio/text",
)
_ONLY_IN_REPLY: Final = noop("WhatsApp takes this kind only as an answer to a guest, never as an invitation.")
_FORM: Final = noop("It opens a form inside WhatsApp, and Cordially can’t read the answers.")
_UNFILLABLE: Final = {
    "whatsapp/authentication": noop("It is for one-time codes."),
    "twilio/carousel": noop("It shows several cards in a row, and Cordially can’t fill those."),
    "twilio/catalog": noop("It shows a catalogue, and Cordially can’t fill one."),
    "whatsapp/flows": _FORM,
    "twilio/flows": _FORM,
    "twilio/schedule": noop("It offers times to choose from, and Cordially can’t read the answers."),
    "twilio/pay": noop("It asks for a payment."),
    "twilio/list-picker": _ONLY_IN_REPLY,
    "twilio/location": _ONLY_IN_REPLY,
}
_UNKNOWN_KIND: Final = noop("Cordially doesn’t know this kind of template.")

_REPLY_TYPES: Final = ("QUICK_REPLY", None)
_ANY_VARIABLE: Final = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
_PERSONAL_URL: Final = re.compile(r"https?://[^{}\s]+\{\{\s*\d+\s*\}\}")


def listed(row: Any, approval: Approval) -> ListedContent:
    """`row`: the SDK's. Nothing in it is relied on, since other programs made it."""
    types = _mapping(row.types)
    kind = next((name for name in (*_RICHEST_FIRST, *types) if types.get(name)), "")
    shape = _mapping(types.get(kind))
    actions = [each for each in _items(shape.get("actions")) if isinstance(each, Mapping)]
    media = [each for each in _items(shape.get("media")) if isinstance(each, str)]
    # twilio/card calls its body a title and its footer a subtitle
    body, title = _words(shape.get("body")), _words(shape.get("title"))
    content = ListedContent(
        ref=_text(row.sid),
        name=_text(row.friendly_name),
        language=_text(row.language),
        kind=kind,
        body=body or title,
        header=_words(shape.get("header_text")) or (title if body else ""),
        image=media[0] if media else "",
        footer=_words(shape.get("footer")) or _words(shape.get("subtitle")),
        buttons=tuple(_button(action) for action in actions),
        samples={},
        approval=approval,
        usable="",
    )
    given = _mapping(row.variables)
    samples = {name: _text(given.get(name)) for name in sorted(_named_in(content), key=_by_number)}
    content = replace(content, samples=samples)
    return replace(content, usable=_hindrance(content, actions, media))


def _button(action: Mapping[str, Any]) -> ContentButton:
    if action.get("type") in _REPLY_TYPES:
        return ContentButton("reply", _words(action.get("title")))
    return ContentButton("link", _words(action.get("title")), _words(action.get("url")))


def _hindrance(content: ListedContent, actions: Sequence[Mapping[str, Any]], media: Sequence[str]) -> str:
    """The first reason why Cordially can't send it; "" when it can."""
    if content.kind not in _RICHEST_FIRST:
        return _UNKNOWN_KIND
    if content.kind in _UNFILLABLE:
        return _UNFILLABLE[content.kind]
    if not content.body:
        return noop("It has no text.")
    if any(action.get("type") not in (*_REPLY_TYPES, "URL") for action in actions):
        return noop("It has a button that neither replies nor opens a page.")
    links = [button.url for button in content.buttons if button.kind == "link"]
    if len(links) > 1:
        return noop("It has more than one button that opens a page.")
    if not all(_PERSONAL_URL.fullmatch(url) for url in links):
        return noop("Its button can’t open a guest’s own page: the address doesn’t end with a variable.")
    return _hindrance_of_media(media) or _hindrance_of_variables(content)


def _hindrance_of_media(media: Sequence[str]) -> str:
    if len(media) > 1:
        return noop("It has more than one picture or file.")
    for url in media:
        guessed, _ = mimetypes.guess_type(url.partition("?")[0])
        if guessed and not guessed.startswith("image/"):
            return noop("It carries a file that is no picture.")
    return ""


def _hindrance_of_variables(content: ListedContent) -> str:
    fixed = (content.footer, content.image, *(button.title for button in content.buttons))
    if any(_ANY_VARIABLE.search(text) for text in fixed):
        return noop("It has a variable in its footer, in its picture’s address or in a button’s title.")
    names = content.samples.keys()
    if not all(name.isascii() and name.isdigit() for name in names):
        return noop("Its variables have names, and Cordially fills in numbered ones.")
    if list(names) != [str(number) for number in range(1, len(names) + 1)]:
        return noop("A number is missing among its variables.")
    return ""


def _named_in(content: ListedContent) -> set[str]:
    """The variables that are to be filled in."""
    texts = (content.header, content.body, *(button.url for button in content.buttons))
    return {name for text in texts for name in _ANY_VARIABLE.findall(text)}


def _by_number(name: str) -> tuple[int, str]:
    return len(name), name


def _words(value: Any) -> str:
    """A text, its variables written as we write them."""
    return _ANY_VARIABLE.sub(r"{{\1}}", _text(value))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _items(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
