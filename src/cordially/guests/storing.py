"""Compared rows into the guest table, and what was there before, so that it can be put back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Any

from django.db import connection
from django.db.models import DateTimeField, JSONField

from cordially.events.models import Event
from cordially.lib import clock

from . import tags
from .comparing import JOIN, UPDATE, Choices, Found, stored_key
from .models import Guest, GuestImport, ImportChange, PhoneProblem, new_token
from .removal import bring_back
from .reports import ADDED, JOINED, REPEATED, UPDATED
from .rows import TAGS, NewGuest, Reading

_BATCH = 5000
_UPDATES = 500
#: what an import may change of a guest who is on file
CHANGING = (
    "phone", "phone_problem", "phone_note", "language", "group", "note", "party_size", "fields", "opted_out_at",
)  # fmt: skip

#: called with guests done and guests in all
Tell = Callable[[int, int], None]


def store(
    event: Event,
    readings: Callable[[], Iterable[Reading]],
    founds: Sequence[Found],
    choices: Choices,
    *,
    brought_by: GuestImport | None = None,
    tell: Tell | None = None,
) -> tuple[int, int]:
    """Add and update guests as compared; how many were added, and really changed. To be called in a transaction.

    `readings` gives the rows that were compared, in that order, as often as it is called. Raises IntegrityError
    when the guests on file are others than those that the rows were compared with.
    """
    total = sum(found.outcome in (ADDED, UPDATED) for found in founds) or 1
    added = changed = 0
    for guests in _batches(_new(readings, founds, choices), _BATCH):
        tagged = [guest.fields.pop(TAGS, "") for guest in guests]
        _insert(event, guests, brought_by)
        _tag(event, guests, tagged)
        added += len(guests)
        if tell:
            tell(added, total)
    known_as = ((found.guest, reading.guest) for reading, found in zip(readings(), founds, strict=True)
                if found.outcome == UPDATED)  # fmt: skip
    for pairs in _batches(known_as, _UPDATES):
        changed += _update(event, pairs, choices.existing == UPDATE, brought_by)
        if tell:
            tell(min(added + changed, total), total)
    return added, changed


def _batches(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    batch: list[Any] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


# --- new guests


def _new(
    readings: Callable[[], Iterable[Reading]], founds: Sequence[Found], choices: Choices
) -> Iterator[NewGuest]:
    """The guests to add, each with what rows that are the same person or come along bring."""
    more: dict[int, list[tuple[Found, NewGuest]]] = {}
    if any(
        found.outcome == JOINED or (found.outcome == REPEATED and choices.twice == JOIN) for found in founds
    ):
        for reading, found in zip(readings(), founds, strict=True):
            if found.outcome == JOINED or (found.outcome == REPEATED and choices.twice == JOIN):
                more.setdefault(found.of, []).append((found, reading.guest))
    for reading, found in zip(readings(), founds, strict=True):
        if found.outcome != ADDED:
            continue
        guest = reading.guest
        guest.name_key = stored_key(guest.name_key, found.ordinal)
        for other, along in more.get(reading.row, ()):
            _fill(guest, along)
            if other.outcome == JOINED:
                _bring_along(guest, along)
        yield guest


def _fill(guest: NewGuest, other: NewGuest) -> None:
    """Take what the guest lacks from the other row."""
    guest.language = guest.language or other.language
    guest.group = guest.group or other.group
    guest.note = guest.note or other.note
    guest.opted_out_at = guest.opted_out_at or other.opted_out_at
    guest.fields = {**other.fields, **guest.fields}
    if not guest.is_sized and other.is_sized:
        guest.party_size, guest.is_sized = other.party_size, True


def _bring_along(guest: NewGuest, other: NewGuest) -> None:
    """One invitation for both: it names both, for as many people as both bring."""
    names = f"{guest.name} & {other.name}"
    if len(names) <= 200 and other.name not in guest.name.split(" & "):
        guest.name = names
    guest.party_size = min(guest.party_size + other.party_size, 50)


def _insert(event: Event, guests: list[NewGuest], brought_by: GuestImport | None) -> None:
    """bulk_create in a third of its time: it builds one statement per 60 guests, this one for all."""
    now = clock.now()
    by = brought_by.pk if brought_by else None
    for guest in guests:
        guest.event_id, guest.token, guest.created_at, guest.brought_by_id = event.pk, new_token(), now, by
    # a field that lists don't bring keeps the database's default; without one, the statement says so loudly
    fields = [field for field in Guest._meta.concrete_fields if field.attname in NewGuest.__slots__]
    quote = connection.ops.quote_name
    statement = (
        f"INSERT INTO {quote(Guest._meta.db_table)} ({', '.join(quote(str(field.column)) for field in fields)}) "
        f"VALUES ({', '.join(['%s'] * len(fields))})"
    )
    # only these are stored in another form than they have
    converted = [isinstance(field, JSONField | DateTimeField) for field in fields]
    columns = [
        [field.get_db_prep_save(getattr(guest, field.attname), connection) for guest in guests]
        if is_converted
        else list(map(attrgetter(field.attname), guests))
        for field, is_converted in zip(fields, converted, strict=True)
    ]
    with connection.cursor() as cursor:
        cursor.executemany(statement, list(zip(*columns, strict=True)))


def _tag(event: Event, guests: Sequence[NewGuest], tagged: Sequence[str]) -> None:
    """The tags of those who were just added, who are known by their tokens."""
    by_token = {guest.token: text for guest, text in zip(guests, tagged, strict=True) if tags.split(text)}
    for some in _batches(by_token, _UPDATES):
        by_text: dict[str, list[int]] = {}
        for pk, token in Guest.objects.filter(token__in=some).values_list("pk", "token"):
            by_text.setdefault(by_token[token], []).append(pk)
        for text, ids in by_text.items():
            tags.add(event, ids, text)


# --- guests on file


def _update(
    event: Event, pairs: Sequence[tuple[int, NewGuest]], everything: bool, brought_by: GuestImport | None
) -> int:
    """Bring these guests up to date, and back onto the list; how many of them changed."""
    off = Guest.everybody.filter(pk__in=[pk for pk, _ in pairs]).exclude(removed_at=None)
    back = set(off.values_list("pk", flat=True))
    if back:
        bring_back(event, sorted(back))
        if brought_by:
            Guest.objects.filter(pk__in=back).update(brought_by=brought_by)
    on_file = Guest.objects.in_bulk([pk for pk, _ in pairs])
    changes: list[ImportChange] = []
    for pk, new in pairs:
        tagged = new.fields.pop(TAGS, "")
        if everything and tags.split(tagged):
            tags.add(event, [pk], tagged)
        guest = on_file[pk]
        before = {name: getattr(guest, name) for name in CHANGING}
        _take_over(guest, new, everything)
        after = {name: value for name in CHANGING if (value := getattr(guest, name)) != before[name]}
        if after:
            changes.append(
                ImportChange(
                    draft=brought_by, guest=guest, before={name: before[name] for name in after}, after=after
                )
            )
    Guest.objects.bulk_update([change.guest for change in changes], CHANGING, batch_size=_UPDATES)
    if brought_by:
        ImportChange.objects.bulk_create(changes)
    return len({change.guest.pk for change in changes} | back)


def _take_over(guest: Guest, new: NewGuest, everything: bool) -> None:
    """What the list says goes before what is on file; what it doesn't say stays."""
    if new.phone and not guest.phone:
        guest.phone, guest.phone_problem, guest.phone_note = new.phone, PhoneProblem.NONE.value, ""
    if not everything:
        return
    guest.language = new.language or guest.language
    guest.group = new.group or guest.group
    guest.note = new.note or guest.note
    guest.fields = {**guest.fields, **new.fields}
    guest.opted_out_at = guest.opted_out_at or new.opted_out_at
    if new.is_sized:
        guest.party_size = new.party_size
