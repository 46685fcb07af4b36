from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests
from twilio.base.exceptions import TwilioRestException

from cordially.providers.simulator.content import Content

from .conftest import TEXT, Stand, wait_for


def status(stand: Stand, sid: str) -> str:
    return str(stand.client.content.v1.contents(sid).approval_fetch().fetch().whatsapp["status"])


def test_a_template_is_reviewed_after_a_moment(run: Callable[..., Stand]) -> None:
    stand = run(approve_after=0.3)
    sid = stand.content()
    assert status(stand, sid) == "unsubmitted"
    assert stand.submit(sid).status == "received"
    assert status(stand, sid) in {"received", "pending"}
    wait_for(lambda: status(stand, sid) == "approved")


def test_a_name_can_ask_for_rejection(stand: Stand) -> None:
    sid = stand.content()
    stand.submit(sid, "please_reject_me")
    review = stand.client.content.v1.contents(sid).approval_fetch().fetch().whatsapp
    assert review["status"] == "rejected" and review["rejection_reason"]


def test_a_template_is_submitted_only_once(stand: Stand) -> None:
    sid = stand.approved()
    assert _refusal(lambda: stand.submit(sid)) == 92009


def test_a_review_needs_a_proper_name(stand: Stand) -> None:
    assert _refusal(lambda: stand.submit(stand.content(), "No Spaces")) == 20001


URL = {"type": "URL", "title": "Answer", "url": "https://x.example/r/{{1}}"}
REPLY = {"type": "QUICK_REPLY", "title": "Yes"}
PICTURE = ["https://x.example/a.jpg"]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"types": {}}, 92001),
        ({"types": {"twilio/text": {"body": ""}}}, 92001),
        ({"types": {"twilio/text": {"body": "x" * 1601}}}, 21658),
        ({"types": {"twilio/text": {"body": 1}}}, 20001),
        ({"types": {"twilio/text": {"body": "x", "footer": "y"}}}, 20001),
        ({"types": {"twilio/poem": {"body": "x"}}}, 92008),
        ({"types": {"twilio/text": "x"}}, 92008),
        ({"types": {"twilio/media": {"body": "x"}}}, 92001),
        ({"types": {"twilio/media": {"body": "x", "media": ["a.jpg"]}}}, 92001),
        ({"types": {"twilio/quick-reply": {"body": "x"}}}, 92001),
        ({"types": {"twilio/quick-reply": {"body": "x", "actions": []}}}, 92001),
        ({"types": {"twilio/quick-reply": {"body": "x", "actions": [REPLY] * 11}}}, 92001),
        ({"types": {"twilio/quick-reply": {"body": "x", "actions": [URL]}}}, 92001),
        ({"types": {"twilio/quick-reply": {"body": "x", "actions": [{"title": ""}]}}}, 92001),
        ({"types": {"twilio/quick-reply": {"body": "x", "actions": [{"title": "x" * 21}]}}}, 21658),
        ({"types": {"twilio/quick-reply": {"body": "x", "actions": [{**REPLY, "x": 1}]}}}, 20001),
        ({"types": {"twilio/quick-reply": {"body": "x", "actions": [{**REPLY, "type": {}}]}}}, 92001),
        ({"types": {"twilio/quick-reply": {"body": "x", "actions": "yes"}}}, 20001),
        ({"types": {"twilio/quick-reply": {"body": "x" * 1025, "actions": [REPLY]}}}, 21658),
        ({"types": {"twilio/call-to-action": {"body": "x", "actions": [REPLY]}}}, 92001),
        ({"types": {"twilio/call-to-action": {"body": "x", "actions": [URL] * 3}}}, 92001),
        ({"types": {"twilio/call-to-action": {"body": "x", "actions": [{**URL, "url": ""}]}}}, 92001),
        (
            {"types": {"twilio/call-to-action": {"body": "x", "actions": [{**URL, "url": "x.example"}]}}},
            92002,
        ),
        (
            {
                "types": {
                    "twilio/call-to-action": {"body": "x", "actions": [{**URL, "url": "https://x/{{1}}/r"}]}
                }
            },
            92002,
        ),
        ({"types": {"whatsapp/card": {"body": "x"}}}, 92001),
        ({"types": {"whatsapp/card": {"footer": "x"}}}, 92001),
        ({"types": {"whatsapp/card": {"body": "x", "header_text": "x" * 61}}}, 21658),
        ({"types": {"whatsapp/card": {"body": "x", "footer": "x" * 61}}}, 21658),
        ({"types": {"whatsapp/card": {"body": "x", "header_text": "x", "media": PICTURE}}}, 92001),
        ({"types": {"whatsapp/card": {"body": "x", "title": "x"}}}, 20001),
        ({"types": {"twilio/list-picker": {"body": "x"}}}, 92001),
        ({"language": None}, 92003),
        ({"language": "pt-BR"}, 92004),
        ({"language": "Hebrew"}, 92004),
        ({"variables": {"a b": "x"}}, 92002),
        ({"variables": {"1": "a"}}, 92002),
        ({"variables": {"1": "a", "2": ""}}, 92002),
        ({"variables": {"1": "a"}, "types": {"whatsapp/card": {"body": "x", "header_text": "{{2}}"}}}, 92002),
    ],
)
def test_templates_that_make_no_sense_are_refused(stand: Stand, given: dict[str, Any], code: int) -> None:
    request = {"language": "en", "variables": {"1": "a", "2": "b"}, "types": TEXT, **given}
    ask(stand, "POST", "/v1/Content", request, code)
    assert stand.client.content.v1.contents.list() == []


@pytest.mark.parametrize(
    "types",
    [
        {"twilio/text": {"body": "x" * 1600}},
        {"twilio/quick-reply": {"body": "x" * 1024, "actions": [{"title": "x" * 20}] * 10}},
        {"whatsapp/card": {"body": "x", "header_text": "x" * 60, "footer": "x" * 60}},
        {"whatsapp/card": {"body": "x", "media": PICTURE, "actions": [REPLY, URL, URL]}},
        {"twilio/location": {"latitude": 1.5, "longitude": 2.5}},
    ],
)
def test_templates_at_the_limit_are_taken(stand: Stand, types: dict[str, Any]) -> None:
    request = {"language": "pt_BR", "variables": {"1": "a"}, "types": types}
    assert ask(stand, "POST", "/v1/Content", request)["types"] == types


def test_a_template_can_be_changed_until_it_is_handed_in(stand: Stand) -> None:
    sid = stand.content()
    path, types = f"/v1/Content/{sid}", {"twilio/text": {"body": "Come to {{1}}, all of you."}}
    changed = ask(stand, "PUT", path, {"types": types})
    assert (changed["types"], changed["language"], changed["sid"]) == (types, "en", sid)
    ask(stand, "PUT", path, {"types": {"twilio/text": {"body": "{{3}}"}}}, 92002)
    ask(stand, "PUT", path, {"friendly_name": "x"}, 20001)
    assert ask(stand, "GET", path)["types"] == types
    stand.submit(sid)
    ask(stand, "PUT", path, {"types": TEXT}, 92009)
    assert ask(stand, "GET", path)["types"] == types


def ask(stand: Stand, method: str, path: str, given: Any = None, code: int = 0) -> Any:
    """The answer, which must be an error with that code if one is named. The SDK would drop what it doesn't know."""
    config = stand.simulator.config
    with requests.Session() as session:
        session.trust_env = False
        session.auth = (config.account_sid, config.auth_token)
        answer = session.request(method, stand.base + path, json=given, timeout=10)
    body = answer.json()
    assert (body.get("code", 0), answer.status_code >= 400) == (code, code > 0), answer.text
    return body


def test_lists_name_whole_addresses_with_the_prefix(run: Callable[..., Stand]) -> None:
    stand = run(prefix="/simulator")
    sids = [stand.content() for _ in range(5)]
    contents = stand.client.content.v1.contents.list(page_size=2)
    assert [each.sid for each in contents] == sids[::-1]
    assert contents[0].url == f"{stand.base}/v1/Content/{sids[-1]}"
    assert stand.base.endswith("/simulator")
    both = stand.client.content.v1.content_and_approvals.list(page_size=2)
    assert [each.approval_requests["status"] for each in both] == ["unsubmitted"] * 5


def test_a_deleted_template_is_gone(stand: Stand) -> None:
    sid = stand.content()
    assert stand.client.content.v1.contents(sid).delete()
    assert _refusal(stand.client.content.v1.contents(sid).fetch) == 20404


def test_the_richest_type_goes_out_whole() -> None:
    card = {
        "body": "Dear {{1}}",
        "actions": [{"type": "URL", "title": "{{1}}", "url": "https://x.example/{{2}}"}],
    }
    content = Content("HX", None, "en", {"1": "A", "2": "b"}, {**TEXT, "twilio/call-to-action": card}, 0.0)
    assert content.kind == "twilio/call-to-action"
    assert content.body({"1": "{{2}}"}) == "Dear {{2}}"
    assert content.filled({"2": "c"})["actions"] == [
        {"type": "URL", "title": "A", "url": "https://x.example/c"}
    ]


def _refusal(action: Callable[[], Any]) -> int:
    with pytest.raises(TwilioRestException) as raised:
        action()
    return int(raised.value.code)
