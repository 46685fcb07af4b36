"""From a text with named variables to the words that one guest reads.

Nothing of a template or of a value is ever executed: a variable is a name between double braces, and it is
replaced by text. After a bar stands what is read where a guest has no value: `{{hall|the garden}}`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import quote

from babel import Locale
from babel.dates import format_date, format_time
from babel.localedata import exists as locale_exists
from django.conf import settings

from cordially.events.models import Event
from cordially.guests.models import Guest
from cordially.lib.marking import noop

from . import languages

VARIABLE = re.compile(r"\{\{\s*([^\W\d]\w*)\s*(?:\|([^{}|]*))?\}\}")

#: the value of the link button: what stands after the address of all personal pages
LINK_TOKEN = "rsvp_token"


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """A variable that is there for every guest of every event."""

    name: str
    of: str  # "guest" or "event"
    means: str
    #: real-looking and nobody's: what stands where there is no guest, and what WhatsApp's reviewers read
    sample: str
    never_empty: bool = True


#: the whole documented set, in the order in which the editor offers it
BUILT_IN: tuple[BuiltIn, ...] = (
    BuiltIn("guest_name", "guest", noop("The name as it is on the list"), "Sunita Deshpande"),
    BuiltIn("first_name", "guest", noop("The first word of the name"), "Sunita"),
    BuiltIn("party_size", "guest", noop("How many people the invitation is for"), "2"),
    BuiltIn("group", "guest", noop("The group on the list"), "Family", never_empty=False),
    BuiltIn("rsvp_link", "guest", noop("The address of the guest’s own page"), "https://invite.example.com/r/8Vq2ZkM1"),
    BuiltIn("event_name", "event", noop("The name of the event"), "Maya & Arjun"),
    BuiltIn("event_date", "event", noop("The day, in the event’s zone and the text’s language"), "Thursday, 6 May 2027"),
    BuiltIn("event_time", "event", noop("The hour, in the event’s zone and the text’s language"), "18:30"),
    BuiltIn("event_when", "event", noop("Day and hour together"), "Thursday, 6 May 2027, 18:30"),
    BuiltIn("event_location", "event", noop("The place"), "The Orange Grove, Binyamina", never_empty=False),
    BuiltIn("map_link", "event", noop("A link to the place on a map"), "https://maps.example.com/1", never_empty=False),
)  # fmt: skip
NAMES: frozenset[str] = frozenset(each.name for each in BUILT_IN) | {LINK_TOKEN}
SAMPLES: dict[str, str] = {each.name: each.sample for each in BUILT_IN} | {LINK_TOKEN: "8Vq2ZkM1"}

_BY_NAME = {each.name: each for each in BUILT_IN}
#: control characters, and all that is a space or a line break in some script
_BREAKS = re.compile(r"[\x00-\x20\x7f-\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")
#: letters and symbols that look like nothing
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")


class Slot(NamedTuple):
    """A place to fill: a name, and what is read where a guest has no value. Each slot is one of Twilio's numbers."""

    name: str
    fallback: str = ""

    @classmethod
    def read(cls, key: str) -> Slot:
        """From the form in which it is stored: `hall` or `hall|the garden`."""
        name, _, fallback = key.partition("|")
        return cls(name, fallback)

    @property
    def key(self) -> str:
        return f"{self.name}|{self.fallback}" if self.fallback else self.name

    def value(self, values: Mapping[str, str]) -> str:
        return values.get(self.name) or self.fallback


def slot_of(match: re.Match[str]) -> Slot:
    return Slot(match[1], clean(match[2] or ""))


def slots(*texts: str) -> tuple[Slot, ...]:
    """What these texts need, each once, in the order of their first appearance."""
    return tuple(dict.fromkeys(slot_of(match) for text in texts for match in VARIABLE.finditer(text)))


def numbered(text: str, order: tuple[Slot, ...]) -> str:
    """As the provider stores it: `{{1}}` for the first slot of `order`."""
    return VARIABLE.sub(lambda match: f"{{{{{order.index(slot_of(match)) + 1}}}}}", text)


def clean(value: object) -> str:
    """A value as WhatsApp takes it: one line, no tabs, no runs of spaces; empty when nothing can be seen of it."""
    text = _BREAKS.sub(" ", str(value)).strip()
    return text if _says_something(text) else ""


def _says_something(word: str) -> bool:
    """`word`: without spaces at its ends."""
    return bool(word) and (word.isascii() or any(map(_is_seen, word)))


def _is_seen(char: str) -> bool:
    # marks that turn the direction or join letters (C…), and accents without a letter (M…), are nothing alone
    return unicodedata.category(char)[0] not in "CMZ" and char not in _BLANK


def _locale(event: Event, language: str) -> Locale:
    plain = language.replace("-", "_")
    # English without a country is not American for it
    at_home = f"{plain}_{event.country or ('GB' if plain == 'en' else '')}"
    return Locale.parse(at_home) if "_" not in plain and locale_exists(at_home) else languages.locale(plain)


def event_day(event: Event, language: str) -> str:
    """The day in the event's zone, written in that language: `Saturday, 1 May 2027`."""
    return clean(format_date(event.starts_local, "full", locale=_locale(event, language)))


def event_hour(event: Event, language: str) -> str:
    """The hour on the clock of the place, written in that language: `18:00`."""
    return clean(format_time(event.starts_local, "short", locale=_locale(event, language)))


def personal_link(token: str) -> str:
    """The address of a guest's own page."""
    return f"{link_base()}{quote(token)}"


def link_base() -> str:
    """What all personal links begin with."""
    return f"{settings.SITE_URL}/r/"


def event_values(event: Event, language: str) -> dict[str, str]:
    """What every guest of an event shares, in one language."""
    own = {name: clean(value) for name, value in event.fields.items()}
    day, hour = event_day(event, language), event_hour(event, language)
    return own | {
        "event_name": clean(event.name),
        "event_date": day,
        "event_time": hour,
        "event_when": f"{day}, {hour}",
        "event_location": clean(event.venue),
        "map_link": clean(event.map_url),
    }


class Recipient(NamedTuple):
    """What a guest's row says of them, as far as a message can name it."""

    name: str
    token: str
    fields: Mapping[str, object] = {}
    party_size: int = 1
    group: str = ""


#: the columns that make a Recipient, in its order
RECIPIENT_COLUMNS = ("name", "token", "fields", "party_size", "group")


def guest_values(shared: Mapping[str, str], guest: Recipient) -> dict[str, str]:
    """Everything that may stand in one guest's message. The guest's own field wins over the event's."""
    own = {key: text for key, value in guest.fields.items() if (text := clean(value))}
    name = clean(guest.name)
    return {
        **shared,
        **own,
        # what is built in can't be overridden; `shared` of an older campaign may not have all of it
        **{key: shared[key] for key in shared.keys() & _BY_NAME.keys()},
        "guest_name": name,
        "first_name": next(filter(_says_something, name.split(" ")), ""),
        "party_size": str(guest.party_size),
        "group": clean(guest.group),
        "rsvp_link": personal_link(guest.token),
        LINK_TOKEN: quote(guest.token),
    }


def recipient(guest: Guest) -> Recipient:
    return Recipient(guest.name, guest.token, guest.fields, guest.party_size, guest.group)


def values_for(event: Event, guest: Guest, language: str = "") -> dict[str, str]:
    """Name -> text for one guest of one event."""
    shared = event_values(event, language or event.language)
    return guest_values(shared, recipient(guest))


def sample_values(event: Event | None, language: str, names: Iterable[str] = ()) -> dict[str, str]:
    """What a text shows where there is no guest: the event's own values, and somebody invented."""
    samples = {name: name.replace("_", " ") for name in names} | SAMPLES
    shared = event_values(event, language) if event else {}
    return samples | {name: value for name, value in shared.items() if value}


def parts(text: str, values: Mapping[str, str]) -> list[tuple[str, bool]]:
    """The filled text in pieces: (text, whether it came from a variable). Unknown names stay as written."""
    pieces: list[tuple[str, bool]] = []
    end = 0
    for match in VARIABLE.finditer(text):
        if match.start() > end:
            pieces.append((text[end : match.start()], False))
        pieces.append((slot_of(match).value(values) or match[0], True))
        end = match.end()
    if end < len(text):
        pieces.append((text[end:], False))
    return pieces


def fill(text: str, values: Mapping[str, str]) -> str:
    """The text as the guest reads it."""
    return "".join(piece for piece, _ in parts(text, values))


def known_names(event: Event, columns: Iterable[str] = ()) -> frozenset[str]:
    """What a text for this event may name: the built-in set, the event's own, and the list's `columns`."""
    return frozenset({*(NAMES - {LINK_TOKEN}), *event.fields, *columns})


def always_filled(slot: Slot, event: Event) -> bool:
    """Whether every guest of the event surely has something to read there."""
    if slot.fallback:
        return True
    built_in = _BY_NAME.get(slot.name)
    if slot.name == LINK_TOKEN or (built_in and built_in.never_empty):
        return True
    shared = {"event_location": event.venue, "map_link": event.map_url}
    return bool(clean(shared.get(slot.name) or event.fields.get(slot.name, "")))
