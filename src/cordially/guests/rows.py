"""One row of a list, read into the guest it would be stored as, and what is doubtful about its cells."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cordially.lib import clock
from cordially.lib.spreadsheets import written

from .columns import Columns
from .models import PhoneProblem
from .phones import format_phone, read_phone
from .texts import clean, clean_lines, means_yes, name_key, read_language, read_party_size

# How bad a cell is, worst first. Whoever has any of these is added all the same.
WRONG = "wrong"
MISSING = "missing"
DOUBT = "doubt"
KINDS = (WRONG, MISSING, DOUBT)

# What a mark says; for numbers the reading's own note says it.
BAD_PHONE = "phone"
NO_NAME = "no_name"
BAD_SIZE = "size"
BAD_LANGUAGE = "language"
TOO_LONG = "too_long"

_PHONE_KINDS = {
    PhoneProblem.AMBIGUOUS: DOUBT,
    PhoneProblem.INVALID: WRONG,
    PhoneProblem.NO_PHONE: MISSING,
}
#: the columns of an export that say what became of the invitation
_OURS = frozenset({"invitation", "since", "answer", "coming", "guest_s_note"})
#: the further column that is read as tags
TAGS = "tags"
LIMITS = {"name": 200, "group": 80, "note": 500}


@dataclass(frozen=True, slots=True)
class Mark:
    """A cell that a person should look at: which (`role`), how bad (`kind`), and why (`code`)."""

    role: str
    kind: str
    code: str


@dataclass(slots=True)
class NewGuest:
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
    #: whether the list says the party size
    is_sized: bool = True
    # these are set when it is stored
    event_id: int | None = None
    token: str = ""
    created_at: dt.datetime | None = None
    brought_by_id: int | None = None


@dataclass(slots=True)
class Reading:
    """Row number `row` (from 1, without the titles) as read. `why` says in short words what is wrong with its number."""

    row: int
    guest: NewGuest
    why: str = ""
    marks: list[Mark] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """The worst kind of its marks."""
        found = {mark.kind for mark in self.marks}
        return next((kind for kind in KINDS if kind in found), "")

    def as_list(self) -> list[Any]:
        """For JSON; `from_list` reads it back."""
        one = self.guest
        marks = [[mark.role, mark.kind, mark.code] for mark in self.marks]
        return [
            self.row, one.name, one.phone, one.phone_raw, one.phone_problem, one.phone_note, one.language, one.group,
            one.note, one.party_size, one.fields, int(one.opted_out_at is not None), int(one.is_sized), self.why, marks,
        ]  # fmt: skip

    @classmethod
    def from_list(cls, told: Sequence[Any]) -> Reading:
        (
            row,
            name,
            phone,
            raw,
            problem,
            phone_note,
            language,
            group,
            note,
            size,
            fields,
            out,
            sized,
            why,
            marks,
        ) = told
        guest = NewGuest(
            name, name_key(name), phone, raw, problem, phone_note, language, group, note, size, fields,
            clock.now() if out else None, bool(sized),
        )  # fmt: skip
        return cls(row, guest, why, [Mark(*mark) for mark in marks])


def read_row(
    number: int, row: Sequence[str], columns: Columns, country: str, mended: Mapping[str, str] | None = None
) -> Reading | None:
    """The guest of a row; None when it has neither a name nor a number. Never raises.

    `mended` has what a host wrote in place of a cell, by role; a whole name goes before its parts.
    """
    mended = mended or {}
    row = list(map(written, row))

    def cell(role: str) -> str:
        return mended[role] if role in mended else columns.cell(row, role)

    whole = _name(cell, columns, mended)
    name, phone_cell = clean(whole, 200), cell("phone")
    if not name and not any(map(str.isalnum, phone_cell)):
        return None
    phone = read_phone(phone_cell, country)
    phone_raw = clean(phone_cell, 120)
    marks: list[Mark] = []
    if not name:
        # a number without a name is a guest too, called by the number until someone knows better
        name = (format_phone(phone.e164) if phone.e164 else phone_raw) or "?"
        marks.append(Mark("name", DOUBT, NO_NAME))
    if phone.problem:
        marks.append(Mark("phone", _PHONE_KINDS[phone.problem], BAD_PHONE))
    size_cell, language_cell = cell("party_size"), cell("language")
    party_size = read_party_size(size_cell) if size_cell else None
    language = read_language(language_cell) if language_cell else ""
    fields = {
        key: text
        for index, key in _extras(columns).items()
        if index < len(row) and (text := clean(row[index], 500))
    }
    # what we couldn't read is kept as the list has it
    if size_cell and party_size is None and (text := clean(size_cell, 500)):
        fields.setdefault("party_size_as_written", text)
        marks.append(Mark("party_size", WRONG, BAD_SIZE))
    if language_cell and not language and (text := clean(language_cell, 500)):
        fields.setdefault("language_as_written", text)
        marks.append(Mark("language", WRONG, BAD_LANGUAGE))
    group, note = cell("group"), cell("note")
    # a little room: spaces are taken out
    for role, text in (("name", whole), ("group", group), ("note", note)):
        if len(text) > LIMITS[role] and len(clean_lines(text, len(text))) > LIMITS[role]:
            marks.append(Mark(role, DOUBT, TOO_LONG))
    guest = NewGuest(
        name=name,
        name_key=name_key(name),
        phone=phone.e164,
        phone_raw=phone_raw,
        phone_problem=phone.problem.value,
        phone_note=phone.note[:200],
        language=language,
        group=clean(group, 80),
        note=clean_lines(note, 500),
        party_size=party_size or 1,
        fields=fields,
        opted_out_at=clock.now() if means_yes(cell("opted_out")) else None,
        is_sized=party_size is not None,
    )
    return Reading(number, guest, phone.why, marks)


def _extras(columns: Columns) -> dict[int, str]:
    """Without what an export of ours says of the invitations: that is no word about the guest."""
    extras = columns.extras
    if not set(extras.values()) >= _OURS:
        return dict(extras)
    return {index: key for index, key in extras.items() if key not in _OURS}


def _name(cell: Any, columns: Columns, mended: Mapping[str, str]) -> str:
    if "name" in columns.roles or "name" in mended:
        return str(cell("name"))
    return f"{cell('first_name')} {cell('last_name')}"
