from __future__ import annotations

import io
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from cordially.guests.reading import ListError, Table, read_table
from cordially.guests.workbooks import _look_over

HEBREW = [
    ["שם מלא", "טלפון", "הערות"],
    ["דנה כהן", "0502281948", "צמחונית"],
    ["אורי לוי", "0502219935", "ליד הבמה"],
]
ARABIC = [
    ["الاسم", "رقم الجوال", "ملاحظات"],
    ["زكية النقيب", "0502281948", "نباتية"],
    ["راغب هندية", "0502219935", ""],
]
RUSSIAN = [
    ["Имя", "Телефон", "Примечание"],
    ["Анна Кузнецова", "0502281948", "веган"],
    ["Юрий Жуков", "0502219935", ""],
]
FRENCH = [
    ["Nom", "Téléphone", "Côté"],
    ["Zoë Lefèvre", "0502281948", "mariée"],
    ["Noël Müller", "0502219935", "marié"],
]
TURKISH = [
    ["Ad Soyad", "Telefon", "Taraf"],
    ["Ayşe Yıldız", "0502281948", "gelin"],
    ["Çağrı Öztürk", "0502219935", ""],
]
POLISH = [
    ["Imię i nazwisko", "Telefon", "Uwagi"],
    ["Łukasz Wiśniewski", "0502281948", "żona"],
    ["Zażółć Gęśl", "0502219935", ""],
]
GREEK = [
    ["Όνομα", "Phone", "Notes"],
    ["Γιώργος Παπαδόπουλος", "0502281948", ""],
    ["Ελένη Ιωάννου", "0502219935", "φίλη"],
]
JAPANESE = [
    ["名前", "電話番号", "備考"],
    ["佐藤 直人さん", "0502281948", "ベジタリアンの友達"],
    ["鈴木 真綾さん", "0502219935", "ひだりのせき"],
]


def read(data: bytes, filename: str = "guests.csv") -> Table:
    return read_table(io.BytesIO(data), filename)


def csv_text(rows: list[list[str]], delimiter: str = ",") -> str:
    return "".join(delimiter.join(row) + "\r\n" for row in rows)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize(
    ("rows", "encoding"),
    [
        *[
            (HEBREW, e)
            for e in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1255")
        ],
        *[(ARABIC, e) for e in ("utf-8", "utf-16-be", "cp1256")],
        *[(RUSSIAN, e) for e in ("utf-8", "utf-16-le", "cp1251")],
        *[(FRENCH, e) for e in ("utf-8", "utf-16-le", "cp1252")],
        *[(TURKISH, e) for e in ("utf-8", "cp1254")],
        (POLISH, "cp1250"),
        (GREEK, "cp1253"),
        (JAPANESE, "cp932"),
    ],
)
def test_it_reads_any_encoding_and_delimiter(rows: list[list[str]], encoding: str, delimiter: str) -> None:
    table = read(csv_text(rows, delimiter).encode(encoding))
    assert [table.header, *table.rows] == rows


def test_it_reads_a_long_list_whose_first_accent_comes_late() -> None:
    rows = [
        ["Name", "Phone"],
        *[[f"Guest Number {i}", "0502281948"] for i in range(20_000)],
        ["דנה כהן", "0502219935"],
    ]
    assert read(csv_text(rows).encode("cp1255")).rows[-1][0] == "דנה כהן"


def test_a_few_broken_bytes_do_not_spoil_the_other_names() -> None:
    data = csv_text([HEBREW[0], *HEBREW[1:] * 20]).encode()
    assert read(data + b"\xd7,0502281948\r\n").rows[0][0] == "דנה כהן"


def test_it_reads_quotes_lines_and_the_delimiter_that_a_first_line_names() -> None:
    table = read(b'sep=;\r\nName;Phone;Notes\r\n"Cohen, Dana";050;"line one\nline ""two"""\r\n\r\n;;\r\n')
    assert table.header == ["Name", "Phone", "Notes"]
    assert table.rows == [["Cohen, Dana", "050", 'line one\nline "two"']]


def test_old_macs_ended_lines_their_own_way() -> None:
    assert read(b"Name,Phone\rDana,0502281948\r").rows == [["Dana", "0502281948"]]


def test_it_keeps_empty_rows_between_others_and_drops_those_at_the_end() -> None:
    assert read(b"Name,Phone\nDana,1\n\n,,\nUri,2\n\n,,\n").rows == [
        ["Dana", "1"],
        [],
        ["", "", ""],
        ["Uri", "2"],
    ]


def test_it_drops_nuls() -> None:
    assert read(b"Name,Phone\nDa\0na,0502281948\nUri,0502219935\n" * 9).rows[0][0] == "Dana"


def test_it_finds_the_titles_below_other_lines() -> None:
    table = read("Our wedding,,\n,,\nשם מלא,טלפון,צד\nדנה,0502281948,כלה\n".encode())
    assert table.header == ["שם מלא", "טלפון", "צד"]
    assert len(table.rows) == 1


def test_a_list_without_titles_gets_some() -> None:
    table = read(b"Dana Cohen,0502281948\nUri,0502219935\n")
    assert (table.header, table.has_header, len(table.rows)) == (["Column 1", "Column 2"], False, 2)


def test_titles_in_an_unknown_language_are_no_guest() -> None:
    assert read(b"Izina,Nomero\nDana Cohen,0502281948\n").header == ["Izina", "Nomero"]


def xlsx(*sheets: list[list[Any]]) -> bytes:
    book = Workbook()
    book.remove(book.active)
    for rows in sheets:
        sheet = book.create_sheet()
        for row in rows:
            sheet.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def test_it_reads_the_first_sheet_that_has_anything() -> None:
    table = read(
        xlsx([], [["Name", "Phone"], ["Dana", 972502281948.0], [None, None], ["Uri", 502219935]]), "g.xlsx"
    )
    assert table.rows == [["Dana", "972502281948"], [], ["Uri", "502219935"]]


def test_it_reads_text_that_looks_like_a_formula_as_text() -> None:
    book = Workbook()
    book.active.append(["Name", "Phone"])
    book.active.append(["x", "0502281948"])
    cell = book.active.cell(2, 1, "=SUM(A1)")
    cell.data_type = "s"
    file = io.BytesIO()
    book.save(file)
    assert read(file.getvalue()).rows[0][0] == "=SUM(A1)"


def zipped(**files: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return file.getvalue()


def bomb() -> bytes:
    book = {"[Content_Types].xml": b"<Types/>", "xl/workbook.xml": b"<workbook/>"}
    return zipped(**book, **{f"xl/worksheets/sheet{i}.xml": b" " * 45_000_000 for i in range(10)})


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600


@pytest.mark.parametrize(
    ("data", "filename", "said"),
    [
        (b"", "a.csv", "The file is empty."),
        (b"", "a.xlsx", "The file is empty."),
        (b"\xef\xbb\xbf \r\n\r\n", "a.csv", "The file is empty."),
        (b"Name,Phone\r\n,\r\n", "a.csv", "no guests below"),
        (b"%PDF-1.7 ...", "a.pdf", "PDF"),
        (b"%PDF-1.7 ...", "a.csv", "PDF"),
        (OLE, "a.xls", "(.xls, .doc)"),
        (OLE + "EncryptedPackage".encode("utf-16-le"), "a.xlsx", "password"),
        (zipped(mimetype=b"application/vnd.oasis", **{"content.xml": b"<x/>"}), "a.ods", ".ods"),
        (zipped(**{"word/document.xml": b"<x/>"}), "a.docx", "Word"),
        (zipped(**{"Index/Document.iwa": b"x"}), "a.numbers", "Numbers"),
        (zipped(**{"guests.csv": b"x"}), "a.zip", "archive"),
        (zipped(**{"[Content_Types].xml": b"<x/>", "xl/workbook.xml": b"nonsense"}), "a.xlsx", "damaged"),
        (xlsx([["Name"], ["Dana"]])[:-200], "a.xlsx", "damaged"),
        (b"plain words", "a.xlsx", "damaged"),
        (b"<html><table>", "a.xls", "web page"),
        (b"BEGIN:VCARD\r\n", "a.vcf", "vCard"),
        (b"\x89PNG\r\n\x1a\n", "a.png", "picture"),
        (bytes(range(256)) * 40, "a.csv", "doesn't look like a guest list"),
        (b'Name,Phone\n"Dana,0502281948\n' + b"Uri,0502219935\n" * 100, "a.csv", "never closed"),
    ],
)
def test_it_refuses_in_plain_words(data: bytes, filename: str, said: str) -> None:
    with pytest.raises(ListError, match=".") as caught:
        read(data, filename)
    sentence = str(caught.value)
    assert said in sentence
    assert sentence.endswith(".") and "Error" not in sentence and "!" not in sentence


def test_it_refuses_a_workbook_that_unpacks_to_too_much() -> None:
    with pytest.raises(ListError, match="too large when unpacked"):
        read(bomb(), "a.xlsx")


def test_it_refuses_large_files_before_reading_them(tmp_path: Path, settings: Any) -> None:
    settings.IMPORT_MAX_BYTES = 1024 * 1024
    path = tmp_path / "a.csv"
    path.write_bytes(b"x" * (1024 * 1024 + 1))
    with pytest.raises(ListError, match="larger than 1 MB"):
        read_table(path)
    with pytest.raises(ListError, match="larger than 1 MB"), path.open("rb") as file:
        read_table(file, "a.csv")


def test_it_refuses_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ListError, match="is a folder"):
        read_table(tmp_path)
    with pytest.raises(ListError, match="There is no file"):
        read_table(str(tmp_path / "none.csv"))
    with pytest.raises(ListError, match="There is no file"):
        read_table("a\0b")


# --- too much


def sheet(rows: str, **more: str) -> bytes:
    """A workbook whose only sheet has these rows of XML."""
    book = io.BytesIO()
    Workbook().save(book)
    made = io.BytesIO()
    with zipfile.ZipFile(book) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.infolist():
            text = old.read(part)
            if part.filename == "xl/worksheets/sheet1.xml":
                text = (
                    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
                    f"{more.get('before', '')}<sheetData>{rows}</sheetData>{more.get('after', '')}</worksheet>"
                ).encode()
            new.writestr(part, text)
    return made.getvalue()


def inline(place: str, text: str) -> str:
    return f'<c{place} t="inlineStr"><is><t>{text}</t></is></c>'


NAMES = f'<row r="1">{inline("", "Name")}{inline("", "Phone")}</row>'
DANA = f'<row r="2">{inline("", "Dana")}{inline("", "0502281948")}</row>'


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (f'<row r="5000000">{inline("", "x")}</row>', "more than 200,000 rows"),
        (f'<row r="9000000000000">{inline("", "x")}</row>', "more than 200,000 rows"),
        (f'<row r="200001">{inline("", "x")}</row>', "more than 200,000 rows"),
        (f'<row r="3">{inline(" r=" + chr(34) + "ZZZ3" + chr(34), "x")}</row>', "more than 500 columns"),
        (f"<row>{inline('', 'x') * 501}</row>", "more than 500 columns"),
        (f"<row>{'<c/>' * 25_000}</row>", "more than 500 columns"),
        (f'<row r="1e999">{inline("", "x")}</row>', "damaged"),
        (f"<row>{inline('', 'x' * 32_768)}</row>", "more than 32,767 characters"),
    ],
)
def test_it_refuses_a_sheet_that_would_eat_the_memory(rows: str, said: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(ListError, match=said):
            read(sheet(NAMES + DANA + rows), "a.xlsx")
        assert tracemalloc.get_traced_memory()[1] < 40_000_000
    finally:
        tracemalloc.stop()


def test_empty_cells_far_away_are_no_guests() -> None:
    far = '<row r="3"><c r="XFD3"/></row><row r="1048576"><c r="A1048576"/></row>'
    many = "".join(f'<mergeCell ref="E{n}:F{n}"/>' for n in range(1, 25_000))
    assert read(sheet(NAMES + DANA + far, after=f"<mergeCells>{many}</mergeCells>"), "a.xlsx").rows == [
        ["Dana", "0502281948"]
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_workbook_that_defines_words_of_its_own_is_refused(encoding: str) -> None:
    book = io.BytesIO(sheet(NAMES + DANA))
    made = io.BytesIO()
    with zipfile.ZipFile(book) as old, zipfile.ZipFile(made, "w") as new:
        for part in old.infolist():
            text = old.read(part)
            if part.filename == "xl/worksheets/sheet1.xml":
                doctype = (
                    f'<?xml version="1.0" encoding="{encoding}"?>{" " * 2000}<!DOCTYPE x [<!ENTITY a "b">]>'
                )
                text = (doctype + text.decode().replace("Dana", "&a;")).encode(encoding)
            new.writestr(part, text)
    with pytest.raises(ListError, match="damaged"):
        read(made.getvalue(), "a.xlsx")


def test_a_far_column_is_refused_before_every_row_is_filled_up_to_it() -> None:
    with pytest.raises(ListError, match="more than 500 columns"):
        _look_over(sheet(NAMES + '<row><c r="ZZZ2"><v>1</v></c></row>'))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Name,Phone\n" + "Dana,1\n" * 200_000, "more than 200,000 rows"),
        ("Name,Phone\nDana,1\n" + "\n" * 200_000 + "Uri,2\n", "more than 200,000 rows"),
        ("Name,Phone\nDana,1" + ",x" * 500 + "\n", "Row 2 has more than 500 columns"),
        ("Name,Phone\nDana,1" + "," * 11_000 + "\n", "Row 2 has more than 500 columns"),
        ("Name,Phone\nDana," + "1" * 32_768 + "\n", "Row 2 holds a cell of more than 32,767 characters"),
        ('Name,Phone\n"Dana,1\n' + "Uri,0502219935\n" * 4000, "Row 2 holds .* never closed"),
        ("Name" + ",x" * 450 + "\n" + ("Dana" + ",1" * 450 + "\n") * 11_200, "more than five million cells"),
    ],
)
def test_it_refuses_a_text_that_is_too_much(text: str, said: str) -> None:
    with pytest.raises(ListError, match=said):
        read(text.encode())


def test_much_of_nothing_is_not_too_much() -> None:
    text = "Name,Phone\n" + "Dana,1" + "," * 900 + "\n" + ",\n" * 300_000
    assert [row[:2] for row in read(text.encode()).rows] == [["Dana", "1"]]
