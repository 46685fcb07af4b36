"""Templates at Twilio: put one up, ask for its approval, ask how that stands, list what there is.

Synchronous, because the SDK's async client sends forms where the Content API wants JSON
(https://github.com/twilio/twilio-python/issues/932) and nothing here is urgent.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import requests
from twilio.base.exceptions import TwilioException
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client
from twilio.rest.content.v1.content import ContentList
from twilio.rest.content.v1.content.approval_create import ApprovalCreateList

from cordially.lib.marking import noop
from cordially.providers.errors import ErrorClass, Fault

from . import codes
from .address import checked_base, is_loopback, rewritten
from .kinds import (
    Approval,
    ApprovalStatus,
    ContentButton,
    ListedContent,
    WholeContent,
    listed,
    typed,
)

__all__ = [
    "Approval",
    "ApprovalStatus",
    "ContentButton",
    "ContentError",
    "Credentials",
    "ListedContent",
    "WholeContent",
    "approval_status",
    "connected",
    "fetch_content",
    "list_contents",
    "put_up",
    "remove",
    "request_approval",
]

_TIMEOUT: Final = (5.0, 30.0)  # seconds to connect, seconds to wait for an answer
_AGAIN: Final = noop("Try again in a minute.")
# An account holds 6,000 approved texts at most; what comes after so many isn't looked at.
_PER_PAGE: Final = 200
_MOST_PAGES: Final = 30


class ContentError(Exception):
    """Twilio did not do what was asked; `fault` says why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.reason)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Credentials:
    """`auth_token`: the account's token, or the secret of the key `key_sid` where one is given."""

    account_sid: str
    auth_token: str = field(repr=False)
    api_url: str = ""
    key_sid: str = ""


def put_up(credentials: Credentials, content: WholeContent) -> str:
    """Make the content at Twilio, without asking for approval, and return Twilio's reference to it (HX…)."""
    kind, shape = typed(content)
    request = {
        "friendly_name": content.name,
        "language": content.language.replace("-", "_"),
        "variables": {str(number): sample for number, sample in enumerate(content.samples, 1)},
        "types": {kind: shape},
    }
    with connected(credentials) as client:
        created = client.content.v1.contents.create(ContentList.ContentCreateRequest(request))
        return _present(created.sid)


def request_approval(credentials: Credentials, ref: str, name: str, category: str) -> Approval:
    """Hand the template to WhatsApp for review. `name`: lower-case letters, digits and `_`."""
    request = ApprovalCreateList.ContentApprovalRequest({"name": name, "category": category})
    with connected(credentials, ref) as client:
        answer = client.content.v1.contents(ref).approval_create.create(request)
        return _approval(vars(answer))


def approval_status(credentials: Credentials, ref: str) -> Approval:
    """How WhatsApp's review stands now."""
    with connected(credentials, ref) as client:
        return _fetched_approval(client, ref)


def list_contents(credentials: Credentials) -> list[ListedContent]:
    """What the account has, whoever made it: the newest first, 6,000 at most."""
    with connected(credentials) as client:
        rows: list[Any] = []
        page = client.content.v1.content_and_approvals.page(page_size=_PER_PAGE)
        for _ in range(_MOST_PAGES):
            rows += page
            page = page.next_page()
            if page is None:
                break
        rows.sort(key=_made_at, reverse=True)
        return [listed(row, Approval.read(row.approval_requests)) for row in rows]


def _made_at(row: Any) -> str:
    """Sortable. What is no date, which the SDK passes on, counts as old."""
    return row.date_created.isoformat() if isinstance(row.date_created, dt.datetime) else ""


def fetch_content(credentials: Credentials, ref: str) -> ListedContent:
    """One content, and how its review stands."""
    with connected(credentials, ref) as client:
        return listed(client.content.v1.contents(ref).fetch(), _fetched_approval(client, ref))


def remove(credentials: Credentials, ref: str) -> None:
    """Take a content down for good; WhatsApp may lose it with that. For what was never handed in."""
    with connected(credentials, ref) as client:
        client.content.v1.contents(ref).delete()


def _fetched_approval(client: Client, ref: str) -> Approval:
    return _approval(client.content.v1.contents(ref).approval_fetch().fetch().whatsapp or {})


def _approval(review: Mapping[str, Any]) -> Approval:
    _present(review.get("status"))
    return Approval.read(review)


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
def connected(credentials: Credentials, ref: str = "") -> Iterator[Client]:
    """A client of its own for each call; whatever goes wrong inside comes out as a ContentError.

    `ref`: the content that the call is about.
    """
    wire = _SyncWire(checked_base(credentials.api_url))
    try:
        yield Client(
            credentials.key_sid or credentials.account_sid,
            credentials.auth_token,
            credentials.account_sid,
            http_client=wire,
            environment={"_": ""},
        )
    except TwilioException as error:
        raise ContentError(_fault(error, wire.status, ref)) from error
    except requests.RequestException as error:
        fault = Fault(ErrorClass.RETRY_SOON, codes.UNREACHABLE.sentence, None, _AGAIN, type(error).__name__)
        raise ContentError(fault) from error
    except (
        ValueError,
        TypeError,
        LookupError,
        AttributeError,
    ) as error:  # an answer that is no JSON, or not Twilio's
        raise ContentError(_not_twilio(wire.status)) from error
    finally:
        wire.session.close()


def _fault(error: TwilioException, status: int | None, ref: str) -> Fault:
    fault = codes.fault_in(error, status)
    if status is not None and status >= 500:
        return Fault(
            ErrorClass.RETRY_SOON, noop("Twilio had a problem of its own."), None, _AGAIN, fault.detail
        )
    if status is not None and 200 <= status < 300:  # a page that the SDK can't read
        return _not_twilio(status)
    if status == 404 and not ref:
        return _not_twilio(status)
    if status == 404:  # the path names no account, so it is the template that is missing
        return codes.fault(codes.CODES[21655], fault.code, fault.detail)
    return fault


def _not_twilio(status: int | None) -> Fault:
    cure = noop("Check TWILIO_API_URL and try again.")
    return Fault(
        ErrorClass.SENDER, noop("What answered does not speak like Twilio."), None, cure, f"HTTP {status}"
    )
