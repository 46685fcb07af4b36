"""What a campaign says of itself while it waits."""

from __future__ import annotations

import datetime as dt

import pytest
from tests.people import NOW, a_campaign, a_sender, an_event, some_guests

from cordially.invitations import ledger
from cordially.invitations.models import Sender
from cordially.invitations.progress import progress

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("limit", "says", "goes_on_after"),
    [
        ({"per_hour": 3}, "This hour’s 3 are used up. 2 wait", dt.timedelta(hours=1)),
        ({"per_hour": None, "per_day": 3}, "Today’s 3 people are used up. 2 wait", dt.timedelta(days=1)),
    ],
)
def test_a_used_up_window_is_named_with_the_time_when_it_opens(limit, says, goes_on_after):
    now, event, sender = NOW, an_event(), a_sender()
    campaign = a_campaign(some_guests(event, 5), sender)
    Sender.objects.filter(pk=sender.pk).update(**limit)
    assert ledger.take_lease(sender.pk, "worker", 10, now)
    assert progress(campaign, now).note == ""
    ledger.tick(sender.pk, "worker", limit=3, now=now)
    found = progress(campaign, now + dt.timedelta(minutes=1))
    opens = (now + goes_on_after).astimezone(event.zone)
    assert found.note == f"{says} and go on at {opens:%H:%M:%S} by themselves."
    assert found.seconds_left >= 0
    assert progress(campaign, now + goes_on_after + dt.timedelta(seconds=1)).note == ""
