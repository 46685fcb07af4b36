from __future__ import annotations

import datetime as dt
import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.db.models import Q

from cordially.events.models import Event
from cordially.guests import drafts, undoing
from cordially.guests.columns import FIELD
from cordially.guests.importing import import_guests
from cordially.guests.models import Guest, GuestImport, ImportLot, ImportMend, ImportState
from cordially.guests.phones import candidates
from cordially.guests.problems import ListError
from cordially.guests.reading import read_table
from cordially.lib import clock

pytestmark = pytest.mark.django_db

DATA = Path(__file__).parents[4] / "tests" / "data"
EXPECTED = json.loads((DATA / "guests-messy.expected.json").read_text(encoding="utf-8"))
NOBODY_BOUND = Q(pk__lt=0)


@pytest.fixture
def event() -> Event:
    starts_at = dt.datetime(2027, 6, 1, 16, 30, tzinfo=dt.UTC)
    return Event.objects.create(
        slug="dana-and-uri", name="Dana & Uri", starts_at=starts_at, timezone="Asia/Jerusalem", country="IL"
    )


def quiet(done: int, total: int) -> None:
    assert 0 <= done <= total


def begun(event: Event, *lines: str) -> GuestImport:
    table = read_table(io.BytesIO("\n".join(lines).encode()), "guests.csv")
    return drafts.begin(event, table, by=None, filename="guests.csv")


def checked(event: Event, *lines: str, **chosen: str) -> GuestImport:
    draft = begun(event, *lines)
    drafts.use_columns(draft, draft.uses, "IL")
    drafts.read_all(draft, quiet)
    draft.refresh_from_db()
    if chosen:
        drafts.choose(draft, **chosen)
    return draft


def imported(draft: GuestImport) -> GuestImport:
    assert drafts.confirm(draft, draft.fingerprint)
    drafts.store_all(draft, quiet)
    draft.refresh_from_db()
    return draft


def undone(draft: GuestImport, bound: Q = NOBODY_BOUND) -> dict[str, Any]:
    assert undoing.begin_undo(draft)
    undoing.undo_all(draft, bound, quiet)
    draft.refresh_from_db()
    assert draft.state == ImportState.UNDONE
    return draft.undone


def outcomes(draft: GuestImport) -> dict[int, str]:
    return {row.number: row.line.found.outcome for row in drafts.page(draft, "all", 0, 10_000)}


def names(event: Event) -> list[str]:
    return list(event.guests.values_list("name", flat=True))


# --- the dry run


def test_the_messy_list_is_judged_as_a_person_would_and_nothing_is_stored(event: Event) -> None:
    draft = drafts.begin(event, read_table(DATA / "guests-messy.xlsx"), by=None)
    drafts.use_columns(draft, draft.uses, EXPECTED["default_country"])
    drafts.read_all(draft, quiet)
    draft.refresh_from_db()
    assert draft.state == ImportState.CHECK and not Guest.objects.exists()
    counts = draft.counts
    assert (counts["all"], counts["ready"], counts["mend"], counts["twice"]) == (400, 345, 38, 17)
    assert (counts["wrong"], counts["missing"], counts["doubt"]) == (22, 12, 4)
    told = {row.number: row for row in drafts.page(draft, "all", 0, 400)}
    for wanted in EXPECTED["rows"]:
        row = told[wanted["row"]]
        assert row.reading.guest.phone == wanted.get("e164", ""), wanted
        assert row.reading.why == (wanted.get("why") or ""), wanted
        if "of" in wanted:
            assert row.line.found.of == wanted["of"], wanted


def test_the_wizard_stores_what_the_import_in_one_go_stores(event: Event) -> None:
    other = Event.objects.create(
        slug="other", name="O", starts_at=event.starts_at, timezone="UTC", country="IL"
    )
    import_guests(other, DATA / "guests-messy.csv")
    draft = drafts.begin(event, read_table(DATA / "guests-messy.csv"), by=None)
    drafts.use_columns(draft, draft.uses, "IL")
    drafts.read_all(draft, quiet)
    drafts.choose(draft, twice="first")
    imported(draft)
    kept = ("name", "name_key", "phone", "phone_raw", "phone_problem", "phone_note", "group", "note", "party_size",
            "language", "fields")  # fmt: skip
    assert list(event.guests.values(*kept)) == list(other.guests.values(*kept))


def test_a_page_is_a_few_queries_however_long_the_list(
    event: Event, django_assert_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drafts, "LOT", 10)
    draft = checked(
        event, "Name,Phone", *[f"G{n},{'' if n % 7 == 0 else f'05022{n:05}'}" for n in range(1, 301)]
    )
    assert draft.lots.count() == 30
    with django_assert_num_queries(3):
        rows = drafts.page(draft, "to_mend", 10, 10)
    assert [row.number for row in rows] == [7 * n for n in range(11, 21)]
    assert [row.number for row in drafts.page(draft, "to_mend", 40, 10)] == [287, 294]
    assert [row.number for row in drafts.page(draft, "to_mend", 0, 1, also=200)] == [7, 200]


def test_cells_that_cannot_be_read_are_marked(event: Event) -> None:
    draft = checked(
        event, "Name,Phone,Party of,Language,Side", f"Dana,050,two,Elvish,{'x' * 90}", ",0502281948,2,,"
    )
    first, second = drafts.page(draft, "mend", 0, 10)
    assert [(mark.role, mark.kind, mark.code) for mark in first.reading.marks] == [
        ("phone", "wrong", "phone"),
        ("party_size", "wrong", "size"),
        ("language", "wrong", "language"),
        ("group", "doubt", "too_long"),
    ]
    assert [(mark.role, mark.code) for mark in second.reading.marks] == [("name", "no_name")]


def test_an_ambiguous_cell_offers_the_numbers_that_it_may_mean() -> None:
    assert candidates("+972502281948 / 050-2219935", "IL") == ["+972502281948", "+972502219935"]
    assert candidates("050-2281948 050-2219935", "IL") == ["+972502281948", "+972502219935"]
    assert candidates("5.22E+11", "IL") == candidates("", "IL") == candidates("01/02/2027", "IL") == []


# --- columns


def test_columns_are_what_the_host_says(event: Event) -> None:
    draft = begun(event, "Who,Call,Name,Seat", "Dana,0502281948,bride's side,12")
    assert draft.uses == [FIELD, "phone", "name", FIELD]
    drafts.use_columns(draft, ["name", "phone", "", FIELD], "IL")
    drafts.read_all(draft, quiet)
    draft.refresh_from_db()
    imported(draft)
    dana = event.guests.get()
    assert (dana.name, dana.phone, dana.fields) == ("Dana", "+972502281948", {"seat": "12"})


def test_a_choice_of_columns_that_makes_no_sense_is_told_by_column() -> None:
    assert set(drafts.faults_of(["name", "phone", "phone"])) == {2}
    assert set(drafts.faults_of(["", "phone"])) == {-1}
    assert set(drafts.faults_of(["name", "last_name", "phone"])) == {1}
    assert not drafts.faults_of(["first_name", "last_name", "phone", FIELD, FIELD, ""])


def test_a_list_of_nobody_is_refused(event: Event) -> None:
    draft = begun(event, "Name,Phone,Table", ",-,12")
    drafts.use_columns(draft, draft.uses, "IL")
    with pytest.raises(ListError, match="no names and no numbers"):
        drafts.read_all(draft, quiet)


def test_another_country_reads_the_numbers_again(event: Event) -> None:
    draft = checked(event, "Name,Phone", "Sunita,98200 55501")
    assert draft.counts.get("mend") == 1
    drafts.use_country(draft, "in")
    drafts.read_all(draft, quiet)
    draft.refresh_from_db()
    assert draft.counts["ready"] == 1 and "mend" not in draft.counts


# --- mending


def test_a_mended_cell_makes_the_row_ready_and_is_what_is_imported(event: Event) -> None:
    draft = checked(event, "Name,Phone,Party of", "Dana,050,two", "Uri,0502281948,1")
    drafts.mend(draft, 1, "phone", "050-221-9935", "050")
    drafts.mend(draft, 1, "party_size", "2", "two")
    assert draft.counts["ready"] == 2 and draft.counts["to_mend"] == 1, "it stays in sight"
    imported(draft)
    dana = event.guests.get(name="Dana")
    assert (dana.phone, dana.party_size, dana.fields) == ("+972502219935", 2, {})


def test_mending_one_row_says_anew_what_others_are(event: Event) -> None:
    draft = checked(event, "Name,Phone", "Dana,0502281948", "Dana,050", "Uri,0502219935")
    drafts.mend(draft, 2, "phone", "+972 50-228-1948", "050")
    assert outcomes(draft) == {1: "added", 2: "repeated", 3: "added"}
    drafts.mend(draft, 2, "name", "Dana Levi", "Dana")
    found = drafts.page(draft, "family", 0, 10)
    assert [(row.number, row.line.found.of) for row in found] == [(2, 1)]


def test_what_was_in_the_list_can_be_had_back(event: Event) -> None:
    draft = checked(event, "Name,Phone", "Dana,050")
    before = draft.fingerprint
    drafts.mend(draft, 1, "phone", "0502281948", "050")
    assert draft.fingerprint != before
    drafts.mend(draft, 1, "phone", "050", "0502281948")
    assert draft.fingerprint == before and not ImportMend.objects.exists()


def test_a_cell_that_somebody_else_mended_is_not_written_over(event: Event) -> None:
    draft = checked(event, "Name,Phone", "Dana,050")
    drafts.mend(draft, 1, "phone", "0502281948", "050")
    with pytest.raises(drafts.Stale, match="0502281948"):
        drafts.mend(draft, 1, "phone", "0502219935", "050")
    assert draft.mends.get().text == "0502281948"


def test_a_row_can_be_taken_out_and_in_again(event: Event) -> None:
    draft = checked(event, "Name,Phone", "Total 400,400", "Uri,0502281948")
    drafts.take_out(draft, 1, True)
    assert outcomes(draft) == {1: "left_out", 2: "added"}
    drafts.take_out(draft, 1, False)
    assert outcomes(draft)[1] == "added"
    drafts.take_out(draft, 1, True)
    imported(draft)
    assert names(event) == ["Uri"]


def test_a_row_is_never_mended_to_nothing(event: Event) -> None:
    draft = checked(event, "Name,Phone", "Dana,", "Uri,0502281948")
    with pytest.raises(drafts.Stale, match="needs a name or a number"):
        drafts.mend(draft, 1, "name", " ", "Dana")
    assert not draft.mends.exists() and outcomes(draft)[1] == "added"


def test_another_meaning_of_a_column_drops_what_was_written_in_it(event: Event) -> None:
    draft = checked(event, "Name,Phone,Side", "Dana,050,bride")
    drafts.mend(draft, 1, "phone", "0502281948", "050")
    drafts.mend(draft, 1, "group", "groom", "bride")
    drafts.use_columns(draft, ["name", "phone", "note"], "IL")
    assert list(draft.mends.values_list("role", flat=True)) == ["phone"]


# --- repeated rows


TWICE = ("Name,Phone,Party of,Notes,Table", "Dana,0502281948,,,", "dana,050-228-1948,3,vegan,12")


def test_a_repeated_row_is_joined(event: Event) -> None:
    imported(checked(event, *TWICE))
    dana = event.guests.get()
    assert (dana.name, dana.party_size, dana.note, dana.fields) == ("Dana", 3, "vegan", {"table": "12"})


def test_or_only_the_first_is_kept(event: Event) -> None:
    imported(checked(event, *TWICE, twice="first"))
    dana = event.guests.get()
    assert (dana.party_size, dana.note, dana.fields) == (1, "", {})


def test_or_both_are_kept_and_a_second_import_adds_nobody(event: Event) -> None:
    imported(checked(event, *TWICE, twice="both"))
    assert names(event) == ["Dana", "dana"]
    again = checked(event, *TWICE, twice="both")
    assert set(outcomes(again).values()) == {"on_file"}


# --- guests on file


FILE = ("Name,Phone,Party of,Language,Side,Table", "Dana,0502281948,4,he,bride,7")


def on_file(event: Event, **given: Any) -> Guest:
    known = {"name": "Dana", "name_key": "dana", "phone": "+972502281948", "group": "old", "note": "kept"}
    return Guest.objects.create(event=event, **known | given)


def test_guests_on_file_are_left_alone(event: Event) -> None:
    dana = on_file(event)
    draft = imported(checked(event, *FILE))
    dana.refresh_from_db()
    assert (dana.group, dana.party_size) == ("old", 1) and (
        draft.counts["added"],
        draft.counts["changed"],
    ) == (0, 0)


def test_or_brought_up_to_date_where_the_list_says_something(event: Event) -> None:
    dana = on_file(event, fields={"hotel": "Ritz"})
    draft = imported(checked(event, *FILE, existing="update"))
    dana.refresh_from_db()
    assert (dana.group, dana.note, dana.party_size, dana.language) == ("bride", "kept", 4, "he")
    assert dana.fields == {"hotel": "Ritz", "table": "7"} and draft.counts["changed"] == 1
    assert imported(checked(event, *FILE, existing="update")).counts["changed"] == 0


def test_or_added_once_more(event: Event) -> None:
    on_file(event)
    imported(checked(event, *FILE, existing="add"))
    imported(checked(event, *FILE, existing="add"))
    assert names(event) == ["Dana"] * 3
    assert len(set(event.guests.values_list("name_key", flat=True))) == 3


def test_a_missing_number_is_brought_and_taken_back(event: Event) -> None:
    dana = on_file(event, phone="", phone_problem="no_phone", phone_note="There is no phone number.")
    draft = imported(checked(event, *FILE))
    dana.refresh_from_db()
    assert (dana.phone, dana.phone_problem, dana.group) == ("+972502281948", "", "old")
    assert undone(draft)["restored"] == 1
    dana.refresh_from_db()
    assert (dana.phone, dana.phone_problem) == ("", "no_phone")


# --- households


FAMILY = ("Name,Phone,Party of", "Ruth,0502281948,2", "Uri,0502281948,1", "Dana,0502219935,1")


def test_each_of_a_household_is_a_guest(event: Event) -> None:
    draft = imported(checked(event, *FAMILY))
    assert names(event) == ["Ruth", "Uri", "Dana"] and draft.counts["shares"] == 1


def test_or_one_invitation_is_for_all(event: Event) -> None:
    draft = checked(event, *FAMILY, households="one")
    assert outcomes(draft) == {1: "added", 2: "joined", 3: "added"}
    imported(draft)
    assert list(event.guests.values_list("name", "party_size")) == [("Ruth & Uri", 3), ("Dana", 1)]


# --- the last button


def test_a_second_press_imports_nothing(event: Event) -> None:
    draft = checked(event, *FAMILY)
    read = draft.fingerprint
    assert drafts.confirm(draft, read)
    assert not drafts.confirm(draft, read)
    drafts.store_all(draft, quiet)
    with pytest.raises(drafts.Stale):
        drafts.store_all(draft, quiet)
    draft.refresh_from_db()
    assert not drafts.confirm(draft, read)
    assert Guest.objects.count() == 3


def test_what_was_read_must_be_what_is_imported(event: Event) -> None:
    draft = checked(event, *FAMILY)
    read = draft.fingerprint
    drafts.choose(draft, households="one")
    with pytest.raises(drafts.Stale):
        drafts.confirm(draft, read)
    assert draft.state == ImportState.CHECK


def test_a_list_that_changed_meanwhile_is_told_and_nothing_is_stored(event: Event) -> None:
    mine, theirs = checked(event, *FAMILY), checked(event, *FAMILY)
    imported(theirs)
    assert drafts.confirm(mine, mine.fingerprint)
    drafts.store_all(mine, quiet)
    mine.refresh_from_db()
    assert (mine.state, Guest.objects.count()) == (ImportState.CHECK, 3)
    assert "0 would be added now, not 3" in mine.trouble
    assert mine.counts["listed"] == 3


def test_an_import_is_all_or_nothing(event: Event, monkeypatch: pytest.MonkeyPatch) -> None:
    draft = checked(event, *FAMILY)
    assert drafts.confirm(draft, draft.fingerprint)
    from cordially.guests import storing

    monkeypatch.setattr(storing, "_BATCH", 1)
    insert = storing._insert
    left = iter([True, False])

    def breaks(*args: Any) -> None:
        insert(*args)
        if not next(left):
            raise MemoryError

    monkeypatch.setattr(storing, "_insert", breaks)
    with pytest.raises(MemoryError):
        drafts.store_all(draft, quiet)
    draft.refresh_from_db()
    assert not Guest.objects.exists() and draft.state == ImportState.IMPORTING


def test_nothing_can_be_changed_once_it_is_imported(event: Event) -> None:
    draft = imported(checked(event, *FAMILY))
    for act in (
        lambda: drafts.mend(draft, 1, "name", "X", "Ruth"),
        lambda: drafts.choose(draft, households="one"),
        lambda: drafts.use_columns(draft, draft.uses, "IL"),
        lambda: undoing.forget(draft),
    ):
        with pytest.raises(drafts.Stale):
            act()


# --- undo


def test_an_import_is_undone(event: Event) -> None:
    dana = on_file(event, fields={"hotel": "Ritz"}, party_size=2)
    before = Guest.objects.filter(pk=dana.pk).values().get()
    draft = imported(checked(event, *FILE, "Uri,0502219935,1,,,", "Noa,0502219936,1,,,", existing="update"))
    assert Guest.objects.count() == 3
    told = undone(draft)
    assert (told["removed"], told["restored"], told["stay"], told["changed"]) == (2, 1, 0, 0)
    assert Guest.objects.values().get() == before


def test_who_was_written_to_stays_and_is_named(event: Event) -> None:
    draft = imported(checked(event, *FAMILY))
    told = undone(draft, Q(name="Uri"))
    assert names(event) == ["Uri"]
    assert (told["removed"], told["stay"], told["names"]) == (2, 1, ["Uri"])


def test_what_was_changed_since_stays_changed(event: Event) -> None:
    dana = on_file(event)
    draft = imported(checked(event, *FILE, existing="update"))
    Guest.objects.filter(pk=dana.pk).update(group="mine")
    told = undone(draft)
    dana.refresh_from_db()
    assert (dana.group, dana.party_size, dana.language) == ("mine", 1, "")
    assert (told["changed"], told["restored"], told["changed_names"]) == (1, 0, ["Dana"])


def test_a_number_that_was_written_to_is_not_taken_back(event: Event) -> None:
    dana = on_file(event, phone="", phone_problem="no_phone")
    told = undone(imported(checked(event, *FILE)), Q(name="Dana"))
    dana.refresh_from_db()
    assert dana.phone == "+972502281948" and told["changed"] == 1


def test_an_undo_goes_on_where_it_broke_off(event: Event, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(undoing, "_BATCH", 1)
    draft = imported(checked(event, *FAMILY))
    undoing.begin_undo(draft)

    def dies(done: int, total: int) -> None:
        if done == 2:
            raise SystemExit

    with pytest.raises(SystemExit):
        undoing.undo_all(draft, NOBODY_BOUND, dies)
    assert Guest.objects.count() == 1
    again = GuestImport.objects.get()
    undoing.undo_all(again, NOBODY_BOUND, quiet)
    assert not Guest.objects.exists() and again.undone["removed"] == 3


# --- forgetting


def test_lists_are_forgotten_after_a_day_and_the_undo_after_a_month(event: Event) -> None:
    done = imported(checked(event, *FAMILY))
    checked(event, *FILE)
    now = clock.now()
    assert undoing.tidy(now + dt.timedelta(hours=23)) == 0
    assert undoing.tidy(now + dt.timedelta(hours=25)) == 2
    assert list(GuestImport.objects.all()) == [done] and not ImportLot.objects.exists()
    assert undoing.would_undo(done, NOBODY_BOUND)["removed"] == 3
    undoing.tidy(now + dt.timedelta(days=31))
    assert not GuestImport.objects.exists() and Guest.objects.count() == 3
