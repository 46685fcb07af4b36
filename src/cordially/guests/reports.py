"""What an import says: one result for each row, and the counts of all."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

# Verdicts: what the list says, whatever is on file.
OK = "ok"
DUPLICATE_OF = "duplicate_of"
SAME_PHONE_AS = "same_phone_as"
AMBIGUOUS = "ambiguous"
INVALID = "invalid"
NO_PHONE = "no_phone"
VERDICTS = (OK, DUPLICATE_OF, SAME_PHONE_AS, AMBIGUOUS, INVALID, NO_PHONE)

# Outcomes: what the import did.
ADDED = "added"
UPDATED = "updated"
ON_FILE = "on_file"
REPEATED = "repeated"
#: comes along with the guest of an earlier row who has the same number
JOINED = "joined"
#: the host took the row out
LEFT_OUT = "left_out"


@dataclass(slots=True)
class RowResult:
    """What became of one row of the list.

    `row` counts from 1 without the header. `of` is the earlier row that `verdict` speaks of. `reason` is why
    a number can't be used, in short words; `note` is a sentence for the host ("" when there is nothing to say).
    `outcome`: the guest was `added`; was on file and got a number (`updated`); was `on_file`; or the row is
    `repeated` from an earlier one. A dry run says what would be.
    """

    row: int
    verdict: str
    name: str
    phone_raw: str = ""
    e164: str | None = None
    of: int | None = None
    reason: str = ""
    note: str = ""
    outcome: str = ADDED

    @property
    def is_new(self) -> bool:
        return self.outcome == ADDED

    def as_json(self) -> dict[str, Any]:
        """The row in the words of the yardstick (`reason` is its `why`); `of` only where there is one."""
        told = {
            "row": self.row,
            "verdict": self.verdict,
            "e164": self.e164,
            "reason": self.reason,
            "name": self.name,
        }
        return told if self.of is None else {**told, "of": self.of}


@dataclass(frozen=True)
class ImportReport:
    """What became of a list: every row that had a name or a number, in order.

    `columns` says under which title each thing was found ({"name": "Full Name"}).
    """

    rows: list[RowResult]
    columns: dict[str, str] = field(default_factory=dict)
    country: str = ""
    dry_run: bool = False
    #: verdict or outcome -> rows
    counts: Counter[str] = field(init=False)

    def __post_init__(self) -> None:
        counts = Counter(row.verdict for row in self.rows) + Counter(row.outcome for row in self.rows)
        object.__setattr__(self, "counts", counts)

    @property
    def added(self) -> int:
        """New guests."""
        return self.counts[ADDED]

    @property
    def updated(self) -> int:
        """Guests on file who had no usable number and got theirs."""
        return self.counts[UPDATED]

    @property
    def already_there(self) -> int:
        """Rows whose guest was on file before."""
        return self.counts[ON_FILE]

    @property
    def repeated(self) -> int:
        """Rows that only repeat an earlier row of the list."""
        return self.counts[REPEATED]

    @property
    def to_decide(self) -> list[RowResult]:
        """Rows whose guest can't be written to until a person settles the number."""
        return [row for row in self.rows if row.verdict in {AMBIGUOUS, INVALID, NO_PHONE}]
