"""Duties: one has them, another steps in."""

from __future__ import annotations

import datetime as dt

import pytest
from tests.people import NOW

from cordially.invitations import duties
from cordially.invitations.models import Duty

pytestmark = pytest.mark.django_db


def after(seconds: float) -> dt.datetime:
    return NOW + dt.timedelta(seconds=seconds)


def test_one_has_it_and_keeps_it() -> None:
    assert duties.take("sweep", "a", 10, NOW)
    assert not duties.take("sweep", "b", 10, after(9))
    assert duties.take("sweep", "a", 10, after(9))
    assert not duties.take("sweep", "b", 10, after(18))
    assert duties.take("other", "b", 10, NOW)


def test_another_steps_in_when_it_ran_out_or_its_holder_is_dead() -> None:
    assert duties.take("sweep", "a", 10, NOW)
    assert duties.take("sweep", "b", 10, NOW, dead=["a"])
    assert duties.take("sweep", "c", 10, after(11))
    assert not duties.take("sweep", "b", 10, after(12))


def test_a_clock_that_ran_ahead_keeps_nobody_waiting() -> None:
    assert duties.take("sweep", "a", 10, after(3600))
    assert duties.take("sweep", "b", 10, NOW)


def test_what_is_given_back_is_free_and_what_ran_out_is_forgotten() -> None:
    duties.take("sweep", "a", 10, NOW)
    duties.take("other", "b", 10, NOW)
    duties.give_back("a")
    assert duties.take("sweep", "b", 10, NOW)
    duties.forget(after(30))
    assert Duty.objects.count() == 2
    duties.forget(after(3700))
    assert not Duty.objects.exists()
