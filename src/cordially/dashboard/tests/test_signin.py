from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from cordially.accounts import access
from cordially.dashboard.views.signin import WRONG_A_MINUTE
from cordially.events.models import Event

pytestmark = pytest.mark.django_db


def test_the_printed_address_signs_in(client: Client, event: Event) -> None:
    answer = client.get(reverse("signin_link", args=[access.new_token()]))
    assert answer.status_code == 302 and answer["Location"] == "/"
    assert client.get("/").status_code == 200


def test_it_goes_where_the_host_wanted_to(client: Client, event: Event) -> None:
    answer = client.get(reverse("signin_link", args=[access.new_token()]) + "?next=/e/maya-arjun/")
    assert answer["Location"] == "/e/maya-arjun/"


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_it_never_leads_out_of_the_house(client: Client, event: Event, elsewhere: str) -> None:
    answer = client.get(reverse("signin_link", args=[access.new_token()]), {"next": elsewhere})
    assert answer["Location"] == "/"


def test_an_old_address_says_so_in_plain_words(client: Client) -> None:
    old = access.new_token()
    access.new_token()
    answer = client.get(reverse("signin_link", args=[old]))
    assert answer.status_code == 403
    assert "This address is no longer good" in answer.content.decode()
    assert "_auth_user_id" not in client.session


def test_name_and_password_sign_in(client: Client, host: User) -> None:
    answer = client.post(reverse("signin"), {"username": "hadar", "password": "orange grove", "next": "/"})
    assert answer.status_code == 302
    assert client.session["_auth_user_id"] == str(host.pk)


def test_a_wrong_password_is_told_beside_the_field(client: Client, host: User) -> None:
    page = client.post(reverse("signin"), {"username": "hadar", "password": "lemon"}).content.decode()
    assert "don’t go together" in page and 'value="hadar"' in page


def test_signing_out_needs_a_press(browser: Client) -> None:
    assert browser.get(reverse("signout")).status_code == 405
    browser.post(reverse("signout"))
    assert browser.get("/").status_code == 302


@pytest.mark.parametrize("name", ["overview", "guests", "send", "campaigns", "import"])
def test_a_stranger_is_shown_the_door(client: Client, event: Event, name: str) -> None:
    answer = client.get(reverse(name, args=[event.slug]))
    assert answer.status_code == 302 and answer["Location"].startswith("/signin?next=")


@pytest.mark.parametrize("name", ["send", "retry", "import"])
def test_a_stranger_changes_nothing(client: Client, event: Event, name: str) -> None:
    assert client.post(reverse(name, args=[event.slug]))["Location"].startswith("/signin?next=")


@pytest.fixture
def nobody_tried() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.mark.usefixtures("nobody_tried")
def test_who_guesses_passwords_has_to_wait(client: Client, host: User) -> None:
    def attempt(password: str, address: str = "192.0.2.7") -> HttpResponse:
        said = {"username": "hadar", "password": password}
        return client.post(reverse("signin"), said, REMOTE_ADDR=address)  # type: ignore[return-value]

    assert {attempt(f"lemon {n}").status_code for n in range(WRONG_A_MINUTE)} == {200}
    answer = attempt("orange grove")
    assert answer.status_code == 429 and answer["Retry-After"] == "60"
    assert "too many wrong tries" in answer.content.decode()
    assert attempt("orange grove", "192.0.2.8").status_code == 302


@pytest.mark.usefixtures("nobody_tried")
def test_who_guesses_addresses_has_to_wait_and_the_right_one_still_lets_in(client: Client) -> None:
    token = access.new_token()
    codes = [
        client.get(reverse("signin_link", args=[f"x{n}"])).status_code for n in range(WRONG_A_MINUTE + 1)
    ]
    assert codes == [403] * WRONG_A_MINUTE + [429]
    assert client.get(reverse("signin_link", args=[token])).status_code == 302
