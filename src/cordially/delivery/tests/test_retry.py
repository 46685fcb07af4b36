"""When to try again."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cordially.delivery.retry import BACKOFFS, LONGEST_ASKED, retry_in
from cordially.providers.errors import ErrorClass, Fault
from cordially.providers.twilio.codes import fault_for

RETRIED = st.sampled_from([ErrorClass.RETRY_SOON, ErrorClass.RETRY_LATER])


def fault(error_class: ErrorClass, code: int | None = 63018, **given: object) -> Fault:
    return Fault(error_class, "It did not work.", code, **given)


@pytest.mark.parametrize(
    ("error_class", "tries", "longest"),
    [
        (ErrorClass.RETRY_SOON, 1, 2),
        (ErrorClass.RETRY_SOON, 3, 8),
        (ErrorClass.RETRY_SOON, 9, 60),
        (ErrorClass.RETRY_LATER, 1, 60),
        (ErrorClass.RETRY_LATER, 3, 240),
        (ErrorClass.RETRY_LATER, 7, 3840),
    ],
)
def test_the_wait_doubles_up_to_a_ceiling_and_is_spread_over_all_of_it(error_class, tries, longest):
    waits = [retry_in(fault(error_class), tries, rng=random.Random(seed)) for seed in range(500)]
    assert 0 <= min(waits) < 0.1 * longest
    assert 0.9 * longest < max(waits) <= longest


@pytest.mark.parametrize("error_class", [ErrorClass.GUEST, ErrorClass.SENDER, ErrorClass.TEMPLATE])
@given(st.integers(1, 20), st.none() | st.floats(0, 1e5))
def test_what_a_person_must_mend_is_never_tried_again_by_itself(error_class, tries, retry_after):
    assert retry_in(fault(error_class), tries, retry_after=retry_after) is None


@pytest.mark.parametrize(("error_class", "most"), [(ErrorClass.RETRY_SOON, 10), (ErrorClass.RETRY_LATER, 24)])
def test_after_so_many_tries_a_person_decides(error_class, most):
    assert retry_in(fault(error_class), most - 1) is not None
    assert retry_in(fault(error_class), most) is None
    assert retry_in(fault(error_class), most + 1, retry_after=5.0) is None


@given(RETRIED, st.integers(1, 7), st.none() | st.floats(0, 1e5), st.randoms(use_true_random=False))
def test_what_the_provider_asked_for_is_the_least_and_the_ceiling_holds(error_class, tries, asked, rng):
    backoff = BACKOFFS[error_class]
    wait = retry_in(fault(error_class), tries, retry_after=asked, rng=rng)
    ceiling = min(backoff.longest, backoff.first * 2 ** (tries - 1))
    assert wait is not None
    least = min(asked or 0, LONGEST_ASKED)
    assert least <= wait <= max(ceiling, least)


@given(RETRIED, st.integers(1, 10_000))
def test_an_outage_of_any_length_fails_nobody(error_class, tries):
    assert retry_in(fault(error_class, code=None), tries) is not None


def test_a_failure_that_nobody_can_explain_is_tried_once_more():
    unexplained = fault_for(63011)
    assert retry_in(unexplained, 1) is not None
    assert retry_in(unexplained, 2) is None


def test_who_got_too_many_offers_is_asked_again_after_hours_and_never_in_america():
    spared = fault_for(63049)
    waits = [retry_in(spared, tries, "+972541234567") for tries in (1, 2, 3, 4)]
    assert all(wait and wait >= 1800 * 2**place for place, wait in enumerate(waits)), waits
    assert retry_in(spared, 5, "+972541234567") is None
    assert retry_in(spared, 1, "+12025550123") is None
