"""XLSX workbooks, read into rows of text."""

from __future__ import annotations

import datetime as dt
import io
import warnings
import zipfile
from collections.abc import Iterable

import openpyxl
from openpyxl.worksheet._read_only import ReadOnlyWorksheet

from .pauses import collector_paused
from .problems import ListError

#: what a workbook may unpack to
MOST_UNPACKED_BYTES = 400 * 1024 * 1024

_DAMAGED = "This Excel workbook is damaged. Open it in your spreadsheet program and save it again."


def read_workbook(data: bytes) -> list[list[str]]:
    """The rows of the first sheet that has any. Raises ListError."""
    _check_unpacked(data)
    with warnings.catch_warnings(), collector_paused():
        # openpyxl warns of formatting that it drops; only the values matter here
        warnings.simplefilter("ignore")
        try:
            return _read_first_sheet(data)
        except ListError:
            raise
        # a damaged workbook makes openpyxl raise nearly anything (KeyError, ParseError, ValueError …)
        except Exception as error:
            raise ListError(_DAMAGED) from error


def _check_unpacked(data: bytes) -> None:
    """Refuse small files that unpack to huge ones, and XML that defines entities (Excel writes none)."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            # sizes that lie do no harm: zipfile stops reading at the size that is declared
            if sum(part.file_size for part in archive.infolist()) > MOST_UNPACKED_BYTES:
                raise ListError(
                    "The workbook is too large when unpacked. Copy the guests alone into a new one."
                )
            if any(part.flag_bits & 1 for part in archive.infolist()):
                raise ListError(
                    "This workbook is protected by a password. Save it without one and try again."
                )
            for part in archive.infolist():
                if part.filename.endswith((".xml", ".rels")):
                    with archive.open(part) as file:
                        if b"<!DOCTYPE" in file.read(1024).upper():
                            raise ListError(_DAMAGED)
    except (
        zipfile.BadZipFile,
        zipfile.LargeZipFile,
        OSError,
        ValueError,
        EOFError,
        NotImplementedError,
    ) as error:
        raise ListError(_DAMAGED) from error


def _read_first_sheet(data: bytes) -> list[list[str]]:
    # data_only: the value of a formula, not the formula
    workbook = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
    try:
        for sheet in workbook.worksheets:
            if isinstance(sheet, ReadOnlyWorksheet):
                # some programs write a wrong size, and openpyxl would believe it
                sheet.reset_dimensions()
            if rows := _filled(sheet.iter_rows(values_only=True)):
                return rows
        return []
    finally:
        workbook.close()


def _filled(raw: Iterable[tuple[object, ...]]) -> list[list[str]]:
    """The rows as text, up to the last that has any. Formatted but empty cells cost nothing."""
    rows: list[list[str]] = []
    empty = 0
    for cells in raw:
        row = [_text(cell) for cell in cells]
        while row and not row[-1]:
            row.pop()
        if not row:
            empty += 1
            continue
        rows.extend([] for _ in range(empty))
        empty = 0
        rows.append(row)
    return rows


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
