"""The rows of a list compared with each other and with the guests on file: who is new, and who is somebody already.

Pure, but for reading the guests on file; it works on a few words of each row, so that a long list can be
compared again after every change.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from cordially.events.models import Event

from .models import Guest
from .reports import ADDED, JOINED, LEFT_OUT, ON_FILE, REPEATED, UPDATED

# A row that is here twice (same name and number): joined to the first, left away, or kept as a guest of its own.
JOIN = "join"
FIRST = "first"
BOTH = "both"
TWICE = (JOIN, FIRST, BOTH)
# Somebody who is on file: left as they are, brought up to date by the list, or added once more.
LEAVE = "leave"
UPDATE = "update"
ADD = "add"
EXISTING = (LEAVE, UPDATE, ADD)
# People of one number: an invitation for each, or one for all.
EACH = "each"
ONE = "one"
HOUSEHOLDS = (EACH, ONE)

# Why a row has to do with an earlier one.
SAME_PERSON = "twice"
SAME_PHONE = "family"


@dataclass(frozen=True)
class Choices:
    """What is done with rows that are somebody already."""

    twice: str = FIRST
    existing: str = LEAVE
    households: str = EACH


@dataclass(slots=True)
class Key:
    """What a row is compared by. `left_out`: the host takes it out of the list."""

    row: int
    name_key: str
    phone: str
    raw: str
    left_out: bool = False


@dataclass(slots=True)
class Found:
    """What comparing says of a row.

    `kin` and `of`: it is the same person as, or has the number of, that earlier row. `guest` is the id of the
    guest on file who it is. `ordinal`: the how manieth guest of this name and number it will be.
    """

    row: int
    outcome: str = ADDED
    kin: str = ""
    of: int = 0
    guest: int = 0
    ordinal: int = 1

    def as_list(self) -> list[Any]:
        return [self.outcome, self.kin, self.of, self.guest, self.ordinal]


def stored_key(name_key: str, ordinal: int) -> str:
    """The name as compared of the first, second … guest of one name and number, whom the host wants to keep apart."""
    return name_key if ordinal == 1 else f"{name_key[:190]} ·{ordinal}"


class Known:
    """The guests on file, by everything they are recognised by."""

    def __init__(self, event: Event) -> None:
        self.by_phone: dict[tuple[str, str], int] = {}
        self.by_raw: dict[tuple[str, str], int] = {}
        #: name_key -> those without a usable number: (id, phone_raw)
        self.waiting: dict[str, list[tuple[int, str]]] = defaultdict(list)
        #: those who were taken off the list; a list that names them brings them back
        self.off: set[int] = set()
        guests = Guest.everybody.filter(event=event)
        rows = guests.values_list("pk", "phone", "name_key", "phone_raw", "removed_at")
        for pk, phone, key, raw, removed_at in rows.order_by("pk").iterator(chunk_size=5000):
            if removed_at is not None:
                self.off.add(pk)
            # by what the list had as well: someone may have corrected the number since
            self.by_raw.setdefault((key, raw), pk)
            if phone:
                self.by_phone[phone, key] = pk
            elif removed_at is None:
                self.waiting[key].append((pk, raw))

    def find(self, key: Key, name: str) -> int:
        """The guest on file who has this name, and this number or had this text for it; 0 for nobody."""
        if key.phone and (pk := self.by_phone.get((key.phone, name))):
            return pk
        return self.by_raw.get((name, key.raw), 0)

    def waiting_for(self, key: Key, is_only_one: bool) -> int:
        """The guest on file whose missing number this row brings, if that can only be one; else 0."""
        name = key.name_key
        if not key.phone or (key.phone, name) in self.by_phone or name not in self.waiting:
            return 0
        same_raw = [pk for pk, raw in self.waiting[name] if raw == key.raw]
        if same_raw:
            return same_raw[0]
        if is_only_one and len(self.waiting[name]) == 1 and (name, key.raw) not in self.by_raw:
            # its phone_raw stays: the list that brought it without a number must still recognise it
            return self.waiting[name][0][0]
        return 0


def compare(keys: Sequence[Key], choices: Choices, known: Known) -> list[Found]:
    """What becomes of each row, in the order of the list."""
    founds = _within(keys, choices)
    times = Counter(key.name_key for key, found in zip(keys, founds, strict=True) if found.outcome == ADDED)
    recognition = _Recognition(choices, known)
    for key, found in zip(keys, founds, strict=True):
        if found.outcome == ADDED:
            recognition.judge(key, found, times[key.name_key] == 1)
    if choices.households == ONE:
        _join_households(keys, founds)
    return founds


def _within(keys: Iterable[Key], choices: Choices) -> list[Found]:
    """The list compared with itself."""
    founds: list[Found] = []
    first_by_phone: dict[str, int] = {}
    seen: dict[tuple[str, str, str], list[int]] = {}
    for key in keys:
        found = Found(key.row)
        founds.append(found)
        if key.left_out:
            found.outcome = LEFT_OUT
            continue
        identity = (key.phone, key.name_key, "") if key.phone else ("", key.name_key, key.raw)
        earlier = seen.get(identity)
        if earlier is not None:
            found.kin, found.of = SAME_PERSON, earlier[0]
            earlier[1] += 1
            found.ordinal = earlier[1] if choices.twice == BOTH else 1
            found.outcome = ADDED if choices.twice == BOTH else REPEATED
            continue
        seen[identity] = [key.row, 1]
        first = first_by_phone.setdefault(key.phone, key.row) if key.phone else key.row
        if first != key.row:
            found.kin, found.of = SAME_PHONE, first
    return founds


class _Recognition:
    """Says of rows whether their guest is on file."""

    def __init__(self, choices: Choices, known: Known) -> None:
        self.choices, self.known = choices, known
        self.taken: set[int] = set()
        self.added: set[tuple[str, str]] = set()

    def judge(self, key: Key, found: Found, is_only_one: bool) -> None:
        if self.choices.existing == ADD:
            self._add_once_more(key, found)
        elif waiting := found.ordinal == 1 and self.known.waiting_for(key, is_only_one):
            found.outcome, found.guest = UPDATED, waiting
        elif on_file := self.known.find(key, stored_key(key.name_key, found.ordinal)):
            # two rows may be one guest (the number was corrected since): the first brings them up to date
            is_first = on_file not in self.taken
            found.guest = on_file
            again = self.choices.existing == UPDATE or on_file in self.known.off
            found.outcome = UPDATED if again and is_first else ON_FILE
            self.taken.add(on_file)

    def _add_once_more(self, key: Key, found: Found) -> None:
        name = stored_key(key.name_key, found.ordinal)
        while self.known.find(key, name) or (key.phone or key.raw, name) in self.added:
            found.ordinal += 1
            name = stored_key(key.name_key, found.ordinal)
        self.added.add((key.phone or key.raw, name))


def _join_households(keys: Sequence[Key], founds: Sequence[Found]) -> None:
    """One invitation for all new guests of a number: the later ones come along with the first."""
    first: dict[str, int] = {}
    for key, found in zip(keys, founds, strict=True):
        if found.outcome != ADDED or not key.phone:
            continue
        host = first.setdefault(key.phone, key.row)
        if host != key.row:
            found.outcome, found.of, found.kin = JOINED, host, found.kin or SAME_PHONE
