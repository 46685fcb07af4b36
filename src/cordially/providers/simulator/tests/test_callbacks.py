from __future__ import annotations

import socket
from collections.abc import Callable

from twilio.request_validator import RequestValidator

from cordially.providers.simulator.courier import Overrides, Target

from .conftest import Receiver, Stand, wait_for

PHONE = "+491701234567"
WAY = ["sent", "delivered", "read"]


def test_the_way_of_a_message_is_reported_in_order(stand: Stand, receiver: Receiver) -> None:
    message = stand.send(PHONE, stand.approved(), receiver.url + "?k=a%2Fb&x=1#rc=5&rp=all")
    wait_for(lambda: len(receiver.callbacks) == 3)

    assert message.status == "queued"
    assert receiver.statuses() == WAY
    assert {each.query for each in receiver.callbacks} == {"k=a%2Fb&x=1"}
    assert stand.client.messages(message.sid).fetch().status == "read"


def test_reports_carry_what_twilio_sends(stand: Stand, receiver: Receiver) -> None:
    message = stand.send(PHONE, stand.approved(), receiver.url)
    wait_for(lambda: len(receiver.callbacks) == 3)
    sent, delivered, read = (each.params for each in receiver.callbacks)

    always = {
        "SmsSid": message.sid,
        "MessageSid": message.sid,
        "AccountSid": stand.simulator.config.account_sid,
        "ApiVersion": "2010-04-01",
        "From": "whatsapp:+15550100000",
        "To": f"whatsapp:{PHONE}",
        "ChannelPrefix": "whatsapp",
        "ChannelToAddress": "+49170123XXXX",
    }
    install = {"ChannelInstallSid": "XE" + "0" * 32}
    assert sent == {**always, **install, "SmsStatus": "sent", "MessageStatus": "sent"}
    assert delivered == {
        **always,
        **install,
        "SmsStatus": "delivered",
        "MessageStatus": "delivered",
        "EventType": "DELIVERED",
    }
    assert read == {**always, "SmsStatus": "read", "MessageStatus": "read", "EventType": "READ"}


def test_reports_are_signed_over_the_address_without_fragment(stand: Stand, receiver: Receiver) -> None:
    stand.send(PHONE, stand.approved(), receiver.url + "?k=a%2Fb&x=#rc=5&rp=all")
    wait_for(lambda: len(receiver.callbacks) == 3)
    validator = RequestValidator(stand.simulator.config.auth_token)

    for each in receiver.callbacks:
        signature = each.headers["x-twilio-signature"]
        assert validator.validate(receiver.url + "?k=a%2Fb&x=", each.params, signature)
        assert not validator.validate(receiver.url + "?k=a%2Fb", each.params, signature)
        assert each.headers["content-type"] == "application/x-www-form-urlencoded; charset=UTF-8"


def test_a_default_port_is_not_signed() -> None:
    assert Target.read_from("https://x.example:443/a?b=1#rc=2").signed == "https://x.example/a?b=1"
    assert Target.read_from("http://x.example:8080/a").signed == "http://x.example:8080/a"


def test_by_default_an_error_answer_is_not_repeated(stand: Stand, receiver: Receiver) -> None:
    receiver.answers = [503]
    stand.send(PHONE, stand.approved(), receiver.url)
    wait_for(lambda: "read" in receiver.statuses())
    assert receiver.statuses().count("sent") == 1


def test_the_fragment_asks_for_repeats(stand: Stand, receiver: Receiver) -> None:
    receiver.answers = [503, 500]
    stand.send(PHONE, stand.approved(), receiver.url + "#rc=5&rp=5xx")
    wait_for(lambda: len(receiver.callbacks) == 5)

    tokens = [
        {each.headers["i-twilio-idempotency-token"] for each in receiver.callbacks if each.status == status}
        for status in WAY
    ]
    assert [len(each) for each in tokens] == [1, 1, 1]
    assert len(set.union(*tokens)) == 3


def test_only_the_kinds_that_were_asked_for_are_repeated(stand: Stand, receiver: Receiver) -> None:
    receiver.answers = [404]
    stand.send(PHONE, stand.approved(), receiver.url + "#rc=5&rp=5xx,rt")
    wait_for(lambda: "read" in receiver.statuses())
    assert receiver.statuses().count("sent") == 1


def test_repeats_end_after_rc(stand: Stand, receiver: Receiver) -> None:
    receiver.answers = [500] * 3
    stand.send("+12025550111", stand.approved(), receiver.url + "#rc=2&rp=all")
    wait_for(lambda: stand.simulator._courier.given_up == 1)
    assert receiver.statuses() == ["sent"] * 3


def test_a_refused_connection_is_tried_again_and_the_message_goes_on(stand: Stand) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        message = stand.send(PHONE, stand.approved(), f"http://127.0.0.1:{port}/")
        wait_for(lambda: stand.client.messages(message.sid).fetch().status == "read")
        wait_for(lambda: stand.simulator._courier.given_up == 3)


def test_overrides_are_read_and_kept_within_bounds() -> None:
    assert Overrides.read_from("") == Overrides()
    assert Overrides.read_from("rc=9&rp=ct,4xx,xx&ct=1&rt=99999&tt=2000&e=dublin") == Overrides(
        5, frozenset({"ct", "4xx"}), 0.1, 15.0, 2.0
    )
    assert Overrides.read_from("rc=x&rp=all") == Overrides(1, frozenset({"ct", "rt", "4xx", "5xx"}))


def test_a_failure_names_its_code(stand: Stand, receiver: Receiver) -> None:
    message = stand.send("+12025550102", stand.approved(), receiver.url)
    (failed,) = wait_for(lambda: receiver.callbacks)
    assert (failed.status, failed.params["ErrorCode"]) == ("failed", "63024")
    assert failed.params["ErrorMessage"] and failed.params["ChannelStatusMessage"]
    record = stand.client.messages(message.sid).fetch()
    assert (record.status, record.error_code) == ("failed", 63024)


def test_a_messaging_service_is_named_and_queues_first(stand: Stand, receiver: Receiver) -> None:
    service = "MG" + "a" * 32
    message = stand.send(PHONE, stand.approved(), receiver.url, messaging_service_sid=service, from_=None)
    assert (message.status, message.from_, message.num_segments) == ("accepted", None, "0")
    wait_for(lambda: len(receiver.callbacks) == 4)
    assert receiver.statuses() == ["queued", *WAY]
    assert {each.params["MessagingServiceSid"] for each in receiver.callbacks} == {service}
    assert stand.client.messages(message.sid).fetch().from_ == "whatsapp:+15550100000"


def test_faults_by_chance_touch_the_reports(run: Callable[..., Stand], receiver: Receiver) -> None:
    stand = run()
    content = stand.approved()
    stand.simulator.set_faults(callback_double=1.0)
    doubled = stand.send(PHONE, content, receiver.url)
    stand.simulator.set_faults(callback_shuffle=1.0)
    shuffled = stand.send(PHONE, content, receiver.url)
    stand.simulator.set_faults(callback_lost=1.0)
    lost = stand.send(PHONE, content, receiver.url)
    stand.simulator.set_faults(callback_delay=1.0)
    delayed = stand.send(PHONE, content, receiver.url)
    wait_for(lambda: len(receiver.callbacks) == 12)

    assert sorted(receiver.statuses(doubled.sid)) == sorted(WAY * 2)
    order = receiver.statuses(shuffled.sid)
    assert order.index("delivered") < order.index("sent")
    assert receiver.statuses(lost.sid) == []
    assert receiver.statuses(delayed.sid) == WAY
    assert stand.client.messages(lost.sid).fetch().status == "read"
