from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
import requests
from twilio.base.exceptions import TwilioRestException

from .conftest import Receiver, Stand, sdk_client, wait_for

PHONE = "+491701234567"
UNKNOWN = "HX" + "0" * 32
SERVICE = "MG" + "a" * 32


def soon(**delta: float) -> str:
    return (dt.datetime.now(dt.UTC) + dt.timedelta(**delta)).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"to": ""}, 21604),
        ({"from_": None}, 21603),
        ({"to": PHONE}, 21910),
        ({"from_": "+15550100000"}, 21910),
        ({"to": PHONE, "from_": "+15550100000"}, 21606),
        ({"to": "whatsapp:+49 170 1234567"}, 21211),
        ({"to": "whatsapp:01701234567"}, 21211),
        ({"to": "whatsapp:+49ABC"}, 21211),
        ({"from_": "whatsapp:+15550100001"}, 63007),
        ({"to": "whatsapp:+15550100000"}, 63031),
        ({"content_sid": UNKNOWN}, 21655),
        ({"content_sid": None}, 21654),
        ({"content_sid": None, "content_variables": None}, 21602),
        ({"content_sid": None, "content_variables": None, "body": "x" * 1601}, 21617),
        ({"content_variables": "{"}, 21656),
        ({"content_variables": "[]"}, 21656),
        ({"content_variables": '{"1": ""}'}, 21656),
        ({"content_variables": '{"1": null}'}, 21656),
        ({"content_variables": '{"a b": "x"}'}, 21656),
        ({"content_variables": '{"12345678901234567": "x"}'}, 21656),
        ({"status_callback": "ftp://x.example/"}, 21609),
        ({"status_callback": "http://a_b.example/"}, 21609),
        ({"status_callback": "/status"}, 21609),
        ({"validity_period": 36001}, 21624),
        ({"messaging_service_sid": "MG1"}, 21701),
        ({"schedule_type": "fixed"}, 35111),
        ({"schedule_type": "never", "send_at": "x"}, 35126),
        ({"schedule_type": "fixed", "send_at": {"hours": 1}}, 35118),
        ({"schedule_type": "fixed", "send_at": "x", "messaging_service_sid": SERVICE}, 35114),
        ({"schedule_type": "fixed", "send_at": {"minutes": 4}, "messaging_service_sid": SERVICE}, 35115),
        ({"schedule_type": "fixed", "send_at": {"days": 36}, "messaging_service_sid": SERVICE}, 35117),
    ],
)
def test_it_refuses_what_twilio_refuses(stand: Stand, given: dict[str, Any], code: int) -> None:
    usual = {
        "to": f"whatsapp:{PHONE}",
        "from_": "whatsapp:+15550100000",
        "content_sid": stand.content(),
        "content_variables": '{"1": "x"}',
    }
    if isinstance(given.get("send_at"), dict):  # from when the test begins, not from when it was collected
        given = given | {"send_at": soon(**given["send_at"])}
    with pytest.raises(TwilioRestException) as raised:
        stand.client.messages.create(**{**usual, **given})
    assert (raised.value.status, raised.value.code) == (400, code)
    assert not stand.simulator.record.messages()


def test_an_error_has_twilios_body_and_headers(stand: Stand) -> None:
    account = stand.simulator.config.account_sid
    with requests.Session() as session:
        session.trust_env = False
        answer = session.get(f"{stand.base}/2010-04-01/Accounts/{account}/Messages.json", timeout=10)
    assert answer.status_code == 401
    assert answer.json() == {
        "code": 20003,
        "message": "Authenticate",
        "more_info": "https://www.twilio.com/docs/errors/20003",
        "status": 401,
    }
    assert answer.headers["WWW-Authenticate"].startswith("Basic")
    assert (
        answer.headers["Twilio-Request-Id"].startswith("RQ")
        and len(answer.headers["Twilio-Request-Id"]) == 34
    )
    assert answer.headers["Twilio-Concurrent-Requests"] == "1"


def test_only_the_right_password_of_the_right_account_opens(stand: Stand) -> None:
    config = stand.simulator.config
    wrong = sdk_client(config, stand.base)
    wrong.password = "wrong"
    wrong.auth = (config.account_sid, "wrong")
    other = sdk_client(config, stand.base)
    other.account_sid = "AC" + "1" * 32
    outcomes = []
    for client in (wrong, other):
        with pytest.raises(TwilioRestException) as raised:
            client.messages("SM" + "0" * 32).fetch()
        outcomes.append((raised.value.status, raised.value.code))
        client.http_client.session.close()
    assert outcomes == [(401, 20003), (404, 20404)]


def test_values_replace_the_placeholders_and_samples_what_is_missing(stand: Stand) -> None:
    content = stand.approved()
    full = stand.send(PHONE, content)
    partly = stand.send(PHONE, content, content_variables='{"1": "Grace"}')
    without = stand.send(PHONE, content, content_variables=None)
    assert full.body == "Dear Grace, please come to the garden tonight."
    assert partly.body == "Dear Grace, please come to the ball tonight."
    assert without.body == "Dear Ada, please come to the ball tonight."
    record = stand.simulator.record.message(full.sid)
    assert record is not None
    assert (record.phone, record.variables, record.content_sid) == (
        PHONE,
        {"1": "Grace", "2": "the garden"},
        content,
    )


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"content_sid": None, "content_variables": None, "body": "Hello"}, 63016),
        ({"content_variables": '{"1": "a\\nb"}'}, 63013),
        ({"content_variables": '{"1": "a     b"}'}, 63013),
        ({"content_variables": '{"1": "' + "x" * 1024 + '"}'}, 63021),
    ],
)
def test_what_whatsapp_refuses_fails_later(
    stand: Stand, receiver: Receiver, given: dict[str, Any], code: int
) -> None:
    message = stand.send(PHONE, stand.approved(), receiver.url, **given)
    assert (message.status, message.error_code) == ("queued", None)
    wait_for(lambda: receiver.callbacks)
    assert receiver.callbacks[0].params["ErrorCode"] == str(code)
    assert stand.client.messages(message.sid).fetch().error_code == code


def test_unapproved_and_session_only_templates_fail_later(stand: Stand, receiver: Receiver) -> None:
    place = {"twilio/location": {"latitude": 1, "longitude": 2}}
    stand.send(PHONE, stand.content(), receiver.url)
    stand.send(PHONE, stand.approved(place), receiver.url)
    wait_for(lambda: len(receiver.callbacks) == 2)
    assert {each.params["ErrorCode"] for each in receiver.callbacks} == {"63016"}


def test_lists_are_paged_newest_first(stand: Stand) -> None:
    content = stand.approved()
    sids = [stand.send(f"+4917012345{number:02}", content).sid for number in range(7)]
    stand.send("+33612345678", content)

    assert [each.sid for each in stand.client.messages.list(page_size=3)][1:] == sids[::-1]
    one = stand.client.messages.list(to="whatsapp:+491701234503", from_="whatsapp:+15550100000")
    assert [each.sid for each in one] == [sids[3]]
    assert stand.client.messages.list(from_="whatsapp:+15550100009") == []

    first = stand.client.messages.page(page_size=3)
    second = first.next_page()
    third = second.next_page()
    assert third.next_page() is None
    assert [each.sid for each in second.previous_page()] == [
        each.sid for each in stand.client.messages.list(limit=3)
    ]


def test_a_page_is_not_shifted_by_what_comes_meanwhile(stand: Stand) -> None:
    content = stand.approved()
    sids = [stand.send(PHONE, content).sid for _ in range(4)]
    first = stand.client.messages.page(page_size=2)
    stand.send(PHONE, content)
    assert [each.sid for each in first.next_page()] == sids[1::-1]


def test_the_links_between_pages_are_relative_and_keep_the_filter(run: Callable[..., Stand]) -> None:
    stand = run(prefix="/simulator")
    content = stand.approved()
    for _ in range(3):
        stand.send(PHONE, content)
    config = stand.simulator.config
    path = f"/2010-04-01/Accounts/{config.account_sid}/Messages.json"
    with requests.Session() as session:
        session.trust_env = False
        session.auth = (config.account_sid, config.auth_token)
        page = session.get(f"{stand.base}{path}?To=whatsapp%3A%2B491701234567&PageSize=2", timeout=10).json()
        assert page["next_page_uri"].startswith(f"{path}?To=whatsapp%3A%2B491701234567&PageSize=2&Page=1&")
        rest = session.get(stand.base + page["next_page_uri"], timeout=10).json()
    assert (len(rest["messages"]), rest["next_page_uri"]) == (1, None)
    assert (page["start"], page["end"], rest["start"], rest["end"]) == (0, 1, 2, 2)


def test_date_filters_look_at_the_sending_and_miss_what_was_not_sent(stand: Stand) -> None:
    content = stand.approved()
    sent = stand.send(PHONE, content)
    stand.send("+12025550102", content)  # fails before it is sent
    wait_for(lambda: stand.client.messages(sent.sid).fetch().date_sent)
    today = dt.datetime.now(dt.UTC).date()
    day = dt.timedelta(days=1)

    def found(**given: dt.date) -> int:
        # As text: the SDK turns a date into its midnight.
        days = {name: each.isoformat() for name, each in given.items()}
        return len(stand.client.messages.list(**days))

    assert found(date_sent=today) == 1
    assert found(date_sent=today - day) == 0
    assert found(date_sent_after=today) == 1
    assert found(date_sent_after=today + day) == 0
    assert found(date_sent_before=today) == 1
    assert found(date_sent_before=today - day) == 0
    assert found() == 2


def test_messages_are_redacted_cancelled_and_deleted(stand: Stand, receiver: Receiver) -> None:
    content = stand.approved()
    sent = stand.client.messages(stand.send(PHONE, content).sid)
    wait_for(lambda: sent.fetch().status == "read")
    assert sent.update(body="").body == ""
    assert _refusal(lambda: sent.update(body="x")) == 30400
    assert _refusal(lambda: sent.update(status="canceled")) == 30409
    assert sent.delete()
    assert _refusal(sent.fetch) == 20404

    later = stand.send(
        PHONE,
        content,
        receiver.url,
        messaging_service_sid=SERVICE,
        schedule_type="fixed",
        send_at=soon(hours=1),
    )
    assert later.status == "scheduled"
    scheduled = stand.client.messages(later.sid)
    assert _refusal(scheduled.delete) == 20009
    assert scheduled.update(status="canceled").status == "canceled"
    wait_for(lambda: receiver.statuses(later.sid) == ["canceled"])


def test_a_page_number_without_its_token_is_refused(stand: Stand) -> None:
    assert _refusal_of_page(stand) == 20001


def _refusal(action: Callable[[], Any]) -> int:
    with pytest.raises(TwilioRestException) as raised:
        action()
    return int(raised.value.code)


def _refusal_of_page(stand: Stand) -> int:
    config = stand.simulator.config
    with requests.Session() as session:
        session.trust_env = False
        path = f"/2010-04-01/Accounts/{config.account_sid}/Messages.json?Page=2"
        answer = session.get(stand.base + path, auth=(config.account_sid, config.auth_token), timeout=10)
    return int(answer.json()["code"])


def test_json_and_unknown_paths_get_twilios_errors(stand: Stand) -> None:
    config = stand.simulator.config
    messages = f"{stand.base}/2010-04-01/Accounts/{config.account_sid}/Messages.json"
    with requests.Session() as session:
        session.trust_env = False
        session.auth = (config.account_sid, config.auth_token)
        answers = [
            session.post(messages, json={"To": "x"}, timeout=10),
            session.get(f"{stand.base}/v1/Nothing", timeout=10),
            session.put(messages, timeout=10),
        ]
    assert [(each.status_code, each.json()["code"]) for each in answers] == [
        (400, 20001),
        (404, 20404),
        (405, 20004),
    ]
