"""A guest list into the guests of an event: read it, compare its rows, store all of them or none.

Reading and comparing come first and need no database lock; `_store` is the one transaction.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from operator import attrgetter

from django.db import IntegrityError, connection, transaction
from django.db.models import DateTimeField, JSONField

from cordially.events.models import Event
from cordially.lib import clock

from .columns import Columns
from .models import Guest, PhoneProblem, new_token
from .pauses import collector_paused
from .phones import Phone, format_phone, is_country, read_phone
from .reading import ListError, Source, Table, read_table
from .reports import (
    ADDED,
    AMBIGUOUS,
    DUPLICATE_OF,
    INVALID,
    NO_PHONE,
    OK,
    ON_FILE,
    REPEATED,
    SAME_PHONE_AS,
    UPDATED,
    ImportReport,
    RowResult,
)
from .texts import clean, clean_lines, means_yes, name_key, read_language, read_party_size

__all__ = ["ImportReport", "ListError", "RowResult", "import_guests", "name_key"]

#: called with rows done and rows in all
Progress = Callable[[int, int], None]

_PROGRESS_ROWS = 1000
_BATCH = 5000


def import_guests(
    event: Event,
    source: Table | Source,
    *,
    country: str | None = None,
    mapping: Mapping[str, str] | None = None,
    dry_run: bool = False,
    on_progress: Progress | None = None,
    filename: str = "",
) -> ImportReport:
    """Add the people of a list to the guests of `event`. Raises ListError; then nothing is stored.

    `country` is what national numbers are read with (the event's own when None; if it has none, they are
    ambiguous). `mapping` says which column holds what, by title ({"name": "Who", "phone": "Call"}); the rest
    is found. A dry run only reports. Guests who are on file are recognised and left alone, so importing a
    list again adds nobody.
    """
    country = (country or event.country).upper()
    if country and not is_country(country):
        raise ListError(f"“{country}” is not a country code that we know. Write it in two letters, like IL.")
    table = source if isinstance(source, Table) else read_table(source, filename)
    columns = table.arrange(mapping)
    progress = _Progress(on_progress, len(table.rows))
    with collector_paused():
        entries = list(_read_entries(table, columns, country, progress))
    if not entries:
        raise ListError("The list has no names and no numbers. Check which columns hold them.")
    _compare(entries)
    try:
        results = _store(event, entries, dry_run, progress)
    except IntegrityError as error:
        # someone added one of these guests by hand in the same moment
        raise ListError(
            "The guests changed during the import, so nothing was stored. Import again."
        ) from error
    progress.finish()
    titles = {
        role: table.header[index].strip()
        for role, index in columns.roles.items()
        if index < len(table.header)
    }
    return ImportReport(results, titles, country=country, dry_run=dry_run)


class _Progress:
    """Tells of rows: the first half of the way is reading, the second storing."""

    def __init__(self, tell: Progress | None, total: int) -> None:
        self.tell, self.total = tell, total

    def read(self, rows: int) -> None:
        if self.tell and rows % _PROGRESS_ROWS == 0:
            self.tell(rows // 2, self.total)

    def stored(self, guests: int, of: int) -> None:
        if self.tell:
            self.tell(self.total // 2 + self.total * guests // (2 * of), self.total)

    def finish(self) -> None:
        if self.tell:
            self.tell(self.total, self.total)


# --- rows


@dataclass(slots=True)
class _NewGuest:
    """A row as the guest it would be stored as. Model instances take ten times as long to make."""

    name: str
    name_key: str
    phone: str
    phone_raw: str
    phone_problem: str
    phone_note: str
    language: str
    group: str
    note: str
    party_size: int
    fields: dict[str, str]
    opted_out_at: dt.datetime | None
    # these are set when it is stored
    event_id: int | None = None
    token: str = ""
    created_at: dt.datetime | None = None


@dataclass(slots=True)
class _Entry:
    """A row with its guest as it would be stored, and what comparing it said."""

    guest: _NewGuest
    result: RowResult

    @property
    def is_repeated(self) -> bool:
        return self.result.outcome == REPEATED

    @property
    def by_phone(self) -> tuple[str, str]:
        return self.guest.phone, self.guest.name_key

    @property
    def by_raw(self) -> tuple[str, str]:
        return self.guest.name_key, self.guest.phone_raw


def _read_entries(table: Table, columns: Columns, country: str, progress: _Progress) -> Iterator[_Entry]:
    """Every row that has a name or a number; rows without keep their place in the count."""
    for number, row in enumerate(table.rows, 1):
        progress.read(number)
        name, phone_cell = _name(row, columns), columns.cell(row, "phone")
        if not name and not any(map(str.isalnum, phone_cell)):
            continue
        phone = read_phone(phone_cell, country)
        phone_raw = clean(phone_cell, 120)
        # a number without a name is a guest too, called by the number until someone knows better
        name = name or (format_phone(phone.e164) if phone.e164 else phone_raw) or "?"
        guest = _guest(row, columns, name, phone, phone_raw)
        yield _Entry(guest, _first_result(number, guest, phone))


def _name(row: list[str], columns: Columns) -> str:
    whole = columns.cell(row, "name")
    if "name" not in columns.roles:
        whole = f"{columns.cell(row, 'first_name')} {columns.cell(row, 'last_name')}"
    return clean(whole, 200)


def _guest(row: list[str], columns: Columns, name: str, phone: Phone, phone_raw: str) -> _NewGuest:
    size = columns.cell(row, "party_size")
    language = columns.cell(row, "language")
    party_size = read_party_size(size) if size else None
    code = read_language(language) if language else ""
    fields = {
        key: text
        for index, key in columns.extras.items()
        if index < len(row) and (text := clean(row[index], 500))
    }
    # what we couldn't read is kept as the list has it
    if size and party_size is None and (text := clean(size, 500)):
        fields.setdefault("party_size_as_written", text)
    if language and not code and (text := clean(language, 500)):
        fields.setdefault("language_as_written", text)
    return _NewGuest(
        name=name,
        name_key=name_key(name),
        phone=phone.e164,
        phone_raw=phone_raw,
        phone_problem=phone.problem.value,
        phone_note=phone.note[:200],
        language=code,
        group=clean(columns.cell(row, "group"), 80),
        note=clean_lines(columns.cell(row, "note"), 500),
        party_size=party_size or 1,
        fields=fields,
        opted_out_at=clock.now() if means_yes(columns.cell(row, "opted_out")) else None,
    )


_VERDICTS = {
    PhoneProblem.NONE: OK,
    PhoneProblem.AMBIGUOUS: AMBIGUOUS,
    PhoneProblem.INVALID: INVALID,
    PhoneProblem.NO_PHONE: NO_PHONE,
}


def _first_result(number: int, guest: _NewGuest, phone: Phone) -> RowResult:
    return RowResult(
        row=number,
        verdict=_VERDICTS[phone.problem],
        name=guest.name,
        phone_raw=guest.phone_raw,
        e164=phone.e164 or None,
        reason=phone.why,
        note=phone.note,
    )


# --- the list compared with itself


def _compare(entries: list[_Entry]) -> None:
    """Give the rows that repeat an earlier one, or share its number, their verdict."""
    first_by_phone: dict[str, _Entry] = {}
    seen: dict[tuple[str, ...], _Entry] = {}
    for entry in entries:
        phone = entry.guest.phone
        earlier = seen.setdefault(("phone", *entry.by_phone) if phone else ("raw", *entry.by_raw), entry)
        if earlier is not entry:
            _mark_repeated(entry, earlier.result)
        elif phone and (first := first_by_phone.setdefault(phone, entry)) is not entry:
            _mark_household(entry, first.result)


def _mark_repeated(entry: _Entry, earlier: RowResult) -> None:
    """The same person again. Without a number the verdict stays what it says of the number."""
    result = entry.result
    result.outcome = REPEATED
    if entry.guest.phone:
        result.verdict, result.of = DUPLICATE_OF, earlier.row
        result.note = f"The same name and number as in row {earlier.row}, so it is kept once."
    else:
        result.note = f"{result.note} The same is in row {earlier.row}, so it is kept once."


def _mark_household(entry: _Entry, first: RowResult) -> None:
    result = entry.result
    result.verdict, result.of = SAME_PHONE_AS, first.row
    result.note = f"The same number as {first.name} in row {first.row}. Each gets an invitation of their own."


# --- the list compared with the guests on file


def _store(event: Event, entries: list[_Entry], dry_run: bool, progress: _Progress) -> list[RowResult]:
    """Add whom we don't have, all in one transaction."""
    with transaction.atomic():
        # one import of an event at a time (Postgres; SQLite has one writer anyway)
        if not dry_run:
            Event.objects.select_for_update().get(pk=event.pk)
        known = _Known(event)
        updated = known.recognise(entries)
        new = [entry.guest for entry in entries if entry.result.outcome == ADDED]
        if not dry_run:
            Guest.objects.bulk_update(updated, ["phone", "phone_problem", "phone_note"], batch_size=500)
            for start in range(0, len(new), _BATCH):
                _insert(event, new[start : start + _BATCH])
                progress.stored(start + _BATCH, len(new) + _BATCH)
    return [entry.result for entry in entries]


def _insert(event: Event, guests: list[_NewGuest]) -> None:
    """bulk_create in a third of its time: it builds one statement per 60 guests, this one for all."""
    now = clock.now()
    for guest in guests:
        guest.event_id, guest.token, guest.created_at = event.pk, new_token(), now
    # a field that lists don't bring keeps the database's default; without one, the statement says so loudly
    fields = [field for field in Guest._meta.concrete_fields if field.attname in _NewGuest.__slots__]
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


class _Known:
    """The guests on file, by everything they are recognised by."""

    def __init__(self, event: Event) -> None:
        self.by_phone: set[tuple[str, str]] = set()
        self.by_raw: set[tuple[str, str]] = set()
        #: name_key -> those without a usable number: (id, phone_raw)
        self.waiting: dict[str, list[tuple[int, str]]] = defaultdict(list)
        guests = Guest.objects.filter(event=event).values_list("pk", "phone", "name_key", "phone_raw")
        for pk, phone, key, raw in guests.iterator(chunk_size=5000):
            # by what the list had as well: someone may have corrected the number since
            self.by_raw.add((key, raw))
            if phone:
                self.by_phone.add((phone, key))
            else:
                self.waiting[key].append((pk, raw))

    def recognise(self, entries: list[_Entry]) -> list[Guest]:
        """Say of every row whether its guest is new; returns the guests who got a number now."""
        times = Counter(entry.guest.name_key for entry in entries if not entry.is_repeated)
        updated = []
        for entry in entries:
            if entry.is_repeated:
                continue
            waiting = self._waiting_for(entry, times[entry.guest.name_key] == 1)
            if waiting is not None:
                updated.append(
                    Guest(pk=waiting, phone=entry.guest.phone, phone_problem=PhoneProblem.NONE.value)
                )
                note = f"{entry.guest.name} was on file without a number and now has this one."
                entry.result.outcome, entry.result.note = UPDATED, entry.result.note or note
            elif entry.by_phone in self.by_phone or entry.by_raw in self.by_raw:
                entry.result.outcome = ON_FILE
            else:
                entry.result.outcome = ADDED
        return updated

    def _waiting_for(self, entry: _Entry, is_only_one: bool) -> int | None:
        """The guest on file whose missing number this row brings, if that can only be one."""
        key = entry.guest.name_key
        if not entry.guest.phone or entry.by_phone in self.by_phone or key not in self.waiting:
            return None
        same_raw = [pk for pk, raw in self.waiting[key] if raw == entry.guest.phone_raw]
        if same_raw:
            return same_raw[0]
        if is_only_one and len(self.waiting[key]) == 1 and entry.by_raw not in self.by_raw:
            # its phone_raw stays: the list that brought it without a number must still recognise it
            return self.waiting[key][0][0]
        return None
