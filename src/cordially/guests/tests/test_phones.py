from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cordially.guests import phones
from cordially.guests.models import PhoneProblem
from cordially.guests.phones import format_phone, is_country, read_phone

DANA = "+972502281948"


@pytest.mark.parametrize(
    "written",
    [
        "+972502281948",
        "0502281948",
        "050-228-1948",
        "(050) 228.1948",
        "050/2281948",
        "050–228–1948",
        "050\u00a0228\u00a01948",
        "00972502281948",
        "00 972 50 228 1948",
        "972502281948",
        "972502281948.0",
        "972502281948+",
        "502281948",
        "+972 (0)50-228-1948",
        "++972502281948",
        "'+972502281948",
        '="0502281948"',
        "=+972502281948",
        "tel:+972-50-228-1948",
        "Tel. 050-2281948",
        "tel0502281948",
        "whatsapp:+972502281948",
        "https://wa.me/972502281948?text=hi",
        "https://api.whatsapp.com/send?phone=972502281948&text=hi",
        "+٩٧٢٥٠٢٢٨١٩٤٨",
        "۰۵۰۲۲۸۱۹۴۸",
        "०५०२२८१९४८",
        "＋９７２－５０（２２８）１９４８",
        "\u202a+972 50-228-1948\u202c",
        "\u2066\u200e050\u200b2281948\u2069\ufeff",
        "050\u00ad228\u00ad1948",
        "0502281948 ext. 5",
        "0502281948 (אמא)",
        "📞 0502281948",
        "0502281948 / +972502281948",
        "0502281948, 050-228-1948",
    ],
)
def test_it_reads_a_number_however_it_is_written(written: str) -> None:
    assert read_phone(written, "IL") == phones.Phone(DANA)


@pytest.mark.parametrize(
    ("written", "country", "e164"),
    [
        ("+1 (201) 559-9528", "IL", "+12015599528"),
        ("12015599528", "IL", "+12015599528"),
        ("(201) 559-9528", "US", "+12015599528"),
        ("011 972 50 228 1948", "US", DANA),
        ("0151/23471049", "DE", "+4915123471049"),
        ("06/12/75/13/61", "FR", "+33612751361"),
        # a New Yorker, though +64 6 355 1234 is in New Zealand: the digits are a whole US number
        ("6463551234", "US", "+16463551234"),
        # Mexico dropped the 1 in 2019
        ("+52 1 222 145 9571", "IL", "+522221459571"),
        ("06 1234 5678", "IT", "+390612345678"),
    ],
)
def test_it_reads_numbers_of_other_countries(written: str, country: str, e164: str) -> None:
    assert read_phone(written, country).e164 == e164


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("+972502132", phones.TOO_SHORT),
        ("+4915123344", phones.TOO_SHORT),
        ("050228194", phones.TOO_SHORT),
        ("+97250262560999999", phones.TOO_LONG),
        ("05022819481", phones.TOO_LONG),
        ("123", phones.NOT_A_NUMBER),
        ("-", phones.NOT_A_NUMBER),
        ("?", phones.NOT_A_NUMBER),
        ("TBD", phones.NOT_A_NUMBER),
        ("+972-5O2-281948", phones.NOT_A_NUMBER),
        ("20/05/2024", phones.NOT_A_NUMBER),
        ("2024-05-20 00:00:00", phones.NOT_A_NUMBER),
        ("1-800-FLOWERS", phones.NOT_A_NUMBER),
        ("5" * 500, phones.NOT_A_NUMBER),
        ("+972501234567", phones.NO_SUCH_NUMBER),
        ("+999123456789", phones.NO_SUCH_NUMBER),
        ("9.72502E+11", phones.SCIENTIFIC),
        ("9,72502e+11", phones.SCIENTIFIC),
    ],
)
def test_it_says_why_a_number_is_none(written: str, why: str) -> None:
    phone = read_phone(written, "IL")
    assert (phone.e164, phone.problem, phone.why) == ("", PhoneProblem.INVALID, why)
    assert phone.note.endswith(".") and len(phone.note) <= 200


@pytest.mark.parametrize(
    ("written", "country", "why"),
    [
        ("+972502281948 / +972502219935", "IL", phones.TWO_NUMBERS),
        ("0502281948 or 0502219935", "IL", phones.TWO_NUMBERS),
        ("0502281948 או 0502219935", "IL", phones.TWO_NUMBERS),
        ("0502281948\n0502219935", "IL", phones.TWO_NUMBERS),
        ("0502281948 0502219935", "IL", phones.TWO_NUMBERS),
        ("0502281948 - 0502219935", "IL", phones.TWO_NUMBERS),
        ("+972502281948+972502219935", "IL", phones.TWO_NUMBERS),
        ("0502281948 ::: 0502219935", "IL", phones.TWO_NUMBERS),
        ("home 03-6123456 mobile 0502281948", "IL", phones.TWO_NUMBERS),
        ("03-6123456/7", "IL", phones.TWO_READINGS),
        ("0502281948 (table 5)", "IL", phones.TWO_READINGS),
        # a US mobile, or a landline in Egypt
        ("2015599528", "IL", phones.TWO_READINGS),
        # a German landline without its 0, or a French mobile without its +
        ("33612345678", "DE", phones.TWO_READINGS),
    ],
)
def test_it_leaves_two_readings_to_a_person(written: str, country: str, why: str) -> None:
    phone = read_phone(written, country)
    assert (phone.e164, phone.problem, phone.why) == ("", PhoneProblem.AMBIGUOUS, why)


@pytest.mark.parametrize("written", ["", "  ", "\u200b\u00a0", "'"])
def test_an_empty_cell_has_no_phone(written: str) -> None:
    assert read_phone(written, "IL").problem == PhoneProblem.NO_PHONE


def test_it_formats_for_reading() -> None:
    assert format_phone(DANA) == "+972 50-228-1948"
    assert format_phone("no number") == "no number"


def test_it_knows_countries() -> None:
    assert is_country("il") and not is_country("ZZ") and not is_country("")


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60), st.sampled_from(["IL", "US", "DE", "IT", "ZZ", ""]))
def test_it_never_raises(text: str, country: str) -> None:
    phone = read_phone(text, country)
    assert bool(phone.e164) == (phone.problem == PhoneProblem.NONE)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="+0123456789 ()-./,;exE٣３\u200f\u00a0\nא", max_size=40))
def test_it_only_returns_valid_numbers(text: str) -> None:
    if e164 := read_phone(text, "IL").e164:
        number = phonenumbers.parse(e164)
        assert phonenumbers.is_valid_number(number)
        assert phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) == e164


REGIONS = ["IL", "US", "GB", "DE", "FR", "IT", "BR", "MX", "IN", "JP", "AE", "AR", "TR", "NL"]
DIGITS = ["0123456789", "٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹", "०१२३४५६७८९", "０１２３４５６７８９"]


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_it_reads_the_same_number_from_any_writing(data: st.DataObject) -> None:
    region = data.draw(st.sampled_from(REGIONS))
    number = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    form = data.draw(st.sampled_from(["E164", "INTERNATIONAL", "NATIONAL", "RFC3966"]))
    written = phonenumbers.format_number(number, getattr(phonenumbers.PhoneNumberFormat, form))
    separator = data.draw(st.sampled_from(["-", " ", ".", "\u00a0", "–", " - ", "\u2011", "\u200b"]))
    written = written if form == "RFC3966" else written.replace(" ", separator)
    written = written.translate(
        dict(zip(map(ord, DIGITS[0]), data.draw(st.sampled_from(DIGITS)), strict=True))
    )
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(written)))
        written = (
            written[:at]
            + data.draw(st.sampled_from("\u200e\u200f\u202a\u202c\u2066\u2069\ufeff\u00ad"))
            + written[at:]
        )
    assert read_phone(written, region).e164 == e164, written


@pytest.mark.parametrize(
    "written",
    [
        "0502281948",
        "050-228-1948",
        "502281948",
        "972502281948",
        "(201) 559-9528",
        "050/2281948",
        "0011234567",
    ],
)
def test_without_a_country_a_national_number_is_nobodys(written: str) -> None:
    found = read_phone(written, "")
    assert (found.e164, found.problem, found.why) == ("", PhoneProblem.AMBIGUOUS, phones.NO_COUNTRY)
    assert "country" in found.note and written in found.note


@pytest.mark.parametrize("written", ["+972 50-228-1948", "00972502281948", "https://wa.me/972502281948"])
def test_without_a_country_a_whole_number_is_read(written: str) -> None:
    assert read_phone(written, "") == phones.Phone(DANA)


@pytest.mark.parametrize("written", ["12", "call her", "0502281948050228194", "1.23E+11"])
def test_without_a_country_what_is_no_number_stays_none(written: str) -> None:
    assert read_phone(written, "").problem == PhoneProblem.INVALID
