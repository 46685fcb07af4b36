from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cordially.providers.simulator.content import Content
from cordially.providers.simulator.review import Approval, breach_of
from cordially.providers.simulator.store import Store

from .conftest import TEXT, Stand, wait_for

PHONE = "+491701234567"
GOOD = "Dear {{1}}, please come to {{2}} tonight."
REPLY, URL = (
    {"type": "QUICK_REPLY", "title": "Yes"},
    {"type": "URL", "title": "Answer", "url": "https://x/{{1}}"},
)


@pytest.mark.parametrize(
    ("bad", "good", "says"),
    [
        ({"body": "{{1}}, please come."}, {"body": "Dear {{1}}, please come."}, "start or end"),
        ({"body": "Dear friend of {{1}}."}, {"body": "Dear friend of {{1}} today."}, "start or end"),
        ({"body": "*{{1}}*, please do come!"}, {"body": "*Dear {{1}}*, please come!"}, "start or end"),
        (
            {"body": "Dear friends, do come to {{1}} {{2}} with us."},
            {"body": "Dear friends, do come to {{1}}, {{2}} with us."},
            "next to each other",
        ),
        (
            {"body": "Dear friends, do come to {{1}}*{{2}}* with us."},
            {"body": "Dear friends, do come to {{1}} & *{{2}}* with us."},
            "next to each other",
        ),
        ({"body": "Dear {{1}} welcome."}, {"body": "Dear {{1}} most welcome."}, "too many variables"),
        (
            {"body": "Dear {{1}}, come to {{2}} now."},
            {"body": "Dear {{1}}, please come to {{2}} now."},
            "too many variables",
        ),
        ({"body": "亲{{1}}您"}, {"body": "亲爱的{{1}}您好"}, "too many variables"),
        ({"body": "x" * 1025}, {"body": "x" * 1024}, "1024"),
        (
            {"body": "Dear {{name}}, please do come."},
            {"body": "Dear {{1}}, please do come."},
            "whole numbers",
        ),
        ({"body": "Dear {{2}}, please do come."}, {"body": GOOD}, "sequential"),
        (
            {"body": "Dear {{2}}, please do come."},
            {"body": "Dear {{2}}, please do come.", "header_text": "For {{1}}"},
            "sequential",
        ),
        (
            {"body": "Come, all of you.", "header_text": "{{1}} and {{2}}"},
            {"body": "Come, all of you.", "header_text": "For {{1}}"},
            "one variable only",
        ),
        ({"body": "Come.", "header_text": "*Come*"}, {"body": "Come.", "header_text": "Come"}, "formatting"),
        ({"body": "Come.", "header_text": "Come 🎉"}, {"body": "Come 🎉", "header_text": "Come"}, "emojis"),
        ({"body": "Come.", "footer": "For {{1}}"}, {"body": "Come.", "footer": "For you"}, "footer"),
        ({"body": "Come.", "footer": "a\nb"}, {"body": "Come.\nSoon.", "footer": "ab"}, "footer"),
        (
            {"body": "Come.", "actions": [REPLY, URL, REPLY]},
            {"body": "Come.", "actions": [REPLY, REPLY, URL]},
            "stand together",
        ),
    ],
)
def test_what_whatsapp_takes_exception_to(bad: dict[str, Any], good: dict[str, Any], says: str) -> None:
    assert breach_of(good) == ""
    assert says in breach_of(bad) and breach_of(bad).startswith("INVALID_FORMAT: ")


@pytest.mark.parametrize(
    ("name", "at", "status"),
    [
        ("x", 0, "received"),
        ("x", 2, "pending"),
        ("x", 4, "approved"),
        ("x", 1000, "approved"),
        ("please_reject", 3.9, "pending"),
        ("please_reject", 4, "rejected"),
        ("please_pause", 4, "approved"),
        ("please_pause", 13.9, "approved"),
        ("please_pause", 14, "paused"),
        ("please_disable", 4, "approved"),
        ("please_disable", 14, "disabled"),
    ],
)
def test_a_review_takes_its_time(name: str, at: float, status: str) -> None:
    assert Approval(name, "UTILITY", 1000.0).status(1000.0 + at, 4.0, 10.0) == status


def test_a_breach_is_found_out_when_the_review_is_done() -> None:
    approval = Approval("x", "UTILITY", 0.0, breach="INVALID_FORMAT: no.")
    assert approval.status(1.0, 4.0, 4.0) == "pending"
    assert approval.rejection_reason("pending") == ""
    assert approval.rejection_reason(approval.status(4.0, 4.0, 4.0)) == "INVALID_FORMAT: no."


def test_a_category_may_come_back_changed() -> None:
    approval = Approval("recategorise_me", "UTILITY", 0.0)
    assert [approval.counted_as(status) for status in ("received", "pending", "approved")] == [
        "UTILITY",
        "UTILITY",
        "MARKETING",
    ]
    assert Approval("x", "UTILITY", 0.0).counted_as("approved") == "UTILITY"


@pytest.mark.parametrize(
    ("name", "code"), [("invitation", None), ("reject", 63016), ("pause", 63041), ("disable", 63042)]
)
def test_what_lapsed_reaches_nobody(run: Callable[..., Stand], name: str, code: int | None) -> None:
    stand = run(lapse_after=0.0)
    sid = stand.content()
    stand.submit(sid, name)
    message = stand.send(PHONE, sid)
    wanted = "failed" if code else "read"
    ended = wait_for(lambda: (found := stand.client.messages(message.sid).fetch()).status == wanted and found)
    assert ended.error_code == code
    if code:
        assert ended.error_message


def test_what_was_paused_may_be_released(stand: Stand) -> None:
    sid = stand.approved()
    for status, code in [("paused", 63041), ("approved", None)]:
        content = stand.simulator._store.content(sid)
        assert content is not None
        chosen = replace(content, approval=Approval("x", "UTILITY", 0.0, chosen=status))
        stand.simulator._store.save_content(chosen)
        message = stand.send(PHONE, sid)
        wanted = "failed" if code else "read"
        wait_for(lambda wanted=wanted, sid=message.sid: stand.client.messages(sid).fetch().status == wanted)


def test_a_record_of_an_older_simulator_is_read(tmp_path: Path) -> None:
    path = tmp_path / "simulator.db"
    store = Store(path)
    content = Content("HX1", "x", "en", {}, TEXT, 1.0, Approval("x", "UTILITY", 1.0))
    store.save_content(content)
    store._db.execute("UPDATE contents SET approval = ?", [json.dumps(["x", "UTILITY", 1.0])])
    assert Store(path).content("HX1") == content


def test_a_changed_template_is_kept_changed(tmp_path: Path) -> None:
    path = tmp_path / "simulator.db"
    store = Store(path)
    store.save_content(Content("HX1", "x", "en", {"1": "a"}, TEXT, 1.0))
    types = {"twilio/text": {"body": "Come, all of you."}}
    changed = Content("HX1", "y", "he", {}, types, 1.0, Approval("x", "UTILITY", 1.0, chosen="paused"))
    store.save_content(changed)
    assert Store(path).content("HX1") == changed
