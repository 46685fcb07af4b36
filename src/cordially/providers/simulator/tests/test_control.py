from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests
from twilio.base.exceptions import TwilioRestException

from .conftest import Stand, wait_for

PHONE = "+491701234567"


def ask(stand: Stand, method: str, path: str, json: Any = None) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, f"{stand.base}/_simulator/{path}", json=json, timeout=10)


def test_the_record_tells_everything(stand: Stand) -> None:
    content = stand.approved()
    sid = stand.send(PHONE, content).sid
    record = ask(stand, "GET", "messages.json").json()
    (message,) = record["messages"]
    assert (message["sid"], message["to"], message["content_sid"]) == (sid, f"whatsapp:{PHONE}", content)
    assert record["arrivals"]["+15550100000"]["count"] == 1
    assert record["arrivals"]["+15550100000"]["max_per_second"] == 1


def test_faults_are_set_and_forgotten(stand: Stand) -> None:
    content = stand.approved()
    assert ask(stand, "POST", "faults", {"refuse_429": 1}).json()["refuse_429"] == 1
    with pytest.raises(TwilioRestException):
        stand.send(PHONE, content)
    assert ask(stand, "POST", "reset").status_code == 204
    assert stand.send(PHONE, content).sid  # templates stay
    assert len(stand.simulator.record.messages()) == 1
    assert len(stand.simulator.record.arrivals["+15550100000"]) == 1
    ask(stand, "POST", "reset", {"contents": True})
    with pytest.raises(TwilioRestException):
        stand.send(PHONE, content)


@pytest.mark.parametrize(
    "given", [{"refuse_429": 2}, {"refuse_429": "x"}, {"other": 0.1}, [], {"slow": True}]
)
def test_faults_that_make_no_sense_are_refused(stand: Stand, given: Any) -> None:
    assert ask(stand, "POST", "faults", given).status_code == 400


def review(stand: Stand, sid: str) -> Any:
    found = stand.client.content.v1.contents(sid).approval_fetch().fetch().whatsapp
    return found["status"], found["category"], found["rejection_reason"]


def test_a_review_ends_as_a_test_chooses(run: Callable[..., Stand]) -> None:
    stand = run(approve_after=1000)
    sid = stand.content()
    stand.submit(sid)
    assert review(stand, sid)[:2] == ("received", "UTILITY")
    for status, reason in [("approved", ""), ("paused", ""), ("rejected", "Too short."), ("pending", "")]:
        answer = ask(stand, "POST", f"contents/{sid}", {"status": status, "reason": reason})
        assert answer.status_code == 200
        assert review(stand, sid) == (status, "UTILITY", reason)
    ask(stand, "POST", f"contents/{sid}", {"status": "approved", "category": "MARKETING"})
    assert review(stand, sid) == ("approved", "MARKETING", "")
    ask(stand, "POST", f"contents/{sid}", {"status": "unsubmitted"})
    assert review(stand, sid)[0] == "unsubmitted"


def test_what_nobody_handed_in_can_be_approved_too(stand: Stand) -> None:
    sid = stand.content()
    ask(stand, "POST", f"contents/{sid}", {"status": "approved"})
    assert review(stand, sid) == ("approved", "MARKETING", "")
    message = stand.send(PHONE, sid)
    wait_for(lambda: stand.client.messages(message.sid).fetch().status == "read")


@pytest.mark.parametrize(
    "given", [{}, {"status": "fine"}, {"status": []}, {"status": "approved", "reason": 1}, [], "x"]
)
def test_states_that_make_no_sense_are_refused(stand: Stand, given: Any) -> None:
    sid = stand.content()
    assert ask(stand, "POST", f"contents/{sid}", given).status_code == 400
    assert review(stand, sid)[0] == "unsubmitted"
    assert ask(stand, "POST", "contents/HX1", {"status": "approved"}).status_code == 404
