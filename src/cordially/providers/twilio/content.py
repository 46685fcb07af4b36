"""Templates at Twilio: put one up, ask for its approval, ask how that stands.

Synchronous, because the SDK's async client sends forms where the Content API wants JSON
(https://github.com/twilio/twilio-python/issues/932) and nothing here is urgent.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import requests
from twilio.base.exceptions import TwilioException
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client
from twilio.rest.content.v1.content import ContentList
from twilio.rest.content.v1.content.approval_create import ApprovalCreateList

from cordially.providers.errors import ErrorClass, Fault

from . import codes
from .address import checked_base, is_loopback, rewritten

_TIMEOUT: Final = (5.0, 30.0)  # seconds to connect, seconds to wait for an answer
_AGAIN: Final = "Try again in a minute."
_VARIABLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")


class ContentError(Exception):
    """Twilio did not do what was asked; `fault` says why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.reason)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Credentials:
    account_sid: str
    auth_token: str = field(repr=False)
    api_url: str = ""


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
    reason: str


def number_variables(body: str) -> tuple[str, tuple[str, ...]]:
    """`{{guest_name}}` becomes `{{1}}`; the names come back in the order of their numbers."""
    names: dict[str, int] = {}

    def numbered(match: re.Match[str]) -> str:
        return f"{{{{{names.setdefault(match[1], len(names) + 1)}}}}}"

    return _VARIABLE.sub(numbered, body), tuple(names)


def create_content(
    credentials: Credentials, name: str, language: str, body_with_numbers: str, samples: Sequence[str]
) -> str:
    """Put a text template up and return Twilio's reference to it. `samples`: in the order of the numbers."""
    request = {
        "friendly_name": name,
        "language": language,
        "variables": {str(number): sample for number, sample in enumerate(samples, 1)},
        "types": {"twilio/text": {"body": body_with_numbers}},
    }
    with _client(credentials) as client:
        created = client.content.v1.contents.create(ContentList.ContentCreateRequest(request))
        return _present(created.sid)


def request_approval(credentials: Credentials, ref: str, name: str, category: str) -> Approval:
    """Hand the template to WhatsApp for review. `name`: lower-case letters, digits and `_`."""
    request = ApprovalCreateList.ContentApprovalRequest({"name": name, "category": category})
    with _client(credentials) as client:
        answer = client.content.v1.contents(ref).approval_create.create(request)
        return _approval(_present(answer.status), answer.rejection_reason)


def approval_status(credentials: Credentials, ref: str) -> Approval:
    """How WhatsApp's review stands now."""
    with _client(credentials) as client:
        answer = client.content.v1.contents(ref).approval_fetch().fetch().whatsapp or {}
        return _approval(_present(answer.get("status")), answer.get("rejection_reason"))


def _approval(status: str, reason: str | None) -> Approval:
    return Approval(ApprovalStatus(status.lower()), reason or "")


def _present(text: str | None) -> str:
    if not text:
        raise ValueError("an answer without content")
    return text


class _SyncWire(TwilioHttpClient):  # type: ignore[misc]
    """The SDK's client with time-outs, at another address where one is set."""

    def __init__(self, api_url: str) -> None:
        super().__init__()
        self.timeout = _TIMEOUT  # requests takes the pair; only the SDK's constructor doesn't
        self.status: int | None = None
        self._base = api_url
        self.session.trust_env = not is_loopback(api_url)

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Response:
        answer = super().request(method, rewritten(url, self._base), *args, **kwargs)
        self.status = answer.status_code
        return answer


@contextmanager
def _client(credentials: Credentials) -> Iterator[Client]:
    """A client of its own for each call; whatever goes wrong inside comes out as a ContentError."""
    wire = _SyncWire(checked_base(credentials.api_url))
    try:
        yield Client(credentials.account_sid, credentials.auth_token, http_client=wire, environment={"_": ""})
    except TwilioException as error:
        raise ContentError(_fault(error, wire.status)) from error
    except requests.RequestException as error:
        fault = Fault(ErrorClass.RETRY_SOON, codes.UNREACHABLE.sentence, None, _AGAIN, type(error).__name__)
        raise ContentError(fault) from error
    except (ValueError, TypeError, AttributeError) as error:  # an answer that is no JSON, or not Twilio's
        raise ContentError(_not_twilio(wire.status)) from error
    finally:
        wire.session.close()


def _fault(error: TwilioException, status: int | None) -> Fault:
    fault = codes.fault_in(error, status)
    if status is not None and status >= 500:
        return Fault(ErrorClass.RETRY_SOON, "Twilio had a problem of its own.", None, _AGAIN, fault.detail)
    if status == 404:  # these paths name no account, so it is the template that is missing
        return codes.fault(codes.CODES[21655], fault.code, fault.detail)
    return fault


def _not_twilio(status: int | None) -> Fault:
    cure = "Check TWILIO_API_URL and try again."
    return Fault(ErrorClass.SENDER, "What answered does not speak like Twilio.", None, cure, f"HTTP {status}")
