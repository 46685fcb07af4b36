from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest.content.v1.content import ContentList

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


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"types": {}}, 92001),
        ({"types": {"twilio/text": {"body": ""}}}, 92001),
        ({"types": {"twilio/text": {"body": "x" * 1601}}}, 21658),
        ({"language": None}, 92003),
        ({"variables": {"a b": "x"}}, 92002),
    ],
)
def test_templates_that_make_no_sense_are_refused(stand: Stand, given: dict[str, Any], code: int) -> None:
    request = {"friendly_name": "x", "language": "en", "variables": {"1": "a"}, "types": TEXT, **given}
    create = stand.client.content.v1.contents.create
    assert _refusal(lambda: create(ContentList.ContentCreateRequest(request))) == code


def test_lists_name_whole_addresses_with_the_prefix(run: Callable[..., Stand]) -> None:
    stand = run(prefix="/simulator")
    sids = [stand.content() for _ in range(5)]
    contents = stand.client.content.v1.contents.list(page_size=2)
    assert [each.sid for each in contents] == sids
    assert contents[0].url == f"{stand.base}/v1/Content/{sids[0]}"
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
