"""A demo event with sample guests, some of whom fail on purpose."""

from __future__ import annotations

import datetime as dt
from importlib import resources
from typing import TYPE_CHECKING

from cordially.lib.clock import now

if TYPE_CHECKING:
    from cordially.events.models import Event
    from cordially.guests.importing import ImportReport

NAME = "Maya & Arjun"
ZONE = "Asia/Jerusalem"


def ensure_event() -> None:
    """The demo event, unless there is an event already."""
    from cordially.events.models import Event

    if not Event.objects.exists():
        make_event()


def make_event() -> tuple[Event, ImportReport]:
    """A wedding half a year ahead, with the guests of `sample/guests.csv`."""
    from cordially.events.creating import create
    from cordially.guests.importing import import_guests

    day = now().date() + dt.timedelta(days=165)
    event = create(
        NAME,
        starts=f"{day.isoformat()}T18:30",
        timezone=ZONE,
        venue="The Orange Grove, 12 HaNadiv Street, Binyamina",
        country="US",
    )
    with resources.as_file(resources.files("cordially") / "sample" / "guests.csv") as path:
        report = import_guests(event, path)
    return event, report
