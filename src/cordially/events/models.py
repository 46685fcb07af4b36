"""Event: what people are invited to."""

from __future__ import annotations

import datetime as dt
import zoneinfo

from django.core.exceptions import ValidationError
from django.db import models


def check_timezone(name: str) -> None:
    """Refuse what the zone database doesn't know."""
    try:
        zoneinfo.ZoneInfo(name)
    except (ValueError, OSError, KeyError) as error:
        raise ValidationError(f"“{name}” is not a time zone. Write it like Asia/Jerusalem.") from error


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
    created_at = models.DateTimeField(auto_now_add=True)

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
