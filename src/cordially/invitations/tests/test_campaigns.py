"""What the host does with a list: count, start, pause, cancel, try again."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.people import (
    ACCOUNT,
    NOW,
    a_campaign,
    a_guest,
    a_sender,
    a_template,
    an_event,
    approved,
    later,
    some_guests,
)

from cordially.guests.models import Guest
from cordially.invitations import campaigns, flightcheck, ledger, library
from cordially.invitations.lifecycle import State
from cordially.invitations.models import (
    Campaign,
    CampaignState,
    Invitation,
    MessageTemplate,
    Source,
    StatusEvent,
    TemplateText,
)
from cordially.invitations.news import News

pytestmark = pytest.mark.django_db


def everyone(event):
    return Guest.objects.filter(event=event)


def states(campaign: Campaign) -> dict[str, int]:
    return {state.value: count for state, count in campaigns.counts(campaign).items() if count}


def current(guest: Guest) -> Invitation:
    return Invitation.objects.get(guest=guest, is_current=True)


def left_out(campaign: Campaign) -> dict[str, str]:
    rows = Invitation.objects.filter(campaign=campaign, state=State.SKIPPED)
    return dict(rows.values_list("guest__name", "reason"))


def settle(campaign: Campaign, state: State, **given: object) -> list[Invitation]:
    """Claim everything and hear the same of each."""
    sender = campaign.sender
    ledger.take_lease(sender.pk, "me", 10**6, NOW)
    found = ledger.tick(sender.pk, "me", limit=500, seconds=10**6, now=NOW).claims
    if state == State.FAILED:
        given = {"reason": "Not on WhatsApp.", "error_class": "guest", "code": 63024} | given
    ledger.record([News(state, later(1), Source.ENGINE, claim.attempt, **given) for claim in found])
    return list(Invitation.objects.filter(campaign=campaign))


# Starting


def check(guests: QuerySet[Guest], template: MessageTemplate, **given: object) -> flightcheck.Report:
    return flightcheck.check(guests[0].event, guests, template, account=ACCOUNT, **given)


def test_pressing_send_freezes_the_audience(event, sender, template):
    people = some_guests(event, 3)
    campaign = campaigns.start_campaign(event, everyone(event), template=template, sender=sender, now=NOW)
    some_guests(event, 2)
    Guest.objects.filter(pk=people[0].pk).update(phone="+972509999999")
    assert (campaign.audience, states(campaign)) == (3, {"queued": 3})
    assert current(people[0]).phone == people[0].phone
    assert (
        StatusEvent.objects.filter(invitation__campaign=campaign, status="queued", source="host").count() == 3
    )


def test_what_was_confirmed_is_kept_as_it_was(event, sender, template):
    some_guests(event, 1)
    campaign = campaigns.start_campaign(event, everyone(event), template=template, sender=sender, now=NOW)
    confirmed = template.texts.get().body
    TemplateText.objects.filter(template=template).update(body="Something else")
    (text,) = campaign.texts.all()
    assert (text.language, text.body) == ("en", confirmed)
    assert text.variables == ["guest_name", "event_name", "rsvp_link"]
    assert campaign.invitations.get().text == text.key
    assert campaign.name == "Invitations of 22 November, 11:00"


def test_everyone_who_is_left_out_is_told_of_with_the_reason(event, sender):
    event.fields = {"dress": "black tie"}
    event.save()
    a_guest(event, "Fine", fields={"table": "12"})
    a_guest(event, "No number", phone="", phone_note="“05O-1234567” has a letter in it.")
    a_guest(event, "No number, no note", phone="", phone_note="")
    a_guest(event, "Opted out", opted_out_at=NOW, fields={"table": "12"})
    a_guest(event, "No table", fields={"table": " \n"})
    invited = a_guest(event, "Invited", fields={"table": "12"})
    a_campaign([invited], sender)
    campaign = a_campaign(
        list(everyone(event)), sender, a_template("Dear {{guest_name}}, table {{table}}, {{dress}}")
    )
    assert left_out(campaign) == {
        "No number": "“05O-1234567” has a letter in it.",
        "No number, no note": "There is no number that a message can go to.",
        "Opted out": "Asked not to be written to.",
        "No table": "No value for “table” in this guest’s message.",
        "Invited": "Already invited.",
    }
    assert states(campaign) == {"queued": 1, "skipped": 5}
    assert campaign.audience == 6


def test_who_is_already_invited_keeps_that_invitation(event, sender):
    guest, other = some_guests(event, 2)
    first = a_campaign([guest], sender)
    a_campaign([guest, other], sender)
    assert current(guest).campaign == first


def test_a_list_that_changed_since_it_was_confirmed_sends_nothing(event, sender, template):
    some_guests(event, 3)
    with pytest.raises(campaigns.AudienceChanged, match="3 can be invited now") as changed:
        campaigns.start_campaign(event, everyone(event), template=template, sender=sender, confirmed=2)
    assert changed.value.ready == 3
    assert not Campaign.objects.exists() and not Invitation.objects.exists()
    assert not StatusEvent.objects.exists()


def test_a_second_press_on_send_finds_that_nobody_is_left(event, sender, template):
    some_guests(event, 3)
    press = {"template": template, "sender": sender, "confirmed": 3}
    campaigns.start_campaign(event, everyone(event), **press)
    with pytest.raises(campaigns.AudienceChanged):
        campaigns.start_campaign(event, everyone(event), **press)
    with pytest.raises(campaigns.CantStart, match="Nobody"):
        campaigns.start_campaign(event, everyone(event), template=template, sender=sender)
    assert Invitation.objects.count() == 3


def test_a_message_that_names_the_place_waits_until_there_is_one(sender):
    event = an_event(venue=" ")
    some_guests(event, 1)
    template = a_template("Come to {{event_location}}")
    with pytest.raises(campaigns.CantStart, match="names the place"):
        campaigns.start_campaign(event, everyone(event), template=template, sender=sender)
    assert "this event has none yet" in check(everyone(event), template).problem


def test_only_those_who_would_read_of_a_missing_place_wait_for_it(sender):
    event = an_event(venue="")
    a_guest(event, "Ruth", language="en")
    a_guest(event, "Noam", language="he")
    template = approved(
        "two", {"en": "Come to {{event_location}}, please", "he": "Come, {{guest_name}}!"}, ACCOUNT
    )
    campaign = campaigns.start_campaign(event, everyone(event), template=template, sender=sender)
    assert states(campaign) == {"queued": 1, "skipped": 1}
    assert left_out(campaign) == {"Ruth": "No value for “event_location” in this guest’s message."}


def test_a_template_that_was_put_away_is_not_sent(event, sender, template):
    some_guests(event, 1)
    library.archive(template)
    with pytest.raises(campaigns.CantStart, match="was put away"):
        campaigns.start_campaign(event, everyone(event), template=template, sender=sender)


def test_who_is_chosen_as_not_invited_yet_reads_the_text_of_their_language(event, sender):
    a_guest(event, "Ruth", language="he")
    a_guest(event, "Ann", language="en")
    template = approved("two", {"en": "Come, {{guest_name}}!", "he": "Please come, {{guest_name}}!"}, ACCOUNT)
    # nobody is chosen by this any more as soon as they are queued
    chosen = Guest.objects.filter(event=event, invitations=None)
    campaign = campaigns.start_campaign(event, chosen, template=template, sender=sender)
    assert dict(campaign.invitations.values_list("guest__name", "text")) == {"Ruth": "he", "Ann": "en"}
    assert set(campaign.texts.values_list("key", flat=True)) == {"en", "he"}


def test_every_text_that_somebody_may_read_is_kept_with_the_campaign(event, sender):
    a_guest(event, "Ruth", language="en")
    a_guest(event, "Noam", "", language="he")
    template = approved("two", {"en": "Come, {{guest_name}}!", "he": "Please come, {{guest_name}}!"}, ACCOUNT)
    campaign = campaigns.start_campaign(event, everyone(event), template=template, sender=sender)
    named = set(campaign.invitations.values_list("text", flat=True))
    assert named == set(campaign.texts.values_list("key", flat=True)) == {"en", "he"}


def test_a_template_that_twilio_does_not_know_cannot_be_sent(event, template, settings):
    settings.PUBLIC_URL = "https://invite.example.com"
    some_guests(event, 1)
    with pytest.raises(campaigns.CantStart, match="was not handed in to WhatsApp yet"):
        campaigns.start_campaign(event, everyone(event), template=template, sender=a_sender(account="AC0"))


def test_guests_of_another_event_are_never_written_to(event, sender, template):
    stranger = a_guest(an_event())
    mine = a_guest(event)
    campaign = campaigns.start_campaign(event, Guest.objects.all(), template=template, sender=sender)
    assert [row.guest for row in campaign.invitations.all()] == [mine]
    assert not Invitation.objects.filter(guest=stranger).exists()


def test_a_new_campaign_takes_over_from_invitations_that_failed(event, sender):
    failed, fine = some_guests(event, 2)
    settle(a_campaign([failed], sender), State.FAILED)
    settle(a_campaign([fine], sender), State.ACCEPTED)
    second = a_campaign([failed, fine], sender)
    assert states(second) == {"queued": 1, "skipped": 1}
    assert current(failed).campaign == second
    assert current(fine).campaign != second
    counted = campaigns.event_counts(event)
    assert (counted[State.QUEUED], counted[State.ACCEPTED], sum(counted.values())) == (1, 1, 2)


def test_whoever_was_left_out_for_want_of_a_number_can_be_invited_once_there_is_one(event, sender):
    late, other = a_guest(event, "Late", phone=""), a_guest(event)
    a_campaign([late, other], sender)
    Guest.objects.filter(pk=late.pk).update(phone="+972541112223", phone_problem="", phone_note="")
    second = a_campaign([late], sender)
    assert current(late).campaign == second
    assert current(late).state == State.QUEUED


kinds = st.sampled_from(
    ["fine", "no number", "opted out", "both", "no table", "invited", "failed", "household"]
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(kinds, min_size=1, max_size=12))
def test_what_is_counted_is_what_is_then_sent(people: list[str]):
    event, sender = an_event(), a_sender()
    template = a_template("Dear {{guest_name}}, table {{table}}")
    chosen = []
    for kind in people:
        fields = {} if kind == "no table" else {"table": "12"}
        phone = {"no number": "", "both": "", "household": "+972541234567"}.get(kind)
        opted_out_at = NOW if kind in ("opted out", "both") else None
        guest = a_guest(event, phone=phone, fields=fields, opted_out_at=opted_out_at)
        chosen.append(guest)
        if kind in ("invited", "failed"):
            earlier = a_campaign([guest], sender, template)
            if kind == "failed":
                settle(earlier, State.FAILED)
    guests = Guest.objects.filter(event=event)
    counted = check(guests, template)
    assert counted.chosen == len(people) == counted.ready + sum(found.count for found in counted.reasons)
    if not counted.ready:
        with pytest.raises(campaigns.CantStart):
            campaigns.start_campaign(event, guests, template=template, sender=sender)
        return
    campaign = campaigns.start_campaign(
        event, guests, template=template, sender=sender, confirmed=counted.ready
    )
    assert campaigns.counts(campaign)[State.QUEUED] == counted.ready
    assert campaign.audience == counted.chosen


def test_to_start_costs_the_same_number_of_queries_for_ten_and_for_two_hundred(sender):
    template = a_template("Dear {{guest_name}}, table {{table}}")
    spent = []
    for count in (10, 200):
        event = an_event()
        for guest in some_guests(event, count)[::2]:
            Guest.objects.filter(pk=guest.pk).update(fields={"table": "1"})
        with CaptureQueriesContext(
            connection,
        ) as queries:
            check(everyone(event), template)
            campaigns.start_campaign(event, everyone(event), template=template, sender=sender)
        spent.append(len(queries))
    assert spent[0] == spent[1] < 30


# Steering


def test_pause_and_resume_say_whether_anything_changed(event, sender):
    campaign = a_campaign(some_guests(event, 1), sender)
    host = User.objects.create_user("hadar")
    assert campaigns.pause(campaign, by=host)
    assert not campaigns.pause(campaign)
    campaign.refresh_from_db()
    assert (campaign.state, campaign.paused_reason) == (CampaignState.PAUSED, "Paused by hadar.")
    assert campaigns.resume(campaign)
    assert not campaigns.resume(campaign)
    campaign.refresh_from_db()
    assert (campaign.state, campaign.paused_reason) == (CampaignState.RUNNING, "")


def test_cancel_calls_back_what_waits_and_nothing_else(event, sender):
    campaign = a_campaign(some_guests(event, 5), sender)
    ledger.take_lease(sender.pk, "me", 10, NOW)
    ledger.tick(sender.pk, "me", limit=2, now=NOW)
    assert campaigns.cancel(campaign, by=User.objects.create_user("hadar")) == 3
    assert states(campaign) == {"sending": 2, "cancelled": 3}
    told = StatusEvent.objects.filter(invitation__campaign=campaign, status="cancelled")
    assert set(told.values_list("note", flat=True)) == {"Cancelled by hadar."}
    assert told.count() == 3
    assert campaigns.cancel(campaign) == 0


def test_a_cancelled_campaign_cannot_be_resumed_and_its_guests_can_be_invited_anew(event, sender):
    people = some_guests(event, 2)
    campaign = a_campaign(people, sender)
    campaigns.pause(campaign)
    campaigns.cancel(campaign)
    assert not campaigns.resume(campaign)
    assert states(a_campaign(people, sender)) == {"queued": 2}


def test_retry_uses_the_number_that_the_guest_has_now(event, sender):
    guest = a_guest(event)
    campaign = a_campaign([guest], sender)
    [failed] = settle(campaign, State.FAILED)
    ledger.finish_campaigns(later(2))
    Guest.objects.filter(pk=guest.pk).update(phone="+972541112223")
    assert campaigns.retry(Invitation.objects.filter(pk=failed.pk)) == 1
    failed.refresh_from_db()
    assert (failed.state, failed.phone, failed.reason, failed.code) == (
        State.QUEUED,
        "+972541112223",
        "",
        None,
    )
    campaign.refresh_from_db()
    assert (campaign.state, campaign.finished_at) == (CampaignState.RUNNING, None)
    assert StatusEvent.objects.filter(invitation=failed).last().note == "Retried."
    [again] = ledger.tick(sender.pk, "me", limit=5, now=later(3)).claims
    assert (again.phone, again.attempt.number) == ("+972541112223", 2)


def test_retry_leaves_alone_whoever_must_not_be_written_to(event, sender):
    fine, opted_out, no_number, invited_anew, arrived = some_guests(event, 5)
    campaign = a_campaign([fine, opted_out, no_number, invited_anew], sender)
    settle(campaign, State.FAILED)
    settle(a_campaign([arrived], sender), State.ACCEPTED)
    a_campaign([invited_anew], sender)
    Guest.objects.filter(pk=opted_out.pk).update(opted_out_at=NOW)
    Guest.objects.filter(pk=no_number.pk).update(phone="", phone_problem="no_phone")
    assert campaigns.retry(Invitation.objects.filter(guest__event=event)) == 1
    assert current(fine).state == State.QUEUED
    assert states(campaign) == {"queued": 1, "failed": 3}


def test_retry_leaves_cancelled_campaigns_alone(event, sender):
    campaign = a_campaign(some_guests(event, 2), sender)
    settle(campaign, State.FAILED)
    campaigns.cancel(campaign)
    assert campaigns.retry(Invitation.objects.filter(campaign=campaign)) == 0
    assert states(campaign) == {"failed": 2}


def test_retry_of_nothing_is_nothing(event):
    assert campaigns.retry(Invitation.objects.none()) == 0
    assert campaigns.retry(Invitation.objects.filter(guest__event=event)) == 0


def test_a_retried_one_is_queued_once_however_often_retry_is_pressed(event, sender):
    campaign = a_campaign(some_guests(event, 2), sender)
    settle(campaign, State.FAILED)
    rows = Invitation.objects.filter(campaign=campaign)
    assert [campaigns.retry(rows), campaigns.retry(rows)] == [2, 0]
    assert StatusEvent.objects.filter(invitation__in=rows, note="Retried.").count() == 2


def test_a_sender_goes_on_only_when_it_was_paused(sender):
    assert not campaigns.resume_sender(sender)
    ledger.pause_sender(sender.pk, 20003, "Twilio doesn’t accept the credentials.", NOW)
    assert campaigns.resume_sender(sender)
    sender.refresh_from_db()
    assert (sender.state, sender.paused_reason, sender.paused_code) == ("active", "", None)


# A second message


def arrived(campaign: Campaign, state: State = State.DELIVERED) -> None:
    campaign.invitations.update(
        state=state, accepted_at=NOW, sent_at=NOW, delivered_at=NOW, look_at=None, attempts=1, sending_at=NOW
    )


def test_another_purpose_may_write_to_who_was_invited_and_a_second_time_may_not(event, sender, template):
    people = some_guests(event, 2)
    arrived(a_campaign(people, sender, template))
    guests = Guest.objects.filter(event=event)
    reminder = check(guests, template, purpose="reminder")
    assert (reminder.ready, reminder.left_out) == (2, 0)
    second = a_campaign(people, sender, template, purpose="reminder")
    assert campaigns.counts(second)[State.QUEUED] == 2
    arrived(second)
    with pytest.raises(campaigns.CantStart, match="Nobody of the selected guests"):
        a_campaign(people, sender, template, purpose="reminder")


def test_who_was_invited_is_invited_again_only_when_the_host_says_so(event, sender, template):
    people = some_guests(event, 2)
    first = a_campaign(people, sender, template)
    arrived(first)
    guests = Guest.objects.filter(event=event)
    assert check(guests, template).ready == 0
    assert check(guests, template, again=True).ready == 2
    second = a_campaign(people, sender, template, again=True, confirmed=2)
    assert campaigns.counts(second)[State.QUEUED] == 2
    current = Invitation.objects.filter(is_current=True)
    assert {row.campaign_id for row in current} == {second.pk}, "the page shows what is under way now"


def test_nobody_gets_a_second_message_beside_one_that_is_under_way_whatever_the_host_says(
    event, sender, template
):
    people = some_guests(event, 1)
    first = a_campaign(people, sender, template)
    assert check(Guest.objects.filter(event=event), template, again=True).ready == 0
    with pytest.raises(campaigns.CantStart):
        a_campaign(people, sender, template, again=True)
    assert Invitation.objects.get(is_current=True).campaign_id == first.pk


def test_a_retry_begins_to_count_its_tries_anew(event, sender, template):
    campaign = a_campaign(some_guests(event, 1), sender, template)
    campaign.invitations.update(
        state=State.FAILED, failed_at=NOW, reason="Tried 10 times.", tries=10, attempts=10
    )
    assert campaigns.retry(campaign.invitations.filter(state=State.FAILED)) == 1
    row = campaign.invitations.get()
    assert (row.state, row.tries, row.attempts) == (State.QUEUED, 0, 10)
    assert StatusEvent.objects.filter(invitation=row, note__startswith="Retried").count() == 1


def test_to_press_twice_on_write_again_writes_once(event, sender, template):
    people = some_guests(event, 2)
    first = a_campaign(people, sender, template)
    arrived(first)
    second = a_campaign(people, sender, template, again=True, confirmed=2, latest=first.pk)
    arrived(second)
    with pytest.raises(campaigns.AudienceChanged):
        a_campaign(people, sender, template, again=True, confirmed=2, latest=first.pk)
    assert Campaign.objects.count() == 2


def test_a_campaign_that_is_resumed_shares_with_those_that_went_on_meanwhile(event, sender):
    paused, went_on = (a_campaign(some_guests(event, 30), sender) for _ in range(2))
    campaigns.pause(paused)
    ledger.take_lease(sender.pk, "me", 50, NOW)
    ledger.tick(sender.pk, "me", limit=20, now=NOW)
    campaigns.resume(paused)
    single = a_campaign(some_guests(event, 1), sender)
    claims = ledger.tick(sender.pk, "me", limit=11, now=NOW).claims
    whose = [found.campaign_id for found in claims]
    assert whose.count(paused.pk) in (5, 6) and whose.count(went_on.pk) in (4, 5)
    assert single.pk in whose[:3], "a single one goes next"
