"""The dry run as the host sees it: columns, cells with what is wrong with them, and what becomes of each row."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache

import phonenumbers
from babel import Locale
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from cordially.guests import drafts, rows
from cordially.guests.columns import FIELD, as_used
from cordially.guests.comparing import FIRST, LEAVE, SAME_PERSON, SAME_PHONE
from cordially.guests.drafts import Row
from cordially.guests.models import GuestImport, PhoneProblem
from cordially.guests.phones import candidates, format_phone
from cordially.guests.reports import ADDED, JOINED, LEFT_OUT, ON_FILE, REPEATED, UPDATED
from cordially.guests.texts import clean
from cordially.lib.spreadsheets import harmless

from .shown import shown as in_words

PAGE = 50

#: what a column can hold, as the host chooses it
USES = {
    "name": gettext_lazy("Whole name"),
    "first_name": gettext_lazy("First name"),
    "last_name": gettext_lazy("Last name"),
    "phone": gettext_lazy("Number"),
    "party_size": gettext_lazy("How many people"),
    "language": gettext_lazy("Language"),
    "group": gettext_lazy("Group"),
    "note": gettext_lazy("Note"),
    "opted_out": gettext_lazy("Wants no messages"),
    FIELD: gettext_lazy("A field of its own"),
    "": gettext_lazy("Ignore this column"),
}
LABELS = {
    "name": gettext_lazy("Name"),
    "phone": gettext_lazy("Number"),
    "party_size": gettext_lazy("People"),
    "language": gettext_lazy("Language"),
    "group": gettext_lazy("Group"),
    "note": gettext_lazy("Note"),
}
#: what the address may ask for, and the group of rows that it is
FILTERS = {
    "all": "all", "mend": "to_mend", "ready": "ready", "twice": "twice", "listed": "listed", "family": "family",
    "out": LEFT_OUT,
}  # fmt: skip
_ICONS = {rows.WRONG: "s-failed", rows.MISSING: "s-failed", rows.DOUBT: "s-unsure"}


def countries() -> list[tuple[str, str]]:
    """ISO code and `Israel (+972)`, by name."""
    return _countries((get_language() or "en").partition("-")[0])


@cache
def _countries(language: str) -> list[tuple[str, str]]:
    names = Locale(language).territories
    listed = [
        (code, f"{names.get(code, code)} (+{phonenumbers.country_code_for_region(code)})")
        for code in phonenumbers.SUPPORTED_REGIONS
    ]
    return sorted(listed, key=lambda entry: entry[1])


# --- columns


@dataclass(frozen=True)
class Column:
    """A column of the list: its title, its first cells, and what it is used for."""

    index: int
    title: str
    sample: list[str]
    use: str
    #: how a message names it
    variable: str = ""
    fault: str = ""

    @property
    def name(self) -> str:
        return f"use-{self.index}"


def columns(draft: GuestImport, uses: Sequence[str], faults: dict[int, str]) -> list[Column]:
    keys = as_used(draft.header, [FIELD] * len(uses)).extras
    variables = as_used(draft.header, uses).extras
    titles = [*map(str, draft.header), *[""] * len(uses)]
    return [
        Column(
            index,
            clean(titles[index], 80) or _("Column %(number)s without a title") % {"number": index + 1},
            sample,
            uses[index],
            "{{" + variables.get(index, keys[index]) + "}}",
            faults.get(index, ""),
        )
        for index, sample in enumerate(drafts.sample(draft))
    ]


# --- rows


@dataclass(frozen=True)
class Cell:
    """One cell: what is shown, how bad it is and why, and what it was before the host mended it."""

    role: str
    label: str
    row: int
    text: str
    #: as the list, or the host, wrote it: what a field begins with
    written: str
    kind: str = ""
    why: str = ""
    icon: str = ""
    was: str | None = None
    picks: list[tuple[str, str]] = field(default_factory=list)
    is_open: bool = False

    @property
    def key(self) -> str:
        return f"r{self.row}-{self.role}"

    @property
    def tone(self) -> str:
        if self.kind:
            return "is-doubt" if self.kind == rows.DOUBT else "is-wrong"
        return "is-mended" if self.was is not None else ""

    @property
    def is_tel(self) -> bool:
        return self.role == "phone"


@dataclass(frozen=True)
class Shown:
    """One row of the sheet."""

    number: int
    cells: list[Cell]
    more: str
    note: str
    note_icon: str
    is_away: bool
    is_out: bool
    is_open: bool
    can_change: bool

    @property
    def key(self) -> str:
        return str(self.number)


def header(draft: GuestImport) -> list[tuple[str, str, str]]:
    """For each column of the sheet its role, its label, and the title in the list."""
    found = as_used(draft.header, draft.uses)
    titles = [*map(str, draft.header), *[""] * len(draft.uses)]
    if "name" in found.roles:
        of_name = titles[found.roles["name"]]
    else:
        of_name = " + ".join(
            titles[found.roles[part]] for part in ("first_name", "last_name") if part in found.roles
        )
    shown = [("name", str(LABELS["name"]), clean(of_name, 60))]
    for role in ("phone", "party_size", "language", "group", "note"):
        if role in found.roles or role == "phone":
            title = titles[found.roles[role]] if role in found.roles else ""
            shown.append((role, str(LABELS[role]), clean(title, 60)))
    return shown


def shown(draft: GuestImport, row: Row, heads: Sequence[tuple[str, str, str]], opened: int = 0) -> Shown:
    found = row.line.found
    is_away = found.outcome in (REPEATED, JOINED, LEFT_OUT, ON_FILE)
    note, icon = note_of(draft, row)
    is_open = row.number == opened
    return Shown(
        row.number,
        [_cell(draft, row, role, label, is_away, is_open) for role, label, _title in heads],
        " · ".join(f"{name}: {text}" for name, text in row.reading.guest.fields.items()),
        note,
        icon,
        is_away,
        found.outcome == LEFT_OUT,
        is_open,
        found.outcome != LEFT_OUT,
    )


def _cell(draft: GuestImport, row: Row, role: str, label: str, is_away: bool, is_open: bool) -> Cell:
    guest = row.reading.guest
    written = row.written(role)
    mark = next((mark for mark in row.reading.marks if mark.role == role), None)
    text = {"name": guest.name, "phone": format_phone(guest.phone) if guest.phone else written}.get(
        role, written
    )
    if mark and mark.code == rows.NO_NAME:
        text = ""
    is_marked = mark is not None and (not is_away or is_open)
    picks: list[tuple[str, str]] = []
    if is_marked and role == "phone" and guest.phone_problem == PhoneProblem.AMBIGUOUS.value:
        picks = [(number, format_phone(number)) for number in candidates(written, draft.country)]
    return Cell(
        role,
        label,
        row.number,
        text,
        written,
        mark.kind if mark and is_marked else "",
        why(row, mark) if mark and is_marked else "",
        _ICONS[mark.kind] if mark else "check",
        row.original(role) if role in row.mends else None,
        picks,
        is_open or is_marked,
    )


def why(row: Row, mark: rows.Mark) -> str:
    """What is wrong with a cell, and what to do."""
    if mark.code == rows.NO_NAME:
        return _("There is no name, so the message would say the number. Write one.")
    if mark.code == rows.BAD_SIZE:
        return _("Write a number from 1 to 50. Until then it counts as 1.")
    if mark.code == rows.BAD_LANGUAGE:
        return _("This is no language that we know. Write its name or code, like Hebrew or he.")
    if mark.code == rows.TOO_LONG:
        return _("This is longer than %(limit)s characters: the rest is left away.") % {
            "limit": rows.LIMITS[mark.role]
        }
    return in_words(row.reading.guest.phone_note)


def note_of(draft: GuestImport, row: Row) -> tuple[str, str]:
    """What becomes of a row that is somebody already, and its icon; nothing for all others."""
    found = row.line.found
    of = {"row": found.of}
    if found.outcome == LEFT_OUT:
        return _("You left this row out."), "x"
    if found.outcome == REPEATED and draft.twice == FIRST:
        return _("The same person as row %(row)s: only that row is imported.") % of, "copy"
    if found.outcome == REPEATED:
        return _("The same person as row %(row)s: joined.") % of, "copy"
    if found.outcome == JOINED:
        return _("The same number as row %(row)s: comes along with that invitation.") % of, "people"
    if found.outcome == ON_FILE:
        return _("On your list already: stays as it is."), "people"
    if found.outcome == UPDATED and draft.existing == LEAVE:
        return _("On your list without a number: gets this one."), "retry"
    if found.outcome == UPDATED:
        return _("On your list already: takes over what this row says."), "retry"
    if found.kin == SAME_PERSON:
        return _("The same name and number as row %(row)s: a guest of their own.") % of, "copy"
    if found.kin == SAME_PHONE:
        return _("The same number as row %(row)s: each gets an invitation.") % of, "people"
    if found.ordinal > 1:
        return _("On your list already: added once more."), "plus"
    return "", ""


# --- choices and filters


@dataclass(frozen=True)
class Option:
    value: str
    label: str
    is_on: bool


def choices(draft: GuestImport) -> list[tuple[str, str, list[Option]]]:
    """Each question that there is something to answer to: its name, its words, its answers."""

    def options(value: str, labels: dict[str, str]) -> list[Option]:
        return [Option(name, label, name == value) for name, label in labels.items()]

    asked = []
    counts = draft.counts
    if counts.get("twice"):
        answers = {"join": _("Join"), "first": _("Keep the first"), "both": _("Keep both")}
        asked.append(("twice", _("Rows that are here twice"), options(draft.twice, answers)))
    # who is added once more is on the list as well
    if counts.get("listed") or draft.existing != LEAVE:
        answers = {"leave": _("Leave"), "update": _("Update"), "add": _("Add again")}
        asked.append(("existing", _("Guests who are on your list"), options(draft.existing, answers)))
    if counts.get("family") or draft.households != "each":
        answers = {"each": _("One each"), "one": _("One for all")}
        asked.append(
            ("households", _("Invitations for people of one number"), options(draft.households, answers))
        )
    return asked


def filters(draft: GuestImport, wanted: str) -> list[Option]:
    """What can be shown: only where there is something, with its number."""
    labels = {
        "all": _("All"), "mend": _("To mend"), "twice": _("Here twice"), "listed": _("On your list"),
        "family": _("One number"), "out": _("Left out"),
    }  # fmt: skip
    # rows that are mended stay in sight, and count no more
    numbers = {name: draft.counts.get("mend" if name == "mend" else FILTERS[name], 0) for name in labels}
    return [
        Option(name, f"{label} {numbers[name]:,}", name == wanted)
        for name, label in labels.items()
        if draft.counts.get(FILTERS[name]) or name == wanted or name == "all"
    ]


# --- downloads


def left_out(draft: GuestImport, groups: Iterable[str]) -> bytes:
    """The rows of these groups as the list had them, each with its number and the reason: CSV for spreadsheets.

    No cell can run as a formula there. Mended, the file can be imported again.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    width = len(draft.uses)
    titles = [*map(str, draft.header), *[""] * width][:width]
    writer.writerow(map(harmless, [*titles, _("Row"), _("Why")]))
    for row in drafts.rows_of(draft, groups):
        marks = [why(row, mark) for mark in row.reading.marks]
        note = note_of(draft, row)[0]
        told = [note, *marks] if row.line.found.outcome != ADDED else marks
        cells = [*row.cells, *[""] * width][:width]
        writer.writerow(map(harmless, [*cells, str(row.number), " ".join(filter(None, told))]))
    return out.getvalue().encode("utf-8-sig")
