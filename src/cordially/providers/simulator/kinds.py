"""The types of a template, each checked as Twilio checks it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from .errors import ApiError

# characters, at most. https://www.twilio.com/docs/content/twilio-quick-reply (August 2026)
_LONGEST: Final = {"header_text": 60, "footer": 60, "subtitle": 60, "title": 1024}
_LONGEST_TITLE: Final = 20
_LONGEST_URL: Final = 2000
_MOST_BUTTONS: Final = 10
_MOST_URLS: Final = 2
_URL: Final = re.compile(r"https?://[^\s{}]+(\{\{\s*\w+\s*\}\})?")
_CALL_TO_ACTION: Final = frozenset({"URL", "PHONE_NUMBER", "COPY_CODE", "VOICE_CALL", "VOICE_CALL_REQUEST"})
_CARD: Final = frozenset({"URL", "PHONE_NUMBER", "QUICK_REPLY", "COPY_CODE", "VOICE_CALL"})
_ACTION_FIELDS: Final = frozenset({"type", "title", "url", "phone", "code", "id", "webview_size"})
_NEEDED_FOR: Final = {"URL": "url", "PHONE_NUMBER": "phone", "COPY_CODE": "code"}


@dataclass(frozen=True, slots=True)
class _Kind:
    """Which fields it needs and may have besides, how long its body may be, what its buttons may do."""

    needs: Sequence[str]
    takes: Sequence[str] = ()
    longest_body: int = 1024
    buttons: frozenset[str] = frozenset()


_KINDS: Final = {
    "twilio/text": _Kind(["body"], longest_body=1600),
    "twilio/media": _Kind(["media"], ["body"], longest_body=1600),
    "twilio/quick-reply": _Kind(["body", "actions"], buttons=frozenset({"QUICK_REPLY"})),
    "twilio/call-to-action": _Kind(["body", "actions"], buttons=_CALL_TO_ACTION),
    "twilio/card": _Kind(["title"], ["subtitle", "media", "actions"], buttons=_CARD),
    "whatsapp/card": _Kind(["body"], ["header_text", "footer", "media", "actions"], buttons=_CARD),
}
_NEEDS_MORE: Final = frozenset({"twilio/card", "whatsapp/card"})
# known, and not looked into
_OTHERS: Final = {
    "whatsapp/authentication": ["actions"],
    "whatsapp/flows": ["body"],
    "twilio/carousel": ["body", "cards"],
    "twilio/catalog": ["body"],
    "twilio/flows": ["body"],
    "twilio/list-picker": ["body", "button", "items"],
    "twilio/location": ["latitude", "longitude"],
    "twilio/schedule": ["id", "title", "timeSlots"],
}


def check_type(name: str, shape: Any) -> None:
    """Raises ApiError."""
    if not isinstance(shape, dict) or name not in _KINDS.keys() | _OTHERS.keys():
        raise ApiError(92008, name)
    if name in _OTHERS:
        if not all(shape.get(field) not in (None, "", []) for field in _OTHERS[name]):
            raise ApiError(92001)
        return
    kind = _KINDS[name]
    if not shape.keys() <= {*kind.needs, *kind.takes}:
        raise ApiError(20001)
    if not all(shape.get(field) for field in kind.needs):
        raise ApiError(92001)
    if name in _NEEDS_MORE and not any(shape.get(field) for field in kind.takes):
        raise ApiError(92001)
    for field, value in shape.items():
        _check_field(kind, field, value)
    if shape.get("header_text") and shape.get("media"):
        raise ApiError(92001)  # one header, and a picture is one


def _check_field(kind: _Kind, field: str, value: Any) -> None:
    if value is None:
        return
    if field == "media":
        if not isinstance(value, list) or not all(map(_is_url, value)):
            raise ApiError(92001)
    elif field == "actions":
        _check_buttons(kind, value)
    elif not isinstance(value, str):
        raise ApiError(20001)
    elif len(value) > _LONGEST.get(field, kind.longest_body):
        raise ApiError(21658, field)


def _check_buttons(kind: _Kind, actions: Any) -> None:
    if not isinstance(actions, list) or not all(isinstance(action, dict) for action in actions):
        raise ApiError(20001)
    for action in actions:
        _check_button(kind, action)
    urls = sum(action.get("type") == "URL" for action in actions)
    if len(actions) > _MOST_BUTTONS or urls > _MOST_URLS:
        raise ApiError(92001)


def _check_button(kind: _Kind, action: Mapping[str, Any]) -> None:
    if not action.keys() <= _ACTION_FIELDS:
        raise ApiError(20001)
    does, title = action.get("type"), action.get("title")
    if does is None and kind.buttons == {"QUICK_REPLY"}:
        does = "QUICK_REPLY"
    if not isinstance(does, str) or does not in kind.buttons or not isinstance(title, str) or not title:
        raise ApiError(92001)
    if len(title) > _LONGEST_TITLE:
        raise ApiError(21658, "title")
    needed = _NEEDED_FOR.get(does, "title")
    if not isinstance(action.get(needed), str) or not action[needed]:
        raise ApiError(92001)
    if does == "URL" and len(action["url"]) > _LONGEST_URL:
        raise ApiError(21658, "url")
    if does == "URL" and not _is_url(action["url"]):
        raise ApiError(92002)


def _is_url(text: Any) -> bool:
    """Whole, and with a variable only at its end."""
    return isinstance(text, str) and _URL.fullmatch(text) is not None
