"""The wedding of the design and one household of it."""

import datetime as dt

import pytest
import time_machine

from cordially.events.models import Event
from cordially.guests.models import Guest


@pytest.fixture
def now():
    """Half a year before the wedding."""
    with time_machine.travel(dt.datetime(2026, 11, 22, 8, 58, tzinfo=dt.UTC), tick=False) as clock:
        yield clock


@pytest.fixture
def event(db) -> Event:
    return Event.objects.create(
        slug="maya-arjun",
        name="Maya & Arjun",
        starts_at=dt.datetime(2027, 5, 6, 15, 30, tzinfo=dt.UTC),
        timezone="Asia/Jerusalem",
        country="IL",
        venue="The Orange Grove, 12 HaNadiv Street",
    )


@pytest.fixture
def guest(event: Event) -> Guest:
    return Guest.objects.create(
        event=event, name="Sunita & Prakash", name_key="sunita & prakash", phone="+972541234567", party_size=4
    )
