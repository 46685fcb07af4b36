"""The form of an event: what was typed, what is wrong with it, and what it offers to choose from."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from babel import Locale
from babel.core import get_global
from django.http import QueryDict
from django.utils.translation import gettext as _

from cordially.events.creating import Typed
from cordially.events.models import Event
from cordially.guests.phones import is_country
from cordially.templating import languages, variables

from . import words

#: rows for variables of the event's own that are there to be filled
_SPARE = 2
#: every simple field of the form: its name in the form
_PLAIN = (
    "name", "day", "time", "timezone", "venue", "map_url", "answers_until", "contact", "language", "country",
)  # fmt: skip


@dataclass
class Sheet:
    """The form as it is shown. `values` are texts by field; `errors` sentences by field."""

    values: dict[str, str] = field(default_factory=dict)
    rows: list[tuple[str, str]] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)
    #: what somebody else wrote meanwhile, by field
    theirs: dict[str, str] = field(default_factory=dict)
    #: which state of the event was looked at
    seen: str = ""
    picture: str = ""

    @classmethod
    def empty(cls) -> Sheet:
        return cls({"language": "en", "time": "18:00"}, [("", "")] * _SPARE)

    @classmethod
    def of(cls, event: Event) -> Sheet:
        values = {
            "name": event.name,
            "day": event.starts_local.date().isoformat(),
            "time": f"{event.starts_local:%H:%M}",
            "timezone": event.timezone,
            "venue": event.venue,
            "map_url": event.map_url,
            "answers_until": event.answers_until.isoformat() if event.answers_until else "",
            "contact": event.contact,
            "language": event.language,
            "country": event.country,
        }
        rows = [*event.fields.items(), *[("", "")] * _SPARE]
        return cls(values, rows, seen=event.changed_at.isoformat(), picture=event.picture)

    @classmethod
    def typed(cls, form: QueryDict) -> Sheet:
        values = {name: form.get(name, "").strip() for name in _PLAIN}
        pairs = zip(form.getlist("variable")[:100], form.getlist("value")[:100], strict=False)
        rows = [(_variable(name), value.strip()) for name, value in pairs if name.strip() or value.strip()]
        return cls(values, [*rows, *[("", "")] * _SPARE], seen=form.get("seen", ""))

    def read(self) -> Typed:
        """What the rules are asked about. `errors` gets what only the form can get wrong."""
        names = [name for name, _value in self.rows if name]
        if twice := next((name for name in names if names.count(name) > 1), ""):
            self.errors["fields"] = _("The variable “%(name)s” stands here twice.") % {"name": twice}
        if any(value and not name for name, value in self.rows):
            self.errors["fields"] = _("A value has no name. Name it, or empty its row.")
        values = self.values
        if not values["day"] or not values["time"]:
            self.errors["starts"] = _("The event needs a day and a time.")
        if not values["timezone"]:
            self.errors["timezone"] = _("Choose the time zone of the place, like Asia/Jerusalem.")
        return Typed(
            name=values["name"],
            starts=f"{values['day']}T{values['time']}",
            timezone=values["timezone"],
            venue=values["venue"],
            map_url=values["map_url"],
            country=values["country"],
            language=values["language"],
            fields={name: value for name, value in self.rows if name},
            answers_until=values["answers_until"],
            contact=values["contact"],
            reserved=variables.NAMES,
        )

    def refused(self, sentences: Mapping[str, Sequence[str]]) -> None:
        """Take the rules' sentences; what the form said itself is nearer to the point."""
        for name, found in sentences.items():
            self.errors.setdefault(name, " ".join(found))

    def changed_meanwhile(self, now: Event) -> None:
        """Somebody else saved first: show their words beside what was typed here."""
        theirs = Sheet.of(now)
        self.seen, self.picture = theirs.seen, theirs.picture
        self.theirs = {
            name: value or "–" for name, value in theirs.values.items() if value != self.values.get(name)
        }
        if theirs.read().fields != self.read().fields:
            self.theirs["fields"] = ", ".join(f"{name}: {value}" for name, value in now.fields.items()) or "–"

    @property
    def seen_at(self) -> dt.datetime | None:
        try:
            return dt.datetime.fromisoformat(self.seen)
        except ValueError:
            return None

    @property
    def choices(self) -> dict[str, Any]:
        """What can be chosen from; what is stored already is always among it."""
        language = self.values.get("language", "")
        listed = language_choices()
        known = {code for code, _name in listed}
        own = [(language, words.language(language))] if language not in known | {""} else []
        return {"zones": zones(), "languages": [*own, *listed]}


def _variable(name: str) -> str:
    """`Dress code` as templates name it: `dress_code`."""
    return "_".join(name.split()).lower() if " " in name.strip() else name.strip()


@cache
def zones() -> list[tuple[str, str]]:
    """Zones that a place is named by, each with its country: (`Asia/Jerusalem`, `Israel`)."""
    names, territories = Locale("en").territories, get_global("zone_territories")
    known = zoneinfo.available_timezones()
    placed = [(zone, code) for zone, code in territories.items() if zone in known and is_country(code)]
    listed = [(zone, str(names.get(code, code))) for zone, code in placed]
    return [*sorted(listed), ("UTC", "")]


@cache
def language_choices() -> list[tuple[str, str]]:
    """Code and name of every language that WhatsApp takes, by name."""
    return sorted(((code, words.language(code)) for code in languages.LANGUAGES), key=lambda pair: pair[1])
