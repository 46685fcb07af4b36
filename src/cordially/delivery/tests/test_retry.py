"""When to try again."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cordially.delivery.retry import BACKOFFS, retry_in
from cordially.providers.errors import ErrorClass

RETRIED = st.sampled_from([ErrorClass.RETRY_SOON, ErrorClass.RETRY_LATER])


@pytest.mark.parametrize(
    ("error_class", "attempts", "longest"),
    [
        (ErrorClass.RETRY_SOON, 1, 2),
        (ErrorClass.RETRY_SOON, 3, 8),
        (ErrorClass.RETRY_SOON, 9, 60),
        (ErrorClass.RETRY_LATER, 1, 60),
        (ErrorClass.RETRY_LATER, 3, 240),
        (ErrorClass.RETRY_LATER, 7, 3840),
    ],
)
def test_the_wait_doubles_up_to_a_ceiling_and_is_spread_over_all_of_it(error_class, attempts, longest):
    waits = [retry_in(error_class, attempts, rng=random.Random(seed)) for seed in range(500)]
    assert 0 <= min(waits) < 0.1 * longest
    assert 0.9 * longest < max(waits) <= longest


@pytest.mark.parametrize("error_class", [ErrorClass.GUEST, ErrorClass.SENDER, ErrorClass.TEMPLATE])
@given(st.integers(1, 20), st.none() | st.floats(0, 1e5))
def test_what_a_person_must_mend_is_never_tried_again_by_itself(error_class, attempts, retry_after):
    assert retry_in(error_class, attempts, retry_after) is None


@pytest.mark.parametrize(("error_class", "most"), [(ErrorClass.RETRY_SOON, 10), (ErrorClass.RETRY_LATER, 24)])
def test_after_so_many_attempts_a_person_decides(error_class, most):
    assert retry_in(error_class, most - 1) is not None
    assert retry_in(error_class, most) is None
    assert retry_in(error_class, most + 1, retry_after=5.0) is None


@given(RETRIED, st.integers(1, 7), st.none() | st.floats(0, 1e5), st.randoms(use_true_random=False))
def test_what_the_provider_asked_for_is_the_least_and_the_ceiling_holds(error_class, attempts, asked, rng):
    backoff = BACKOFFS[error_class]
    wait = retry_in(error_class, attempts, asked, rng)
    ceiling = min(backoff.longest, backoff.first * 2 ** (attempts - 1))
    assert wait is not None
    assert (asked or 0) <= wait <= max(ceiling, asked or 0)
