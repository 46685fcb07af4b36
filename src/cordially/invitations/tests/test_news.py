"""What news does to a row: any order, repetition and delay ends in the same, true state."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.people import ACCOUNT, NOW, later

from cordially.invitations.attempts import Attempt, read_key
from cordially.invitations.lifecycle import LIVE, MOVES, OPEN, State
from cordially.invitations.models import Source
from cordially.invitations.news import News, Row, apply, fits
from cordially.providers.errors import ErrorClass, Fault

UID = "0123456789ab"
RANK = [State.ACCEPTED, State.SENT, State.DELIVERED, State.READ]


def a_row(
    state: State = State.SENDING, attempts: int = 1, message_id: str | None = None, **given: object
) -> Row:
    row = Row(
        id=7, campaign_id=1, sender_id=1, account=ACCOUNT, uid=UID, campaign_cancelled=False,
        phone="+972541234567", state=state,
        attempts=attempts, tries=0, message_id=message_id, code=None, error_class="", reason="", due_at=None,
        look_at=None,
        queued_at=NOW, accepted_at=None, sent_at=None, delivered_at=None, read_at=None, failed_at=None,
    )  # fmt: skip
    return dataclasses.replace(row, **given)


def news(state: State | None, number: int = 1, message_id: str | None = "SM1", **given: object) -> News:
    if state in (State.FAILED, State.QUEUED):
        given = {"code": 63024, "error_class": "guest", "reason": "Not on WhatsApp."} | given
    given = {"at": later(5), "source": Source.CALLBACK, "attempt": Attempt(UID, 7, number)} | given
    return News(state, message_id=message_id, **given)


ANSWER = news(State.ACCEPTED, source=Source.ENGINE)
words = st.sampled_from([State.SENT, State.DELIVERED, State.READ])


@given(st.lists(words, min_size=1), st.integers(0, 20))
def test_callbacks_in_any_order_end_in_the_furthest_station(told: list[State], answer_comes: int) -> None:
    row = a_row()
    heard = [news(word) for word in told]
    heard.insert(min(answer_comes, len(heard)), ANSWER)
    for item in heard:
        apply(item, row)
    assert row.state == max(told, key=RANK.index)
    assert row.message_id == "SM1"
    passed = [row.accepted_at, row.sent_at, row.delivered_at, row.read_at][: RANK.index(row.state) + 1]
    assert all(passed), "a station that it must have passed has no time"


def every_order(*words: State) -> Iterator[tuple[State, ...]]:
    """Everything that can be heard in up to four callbacks: subsets, repetitions, any order."""
    return itertools.chain.from_iterable(itertools.product(words, repeat=count) for count in range(1, 5))


def test_a_failure_stands_whenever_it_is_heard_unless_the_message_arrived() -> None:
    for told in every_order(*RANK, State.FAILED):
        row = a_row()
        for word in told:
            apply(news(word), row)
        if State.FAILED in told and not {State.DELIVERED, State.READ} & {*told}:
            assert (row.state, row.reason) == (State.FAILED, "Not on WhatsApp."), told
        else:
            assert row.state == max({*told} - {State.FAILED}, key=RANK.index), told


def test_a_failure_worth_another_try_waits_for_it_whatever_is_heard_late() -> None:
    for told in every_order(State.ACCEPTED, State.SENT, State.QUEUED):
        row = a_row()
        for word in told:
            apply(news(word, due_at=later(30) if word == State.QUEUED else None), row)
        if State.QUEUED in told:
            assert (row.state, row.due_at) == (State.QUEUED, later(30)), told
        else:
            assert row.state == max(told, key=RANK.index), told


@pytest.mark.parametrize("arrived", [State.DELIVERED, State.READ])
@pytest.mark.parametrize("late", [State.SENT, State.ACCEPTED, State.FAILED, State.QUEUED, State.UNSURE])
def test_what_arrived_is_never_undone(arrived: State, late: State) -> None:
    row = a_row(arrived, message_id="SM1", delivered_at=NOW, read_at=NOW)
    before = dataclasses.replace(row)
    assert not apply(news(late), row)
    assert row == before


def test_a_repeated_callback_changes_nothing_not_even_a_time() -> None:
    row = a_row()
    apply(news(State.DELIVERED), row)
    once = dataclasses.replace(row)
    assert not apply(news(State.DELIVERED, at=later(600)), row)
    assert row == once


def test_the_message_is_known_even_when_its_callback_comes_before_the_answer() -> None:
    row = a_row()
    apply(news(State.SENT), row)
    assert not apply(ANSWER, row)
    assert (row.state, row.message_id) == (State.SENT, "SM1")


def test_a_message_id_is_filled_in_without_a_move() -> None:
    row = a_row(State.ACCEPTED, message_id=None)
    assert not apply(news(State.ACCEPTED), row)
    assert row.message_id == "SM1"


def test_late_word_of_the_message_whose_failure_queued_it_again_is_ignored() -> None:
    row = a_row(State.QUEUED, message_id="SM1", due_at=later(30))
    before = dataclasses.replace(row)
    for word in (State.SENT, State.ACCEPTED, State.FAILED, State.QUEUED):
        assert not apply(news(word), row)
    assert row == before


def test_a_failed_one_that_arrived_after_all_is_delivered() -> None:
    row = a_row(State.FAILED, message_id="SM1", reason="Not on WhatsApp.", code=63024)
    assert apply(news(State.DELIVERED), row)
    assert (row.state, row.reason, row.code) == (State.DELIVERED, "", None)


def test_a_late_failure_of_an_earlier_message_says_nothing_about_the_newer_one() -> None:
    for state in (State.SENDING, State.UNSURE, State.ACCEPTED, State.SENT, State.QUEUED):
        row = a_row(state, attempts=2, message_id=None if state in OPEN else "SM2")
        before = dataclasses.replace(row)
        assert not apply(news(State.FAILED, number=1), row)
        assert not apply(news(State.QUEUED, number=1), row)
        assert row == before


def test_an_attempt_that_was_given_up_and_went_out_is_adopted_while_nothing_newer_is_under_way() -> None:
    row = a_row(State.QUEUED, attempts=2, due_at=later(30))
    assert apply(news(State.SENT, number=1), row)
    assert (row.state, row.message_id, row.due_at) == (State.SENT, "SM1", None)


@pytest.mark.parametrize("state", [State.SENDING, State.UNSURE])
def test_while_a_newer_request_may_be_under_way_its_own_answer_decides(state: State) -> None:
    row = a_row(state, attempts=2)
    assert not apply(news(State.SENT, number=1), row)
    assert (row.state, row.message_id) == (state, None)


@pytest.mark.parametrize("state", [State.SENDING, State.UNSURE, State.ACCEPTED, State.QUEUED])
def test_an_older_message_on_the_phone_is_the_truth_whatever_is_under_way(state: State) -> None:
    row = a_row(state, attempts=2)
    assert apply(news(State.DELIVERED, number=1), row)
    assert (row.state, row.message_id) == (State.DELIVERED, "SM1")


@pytest.mark.parametrize("state", list(State))
def test_a_word_that_is_new_to_us_changes_nothing(state: State) -> None:
    row = a_row(state, message_id="SM1")
    before = dataclasses.replace(row)
    assert not apply(news(None, raw="pondered"), row)
    assert row == before


def test_tries_are_counted_and_the_last_one_fails_and_says_how_many() -> None:
    row = a_row()
    waits = {1: later(3), 2: later(9)}
    for tries in (1, 2):
        row.state, row.attempts = State.SENDING, tries
        assert apply(news(State.QUEUED, tries, again=lambda n, phone: waits.get(n)), row)
        assert (row.state, row.due_at, row.tries) == (State.QUEUED, waits[tries], tries)
    row.state, row.attempts = State.SENDING, 3
    apply(news(State.QUEUED, 3, again=lambda n, phone: waits.get(n), hopeless="It is busy."), row)
    assert (row.state, row.due_at, row.reason) == (State.FAILED, None, "Tried 3 times. It is busy.")


def test_a_repeated_failure_is_one_try() -> None:
    row = a_row(State.SENT, message_id="SM1")
    told = news(State.QUEUED, again=lambda n, phone: later(3))
    assert apply(told, row)
    assert not apply(told, row)
    assert row.tries == 1


def test_an_outage_of_any_length_takes_no_try_away() -> None:
    row = a_row()
    for attempt in range(1, 30):
        row.state, row.attempts = State.SENDING, attempt
        unreachable = news(State.QUEUED, attempt, None, counts=False, again=lambda tries, phone: later(3))
        assert apply(unreachable, row)
    assert (row.state, row.tries) == (State.QUEUED, 0)


def test_a_cancelled_one_is_not_told_that_it_is_tried_again() -> None:
    row = a_row(State.SENT, message_id="SM1", campaign_cancelled=True)
    told = news(
        State.QUEUED, again=lambda tries, phone: later(3), hopeless="It did not work. Share the link."
    )
    assert apply(told, row)
    assert (row.state, row.reason) == (State.FAILED, "It did not work. Share the link.")


def test_what_was_never_requested_is_no_try() -> None:
    row = a_row()
    apply(news(State.QUEUED, message_id=None), row)
    assert row.tries == 0


def test_a_guest_who_meets_a_fault_that_the_host_resumed_after_fails_alone() -> None:
    at_fault = Fault(ErrorClass.TEMPLATE, "Twilio refused what was filled in.", 21656, one_guest=True)
    row = a_row()
    apply(news(State.QUEUED, message_id=None, code=21656, fault=at_fault), row)
    assert row.state == State.QUEUED, "the first time everybody waits"
    row.state, row.waved = State.SENDING, frozenset({21656})
    apply(news(State.QUEUED, message_id=None, code=21656, fault=at_fault), row)
    assert row.state == State.FAILED


def test_a_fault_that_is_never_one_guests_fails_nobody_however_often_the_host_resumes() -> None:
    at_fault = Fault(ErrorClass.TEMPLATE, "WhatsApp paused this template.", 63041)
    row = a_row(waved=frozenset({63041}))
    apply(news(State.QUEUED, message_id=None, code=63041, fault=at_fault), row)
    assert row.state == State.QUEUED


def test_a_refused_one_of_a_cancelled_campaign_is_not_tried_again() -> None:
    refused = news(State.QUEUED, due_at=later(3), message_id=None)
    for state in (State.SENDING, State.UNSURE):
        row = a_row(state, campaign_cancelled=True)
        assert apply(refused, row)
        assert (row.state, row.due_at) == (State.CANCELLED, None)


def test_a_message_of_a_cancelled_campaign_that_fails_on_its_way_has_failed() -> None:
    row = a_row(State.SENT, message_id="SM1", campaign_cancelled=True)
    assert apply(news(State.QUEUED, due_at=later(3)), row)
    assert (row.state, row.due_at, row.reason) == (State.FAILED, None, "Not on WhatsApp.")


def test_a_key_of_another_installation_fits_nothing() -> None:
    assert not fits(news(State.SENT, attempt=Attempt("f" * 12, 7, 1)), a_row())
    assert fits(news(State.SENT), a_row())
    assert fits(news(State.SENT, attempt=None), a_row())


def test_a_database_from_yesterdays_copy_learns_of_attempts_that_it_never_saw() -> None:
    row = a_row(State.QUEUED, attempts=0)
    assert apply(news(State.DELIVERED, number=2), row)
    assert (row.state, row.attempts) == (State.DELIVERED, 2)


all_news = st.builds(
    news,
    st.sampled_from([State.ACCEPTED, State.SENT, State.DELIVERED, State.READ, State.FAILED, State.QUEUED,
                     State.UNSURE, None]),
    st.integers(1, 3),
    st.sampled_from([None, "SM1", "SM2"]),
)  # fmt: skip


@given(st.sampled_from(list(State)), st.integers(0, 3), st.lists(all_news), st.booleans())
def test_no_news_makes_a_move_that_the_table_lacks(
    state: State, attempts: int, told: list[News], cancelled: bool
) -> None:
    row = a_row(state, attempts=attempts, campaign_cancelled=cancelled)
    for item in told:
        was = row.state
        if apply(item, row):
            assert row.state in MOVES[was]
        else:
            assert row.state == was


@pytest.mark.parametrize(
    "text",
    ["", "0123456789ab.7", "0123456789AB.7.1", "0123456789ab.7.1 ", "0123456789ab.-7.1", "0123456789ab.7.1.1",
     "0123456789ab.٧.1", "0123456789ab." + "9" * 19 + ".1", "0123456789ab.7.1\n"],
)  # fmt: skip
def test_what_is_no_key_of_ours_names_no_attempt(text: str) -> None:
    assert read_key(text) is None


def test_a_key_names_its_attempt() -> None:
    assert read_key(Attempt(UID, 7, 3).key) == Attempt(UID, 7, 3)


def test_what_is_under_way_or_has_arrived_is_live() -> None:
    assert OPEN <= LIVE
    assert not LIVE & {State.FAILED, State.CANCELLED, State.SKIPPED}
