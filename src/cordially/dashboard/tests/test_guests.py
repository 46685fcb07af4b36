from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cordially.dashboard.guestlist import Filter
from cordially.events.models import Event
from cordially.guests.models import Guest
from cordially.invitations.lifecycle import State
from cordially.invitations.models import Campaign
from cordially.rsvp.models import Answer

from .conftest import a_guest, invited

LIST = "/e/maya-arjun/guests"


def names(page: str) -> list[str]:
    return re.findall(r'cell-main"[^>]*><bdi>(.*?)</bdi>', page)


def look(browser: Client, query: str = "") -> str:
    return browser.get(LIST + query).content.decode()


def row(page: str, guest: Guest) -> str:
    return page.split(f'id="g-{guest.pk}"')[1].split("</tr>")[0]


def test_it_shows_each_guest_with_what_became_of_them(
    browser: Client, event: Event, campaign: Campaign
) -> None:
    ruth = a_guest(event, "רות אלמוג", "+972502281948", group="Bride’s family")
    invited(campaign, ruth, State.READ)
    Answer.objects.create(guest=ruth, reply="yes", heads=3, at=timezone.now())
    found = row(look(browser), ruth)
    for words in ("רות אלמוג", "+972 50-228-1948", "Read", "Coming · 3", "Bride’s family"):
        assert words in found
    assert "/send?id=" not in found


def test_who_can_be_invited_has_a_send_button(browser: Client, event: Event) -> None:
    ruth = a_guest(event)
    assert f"/e/maya-arjun/send?id={ruth.pk}" in row(look(browser), ruth)


def test_who_cannot_be_invited_has_the_reason_instead(browser: Client, event: Event) -> None:
    ori = a_guest(
        event, "Ori", "", phone_raw="050-555 / 051-555", phone_note="There is more than one number here."
    )
    found = row(look(browser), ori)
    assert "/send?id=" not in found
    assert "There is more than one number here." in found and "050-555 / 051-555" in found


def test_who_asked_not_to_be_written_to_has_no_button(browser: Client, event: Event) -> None:
    quiet = a_guest(event, "Quiet", opted_out_at=timezone.now())
    found = row(look(browser), quiet)
    assert "Asked not to be written to" in found and "/send?id=" not in found


def test_a_failed_one_shows_why_and_can_be_retried(browser: Client, event: Event, campaign: Campaign) -> None:
    ruth = a_guest(event)
    failed = invited(campaign, ruth, State.FAILED, code=63024, reason="This number is not on WhatsApp.")
    found = row(look(browser), ruth)
    assert "This number is not on WhatsApp. (63024)" in found
    assert f'value="{failed.pk}"' in found and "/send?id=" not in found


def test_names_are_text(browser: Client, event: Event) -> None:
    a_guest(event, "<script>alert(1)</script>", group='"><img src=x>')
    page = look(browser)
    assert "&lt;script&gt;alert(1)" in page and "<script>alert" not in page and "<img" not in page


@pytest.fixture
def crowd(event: Event, campaign: Campaign) -> dict[str, Guest]:
    people = {
        "new": a_guest(event, "Zeynep Aydın", "+905555550144"),
        "read": a_guest(event, "Sunita Deshpande", "+919820055501"),
        "failed": a_guest(event, "Avraham Katz", "+972525550164"),
        "blocked": a_guest(event, "Eileen Doyle", "", phone_raw="12 34"),
        "cancelled": a_guest(event, "Grace Okafor", "+12125550148"),
    }
    for state in (State.READ, State.FAILED, State.CANCELLED):
        invited(campaign, people[state.value], state)
    invited(campaign, people["blocked"], State.SKIPPED)
    Answer.objects.create(guest=people["read"], reply="yes", heads=4, at=timezone.now())
    return people


@pytest.mark.parametrize("show", ["new", "read", "failed", "blocked", "cancelled"])
def test_each_tab_shows_exactly_its_people(browser: Client, crowd: dict[str, Guest], show: str) -> None:
    page = look(browser, f"?show={show}")
    assert names(page) == [crowd[show].name]
    assert re.search(rf'href="\?show={show}" aria-current="page">[^<]+ <span class="num" data-fig>1<', page)


def test_the_figures_agree_with_each_other(browser: Client, crowd: dict[str, Guest]) -> None:
    page = look(browser)
    head = re.sub(r"<[^>]+>", "", page.split('id="guests-head"')[1].split("</p>")[0])
    assert "5 on the list, 2 invited, 4 people coming." in head
    tabs = [
        int(n)
        for n in re.findall(r'class="num" data-fig>(\d+)<', page.split('id="tabs"')[1].split("</nav>")[0])
    ]
    assert tabs[0] == sum(tabs[1:]) == 5


@pytest.mark.parametrize(
    "query", ["?q=deshpande", "?q=9820+05", "?q=%2B91%2098200", "?answer=yes", "?show=read&answer=yes"]
)
def test_search_and_answers_find(browser: Client, crowd: dict[str, Guest], query: str) -> None:
    assert names(look(browser, query)) == ["Sunita Deshpande"]


def test_search_finds_what_the_list_had(browser: Client, crowd: dict[str, Guest]) -> None:
    assert names(look(browser, "?q=12+34")) == ["Eileen Doyle"]


@pytest.mark.parametrize("query", ["?show=nonsense&answer=x&campaign=abc&sort=%27&page=-4", "?q=%00%25_"])
def test_nonsense_in_the_address_is_no_error(browser: Client, crowd: dict[str, Guest], query: str) -> None:
    assert browser.get(LIST + query).status_code == 200


def test_a_campaign_shows_its_own_people(browser: Client, event: Event, crowd: dict[str, Guest]) -> None:
    campaign = Campaign.objects.get()
    page = look(browser, f"?campaign={campaign.pk}&show=skipped")
    assert names(page) == ["Eileen Doyle"] and "Late additions" in page


def test_it_sorts_by_name(browser: Client, crowd: dict[str, Guest]) -> None:
    assert names(look(browser, "?sort=name")) == sorted(guest.name for guest in crowd.values())


def test_pages_of_fifty(browser: Client, event: Event) -> None:
    for number in range(60):
        a_guest(event, f"Guest {number}")
    assert len(names(look(browser))) == 50
    page = look(browser, "?page=2&q=guest")
    assert len(names(page)) == 10 and "?q=guest&amp;page=1" in page
    assert "Select all <b>60</b> that match" in page


def test_ids_never_get_separators(browser: Client, event: Event) -> None:
    guest = a_guest(event, pk=1_234_567)
    assert 'value="1234567"' in row(look(browser), guest) and "1,234,567" not in look(browser)


def test_the_list_costs_the_same_at_any_size(browser: Client, event: Event, campaign: Campaign) -> None:
    for number in range(3):
        invited(campaign, a_guest(event, f"Guest {number}"), State.READ)
    with CaptureQueriesContext(connection) as few:
        look(browser)
    for number in range(3, 60):
        guest = a_guest(event, f"Guest {number}")
        invited(campaign, guest, State.READ)
        Answer.objects.create(guest=guest, reply="yes", heads=2, at=timezone.now())
    with CaptureQueriesContext(connection) as many:
        look(browser)
    assert len(many) == len(few) <= 20


def test_an_empty_list_says_how_to_begin(browser: Client, event: Event) -> None:
    page = look(browser)
    assert "No guests yet" in page and "/e/maya-arjun/import" in page


def test_times_are_those_of_the_event(browser: Client, event: Event, campaign: Campaign) -> None:
    at = timezone.now().replace(hour=12, minute=34)
    ruth = a_guest(event)
    invited(campaign, ruth, State.DELIVERED, delivered_at=at)
    assert f"{at.astimezone(event.zone):%H:%M}" in row(look(browser), ruth)


@pytest.mark.parametrize("q", ["%00", "Ru%00th", "%ED%A0%80", "%E2%80%8E", "%F0%9F%92%8C", "%0A%0D%1F"])
def test_no_search_breaks_the_page(browser: Client, event: Event, q: str) -> None:
    a_guest(event, "Ruth Almog")
    answer = browser.get(f"/e/maya-arjun/guests?q={q}")
    assert answer.status_code == 200 and "\0" not in answer.content.decode()


def test_what_cannot_be_seen_in_a_search_does_not_count() -> None:
    assert Filter.read({"q": " Ru\0th\ud800 \u200eAlmog\n"}).q == "Ruth Almog"
