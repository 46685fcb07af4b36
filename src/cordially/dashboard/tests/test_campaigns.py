from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from cordially.events.models import Event
from cordially.invitations.lifecycle import State
from cordially.invitations.models import Campaign, CampaignState

from .conftest import a_guest, invited


def test_the_list_shows_each_with_its_bar(browser: Client, event: Event, campaign: Campaign) -> None:
    invited(campaign, a_guest(event), State.READ)
    page = browser.get("/e/maya-arjun/campaigns").content.decode()
    assert "Late additions" in page and 'aria-label="1 read"' in page and "Hadar" in page


def test_no_campaign_says_how_to_begin(browser: Client, event: Event) -> None:
    assert "Nothing has been sent yet" in browser.get("/e/maya-arjun/campaigns").content.decode()


@pytest.mark.parametrize("state", list(State))
def test_a_campaign_tells_the_story_of_each_state(
    browser: Client, event: Event, campaign: Campaign, state: State
) -> None:
    invited(campaign, a_guest(event, "Sunita Deshpande"), state)
    page = browser.get(f"/e/maya-arjun/campaigns/{campaign.pk}").content.decode()
    assert "Sunita Deshpande" in page and f"pill tone-{state.value}" in page
    assert (
        "Sunita Deshpande"
        in browser.get(f"/e/maya-arjun/campaigns/{campaign.pk}?state={state.value}").content.decode()
    )


def test_a_finished_one_has_nothing_to_press(browser: Client, event: Event, campaign: Campaign) -> None:
    invited(campaign, a_guest(event), State.READ)
    Campaign.objects.update(state=CampaignState.FINISHED, finished_at=timezone.now())
    page = browser.get(f"/e/maya-arjun/campaigns/{campaign.pk}").content.decode()
    assert "Finished" in page and "Pause" not in page and "Cancel the rest" not in page


def test_a_campaign_of_another_event_is_not_found(browser: Client, event: Event, campaign: Campaign) -> None:
    Event.objects.create(slug="other", name="Other", starts_at=event.starts_at, timezone="UTC")
    assert browser.get(f"/e/other/campaigns/{campaign.pk}").status_code == 404
    assert browser.post(f"/e/other/campaigns/{campaign.pk}/pause").status_code == 404


def test_the_events_are_counted(browser: Client, event: Event, campaign: Campaign) -> None:
    invited(campaign, a_guest(event), State.READ)
    Campaign.objects.update(state=CampaignState.FINISHED, finished_at=timezone.now())
    page = browser.get("/").content.decode()
    assert "Maya &amp; Arjun" in page and "<b>1</b>invited" in page and "1 has not answered" in page
    assert "Thursday 6 May 2027, 18:30" in page


def test_a_campaign_that_was_started_in_the_shell_names_nobody(
    browser: Client, event: Event, campaign: Campaign
) -> None:
    page = f"/e/{event.slug}/campaigns/{campaign.pk}"
    assert "Started by hadar at" in browser.get(page).content.decode().replace("Hadar", "hadar")
    Campaign.objects.update(created_by=None)
    assert "Started at <time>" in browser.get(page).content.decode()
