"""The overview of an event: what it says, and where its numbers lead."""

from __future__ import annotations

from django.test import Client

from cordially.events.models import Event

OVERVIEW = "/e/maya-arjun/"


def test_an_event_opens_on_its_overview(browser: Client, event: Event) -> None:
    assert f'href="{OVERVIEW}"' in browser.get("/").content.decode()
    assert "Maya &amp; Arjun" in browser.get(OVERVIEW).content.decode()


def test_a_bookmark_of_the_guest_list_still_leads_there(browser: Client, event: Event) -> None:
    answer = browser.get(f"{OVERVIEW}?show=failed&q=Ruth+%26")
    assert answer.status_code == 302 and answer["Location"] == "/e/maya-arjun/guests?show=failed&q=Ruth+%26"
