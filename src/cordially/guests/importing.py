"""A guest list into the guests of an event, in one go: read it, compare its rows, store all of them or none.

Reading and comparing come first and need no database lock; storing is one transaction. The page does the same in
steps that a host looks at: drafts.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from django.db import IntegrityError, transaction

from cordially.events.models import Event
from cordially.lib.marking import noop

from .comparing import SAME_PERSON, SAME_PHONE, Choices, Found, Key, Known, compare
from .models import PhoneProblem
from .pauses import collector_paused
from .phones import is_country
from .reading import ListError, Source, Table, read_table
from .reports import (
    AMBIGUOUS,
    DUPLICATE_OF,
    INVALID,
    NO_PHONE,
    OK,
    SAME_PHONE_AS,
    UPDATED,
    ImportReport,
    RowResult,
)
from .rows import Reading, read_row
from .storing import store
from .texts import name_key

__all__ = ["ImportReport", "ListError", "RowResult", "import_guests", "name_key"]

#: called with rows done and rows in all
Progress = Callable[[int, int], None]

_PROGRESS_ROWS = 1000


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
        raise ListError(
            noop("“{country}” is not a country code that we know. Write it in two letters, like IL.").format(
                country=country
            )
        )
    table = source if isinstance(source, Table) else read_table(source, filename)
    columns = table.arrange(mapping)
    progress = _Progress(on_progress, len(table.rows))
    with collector_paused():
        readings = []
        for number, row in enumerate(table.rows, 1):
            progress.read(number)
            # rows without a guest keep their place in the count
            if reading := read_row(number, row, columns, country):
                readings.append(reading)
    if not readings:
        raise ListError(NOBODY)
    try:
        founds = _store(event, readings, dry_run, progress)
    except IntegrityError as error:
        # someone added one of these guests by hand in the same moment
        raise ListError(
            noop("The guests changed during the import, so nothing was stored. Import again.")
        ) from error
    progress.finish()
    titles = {
        role: table.header[index].strip()
        for role, index in columns.roles.items()
        if index < len(table.header)
    }
    return ImportReport(_results(readings, founds), titles, country=country, dry_run=dry_run)


NOBODY = noop("The list has no names and no numbers. Check which columns hold them.")


class _Progress:
    """Tells of rows: the first half of the way is reading, the second storing."""

    def __init__(self, tell: Progress | None, total: int) -> None:
        self.tell, self.total = tell, total

    def read(self, rows: int) -> None:
        if self.tell and rows % _PROGRESS_ROWS == 0:
            self.tell(rows // 2, self.total)

    def stored(self, guests: int, of: int) -> None:
        if self.tell:
            self.tell(self.total // 2 + self.total * guests // (2 * of + 1), self.total)

    def finish(self) -> None:
        if self.tell:
            self.tell(self.total, self.total)


def _store(event: Event, readings: list[Reading], dry_run: bool, progress: _Progress) -> list[Found]:
    """Compare with the guests on file, and add whom we don't have, in one transaction."""
    keys = [key_of(reading) for reading in readings]
    choices = Choices()
    with transaction.atomic():
        # one import of an event at a time (Postgres; SQLite has one writer anyway)
        if not dry_run:
            Event.objects.select_for_update().get(pk=event.pk)
        founds = compare(keys, choices, Known(event))
        if not dry_run:
            store(event, lambda: readings, founds, choices, tell=progress.stored)
    return founds


def key_of(reading: Reading) -> Key:
    guest = reading.guest
    return Key(reading.row, guest.name_key, guest.phone, guest.phone_raw)


# --- what is told


VERDICTS = {
    PhoneProblem.NONE.value: OK,
    PhoneProblem.AMBIGUOUS.value: AMBIGUOUS,
    PhoneProblem.INVALID.value: INVALID,
    PhoneProblem.NO_PHONE.value: NO_PHONE,
}


def _results(readings: list[Reading], founds: list[Found]) -> list[RowResult]:
    names = {reading.row: reading.guest.name for reading in readings}
    return [_result(reading, found, names) for reading, found in zip(readings, founds, strict=True)]


def _result(reading: Reading, found: Found, names: Mapping[int, str]) -> RowResult:
    """The row in the words of a report. Without a number the verdict stays what it says of the number."""
    guest = reading.guest
    result = RowResult(
        row=reading.row,
        verdict=VERDICTS[guest.phone_problem],
        name=guest.name,
        phone_raw=guest.phone_raw,
        e164=guest.phone or None,
        reason=reading.why,
        note=guest.phone_note,
        outcome=found.outcome,
    )
    if found.kin == SAME_PERSON and guest.phone:
        result.verdict, result.of = DUPLICATE_OF, found.of
        result.note = f"The same name and number as in row {found.of}, so it is kept once."
    elif found.kin == SAME_PERSON:
        result.note = f"{result.note} The same is in row {found.of}, so it is kept once."
    elif found.kin == SAME_PHONE:
        result.verdict, result.of = SAME_PHONE_AS, found.of
        result.note = (
            f"The same number as {names[found.of]} in row {found.of}. Each gets an invitation of their own."
        )
    if found.outcome == UPDATED and not result.note:
        result.note = f"{guest.name} was on file without a number and now has this one."
    return result
