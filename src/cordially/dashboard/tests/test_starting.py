"""A campaign that leaves at a time of the host's choosing, from choosing it to starting it after all."""

from __future__ import annotations

import datetime as dt
import re

import pytest
import time_machine
from django.test import Client

from cordially.dashboard import frames
from cordially.dashboard.frames import CampaignListFrames
from cordially.events.models import Event
from cordially.guests.models import Guest
from cordially.invitations import campaigns
from cordially.invitations.lifecycle import State
from cordially.invitations.models import Campaign, CampaignState, EventSending, Invitation, MessageTemplate

from .conftest import a_guest, invited

SEND = "/e/maya-arjun/send"
#: half past one in the afternoon in Jerusalem
NOW = dt.datetime(2027, 3, 1, 11, 30, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def _clock() -> object:
    with time_machine.travel(NOW, tick=False) as clock:
        yield clock


@pytest.fixture
def two(event: Event, template: MessageTemplate) -> list[Guest]:
    return [a_guest(event, name) for name in ("Ruth", "Noam")]


@pytest.fixture
def scheduled(campaign: Campaign) -> Campaign:
    Campaign.objects.update(state=CampaignState.SCHEDULED, starts_at=NOW + dt.timedelta(days=1))
    for name in ("Ruth", "Noam"):
        invited(campaign, a_guest(campaign.event, name), State.QUEUED)
    campaign.refresh_from_db()
    return campaign


def send(browser: Client, template: MessageTemplate, starts: str):  # type: ignore[no-untyped-def]
    asked = {"template": template.pk, "all": 1, "starts": starts}
    page = browser.get(SEND, asked).content.decode()
    hidden = dict(re.findall(r'name="(fingerprint|latest|confirmed)" value="(\w+)"', page))
    return page, browser.post(SEND, asked | {"confirmed": 2} | hidden)


def test_it_waits_for_the_time_on_the_events_clock(
    browser: Client, two: list[Guest], template: MessageTemplate
) -> None:
    page, answer = send(browser, template, "2027-03-02T10:00")
    assert 'name="starts" value="2027-03-02T10:00"' in page and "tomorrow 10:00" in page
    assert "On the clock of Asia/Jerusalem" in page
    assert answer.status_code == 302
    made = Campaign.objects.get()
    assert made.state == CampaignState.SCHEDULED
    assert made.starts_at == dt.datetime(2027, 3, 2, 8, tzinfo=dt.UTC)
    assert "2 invitations leave from tomorrow 10:00 on." in browser.get(answer["Location"]).content.decode()


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("2027-02-28T10:00", "This time has passed"),
        ("2029-02-28T10:00", "more than a year away"),
        ("soon", "time"),
    ],
)
def test_a_time_that_can_not_be_is_said_beside_the_field(
    browser: Client, two: list[Guest], template: MessageTemplate, typed: str, sentence: str
) -> None:
    page, answer = send(browser, template, typed)
    for text in (page, answer.content.decode()):
        assert f'name="starts" value="{typed}"' in text
        assert sentence in re.search(r'id="starts-hint">(.*?)</p>', text, re.S)[1]
    assert answer.status_code == 422
    assert not Invitation.objects.exists()


def test_a_send_in_the_quiet_hours_says_when_it_leaves(
    browser: Client, event: Event, two: list[Guest], template: MessageTemplate
) -> None:
    EventSending.objects.create(event=event, quiet_from=dt.time(13), quiet_until=dt.time(16))
    page, answer = send(browser, template, "")
    assert "16:00" in page and "after the quiet hours" in page
    assert "when the quiet hours are over, 16:00" in browser.get(answer["Location"]).content.decode()
    assert Campaign.objects.get().quiet_until == dt.datetime(2027, 3, 1, 14, tzinfo=dt.UTC)


def test_the_page_of_one_that_waits_offers_another_time(browser: Client, scheduled: Campaign) -> None:
    address = f"/e/maya-arjun/campaigns/{scheduled.pk}"
    page = browser.get(address).content.decode()
    assert 'value="2027-03-02T13:30"' in page and "Start now" in page
    browser.post(f"{address}/time", {"starts": "2027-03-03T09:00"})
    scheduled.refresh_from_db()
    assert scheduled.starts_at == dt.datetime(2027, 3, 3, 7, tzinfo=dt.UTC)
    browser.post(f"{address}/start")
    scheduled.refresh_from_db()
    assert scheduled.state == CampaignState.RUNNING


def test_a_wrong_new_time_changes_nothing(browser: Client, scheduled: Campaign) -> None:
    address = f"/e/maya-arjun/campaigns/{scheduled.pk}"
    answer = browser.post(f"{address}/time", {"starts": "2026-03-03T09:00"}, follow=True)
    assert "This time has passed" in answer.content.decode()
    before = scheduled.starts_at
    scheduled.refresh_from_db()
    assert scheduled.starts_at == before


@pytest.mark.parametrize("action", ["start", "time"])
def test_a_stale_page_is_told_that_it_was_cancelled(
    browser: Client, scheduled: Campaign, action: str
) -> None:
    campaigns.cancel(scheduled)
    address = f"/e/maya-arjun/campaigns/{scheduled.pk}/{action}"
    answer = browser.post(address, {"starts": "2027-03-03T09:00"}, follow=True)
    assert "started or cancelled meanwhile" in answer.content.decode()
    scheduled.refresh_from_db()
    assert scheduled.state not in (CampaignState.SCHEDULED, CampaignState.RUNNING)


def test_the_list_tells_when_it_starts_and_follows(
    browser: Client, event: Event, scheduled: Campaign
) -> None:
    page = browser.get("/e/maya-arjun/campaigns").content.decode()
    assert "Starts tomorrow 13:30" in page and "2 chosen" in page
    live = CampaignListFrames(event)
    assert "Starts tomorrow 13:30" in live.draw(None)
    frames.shared.clear()
    assert 'id="campaigns"' not in live.draw(None)
    Campaign.objects.update(state=CampaignState.RUNNING)
    frames.shared.clear()
    assert "Sending" in live.draw(None)


def test_one_that_was_cancelled_before_its_time_never_started(browser: Client, scheduled: Campaign) -> None:
    campaigns.cancel(scheduled)
    page = browser.get(f"/e/maya-arjun/campaigns/{scheduled.pk}").content.decode()
    assert "<b>Started</b>" not in page and "Confirmed" in page


def test_a_time_in_the_quiet_hours_is_told_as_it_will_be(
    browser: Client, event: Event, two: list[Guest], template: MessageTemplate
) -> None:
    EventSending.objects.create(event=event, quiet_from=dt.time(21), quiet_until=dt.time(9))
    _, answer = send(browser, template, "2027-03-02T23:00")
    assert "leave from 3 Mar 09:00 on." in browser.get(answer["Location"]).content.decode()
    assert "Starts 3 Mar 09:00" in browser.get("/e/maya-arjun/campaigns").content.decode()


def test_what_runs_stands_before_what_waits_for_its_time(
    browser: Client, event: Event, campaign: Campaign, scheduled: Campaign
) -> None:
    for name in ("A", "B", "C"):
        Campaign.objects.create(
            event=event, sender=campaign.sender, template=campaign.template, name=name, audience=0,
            state=CampaignState.SCHEDULED, starts_at=NOW + dt.timedelta(days=2),
        )  # fmt: skip
    Campaign.objects.filter(pk=scheduled.pk).update(state=CampaignState.RUNNING)
    assert [one.campaign.pk for one in frames.on_the_way(event)][0] == scheduled.pk


def test_nothing_is_sent_by_an_old_choice_while_a_new_one_is_checked(
    browser: Client, two: list[Guest], template: MessageTemplate
) -> None:
    page = browser.get(SEND, {"template": template.pk, "all": 1}).content.decode()
    choose = re.search(r'<form[^>]*id="choose"[^>]*>', page)[0]
    assert 'hx-disabled-elt="#confirm-send, #confirm-send-2"' in choose
