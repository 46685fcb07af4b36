"""A new event from what a person typed."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
import zoneinfo
from collections.abc import Mapping

import phonenumbers
from babel.localedata import exists as locale_exists
from django.core.exceptions import ValidationError
from django.utils.text import slugify

from .models import Event
from .places import country_of_zone

#: as templates write it between double braces
_FIELD = re.compile(r"[^\W\d]\w{0,49}")
_LONGEST_FIELD = 500


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
    fields: Mapping[str, str] | None = None,
) -> Event:
    """Store it. `starts` is ISO 8601 on the clock of the place; with an offset it is that instant.

    Without a `country` it is the one that the zone is named by, or none (a zone like UTC).
    `fields` are the event's own template variables, name -> text.

    Raises ValidationError whose messages are for the person, and stores nothing.
    """
    name = " ".join(name.split())
    if not name:
        raise ValidationError("The event needs a name.")
    zone = _zone(timezone)
    event = Event(
        name=name,
        starts_at=instant(starts, zone),
        timezone=timezone,
        venue=" ".join(venue.split()),
        map_url=map_url,
        country=_country(country) or country_of_zone(timezone),
        language=_language(language),
        slug=_free_slug(slug, name),
        fields=_fields(fields or {}),
    )
    _check(event)
    event.save()
    return event


def _zone(name: str) -> zoneinfo.ZoneInfo:
    try:
        return zoneinfo.ZoneInfo(name)
    except (ValueError, OSError, KeyError) as error:
        raise ValidationError(f"“{name}” is not a time zone. Write it like Asia/Jerusalem.") from error


def instant(text: str, zone: zoneinfo.ZoneInfo) -> dt.datetime:
    """The instant that ISO 8601 says on the clock of the zone. Raises ValidationError for a person."""
    try:
        local = dt.datetime.fromisoformat(text)
        instant = (local if local.tzinfo else local.replace(tzinfo=zone)).astimezone(dt.UTC)
    # an overflow where the zone leads out of the years that there are
    except (ValueError, OverflowError) as error:
        raise ValidationError(f"“{text}” is not a day and time. Write it like 2027-05-01T18:00.") from error
    if _is_day(text):
        raise ValidationError(f"“{text}” has no time of day. Write it like 2027-05-01T18:00.")
    if local.tzinfo is not None:
        return instant
    if instant.astimezone(zone).replace(tzinfo=None) != local:
        raise ValidationError(f"{text} doesn't exist in {zone.key}: the clock jumps over it that night.")
    return instant


def _is_day(text: str) -> bool:
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _language(text: str) -> str:
    """A language that dates can be written in."""
    code = text.strip()
    if not (code and len(code) <= 10 and locale_exists(code.replace("-", "_"))):
        raise ValidationError(f"“{text}” is not a language. Write it like en, he or pt-BR.")
    return code


def _fields(given: Mapping[str, str]) -> dict[str, str]:
    fields = {name: " ".join(value.split()) for name, value in given.items()}
    for name, value in fields.items():
        if not _FIELD.fullmatch(name):
            raise ValidationError(
                f"“{name}” can't be a variable's name: use letters, digits and _, no digit first, 50 at most."
            )
        if not value:
            raise ValidationError(f"The variable “{name}” needs a value.")
        if len(value) > _LONGEST_FIELD:
            raise ValidationError(f"The variable “{name}” is too long: {_LONGEST_FIELD} characters at most.")
        # raises UnicodeEncodeError for what is no text
        value.encode()
    return fields


def _check(event: Event) -> None:
    """What the model itself asks for, each sentence with the name of what it is about."""
    try:
        event.full_clean()
    except ValidationError as error:
        names = {"map_url": "The link to a map"}
        raise ValidationError(
            [
                f"{names.get(field, f'The {field}')}: {sentence}"
                for field, sentences in error.message_dict.items()
                for sentence in sentences
            ]
        ) from error


def _country(text: str) -> str:
    code = text.strip().upper()
    if code and code not in phonenumbers.SUPPORTED_REGIONS:
        raise ValidationError(f"“{text}” is not a country. Write its two letters, like IL.")
    return code


def _free_slug(wanted: str, name: str) -> str:
    """The slug that was asked for, or one of the name that nobody has yet."""
    if wanted:
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,60}", wanted):
            raise ValidationError(
                f"“{wanted}” can't be a short name: use letters, digits, _ and -, 60 at most."
            )
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
