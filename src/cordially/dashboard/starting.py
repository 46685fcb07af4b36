"""When a campaign is to start, as the host typed it."""

from __future__ import annotations

import datetime as dt

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from cordially.events.creating import instant
from cordially.events.models import Event
from cordially.lib.clock import now as clock_now

#: a time that has just passed is now: the page was open for a moment
_JUST = dt.timedelta(minutes=2)
_FARTHEST = dt.timedelta(days=366)


def read_start(text: str, event: Event) -> dt.datetime:
    """An instant from `2027-05-01T10:00` on the event's clock. Raises ValidationError with a sentence."""
    if not text.strip():
        raise ValidationError(_("Choose a day and a time."))
    at = instant(text.strip(), event.zone)
    now = clock_now()
    if at < now - _JUST:
        raise ValidationError(_("This time has passed. Choose one that is still to come, or start now."))
    if at > now + _FARTHEST:
        raise ValidationError(_("This is more than a year away. Choose an earlier day."))
    return at
