"""Events from what a person typed: the rules that the command line and the form share."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
import zoneinfo
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit

import phonenumbers
from babel.localedata import exists as locale_exists
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db import transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _

from cordially.lib.clock import now as clock_now

from .models import Event
from .places import country_of_zone

T = TypeVar("T")

#: as templates write it between double braces
_FIELD = re.compile(r"[^\W\d]\w{0,49}")
_LONGEST_FIELD = 500


class Changed(Exception):
    """Somebody else changed the event since it was shown. `event` is as it is now."""

    def __init__(self, event: Event) -> None:
        super().__init__(event.slug)
        self.event = event


@dataclass(frozen=True, kw_only=True)
class Typed:
    """What a person wrote about an event, nothing of it read yet.

    `starts` is ISO 8601 on the clock of the place; with an offset it is that instant. `answers_until` is a
    day like 2027-04-15, or nothing. Without a `country` it is the one that the zone is named by, or none
    (a zone like UTC). `fields` are the event's own template variables, name -> text; none of them may be
    one of `reserved`.
    """

    name: str
    starts: str
    timezone: str
    venue: str = ""
    map_url: str = ""
    country: str = ""
    language: str = "en"
    fields: Mapping[str, str] = field(default_factory=dict)
    answers_until: str = ""
    contact: str = ""
    reserved: Collection[str] = ()


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
    answers_until: str = "",
    contact: str = "",
) -> Event:
    """Store a new one; what the arguments are is said at `Typed`.

    Raises ValidationError whose messages are for the person, and stores nothing.
    """
    typed = Typed(
        name=name,
        starts=starts,
        timezone=timezone,
        venue=venue,
        map_url=map_url,
        country=country,
        language=language,
        fields=fields or {},
        answers_until=answers_until,
        contact=contact,
    )
    return make(typed, slug=slug)


def make(typed: Typed, *, slug: str = "", picture: str = "") -> Event:
    """Store a new event. Raises ValidationError with a sentence for each field that can't be read."""
    columns = read(typed, slug=slug)
    return Event.objects.create(**columns, picture=picture)


def change(event: Event, typed: Typed, *, seen: dt.datetime | None, picture: str | None = None) -> Event:
    """Store what was typed over what is there; its slug stays, because addresses hold it.

    `seen` is the `changed_at` that the person looked at; `picture` None keeps the one it has. Raises
    Changed when it was changed meanwhile, ValidationError as `make` does.
    """
    columns = read(typed, event=event)
    if picture is not None:
        columns["picture"] = picture
    with transaction.atomic():
        now = Event.objects.select_for_update().get(pk=event.pk)
        if seen != now.changed_at:
            raise Changed(now)
        for name, value in columns.items():
            setattr(now, name, value)
        now.changed_at = clock_now()
        now.save(update_fields=[*columns, "changed_at"])
    return now


def archive(event: Event) -> None:
    """Put it away. Nothing is deleted, and guests' links go on working."""
    Event.objects.filter(pk=event.pk, archived_at=None).update(archived_at=clock_now())


def restore(event: Event) -> None:
    Event.objects.filter(pk=event.pk).update(archived_at=None)


def read(typed: Typed, *, event: Event | None = None, slug: str = "") -> dict[str, Any]:
    """Column -> value. Raises ValidationError of all that is wrong, by the names of `Typed` (and `slug`)."""
    wrong = _Wrong()
    name = wrong.catch("name", lambda: _name(typed.name))
    zone = wrong.catch("timezone", lambda: _zone(typed.timezone))
    starts = wrong.catch("starts", lambda: instant(typed.starts, zone or zoneinfo.ZoneInfo("UTC")))
    until = wrong.catch("answers_until", lambda: _day(typed.answers_until))
    country = wrong.catch("country", lambda: _country(typed.country))
    columns = {
        "name": name,
        "starts_at": starts,
        "timezone": typed.timezone,
        "venue": wrong.catch("venue", lambda: _line(typed.venue, "venue", _("The venue"))),
        "map_url": wrong.catch("map_url", lambda: _web_address(typed.map_url)),
        "country": country or ("" if zone is None else country_of_zone(typed.timezone)),
        "language": wrong.catch("language", lambda: _language(typed.language)),
        "fields": wrong.catch("fields", lambda: _fields(typed.fields, typed.reserved)),
        "answers_until": until,
        "contact": wrong.catch("contact", lambda: _line(typed.contact, "contact", _("The name to ask"))),
    }
    if event is None:
        columns["slug"] = wrong.catch("slug", lambda: _free_slug(slug, name or ""))
    if until and starts and zone and until > starts.astimezone(zone).date():
        wrong.note("answers_until", _("This day is after the event. Choose one before it."))
    wrong.raise_any()
    return columns


class _Wrong:
    """What can't be read, by field."""

    def __init__(self) -> None:
        self.sentences: dict[str, list[str]] = {}

    def note(self, name: str, sentence: str) -> None:
        self.sentences.setdefault(name, []).append(sentence)

    def catch(self, name: str, act: Callable[[], T]) -> T | None:
        try:
            return act()
        except ValidationError as error:
            for sentence in error.messages:
                self.note(name, sentence)
            return None

    def raise_any(self) -> None:
        if self.sentences:
            raise ValidationError(self.sentences)


def _name(text: str) -> str:
    name = _line(text, "name", _("The name"))
    if not name:
        raise ValidationError(_("The event needs a name."))
    return name


def _line(text: str, column: str, what: str) -> str:
    """On one line, and no longer than its column."""
    # no database keeps a NUL
    line = " ".join(text.replace("\x00", "").split())
    longest = getattr(Event._meta.get_field(column), "max_length", 0)
    if len(line) > longest:
        raise ValidationError(
            _("%(what)s is too long: %(longest)d characters at most, and this has %(length)d.")
            % {"what": what, "longest": longest, "length": len(line)}
        )
    # raises UnicodeEncodeError for what is no text
    line.encode()
    return line


def _web_address(text: str) -> str:
    address = text.strip()
    if not address:
        return ""
    try:
        URLValidator(schemes=["http", "https"])(address)
        if len(address) > 500 or not urlsplit(address).hostname:
            raise ValueError(address)
    except (ValidationError, ValueError) as error:
        raise ValidationError(
            _("“%(text)s” is not a web address. Write the link to a map like https://maps.example.com/place.")
            % {"text": address[:100]}
        ) from error
    return address


def _zone(name: str) -> zoneinfo.ZoneInfo:
    try:
        return zoneinfo.ZoneInfo(name)
    except (ValueError, OSError, KeyError) as error:
        raise ValidationError(
            _("“%(name)s” is not a time zone. Write it like Asia/Jerusalem.") % {"name": name}
        ) from error


def instant(text: str, zone: zoneinfo.ZoneInfo) -> dt.datetime:
    """The instant that ISO 8601 says on the clock of the zone. Raises ValidationError for a person."""
    wrong = _("“%(text)s” is not a day and time. Write it like 2027-05-01T18:00.") % {"text": text}
    try:
        local = dt.datetime.fromisoformat(text)
        instant = (local if local.tzinfo else local.replace(tzinfo=zone)).astimezone(dt.UTC)
    # an overflow where the zone leads out of the years that there are
    except (ValueError, OverflowError) as error:
        raise ValidationError(wrong) from error
    if _is_day(text):
        raise ValidationError(
            _("“%(text)s” has no time of day. Write it like 2027-05-01T18:00.") % {"text": text}
        )
    if local.tzinfo is not None:
        return instant
    if instant.astimezone(zone).replace(tzinfo=None) != local:
        raise ValidationError(
            _("%(text)s doesn't exist in %(zone)s: the clock jumps over it that night.")
            % {"text": text, "zone": zone.key}
        )
    return instant


def _is_day(text: str) -> bool:
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _day(text: str) -> dt.date | None:
    if not text.strip():
        return None
    try:
        day = dt.date.fromisoformat(text.strip())
        if not 1 < day.year < 9999:
            raise ValueError(text)
    except ValueError as error:
        raise ValidationError(
            _("“%(text)s” is not a day. Write it like 2027-04-15.") % {"text": text}
        ) from error
    return day


def _language(text: str) -> str:
    """A language that dates can be written in."""
    code = text.strip()
    if not (code and len(code) <= 10 and locale_exists(code.replace("-", "_"))):
        raise ValidationError(
            _("“%(text)s” is not a language. Write it like en, he or pt-BR.") % {"text": text}
        )
    return code


def _fields(given: Mapping[str, str], reserved: Collection[str]) -> dict[str, str]:
    fields = {name: " ".join(value.replace("\x00", "").split()) for name, value in given.items()}
    for name, value in fields.items():
        if not _FIELD.fullmatch(name):
            raise ValidationError(
                _(
                    "“%(name)s” can't be a variable's name: use letters, digits and _, no digit first, 50 at most."
                )
                % {"name": name}
            )
        if name in reserved:
            raise ValidationError(
                _("The variable “%(name)s” is built in. Choose another name.") % {"name": name}
            )
        if not value:
            raise ValidationError(_("The variable “%(name)s” needs a value.") % {"name": name})
        if len(value) > _LONGEST_FIELD:
            raise ValidationError(
                _("The variable “%(name)s” is too long: %(longest)d characters at most.")
                % {"name": name, "longest": _LONGEST_FIELD}
            )
        # raises UnicodeEncodeError for what is no text
        value.encode()
    return fields


def _country(text: str) -> str:
    code = text.strip().upper()
    if code and code not in phonenumbers.SUPPORTED_REGIONS:
        raise ValidationError(
            _("“%(text)s” is not a country. Write its two letters, like IL.") % {"text": text}
        )
    return code


def _free_slug(wanted: str, name: str) -> str:
    """The slug that was asked for, or one of the name that nobody has yet."""
    if wanted:
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,60}", wanted):
            raise ValidationError(
                _("“%(wanted)s” can't be a short name: use letters, digits, _ and -, 60 at most.")
                % {"wanted": wanted}
            )
        if Event.objects.filter(slug=wanted).exists():
            raise ValidationError(
                _("There is an event “%(wanted)s” already. Choose another --slug.") % {"wanted": wanted}
            )
        return wanted
    plain = unicodedata.normalize("NFKD", name.replace("&", " "))
    base = slugify(plain)[:50] or "event"
    slug, number = base, 1
    while Event.objects.filter(slug=slug).exists():
        number += 1
        slug = f"{base}-{number}"
    return slug
