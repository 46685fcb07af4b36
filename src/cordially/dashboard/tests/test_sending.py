from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.test import AsyncClient, Client
from django.utils import timezone
from tests.people import approved

from cordially.dashboard import frames
from cordially.dashboard.frames import GuestFrames
from cordially.dashboard.guestlist import Filter
from cordially.delivery import wake as waking
from cordially.events.models import Event
from cordially.guests.models import Guest
from cordially.invitations import library, senders
from cordially.invitations.lifecycle import State
from cordially.invitations.models import (
    Campaign,
    CampaignState,
    Invitation,
    MessageTemplate,
    Review,
    Sender,
    SenderState,
    TemplateVersion,
)
from cordially.invitations.senders import known_sender
from cordially.templating.components import Components

from .conftest import a_guest, invited

SEND = "/e/maya-arjun/send"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def wakes() -> Iterator[list[bool]]:
    heard: list[bool] = []

    def listener() -> None:
        heard.append(True)

    waking.listen(listener)
    yield heard
    waking.unlisten(listener)


@pytest.fixture
def three(event: Event, template: MessageTemplate) -> list[Guest]:
    return [a_guest(event, name) for name in ("Ruth", "Noam", "Priya")]


def look(browser: Client, template: MessageTemplate, **asked: object) -> str:
    return browser.get(SEND, {"template": template.pk, **asked}).content.decode()


def test_the_page_shows_the_message_filled_in(
    browser: Client, three: list[Guest], template: MessageTemplate
) -> None:
    page = look(browser, template, id=three[1].pk)
    assert "Dear <mark>Noam</mark>, come to <b><mark>Maya &amp; Arjun</mark></b>!" in page
    assert "Invite <bdi>Noam</bdi>" in page and "Send 1 invitation" in page
    assert not Invitation.objects.exists()


def test_it_steps_through_the_guests(browser: Client, three: list[Guest], template: MessageTemplate) -> None:
    page = look(browser, template, all=1, at=2)
    assert "Dear <mark>Noam</mark>" in page and "2 of 3" in page
    step = browser.get(f"{SEND}/preview", {"template": template.pk, "all": 1, "at": 3}).content.decode()
    assert "Dear <mark>Priya</mark>" in step and "3 of 3" in step and "<html" not in step


def test_it_says_who_is_left_out_and_why(
    browser: Client, event: Event, three: list[Guest], template: MessageTemplate
) -> None:
    a_guest(event, "Eileen", "")
    page = look(browser, template, all=1)
    assert "3 of 4 are ready to go" in page and "3 + 1 = 4 chosen" in page
    assert "1 guest has no number" in page and "Eileen" in page
    assert page.count("/r/") == 1, "a link is handed on for her whom no message reaches, and for her alone"


def test_it_tells_time_and_cost(
    browser: Client, event: Event, three: list[Guest], template: MessageTemplate, sender: Sender
) -> None:
    Sender.objects.filter(pk=sender.pk).update(per_second=1, per_day=2)
    page = look(browser, template, all=1)
    assert "<td>Israel</td>" in page and "Together" in page and "$" in page
    assert "2 of 2 people today" in page and "2 today, 1 tomorrow" in page


def test_a_template_that_was_put_away_is_not_replaced_by_another(
    browser: Client, three: list[Guest], template: MessageTemplate
) -> None:
    library.archive(template)
    assert browser.get(SEND, {"template": template.pk}).status_code == 404
    assert confirm(browser, template, 3, all=1).status_code == 404
    assert not Invitation.objects.exists()


def test_a_text_that_changed_since_it_was_read_asks_again(
    browser: Client, event: Event, three: list[Guest], template: MessageTemplate
) -> None:
    page = look(browser, template, all=1)
    print_ = re.search(r'name="fingerprint" value="(\w+)"', page)[1]
    Guest.objects.filter(name="Noam").update(name="Noam L.")
    answer = confirm(browser, template, 3, all=1, fingerprint=print_)
    assert answer.status_code == 409 and "not the same messages" in answer.content.decode()
    fresh = re.search(r'name="fingerprint" value="(\w+)"', answer.content.decode())[1]
    assert confirm(browser, template, 3, all=1, fingerprint=fresh)["HX-Redirect"]


def test_hostile_names_stay_text(browser: Client, event: Event, template: MessageTemplate) -> None:
    name = '<script>alert(1)</script>" onload=x *bold*'
    a_guest(event, name)
    a_guest(event, name + "2", "")
    page = look(browser, template, all=1)
    assert "<script>alert" not in page and "&lt;script&gt;alert(1)" in page


@pytest.mark.django_db(transaction=True)
async def test_a_long_list_is_checked_while_a_bar_moves(
    browser: Client, event: Event, template: MessageTemplate, host: User
) -> None:
    def many() -> None:
        Guest.objects.bulk_create(
            Guest(event=event, name=f"G{n}", name_key=f"g{n}", phone=f"+97250{n:07}") for n in range(2500)
        )

    await sync_to_async(many)()
    asked = {"all": 1, "template": template.pk}
    page = (await sync_to_async(browser.get)(SEND, asked)).content.decode()
    assert 'data-check="/e/maya-arjun/send/check?' in page and 'max="2500"' in page
    assert "Send 2,500" not in page, "nothing can be confirmed before it was checked"
    line = AsyncClient()
    assert (await line.get(f"{SEND}/check", asked)).status_code == 401
    await line.aforce_login(host)
    answer = await line.get(f"{SEND}/check", asked)
    events = b"".join([piece async for piece in answer.streaming_content]).decode()
    assert events.endswith("\n\n") and events.count("event: result\n") == 1
    assert "Send 2,500 invitations" in events and "All 2,500 are ready to go" in events


async def result(browser: Client, host: User, address: str) -> str:
    """The pieces that the line of a page puts in the bar's place."""
    page = (await sync_to_async(browser.get)(address)).content.decode()
    line = AsyncClient()
    await line.aforce_login(host)
    answer = await line.get(html.unescape(re.search(r'data-check="([^"]+)"', page)[1]))
    return b"".join([piece async for piece in answer.streaming_content]).decode()


@pytest.mark.django_db(transaction=True)
async def test_a_long_list_shows_all_of_a_finding_and_the_guest_that_was_asked_for(
    browser: Client, event: Event, template: MessageTemplate, host: User
) -> None:
    def many() -> None:
        Guest.objects.bulk_create(
            Guest(
                event=event,
                name=f"G{n}",
                name_key=f"g{n}",
                phone="",
                phone_problem="no_phone",
                phone_note="No.",
            )
            for n in range(2500)
        )
        a_guest(event, "Ruth")
        a_guest(event, "Noam")

    await sync_to_async(many)()
    address = f"{SEND}?all=1&template={template.pk}&back=/e/maya-arjun/%3Fpage%3D2"
    few = await result(browser, host, address)
    assert few.count("<li><bdi>G") == 200 and "and 2,300 more" in few
    link = html.unescape(re.search(r'href="(\?[^"]*show_all=[^"]*)#', few)[1])
    assert "back=%2Fe%2Fmaya-arjun%2F%3Fpage%3D2" in link
    everybody = await result(browser, host, SEND + link + "&at=2")
    assert everybody.count("<li><bdi>G") == 2500 and "more</span>" not in everybody
    assert "Dear <mark>Noam</mark>" in everybody


def test_without_script_every_link_of_a_long_list_still_checks_it_whole(
    browser: Client, event: Event, three: list[Guest], template: MessageTemplate
) -> None:
    page = look(browser, template, all=1, whole=1, back="/e/maya-arjun/?page=2")
    on = html.unescape(re.search(r'href="(\?[^"]*at=2)#preview"', page)[1])
    assert "whole=1" in on and "back=" in on


def test_nothing_chosen_means_everybody_who_had_none(
    browser: Client, event: Event, campaign: Campaign, three: list[Guest]
) -> None:
    invited(campaign, three[0], State.READ)
    assert "All 2 are ready to go" in browser.get(SEND).content.decode()


def test_nothing_chosen_leaves_nobody_out_unseen(
    browser: Client, event: Event, campaign: Campaign, three: list[Guest]
) -> None:
    a_guest(event, "Eileen", "")
    invited(campaign, three[0], State.FAILED)
    page = browser.get(SEND).content.decode()
    assert "2 + 1 = 3 chosen" in page and "1 guest has no number" in page
    assert f'href="/e/maya-arjun/guests/{Guest.objects.get(name="Eileen").pk}"' in page


def test_nothing_chosen_for_a_reminder_means_everybody_who_had_none_of_it(
    browser: Client, event: Event, campaign: Campaign, three: list[Guest], template: MessageTemplate
) -> None:
    for guest in three:
        invited(campaign, guest, State.READ)
    page = browser.get(SEND).content.decode()
    assert "Nobody is left to invite" in page and "Everybody was invited already" in page
    assert "Write again to the 3 who had it already" in page
    page = browser.get(SEND, {"purpose": "reminder"}).content.decode()
    assert "Send a reminder" in page and "All 3 are ready to go" in page and "Send 3 messages" in page
    confirm(browser, template, 3, purpose="reminder")
    assert Campaign.objects.latest("pk").invitations.filter(state=State.QUEUED).count() == 3
    # under way: none of them may get one more, whatever the purpose
    page = browser.get(SEND, {"purpose": "reminder"}).content.decode()
    assert "Nobody is left to write to" in page


def test_after_the_last_was_invited_one_is_written_to_again_on_a_tick(
    browser: Client, campaign: Campaign, three: list[Guest]
) -> None:
    for guest in three:
        invited(campaign, guest, State.READ)
    assert "All 3 are ready to go" in browser.get(SEND, {"again": 1}).content.decode()


def test_a_missing_place_is_one_sentence_and_no_list_of_everybody(
    browser: Client, event: Event, three: list[Guest], sender: Sender
) -> None:
    Event.objects.update(venue="")
    placed = approved("place", {"en": "Come to {{event_location}}, please."}, sender.account)
    page = look(browser, placed, all=1)
    assert "Everybody is left out" in page and "names the place, and this event has none yet" in page
    assert "{{event_location}}" in page and "write a fallback" in page
    assert "Ruth" not in page.split('class="split')[1].split("<aside")[0]


def test_a_message_that_would_come_after_the_event_is_warned_of(
    browser: Client, event: Event, three: list[Guest], template: MessageTemplate
) -> None:
    assert 'id="late"' not in look(browser, template, all=1)
    Event.objects.update(starts_at=timezone.now())
    assert "The last of them would leave when the event has begun" in look(browser, template, all=1)


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (Review.PAUSED, "paused “invitation”: “Too many blocks”. It goes on by itself after some hours"),
        (Review.DISABLED, "disabled “invitation”: “Too many blocks”. It can’t be sent any more"),
        (Review.REJECTED, "rejected “invitation”: “Too many blocks”. Mend the text and ask again"),
        (Review.UNSUBMITTED, "“invitation” was not handed in to WhatsApp yet"),
    ],
)
def test_a_text_that_can_not_be_sent_says_what_helps(
    browser: Client, three: list[Guest], template: MessageTemplate, state: Review, sentence: str
) -> None:
    TemplateVersion.objects.update(state=state, reason="Too many blocks.")
    page = look(browser, template, all=1)
    assert sentence in page
    assert "Ruth" not in page.split('class="split')[1].split("<aside")[0]


def test_what_changed_gets_the_focus(
    browser: Client, event: Event, three: list[Guest], template: MessageTemplate
) -> None:
    page = confirm(browser, template, 2, all=1).content.decode()
    assert re.search(r'<div class="notice[^>]*role="alert" tabindex="-1" autofocus>', page)


def confirm(browser: Client, template: MessageTemplate, number: int, **fields: object) -> object:
    return browser.post(SEND, {"template": template.pk, "confirmed": number, **fields}, headers=HTMX)


def test_confirming_queues_exactly_those(
    browser: Client, event: Event, three: list[Guest], template: MessageTemplate, wakes: list[bool]
) -> None:
    answer = confirm(browser, template, 2, id=[three[0].pk, three[2].pk], back="/e/maya-arjun/guests?page=2")
    assert answer["HX-Redirect"] == "/e/maya-arjun/guests?page=2"
    queued = Invitation.objects.filter(state=State.QUEUED)
    assert {invitation.guest_id for invitation in queued} == {three[0].pk, three[2].pk}
    assert Campaign.objects.get().created_by.username == "hadar"
    assert wakes


def test_everybody_who_matches_is_the_filter_not_the_ids(
    browser: Client, event: Event, three: list[Guest], template: MessageTemplate
) -> None:
    confirm(browser, template, 1, all=1, q="pri", id=[three[0].pk])
    assert [invitation.guest.name for invitation in Invitation.objects.all()] == ["Priya"]


def test_a_changed_list_asks_again(
    browser: Client, event: Event, three: list[Guest], template: MessageTemplate
) -> None:
    a_guest(event, "Farah")
    answer = confirm(browser, template, 3, all=1)
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "The list changed while you read: 4 now, not 3. Look again, then send 4." in page
    assert 'name="confirmed" value="4"' in page
    assert not Invitation.objects.exists() and not Campaign.objects.exists()


def test_a_template_that_twilio_does_not_know_is_said(browser: Client, three: list[Guest]) -> None:
    unknown = library.create("Unknown", {"en": Components("Hello {{guest_name}}, come!")})
    answer = confirm(browser, unknown, 3, all=1)
    assert answer.status_code == 422 and "was not handed in to WhatsApp yet" in answer.content.decode()
    assert not Campaign.objects.exists()


def test_who_had_one_is_written_to_again_only_when_the_host_ticks_it(
    browser: Client, campaign: Campaign, three: list[Guest], template: MessageTemplate
) -> None:
    for guest in three[:2]:
        invited(campaign, guest, State.DELIVERED)
    page = browser.get(SEND, {"all": 1}, headers=HTMX).content.decode()
    assert "1 of 3 is ready to go" in page and "2 had this message already" in page
    assert "Write again to the 2 who had it already" in page
    assert confirm(browser, template, 3, all=1).status_code == 409
    page = browser.get(SEND, {"all": 1, "again": 1}, headers=HTMX).content.decode()
    assert "All 3 are ready to go" in page and '<input type="hidden" name="again" value="1">' in page
    confirm(browser, template, 3, all=1, again=1)
    assert Invitation.objects.filter(state=State.QUEUED).count() == 3


def test_a_reminder_goes_to_those_who_were_invited(
    browser: Client, campaign: Campaign, three: list[Guest], template: MessageTemplate
) -> None:
    invited(campaign, three[0], State.READ)
    page = browser.get(SEND, {"all": 1, "purpose": "reminder"}, headers=HTMX).content.decode()
    assert "All 3 are ready to go" in page and 'value="reminder" selected' in page
    confirm(browser, template, 3, all=1, purpose="reminder")
    assert Campaign.objects.latest("pk").purpose == "reminder"
    assert (
        "None of the 3" in browser.get(SEND, {"all": 1, "purpose": "reminder"}, headers=HTMX).content.decode()
    )


def test_a_second_press_sends_nothing_twice(
    browser: Client, three: list[Guest], template: MessageTemplate
) -> None:
    confirm(browser, template, 3, all=1)
    assert confirm(browser, template, 3, all=1).status_code == 409
    assert Invitation.objects.count() == 3


def test_it_never_returns_to_a_foreign_page(
    browser: Client, three: list[Guest], template: MessageTemplate
) -> None:
    assert (
        confirm(browser, template, 3, all=1, back="//evil.example/")["HX-Redirect"] == "/e/maya-arjun/guests"
    )
    for evil in ("//evil.example/", "https://evil.example/", "javascript:alert(1)"):
        assert evil not in look(browser, template, all=1, back=evil).replace("&amp;", "&")


def test_guests_of_another_event_are_out_of_reach(
    browser: Client, event: Event, template: MessageTemplate
) -> None:
    other = Event.objects.create(slug="other", name="Other", starts_at=event.starts_at, timezone="UTC")
    stranger = a_guest(other)
    confirm(browser, template, 1, id=[stranger.pk])
    assert not Invitation.objects.exists()


@pytest.fixture
def running(event: Event, campaign: Campaign) -> Campaign:
    for state in (State.QUEUED, State.QUEUED, State.SENDING, State.FAILED):
        invited(campaign, a_guest(event, state.value), state)
    return campaign


def act(browser: Client, campaign: Campaign, what: str, **fields: object) -> object:
    return browser.post(f"/e/maya-arjun/campaigns/{campaign.pk}/{what}", fields)


def test_pause_and_resume(browser: Client, running: Campaign, wakes: list[bool]) -> None:
    act(browser, running, "pause")
    running.refresh_from_db()
    assert running.state == CampaignState.PAUSED
    act(browser, running, "resume")
    running.refresh_from_db()
    assert running.state == CampaignState.RUNNING and wakes


def test_cancelling_asks_with_the_number(browser: Client, running: Campaign) -> None:
    page = browser.get(f"/e/maya-arjun/campaigns/{running.pk}/cancel", headers=HTMX).content.decode()
    assert "Cancel the other 2?" in page and "Cancel 2 invitations" in page and "Keep sending" in page
    assert Invitation.objects.filter(state=State.CANCELLED).count() == 0
    act(browser, running, "cancel")
    assert Invitation.objects.filter(state=State.CANCELLED).count() == 2


def test_one_failed_is_tried_again(browser: Client, running: Campaign, wakes: list[bool]) -> None:
    failed = Invitation.objects.get(state=State.FAILED)
    answer = browser.post(
        "/e/maya-arjun/retry", {"id": failed.pk, "back": "/e/maya-arjun/guests?show=failed"}
    )
    assert answer["Location"] == "/e/maya-arjun/guests?show=failed"
    failed.refresh_from_db()
    assert failed.state == State.QUEUED and wakes


def test_all_failed_of_a_campaign_are_tried_again(browser: Client, running: Campaign) -> None:
    page = browser.get(f"/e/maya-arjun/campaigns/{running.pk}/retry", headers=HTMX).content.decode()
    assert "Try 1 again" in page
    browser.post("/e/maya-arjun/retry", {"campaign": running.pk})
    assert not Invitation.objects.filter(state=State.FAILED).exists()


def test_a_stopped_sender_says_why_and_goes_on_when_mended(
    browser: Client, running: Campaign, sender: Sender
) -> None:
    Sender.objects.update(
        state=SenderState.PAUSED,
        paused_at=running.created_at,
        paused_code=20003,
        paused_reason="Twilio refused the password.",
    )
    page = browser.get("/e/maya-arjun/guests").content.decode()
    assert "Twilio refused the password. (20003)" in page and "Nobody failed: 2 wait." in page
    browser.post(f"/e/maya-arjun/sender/{sender.pk}/resume")
    sender.refresh_from_db()
    assert sender.state == SenderState.ACTIVE


@pytest.mark.parametrize(("asked", "kept"), [("5", 5), ("400", 400), ("0", 80), ("9999", 80), ("x", 80)])
def test_the_speed_can_be_set(
    browser: Client, running: Campaign, sender: Sender, asked: str, kept: int
) -> None:
    act(browser, running, "speed", per_second=asked)
    sender.refresh_from_db()
    assert sender.per_second == kept


@pytest.mark.parametrize("what", ["pause", "resume", "speed"])
def test_acting_needs_a_press(browser: Client, running: Campaign, what: str) -> None:
    assert browser.get(f"/e/maya-arjun/campaigns/{running.pk}/{what}").status_code == 405


def test_the_progress_stands_above_the_list(browser: Client, running: Campaign) -> None:
    page = browser.get("/e/maya-arjun/guests").content.decode()
    card = page.split('id="progress"')[1].split("</section>")[0]
    assert "Late additions" in card
    terms = [int(n) for n in re.findall(r'<b data-fig(?:="\w+")?>(\d+)<', card)]
    assert terms[0] == sum(terms[1:]) == 4


@pytest.fixture
def a_former_sender(db: None) -> Sender:
    """From the days of practice; it comes first in the table."""
    return Sender.objects.create(account="AC" + "f" * 32, phone="+15550100999", name="Practice")


def test_pages_show_the_sender_in_use_and_make_none(
    a_former_sender: Sender, browser: Client, event: Event, settings: Any
) -> None:
    frames.shared.clear()
    assert known_sender() is None
    assert browser.get("/e/maya-arjun/send").status_code == 200
    assert Sender.objects.count() == 1
    mine = senders.current_sender()
    Sender.objects.filter(pk=a_former_sender.pk).update(state=SenderState.PAUSED, paused_at=timezone.now())
    page = browser.get("/e/maya-arjun/send").content.decode()
    assert "Sender stopped" not in page and "555-010-0999" not in page
    assert known_sender() == mine
    live_page = GuestFrames(event, Filter(), [])
    assert "Sender stopped" not in live_page.draw(None)
    settings.USE_SIMULATOR, settings.TWILIO_WHATSAPP_FROM = False, "nonsense"
    assert known_sender() is None
