"""How large a list may be: far more than anybody invites, and little enough for the memory of any machine."""

from __future__ import annotations

from collections.abc import Iterable

from cordially.lib.marking import noop

from .problems import ListError

MOST_ROWS = 200_000
MOST_COLUMNS = 500
#: a list that is both very long and very wide is no guest list either
MOST_CELLS = 5_000_000
#: Excel allows no longer ones
LONGEST_CELL = 32_767


def bounded(rows: Iterable[list[str]]) -> list[list[str]]:
    """The rows up to the last that holds anything. Raises ListError as soon as they are too many, or too large."""
    kept: list[list[str]] = []
    #: empty rows, which count only if another follows
    waiting: list[list[str]] = []
    cells = 0
    for number, row in enumerate(rows, 1):
        if len(row) > MOST_COLUMNS:
            if any(map(str.strip, row[MOST_COLUMNS:])):
                raise too_wide(number)
            row = row[:MOST_COLUMNS]
        if not any(map(str.strip, row)):
            if number <= MOST_ROWS:
                waiting.append(row)
            continue
        if number > MOST_ROWS:
            raise too_long()
        if any(len(cell) > LONGEST_CELL for cell in row):
            raise too_much_text(number)
        cells += sum(map(len, waiting)) + len(row)
        if cells > MOST_CELLS:
            raise ListError(
                noop(
                    "The list is too large: it has more than five million cells. "
                    "Keep only the columns with your guests."
                )
            )
        kept += waiting
        kept.append(row)
        waiting.clear()
    return kept


def too_long() -> ListError:
    return ListError(
        noop(
            "The list has more than {most} rows. Split it into several files, or remove what stands far "
            "below the guests."
        ).format(most=f"{MOST_ROWS:,}")
    )


def too_wide(number: int) -> ListError:
    return ListError(
        noop("Row {number} has more than {most} columns. Keep only the columns with your guests.").format(
            number=f"{number:,}", most=MOST_COLUMNS
        )
    )


def too_much_text(number: int) -> ListError:
    return ListError(
        noop(
            "Row {number} holds a cell of more than {most} characters. Look for a quotation mark that is "
            "never closed, or save the list as an Excel workbook (.xlsx)."
        ).format(number=f"{number:,}", most=f"{LONGEST_CELL:,}")
    )
