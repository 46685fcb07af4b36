from __future__ import annotations

import re

import pytest
from django.template import loader
from django.test import Client
from django.urls import reverse

from cordially.events.models import Event
from cordially.invitations.lifecycle import State
from cordially.invitations.models import Campaign

from .conftest import a_guest, invited

INLINE = re.compile(r"<style|\sstyle=|\son\w+=|javascript:|<script(?![^>]*\ssrc=)", re.IGNORECASE)


@pytest.fixture
def pages(event: Event, campaign: Campaign) -> list[str]:
    for state in State:
        invited(campaign, a_guest(event, state.value), state)
    own = [
        reverse(name, args=[event.slug])
        for name in ("overview", "event_edit", "guests", "send", "campaigns", "import")
    ]
    of = [reverse(name, args=[event.slug, campaign.pk]) for name in ("campaign", "cancel", "ask_retry")]
    return ["/", "/events/new", *own, *of]


def test_every_page_is_under_the_policy_and_keeps_to_it(browser: Client, pages: list[str]) -> None:
    for address in pages:
        answer = browser.get(address)
        assert answer.status_code == 200, address
        policy = answer["Content-Security-Policy"]
        assert (
            "default-src 'self'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
        )
        assert answer["X-Frame-Options"] == "DENY"
        assert not INLINE.search(answer.content.decode()), address


def test_the_door_keeps_to_it_as_well(client: Client, db: None) -> None:
    answer = client.get("/signin")
    assert "default-src 'self'" in answer["Content-Security-Policy"]
    assert not INLINE.search(answer.content.decode())


def test_every_icon_is_in_the_sprite(browser: Client, pages: list[str]) -> None:
    for address in pages:
        page = browser.get(address).content.decode()
        missing = set(re.findall(r'<use href="#([\w-]+)"', page)) - set(
            re.findall(r'<symbol id="([\w-]+)"', page)
        )
        assert not missing, address


def test_ids_stand_once_on_a_page(browser: Client, pages: list[str]) -> None:
    for address in pages:
        ids = re.findall(r'\sid="([^"]+)"', browser.get(address).content.decode())
        assert len(ids) == len(set(ids)), (address, sorted({one for one in ids if ids.count(one) > 1}))


def test_nothing_is_kept_by_a_proxy(browser: Client, pages: list[str]) -> None:
    for address in pages:
        assert "private" in browser.get(address)["Cache-Control"], address


def test_a_page_that_is_not_there_is_said_kindly(browser: Client, event: Event) -> None:
    answer = browser.get("/e/nowhere/")
    assert answer.status_code == 404 and "This page is not here" in answer.content.decode()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("404", "This page is not here"),
        ("403_csrf", "open for too long"),
        ("500", "Something broke on our side"),
    ],
)
def test_pages_of_trouble_need_nothing_but_themselves(name: str, says: str) -> None:
    page = loader.get_template(f"{name}.html").render()
    assert page.count(says) == 2 and "<title>" in page and 'class="door"' in page and "app.css" in page
