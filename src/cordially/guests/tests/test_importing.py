from __future__ import annotations

import datetime as dt
import io
import json
from pathlib import Path
from typing import Any

import pytest

from cordially.events.models import Event
from cordially.guests.importing import ImportReport, ListError, import_guests, name_key
from cordially.guests.models import Guest, PhoneProblem
from cordially.guests.tests import lists

pytestmark = pytest.mark.django_db

DATA = Path(__file__).parents[4] / "tests" / "data"
EXPECTED = json.loads((DATA / "guests-messy.expected.json").read_text(encoding="utf-8"))


@pytest.fixture
def event() -> Event:
    starts_at = dt.datetime(2027, 6, 1, 16, 30, tzinfo=dt.UTC)
    return Event.objects.create(
        slug="dana-and-uri", name="Dana & Uri", starts_at=starts_at, timezone="Asia/Jerusalem", country="IL"
    )


def load(event: Event, *lines: str, **options: Any) -> ImportReport:
    return import_guests(event, io.BytesIO("\n".join(lines).encode()), filename="guests.csv", **options)


def as_expected(told: dict[str, Any]) -> dict[str, Any]:
    words = {"row": told["row"], "verdict": told["verdict"], "of": told.get("of"), "e164": told["e164"]}
    return {key: value for key, value in {**words, "why": told["reason"]}.items() if value}


@pytest.mark.parametrize("name", ["guests-messy.csv", "guests-messy.xlsx"])
def test_it_reads_the_messy_list_as_a_person_would(event: Event, name: str) -> None:
    report = import_guests(event, DATA / name, country=EXPECTED["default_country"])
    assert [as_expected(row.as_json()) for row in report.rows] == EXPECTED["rows"]
    assert report.added == event.guests.count() == 383


def test_a_second_import_adds_nobody(event: Event) -> None:
    import_guests(event, DATA / "guests-messy.csv")
    before = list(event.guests.values())
    report = import_guests(event, DATA / "guests-messy.xlsx")
    assert [as_expected(row.as_json()) for row in report.rows] == EXPECTED["rows"]
    assert (report.added, report.updated, report.already_there, report.repeated) == (0, 0, 383, 17)
    assert list(event.guests.values()) == before


def test_a_dry_run_stores_nothing(event: Event) -> None:
    report = import_guests(event, DATA / "guests-messy.csv", dry_run=True)
    assert report.added == 383 and report.dry_run
    assert not Guest.objects.exists()


def test_it_keeps_everything_that_a_row_says(event: Event) -> None:
    load(
        event,
        "Name,Phone,Guests count,Language,Side,Notes,Table No.,Opted out",
        'Dana,0502281948,٣,עברית,bride,"one\ntwo",12,yes',
        "Uri,0502219935,many,Elvish,,,,no",
    )
    dana, uri = event.guests.all()
    assert (dana.phone, dana.phone_raw, dana.phone_problem) == ("+972502281948", "0502281948", "")
    assert (dana.party_size, dana.language, dana.group, dana.note) == (3, "he", "bride", "one\ntwo")
    assert dana.fields == {"table_no": "12"} and dana.opted_out_at
    assert (uri.party_size, uri.language, uri.opted_out_at) == (1, "", None)
    assert uri.fields == {"party_size_as_written": "many", "language_as_written": "Elvish"}
    assert len({dana.token, uri.token}) == 2


def test_names_are_text_and_nothing_else(event: Event) -> None:
    names = ["=CMD()", "@cmd", "+SUM(A1:A9)", "<script>alert(1)</script>", "{{ 7*7 }}", "O'Neil; DROP TABLE"]
    load(event, "Name,Phone", *[f"{name},0502281{number}" for number, name in enumerate(names, 900)])
    assert list(event.guests.values_list("name", flat=True)) == names


def test_names_are_cleaned_of_what_no_one_sees(event: Event) -> None:
    load(
        event,
        "Name,Phone",
        "\u202eZo\u0007ë \t van\u00a0der Berg\u200f,0502281948",
        "می\u200cخواهم,0502219935",
    )
    assert list(event.guests.values_list("name", flat=True)) == ["Zoë van der Berg", "می\u200cخواهم"]


def test_the_same_name_is_the_same_however_it_is_written() -> None:
    assert name_key("  ZOË\u200f \u00a0Berg") == name_key("zoe\u0308 berg") == "zoë berg"
    assert len(name_key("\ufdfa" * 200)) == 200


def test_people_of_one_household_each_stay_guests(event: Event) -> None:
    report = load(event, "Name,Phone", "Dana,0502281948", "Uri,+972502281948", "dana ,050-228-1948")
    assert [(row.verdict, row.of, row.is_new) for row in report.rows] == [
        ("ok", None, True),
        ("same_phone_as", 1, True),
        ("duplicate_of", 1, False),
    ]
    assert event.guests.count() == 2


def test_a_repeated_guest_without_a_number_is_kept_once(event: Event) -> None:
    report = load(event, "Name,Phone", "Dana,", "Dana,", "Dana,TBD")
    assert [(row.verdict, row.outcome) for row in report.rows] == [
        ("no_phone", "added"),
        ("no_phone", "repeated"),
        ("invalid", "added"),
    ]


def test_empty_rows_count_and_are_not_told(event: Event) -> None:
    report = load(event, "Name,Phone", "Dana,0502281948", ",", "", ",-", "Uri,0502219935")
    assert [row.row for row in report.rows] == [1, 5]


def test_a_number_without_a_name_is_called_by_the_number(event: Event) -> None:
    load(event, "Name,Phone", ",0502281948", ",call me")
    assert list(event.guests.values_list("name", flat=True)) == ["+972 50-228-1948", "call me"]


def test_why_a_number_cannot_be_used_is_kept(event: Event) -> None:
    load(event, "Name,Phone", "Dana,TBD")
    dana = event.guests.get()
    assert (dana.phone, dana.phone_raw, dana.phone_problem) == ("", "TBD", PhoneProblem.INVALID)
    assert dana.phone_note == "“TBD” is not a phone number. Ask for one."


def test_a_later_list_brings_the_missing_number(event: Event) -> None:
    first = ["Name,Phone", "Dana,TBD", "Uri,"]
    load(event, *first)
    report = load(event, "Name,Phone", "dana,0502281948")
    assert (report.added, report.updated) == (0, 1)
    dana = event.guests.get(name="Dana")
    assert (dana.phone, dana.phone_problem, dana.phone_note) == ("+972502281948", "", "")
    assert load(event, *first).already_there == 2


def test_a_missing_number_is_not_guessed_among_namesakes(event: Event) -> None:
    load(event, "Name,Phone", "Dana,TBD", "Dana,")
    assert load(event, "Name,Phone", "Dana,0502281948").added == 1


def test_a_number_corrected_since_is_not_imported_again(event: Event) -> None:
    load(event, "Name,Phone", "Dana,0502281948", "Uri,TBD")
    event.guests.filter(name="Dana").update(phone="+972502219935")
    event.guests.filter(name="Uri").update(phone="+972502219936", phone_problem="", phone_note="")
    assert load(event, "Name,Phone", "Dana,0502281948", "Uri,TBD").added == 0


def test_the_guests_of_another_event_do_not_matter(event: Event) -> None:
    other = Event.objects.create(slug="other", name="Other", starts_at=event.starts_at, timezone="UTC")
    load(other, "Name,Phone", "Dana,0502281948")
    assert load(event, "Name,Phone", "Dana,0502281948").added == 1


def test_national_numbers_are_read_with_the_country(event: Event) -> None:
    load(event, "Name,Phone", "Dana,(201) 559-9528", country="us")
    assert event.guests.get().phone == "+12015599528"
    with pytest.raises(ListError, match="not a country code"):
        load(event, "Name,Phone", "Dana,0502281948", country="ZZ")


def test_a_mapping_says_which_column_is_which(event: Event) -> None:
    report = load(event, "A,B,C", "0502219935,Dana,0502281948", mapping={"name": "B", "phone": "C"})
    assert event.guests.get().phone == "+972502281948"
    assert report.columns == {"name": "B", "phone": "C"}


def test_a_list_of_nobody_is_refused(event: Event) -> None:
    with pytest.raises(ListError, match="no names and no numbers"):
        load(event, "Name,Phone,Side", ",,bride")


def test_it_tells_how_far_it_is(event: Event, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    import_guests(event, lists.write_csv(tmp_path / "l.csv", 3000), on_progress=lambda *now: told.append(now))
    assert told == sorted(told) and told[-1] == (3000, 3000) and len(told) >= 4


def test_an_import_that_fails_stores_nothing(event: Event) -> None:
    def fail(done: int, total: int) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        load(event, "Name,Phone", "Dana,0502281948", on_progress=fail)
    assert not Guest.objects.exists()


def test_a_list_of_no_country_waits_until_somebody_says_it(event: Event) -> None:
    event.country = ""
    event.save()
    report = load(event, "Name,Phone", "Dana,0502281948", "Uri,+972502281955")
    assert [row.verdict for row in report.rows] == ["ambiguous", "ok"]
    assert report.rows[0].reason == "no country to read it with"
    report = load(event, "Name,Phone", "Dana,0502281948", "Uri,+972502281955", country="IL")
    assert [row.outcome for row in report.rows] == ["updated", "on_file"]
    assert event.guests.get(name="Dana").phone == "+972502281948"
