from __future__ import annotations

import asyncio
import json

import pytest

from cordially.providers.errors import ErrorClass, Misconfigured
from cordially.providers.twilio import content
from cordially.providers.twilio.content import (
    ApprovalStatus,
    ContentButton,
    ContentError,
    Credentials,
    WholeContent,
    approval_status,
    fetch_content,
    list_contents,
    put_up,
    remove,
    request_approval,
)

from .server import ACCOUNT, REF


@pytest.fixture
def credentials(server):
    return Credentials(ACCOUNT, "secret", server.url)


async def test_it_puts_a_template_up(server, credentials):
    server.replies(201, {"sid": REF})
    made = await asyncio.to_thread(
        put_up,
        credentials,
        WholeContent("Wedding", "he", "שלום {{1}}, {{2}} 🥂", samples=("Ana", "https://x.example/r/1")),
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


REPLY = ContentButton("reply", "Yes")
LINK = ContentButton("link", "Answer", "https://x.example/r/{{1}}")
_REPLY_SENT = {"type": "QUICK_REPLY", "title": "Yes"}
_LINK_SENT = {"type": "URL", "title": "Answer", "url": "https://x.example/r/{{1}}"}
_PICTURE = "https://x.example/a.jpg"


@pytest.mark.parametrize(
    ("more", "kind", "fields"),
    [
        ({}, "twilio/text", {}),
        ({"image": _PICTURE}, "twilio/media", {"media": [_PICTURE]}),
        ({"buttons": (REPLY,)}, "twilio/quick-reply", {"actions": [_REPLY_SENT]}),
        ({"buttons": (LINK,)}, "twilio/call-to-action", {"actions": [_LINK_SENT]}),
        ({"buttons": (REPLY, LINK)}, "whatsapp/card", {"actions": [_REPLY_SENT, _LINK_SENT]}),
        ({"footer": "f"}, "whatsapp/card", {"footer": "f"}),
        ({"header": "h"}, "whatsapp/card", {"header_text": "h"}),
        (
            {"header": "h", "footer": "f", "buttons": (REPLY, REPLY, LINK)},
            "whatsapp/card",
            {"header_text": "h", "footer": "f", "actions": [_REPLY_SENT, _REPLY_SENT, _LINK_SENT]},
        ),
        (
            {"image": _PICTURE, "footer": "f", "buttons": (LINK,)},
            "whatsapp/card",
            {"media": [_PICTURE], "footer": "f", "actions": [_LINK_SENT]},
        ),
    ],
)
async def test_everything_leaves_the_process_in_the_plainest_type(server, credentials, more, kind, fields):
    server.replies(201, {"sid": REF})
    content = WholeContent("n", "he", "Dear {{1}}", **more, samples=("Ana",))
    assert await asyncio.to_thread(put_up, credentials, content) == REF
    assert json.loads(server.seen[0].body)["types"] == {kind: {"body": "Dear {{1}}", **fields}}


async def test_a_list_is_sorted_and_survives_what_others_left_there(server, credentials):
    rows = [
        {
            "sid": "HX1",
            "date_created": "2026-01-02T00:00:00Z",
            "types": {"twilio/text": {"body": "Hi {{ 1 }}"}},
        },
        {"sid": "HX2", "date_created": "2026-01-03T00:00:00Z", "types": None, "variables": None},
        {"sid": "HX3", "date_created": "soon", "types": [], "variables": [], "approval_requests": []},
        {"sid": "HX4", "date_created": None, "types": {"twilio/text": "x"}, "approval_requests": None},
        {"sid": "HX5", "types": {"twilio/card": {"title": 1, "actions": 5, "media": [None]}}, "language": 7},
    ]
    server.replies(200, {"contents": rows, "meta": {"key": "contents", "next_page_url": None}})
    found = await asyncio.to_thread(list_contents, credentials)
    assert server.seen[0].target == "/v1/ContentAndApprovals?PageSize=200"
    assert {each.ref for each in found} == {"HX1", "HX2", "HX3", "HX4", "HX5"}
    refs = [each.ref for each in found]
    assert refs.index("HX2") < refs.index("HX1") < refs.index("HX4")
    assert [each.ref for each in found if not each.usable] == ["HX1"]
    [good] = [each for each in found if not each.usable]
    assert (good.body, good.samples) == ("Hi {{1}}", {"1": ""})
    assert good.approval == (ApprovalStatus.UNSUBMITTED, "", "")


async def test_a_list_that_never_ends_is_left(server, credentials, monkeypatch):
    monkeypatch.setattr(content, "_MOST_PAGES", 3)
    here = "https://content.twilio.com/v1/ContentAndApprovals?Page=1"
    server.replies(200, {"contents": [{"sid": REF}], "meta": {"key": "contents", "next_page_url": here}})
    assert len(await asyncio.to_thread(list_contents, credentials)) == 3
    assert [seen.target for seen in server.seen[1:]] == ["/v1/ContentAndApprovals?Page=1"] * 3


async def test_it_fetches_a_content_with_its_review(server, credentials):
    shape = {"body": "Dear {{1}}", "footer": "f"}
    both = {"sid": REF, "friendly_name": "n", "language": "he", "variables": {"1": "Ana"}}
    both |= {"types": {"whatsapp/card": shape}, "whatsapp": {"status": "paused", "category": "UTILITY"}}
    server.replies(200, both)
    found = await asyncio.to_thread(fetch_content, credentials, REF)
    assert (found.ref, found.name, found.kind, found.footer) == (REF, "n", "whatsapp/card", "f")
    assert (found.samples, found.approval) == ({"1": "Ana"}, (ApprovalStatus.PAUSED, "", "UTILITY"))
    assert [seen.target for seen in server.seen] == [
        f"/v1/Content/{REF}",
        f"/v1/Content/{REF}/ApprovalRequests",
    ]


async def test_it_removes_a_content(server, credentials):
    server.replies(204, b"")
    await asyncio.to_thread(remove, credentials, REF)
    [seen] = server.seen
    assert (seen.method, seen.target) == ("DELETE", f"/v1/Content/{REF}")


@pytest.mark.parametrize(
    ("status", "body", "sentence"),
    [
        (401, {"code": 20003}, "Twilio refused the password of this sender."),
        (429, b"", "Twilio asked to slow down."),
        (502, b"<html>", "Twilio had a problem of its own."),
        (404, {}, "What answered does not speak like Twilio."),
        (200, b"<html>", "What answered does not speak like Twilio."),
        (200, [], "What answered does not speak like Twilio."),
        (200, {"meta": {"key": "contents"}}, "What answered does not speak like Twilio."),
        (200, {"a": [], "b": []}, "What answered does not speak like Twilio."),
        (200, {"contents": ["x"], "meta": {"key": "contents"}}, "What answered does not speak like Twilio."),
    ],
)
async def test_a_list_that_is_none_is_said_plainly(server, credentials, status, body, sentence):
    server.replies(status, body)
    with pytest.raises(ContentError) as caught:
        await asyncio.to_thread(list_contents, credentials)
    assert caught.value.fault.sentence == sentence


async def test_it_asks_for_approval(server, credentials):
    server.replies(201, {"status": "received", "rejection_reason": "", "category": "marketing"})
    answer = await asyncio.to_thread(request_approval, credentials, REF, "wedding_1", "MARKETING")
    assert answer == (ApprovalStatus.RECEIVED, "", "MARKETING")
    assert server.seen[0].target == f"/v1/Content/{REF}/ApprovalRequests/whatsapp"
    assert json.loads(server.seen[0].body) == {"name": "wedding_1", "category": "MARKETING"}


@pytest.mark.parametrize(
    ("word", "status"),
    [(status.value, status) for status in ApprovalStatus]
    + [("Approved", ApprovalStatus.APPROVED), ("in_appeal", ApprovalStatus.UNKNOWN)],
)
async def test_it_reads_how_the_approval_stands(server, credentials, word, status):
    server.replies(200, {"sid": REF, "whatsapp": {"status": word, "rejection_reason": "too short"}})
    assert await asyncio.to_thread(approval_status, credentials, REF) == (status, "too short", "")


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
        await asyncio.to_thread(put_up, credentials, WholeContent("n", "en", "b"))


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
    assert (await asyncio.to_thread(approval_status, credentials, REF)).status is ApprovalStatus.APPROVED
