"""A new event from what a person typed."""

from __future__ import annotations

import datetime as dt
import unicodedata
import zoneinfo

from django.core.exceptions import ValidationError
from django.utils.text import slugify

from .models import Event

#: country that a zone's lists are most likely read with; anything else must be said
_COUNTRIES = {
    "Asia/Jerusalem": "IL", "Asia/Tel_Aviv": "IL", "Europe/London": "GB", "Europe/Paris": "FR",
    "Europe/Berlin": "DE", "Europe/Madrid": "ES", "Europe/Lisbon": "PT", "Europe/Rome": "IT",
    "Asia/Kolkata": "IN", "Asia/Calcutta": "IN", "Asia/Tokyo": "JP", "Asia/Dubai": "AE",
    "America/Sao_Paulo": "BR", "America/Mexico_City": "MX", "America/New_York": "US",
    "America/Chicago": "US", "America/Denver": "US", "America/Los_Angeles": "US", "Australia/Sydney": "AU",
}  # fmt: skip


def create(
    name: str,
    *,
    starts: str,
    timezone: str,
    venue: str = "",
    map_url: str = "",
    country: str = "",
    language: str = "en",
    slug: str = "",
) -> Event:
    """Store it. `starts` is ISO 8601 on the clock of the place; with an offset it is that instant.

    Raises ValidationError whose messages are for the person, and stores nothing.
    """
    name = " ".join(name.split())
    if not name:
        raise ValidationError("The event needs a name.")
    zone = _zone(timezone)
    event = Event(
        name=name,
        starts_at=_instant(starts, zone),
        timezone=timezone,
        venue=" ".join(venue.split()),
        map_url=map_url,
        country=_country(country) or _COUNTRIES.get(timezone, "IL"),
        language=language,
        slug=_free_slug(slug, name),
    )
    event.full_clean()
    event.save()
    return event


def _zone(name: str) -> zoneinfo.ZoneInfo:
    try:
        return zoneinfo.ZoneInfo(name)
    except (ValueError, OSError, KeyError) as error:
        raise ValidationError(f"“{name}” is not a time zone. Write it like Asia/Jerusalem.") from error


def _instant(text: str, zone: zoneinfo.ZoneInfo) -> dt.datetime:
    try:
        local = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise ValidationError(f"“{text}” is not a day and time. Write it like 2027-05-01T18:00.") from error
    if local.tzinfo is not None:
        return local.astimezone(dt.UTC)
    instant = local.replace(tzinfo=zone).astimezone(dt.UTC)
    if instant.astimezone(zone).replace(tzinfo=None) != local:
        raise ValidationError(f"{text} doesn't exist in {zone.key}: the clock jumps over it that night.")
    return instant


def _country(text: str) -> str:
    code = text.strip().upper()
    if code and not (len(code) == 2 and code.isascii() and code.isalpha()):
        raise ValidationError(f"“{text}” is not a country. Write its two letters, like IL.")
    return code


def _free_slug(wanted: str, name: str) -> str:
    """The slug that was asked for, or one of the name that nobody has yet."""
    if wanted:
        if Event.objects.filter(slug=wanted).exists():
            raise ValidationError(f"There is an event “{wanted}” already. Choose another --slug.")
        return wanted
    plain = unicodedata.normalize("NFKD", name.replace("&", " "))
    base = slugify(plain)[:50] or "event"
    slug, number = base, 1
    while Event.objects.filter(slug=slug).exists():
        number += 1
        slug = f"{base}-{number}"
    return slug
