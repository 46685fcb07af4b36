from __future__ import annotations

from collections.abc import Callable

import pytest
from twilio.base.exceptions import TwilioRestException

from cordially.providers.simulator import limits, store
from cordially.providers.simulator.limits import Door, Verdict, most_in_a_second

from .conftest import Receiver, Stand, wait_for


def arrive(door: Door, now: float) -> Verdict:
    verdict = door.arrive(now)
    if verdict is not Verdict.REFUSE:
        door.took("x", now, 0)
    return verdict


def test_a_second_holds_no_more_than_the_limit() -> None:
    door = Door(3)
    verdicts = [arrive(door, 10 + number / 100) for number in range(8)]
    assert verdicts == [Verdict.TAKE] * 3 + [Verdict.REFUSE] * 3 + [Verdict.DROP] * 2


def test_the_second_slides() -> None:
    door = Door(2)
    assert [arrive(door, now) for now in (0.0, 0.9, 0.99, 1.0, 1.5, 1.95)] == [
        Verdict.TAKE,
        Verdict.TAKE,
        Verdict.REFUSE,
        Verdict.TAKE,
        Verdict.REFUSE,
        Verdict.TAKE,
    ]


def test_without_a_limit_everything_is_taken() -> None:
    door = Door(0)
    assert {arrive(door, 1.0) for _ in range(1000)} == {Verdict.TAKE}
    assert len(door.arrivals) == 1000


def test_the_busiest_second_is_found() -> None:
    assert most_in_a_second([]) == 0
    assert most_in_a_second([0.0, 0.5, 1.0, 1.2, 1.4, 3.0]) == 4
    assert most_in_a_second([0.0, 1.0, 2.0]) == 1


def test_too_fast_is_refused_and_much_too_fast_fails_later(
    run: Callable[..., Stand], receiver: Receiver
) -> None:
    stand = run(per_second=2)
    content = stand.approved()
    outcomes = []
    for number in range(5):
        try:
            outcomes.append(stand.send(f"+49170123456{number}", content, receiver.url).sid[:2])
        except TwilioRestException as error:
            outcomes.append(f"{error.status}/{error.code}")
    assert outcomes == ["MM", "MM", "429/20429", "429/20429", "MM"]
    wait_for(lambda: "failed" in receiver.statuses())
    failed = next(each for each in receiver.callbacks if each.status == "failed")
    assert failed.params["ErrorCode"] == "63018"
    assert len(stand.simulator.record.arrivals["+15550100000"]) == 5
    assert stand.simulator.record.most_in_a_second("+15550100000") == 5


def test_the_same_guest_too_soon_fails_later(run: Callable[..., Stand], receiver: Receiver) -> None:
    stand = run(pair_seconds=60)
    content = stand.approved()
    stand.send("+491701234567", content)
    stand.send("+491701234568", content)
    again = stand.send("+491701234567", content, receiver.url)
    wait_for(lambda: receiver.statuses(again.sid) == ["failed"])


def test_each_sender_has_its_own_limit(run: Callable[..., Stand]) -> None:
    stand = run(per_second=1, senders=("+15550100000", "+15550100001"))
    content = stand.approved()
    stand.send("+491701234567", content)
    stand.send("+491701234567", content, from_="whatsapp:+15550100001")
    with pytest.raises(TwilioRestException):
        stand.send("+491701234567", content)


def test_arrivals_are_not_remembered_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_ARRIVALS", 5)
    monkeypatch.setattr(store, "MOST_ARRIVALS", 5)
    monkeypatch.setattr(store, "_TIDIED_EVERY", 4)
    door, record = limits.Door(0), store.Store(None)
    for n in range(20):
        door.arrive(float(n))
        record.add_arrival("+15550100000", float(n))
    assert list(door.arrivals) == record.arrivals("+15550100000") == [15.0, 16.0, 17.0, 18.0, 19.0]
