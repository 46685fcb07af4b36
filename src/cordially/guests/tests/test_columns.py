from __future__ import annotations

import pytest

from cordially.guests.columns import Columns, arrange, find_header
from cordially.guests.reading import ListError

ROW = ["Dana Cohen", "0502281948", "3", "he", "bride", "vegan"]


@pytest.mark.parametrize(
    "header",
    [
        ["Full Name", "Mobile No.", "Party of", "Language", "Side", "Remarks"],
        ["שם מלא", "מס' טלפון", "מספר מוזמנים", "שפה", "צד", "הערות"],
        ["الاسم الكامل", "رقم الجوال", "عدد الضيوف", "اللغة", "المجموعة", "ملاحظات"],
        ["Nombre completo", "Teléfono", "Número de invitados", "Idioma", "Grupo", "Notas"],
        ["Nome", "Celular", "Quantidade", "Idioma", "Lado", "Observações"],
        ["Nom complet", "Téléphone", "Nombre de personnes", "Langue", "Côté", "Remarques"],
        ["Name", "Handynummer", "Anzahl Gäste", "Sprache", "Gruppe", "Bemerkungen"],
        ["ФИО", "Номер телефона", "Количество гостей", "Язык", "Группа", "Примечание"],
        ["नाम", "मोबाइल नंबर", "संख्या", "भाषा", "समूह", "टिप्पणी"],
        ["Nome e cognome", "Cellulare", "Numero ospiti", "Lingua", "Gruppo", "Note"],
        ["Ad Soyad", "Cep Telefonu", "Kişi Sayısı", "Dil", "Taraf", "Notlar"],
        ["Naam", "Telefoonnummer", "Aantal personen", "Taal", "Groep", "Opmerkingen"],
        ["  GUEST'S NAME ", "WhatsApp Number:", "Party size", "lang", "Guest of", "Notes"],
        ["\u200fשם האורח", "טלפון נייד\u200e", "כמות מוזמנים", "שפה", "קבוצה", "הערות"],
        [
            "Your full name",
            "Mobile phone (with code)",
            "How many?",
            "Preferred language",
            "Group",
            "Comments",
        ],
    ],
)
def test_it_knows_titles_in_many_languages(header: list[str]) -> None:
    assert find_header([header, ROW]) == 0
    columns = arrange(header, [ROW], True)
    assert columns == Columns({"name": 0, "phone": 1, "party_size": 2, "language": 3, "group": 4, "note": 5})


@pytest.mark.parametrize(
    "header",
    [
        ["First name", "Last name", "Phone"],
        ["שם", "שם משפחה", "נייד"],
        ["Vorname", "Nachname", "Telefon"],
        ["Prénom", "Nom de famille", "Portable"],
        ["Ad", "Soyad", "Telefon"],
    ],
)
def test_it_joins_first_and_last_names(header: list[str]) -> None:
    roles = arrange(header, [["Dana", "Cohen", "0502281948"]], True).roles
    assert roles == {"first_name": 0, "last_name": 1, "phone": 2}


def test_it_reads_what_phones_export() -> None:
    header = ["Name", "Given Name", "Family Name", "Phone 1 - Label", "Phone 1 - Value", "Organization Name"]
    columns = arrange(header, [["Dana Cohen", "Dana", "Cohen", "Mobile", "0502281948", ""]], True)
    assert columns.roles == {"name": 0, "phone": 4}


def test_it_takes_the_mobile_of_two_phones_and_keeps_the_other() -> None:
    columns = arrange(["Name", "Home phone", "Mobile"], [["Dana", "036123456", "0502281948"]], True)
    assert columns == Columns({"name": 0, "phone": 2}, {1: "home_phone"})


def test_guests_with_small_numbers_below_is_the_party_size() -> None:
    rows = [["Dana", "0502281948", "2"], ["Uri", "0502219935", "2"]]
    assert arrange(["Name", "Phone", "Guests"], rows, True).roles["party_size"] == 2


def test_further_columns_get_keys() -> None:
    columns = arrange(["Name", "Phone", "Table No.", "שולחן", "Table no"], [[*"abcde", "x"]], True)
    assert columns.extras == {2: "table_no", 3: "שולחן", 4: "table_no_2", 5: "column_6"}


def test_a_list_without_titles_is_read_by_content() -> None:
    rows = [["1", "0502281948", "Dana", "2"], ["2", "0502219935", "Uri", "2"]]
    assert find_header(rows) is None
    assert arrange(["Column 1"], rows, False).roles == {"phone": 1, "name": 2, "party_size": 3}


def test_a_first_guest_without_a_number_is_no_row_of_titles() -> None:
    assert find_header([["Dana Cohen", ""], ["Uri Levi", "0502219935"]]) is None


def test_the_host_knows_better() -> None:
    header, rows = ["Name", "Who", "Phone", "Call"], [["x", "Dana", "0502281948", "0502219935"]]
    columns = arrange(header, rows, True, {"name": "who", "phone": " Call "})
    assert columns == Columns({"name": 1, "phone": 3}, {0: "name", 2: "phone"})


def test_the_host_may_say_that_there_are_no_numbers() -> None:
    assert "phone" not in arrange(["Name", "Side"], [["Dana", "x"]], True, {"phone": ""}).roles


@pytest.mark.parametrize(
    ("header", "mapping", "said"),
    [
        (
            ["Izina", "Nomero"],
            {},
            "We found no column with names. The list has these columns: “Izina”, “Nomero”.",
        ),
        (["Name", "Side"], {}, "We found no column with phone numbers."),
        (["Name", "Phone"], {"name": "Who"}, "There is no column “Who”."),
        (["Name", "Phone"], {"shoe": "Name"}, "“shoe” is nothing that a guest has."),
    ],
)
def test_it_says_which_columns_it_found(header: list[str], mapping: dict[str, str], said: str) -> None:
    with pytest.raises(ListError) as caught:
        arrange(header, [["Dana", "-"]], True, mapping)
    assert said in str(caught.value)
