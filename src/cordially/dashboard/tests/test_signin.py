from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from cordially.accounts import access
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


@pytest.mark.parametrize("name", ["guests", "send", "campaigns", "import"])
def test_a_stranger_is_shown_the_door(client: Client, event: Event, name: str) -> None:
    answer = client.get(reverse(name, args=[event.slug]))
    assert answer.status_code == 302 and answer["Location"].startswith("/signin?next=")


@pytest.mark.parametrize("name", ["send", "retry", "import"])
def test_a_stranger_changes_nothing(client: Client, event: Event, name: str) -> None:
    assert client.post(reverse(name, args=[event.slug]))["Location"].startswith("/signin?next=")
