"""What a text becomes for the guests of an event who would read it, while it is written.

The flight check before sending reads every message; this looks at the first few thousand, often.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from cordially.events.models import Event
from cordially.guests.models import Guest
from cordially.templating import languages, rules, variables
from cordially.templating.components import Components
from cordially.templating.variables import RECIPIENT_COLUMNS, VARIABLE, Recipient, Slot, slot_of

#: guests that are looked at
MOST = 5000
#: of those whom something concerns, as many are named
NAMED = 12


@dataclass
class People:
    """How many something concerns, and the first of them by name."""

    count: int = 0
    names: list[str] = field(default_factory=list)

    def add(self, name: str) -> None:
        self.count += 1
        if len(self.names) < NAMED:
            self.names.append(name)


@dataclass
class Survey:
    """What was found among those who would read the text."""

    #: who reads it, of those who were looked at
    readers: int = 0
    #: the place of the first of them on the list, from 1 on; 0 where nobody reads it
    first: int = 0
    #: characters of the longest message, and whose it is
    longest: int = 0
    longest_for: str = ""
    #: who has no value there, by slot
    lacking: dict[Slot, People] = field(default_factory=dict)
    too_long: People = field(default_factory=People)
    #: column of the list -> readers who have nothing in it
    empty: Counter[str] = field(default_factory=Counter)
    #: whether the event has more guests than were looked at
    is_cut: bool = False


def survey(
    event: Event,
    components: Components,
    language: str,
    *,
    have: Collection[str],
    fallback: str,
    columns: Sequence[str] = (),
) -> Survey:
    """Look at the event's guests. `have`: languages of the template's texts; `fallback`: which of them others read."""
    found = Survey()
    shared = variables.event_values(event, language)
    written = len(VARIABLE.sub("", components.body))
    places = [slot_of(match) for match in VARIABLE.finditer(components.body)]
    doubtful = [slot for slot in components.slots if not variables.always_filled(Slot(slot.name), event)]
    reads: dict[str, bool] = {}
    rows = Guest.objects.filter(event=event).order_by("pk").values_list(*RECIPIENT_COLUMNS, "language")
    for seen, (*of_guest, wanted) in enumerate(rows[: MOST + 1]):
        if seen == MOST:
            found.is_cut = True
            break
        if wanted not in reads:
            reads[wanted] = languages.best(wanted or event.language, have, fallback) == language
        if not reads[wanted]:
            continue
        guest = Recipient(*of_guest)
        values = variables.guest_values(shared, guest)
        found.readers += 1
        found.first = found.first or seen + 1
        length = written + sum(len(slot.value(values)) for slot in places)
        if length > found.longest:
            found.longest, found.longest_for = length, guest.name
        if length > rules.MOST_IN_BODY:
            found.too_long.add(guest.name)
        for slot in doubtful:
            if not values.get(slot.name):
                found.lacking.setdefault(slot, People()).add(guest.name)
        found.empty.update(name for name in columns if not values.get(name))
    return found


def length_with(components: Components, values: dict[str, str]) -> int:
    """Characters of one message."""
    return len(variables.fill(components.body, values))
