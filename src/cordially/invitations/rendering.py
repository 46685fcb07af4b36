"""From a template with named variables to the words that one guest reads.

Nothing of a template or of a value is ever executed: a variable is a name between double braces, and it is
replaced by text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

from babel.dates import format_date, format_time
from babel.localedata import exists as locale_exists
from django.conf import settings

from cordially.events.models import Event
from cordially.guests.models import Guest

VARIABLE = re.compile(r"\{\{\s*([^\W\d]\w*)\s*\}\}")

#: always there, whatever the list has
BUILT_IN = ("guest_name", "event_name", "event_date", "event_location", "rsvp_link")
#: built in, and never empty
_NEVER_EMPTY = frozenset({"guest_name", "event_name", "event_date", "rsvp_link"})

#: what a template shows where there is no guest: real-looking, nobody's
SAMPLES = {
    "guest_name": "Sunita",
    "event_name": "Maya & Arjun",
    "event_date": "Thursday, 6 May 2027, 18:30",
    "event_location": "The Orange Grove, Binyamina",
    "rsvp_link": "https://invite.example.com/r/8Vq2ZkM1",
}

_BREAKS = re.compile(r"[\x00-\x20\x7f\u00a0\u202f\u2028\u2029]+")


def variables(body: str) -> tuple[str, ...]:
    """The names that a text uses, in the order of their first appearance."""
    return tuple(dict.fromkeys(VARIABLE.findall(body)))


def clean(value: object) -> str:
    """A value as WhatsApp takes it: one line, no tabs, no runs of spaces."""
    return _BREAKS.sub(" ", str(value)).strip()


def event_date(event: Event, language: str) -> str:
    """The day and hour in the event's zone, written in that language: `Saturday, 1 May 2027, 18:00`."""
    plain = language.replace("-", "_")
    # English without a country is not American for it
    at_home = f"{plain}_{event.country or ('GB' if plain == 'en' else '')}"
    wanted = (plain,) if "_" in plain else (at_home, plain)
    locale = next(filter(locale_exists, wanted), "en_GB")
    start = event.starts_local
    day, clock = format_date(start, "full", locale=locale), format_time(start, "short", locale=locale)
    return clean(f"{day}, {clock}")


def personal_link(token: str) -> str:
    """The address of a guest's own page."""
    return f"{settings.SITE_URL}/r/{quote(token)}"


def event_values(event: Event, language: str) -> dict[str, str]:
    """What every guest of an event shares."""
    own = {name: clean(value) for name, value in event.fields.items()}
    return own | {
        "event_name": clean(event.name),
        "event_date": event_date(event, language),
        "event_location": clean(event.venue),
    }


def guest_values(
    shared: Mapping[str, str], name: str, token: str, fields: Mapping[str, object]
) -> dict[str, str]:
    """Everything that may stand in one guest's message. The guest's own field wins over the event's."""
    own = {key: clean(value) for key, value in fields.items() if clean(value)}
    built_in = {key: shared[key] for key in ("event_name", "event_date", "event_location")}
    return {**shared, **own, **built_in, "guest_name": clean(name), "rsvp_link": personal_link(token)}


def values_for(event: Event, guest: Guest) -> dict[str, str]:
    """Name -> text for one guest of one event."""
    return guest_values(event_values(event, event.language), guest.name, guest.token, guest.fields)


def parts(body: str, values: Mapping[str, str]) -> list[tuple[str, bool]]:
    """The filled text in pieces: (text, whether it came from a variable). Unknown names stay as written."""
    pieces: list[tuple[str, bool]] = []
    end = 0
    for match in VARIABLE.finditer(body):
        if match.start() > end:
            pieces.append((body[end : match.start()], False))
        pieces.append((values.get(match[1]) or match[0], True))
        end = match.end()
    if end < len(body):
        pieces.append((body[end:], False))
    return pieces


def fill(body: str, values: Mapping[str, str]) -> str:
    """The text as the guest reads it."""
    return "".join(text for text, _ in parts(body, values))


def always_filled(name: str, event: Event) -> bool:
    """Whether every guest of the event surely has a value for this variable."""
    if name in _NEVER_EMPTY:
        return True
    if name == "event_location":
        return bool(clean(event.venue))
    return bool(clean(event.fields.get(name, "")))
