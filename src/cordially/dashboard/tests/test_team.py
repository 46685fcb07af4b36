"""What each role meets on the pages, and how somebody comes into a team."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse

from cordially.dashboard.urls import urlpatterns
from cordially.events.models import Event
from cordially.invitations.models import Campaign, CampaignState, MessageTemplate
from cordially.team import members
from cordially.team.models import JoinLink, Membership, Role

from .conftest import a_guest

HOME = "/e/maya-arjun/"
TEAM = "/e/maya-arjun/team"
As = Callable[..., Client]


@pytest.fixture
def signed_in(event: Event) -> As:
    def make(role: Role | None, can_send: bool = False, name: str = "noa") -> Client:
        user = User.objects.create_user(name, password="x", first_name=name.title())
        if role:
            Membership.objects.create(event=event, user=user, role=role, can_send=can_send)
        browser = Client()
        browser.force_login(user)
        return browser

    return make


def _pages() -> list[str]:
    """Addresses of an event that need nothing but the event."""
    found = [p for p in urlpatterns if isinstance(p, URLPattern) and p.name]
    return sorted(
        str(p.name) for p in found if str(p.pattern).startswith("e/<slug") and str(p.pattern).count("<") == 1
    )


@pytest.mark.parametrize("name", _pages())
def test_outsiders_find_no_page_of_an_event(signed_in: As, event: Event, name: str) -> None:
    browser, address = signed_in(None), reverse(name, args=[event.slug])
    assert browser.get(address).status_code in (404, 405)
    assert browser.post(address).status_code in (404, 405)
    assert get_resolver().resolve(address)


@pytest.mark.parametrize("name", [n for n in _pages() if n != "live"])
def test_a_viewer_changes_nothing_anywhere(signed_in: As, event: Event, name: str) -> None:
    answer = signed_in(Role.VIEWER).post(reverse(name, args=[event.slug]))
    assert answer.status_code in (403, 405)


def test_everybody_sees_their_own_events_only(signed_in: As, event: Event) -> None:
    assert HOME in signed_in(Role.VIEWER).get("/").content.decode()
    assert HOME not in signed_in(None, name="dan").get("/").content.decode()


def test_sending_is_a_right_of_its_own(
    signed_in: As, event: Event, template: MessageTemplate, campaign: Campaign
) -> None:
    a_guest(event)
    page = f"/e/maya-arjun/campaigns/{campaign.pk}"
    answer = signed_in(Role.OWNER, can_send=False).post(f"{page}/pause")
    assert answer.status_code == 403
    said = answer.content.decode()
    assert "You may not send for this event." in said and "Ask Noa" in said
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.RUNNING
    assert signed_in(Role.VIEWER, can_send=True, name="dan").post(f"{page}/pause").status_code == 302
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.PAUSED


def test_who_may_not_send_sees_the_check_without_its_button(
    signed_in: As, event: Event, template: MessageTemplate
) -> None:
    a_guest(event)
    address = f"/e/maya-arjun/send?template={template.pk}"
    page = signed_in(Role.EDITOR).get(address).content.decode()
    assert 'id="may-not-send"' in page and 'id="confirm-send' not in page
    page = signed_in(Role.VIEWER, can_send=True, name="dan").get(address).content.decode()
    assert 'id="confirm-send"' in page and 'id="may-not-send"' not in page


@pytest.mark.parametrize("where", ["", "guests", "templates", "more"])
def test_who_may_only_look_sees_nothing_to_press(signed_in: As, event: Event, where: str) -> None:
    a_guest(event, "Ruth"), a_guest(event, "Walter", phone="")
    presses = ('arjun/import"', "/send?", 'arjun/edit"', "/guests/new", "/templates/new", "bulkbar")
    page = signed_in(Role.VIEWER).get(f"{HOME}{where}").content.decode()
    assert [press for press in presses if f"{press}" in page] == []
    page = signed_in(Role.OWNER, can_send=True, name="ruth").get(f"{HOME}{where}").content.decode()
    assert [press for press in presses if f"{press}" in page]


def test_what_all_events_share_is_for_who_runs_it(signed_in: As, event: Event) -> None:
    browser = signed_in(Role.OWNER, can_send=True)
    assert browser.get("/prices").status_code == 200
    answer = browser.post("/prices", {"do": "shipped"})
    assert answer.status_code == 403 and "whoever runs this installation" in answer.content.decode()


def test_the_live_line_is_for_the_team(signed_in: As, event: Event) -> None:
    assert signed_in(None).get(f"{HOME}live?poll=1").status_code == 404
    assert signed_in(Role.VIEWER, name="dan").get(f"{HOME}live?poll=1").status_code == 200


def test_a_press_that_is_not_allowed_says_so_in_place(signed_in: As, event: Event) -> None:
    browser = signed_in(Role.VIEWER)
    answer = browser.post("/e/maya-arjun/send", headers={"HX-Request": "true"})
    assert answer.status_code == 403 and answer["HX-Refresh"] == "true"
    assert "You may not send" in browser.get(HOME).content.decode()


def invite(browser: Client, **given: str) -> str:
    page = browser.post(f"{TEAM}/add", {"role": "editor", **given}).content.decode()
    return re.search(r'href="http://testserver(/join/[^"]+)"', page)[1]


def test_somebody_new_joins_by_a_link(signed_in: As, event: Event) -> None:
    owner = signed_in(Role.OWNER, can_send=True)
    address = invite(owner, can_send="1", note="Dan of the band")
    assert "Dan of the band" in owner.get(TEAM).content.decode()
    assert address not in owner.get(TEAM).content.decode()

    fresh = Client()
    page = fresh.get(address).content.decode()
    assert "Maya &amp; Arjun" in page and "as Editor" in page and "You may send" in page
    secret = "a grove of oranges 7"
    given = {"username": "dan", "first_name": "Dan", "password1": secret, "password2": secret}
    answer = fresh.post(address, given)
    assert answer.status_code == 302
    assert "Welcome to the team" in fresh.get(HOME).content.decode()
    part = Membership.objects.get(user__username="dan")
    assert (part.role, part.can_send) == (Role.EDITOR, True)
    assert Client().get(address).status_code == 410


def test_a_wrong_form_keeps_what_was_typed_and_the_link(signed_in: As, event: Event) -> None:
    address = invite(signed_in(Role.OWNER))
    answer = Client().post(
        address, {"username": "noa", "first_name": "Dan", "password1": "12345", "password2": "54321"}
    )
    page = answer.content.decode()
    assert answer.status_code == 422
    assert 'value="noa"' in page and 'value="Dan"' in page
    assert 'id="username-error"' in page and 'id="password-error"' in page
    assert "12345" not in page
    assert JoinLink.objects.get().used_at is None and User.objects.count() == 1


def test_somebody_known_joins_with_a_press(signed_in: As, event: Event) -> None:
    address = invite(signed_in(Role.OWNER))
    known = signed_in(None, name="dan")
    assert "signed in as dan" in known.get(address).content.decode()
    assert not Membership.objects.filter(user__username="dan").exists()
    known.post(address)
    assert Membership.objects.get(user__username="dan").role == Role.EDITOR


def test_a_link_that_was_taken_back_is_over(signed_in: As, event: Event) -> None:
    owner = signed_in(Role.OWNER)
    address = invite(owner)
    owner.post(f"{TEAM}/links/{JoinLink.objects.get().pk}")
    answer = Client().get(address)
    assert answer.status_code == 410 and "This link is over" in answer.content.decode()


def test_guessing_links_is_slowed_down(event: Event) -> None:
    answers = [Client().get(f"/join/guess{n}").status_code for n in range(25)]
    assert answers[0] == 410 and answers[-1] == 429


def test_parts_are_changed_and_people_leave(signed_in: As, event: Event) -> None:
    owner, other = signed_in(Role.OWNER, can_send=True), signed_in(Role.EDITOR, name="dan")
    dan = Membership.objects.get(user__username="dan")
    assert other.post(f"{TEAM}/{dan.pk}", {"role": "owner"}).status_code == 403
    page = owner.post(f"{TEAM}/{dan.pk}", {"role": "viewer", "can_send": "1"}, follow=True)
    assert "Saved: Dan is Viewer." in page.content.decode()
    dan.refresh_from_db()
    assert (dan.role, dan.can_send) == (Role.VIEWER, True)

    noa = Membership.objects.get(user__username="noa")
    assert "Only an owner" in other.post(f"{TEAM}/{noa.pk}/remove", follow=True).content.decode()
    assert "needs an owner" in owner.post(f"{TEAM}/{noa.pk}/remove", follow=True).content.decode()
    assert "You left the team" in other.post(f"{TEAM}/{dan.pk}/remove", follow=True).content.decode()
    assert list(members.Membership.objects.all()) == [noa]
    assert other.get(HOME).status_code == 404


def test_who_may_not_send_gives_nobody_that_right(signed_in: As, event: Event) -> None:
    owner = signed_in(Role.OWNER)
    noa = Membership.objects.get()
    said = "Only somebody who may send"
    page = owner.post(f"{TEAM}/{noa.pk}", {"role": "owner", "can_send": "1"}, follow=True)
    assert said in page.content.decode()
    page = owner.post(f"{TEAM}/add", {"role": "editor", "can_send": "1"}, follow=True)
    assert said in page.content.decode()
    noa.refresh_from_db()
    assert not noa.can_send and not JoinLink.objects.exists()


def test_a_viewer_reads_who_is_in_the_team(signed_in: As, event: Event) -> None:
    signed_in(Role.OWNER)
    page = signed_in(Role.VIEWER, name="dan").get(TEAM).content.decode()
    assert "Noa" in page and "Make a link" not in page and "Leave" in page


def test_a_viewer_reads_a_template_and_is_offered_nothing_that_changes_it(
    signed_in: As, event: Event, template: MessageTemplate
) -> None:
    def offered(browser: Client) -> tuple[set[str], bool]:
        page = browser.get(f"/e/maya-arjun/templates/{template.pk}").content.decode()
        shown = {
            name
            for name in ("try", "save", "save-2", "submit", "submit-2")
            if re.search(rf'id="{name}"(?! hidden)', page)
        }
        return shown, "You can read this text." in page

    assert offered(signed_in(Role.EDITOR)) == ({"try", "save", "save-2", "submit", "submit-2"}, False)
    assert offered(signed_in(Role.VIEWER, name="dan")) == (set(), True)


def test_hostile_names_stay_text(signed_in: As, event: Event) -> None:
    owner = signed_in(Role.OWNER)
    invite(owner, note="<script>alert(1)</script>")
    User.objects.filter(username="noa").update(first_name="<img src=x onerror=1>")
    page = owner.get(TEAM).content.decode()
    assert "<script>alert" not in page and "<img" not in page
