"""From what the provider said to what the ledger should know."""

from __future__ import annotations

import pytest
from tests.people import NOW, later

from cordially.delivery import verdicts
from cordially.invitations.attempts import Attempt
from cordially.invitations.ledger import ERROR_REASON, SLOW_REASON, UNSURE_REASON
from cordially.invitations.lifecycle import State
from cordially.invitations.models import Source
from cordially.providers.base import Accepted, Refused, Unknown
from cordially.providers.errors import ErrorClass, Fault
from cordially.providers.events import Delivery, StatusUpdate

ATTEMPT = Attempt("0123456789ab", 7, 1)
PHONE = "+972541234567"


def fault(error_class: ErrorClass, code: int | None = 63018, **given: str) -> Fault:
    return Fault(error_class, "It did not work.", code, **given)


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (Accepted("SM1"), State.ACCEPTED),
        (Unknown("no answer came"), State.UNSURE),
        (Refused(fault(ErrorClass.RETRY_SOON)), State.QUEUED),
        (Refused(fault(ErrorClass.RETRY_LATER)), State.QUEUED),
        (Refused(fault(ErrorClass.SENDER)), State.QUEUED),
        (Refused(fault(ErrorClass.TEMPLATE)), State.QUEUED),
        (Refused(fault(ErrorClass.GUEST)), State.FAILED),
    ],
)
def test_every_outcome_leads_to_a_state(outcome, state):
    news = verdicts.of_outcome(ATTEMPT, outcome, NOW)
    assert (news.state, news.attempt, news.source, news.at) == (state, ATTEMPT, Source.ENGINE, NOW)


def test_what_was_taken_is_asked_about_when_no_callback_comes():
    news = verdicts.of_outcome(ATTEMPT, Accepted("SM1"), NOW)
    assert news.message_id == "SM1"
    assert news.look_at > later(5)


def test_what_got_no_answer_is_looked_up_soon_and_says_so():
    news = verdicts.of_outcome(ATTEMPT, Unknown("the line broke"), NOW)
    assert (news.reason, news.raw, news.look_at) == (UNSURE_REASON, "the line broke", later(2))


@pytest.mark.parametrize(
    ("why", "reason"),
    [
        ("the request went out and no answer came: time-out", SLOW_REASON),
        ("the request went out and no answer came: ServerTimeoutError", SLOW_REASON),
        ("Twilio answered 503", ERROR_REASON),
        ("the request went out and no answer came: ServerDisconnectedError", UNSURE_REASON),
    ],
)
def test_the_host_reads_why_it_is_checked(why, reason):
    assert verdicts.of_outcome(ATTEMPT, Unknown(why), NOW).reason == reason


def test_what_never_left_is_no_try():
    assert not verdicts.of_outcome(ATTEMPT, Refused(fault(ErrorClass.RETRY_SOON, code=None)), NOW).counts
    assert verdicts.of_outcome(ATTEMPT, Refused(fault(ErrorClass.RETRY_SOON)), NOW).counts


def test_what_was_refused_for_now_waits_as_long_as_the_provider_asked():
    news = verdicts.of_outcome(ATTEMPT, Refused(fault(ErrorClass.RETRY_SOON), retry_after=40.0), NOW)
    assert news.again(1, PHONE) == later(40)
    assert (news.code, news.error_class, news.reason) == (63018, "retry_soon", "It did not work. (63018)")


@pytest.mark.parametrize("error_class", [ErrorClass.SENDER, ErrorClass.TEMPLATE])
def test_nobody_waits_for_a_clock_when_a_person_must_mend_the_fault(error_class):
    news = verdicts.of_outcome(ATTEMPT, Refused(fault(error_class)), NOW)
    assert (news.due_at, news.again) == (None, None)


def test_after_too_many_tries_there_is_no_other_and_the_host_reads_what_to_do_instead():
    last = fault(ErrorClass.RETRY_SOON, cure="Nothing to do: Cordially tries again by itself.")
    news = verdicts.of_outcome(ATTEMPT, Refused(last), NOW)
    assert news.again(10, PHONE) is None
    assert news.reason.endswith("tries again by itself. (63018)")
    assert news.hopeless == f"It did not work. {verdicts.INSTEAD} (63018)"


def test_a_failure_tells_the_host_what_to_do_and_keeps_the_providers_words_to_the_log():
    told = fault(ErrorClass.GUEST, 63024, cure="Ask for another number.", detail="to=whatsapp:+972541234567")
    news = verdicts.of_outcome(ATTEMPT, Refused(told), NOW)
    assert news.reason == "It did not work. Ask for another number. (63024)"


def test_a_sentence_is_never_longer_than_its_column():
    news = verdicts.of_outcome(ATTEMPT, Refused(Fault(ErrorClass.GUEST, "x" * 500)), NOW)
    assert len(news.reason) == 300


@pytest.mark.parametrize("delivery", [Delivery.ACCEPTED, Delivery.SENT, Delivery.DELIVERED, Delivery.READ])
def test_a_callback_says_how_far_a_message_has_come(delivery):
    news = verdicts.of_update(StatusUpdate("SM1", delivery, "word", ATTEMPT.key), NOW, Source.CALLBACK)
    assert (news.state, news.message_id, news.attempt) == (State(delivery.value), "SM1", ATTEMPT)


def test_a_word_that_is_new_to_us_is_kept_and_never_guessed():
    news = verdicts.of_update(StatusUpdate("SM1", Delivery.UNKNOWN, "pondered"), NOW, Source.CALLBACK)
    assert (news.state, news.raw, news.attempt) == (None, "pondered", None)


@pytest.mark.parametrize(
    ("error_class", "state"),
    [
        (ErrorClass.GUEST, State.FAILED),
        (ErrorClass.RETRY_LATER, State.QUEUED),
        (ErrorClass.SENDER, State.QUEUED),
        (ErrorClass.TEMPLATE, State.QUEUED),
    ],
)
def test_a_message_that_fails_on_its_way_is_judged_like_one_that_was_refused(error_class, state):
    update = StatusUpdate("SM1", Delivery.FAILED, "undelivered", ATTEMPT.key, fault(error_class))
    assert verdicts.of_update(update, NOW, Source.CALLBACK).state == state


def test_a_failure_without_a_cause_still_has_a_sentence():
    update = StatusUpdate("SM1", Delivery.FAILED, "failed", ATTEMPT.key)
    news = verdicts.of_update(update, NOW, Source.CALLBACK)
    assert (news.state, news.reason) == (State.FAILED, "The message could not be delivered.")


def test_a_failure_whose_attempt_is_not_known_is_not_tried_again():
    update = StatusUpdate("SM1", Delivery.FAILED, "failed", "no key", fault(ErrorClass.RETRY_SOON))
    assert verdicts.of_update(update, NOW, Source.CALLBACK).state == State.FAILED
