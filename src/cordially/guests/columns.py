"""Which column of a list holds what: by its title in a dozen languages, by its content, or as the host says."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from cordially.lib.marking import noop

from .problems import ListError
from .titles import NOT_A_NAME, NOT_A_PHONE, PARTS, TITLES

NAMES = ("name", "first_name", "last_name")
#: what a mapping may name
ROLES = tuple(TITLES)
#: what a column is used for that becomes a further field of each guest
FIELD = "field"
#: title lines above the header that we look past
_MOST_LINES_ABOVE = 20
_SAMPLE_ROWS = 200
_PARTIAL = 1000

_PHONE_LIKE = re.compile(r"(?:(?:tel|whatsapp):)?[+(]?\d(?:[\s().+/-]*\d){6,}[\s+]*", re.I)
_SMALL_NUMBER = re.compile(r"[1-9]|1\d|20")


@dataclass(frozen=True)
class Columns:
    """Where in a row each thing is (`roles`: role to index), and the keys of all further columns."""

    roles: dict[str, int]
    extras: dict[int, str] = field(default_factory=dict)

    def cell(self, row: Sequence[str], role: str) -> str:
        index = self.roles.get(role, -1)
        return row[index] if 0 <= index < len(row) else ""


def find_header(rows: Sequence[Sequence[str]]) -> int | None:
    """The index of the row of titles, or None when the list begins with a guest at once.

    It is the row among the first with most titles that we know, above every phone number. In a language that
    we don't know it is the first row, if that has text where the rows below have phone numbers.
    """
    best, most = None, 0
    first_filled = None
    for index, row in enumerate(rows[:_MOST_LINES_ABOVE]):
        if not any(map(str.strip, row)):
            continue
        first_filled = index if first_filled is None else first_filled
        if any(map(is_phone_like, row)):
            break
        known = len({role for title in row if (role := role_of(title)[0])})
        if known > most:
            best, most = index, known
    if best is not None or first_filled is None:
        return best
    first = rows[first_filled]
    if any(map(is_phone_like, first)):
        return None
    phones = _phone_column(rows[first_filled + 1 :], range(max(map(len, rows))))
    # a guest without a number leaves the cell empty; a header doesn't
    return None if phones is not None and not _cell(first, phones).strip() else first_filled


def arrange(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    has_header: bool,
    mapping: Mapping[str, str] | None = None,
) -> Columns:
    """The columns of a list. `mapping` (role to column title) goes before any guess. Raises ListError."""
    width = max([len(header), *map(len, rows)])
    roles, without = _guess(header, rows, has_header, mapping or {})
    _check(roles, header, without)
    return Columns(roles, _extras(header, width, set(roles.values())))


def guess_uses(header: Sequence[str], rows: Sequence[Sequence[str]], has_header: bool) -> list[str]:
    """What each column seems to be for: a role, or FIELD. Never raises; the host says what is missing."""
    width = max([len(header), *map(len, rows)])
    roles, _ = _guess(header, rows, has_header, {})
    of = {index: role for role, index in roles.items()}
    return [of.get(index, FIELD) for index in range(width)]


def as_used(header: Sequence[str], uses: Sequence[str]) -> Columns:
    """The columns as a host confirmed them: for each a role, FIELD, or "" when it is ignored."""
    roles = {use: index for index, use in enumerate(uses) if use in TITLES}
    extras = _extras(header, len(uses), set(roles.values()))
    return Columns(roles, {index: key for index, key in extras.items() if uses[index] == FIELD})


def _guess(
    header: Sequence[str], rows: Sequence[Sequence[str]], has_header: bool, mapping: Mapping[str, str]
) -> tuple[dict[str, int], set[str]]:
    """The role of columns, and the roles that the mapping says there is no column for."""
    width = max([len(header), *map(len, rows)])
    roles = _mapped(header, mapping)
    without = {role for role, title in mapping.items() if not title.strip()}
    free = [index for index in range(width) if index not in roles.values()]
    guessed = _by_title(header, rows, free) if has_header else _by_content(rows, free)
    if mapping and any(role in roles for role in NAMES):
        guessed = {role: index for role, index in guessed.items() if role not in NAMES}
    roles = {**{role: index for role, index in guessed.items() if role not in without}, **roles}
    if "phone" not in roles and "phone" not in without:
        phones = _phone_column(rows, [index for index in range(width) if index not in roles.values()])
        roles |= {} if phones is None else {"phone": phones}
    return roles, without


def _mapped(header: Sequence[str], mapping: Mapping[str, str]) -> dict[str, int]:
    if unknown := set(mapping) - set(ROLES):
        raise ListError(
            noop("“{name}” is nothing that a guest has. Use one of: {names}.").format(
                name=sorted(unknown)[0], names=", ".join(ROLES)
            )
        )
    known = {title_key(title): index for index, title in reversed(list(enumerate(header))) if title.strip()}
    roles = {}
    for role, title in mapping.items():
        if not title.strip():
            continue
        index = known.get(title_key(title))
        if index is None:
            raise ListError(
                noop(
                    "There is no column “{title}”. The list has these columns: {titles}. Choose one of them."
                ).format(title=title.strip()[:60], titles=_titles(header))
            )
        roles[role] = index
    return roles


def _titles(header: Sequence[str]) -> str:
    titles = [f"“{title.strip()[:40]}”" for title in header if title.strip()]
    return ", ".join(titles[:30])


def _check(roles: Mapping[str, int], header: Sequence[str], without: set[str]) -> None:
    if not any(role in roles for role in NAMES):
        raise ListError(
            noop(
                "We found no column with names. The list has these columns: {titles}. "
                "Say which it is, for example name = {example}."
            ).format(titles=_titles(header), example=_example(header))
        )
    if "phone" not in roles and "phone" not in without:
        raise ListError(
            noop(
                "We found no column with phone numbers. The list has these columns: {titles}. "
                "Say which it is, for example phone = {example}."
            ).format(titles=_titles(header), example=_example(header))
        )


def _example(header: Sequence[str]) -> str:
    return next((f"“{title.strip()[:40]}”" for title in header if title.strip()), "“Column 1”")


# --- by title


@lru_cache(maxsize=4096)
def title_key(title: str) -> str:
    """A title as compared: no case, accents, marks or punctuation."""
    text = unicodedata.normalize("NFKD", title.casefold())
    text = "".join(" " if unicodedata.category(c)[0] in "PSZC" and c not in _INVISIBLE else c for c in text)
    text = "".join(c for c in text if unicodedata.category(c) not in {"Mn", "Cf"})
    return " ".join(text.split())


_INVISIBLE = frozenset(
    "\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff\u00ad"
)

_EXACT = {
    title_key(title): (role, rank)
    for role, titles in TITLES.items()
    for rank, title in reversed(list(enumerate(titles)))
}
_PART_KEYS = [
    (role, rank, title_key(part)) for role, parts in PARTS.items() for rank, part in enumerate(parts)
]
_NOT = {
    "phone": {title_key(word) for word in NOT_A_PHONE},
    "name": {title_key(word) for word in NOT_A_NAME},
}


@lru_cache(maxsize=4096)
def role_of(title: str) -> tuple[str, int]:
    """The role that a title names ("" for none), and how sure that is (less is surer)."""
    key = title_key(title)
    if key in _EXACT:
        return _EXACT[key]
    if not key or len(key) > 60:
        return "", 0
    words = f" {key} "
    for role, rank, part in _PART_KEYS:
        if f" {part} " in words and not _NOT.get(role, set()) & set(key.split()):
            return role, _PARTIAL + rank
    return "", 0


def _by_title(header: Sequence[str], rows: Sequence[Sequence[str]], free: Sequence[int]) -> dict[str, int]:
    """The surest column of each role; of two equally sure for the phone, the one with more numbers."""
    best: dict[str, tuple[int, int, int]] = {}
    for index in free:
        role, rank = role_of(_cell(header, index))
        if role == "name" and _are_party_sizes(_cells(rows, index)):
            # “Guests” with 2, 4, 1 … below it
            role = "party_size"
        if role:
            numbers = _phones(rows, index) if role == "phone" else 0
            best[role] = min(best.get(role, (10**6, 0, 0)), (rank, -numbers, index))
    return _settle_names(
        {role: rank for role, (rank, _, _) in best.items()}, {r: b[2] for r, b in best.items()}
    )


def _settle_names(ranks: Mapping[str, int], roles: dict[str, int]) -> dict[str, int]:
    """Either the column of whole names, or those of first and last names."""
    if "name" in roles and "last_name" in roles and "first_name" not in roles:
        # שם + שם משפחה, nom + nom de famille: the shorter title is the first name
        roles["first_name"] = roles.pop("name")
    elif "name" in roles and "first_name" in roles and ranks["name"] >= _PARTIAL > ranks["first_name"]:
        del roles["name"]
    if "name" in roles:
        roles.pop("first_name", None)
        roles.pop("last_name", None)
    return roles


# --- by content


def is_phone_like(cell: str) -> bool:
    """Whether a cell has nothing but a phone number, as far as one can tell without its country."""
    if not any(map(str.isdigit, cell)):
        return False
    text = "".join(c for c in unicodedata.normalize("NFKC", cell) if unicodedata.category(c) != "Cf")
    return bool(_PHONE_LIKE.fullmatch(text.strip().lstrip("'")))


def _phones(rows: Sequence[Sequence[str]], index: int) -> int:
    return sum(is_phone_like(_cell(row, index)) for row in rows[:_SAMPLE_ROWS])


def _phone_column(rows: Sequence[Sequence[str]], free: Sequence[int]) -> int | None:
    counts = {index: _phones(rows, index) for index in free}
    best = max(counts, key=lambda index: counts[index], default=None)
    return best if best is not None and counts[best] else None


def _by_content(rows: Sequence[Sequence[str]], free: Sequence[int]) -> dict[str, int]:
    """Phone, name and party size of a list without titles."""
    roles = {}
    phones = _phone_column(rows, free)
    if phones is not None:
        roles["phone"] = phones
    rest = [index for index in free if index != phones]
    for index in rest:
        cells = _cells(rows, index)
        if not cells:
            continue
        with_letters = sum(any(map(str.isalpha, cell)) for cell in cells)
        if "name" not in roles and with_letters * 2 > len(cells):
            roles["name"] = index
        elif "party_size" not in roles and _are_party_sizes(cells):
            roles["party_size"] = index
    return roles


def _are_party_sizes(cells: Sequence[str]) -> bool:
    if not cells or not all(_SMALL_NUMBER.fullmatch(cell) for cell in cells):
        return False
    numbers = list(map(int, cells))
    # 1, 2, 3 … only count the rows
    return len(numbers) == 1 or any(
        later <= earlier for earlier, later in zip(numbers, numbers[1:], strict=False)
    )


def _cells(rows: Sequence[Sequence[str]], index: int) -> list[str]:
    """The first cells of a column that have anything."""
    return [cell for row in rows[:_SAMPLE_ROWS] if (cell := _cell(row, index).strip())]


def _cell(row: Sequence[str], index: int) -> str:
    return row[index] if index < len(row) else ""


# --- further columns


def _extras(header: Sequence[str], width: int, used: set[int]) -> dict[int, str]:
    """A key for each further column, made from its title: “Table No.” is `table_no`."""
    keys: dict[int, str] = {}
    taken: set[str] = set()
    for index in range(width):
        if index in used:
            continue
        base = title_key(_cell(header, index)).replace(" ", "_")[:50] or f"column_{index + 1}"
        key, count = base, 1
        while key in taken:
            count += 1
            key = f"{base}_{count}"
        taken.add(key)
        keys[index] = key
    return keys
