"""The list changes in the middle of pressing Send, by somebody else's connection."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.db import OperationalError, connection
from tests.people import NOW, a_guest, a_template, some_guests

from cordially.guests.models import Guest
from cordially.invitations import campaigns
from cordially.invitations.lifecycle import State
from cordially.invitations.models import Campaign

pytestmark = pytest.mark.django_db(transaction=True)


def beside(change: Callable[[], object]) -> BaseException | None:
    """Do it on another connection, which waits for nobody for long. What it raised, if anything."""
    raised: list[BaseException] = []

    def work() -> None:
        try:
            with connection.cursor() as cursor:
                if connection.vendor == "postgresql":
                    cursor.execute("SET lock_timeout = '200ms'")
                else:
                    cursor.execute("PRAGMA busy_timeout = 200")
            change()
        except OperationalError as error:
            raised.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(20)
    assert not thread.is_alive()
    return raised[0] if raised else None


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], list[object]]:
    """Let this happen once, between the look at the fingerprint and the insert."""

    def arrange(change: Callable[[], object]) -> list[object]:
        seen: list[object] = []
        insert = campaigns._insert_invitations

        def with_a_change(*given: object) -> None:
            if not seen:
                seen.append(beside(change))
            insert(*given)

        monkeypatch.setattr(campaigns, "_insert_invitations", with_a_change)
        return seen

    return arrange


def send(event, sender, confirmed: int) -> Campaign:
    return campaigns.start_campaign(
        event,
        Guest.objects.filter(event=event),
        template=a_template("Dear {{guest_name}}, come!"),
        sender=sender,
        confirmed=confirmed,
    )


def test_who_was_confirmed_is_not_changed_before_they_are_queued(event, sender, meanwhile):
    some_guests(event, 2)
    seen = meanwhile(lambda: Guest.objects.filter(event=event).update(opted_out_at=NOW))
    campaign = send(event, sender, 2)
    assert isinstance(seen[0], OperationalError), "the rows were locked"
    assert campaigns.counts(campaign)[State.QUEUED] == 2


def test_who_comes_onto_the_list_at_that_moment_is_not_sent_unseen(event, sender, meanwhile):
    some_guests(event, 2)
    seen = meanwhile(lambda: a_guest(event, "Just arrived"))
    campaign = send(event, sender, 2)
    assert isinstance(seen[0], OperationalError), "nobody was let in"
    assert campaigns.counts(campaign)[State.QUEUED] == 2
