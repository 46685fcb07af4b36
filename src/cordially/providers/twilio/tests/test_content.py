from __future__ import annotations

import asyncio
import json

import pytest

from cordially.providers.errors import ErrorClass, Misconfigured
from cordially.providers.twilio import content
from cordially.providers.twilio.content import (
    ApprovalStatus,
    ContentError,
    Credentials,
    approval_status,
    create_content,
    number_variables,
    request_approval,
)

from .server import ACCOUNT, REF


@pytest.fixture
def credentials(server):
    return Credentials(ACCOUNT, "secret", server.url)


class TestNumbering:
    @pytest.mark.parametrize(
        ("body", "numbered", "names"),
        [
            ("Dear {{guest_name}}, come {{day}}!", "Dear {{1}}, come {{2}}!", ("guest_name", "day")),
            ("{{b}} {{a}} {{b}} {{ a }}", "{{1}} {{2}} {{1}} {{2}}", ("b", "a")),
            ("שלום {{שם}}", "שלום {{1}}", ("שם",)),
            ("{{2}} then {{1}}", "{{1}} then {{2}}", ("2", "1")),
            ("no fields { {x} } {{}} {{a b}} {{{x}}}", "no fields { {x} } {{}} {{a b}} {{{1}}}", ("x",)),
            ("", "", ()),
        ],
    )
    def test_names_become_numbers_in_the_order_of_their_appearance(self, body, numbered, names):
        assert number_variables(body) == (numbered, names)


async def test_it_puts_a_template_up(server, credentials):
    server.replies(201, {"sid": REF})
    made = await asyncio.to_thread(
        create_content, credentials, "Wedding", "he", "שלום {{1}}, {{2}} 🥂", ("Ana", "https://x.example/r/1")
    )
    assert made == REF
    [seen] = server.seen
    assert (seen.method, seen.target) == ("POST", "/v1/Content")
    assert seen.headers["content-type"] == "application/json"
    assert json.loads(seen.body) == {
        "friendly_name": "Wedding",
        "language": "he",
        "variables": {"1": "Ana", "2": "https://x.example/r/1"},
        "types": {"twilio/text": {"body": "שלום {{1}}, {{2}} 🥂"}},
    }


async def test_it_asks_for_approval(server, credentials):
    server.replies(201, {"status": "received", "rejection_reason": ""})
    answer = await asyncio.to_thread(request_approval, credentials, REF, "wedding_1", "MARKETING")
    assert answer == (ApprovalStatus.RECEIVED, "")
    assert server.seen[0].target == f"/v1/Content/{REF}/ApprovalRequests/whatsapp"
    assert json.loads(server.seen[0].body) == {"name": "wedding_1", "category": "MARKETING"}


@pytest.mark.parametrize(
    ("word", "status"),
    [(status.value, status) for status in ApprovalStatus]
    + [("Approved", ApprovalStatus.APPROVED), ("in_appeal", ApprovalStatus.UNKNOWN)],
)
async def test_it_reads_how_the_approval_stands(server, credentials, word, status):
    server.replies(200, {"sid": REF, "whatsapp": {"status": word, "rejection_reason": "too short"}})
    assert await asyncio.to_thread(approval_status, credentials, REF) == (status, "too short")


@pytest.mark.parametrize(
    ("status", "body", "code", "error_class", "sentence"),
    [
        (
            401,
            {"code": 20003, "message": "no"},
            20003,
            ErrorClass.SENDER,
            "Twilio refused the password of this sender.",
        ),
        (
            404,
            {"code": 20404},
            20404,
            ErrorClass.TEMPLATE,
            "Twilio does not have this template in this account.",
        ),
        (400, {"code": 92009}, 92009, ErrorClass.TEMPLATE, "This template was sent for approval before."),
        (429, b"", 20429, ErrorClass.RETRY_SOON, "Twilio asked to slow down."),
        (503, b"<html>", None, ErrorClass.RETRY_SOON, "Twilio had a problem of its own."),
        (200, b"<html>", None, ErrorClass.SENDER, "What answered does not speak like Twilio."),
        (200, b"", None, ErrorClass.SENDER, "What answered does not speak like Twilio."),
        (200, {}, None, ErrorClass.SENDER, "What answered does not speak like Twilio."),
        (200, {"whatsapp": "yes"}, None, ErrorClass.SENDER, "What answered does not speak like Twilio."),
    ],
)
async def test_whatever_goes_wrong_is_said_plainly(
    server, credentials, status, body, code, error_class, sentence
):
    server.replies(status, body)
    with pytest.raises(ContentError) as caught:
        await asyncio.to_thread(approval_status, credentials, REF)
    fault = caught.value.fault
    assert (fault.code, fault.error_class, fault.sentence) == (code, error_class, sentence)
    assert str(caught.value) == fault.reason


async def test_an_answer_without_a_reference_is_no_template(server, credentials):
    server.replies(201, b"")
    with pytest.raises(ContentError, match="does not speak like Twilio"):
        await asyncio.to_thread(create_content, credentials, "n", "en", "b", ())


async def test_it_does_not_wait_for_ever(server, credentials, monkeypatch):
    async def never(seen, writer):
        await asyncio.sleep(5)

    monkeypatch.setattr(content, "_TIMEOUT", (0.1, 0.1))
    server.answer = never
    with pytest.raises(ContentError, match="Twilio can’t be reached"):
        await asyncio.to_thread(approval_status, credentials, REF)


def test_nobody_there():
    with pytest.raises(ContentError, match="Twilio can’t be reached"):
        approval_status(Credentials(ACCOUNT, "secret", "http://127.0.0.1:1"), REF)


def test_a_broken_address_is_the_installations_fault():
    with pytest.raises(Misconfigured):
        approval_status(Credentials(ACCOUNT, "secret", "127.0.0.1"), REF)


def test_the_password_is_not_printed():
    assert "secret" not in repr(Credentials(ACCOUNT, "secret"))


async def test_a_proxy_never_gets_what_stays_on_this_machine(server, credentials, monkeypatch):
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    server.replies(200, {"whatsapp": {"status": "approved", "rejection_reason": ""}})
    assert await asyncio.to_thread(approval_status, credentials, REF) == (ApprovalStatus.APPROVED, "")
