"""A list on its way to the guests, kept in lots until a day after anybody touched it.

Columns, dry run, mending, import: each step is a function here, and may be taken by any process. Nothing reaches
the guest list before `store_all`. A row costs a few words in memory while all are compared, and only one lot is
open at a time while they are read or stored.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from cordially.events.models import Event
from cordially.lib import clock
from cordially.lib.marking import noop

from .columns import FIELD, NAMES, ROLES, Columns, as_used, guess_uses
from .comparing import (
    EXISTING,
    HOUSEHOLDS,
    SAME_PERSON,
    SAME_PHONE,
    TWICE,
    Choices,
    Found,
    Key,
    Known,
    compare,
)
from .importing import NOBODY
from .models import GuestImport, ImportLot, ImportMend, ImportState
from .pauses import collector_paused
from .phones import is_country
from .problems import ListError
from .reading import Table
from .reports import ADDED, JOINED, LEFT_OUT, ON_FILE, REPEATED, UPDATED
from .rows import Reading, read_row
from .storing import store
from .texts import clean, clean_lines

#: rows of a lot
LOT: Final = 500
#: the role under which a host takes a whole row out
OUT: Final = "out"
#: what can be written in place of a cell
MENDABLE: Final = ("name", "phone", "party_size", "language", "group", "note")

#: called with rows done and rows in all
Tell = Callable[[int, int], None]


class Stale(Exception):
    """What the page showed is not so any more; nothing was changed. The message is for the host."""


# --- begin


def begin(
    event: Event, table: Table, *, by: User | None, country: str = "", filename: str = ""
) -> GuestImport:
    """Keep a list to be looked at."""
    with transaction.atomic():
        draft = GuestImport.objects.create(
            event=event,
            created_by=by,
            touched_at=clock.now(),
            filename=clean(filename, 200),
            header=table.header,
            rows=len(table.rows),
            uses=guess_uses(table.header, table.rows, table.has_header),
            country=country.upper() if is_country(country) else event.country,
        )
        for number, start in enumerate(range(0, len(table.rows), LOT)):
            cells = table.rows[start : start + LOT]
            ImportLot.objects.create(draft=draft, number=number, first=start + 1, cells=cells)
    return draft


def lots_of(draft: GuestImport) -> int:
    """How many lots there are, numbered from 0."""
    return (draft.rows + LOT - 1) // LOT


def sample(draft: GuestImport, rows: int = 3) -> list[list[str]]:
    """For each column its first cells that hold anything."""
    first = draft.lots.values_list("cells", flat=True).first() or []
    found: list[list[str]] = [[] for _ in draft.uses]
    for row in first:
        for index, cell in enumerate(row[: len(found)]):
            if len(found[index]) < rows and (text := clean(cell, 60)):
                found[index].append(text)
    return found


def faults_of(uses: Sequence[str]) -> dict[int, str]:
    """What is wrong with a choice of columns, by column; -1 for the choice as a whole."""
    faults: dict[int, str] = {}
    for index, use in enumerate(uses):
        if use in ROLES and use in uses[:index]:
            faults[index] = _("Another column holds this already. Choose one of the two.")
    if not any(name in uses for name in NAMES):
        faults[-1] = _("Say which column holds the names.")
    elif "name" in uses and (set(uses) & {"first_name", "last_name"}):
        index = next(at for at, use in enumerate(uses) if use in ("first_name", "last_name"))
        faults[index] = _(
            "There is a column of whole names already. Ignore this one, or choose first and last name."
        )
    return faults


# --- what is chosen: the dry run begins anew


def use_columns(draft: GuestImport, uses: Sequence[str], country: str) -> None:
    """Confirm what the columns hold. Raises Stale when the import has gone on meanwhile."""
    with _open(draft, ImportState.COLUMNS, ImportState.CHECK) as kept:
        kept.uses = [use if use in (*ROLES, FIELD) else "" for use in uses]
        kept.country = country.upper() if is_country(country) else ""
        # what was written in place of a column that holds something else now
        changed = {use for pair in zip(draft.uses, uses, strict=True) for use in pair if pair[0] != pair[1]}
        if changed & set(NAMES):
            changed.add("name")
        draft.mends.filter(role__in=changed).delete()
        kept.state = ImportState.CHECKING


def use_country(draft: GuestImport, country: str) -> None:
    """Read national numbers with another country. Raises Stale."""
    with _open(draft, ImportState.CHECK) as kept:
        if is_country(country):
            kept.country = country.upper()
        kept.state = ImportState.CHECKING


def choose(draft: GuestImport, **chosen: str) -> None:
    """Choose what is done with rows that are `twice`, guests who are `existing`, and `households`. Raises Stale."""
    known = {"twice": TWICE, "existing": EXISTING, "households": HOUSEHOLDS}
    with _open(draft, ImportState.CHECK) as kept:
        for name, value in chosen.items():
            if value in known[name]:
                setattr(kept, name, value)
        _compare(kept)


class _open:
    """The draft under a lock, in one of these states; saved at the end. The one that was given is brought up to date."""

    def __init__(self, draft: GuestImport, *states: str) -> None:
        self._draft, self._states = draft, states
        self._atomic = transaction.atomic()

    def __enter__(self) -> GuestImport:
        self._atomic.__enter__()
        kept = GuestImport.objects.select_for_update().get(pk=self._draft.pk)
        if kept.state not in self._states:
            self._atomic.__exit__(None, None, None)
            raise Stale(
                _("This import has gone on meanwhile, perhaps on another page. This is how it stands now.")
            )
        kept.trouble = ""
        self._kept = kept
        return kept

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if kind is None:
            self._kept.touched_at = clock.now()
            self._kept.save()
        self._atomic.__exit__(kind, error, trace)
        if kind is None:
            self._draft.refresh_from_db()


# --- the dry run


@dataclass(slots=True)
class Line:
    """What comparing needs and says of a row. `kind` is the worst of its marks; `is_mended`: by the host."""

    key: Key
    found: Found
    kind: str = ""
    is_mended: bool = False

    @classmethod
    def of(cls, reading: Reading, mends: dict[str, str]) -> Line:
        guest = reading.guest
        key = Key(reading.row, guest.name_key, guest.phone, guest.phone_raw, OUT in mends)
        return cls(key, Found(reading.row), reading.kind, any(role != OUT for role in mends))

    def as_list(self) -> list[Any]:
        key = self.key
        mine = [key.row, key.name_key, key.phone, key.raw, int(key.left_out), self.kind, int(self.is_mended)]
        return mine + self.found.as_list()

    @classmethod
    def from_list(cls, told: Sequence[Any]) -> Line:
        row, name_key, phone, raw, left_out, kind, is_mended, *found = told
        return cls(Key(row, name_key, phone, raw, bool(left_out)), Found(row, *found), kind, bool(is_mended))

    @property
    def groups(self) -> frozenset[str]:
        return _groups(self.found.outcome, self.found.kin, self.kind, self.is_mended)


@lru_cache(maxsize=512)
def _groups(outcome: str, kin: str, kind: str, is_mended: bool) -> frozenset[str]:
    """What a row counts as: `all`, its outcome, and what a host looks for."""
    groups = {"all", outcome}
    if outcome == ADDED:
        groups.add("mend" if kind else "ready")
        if kind:
            groups.add(kind)
        if kin == SAME_PHONE:
            groups.add("shares")
    if "mend" in groups or is_mended:
        groups.add("to_mend")
    if kin == SAME_PERSON:
        groups.add("twice")
    if kin == SAME_PHONE:
        groups.add("family")
    if outcome in (ON_FILE, UPDATED):
        groups.add("listed")
    return frozenset(groups)


def read_all(draft: GuestImport, tell: Tell) -> None:
    """Read every row with the columns and country that were confirmed, and compare. Raises ListError."""
    columns = as_used(draft.header, draft.uses)
    mends: dict[int, dict[str, str]] = {}
    for row, role, text in draft.mends.values_list("row", "role", "text"):
        mends.setdefault(row, {})[role] = text
    anybody = False
    with collector_paused():
        for number in range(lots_of(draft)):
            lot = draft.lots.only("first", "cells", "draft").get(number=number)
            _read_lot(lot, columns, draft.country, mends)
            anybody = anybody or bool(lot.readings)
            lot.save(update_fields=["readings", "lines"])
            tell(min(lot.first + LOT, draft.rows), draft.rows)
    if not anybody:
        raise ListError(NOBODY)
    with _open(draft, ImportState.CHECKING) as kept:
        _compare(kept)
        kept.state = ImportState.CHECK


def _read_lot(lot: ImportLot, columns: Columns, country: str, mends: dict[int, dict[str, str]]) -> None:
    lot.readings, lot.lines = [], []
    for number, row in enumerate(lot.cells, lot.first):
        mended = mends.get(number, {})
        if reading := read_row(number, row, columns, country, mended):
            lot.readings.append(reading.as_list())
            lot.lines.append(Line.of(reading, mended).as_list())


def choices_of(draft: GuestImport) -> Choices:
    return Choices(draft.twice, draft.existing, draft.households)


def _compare(draft: GuestImport) -> list[Found]:
    """Compare all rows with each other and with the guests on file; keep what it says, and the sums of it."""
    with collector_paused():
        lots = list(draft.lots.only("lines", "tally", "draft"))
        lines = [[Line.from_list(told) for told in lot.lines] for lot in lots]
        founds = compare(
            [line.key for those in lines for line in those], choices_of(draft), Known(draft.event)
        )
        digest = hashlib.sha256(json.dumps([draft.uses, draft.country, str(choices_of(draft))]).encode())
        counts: Counter[str] = Counter()
        results = iter(founds)
        for lot, those in zip(lots, lines, strict=True):
            for line in those:
                line.found = next(results)
            told = [line.as_list() for line in those]
            tally = Counter(group for line in those for group in line.groups)
            if told != lot.lines or tally != lot.tally:
                lot.lines, lot.tally = told, dict(tally)
                lot.save(update_fields=["lines", "tally"])
            digest.update(json.dumps(told).encode())
            counts += tally
    draft.counts, draft.fingerprint = dict(counts), digest.hexdigest()
    return founds


# --- one page of it


@dataclass(frozen=True)
class Row:
    """A row of the list as the dry run shows it; `mends` is what the host wrote, by role."""

    reading: Reading
    line: Line
    cells: list[str]
    columns: Columns
    mends: dict[str, str] = field(default_factory=dict)

    @property
    def number(self) -> int:
        return self.reading.row

    def written(self, role: str) -> str:
        """What stands in the list for this, or in its place."""
        return self.mends[role] if role in self.mends else self.original(role)

    def original(self, role: str) -> str:
        return _original(self.cells, self.columns, role)


def _original(cells: Sequence[str], columns: Columns, role: str) -> str:
    if role == "name" and "name" not in columns.roles:
        return clean(f"{columns.cell(cells, 'first_name')} {columns.cell(cells, 'last_name')}", 500)
    return _tidy(role, columns.cell(cells, role))


def _tidy(role: str, text: str) -> str:
    return clean_lines(text, 500) if role == "note" else clean(text, 500)


def page(draft: GuestImport, group: str, start: int, count: int, also: int = 0) -> list[Row]:
    """Rows of a group, from the nth: three queries. `also` is a row that is shown whatever its group."""
    tallies = draft.lots.values_list("number", "first", "tally").order_by("number")
    wanted, before = [], 0
    for number, first, tally in tallies:
        here = tally.get(group, 0)
        if (before < start + count and before + here > start) or first <= also < first + LOT:
            wanted.append((number, before))
        before += here
    offsets = dict(wanted)
    shown: list[tuple[ImportLot, int, Line]] = []
    lots = draft.lots.filter(number__in=list(offsets))
    for lot in lots:
        at = offsets[lot.number]
        for place, told in enumerate(lot.lines):
            line = Line.from_list(told)
            is_of = group in line.groups
            if (is_of and start <= at < start + count) or line.key.row == also:
                shown.append((lot, place, line))
            at += is_of
    mends: dict[int, dict[str, str]] = {}
    for row, role, text in draft.mends.filter(
        row__in=[line.key.row for _lot, _place, line in shown]
    ).values_list("row", "role", "text"):
        mends.setdefault(row, {})[role] = text
    columns = as_used(draft.header, draft.uses)
    return [
        Row(
            Reading.from_list(lot.readings[place]),
            line,
            lot.cells[line.key.row - lot.first],
            columns,
            mends.get(line.key.row, {}),
        )
        for lot, place, line in shown
    ]


def rows_of(draft: GuestImport, groups: Iterable[str]) -> Iterator[Row]:
    """All rows of any of these groups, in order, without what the host wrote in place of cells."""
    wanted, columns = set(groups), as_used(draft.header, draft.uses)
    for lot in draft.lots.iterator(chunk_size=1):
        for told, reading in zip(lot.lines, lot.readings, strict=True):
            line = Line.from_list(told)
            if wanted & line.groups:
                yield Row(Reading.from_list(reading), line, lot.cells[line.key.row - lot.first], columns)


# --- mending


def mend(draft: GuestImport, row: int, role: str, text: str, was: str) -> None:
    """Write `text` in place of a cell, and compare all rows again. The same as in the list takes it back.

    Raises Stale when the cell isn't `was` any more, or the import has gone on.
    """
    with _open(draft, ImportState.CHECK) as kept:
        lot = kept.lots.filter(first__lte=row).order_by("-first").first()
        if lot is None or row >= lot.first + len(lot.cells) or role not in MENDABLE:
            raise Stale(_("There is no such row in the list any more."))
        mends = dict(kept.mends.filter(row=row).values_list("role", "text"))
        columns = as_used(kept.header, kept.uses)
        original = _original(lot.cells[row - lot.first], columns, role)
        now = mends.get(role, original)
        text = _tidy(role, text)
        if now == text:
            return
        if now != _tidy(role, was):
            raise Stale(
                _("Row %(row)s was changed meanwhile: it says “%(now)s” now. What you typed is still here.")
                % {"row": row, "now": now}
            )
        _put(kept, lot, columns, row, role, None if text == original else text)


def take_out(draft: GuestImport, row: int, is_out: bool) -> None:
    """Leave a row out of the import, or take it in again. Raises Stale."""
    with _open(draft, ImportState.CHECK) as kept:
        lot = kept.lots.filter(first__lte=row).order_by("-first").first()
        if lot is not None and row < lot.first + len(lot.cells):
            _put(kept, lot, as_used(kept.header, kept.uses), row, OUT, "1" if is_out else None)


def _put(draft: GuestImport, lot: ImportLot, columns: Columns, row: int, role: str, text: str | None) -> None:
    """Keep what stands in place of a cell (None: the cell itself), and read its row again."""
    if text is None:
        draft.mends.filter(row=row, role=role).delete()
    else:
        ImportMend.objects.update_or_create(draft=draft, row=row, role=role, defaults={"text": text})
    mended = dict(draft.mends.filter(row=row).values_list("role", "text"))
    reading = read_row(row, lot.cells[row - lot.first], columns, draft.country, mended)
    if reading is None:
        raise Stale(_("A row needs a name or a number. Leave the row out if it is no guest."))
    place = next((at for at, told in enumerate(lot.readings) if told[0] == row), None)
    if place is None:
        raise Stale(_("There is no guest in this row."))
    lot.readings[place] = reading.as_list()
    lot.lines[place] = Line.of(reading, mended).as_list()
    lot.save(update_fields=["readings", "lines"])
    _compare(draft)


# --- the last button


def confirm(draft: GuestImport, fingerprint: str) -> bool:
    """Let the import begin, if it is still what the host read; whether this press did it.

    Raises Stale when the dry run says something else by now. A second press does nothing.
    """
    waiting = GuestImport.objects.filter(pk=draft.pk, state=ImportState.CHECK, fingerprint=fingerprint)
    if waiting.update(state=ImportState.IMPORTING, touched_at=clock.now(), trouble=""):
        draft.refresh_from_db()
        return True
    draft.refresh_from_db()
    if draft.state == ImportState.CHECK:
        raise Stale(_("The list was changed since you looked at it. Look again, then import it."))
    return False


def store_all(draft: GuestImport, tell: Tell) -> None:
    """Import what was confirmed: all of it or nothing, in one transaction.

    When the guests on file have changed since the dry run, so that it would say something else, nothing is stored
    and the draft is to be looked at again. Raises ListError.
    """
    try:
        with _open(draft, ImportState.IMPORTING) as kept:
            # one import of an event at a time (Postgres; SQLite has one writer anyway)
            event = Event.objects.select_for_update().get(pk=kept.event_id)
            confirmed, before = kept.fingerprint, dict(kept.counts)
            founds = _compare(kept)
            if kept.fingerprint != confirmed:
                kept.state, kept.trouble = ImportState.CHECK, _what_changed(before, kept.counts)
                return
            added, changed = store(
                event, lambda: _readings(kept), founds, choices_of(kept), brought_by=kept, tell=tell
            )
            kept.counts = {**kept.counts, "added": added, "changed": changed}
            kept.state, kept.finished_at = ImportState.DONE, clock.now()
    except IntegrityError as error:
        raise ListError(
            _("The guests changed during the import, so nothing was stored. Import again.")
        ) from error


def _readings(draft: GuestImport) -> Iterator[Reading]:
    """Lot by lot: statements of the import run in between."""
    for number in range(lots_of(draft)):
        for told in draft.lots.values_list("readings", flat=True).get(number=number):
            yield Reading.from_list(told)


def _what_changed(before: dict[str, int], now: dict[str, int]) -> str:
    return noop(
        "Your guest list changed while you read: {now} would be added now, not {before}, and {listed} are on "
        "it already. Nothing was stored. Look again, then import."
    ).format(now=now.get(ADDED, 0), before=before.get(ADDED, 0), listed=now.get("listed", 0))


#: what is said in the list of those who were left out
LEFT = (REPEATED, JOINED, LEFT_OUT, ON_FILE)
