"""The quiet hours of an event, as the host sets them."""

from __future__ import annotations

import datetime as dt

import pytest
from django.test import Client

from cordially.events.models import Event
from cordially.invitations.models import EventSending

PAGE = "/e/maya-arjun/quiet"


def test_they_are_kept_shown_and_taken_away(browser: Client, event: Event) -> None:
    page = browser.post(PAGE, {"from": "21:00", "until": "09:00"}, follow=True).content.decode()
    assert "Nothing leaves between 21:00 and 09:00." in page and 'value="21:00"' in page
    kept = EventSending.objects.get(event=event)
    assert (kept.quiet_from, kept.quiet_until) == (dt.time(21), dt.time(9))
    page = browser.post(PAGE, {"from": "21:00", "until": "09:00", "do": "none"}, follow=True).content.decode()
    assert "Messages leave at any hour." in page
    kept.refresh_from_db()
    assert (kept.quiet_from, kept.quiet_until) == (None, None)


@pytest.mark.parametrize(
    ("begins", "ends", "sentence"),
    [
        ("21:00", "", "Write both hours, or neither."),
        ("", "09:00", "Write both hours, or neither."),
        ("21:00", "21:00", "nothing would ever leave"),
        ("late", "09:00", "Write an hour like 21:00."),
        ("25:00", "09:00", "Write an hour like 21:00."),
    ],
)
def test_what_can_not_be_is_said_and_nothing_is_kept(
    browser: Client, event: Event, begins: str, ends: str, sentence: str
) -> None:
    answer = browser.post(PAGE, {"from": begins, "until": ends})
    assert answer.status_code == 422 and sentence in answer.content.decode()
    assert f'value="{begins}"' in answer.content.decode() and not EventSending.objects.exists()


def test_a_phone_finds_everything_behind_more(browser: Client, event: Event) -> None:
    page = browser.get("/e/maya-arjun/more").content.decode()
    for path in ("templates", "import", "team", "quiet", "edit"):
        assert f'href="/e/maya-arjun/{path}"' in page
