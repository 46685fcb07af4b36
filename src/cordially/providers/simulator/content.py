"""Templates: what Twilio lets in, how WhatsApp reviews them, and how they read when filled."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from .errors import ApiError
from .kinds import check_type
from .review import Approval, breach_of

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

_PLACEHOLDER: Final = re.compile(r"\{\{\s*([A-Za-z0-9_]+)\s*\}\}")
_KEY: Final = re.compile(r"[A-Za-z0-9_]{1,16}")
_REVIEW_NAME: Final = re.compile(r"[a-z0-9_]{1,512}")
# as WhatsApp writes them: pt_BR
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(_[A-Z]{2})?")
_CATEGORIES: Final = frozenset({"UTILITY", "MARKETING", "AUTHENTICATION"})
_MOST_VARIABLES: Final = 100
_LONGEST_VALUE: Final = 1600
_LONGEST_BODY: Final = 1024
# Twilio doesn't say what a send ends with then; these are the codes under which it reports the lapse itself.
# https://www.twilio.com/docs/api/errors/63041 (August 2026)
_LAPSED: Final = {"paused": 63041, "disabled": 63042}
_UNSENDABLE_VALUE: Final = re.compile(r"[\n\r\t]| {5}")


@dataclass(frozen=True, slots=True)
class Content:
    sid: str
    friendly_name: str | None
    language: str
    variables: dict[str, str]
    types: dict[str, Any]
    created_at: float
    approval: Approval | None = None
    #: whose it is
    account: str = ""

    @property
    def kind(self) -> str:
        """The type that goes out."""
        return next((name for name in _RICHEST_FIRST if name in self.types), next(iter(self.types)))

    @property
    def session_only(self) -> bool:
        return self.kind in _SESSION_ONLY

    def changed(self, given: Any) -> Content:
        """With what an update names in place of the old. Raises ApiError."""
        if self.approval is not None:
            raise ApiError(92009)
        if not isinstance(given, dict) or "types" not in given:
            raise ApiError(20001)
        old = {"friendly_name": self.friendly_name, "language": self.language, "variables": self.variables}
        return replace(read_content({**old, **given}, self.sid, self.created_at), account=self.account)

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
        check_type(name, shape)
    language = given.get("language")
    if not isinstance(language, str) or not language:
        raise ApiError(92003)
    if not _LANGUAGE.fullmatch(language):
        raise ApiError(92004)
    variables = given.get("variables") or {}
    if not _are_variables(variables) or not all(map(variables.get, _named_in(types))):
        raise ApiError(92002)
    name = given.get("friendly_name")
    return Content(sid, name if isinstance(name, str) else None, language, variables, types, now)


def _named_in(value: Any) -> set[str]:
    """All variables in the texts of a JSON value."""
    if isinstance(value, str):
        return set(_PLACEHOLDER.findall(value))
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return {name for each in inner for name in _named_in(each)}


def _are_variables(variables: Any) -> bool:
    if not isinstance(variables, dict) or len(variables) > _MOST_VARIABLES:
        return False
    return all(_KEY.fullmatch(key) and isinstance(value, str) for key, value in variables.items())


def read_approval(given: Any, content: Content, now: float) -> Approval:
    """A request for the review of that template. Raises ApiError."""
    if not isinstance(given, dict):
        raise ApiError(20001)
    name, category = given.get("name"), given.get("category")
    if not isinstance(name, str) or not _REVIEW_NAME.fullmatch(name):
        raise ApiError(20001)
    if not isinstance(category, str) or category not in _CATEGORIES:
        raise ApiError(20001)
    return Approval(name, category, now, breach_of(content.types[content.kind]))


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


def failure_of(content: Content, given: Mapping[str, str], body: str, review: str) -> int:
    """The code that a send of it fails with later; 0 when WhatsApp takes it. `review`: how that stands."""
    if review in _LAPSED:
        return _LAPSED[review]
    if review != "approved" or content.session_only:
        return 63016
    if any(_UNSENDABLE_VALUE.search(value) for value in given.values()):
        return 63013
    if len(body) > _LONGEST_BODY:
        return 63021
    return 0
