"""XLSX workbooks, read into rows of text."""

from __future__ import annotations

import datetime as dt
import io
import warnings
import zipfile
import zlib
from typing import IO
from xml.parsers import expat

import openpyxl
from openpyxl.utils.cell import column_index_from_string
from openpyxl.worksheet._read_only import ReadOnlyWorksheet

from cordially.lib.marking import noop

from .bounds import MOST_COLUMNS, MOST_ROWS, bounded, too_long, too_wide
from .pauses import collector_paused
from .problems import ListError

#: what a workbook may unpack to
MOST_UNPACKED_BYTES = 400 * 1024 * 1024
_MOST_ELEMENTS = 15_000_000
#: elements of one row: a cell has two as a rule, more where its letters are formatted
_MOST_IN_ROW = 40 * MOST_COLUMNS

_DAMAGED = noop("This Excel workbook is damaged. Open it in your spreadsheet program and save it again.")


def read_workbook(data: bytes) -> list[list[str]]:
    """The rows of the first sheet that has any. Raises ListError."""
    scout = _look_over(data)
    with warnings.catch_warnings(), collector_paused():
        # openpyxl warns of formatting that it drops; only the values matter here
        warnings.simplefilter("ignore")
        try:
            return _read_first_sheet(data, scout)
        except ListError:
            raise
        # a damaged workbook makes openpyxl raise nearly anything (KeyError, ParseError, ValueError …)
        except Exception as error:
            raise ListError(_DAMAGED) from error


def _look_over(data: bytes) -> _Scout:
    """Where the cells are. Refuses small files that unpack to huge ones, or to sheets that nobody could read."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            # sizes that lie do no harm: zipfile stops reading at the size that is declared
            if sum(part.file_size for part in archive.infolist()) > MOST_UNPACKED_BYTES:
                raise _too_large()
            if any(part.flag_bits & 1 for part in archive.infolist()):
                raise ListError(
                    noop("This workbook is protected by a password. Save it without one and try again.")
                )
            scout = _Scout()
            for part in archive.infolist():
                with archive.open(part) as file:
                    scout.read(file)
            return scout
    except (
        zipfile.BadZipFile,
        zipfile.LargeZipFile,
        OSError,
        ValueError,
        OverflowError,
        EOFError,
        NotImplementedError,
        zlib.error,
    ) as error:
        raise ListError(_DAMAGED) from error


def _too_large() -> ListError:
    return ListError(noop("The workbook is too large when unpacked. Copy the guests alone into a new one."))


class _Scout:
    """Runs through the XML ahead of openpyxl, which holds a whole row, and every gap, before it can be counted.

    Keeps nothing, and stops at the first thing that is too much. It counts as openpyxl does: a row or cell that
    doesn't say its place follows the one before.
    """

    def __init__(self) -> None:
        #: the last row and column of any sheet that hold something
        self.last_row = self.last_column = 0
        self._elements = 0

    def read(self, file: IO[bytes]) -> None:
        self._row = self._column = self._in_row = 0
        self._inside = False
        parser = expat.ParserCreate()
        # Excel defines no entities, so who does means harm
        parser.StartDoctypeDeclHandler = self._refuse
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        try:
            parser.ParseFile(file)
        except expat.ExpatError:
            # a picture, or damaged: openpyxl gets no further than we did
            pass

    def _refuse(self, *_: object) -> None:
        raise ListError(_DAMAGED)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        self._in_row += 1
        if self._elements > _MOST_ELEMENTS:
            raise _too_large()
        kind = name.rpartition(":")[2]
        if kind == "row":
            self._row = int(float(attributes["r"])) if "r" in attributes else self._row + 1
            self._column = self._in_row = 0
            self._inside = True
        elif kind == "c":
            place = attributes.get("r", "").rstrip("0123456789")
            self._column = column_index_from_string(place) if place else self._column + 1
        elif kind in ("v", "is") and self._inside:
            if self._row > MOST_ROWS:
                raise too_long()
            if self._column > MOST_COLUMNS:
                raise too_wide(self._row)
            self.last_row = max(self.last_row, self._row)
            self.last_column = max(self.last_column, self._column)
        if self._inside and self._in_row > _MOST_IN_ROW:
            raise too_wide(self._row)

    def _end(self, name: str) -> None:
        if name.rpartition(":")[2] == "row":
            self._inside = False


def _read_first_sheet(data: bytes, scout: _Scout) -> list[list[str]]:
    # data_only: the value of a formula, not the formula
    workbook = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
    try:
        for sheet in workbook.worksheets if scout.last_row else ():
            if isinstance(sheet, ReadOnlyWorksheet):
                # some programs write a wrong size, and openpyxl would believe it
                sheet.reset_dimensions()
            # openpyxl would fill up to the last cell that is there, though it be empty
            cells = sheet.iter_rows(max_row=scout.last_row, max_col=scout.last_column, values_only=True)
            if rows := bounded(map(_row, cells)):
                return rows
        return []
    finally:
        workbook.close()


def _row(cells: tuple[object, ...]) -> list[str]:
    """The cells as text, up to the last that has any."""
    row = [_text(cell) for cell in cells]
    while row and not row[-1]:
        row.pop()
    return row


def _text(cell: object) -> str:
    """A cell as a person would have typed it; numbers always in full."""
    if cell is None:
        return ""
    if isinstance(cell, str):
        # what Excel writes for characters that XML can't hold
        return "" if cell in _ERRORS else cell.replace("_x000D_", "")
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e18 else repr(cell)
    if isinstance(cell, dt.datetime) and cell.time() == dt.time():
        return cell.date().isoformat()
    return str(cell)


_ERRORS = {"#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!"}
