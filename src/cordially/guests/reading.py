"""Guest list files as people send them (CSV of any kind, XLSX), read into rows of text."""

from __future__ import annotations

import contextlib
import csv
import io
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from django.conf import settings

from cordially.lib.marking import noop

from .bounds import LONGEST_CELL, MOST_COLUMNS, bounded, too_much_text, too_wide
from .columns import Columns, arrange, find_header
from .encodings import decode
from .problems import ListError
from .workbooks import read_workbook

__all__ = ["ListError", "Table", "read_table"]

Source = str | Path | IO[bytes]

_DELIMITERS = ",;\t|"
#: a cell with more lines than this is a quotation mark that nobody closed
_MOST_LINES = 60
#: delimiters in one line; not all of them end a cell, some stand in quotes
_MOST_DELIMITERS = 20 * MOST_COLUMNS


@dataclass(frozen=True)
class Table:
    """The cells of a list as text: titles, and the rows below them.

    Rows may differ in length; cells are as the file has them, spaces and all. Empty rows between others are
    kept, for rows are counted; none is at the end. A list without titles gets “Column 1”, “Column 2” ….
    """

    header: list[str]
    rows: list[list[str]]
    has_header: bool = True
    filename: str = ""

    def arrange(self, mapping: Mapping[str, str] | None = None) -> Columns:
        """Which column holds what; `mapping` as in importing.import_guests. Raises ListError."""
        return arrange(self.header, self.rows, self.has_header, mapping)


def read_table(source: Source, filename: str = "") -> Table:
    """The table in a file given by its path or open for reading bytes. Raises ListError."""
    filename = filename or (Path(source).name if isinstance(source, str | Path) else "")
    data = _read_bytes(source)
    rows = _read_rows(data, filename)
    while rows and not any(map(str.strip, rows[-1])):
        rows.pop()
    if not rows:
        raise ListError(noop("The file is empty. Choose the one with your guests."))
    return _with_header(rows, filename)


def _with_header(rows: list[list[str]], filename: str) -> Table:
    at = find_header(rows)
    if at is None:
        titles = [f"Column {number}" for number in range(1, max(map(len, rows)) + 1)]
        return Table(titles, rows, has_header=False, filename=filename)
    if at + 1 == len(rows):
        raise ListError(noop("The file has a row of titles but no guests below it. Add them and try again."))
    return Table(rows[at], rows[at + 1 :], filename=filename)


# --- bytes


def _read_bytes(source: Source) -> bytes:
    """The bytes of the file, at most IMPORT_MAX_BYTES of them."""
    if not isinstance(source, str | Path):
        return _read_open(source)
    path = Path(source)
    if path.is_dir():
        raise ListError(noop("{path} is a folder. Choose a file in it.").format(path=path))
    try:
        if path.stat().st_size > settings.IMPORT_MAX_BYTES:
            raise _too_large()
        with path.open("rb") as file:
            return _read_open(file)
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise ListError(
            noop("There is no file {path}. Check its name and folder.").format(path=path)
        ) from error
    except PermissionError as error:
        raise ListError(
            noop("The file {path} may not be read. Allow reading it, or copy it elsewhere.").format(path=path)
        ) from error
    except OSError as error:
        raise ListError(
            noop("The file {path} can't be read: {strerror}. Copy it elsewhere and try again.").format(
                path=path, strerror=error.strerror
            )
        ) from error


def _read_open(file: IO[bytes]) -> bytes:
    data = file.read(settings.IMPORT_MAX_BYTES + 1)
    if len(data) > settings.IMPORT_MAX_BYTES:
        raise _too_large()
    return data


def _too_large() -> ListError:
    megabytes = settings.IMPORT_MAX_BYTES // (1024 * 1024)
    return ListError(
        noop("The file is larger than {megabytes} MB. Split the list into several files.").format(
            megabytes=megabytes
        )
    )


# --- which kind of file

_SAVE_AS = noop("Open it in your spreadsheet program and save it as Excel workbook (.xlsx) or CSV.")
#: how files of other kinds begin
_OTHERS = {
    b"%PDF": noop("This is a PDF. Ask for the list as a spreadsheet (.xlsx) or CSV."),
    b"\x89PNG": noop("This is a picture. Ask for the list as a spreadsheet (.xlsx) or CSV."),
    b"\xff\xd8\xff": noop("This is a picture. Ask for the list as a spreadsheet (.xlsx) or CSV."),
    b"GIF8": noop("This is a picture. Ask for the list as a spreadsheet (.xlsx) or CSV."),
    b"{\\rtf": noop("This is a text document. {save_as}").format(save_as=_SAVE_AS),
    b"BEGIN:VCARD": noop("This is a file of contacts (vCard). Export the contacts as CSV instead."),
    b"Rar!": noop("This is a packed archive. Unpack it and choose the list in it."),
    b"7z\xbc\xaf": noop("This is a packed archive. Unpack it and choose the list in it."),
    b"\x1f\x8b": noop("This is a packed archive. Unpack it and choose the list in it."),
}
_OLE = b"\xd0\xcf\x11\xe0"
_OLD_EXTENSIONS = (".xls", ".ods", ".numbers", ".pdf", ".doc", ".docx")


def _read_rows(data: bytes, filename: str) -> list[list[str]]:
    for start, sentence in _OTHERS.items():
        if data.startswith(start):
            raise ListError(sentence)
    if data.startswith(_OLE):
        raise _ole_error(data)
    if data.startswith(b"PK\x03\x04"):
        _check_archive(data)
        return read_workbook(data)
    if data[:400].lstrip(b"\xef\xbb\xbf \r\n\t").lower().startswith((b"<html", b"<!doctype html", b"<table")):
        raise ListError(
            noop("This is a web page, though it may be named as a spreadsheet. {save_as}").format(
                save_as=_SAVE_AS
            )
        )
    if filename.lower().endswith((".xlsx", ".xlsm")) and data:
        raise ListError(noop("This Excel workbook is damaged. {save_as}").format(save_as=_SAVE_AS))
    if filename.lower().endswith(_OLD_EXTENSIONS) and b"\0" in data[:4096]:
        raise ListError(
            noop("Files like {filename} can't be read. {save_as}").format(filename=filename, save_as=_SAVE_AS)
        )
    return _read_text(decode(data))


def _ole_error(data: bytes) -> ListError:
    if "EncryptedPackage".encode("utf-16-le") in data:
        return ListError(noop("This workbook is protected by a password. Save it without one and try again."))
    return ListError(
        noop("This is a file of an older Office program (.xls, .doc). {save_as}").format(save_as=_SAVE_AS)
    )


def _check_archive(data: bytes) -> None:
    """Refuse archives that are no XLSX workbook."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise ListError(noop("This Excel workbook is damaged. {save_as}").format(save_as=_SAVE_AS)) from error
    if "[Content_Types].xml" in names and any(name.startswith("xl/") for name in names):
        if "xl/workbook.bin" in names:
            raise ListError(noop("This is a binary workbook (.xlsb). {save_as}").format(save_as=_SAVE_AS))
        return
    if "content.xml" in names and "mimetype" in names:
        raise ListError(noop("This is an OpenDocument file (.ods). {save_as}").format(save_as=_SAVE_AS))
    if any(name.endswith(".iwa") for name in names):
        raise ListError(noop("This is a Numbers file. In Numbers, choose Export To, then Excel or CSV."))
    if any(name.startswith("word/") for name in names):
        raise ListError(
            noop("This is a Word document. Copy its table into a spreadsheet. {save_as}").format(
                save_as=_SAVE_AS
            )
        )
    raise ListError(noop("This is a packed archive. Unpack it and choose the list in it."))


# --- CSV


def _read_text(text: str) -> list[list[str]]:
    delimiter, text = _said_delimiter(text)
    delimiter = delimiter or _guess_delimiter(text)
    rows = _parse(text, delimiter)
    for number, row in enumerate(rows, 1):
        if any(cell.count("\n") > _MOST_LINES for cell in row):
            raise ListError(
                noop(
                    "A quotation mark in line {number} of the list is never closed. Remove it, or save the "
                    "list as an Excel workbook (.xlsx)."
                ).format(number=number)
            )
    return rows


def _parse(text: str, delimiter: str) -> list[list[str]]:
    # process-wide, but only ever set to the same value
    csv.field_size_limit(LONGEST_CELL)
    done = 0

    def read() -> Iterator[list[str]]:
        nonlocal done
        for row in csv.reader(_lines(text, delimiter), delimiter=delimiter, skipinitialspace=False):
            done += 1
            yield row

    try:
        return bounded(read())
    except csv.Error as error:
        raise too_much_text(done + 1) from error


def _lines(text: str, delimiter: str) -> Iterator[str]:
    """The lines, none of which makes millions of cells."""
    for number, line in enumerate(io.StringIO(text, newline=""), 1):
        if line.count(delimiter) > _MOST_DELIMITERS:
            raise too_wide(number)
        yield line


def _said_delimiter(text: str) -> tuple[str, str]:
    """The delimiter that a first line `sep=;` names (Excel's way), and the text after that line."""
    first, _, rest = text[:20].partition("\n")
    said = first.strip().strip('"')
    if said.lower().startswith("sep=") and len(said) <= 5:
        # `sep=` and a tab: strip() took it
        return said[4:] or "\t", text[len(first) + 1 :]
    return "", text


def _guess_delimiter(text: str) -> str:
    """The delimiter that cuts the first rows into the most equal number of cells."""
    sample = text[:50_000]
    return max(_DELIMITERS, key=lambda delimiter: _evenness(_sample_rows(sample, delimiter)))


def _sample_rows(sample: str, delimiter: str) -> list[list[str]]:
    rows: list[list[str]] = []
    # the rows before a cell that is too long tell enough
    with contextlib.suppress(csv.Error):
        rows.extend(csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter))
    # the last row may be cut off
    return [row for row in (rows[:-1] if len(rows) > 2 else rows)[:200] if any(row)]


def _evenness(rows: Sequence[Sequence[Any]]) -> tuple[float, int]:
    """Which part of the rows has the commonest number of cells above one, then that number."""
    sizes = Counter(len(row) for row in rows if len(row) > 1)
    if not sizes:
        return (0, 0)
    size, count = sizes.most_common(1)[0]
    return (round(count / len(rows), 1), size)
