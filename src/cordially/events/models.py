"""Event: what people are invited to."""

from __future__ import annotations

import datetime as dt
import zoneinfo

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone as clock
from django.utils.translation import gettext as _


def check_timezone(name: str) -> None:
    """Refuse what the zone database doesn't know."""
    try:
        zoneinfo.ZoneInfo(name)
    except (ValueError, OSError, KeyError) as error:
        raise ValidationError(
            _("“%(name)s” is not a time zone. Write it like Asia/Jerusalem.") % {"name": name}
        ) from error


class Event(models.Model):
    """A wedding, a birthday, a company party: one list of guests, one time, one place."""

    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    #: an instant; shown in `timezone`, always
    starts_at = models.DateTimeField()
    timezone = models.CharField(max_length=64, validators=[check_timezone])
    venue = models.CharField(max_length=200, blank=True)
    #: a link to a map; made from the venue when empty
    map_url = models.URLField(max_length=500, blank=True)
    #: ISO 3166 code that national numbers of this list are read with; without one, nobody guesses
    country = models.CharField(max_length=2, blank=True)
    language = models.CharField(max_length=10, default="en")
    #: the event's own template variables, name -> text
    fields = models.JSONField(default=dict, blank=True)
    #: the last day on which guests may answer, on the clock of the place; without one, until it starts
    answers_until = models.DateField(null=True, blank=True)
    #: whom guests ask when their page can't help any more, as they should read it
    contact = models.CharField(max_length=120, blank=True)
    #: name of a file among the pictures (see `pictures.py`), or nothing
    picture = models.CharField(max_length=80, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(default=clock.now)
    #: put away: out of the host's list, and nothing else; guests' links go on working
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["starts_at", "id"]

    def __str__(self) -> str:
        return self.name

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        return zoneinfo.ZoneInfo(self.timezone)

    @property
    def starts_local(self) -> dt.datetime:
        """When it starts, on the clock of the place."""
        return self.starts_at.astimezone(self.zone)

    @property
    def answers_close_at(self) -> dt.datetime:
        """The instant from which no answer is taken: the end of the last day, and never after the start."""
        if self.answers_until is None:
            return self.starts_at
        morning_after = self.answers_until + dt.timedelta(days=1)
        end = dt.datetime.combine(morning_after, dt.time(), self.zone)
        return min(end.astimezone(dt.UTC), self.starts_at)
