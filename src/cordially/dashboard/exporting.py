"""The guest list as a file: with titles that an import reads back as the same guests.

Cells are made safe for spreadsheets: what begins like a formula gets an apostrophe before it, which spreadsheets
don't show and an import takes away again.
"""

from __future__ import annotations

import csv as csv_format
import io
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell

from cordially.events.models import Event
from cordially.guests import fields as guest_fields
from cordially.guests.models import Guest

from .guestlist import ANSWERS, Row, rows

#: what a spreadsheet may take for a formula, also behind spaces
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_BOM = "\ufeff"
_LOT = 1000
_TITLES = [
    gettext_lazy("Name"), gettext_lazy("Phone"), gettext_lazy("Party size"), gettext_lazy("Group"),
    gettext_lazy("Language"), gettext_lazy("Tags"), gettext_lazy("Note"), gettext_lazy("Invitation"),
    gettext_lazy("Since"), gettext_lazy("Answer"), gettext_lazy("Coming"), gettext_lazy("Guest’s note"),
]  # fmt: skip


def safe(text: str) -> str:
    """The text as a cell that is never executed."""
    return f"'{text}" if text.lstrip(" \u00a0").startswith(_FORMULA) else text


def _lots(guests: QuerySet[Guest]) -> Iterator[list[Row]]:
    lot: list[Guest] = []
    for guest in guests.iterator(chunk_size=_LOT):
        lot.append(guest)
        if len(lot) == _LOT:
            yield rows(lot)
            lot = []
    if lot:
        yield rows(lot)


def _cells(event: Event, guests: QuerySet[Guest], language: str) -> Iterator[list[str]]:
    """Titles, then a row a guest, on the clock of the event and in the reader's language."""
    own = guest_fields.columns(event)
    with translation.override(language):
        titles = [*map(str, _TITLES), *own]
    yield titles
    for lot in _lots(guests):
        # nothing is handed on in here: what another page speaks in the meantime is its own affair
        with translation.override(language):
            lines = [_line(event, row, own) for row in lot]
        yield from lines


def _line(event: Event, row: Row, own: Iterable[str]) -> list[str]:
    guest, answer = row.guest, row.answer
    when = row.shown.changed_at if row.shown else None
    return [
        guest.name,
        guest.phone or guest.phone_raw,
        str(guest.party_size),
        guest.group,
        guest.language,
        ", ".join(row.tags),
        guest.note,
        row.label,
        f"{timezone.localtime(when, event.zone):%Y-%m-%d %H:%M}" if when else "",
        str(ANSWERS[answer.reply]) if answer else "",
        str(answer.heads) if answer and answer.heads else "",
        answer.note if answer else "",
        *(str(guest.fields.get(name, "")) for name in own),
    ]


class _Line:
    """A file for the csv module that hands each line on."""

    def write(self, text: str) -> str:
        return text


def csv(event: Event, guests: QuerySet[Guest]) -> Iterator[str]:
    """UTF-8 with a mark that spreadsheets know it by."""
    writer: Any = csv_format.writer(_Line())
    lines = _cells(event, guests, translation.get_language() or "en")
    written = (writer.writerow([_phone_or_safe(n, text) for n, text in enumerate(cells)]) for cells in lines)
    return chain([_BOM], written)


def _phone_or_safe(column: int, text: str) -> str:
    # a number in international form is no formula to anybody, and is read back as it is
    if column == 1 and text.startswith("+") and text[1:].isdigit():
        return text
    return safe(text)


def xlsx(event: Event, guests: QuerySet[Guest]) -> bytes:
    """Every cell is text: nothing is a formula, and no number loses its zeros."""
    book = Workbook(write_only=True)
    sheet: Any = book.create_sheet(_("Guests"))
    for cells in _cells(event, guests, translation.get_language() or "en"):
        sheet.append(_texts(sheet, cells))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _texts(sheet: Any, cells: Iterable[str]) -> list[Any]:
    made = []
    for text in cells:
        cell = WriteOnlyCell(sheet, value=text)
        cell.data_type = "s"
        cell.number_format = "@"
        made.append(cell)
    return made
