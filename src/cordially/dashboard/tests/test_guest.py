"""One guest's page, and what is done with many at once."""

from __future__ import annotations

import csv
import io
import re

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from openpyxl import load_workbook

from cordially.dashboard.frames import GuestFrames, PersonFrames, Reader
from cordially.dashboard.guestlist import Filter
from cordially.events.models import Event
from cordially.guests import editing, importing, removal
from cordially.guests.models import Guest, SavedView
from cordially.guests.reading import read_table
from cordially.invitations.lifecycle import State
from cordially.invitations.models import Campaign, CampaignText, Invitation
from cordially.rsvp.models import Answer
from cordially.team.models import Membership, Role
from cordially.team.rights import Rights
from cordially.templating.components import Components

from .conftest import a_guest, invited

LIST = "/e/maya-arjun/guests"
BESIDE = {"HX-Request": "true", "HX-Target": "dialog"}


def names(page: str) -> list[str]:
    return re.findall(r'cell-main"[^>]*><bdi>(.*?)</bdi>', page)


def at(guest: Guest, what: str = "") -> str:
    return f"{LIST}/{guest.pk}{what}"


def test_the_page_tells_the_whole_story(browser: Client, event: Event, campaign: Campaign) -> None:
    guest = a_guest(event, "Sunita Deshpande", group="Family")
    CampaignText.objects.create(
        campaign=campaign, key="en", language="en", content_ref="HX1", variables=["guest_name"],
        **CampaignText.columns(Components("Dear {{guest_name}}, come!")),
    )  # fmt: skip
    invited(campaign, guest, State.READ, text="en")
    page = browser.get(at(guest)).content.decode()
    assert "Dear <mark>Sunita Deshpande</mark>, come!" in page
    assert "Times in Jerusalem" in page and "Added to the list" in page and "Family" in page
    assert 'class="st tone-read"' in page and guest.token in page
    beside = browser.get(at(guest), headers=BESIDE).content.decode()
    assert "<html" not in beside and 'data-dialog="beside"' in beside and "Dear <mark>" in beside


def test_a_number_is_corrected_and_the_invitation_goes_out_again(
    browser: Client, event: Event, campaign: Campaign
) -> None:
    guest = a_guest(event, "Yonatan", "+972545550190")
    invited(campaign, guest, State.FAILED, code=63024, reason="Not on WhatsApp.", error_class="guest")
    page = browser.get(at(guest)).content.decode()
    assert "Not on WhatsApp. (63024)" in page and "Save and send again" in page
    assert "wa.me" not in page, "a chat on WhatsApp would not help either"
    answer = browser.post(at(guest, "/number"), {"phone": "12", "version": 0})
    assert answer.status_code == 422 and 'value="12"' in answer.content.decode()
    browser.post(at(guest, "/number"), {"phone": "+972 54-555-0191", "version": 0})
    row = Invitation.objects.get()
    assert (row.state, row.phone) == (State.QUEUED, "+972545550191")
    stale = browser.post(at(guest, "/number"), {"phone": "+972 54-555-0192", "version": 0})
    assert stale.status_code == 409 and "Somebody changed this guest" in stale.content.decode()


def test_who_has_no_number_gets_one(browser: Client, event: Event) -> None:
    guest = a_guest(event, "Eileen", "")
    assert "Save the number" in browser.get(at(guest)).content.decode()
    page = browser.post(at(guest, "/number"), {"phone": "050-222-3344", "version": 0}, follow=True)
    assert "A message can go to this number now" in page.content.decode()
    guest.refresh_from_db()
    assert guest.phone == "+972502223344"


def test_a_chat_by_hand_opens_with_the_link(browser: Client, event: Event) -> None:
    guest = a_guest(event, "Ruth", opted_out_at=None)
    editing.mark_in_person(guest, True)
    page = browser.get(at(guest)).content.decode()
    assert f"https://wa.me/{guest.phone[1:]}?text=" in page and "Invited in person, noted" in page


def test_marked_as_invited_in_person_and_back(browser: Client, event: Event) -> None:
    guest = a_guest(event, "Eileen", "")
    browser.post(at(guest, "/in-person"))
    assert names(browser.get(f"{LIST}?show=person").content.decode()) == ["Eileen"]
    assert names(browser.get(f"{LIST}?show=blocked").content.decode()) == []
    browser.post(at(guest, "/in-person"), {"do": "undo"})
    assert names(browser.get(f"{LIST}?show=blocked").content.decode()) == ["Eileen"]


def test_an_answer_is_entered_for_them_and_says_by_whom(browser: Client, event: Event) -> None:
    guest = a_guest(event, "Ruth", party_size=2)
    browser.post(at(guest, "/answer"), {"reply": "yes", "heads": "9"})
    answer = Answer.objects.get()
    assert (answer.reply, answer.heads, answer.entered_by) == ("yes", 2, "Hadar")
    assert "Entered by Hadar." in browser.get(at(guest)).content.decode()
    assert browser.post(at(guest, "/answer"), {"reply": "perhaps"}).status_code == 302
    assert Answer.objects.count() == 1


def test_details_are_changed_and_a_stale_form_keeps_what_was_typed(browser: Client, event: Event) -> None:
    guest = a_guest(event, "Ruth")
    given = {
        "name": "Ruth Almog",
        "phone": guest.phone,
        "party_size": "3",
        "tags": "bus, family",
        "version": 0,
    }
    assert browser.post(at(guest, "/change"), given).status_code == 302
    guest.refresh_from_db()
    assert (guest.name, guest.party_size, guest.tags.count()) == ("Ruth Almog", 3, 2)
    answer = browser.post(at(guest, "/change"), given | {"name": "Rut", "version": 0})
    page = answer.content.decode()
    assert (
        answer.status_code == 409 and 'value="Rut"' in page and "Kept now:" in page and "Ruth Almog" in page
    )
    wrong = browser.post(at(guest, "/change"), given | {"party_size": "many", "version": 1})
    assert wrong.status_code == 422 and 'value="many"' in wrong.content.decode()


def test_one_is_added_and_a_wrong_form_keeps_what_was_typed(browser: Client, event: Event) -> None:
    wrong = browser.post(f"{LIST}/new", {"name": "", "phone": "050-222-3344", "group": "Family"})
    assert wrong.status_code == 422 and 'value="Family"' in wrong.content.decode()
    answer = browser.post(f"{LIST}/new", {"name": "Dana", "phone": "050-222-3344"})
    made = Guest.objects.get()
    assert answer["Location"] == at(made) and made.phone == "+972502223344"


def test_another_events_guest_is_not_found(browser: Client, event: Event) -> None:
    other = Event.objects.create(slug="other", name="Other", starts_at=event.starts_at, timezone="UTC")
    stranger = a_guest(other)
    for path in ("", "/change", "/number", "/in-person", "/answer"):
        assert browser.post(at(stranger, path)).status_code in (404, 405)
    assert browser.get(at(stranger)).status_code == 404


class TestMany:
    @pytest.fixture
    def three(self, event: Event) -> list[Guest]:
        return [a_guest(event, name) for name in ("Ruth", "Noam", "Priya")]

    def test_tags_and_filters(self, browser: Client, three: list[Guest]) -> None:
        page = browser.post(
            f"{LIST}/bulk", {"do": "tag", "value": "Bus 2", "id": [g.pk for g in three[:2]]}, follow=True
        )
        assert "2 guests have the tag." in page.content.decode()
        for query in ("tag=bus+2", "q=bus+2"):
            assert names(browser.get(f"{LIST}?{query}").content.decode()) == ["Ruth", "Noam"]
        browser.post(f"{LIST}/bulk", {"do": "group", "value": "Family", "all": 1, "tag": "bus 2"})
        assert names(browser.get(f"{LIST}?group=Family").content.decode()) == ["Ruth", "Noam"]
        browser.post(f"{LIST}/bulk", {"do": "language", "value": "Hebrew", "id": three[2].pk})
        assert names(browser.get(f"{LIST}?language=he").content.decode()) == ["Priya"]
        assert names(browser.get(f"{LIST}?language=-").content.decode()) == ["Ruth", "Noam"]
        page = browser.get(f"{LIST}/narrow").content.decode()
        assert "Bus 2" in page and "Family" in page and "Hebrew" in page

    def test_without_script_it_is_asked_first(self, browser: Client, three: list[Guest]) -> None:
        page = browser.get(f"{LIST}/bulk", {"do": "remove", "id": [g.pk for g in three]}).content.decode()
        assert "Take off the list: 3 guests" in page and Guest.objects.count() == 3

    def test_removal_is_undone_also_after_a_reload(self, browser: Client, three: list[Guest]) -> None:
        browser.post(f"{LIST}/bulk", {"do": "remove", "id": [g.pk for g in three[:2]]})
        for _ in range(2):
            page = browser.get(LIST).content.decode()
            assert names(page) == ["Priya"] and 'id="undo"' in page
        assert browser.get(at(three[0])).status_code == 404
        browser.post(f"{LIST}/undo")
        page = browser.get(LIST).content.decode()
        assert names(page) == ["Ruth", "Noam", "Priya"] and 'id="undo"' not in page
        assert "nothing to bring back" in browser.post(f"{LIST}/undo", follow=True).content.decode()

    def test_their_personal_page_is_gone(self, browser: Client, three: list[Guest]) -> None:
        removal.take_off(Guest.objects.filter(pk=three[0].pk))
        assert browser.get(f"/r/{three[0].token}").status_code == 404

    def test_views_are_saved_and_forgotten(self, browser: Client, three: list[Guest]) -> None:
        browser.post(f"{LIST}/views", {"name": "Not yet", "show": "new", "q": "r"})
        view = SavedView.objects.get()
        assert (view.name, view.query) == ("Not yet", "q=r&show=new")
        assert "Not yet" in browser.get(LIST).content.decode()
        browser.post(f"{LIST}/views", {"forget": view.pk})
        assert not SavedView.objects.exists()
        browser.post(f"{LIST}/views", {"name": "All of it"})
        assert not SavedView.objects.exists(), "the whole list is no view"

    @pytest.mark.parametrize(
        ("sort", "order"),
        [
            ("-name", ["Ruth", "Priya", "Noam"]),
            ("group", ["Ruth", "Priya", "Noam"]),
            ("party", ["Noam", "Ruth", "Priya"]),
        ],
    )
    def test_it_sorts(self, browser: Client, three: list[Guest], sort: str, order: list[str]) -> None:
        Guest.objects.filter(name="Noam").update(group="B", party_size=4)
        Guest.objects.filter(name="Priya").update(group="A")
        page = browser.get(f"{LIST}?sort={sort}").content.decode()
        assert names(page) == order

    def test_bulk_needs_something_to_do(self, browser: Client, three: list[Guest]) -> None:
        said = browser.post(f"{LIST}/bulk", {"do": "dance", "id": three[0].pk}, follow=True).content.decode()
        assert "Choose what to do" in said


FORMULAS = ["=1+1", "+cmd|x", "-2+3", "@SUM(A1)", "\t=1", "  =1", "plain", "שלום"]


class TestFiles:
    def rows(self, browser: Client, query: str = "") -> list[list[str]]:
        answer = browser.get(f"{LIST}/export.csv{query}")
        text = b"".join(answer.streaming_content).decode()
        assert text.startswith("\ufeff") and "attachment" in answer["Content-Disposition"]
        return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))

    def test_nothing_is_a_formula(self, browser: Client, event: Event) -> None:
        for number, text in enumerate(FORMULAS):
            a_guest(event, f"G{number}", group=text, fields={"hall": text})
        titles, *rows = self.rows(browser)
        for cells in rows:
            for title, cell in zip(titles, cells, strict=True):
                if title != "Phone":
                    assert not cell.lstrip().startswith(("=", "+", "-", "@")), (title, cell)
        book = load_workbook(io.BytesIO(browser.get(f"{LIST}/export.xlsx").content))
        types = {cell.data_type for line in book.active.iter_rows() for cell in line if cell.value}
        assert types == {"s"}

    def test_it_is_what_was_filtered(self, browser: Client, event: Event) -> None:
        a_guest(event, "Ruth", group="Family"), a_guest(event, "Noam")
        assert [cells[0] for cells in self.rows(browser, "?group=Family")[1:]] == ["Ruth"]

    def test_an_import_reads_back_the_same_guests(self, browser: Client, event: Event) -> None:
        a_guest(
            event, "Ruth", group="=Family", party_size=3, language="he", note="Table 2", fields={"hall": "+A"}
        )
        a_guest(event, "Eileen", "")
        editing.add_tags(event, event.guests.filter(name="Ruth"), "bus 2, family")
        content = b"".join(browser.get(f"{LIST}/export.csv").streaming_content)
        other = Event.objects.create(
            slug="other", name="Other", starts_at=event.starts_at, timezone="UTC", country="IL"
        )
        importing.import_guests(other, read_table(io.BytesIO(content), "export.csv"))
        kept = ("name", "phone", "party_size", "group", "language", "note")
        assert list(other.guests.values(*kept)) == list(event.guests.values(*kept))
        ruth = other.guests.get(name="Ruth")
        assert ruth.fields == {"hall": "+A"} and [tag.name for tag in ruth.tags.all()] == ["bus 2", "family"]


def test_hostile_words_stay_text(browser: Client, event: Event) -> None:
    evil = '"><script>alert(1)</script>'
    guest = a_guest(event, evil, group=evil, note=evil)
    editing.change(guest, {"tags": evil})
    SavedView.objects.create(event=event, name=evil, query="show=new")
    for address in (LIST, at(guest), f"{LIST}/narrow", f"{LIST}?tag={evil}&group={evil}"):
        assert "<script>alert" not in browser.get(address).content.decode()


def test_a_cell_is_written_in_and_its_row_comes_back(browser: Client, event: Event) -> None:
    guest = a_guest(event, "Sunita", "+972545550190", party_size=2)
    form = browser.get(at(guest, "/cell/name"), headers=BESIDE).content.decode()
    assert 'name="name" value="Sunita"' in form and 'name="party_size" value="2"' in form
    answer = browser.post(
        at(guest, "/cell/name"), {"name": "Sunita D.", "party_size": "3", "version": 0}, headers=BESIDE
    )
    row = answer.content.decode()
    assert row.lstrip().startswith("<tr") and "Sunita D." in row and "Household of 3" in row
    answer = browser.post(
        at(guest, "/cell/of"), {"group": "Family", "tags": "Bus, Hotel", "version": 1}, headers=BESIDE
    )
    assert "Family" in answer.content.decode() and "Hotel" in answer.content.decode()
    guest.refresh_from_db()
    assert (guest.name, guest.party_size, guest.group) == ("Sunita D.", 3, "Family")
    assert guest.phone == "+972545550190", "cells that were not written in stay"


def test_a_cell_with_something_wrong_keeps_what_was_typed(browser: Client, event: Event) -> None:
    guest = a_guest(event, "Sunita", "+972545550190")
    answer = browser.post(at(guest, "/cell/phone"), {"phone": "12", "version": 0}, headers=BESIDE)
    page = answer.content.decode()
    assert answer.status_code == 422 and 'value="12"' in page and 'role="alert"' in page
    assert answer["HX-Retarget"] == f'#g-{guest.pk} [data-cell="phone"]'
    browser.post(
        at(guest, "/cell/name"), {"name": "Sunita D.", "party_size": "1", "version": 0}, headers=BESIDE
    )
    late = browser.post(
        at(guest, "/cell/name"), {"name": "Sunny", "party_size": "1", "version": 0}, headers=BESIDE
    )
    page = late.content.decode()
    assert late.status_code == 409 and 'value="Sunny"' in page and "Somebody changed this guest" in page
    assert (
        browser.post(
            at(guest, "/cell/name"), {"name": "Sunny", "party_size": "1", "version": 1}, headers=BESIDE
        ).status_code
        == 200
    )
    assert browser.get(at(guest, "/cell/token")).status_code == 404
    assert browser.get(at(guest, "/cell/name")).headers["Location"] == at(guest), "without script: its page"
    guest.refresh_from_db()
    assert (guest.name, guest.phone) == ("Sunny", "+972545550190")


def test_the_panel_follows_and_leaves_what_is_typed_alone(event: Event, campaign: Campaign) -> None:
    guest = a_guest(event, "Sunita", "+972545550190")
    invitation = invited(campaign, guest, State.ACCEPTED)
    panel = PersonFrames(event, guest.pk, beside=True)
    first = panel.draw(None)
    assert 'id="guest-state"' in first and "Accepted" in first and "csrf" not in first
    assert panel.draw({guest.pk + 1}) == ""
    Invitation.objects.filter(pk=invitation.pk).update(
        state=State.FAILED, code=63024, reason="Not on WhatsApp.", failed_at=timezone.now()
    )
    second = panel.draw({guest.pk})
    assert "Failed" in second and "has changed since you opened this" in second
    assert PersonFrames(event, guest.pk + 999).draw(None).count("data-piece") == 1, "the sender’s lamp alone"


def test_lines_show_no_button_to_who_may_only_look(event: Event, campaign: Campaign) -> None:
    fresh, failed = a_guest(event, "Fresh", "+972545550190"), a_guest(event, "Failed", "+972545550191")
    invited(campaign, failed, State.FAILED, code=63024, reason="Not on WhatsApp.")
    ids = [fresh.pk, failed.pk]
    drawn = GuestFrames(event, Filter(), ids).draw(None)
    assert f'id="g-{fresh.pk}-send"' in drawn and f'id="g-{failed.pk}-retry"' in drawn
    looking = GuestFrames(event, Filter(), ids, Reader("en", Rights(see=True))).draw(None)
    assert f"g-{fresh.pk}-status" in looking
    assert f'id="g-{fresh.pk}-send"' not in looking and f'id="g-{failed.pk}-retry"' not in looking


def test_a_stale_cell_keeps_what_was_typed_and_what_others_wrote_elsewhere(
    browser: Client, event: Event
) -> None:
    guest = a_guest(event, name="Ruth", party_size=1)
    typed = {"name": "Ruth B.", "was-name": "Ruth", "party_size": "1", "was-party_size": "1", "version": "0"}
    Guest.objects.update(party_size=4, version=1)
    page = browser.post(at(guest, "/cell/name"), typed, headers={"HX-Request": "true"})
    said = page.content.decode()
    assert page.status_code == 409
    assert 'value="Ruth B."' in said
    assert 'name="party_size" value="4"' in said


def test_tags_given_to_many_make_an_open_form_stale(browser: Client, event: Event) -> None:
    guest = a_guest(event)
    editing.add_tags(event, Guest.objects.all(), "bus 2")
    typed = {"group": "Family", "was-group": "", "tags": "", "was-tags": "", "version": "0"}
    assert browser.post(at(guest, "/cell/of"), typed, headers={"HX-Request": "true"}).status_code == 409
    editing.take_tag(event, Guest.objects.all(), "bus 2")
    guest.refresh_from_db()
    assert guest.version == 2


def test_a_row_that_was_written_in_keeps_the_status_of_its_list(
    browser: Client, event: Event, campaign: Campaign
) -> None:
    guest = a_guest(event)
    invited(campaign, guest, State.READ)
    Invitation.objects.update(is_current=False)
    address = f"{at(guest, '/cell/name')}?campaign={campaign.pk}"
    row = browser.post(address, {"name": "Ruthie", "version": "0"}, headers={"HX-Request": "true"})
    assert "Ruthie" in row.content.decode()
    assert ">Read<" in row.content.decode()


def test_who_may_edit_and_not_send_corrects_a_number_and_nothing_leaves(
    event: Event, campaign: Campaign
) -> None:
    guest = a_guest(event)
    invitation = invited(campaign, guest, State.FAILED)
    editor = User.objects.create_user("edna")
    Membership.objects.create(event=event, user=editor, role=Role.EDITOR, can_send=False)
    client = Client()
    client.force_login(editor)
    assert client.post(at(guest, "/number"), {"phone": "+972545550192", "version": 0}).status_code == 302
    guest.refresh_from_db()
    invitation.refresh_from_db()
    assert (guest.phone, invitation.state) == ("+972545550192", State.FAILED)
