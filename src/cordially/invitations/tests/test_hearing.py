"""Whether reports arrive, and why they don't."""

from __future__ import annotations

import datetime as dt

import pytest
from django.test import override_settings
from tests.people import NOW, a_campaign, a_sender, later, some_guests

from cordially.events.models import Event
from cordially.invitations import ledger
from cordially.invitations.hearing import Cause, hearing
from cordially.invitations.lifecycle import State
from cordially.invitations.models import Invitation, Sender, Source, StatusEvent


@pytest.fixture
def sender(event: Event) -> Sender:
    """Three messages left at noon and Twilio took them; a fourth was refused."""
    sender = a_sender()
    a_campaign(some_guests(event, 4), sender)
    for number, invitation in enumerate(Invitation.objects.order_by("pk")):
        Invitation.objects.filter(pk=invitation.pk).update(message_id=f"SM{number}" if number < 3 else None)
        StatusEvent.objects.create(
            invitation=invitation, attempt=1, status=State.SENDING, at=later(number), source=Source.ENGINE
        )
    return sender


def heard(sender: Sender, at: dt.datetime | None) -> Sender:
    Sender.objects.update(heard_at=at)
    sender.refresh_from_db()
    return sender


def test_in_the_first_minute_nothing_is_missed(sender: Sender) -> None:
    assert not hearing(sender, later(59)).is_bad
    assert hearing(sender, later(61)).unheard == 2


def test_messages_that_twilio_took_and_nobody_reported_on_are_counted(sender: Sender) -> None:
    found = hearing(sender, later(300))
    assert (found.unheard, found.since, found.heard_at) == (3, NOW, None)


def test_a_report_clears_what_left_before_it(sender: Sender) -> None:
    assert not hearing(heard(sender, later(10)), later(300)).is_bad
    found = hearing(heard(sender, later(1)), later(300))
    assert (found.unheard, found.since) == (1, later(2))


def test_yesterdays_silence_is_nobodys_trouble_today(sender: Sender) -> None:
    assert not hearing(sender, later(90_000)).is_bad


def test_another_senders_messages_are_not_its_own(sender: Sender) -> None:
    assert not hearing(a_sender(), later(300)).is_bad


@pytest.mark.parametrize(
    ("site", "real", "refused", "cause"),
    [
        ("https://invite.example.com", True, 0, Cause.SILENCE),
        ("https://invite.example.com", True, 2, Cause.SIGNATURE),
        ("http://127.0.0.1:8000", True, 2, Cause.ADDRESS),
        ("http://192.168.1.4:8000", True, 0, Cause.ADDRESS),
        ("http://[::1]:8000", True, 0, Cause.ADDRESS),
        ("http://laptop.local", True, 0, Cause.ADDRESS),
        ("http://laptop", True, 0, Cause.ADDRESS),
        ("http://8.8.8.8", True, 0, Cause.SILENCE),
        # at the simulator everything is of this machine
        ("http://127.0.0.1:8000", False, 0, Cause.SILENCE),
    ],
)
def test_the_likely_cause_is_named(sender: Sender, site: str, real: bool, refused: int, cause: str) -> None:
    if refused:
        ledger.refused(sender.account, refused, "The token differs.", later(5))
    sender.refresh_from_db()
    with override_settings(SITE_URL=site, USE_SIMULATOR=not real, TWILIO_API_URL=""):
        found = hearing(sender, later(300))
    assert (found.cause, found.refused, bool(found.why)) == (cause, refused, bool(refused))


def test_a_valid_report_forgets_the_refused_ones(sender: Sender) -> None:
    ledger.refused(sender.account, 2, "The token differs.", later(5))
    ledger.refused(sender.account, 1, "The token differs.", later(6))
    sender.refresh_from_db()
    assert (sender.refused_count, sender.refused_at) == (3, later(6))
    ledger.heard(sender.account, later(7))
    sender.refresh_from_db()
    assert sender.refused_count == 0
