from __future__ import annotations

import time
from collections.abc import Callable

import phonenumbers
import pytest
import requests
from twilio.base.exceptions import TwilioRestException

from cordially.providers.simulator.magic import MAGIC_NUMBERS, PREFIX

from .conftest import Receiver, Stand, wait_for

WAY = ["sent", "delivered", "read"]


class Desk:
    def __init__(self, stand: Stand, receiver: Receiver) -> None:
        self.stand, self.receiver = stand, receiver
        self.content = stand.approved()

    def send(self, suffix: str) -> str:
        return str(self.stand.send(PREFIX + suffix, self.content, self.receiver.url).sid)

    def refusal(self, suffix: str) -> tuple[int, int]:
        with pytest.raises(TwilioRestException) as raised:
            self.send(suffix)
        return raised.value.status, raised.value.code

    def created(self) -> int:
        return len(self.stand.simulator.record.messages())

    def reported(self, sid: str, number: int) -> list[str]:
        wait_for(lambda: len(self.receiver.statuses(sid)) >= number)
        return self.receiver.statuses(sid)


@pytest.fixture
def desk(stand: Stand, receiver: Receiver) -> Desk:
    return Desk(stand, receiver)


def test_every_number_passes_as_a_valid_one() -> None:
    for magic in MAGIC_NUMBERS:
        assert phonenumbers.is_valid_number(phonenumbers.parse(magic.number))
    assert [magic.suffix for magic in MAGIC_NUMBERS] == [f"{n:02}" for n in range(1, 19)]


@pytest.mark.parametrize(
    ("suffix", "refusal"), [("01", (400, 21211)), ("03", (400, 21610)), ("16", (400, 63007))]
)
def test_some_are_refused_for_ever(desk: Desk, suffix: str, refusal: tuple[int, int]) -> None:
    assert [desk.refusal(suffix), desk.refusal(suffix)] == [refusal, refusal]
    assert desk.created() == 0


@pytest.mark.parametrize(
    ("suffix", "reports", "code"),
    [
        ("02", ["failed"], 63024),
        ("10", ["sent", "delivered"], None),
        ("11", ["sent"], None),
        ("15", ["sent", "undelivered"], 63016),
        ("17", ["failed"], 63027),
    ],
)
def test_some_end_early(desk: Desk, suffix: str, reports: list[str], code: int | None) -> None:
    sid = desk.send(suffix)
    assert desk.reported(sid, len(reports)) == reports
    record = desk.stand.client.messages(sid).fetch()
    assert (record.status, record.error_code) == (reports[-1], code)
    wait_for(lambda: not desk.stand.simulator._store.unfinished())  # nothing more will come


def test_04_is_busy_three_times(desk: Desk) -> None:
    def waits() -> list[str | None]:
        return [
            _post(desk, "04").headers.get("Retry-After"),
            _post(desk, "04").headers.get("Retry-After"),
        ]

    assert waits() == ["1", None]
    assert desk.refusal("04") == (429, 20429)
    assert desk.created() == 0
    assert desk.reported(desk.send("04"), 3) == WAY
    assert desk.refusal("04") == (429, 20429)  # and the next message meets it again


def test_05_breaks_once_and_creates_nothing(desk: Desk) -> None:
    assert desk.refusal("05") == (500, 20500)
    assert desk.created() == 0
    assert desk.reported(desk.send("05"), 3) == WAY


def test_06_loses_the_answer_but_delivers(desk: Desk) -> None:
    with pytest.raises(requests.ConnectionError):
        desk.send("06")
    (message,) = desk.stand.simulator.record.messages()
    assert desk.reported(message.sid, 3) == WAY
    assert [each.sid for each in desk.stand.client.messages.list(to=message.to)] == [message.sid]


def test_07_reports_twice(desk: Desk) -> None:
    assert sorted(desk.reported(desk.send("07"), 6)) == sorted(WAY * 2)


def test_08_reports_delivered_before_sent(desk: Desk) -> None:
    reports = desk.reported(desk.send("08"), 3)
    assert reports.index("delivered") < reports.index("sent")


def test_09_is_delivered_without_a_word(desk: Desk) -> None:
    sid = desk.send("09")
    wait_for(lambda: desk.stand.client.messages(sid).fetch().status == "read")
    assert desk.receiver.statuses(sid) == []


def test_12_answers_late(desk: Desk) -> None:
    start = time.monotonic()
    sid = desk.send("12")
    assert time.monotonic() - start >= desk.stand.simulator.config.slow_seconds
    assert desk.reported(sid, 3) == WAY


def test_13_is_throttled_once(desk: Desk) -> None:
    first = desk.send("13")
    assert desk.reported(first, 1) == ["failed"]
    assert desk.receiver.callbacks[-1].params["ErrorCode"] == "63018"
    assert desk.reported(desk.send("13"), 3) == WAY


def test_14_loses_the_request_once(desk: Desk) -> None:
    with pytest.raises(requests.ConnectionError):
        desk.send("14")
    assert desk.created() == 0
    assert desk.reported(desk.send("14"), 3) == WAY


def test_18_meets_a_gateway_once(desk: Desk) -> None:
    answer = _post(desk, "18")
    assert (answer.status_code, answer.headers["Content-Type"]) == (502, "text/html; charset=utf-8")
    assert desk.created() == 0
    assert desk.reported(desk.send("18"), 3) == WAY


@pytest.mark.parametrize(
    ("fault", "created"), [("refuse_429", {0}), ("error_500", {0, 1}), ("lost_answer", {1}), ("slow", {1})]
)
def test_faults_by_chance(
    run: Callable[..., Stand], receiver: Receiver, fault: str, created: set[int]
) -> None:
    desk = Desk(run(slow_seconds=0.01), receiver)
    desk.stand.simulator.set_faults(**{fault: 1.0})
    outcomes = set()
    for _ in range(12):
        before = desk.created()
        try:
            desk.stand.send("+491701234567", desk.content)
            assert fault == "slow"
        except TwilioRestException as error:
            assert (fault, error.status) in {("refuse_429", 429), ("error_500", 500)}
        except requests.ConnectionError:
            assert fault == "lost_answer"
        outcomes.add(desk.created() - before)
    assert outcomes == created


def _post(desk: Desk, suffix: str) -> requests.Response:
    config = desk.stand.simulator.config
    with requests.Session() as session:
        session.trust_env = False
        return session.post(
            f"{desk.stand.base}/2010-04-01/Accounts/{config.account_sid}/Messages.json",
            data={
                "To": f"whatsapp:{PREFIX}{suffix}",
                "From": f"whatsapp:{config.sender}",
                "ContentSid": desk.content,
            },
            auth=(config.account_sid, config.auth_token),
            timeout=10,
        )
