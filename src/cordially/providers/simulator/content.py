"""Templates: what Twilio lets in, how WhatsApp reviews them, and how they read when filled."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from .errors import ApiError

# Twilio sends the richest type that the channel takes: richest first. (August 2026)
# https://www.twilio.com/docs/content/content-types-overview
_RICHEST_FIRST: Final = (
    "whatsapp/card",
    "whatsapp/authentication",
    "twilio/card",
    "twilio/carousel",
    "twilio/call-to-action",
    "twilio/quick-reply",
    "twilio/media",
    "twilio/text",
)
_SESSION_ONLY: Final = ("twilio/list-picker", "twilio/location")
_OTHER: Final = ("twilio/catalog", "twilio/flows", "twilio/schedule", "whatsapp/flows")
_KNOWN: Final = (*_RICHEST_FIRST, *_SESSION_ONLY, *_OTHER)

_NEED_BODY: Final = frozenset(
    {"twilio/text", "twilio/quick-reply", "twilio/call-to-action", "whatsapp/card", "twilio/list-picker"}
)
_PLACEHOLDER: Final = re.compile(r"\{\{\s*([A-Za-z0-9_]+)\s*\}\}")
_KEY: Final = re.compile(r"[A-Za-z0-9_]{1,16}")
_REVIEW_NAME: Final = re.compile(r"[a-z0-9_]{1,512}")
_CATEGORIES: Final = frozenset({"UTILITY", "MARKETING", "AUTHENTICATION"})
_MOST_VARIABLES: Final = 100
_LONGEST_VALUE: Final = 1600
_LONGEST_BODY: Final = 1024
_UNSENDABLE_VALUE: Final = re.compile(r"[\n\r\t]| {5}")


@dataclass(frozen=True, slots=True)
class Approval:
    """A request for WhatsApp's review."""

    name: str
    category: str
    submitted_at: float

    def status(self, now: float, approve_after: float) -> str:
        waited = now - self.submitted_at
        if waited < approve_after:
            return "received" if waited < approve_after / 4 else "pending"
        return "rejected" if "reject" in self.name else "approved"


@dataclass(frozen=True, slots=True)
class Content:
    sid: str
    friendly_name: str | None
    language: str
    variables: dict[str, str]
    types: dict[str, Any]
    created_at: float
    approval: Approval | None = None

    @property
    def kind(self) -> str:
        """The type that goes out."""
        return next((name for name in _RICHEST_FIRST if name in self.types), next(iter(self.types)))

    @property
    def session_only(self) -> bool:
        return self.kind in _SESSION_ONLY

    def values(self, given: Mapping[str, str]) -> dict[str, str]:
        """The given values over the samples: Twilio really sends a sample where a value is missing."""
        return {**self.variables, **given}

    def body(self, given: Mapping[str, str]) -> str:
        shape = self.types[self.kind]
        return fill(str(shape.get("body") or shape.get("title") or ""), self.values(given))

    def filled(self, given: Mapping[str, str]) -> dict[str, Any]:
        """The whole of the type that goes out, with its buttons and pictures."""
        shape = _filled(self.types[self.kind], self.values(given))
        return shape if isinstance(shape, dict) else {}

    def num_media(self) -> int:
        return 1 if self.types[self.kind].get("media") else 0


def fill(text: str, values: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), text)


def _filled(value: Any, values: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return fill(value, values)
    if isinstance(value, list):
        return [_filled(each, values) for each in value]
    if isinstance(value, dict):
        return {key: _filled(each, values) for key, each in value.items()}
    return value


def read_content(given: Any, sid: str, now: float) -> Content:
    """A template from the body of a create request. Raises ApiError."""
    if not isinstance(given, dict):
        raise ApiError(20001)
    types = given.get("types")
    if not isinstance(types, dict) or not types:
        raise ApiError(92001)
    for name, shape in types.items():
        _check_type(name, shape)
    language = given.get("language")
    if not isinstance(language, str) or not language:
        raise ApiError(92003)
    variables = given.get("variables") or {}
    if not _are_variables(variables):
        raise ApiError(92002)
    name = given.get("friendly_name")
    return Content(sid, name if isinstance(name, str) else None, language, variables, types, now)


def _check_type(name: str, shape: Any) -> None:
    if name not in _KNOWN or not isinstance(shape, dict):
        raise ApiError(92008, name)
    body = shape.get("body")
    if (name in _NEED_BODY or body is not None) and (not isinstance(body, str) or not body):
        raise ApiError(92001)
    if isinstance(body, str) and len(body) > _LONGEST_VALUE:
        raise ApiError(21658, "body")


def _are_variables(variables: Any) -> bool:
    if not isinstance(variables, dict) or len(variables) > _MOST_VARIABLES:
        return False
    return all(_KEY.fullmatch(key) and isinstance(value, str) for key, value in variables.items())


def read_approval(given: Any, now: float) -> Approval:
    """A request for review. Raises ApiError."""
    if not isinstance(given, dict):
        raise ApiError(20001)
    name, category = given.get("name"), given.get("category")
    if not isinstance(name, str) or not _REVIEW_NAME.fullmatch(name) or category not in _CATEGORIES:
        raise ApiError(20001)
    return Approval(name, str(category), now)


def read_variables(text: str | None) -> dict[str, str]:
    """ContentVariables: one flat JSON object of strings, none of them empty. Raises ApiError."""
    if not text:
        return {}
    try:
        variables = json.loads(text)
    except ValueError:
        raise ApiError(21656) from None
    if not _are_variables(variables) or not all(variables.values()):
        raise ApiError(21656)
    if any(len(value) > _LONGEST_VALUE for value in variables.values()):
        raise ApiError(21656)
    return dict(variables)


def failure_of(content: Content, given: Mapping[str, str], body: str, approved: bool) -> int:
    """The code that a send of it fails with later; 0 when WhatsApp takes it."""
    if not approved or content.session_only:
        return 63016
    if any(_UNSENDABLE_VALUE.search(value) for value in given.values()):
        return 63013
    if len(body) > _LONGEST_BODY:
        return 63021
    return 0
