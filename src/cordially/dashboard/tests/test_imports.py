from __future__ import annotations

import csv
import io
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client

from cordially.dashboard import errands
from cordially.events.models import Event
from cordially.guests import drafts, undoing
from cordially.guests.models import Guest, GuestImport, ImportState
from cordially.invitations.lifecycle import State
from cordially.invitations.models import Campaign
from cordially.lib.spreadsheets import harmless

from .conftest import a_guest, invited

IMPORT = "/e/maya-arjun/import"
HTMX = {"HX-Request": "true"}


def upload(browser: Client, text: str, name: str = "guests.csv", **fields: str) -> HttpResponse:
    file = SimpleUploadedFile(name, text.encode(), "text/csv")
    return browser.post(IMPORT, {"file": file, **fields})


def at(draft: GuestImport, step: str = "") -> str:
    return f"{IMPORT}/{draft.pk}{step and f'/{step}'}"


def checked(browser: Client, text: str, country: str = "IL") -> GuestImport:
    """Uploaded, with the columns as they were guessed."""
    assert upload(browser, text).status_code == 302
    draft = GuestImport.objects.latest("pk")
    uses = {f"use-{index}": use for index, use in enumerate(draft.uses)}
    assert browser.post(at(draft, "columns"), {**uses, "country": country}).status_code == 302
    draft.refresh_from_db()
    return draft


def run(browser: Client, draft: GuestImport, **fields: str) -> HttpResponse:
    return browser.post(at(draft, "run"), {"fingerprint": draft.fingerprint, **fields})


def read(answer: HttpResponse) -> str:
    return answer.content.decode()


def mend(
    browser: Client, draft: GuestImport, row: int, role: str, text: str, was: str, **more: Any
) -> HttpResponse:
    given = {"row": str(row), "role": role, "text": text, "was": was}
    return browser.post(at(draft, "mend"), given, headers=HTMX, **more)


LIST = "name,phone\nRuth,050-228-1948\nOri,050-555\nSunita,+91 98200 55501\n"


# --- the way through


def test_nobody_is_stored_before_the_last_button(browser: Client, event: Event) -> None:
    draft = checked(browser, LIST)
    page = read(browser.get(at(draft)))
    assert draft.state == ImportState.CHECK and not Guest.objects.exists()
    assert "guests.csv" in page and "Import 3 guests" in page
    assert run(browser, draft).url == at(draft)
    assert sorted(Guest.objects.values_list("phone", flat=True)) == ["", "+919820055501", "+972502281948"]
    page = read(browser.get(at(draft)))
    assert "3 guests were added to your list" in page and "Undo the import" in page


def test_rows_can_be_pasted_from_a_spreadsheet(browser: Client, event: Event) -> None:
    answer = browser.post(IMPORT, {"pasted": 'Name\tPhone\r\nRuth\t050-228-1948\r\n"Ori\tKoren"\t\r\n'})
    draft = GuestImport.objects.get()
    assert answer.url == at(draft, "columns") and (draft.header, draft.rows) == (["Name", "Phone"], 2)


def test_columns_are_shown_with_their_first_cells_and_a_guess(browser: Client, event: Event) -> None:
    upload(browser, "Full Name,Mobile No.,Table No.\nRuth <b>,050-228-1948,12\n")
    page = read(browser.get(at(GuestImport.objects.get(), "columns")))
    assert "2 columns recognised" in page and "{{table_no}}" in page and "Ruth &lt;b&gt;" in page
    assert '<option value="phone" selected>' in page


def test_a_choice_of_columns_that_cannot_be_is_told_beside_them(browser: Client, event: Event) -> None:
    upload(browser, LIST)
    draft = GuestImport.objects.get()
    answer = browser.post(at(draft, "columns"), {"use-0": "phone", "use-1": "phone", "country": "IN"})
    page = read(answer)
    assert answer.status_code == 422 and "Say which column holds the names." in page
    assert 'id="use-1-wrong"' in page and '<option value="IN" selected>' in page
    draft.refresh_from_db()
    assert draft.state == ImportState.COLUMNS


def test_the_country_reads_national_numbers_and_can_be_changed(browser: Client, event: Event) -> None:
    draft = checked(browser, "name,phone\nSunita,98200 55501\n")
    assert "is-wrong" in read(browser.get(at(draft)))
    browser.post(at(draft, "choose"), {"country": "IN"})
    assert "+91 98200 55501" in read(browser.get(at(draft) + "?rows=all"))


def test_an_event_of_no_country_asks_for_one(browser: Client, event: Event) -> None:
    Event.objects.update(country="")
    draft = checked(browser, "name,phone\nRuth,050-228-1948\n", country="")
    page = read(browser.get(at(draft)))
    assert '<option value="" selected>Choose a country</option>' in page
    assert "No country is known for this number" in page


def test_a_page_holds_fifty_rows_in_the_same_few_queries(
    browser: Client, event: Event, django_assert_max_num_queries: Any
) -> None:
    draft = checked(browser, "name,phone\n" + "".join(f"Guest {n},\n" for n in range(1600)))
    for page in ("", "?rows=all", "?rows=mend&page=31"):
        with django_assert_max_num_queries(12):
            text = read(browser.get(at(draft) + page))
        assert text.count('class="rowno">') == 51
    assert '>1,501–1,550</span> of <b class="num">1,600</b>' in text


# --- bad files


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        (b"", "empty.csv", "The file is empty"),
        (b"%PDF-1.7", "guests.pdf", "This is a PDF"),
        (b"PK\x03\x04broken", "guests.xlsx", "damaged"),
        (b"\xd0\xcf\x11\xe0", "guests.xls", "older Office program"),
        (b"Name,Phone\n", "titles.csv", "no guests below it"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_in_a_sentence(
    browser: Client, event: Event, content: bytes, name: str, said: str
) -> None:
    answer = browser.post(IMPORT, {"file": SimpleUploadedFile(name, content)})
    page = read(answer)
    assert answer.status_code == 422 and said in page and 'aria-invalid="true"' in page
    assert "Traceback" not in page and not GuestImport.objects.exists()


def test_what_was_pasted_stays_when_it_cannot_be_read(browser: Client, event: Event) -> None:
    answer = browser.post(IMPORT, {"pasted": "Name\tPhone"})
    assert answer.status_code == 422 and "Name\tPhone</textarea>" in read(answer)
    assert "no guests below it" in read(answer)


def test_neither_file_nor_rows_and_both_are_told(browser: Client, event: Event) -> None:
    assert "Choose a file first" in read(browser.post(IMPORT, {}))
    assert "not both" in read(upload(browser, LIST, pasted="Name\tPhone\nRuth\t1"))
    assert not GuestImport.objects.exists()


def test_a_list_without_a_guest_goes_back_to_its_columns(browser: Client, event: Event) -> None:
    draft = checked(browser, "name,phone,table\n,-,4\n")
    assert draft.state == ImportState.COLUMNS
    answer = browser.get(at(draft), follow=True)
    assert "The list has no names and no numbers" in read(answer)


def test_a_fault_of_ours_is_told_without_a_trace(
    browser: Client, event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = checked(browser, LIST)

    def breaks(*given: Any) -> None:
        raise RuntimeError("secret +972502281948")

    monkeypatch.setattr(drafts, "store_all", breaks)
    run(browser, draft)
    page = read(browser.get(at(draft)))
    assert "This broke off." in page and "secret" not in page and "Import 3 guests" in page


# --- mending


def test_a_cell_is_mended_in_place_and_said(browser: Client, event: Event) -> None:
    draft = checked(browser, LIST)
    page = read(mend(browser, draft, 2, "phone", "050-221-9935", "050-555"))
    assert "Row 2 is ready: +972 50-221-9935" in page and "is-mended" in page
    draft.refresh_from_db()
    run(browser, draft)
    assert Guest.objects.get(name="Ori").phone == "+972502219935"


def test_an_ambiguous_number_is_picked(browser: Client, event: Event) -> None:
    draft = checked(browser, "name,phone\nRuth,050-228-1948 / 050-221-9935\n")
    assert 'name="pick" value="+972502219935"' in read(browser.get(at(draft)))
    given = {"row": "1", "role": "phone", "text": "050-228-1948 / 050-221-9935", "pick": "+972502219935"}
    answer = browser.post(at(draft, "mend"), {**given, "was": given["text"]})
    assert answer.url == at(draft), "without a script"
    draft.refresh_from_db()
    run(browser, draft)
    assert Guest.objects.get().phone == "+972502219935"


def test_a_mend_of_a_cell_that_changed_meanwhile_is_told_and_kept(browser: Client, event: Event) -> None:
    draft = checked(browser, LIST)
    mend(browser, draft, 2, "phone", "050-221-9935", "050-555")
    answer = mend(browser, draft, 2, "phone", "050-221-9936", "050-555")
    page = read(answer)
    assert answer.status_code == 409 and "was changed meanwhile" in page and 'value="050-221-9936"' in page


@pytest.mark.parametrize(("row", "role"), [("99", "phone"), ("x", "phone"), ("1", "token"), ("", "")])
def test_a_mend_of_nothing_changes_nothing(browser: Client, event: Event, row: str, role: str) -> None:
    draft = checked(browser, LIST)
    answer = browser.post(at(draft, "mend"), {"row": row, "role": role, "text": "1", "was": ""}, headers=HTMX)
    assert answer.status_code == 409 and not draft.mends.exists()


def test_hostile_cells_are_text(browser: Client, event: Event) -> None:
    draft = checked(browser, 'name,phone,notes\n<script>alert(1)</script>,"""><img src=x>",{{ 7*7 }}\n')
    page = read(browser.get(at(draft)))
    assert "&lt;script&gt;alert(1)" in page and "<script>alert" not in page and "<img src=x" not in page
    assert "{{ 7*7 }}" in page


# --- choices


def test_what_is_here_twice_is_asked_about(browser: Client, event: Event) -> None:
    draft = checked(browser, "name,phone\nRuth,050-228-1948\nruth,+972502281948\n")
    page = read(browser.get(at(draft) + "?rows=twice"))
    assert "The same person as row 1: joined." in page and 'name="twice" value="both"' in page
    page = read(browser.post(at(draft, "choose") + "?rows=twice", {"twice": "both"}, headers=HTMX))
    assert "a guest of their own" in page and "Import 2 guests" in page
    answer = browser.post(at(draft, "choose"), {"twice": "<b>", "existing": "burn"}, headers=HTMX)
    draft.refresh_from_db()
    assert answer.status_code == 200 and (draft.twice, draft.existing) == ("both", "leave")


def test_guests_on_the_list_are_asked_about(browser: Client, event: Event) -> None:
    a_guest(event, "Ruth", "+972502281948")
    draft = checked(browser, LIST)
    assert "stays as it is" in read(browser.get(at(draft) + "?rows=listed"))
    page = read(browser.post(at(draft, "choose") + "?rows=listed", {"existing": "update"}, headers=HTMX))
    assert "takes over what this row says" in page and "Import 2, update 1" in page


# --- the last button


def test_who_may_only_look_is_told_whom_to_ask(browser: Client, client: Client, event: Event) -> None:
    from django.contrib.auth.models import User

    from cordially.team.models import Membership, Role

    draft = checked(browser, LIST)
    viewer = User.objects.create_user("vera")
    Membership.objects.create(event=event, user=viewer, role=Role.VIEWER)
    client.force_login(viewer)
    assert client.get(at(draft)).status_code == client.get(IMPORT).status_code == 403
    assert run(client, draft).status_code == 403 and not Guest.objects.exists()


def test_the_address_of_a_button_leads_to_its_page(browser: Client, event: Event) -> None:
    draft = checked(browser, LIST)
    assert browser.get(at(draft, "run")).url == at(draft)


def test_a_double_press_imports_once(browser: Client, event: Event) -> None:
    draft = checked(browser, LIST)
    assert [run(browser, draft).status_code for _ in range(3)] == [302, 302, 302]
    assert Guest.objects.count() == 3


def test_a_dry_run_that_changed_is_not_imported(browser: Client, event: Event) -> None:
    draft = checked(browser, LIST)
    mend(browser, draft, 2, "phone", "050-221-9935", "050-555")
    answer = run(browser, draft)
    assert answer.status_code == 409 and "Look again" in read(answer) and not Guest.objects.exists()


def test_guests_that_changed_meanwhile_are_told_and_checked_again(browser: Client, event: Event) -> None:
    draft = checked(browser, LIST)
    a_guest(event, "Ruth", "+972502281948")
    run(browser, draft)
    page = read(browser.get(at(draft)))
    assert "Your guest list changed while you read: 2 would be added now, not 3" in page
    assert Guest.objects.count() == 1
    draft.refresh_from_db()
    run(browser, draft)
    assert Guest.objects.count() == 3


def test_a_page_of_an_import_that_went_on_leads_there(browser: Client, event: Event) -> None:
    draft = checked(browser, LIST)
    run(browser, draft)
    for step, given in (("choose", {"twice": "both"}), ("columns", {"use-0": "name"}), ("forget", {})):
        answer = browser.post(at(draft, step), given)
        assert answer.status_code == 302 and answer.url == at(draft), step
    assert Guest.objects.count() == 3


def test_nothing_to_import_offers_no_button(browser: Client, event: Event) -> None:
    run(browser, checked(browser, LIST))
    draft = checked(browser, LIST)
    page = read(browser.get(at(draft)))
    assert "nobody new in this list" in page and 'form="run"' not in page
    assert run(browser, draft).status_code == 409


def test_an_import_of_another_event_is_not_here(browser: Client, event: Event) -> None:
    draft = checked(browser, LIST)
    other = Event.objects.create(slug="other", name="O", starts_at=event.starts_at, timezone="UTC")
    for step in ("", "columns", "rows.csv", "progress", "undo"):
        assert browser.get(f"/e/{other.slug}/import/{draft.pk}{step and f'/{step}'}").status_code == 404
    assert Client().get(at(draft)).status_code == 302, "sign in first"


# --- beside the page


@pytest.fixture
def by_hand(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Work beside the page waits until the test calls this."""
    waiting: list[Callable[[], None]] = []

    class Later:
        def __init__(self, target: Callable[..., None], args: tuple[int], **named: Any) -> None:
            self.start = lambda: waiting.append(lambda: target(*args))

    class Connections:
        @staticmethod
        def close_all() -> None:
            """The test's own connection stays open."""

    monkeypatch.setattr(errands, "AT_ONCE", 1)
    monkeypatch.setattr(errands.threading, "Thread", Later)
    monkeypatch.setattr(errands, "connections", Connections)
    return lambda: waiting.pop(0)()


def test_a_long_list_is_dealt_with_beside_the_page(
    browser: Client, event: Event, by_hand: Callable[[], None]
) -> None:
    draft = checked(browser, LIST)
    page = read(browser.get(at(draft)))
    assert "Reading 3 rows" in page and 'hx-trigger="every 500ms"' in page and 'http-equiv="refresh"' in page
    by_hand()
    draft.refresh_from_db()
    answer = browser.get(at(draft, "progress"), headers=HTMX)
    assert answer["HX-Redirect"] == at(draft)
    run(browser, draft)
    assert (
        "Importing" in read(browser.get(at(draft, "progress"), headers=HTMX)) and not Guest.objects.exists()
    )
    by_hand()
    assert Guest.objects.count() == 3
    assert "3 guests were added to your list" in read(browser.get(at(draft)))


def test_what_a_process_that_died_had_begun_goes_on(
    browser: Client, event: Event, by_hand: Callable[[], None]
) -> None:
    draft = checked(browser, LIST)
    by_hand()
    draft.refresh_from_db()
    assert drafts.confirm(draft, draft.fingerprint)
    errands.resume()
    by_hand()
    assert Guest.objects.count() == 3
    with pytest.raises(IndexError):
        by_hand()


def test_no_two_work_on_one_import(browser: Client, event: Event) -> None:
    draft = checked(browser, LIST)
    assert drafts.confirm(draft, draft.fingerprint)
    with errands._alone(draft.pk) as first:
        assert first
        errands.see_to(draft)
        assert not Guest.objects.exists()
    errands.see_to(draft)
    assert Guest.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_two_imports_at_once_add_everybody_once(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.contrib.auth.models import User
    from django.utils import timezone

    client.force_login(User.objects.create_user("hadar", is_superuser=True))
    Event.objects.create(slug="maya-arjun", name="M", starts_at=timezone.now(), timezone="UTC", country="IL")
    text = "name,phone\n" + "".join(f"Guest {n},05022{n:05}\n" for n in range(10, 60))
    made = [checked(client, text) for _ in range(2)]
    monkeypatch.setattr(errands, "AT_ONCE", 0)
    for draft in made:
        run(client, draft)
    for thread in threading.enumerate():
        if thread.name.startswith("import-"):
            thread.join(30)
    assert Guest.objects.count() == 50
    states = sorted(GuestImport.objects.values_list("state", flat=True))
    assert states == [ImportState.CHECK, ImportState.DONE]


# --- what was left out


def test_what_was_left_out_can_be_had_with_its_reasons(browser: Client, event: Event) -> None:
    text = "name,phone,notes\nRuth,050-228-1948,\nRuth,0502281948,=SUM(A1)\n=CMD(),050-555,\n"
    draft = checked(browser, text)
    run(browser, draft)
    answer = browser.get(at(draft, "rows.csv"))
    assert answer["Content-Disposition"] == 'attachment; filename="maya-arjun-left.csv"'
    titles, row = csv.reader(io.StringIO(answer.content.decode("utf-8-sig")))
    assert titles == ["name", "phone", "notes", "Row", "Why"]
    assert row == ["Ruth", "0502281948", "'=SUM(A1)", "2", "The same person as row 1: joined."]
    to_mend = browser.get(at(draft, "rows.csv") + "?rows=mend").content.decode("utf-8-sig")
    (_, row) = csv.reader(io.StringIO(to_mend))
    assert row[0] == "'=CMD()" and "A digit or more is missing" in row[4]
    assert browser.get(at(draft, "rows.csv") + "?rows=all").status_code == 404


@pytest.mark.parametrize("text", ["=1+1", "+972", "-1", "@x", "\t=1", "\r=1", " =1", "＝1"])
def test_no_cell_can_begin_a_formula(text: str) -> None:
    assert harmless(text) == f"'{text}"
    assert harmless("Ruth = 1") == "Ruth = 1"


# --- undo


def test_an_undo_says_first_what_it_does(browser: Client, event: Event, campaign: Campaign) -> None:
    draft = checked(browser, LIST)
    run(browser, draft)
    invited(campaign, Guest.objects.get(name="Ruth"), State.SENT)
    page = read(browser.get(at(draft, "undo")))
    assert "Remove 2 guests" in page and "1 guest stays" in page and Guest.objects.count() == 3
    assert browser.post(at(draft, "undo")).url == at(draft)
    page = read(browser.get(at(draft)))
    assert list(Guest.objects.values_list("name", flat=True)) == ["Ruth"]
    assert "The import is undone" in page and "<bdi>Ruth</bdi>" in page
    browser.post(at(draft, "undo"))
    assert Guest.objects.count() == 1 and campaign.invitations.count() == 1


def test_a_list_is_thrown_away(browser: Client, event: Event) -> None:
    draft = checked(browser, LIST)
    answer = browser.post(at(draft, "forget"), follow=True)
    assert "thrown away" in read(answer) and not GuestImport.objects.exists()


def test_lists_so_far_are_named(browser: Client, event: Event) -> None:
    run(browser, checked(browser, LIST))
    checked(browser, LIST)
    page = read(browser.get(IMPORT))
    assert "3 added" in page and "not imported: go on" in page
    undoing.tidy()
    assert GuestImport.objects.count() == 2
