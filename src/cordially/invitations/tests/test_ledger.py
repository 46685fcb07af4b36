"""The ledger's statements: who may claim what, what news does to rows, what the schema refuses."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable

import pytest
from django.db import IntegrityError, connection, transaction
from tests.people import NOW, a_campaign, a_guest, a_sender, later, some_guests

from cordially.guests.models import Guest
from cordially.invitations import campaigns, ledger
from cordially.invitations.attempts import Attempt
from cordially.invitations.ledger import Claim
from cordially.invitations.lifecycle import State
from cordially.invitations.models import (
    Account,
    Campaign,
    CampaignState,
    Invitation,
    Sender,
    SenderState,
    Source,
    StatusEvent,
    UnmatchedCallback,
)
from cordially.invitations.news import News
from cordially.providers.errors import ErrorClass, Fault
from cordially.templating.variables import Recipient

pytestmark = pytest.mark.django_db

FAR = 59  # seconds: a lease that outlives the test


def claim(sender: Sender, limit: int = 100, now: dt.datetime = NOW, **given: object) -> list[Claim]:
    ledger.take_lease(sender.pk, "me", FAR, now)
    return ledger.tick(sender.pk, "me", limit=limit, seconds=FAR, now=now, **given).claims


def phones(claims: list[Claim]) -> list[str]:
    return [found.phone for found in claims]


def of(campaign: Campaign, guest: Guest | None = None) -> Invitation:
    rows = Invitation.objects.filter(campaign=campaign)
    return rows.get(guest=guest) if guest else rows.get()


def news_of(claimed: Claim, state: State | None, **given: object) -> News:
    given = {"at": later(1), "source": Source.ENGINE, "attempt": claimed.attempt} | given
    return News(state, **given)


def accepted(claimed: Claim, state: State | None = State.ACCEPTED, **given: object) -> News:
    """Twilio took it, or says later what became of it."""
    message_id = f"SM{claimed.attempt.invitation_id:032}"
    return news_of(claimed, state, **{"message_id": message_id, **given})


def fault(error_class: ErrorClass, code: int | None = None, **given: object) -> Fault:
    return Fault(error_class, "It did not work.", code, **given)


def history(invitation: Invitation) -> list[str]:
    return list(StatusEvent.objects.filter(invitation=invitation).values_list("status", flat=True))


def states(campaign: Campaign) -> dict[str, int]:
    return {state.value: count for state, count in campaigns.counts(campaign).items() if count}


# Claims


def test_invitations_are_claimed_in_the_order_of_the_list(event, sender):
    people = some_guests(event, 3)
    a_campaign(people, sender)
    assert phones(claim(sender, 2)) == [people[0].phone, people[1].phone]
    assert phones(claim(sender, 2)) == [people[2].phone]
    assert claim(sender, 2) == []


def test_a_claim_holds_what_the_message_needs_and_is_on_record_before_anything_is_sent(event, sender):
    guest = a_guest(event, "Sunita & Prakash", fields={"table": "12"})
    campaign = a_campaign([guest], sender)
    [found] = claim(sender)
    assert found == Claim(
        Attempt(campaign.uid, of(campaign).pk, 1),
        campaign.pk,
        "en",
        guest.phone,
        Recipient("Sunita & Prakash", guest.token, {"table": "12"}, 1, ""),
    )
    invitation = of(campaign)
    assert (invitation.state, invitation.attempts, invitation.sending_at) == (State.SENDING, 1, NOW)
    assert history(invitation) == ["queued", "sending"]


def test_two_campaigns_take_turns(event, sender):
    first, second = some_guests(event, 6), some_guests(event, 6)
    a_campaign(first, sender)
    a_campaign(second, sender)
    order = phones(claim(sender, 6))
    assert order == [guest.phone for pair in zip(first[:3], second[:3], strict=True) for guest in pair]


def test_a_single_invitation_goes_next_in_the_midst_of_a_large_campaign(event, sender):
    a_campaign(some_guests(event, 50), sender)
    claim(sender, 20)
    single = a_guest(event)
    a_campaign([single], sender)
    assert single.phone in phones(claim(sender, 2))


def test_a_large_campaign_does_not_wait_for_one_that_started_before_it_and_paused(event, sender):
    paused = a_campaign(some_guests(event, 5), sender)
    claim(sender, 2)
    campaigns.pause(paused)
    people = some_guests(event, 4)
    a_campaign(people, sender)
    assert phones(claim(sender, 10)) == [guest.phone for guest in people]
    campaigns.resume(paused)
    assert len(claim(sender, 10)) == 3


def test_nothing_is_claimed_for_a_paused_sender(event, sender):
    a_campaign(some_guests(event, 2), sender)
    ledger.pause_sender(sender.pk, 63007, "The number is not a WhatsApp sender.", NOW)
    assert claim(sender) == []
    assert campaigns.resume_sender(sender)
    assert len(claim(sender)) == 2


def test_a_held_sender_waits_for_its_instant(event, sender):
    a_campaign(some_guests(event, 2), sender)
    ledger.hold_sender(sender.pk, later(30), "Twilio asked for less.")
    ledger.hold_sender(sender.pk, later(10), "Twilio asked for a little less.")
    assert claim(sender, now=later(29)) == []
    assert len(claim(sender, now=later(31))) == 2


def test_who_opted_out_after_send_was_pressed_is_left_out(event, sender):
    gone, stays = some_guests(event, 2)
    campaign = a_campaign([gone, stays], sender)
    Guest.objects.filter(pk=gone.pk).update(opted_out_at=NOW)
    assert phones(claim(sender)) == [stays.phone]
    left_out = of(campaign, gone)
    assert (left_out.state, left_out.reason) == (State.SKIPPED, ledger.OPTED_OUT)
    assert history(left_out) == ["queued", "skipped"]


def test_a_household_gets_its_messages_six_seconds_apart(event, sender):
    phone = "+972541234567"
    household = [a_guest(event, name, phone) for name in ("Sunita", "Prakash", "Ravi")]
    a_campaign(household, sender)
    assert [found.guest.name for found in claim(sender)] == ["Sunita"]
    ledger.due_now(later(5.9))
    assert claim(sender, now=later(5.9)) == []
    ledger.due_now(later(6))
    assert [found.guest.name for found in claim(sender, now=later(6))] == ["Prakash"]
    ledger.due_now(later(12))
    assert [found.guest.name for found in claim(sender, now=later(12))] == ["Ravi"]


def test_a_number_that_had_a_message_a_moment_ago_rests_and_does_not_hold_up_the_others(event, sender):
    tired, fresh = some_guests(event, 2)
    campaign = a_campaign([tired, fresh], sender)
    assert phones(claim(sender, rests_until={tired.phone: later(4)}.get)) == [fresh.phone]
    assert of(campaign, tired).due_at == later(4)


def test_what_waits_for_its_retry_time_is_left_alone_until_then(event, sender):
    campaign = a_campaign(some_guests(event, 1), sender)
    [found] = claim(sender)
    busy = news_of(found, State.QUEUED, due_at=later(20), reason="Too much at once.")
    ledger.record([busy])
    ledger.due_now(later(19))
    assert claim(sender, now=later(19)) == []
    assert ledger.due_now(later(20)) == 1
    [again] = claim(sender, now=later(20))
    assert again.attempt.number == 2
    assert of(campaign).message_id is None


def test_another_senders_invitations_are_not_claimed(event, sender):
    a_campaign(some_guests(event, 1), a_sender())
    assert claim(sender) == []


# The lease


def test_one_worker_holds_the_lease(sender):
    assert ledger.take_lease(sender.pk, "one", 10, NOW)
    assert not ledger.take_lease(sender.pk, "two", 10, later(9))
    assert ledger.take_lease(sender.pk, "two", 10, later(10.5))


def test_a_lease_given_back_is_taken_at_once(sender):
    ledger.take_lease(sender.pk, "one", 10, NOW)
    ledger.release_lease(sender.pk, "two")
    assert not ledger.take_lease(sender.pk, "two", 10, later(1))
    ledger.release_lease(sender.pk, "one")
    assert ledger.take_lease(sender.pk, "two", 10, later(1))


def test_an_expired_lease_is_not_renewed(sender):
    ledger.take_lease(sender.pk, "one", 10, NOW)
    assert ledger.renew_lease(sender.pk, "one", 10, later(9))
    assert not ledger.renew_lease(sender.pk, "one", 10, later(19.5))


def test_what_a_dead_worker_left_behind_is_checked_before_anything_is_sent_again(event, sender):
    campaign = a_campaign(some_guests(event, 3), sender)
    ledger.take_lease(sender.pk, "one", 10, NOW)
    ledger.tick(sender.pk, "one", limit=2, now=NOW)
    ledger.take_lease(sender.pk, "two", 10, later(11))
    assert states(campaign) == {"unsure": 2, "queued": 1}
    left = Invitation.objects.filter(campaign=campaign, state=State.UNSURE).first()
    assert (left.reason, left.look_at) == (ledger.STOPPED_REASON, later(11))
    assert history(left) == ["queued", "sending", "unsure"]
    assert len(ledger.tick(sender.pk, "two", limit=9, now=later(11)).claims) == 1


def test_a_stalled_worker_claims_nothing_but_what_it_learned_is_kept(event, sender):
    campaign = a_campaign(some_guests(event, 2), sender)
    ledger.take_lease(sender.pk, "one", 10, NOW)
    [found] = ledger.tick(sender.pk, "one", limit=1, now=NOW).claims
    ledger.take_lease(sender.pk, "two", 10, later(11))
    tick = ledger.tick(sender.pk, "one", news=[accepted(found)], limit=5, now=later(12))
    assert (tick.claims, tick.sender) == ([], None)
    assert states(campaign) == {"accepted": 1, "queued": 1}


# What becomes known


def test_every_move_writes_one_event(event, sender):
    campaign = a_campaign(some_guests(event, 1), sender)
    [found] = claim(sender)
    told = [
        accepted(found),
        accepted(found),
        accepted(found, state=State.SENT),
        accepted(found, state=State.DELIVERED, source=Source.CALLBACK),
        accepted(found, state=State.SENT),
        accepted(found, state=State.READ, source=Source.CALLBACK),
        accepted(found, state=State.DELIVERED, source=Source.CALLBACK),
    ]
    assert ledger.record(told) == 4
    assert ledger.record(told) == 0
    assert history(of(campaign)) == ["queued", "sending", "accepted", "sent", "delivered", "read"]
    assert of(campaign).read_at == later(1)


def test_a_callback_without_our_key_finds_its_invitation_by_the_message(event, sender):
    campaign = a_campaign(some_guests(event, 1), sender)
    [found] = claim(sender)
    ledger.record([accepted(found)])
    ledger.record([accepted(found, attempt=None, state=State.DELIVERED)])
    assert states(campaign) == {"delivered": 1}


def test_answer_and_callback_in_one_batch_find_the_same_row(event, sender):
    campaign = a_campaign(some_guests(event, 1), sender)
    [found] = claim(sender)
    assert ledger.record([accepted(found), accepted(found, attempt=None, state=State.READ)]) == 2
    assert states(campaign) == {"read": 1}


def test_a_key_of_another_installation_changes_nothing_and_is_kept(event, sender):
    campaign = a_campaign(some_guests(event, 1), sender)
    [found] = claim(sender)
    stranger = found.attempt._replace(uid="0" * 12)
    assert ledger.record([accepted(found, attempt=stranger, source=Source.CALLBACK, raw="sent")]) == 0
    assert states(campaign) == {"sending": 1}
    kept = UnmatchedCallback.objects.get()
    assert (kept.key, kept.status) == (stranger.key, "sent")


def test_a_message_that_belongs_to_another_row_changes_neither(event, sender):
    campaign = a_campaign(some_guests(event, 2), sender)
    mine, other = claim(sender)
    ledger.record([accepted(mine)])
    theirs = accepted(
        other, message_id=accepted(mine).message_id, state=State.DELIVERED, source=Source.CALLBACK
    )
    assert ledger.record([theirs]) == 0
    assert states(campaign) == {"accepted": 1, "sending": 1}
    assert UnmatchedCallback.objects.count() == 1


def test_two_rows_that_claim_one_new_message_in_one_batch_do_not_break_the_batch(event, sender):
    campaign = a_campaign(some_guests(event, 3), sender)
    mine, other, third = claim(sender)
    twin = accepted(other, message_id=accepted(mine).message_id)
    assert ledger.record([accepted(mine), twin, accepted(third)]) == 2
    assert states(campaign) == {"accepted": 2, "sending": 1}


def test_a_message_of_nobody_is_kept_and_breaks_nothing(event, sender):
    a_campaign(some_guests(event, 1), sender)
    [found] = claim(sender)
    unknown = News(State.SENT, NOW, Source.CALLBACK, message_id="SM" + "f" * 32, raw="sent")
    assert ledger.record([unknown, accepted(found)]) == 1
    assert UnmatchedCallback.objects.get().message_id == "SM" + "f" * 32


def test_a_word_that_is_new_to_us_is_kept_in_the_history(event, sender):
    campaign = a_campaign(some_guests(event, 1), sender)
    [found] = claim(sender)
    assert ledger.record([accepted(found), accepted(found, state=None, raw="pondered")]) == 1
    assert states(campaign) == {"accepted": 1}
    last = StatusEvent.objects.filter(invitation=of(campaign)).last()
    assert (last.status, last.note) == ("unknown", "pondered")


def test_nothing_new_is_nothing_to_record():
    assert ledger.record([]) == 0


def test_a_fault_of_the_sender_pauses_it_and_fails_nobody(event, sender):
    campaign = a_campaign(some_guests(event, 3), sender)
    found = claim(sender, 2)
    said = "Twilio doesn’t accept the credentials."
    ledger.record(
        [
            news_of(one, State.QUEUED, fault=fault(ErrorClass.SENDER, 20003), code=20003, reason=said)
            for one in found
        ]
    )
    sender.refresh_from_db()
    assert (sender.state, sender.paused_code, sender.paused_reason) == (SenderState.PAUSED, 20003, said)
    assert states(campaign) == {"queued": 3}
    assert claim(sender) == []


@pytest.mark.parametrize(
    ("seconds", "code", "state"),
    [
        (1, 20003, "active"),
        (9, 20003, "active"),
        (11, 20003, "paused"),
        (-1, 20003, "paused"),
        (1, 63007, "paused"),
    ],
)
def test_a_refusal_of_the_credentials_of_before_does_not_stop_who_has_new_ones(
    event, sender, seconds, code, state
):
    """The request was under way when they were replaced, or was made by who had not read the new ones yet."""
    campaign = a_campaign(some_guests(event, 1), sender)
    (found,) = claim(sender)
    refused = news_of(found, State.QUEUED, fault=fault(ErrorClass.SENDER, code), code=code, reason="No.")
    changed_at = refused.at - dt.timedelta(seconds=seconds)
    Account.objects.create(sid=sender.account, token="sealed", changed_at=changed_at)
    ledger.record([refused])
    sender.refresh_from_db()
    assert sender.state == state and states(campaign) == {"queued": 1}
    if state == "active":
        assert claim(sender, now=refused.at) == [], "it waits a moment"
        assert len(claim(sender, now=refused.at + dt.timedelta(seconds=2))) == 1


def test_a_fault_of_the_words_pauses_the_campaign_and_no_other(event, sender):
    campaign = a_campaign(some_guests(event, 1), sender)
    other = a_campaign(some_guests(event, 1), sender)
    found = next(one for one in claim(sender) if one.campaign_id == campaign.pk)
    said = "WhatsApp paused the template."
    ledger.record([news_of(found, State.QUEUED, fault=fault(ErrorClass.TEMPLATE, 63040), reason=said)])
    campaign.refresh_from_db()
    other.refresh_from_db()
    assert (campaign.state, campaign.paused_reason) == (CampaignState.PAUSED, said)
    assert states(campaign) == {"queued": 1}
    assert other.state == CampaignState.RUNNING


def test_a_message_that_fails_after_the_campaign_was_closed_is_tried_again_all_the_same(event, sender):
    campaign = a_campaign(some_guests(event, 1), sender)
    [found] = claim(sender)
    ledger.record([accepted(found)])
    assert ledger.finish_campaigns(later(2)) == 1
    ledger.record([accepted(found, state=State.QUEUED, due_at=later(30), reason="Too much at once.")])
    ledger.due_now(later(30))
    [again] = claim(sender, now=later(30))
    assert again.attempt == Attempt(campaign.uid, found.attempt.invitation_id, 2)
    ledger.record([accepted(again, message_id="SM" + "b" * 32)])
    assert ledger.finish_campaigns(later(40)) == 1


def test_a_fault_of_the_words_stops_a_closed_campaign_too(event, sender):
    campaign = a_campaign(some_guests(event, 1), sender)
    [found] = claim(sender)
    ledger.record([accepted(found)])
    ledger.finish_campaigns(later(2))
    ledger.record(
        [accepted(found, state=State.QUEUED, fault=fault(ErrorClass.TEMPLATE), reason="It is paused.")]
    )
    campaign.refresh_from_db()
    assert (campaign.state, campaign.finished_at) == (CampaignState.PAUSED, None)


def test_what_is_refused_after_a_cancel_is_cancelled_and_what_was_taken_is_told(event, sender):
    campaign = a_campaign(some_guests(event, 4), sender)
    refused, taken, unsure = claim(sender, 3)
    assert campaigns.cancel(campaign) == 1
    ledger.record(
        [
            news_of(refused, State.QUEUED, due_at=later(5), reason="Too much at once."),
            accepted(taken),
            news_of(unsure, State.UNSURE, reason=ledger.UNSURE_REASON, look_at=later(3)),
        ]
    )
    assert states(campaign) == {"cancelled": 2, "accepted": 1, "unsure": 1}
    ledger.record([news_of(unsure, State.QUEUED, source=Source.RESCUE)])
    assert states(campaign) == {"cancelled": 3, "accepted": 1}


def test_a_campaign_is_closed_when_the_engine_has_nothing_left_to_do(event, sender):
    campaign = a_campaign(some_guests(event, 2), sender)
    first, second = claim(sender)
    ledger.record([accepted(first)])
    assert ledger.finish_campaigns(later(2)) == 0
    ledger.record([news_of(second, State.FAILED, error_class="guest", reason="Not on WhatsApp.")])
    assert ledger.finish_campaigns(later(3)) == 1
    campaign.refresh_from_db()
    assert (campaign.state, campaign.finished_at) == (CampaignState.FINISHED, later(3))


def test_news_that_cannot_be_written_leaves_everything_as_it_was(event, sender):
    campaign = a_campaign(some_guests(event, 2), sender)
    first, second = claim(sender)
    with pytest.raises(IntegrityError), transaction.atomic():
        ledger.record([accepted(first), news_of(second, State.FAILED, reason="")])
    assert states(campaign) == {"sending": 2}


def test_the_audience_is_the_sum_of_the_states(event, sender):
    people = [*some_guests(event, 4), a_guest(event, phone="")]
    campaign = a_campaign(people, sender)
    found = claim(sender, 3)
    ledger.record([accepted(found[0]), news_of(found[1], State.FAILED, reason="Not on WhatsApp.")])
    assert states(campaign) == {"accepted": 1, "failed": 1, "sending": 1, "queued": 1, "skipped": 1}
    assert campaign.audience == sum(campaigns.counts(campaign).values()) == 5


# What the schema refuses


REFUSED: dict[str, dict[str, object]] = {
    "sending is no attempt": {"state": State.SENDING, "sending_at": NOW},
    "sending has no time": {"state": State.SENDING, "attempts": 1},
    "delivered has no time": {"state": State.DELIVERED},
    "read has no time": {"state": State.READ, "delivered_at": NOW},
    "failed has no reason": {"state": State.FAILED},
    "skipped has no reason": {"state": State.SKIPPED},
    "nobody to call": {"phone": ""},
    "waits though it does not queue": {"state": State.ACCEPTED, "due_at": NOW},
}


@pytest.mark.parametrize("nonsense", REFUSED.values(), ids=list(REFUSED))
def test_the_database_refuses_nonsense(event, sender, nonsense):
    campaign = a_campaign(some_guests(event, 1), sender)
    with pytest.raises(IntegrityError), transaction.atomic():
        Invitation.objects.filter(campaign=campaign).update(**nonsense)


def _twice_in_one_campaign(campaign: Campaign, guest: Guest) -> None:
    Invitation.objects.create(
        campaign=campaign,
        guest=guest,
        phone=guest.phone,
        state=State.QUEUED,
        is_current=False,
        changed_at=NOW,
    )


def _two_that_are_current(campaign: Campaign, guest: Guest) -> None:
    other = a_campaign([a_guest(guest.event)], campaign.sender)
    Invitation.objects.create(
        campaign=other, guest=guest, phone=guest.phone, state=State.QUEUED, changed_at=NOW
    )


def _one_message_for_two(campaign: Campaign, guest: Guest) -> None:
    for one in (guest, a_guest(guest.event)):
        Invitation.objects.update_or_create(
            campaign=campaign,
            guest=one,
            defaults={"message_id": "SM1", "phone": one.phone, "state": State.ACCEPTED, "changed_at": NOW},
        )


@pytest.mark.parametrize("doubled", [_twice_in_one_campaign, _two_that_are_current, _one_message_for_two])
def test_the_database_refuses_what_there_may_be_only_once(
    event, sender, doubled: Callable[[Campaign, Guest], None]
):
    guest = a_guest(event)
    campaign = a_campaign([guest], sender)
    with pytest.raises(IntegrityError), transaction.atomic():
        doubled(campaign, guest)


def test_a_paused_sender_says_since_when(sender):
    with pytest.raises(IntegrityError), transaction.atomic():
        Sender.objects.filter(pk=sender.pk).update(state=SenderState.PAUSED)


# Two at once


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one writer at a time")
def test_a_claim_steps_around_what_the_host_is_calling_back_at_this_moment(event, sender):
    campaign = a_campaign(some_guests(event, 3), sender)
    called_back, go_on = threading.Event(), threading.Event()

    def host() -> None:
        try:
            with transaction.atomic():
                campaigns.cancel(campaign)
                called_back.set()
                go_on.wait(5)
        finally:
            connection.close()

    thread = threading.Thread(target=host)
    thread.start()
    called_back.wait(5)
    threading.Timer(0.3, go_on.set).start()
    assert claim(sender) == []
    go_on.set()
    thread.join()
    assert states(campaign) == {"cancelled": 3}


# Attempts that a worker forgot


def test_an_attempt_that_nobody_settles_is_checked_with_twilio_and_a_fresh_one_is_left_alone(event, sender):
    people = some_guests(event, 2)
    campaign = a_campaign(people, sender)
    forgotten = claim(sender, 1)[0]
    Sender.objects.update(lease_until=later(159))
    fresh = ledger.tick(sender.pk, "me", limit=1, now=later(100)).claims[0]
    assert ledger.doubt_forgotten([sender.account], later(50), later(170)) == 1
    assert of(campaign, people[0]).state == State.UNSURE
    assert of(campaign, people[1]).state == State.SENDING
    assert history(of(campaign, people[0]))[-1] == State.UNSURE
    ledger.record([accepted(forgotten), accepted(fresh)])
    assert states(campaign) == {"accepted": 2}, "an answer that comes after all is believed"


def test_the_attempts_of_another_account_are_left_alone(event, sender):
    campaign = a_campaign(some_guests(event, 1), sender)
    claim(sender)
    assert ledger.doubt_forgotten(["AC" + "9" * 32], later(50), later(170)) == 0
    assert states(campaign) == {"sending": 1}


@pytest.mark.parametrize("known", [State.ACCEPTED, State.SENT])
def test_twilio_never_took_it_comes_too_late_when_a_callback_told_otherwise(event, sender, known):
    campaign = a_campaign(some_guests(event, 1), sender)
    claimed = claim(sender)[0]
    ledger.record([news_of(claimed, State.UNSURE, reason="The line broke.", look_at=later(2))])
    ledger.record([accepted(claimed, known, source=Source.CALLBACK)])
    ledger.record([news_of(claimed, State.QUEUED, source=Source.RESCUE)])
    assert states(campaign) == {known.value: 1}, "a second message would go out"


# Faults that concern more than one message


def test_too_fast_in_a_callback_slows_the_sender_once_for_many_messages(event, sender):
    a_campaign(some_guests(event, 3), sender)
    first, second, third = claim(sender)
    busy = fault(ErrorClass.RETRY_LATER, 63018, slows=True)
    again = {"state": State.QUEUED, "fault": busy, "again": lambda tries, phone: later(60)}
    ledger.record([accepted(first, **again), accepted(second, **again | {"at": later(3)})])
    sender.refresh_from_db()
    assert sender.slowed_at == later(1)
    ledger.record([accepted(third, **again | {"at": later(20)})])
    sender.refresh_from_db()
    assert sender.slowed_at == later(20)
    assert sender.state == SenderState.ACTIVE


def test_a_day_that_is_used_up_holds_the_sender_and_fails_nobody(event, sender):
    campaign = a_campaign(some_guests(event, 2), sender)
    first, _ = claim(sender)
    used_up = fault(ErrorClass.RETRY_LATER, 63038, rests=3600.0)
    ledger.record([accepted(first, State.QUEUED, fault=used_up, again=lambda tries, phone: later(60))])
    sender.refresh_from_db()
    assert (sender.held_until, sender.held_reason) == (later(3601), "It did not work.")
    assert states(campaign) == {"queued": 1, "sending": 1}


def unclear_failures(event, sender, count: int, code: int = 63999) -> Campaign:
    campaign = a_campaign(some_guests(event, count + 1), sender)
    unclear = fault(ErrorClass.GUEST, code, unclear=True)
    for found in claim(sender, count):
        ledger.record([accepted(found, State.FAILED, code=code, fault=unclear, reason=unclear.reason)])
    campaign.refresh_from_db()
    return campaign


def test_one_unclear_failure_after_the_other_stops_the_campaign_before_everybody_failed(event, sender):
    campaign = unclear_failures(event, sender, ledger.MOST_UNCLEAR)
    assert (campaign.state, campaign.paused_code) == (CampaignState.PAUSED, 63999)
    assert "10 messages failed for the same reason and none arrived" in campaign.paused_reason
    campaigns.resume(campaign)
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.RUNNING, "the host may go on"


def test_a_few_unclear_failures_stop_nobody(event, sender):
    assert unclear_failures(event, sender, ledger.MOST_UNCLEAR - 1).state == CampaignState.RUNNING


def test_unclear_failures_beside_messages_that_arrive_stop_nobody(event, sender):
    arrived, *_ = some_guests(event, 1)
    campaign = a_campaign([arrived, *some_guests(event, ledger.MOST_UNCLEAR)], sender)
    first, *others = claim(sender)
    now = campaign.changed_at + (later(1) - NOW)
    ledger.record([accepted(first, State.DELIVERED, at=now)])
    unclear = fault(ErrorClass.GUEST, 63999, unclear=True)
    ledger.record(
        [accepted(one, State.FAILED, at=now, code=63999, fault=unclear, reason="?") for one in others]
    )
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.RUNNING


def test_after_the_host_resumed_a_guest_with_such_a_fault_fails_alone_and_the_others_go_on(event, sender):
    campaign = a_campaign(some_guests(event, 3), sender)
    bad_value = fault(ErrorClass.TEMPLATE, 21656, one_guest=True)
    told = {"state": State.QUEUED, "code": 21656, "fault": bad_value, "reason": bad_value.reason}
    ledger.record([news_of(claim(sender, 1)[0], **told)])
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.PAUSED
    assert states(campaign) == {"queued": 3}, "nobody failed"
    campaigns.resume(campaign)
    ledger.record([news_of(claim(sender, 1)[0], **told)])
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.RUNNING
    assert states(campaign) == {"queued": 2, "failed": 1}


def test_a_country_that_the_account_may_not_send_to_stops_the_others_once(event, sender):
    campaign = a_campaign(some_guests(event, 2), sender)
    not_there = fault(ErrorClass.SENDER, 21408, one_guest=True)
    told = {"state": State.QUEUED, "code": 21408, "fault": not_there, "reason": not_there.reason}
    ledger.record([news_of(claim(sender, 1)[0], **told)])
    sender.refresh_from_db()
    assert sender.state == SenderState.PAUSED
    campaigns.resume_sender(sender)
    ledger.record([news_of(claim(sender, 1)[0], **told)])
    sender.refresh_from_db()
    assert sender.state == SenderState.ACTIVE
    assert states(campaign) == {"queued": 1, "failed": 1}


# Messages of earlier attempts


def test_the_message_of_an_earlier_attempt_is_remembered(event, sender):
    campaign = a_campaign(some_guests(event, 1), sender)
    [found] = claim(sender)
    ledger.record([accepted(found), accepted(found, State.QUEUED, reason="Slow down.")])
    claim(sender)
    row = of(campaign)
    assert row.message_id is None
    assert [former.message_id for former in row.former_messages.all()] == [f"SM{row.pk:032}"]


# Clocks and leases


def test_the_lease_of_a_worker_that_surely_died_is_taken_at_once(sender):
    assert ledger.take_lease(sender.pk, "first", 10, NOW)
    assert not ledger.take_lease(sender.pk, "second", 10, later(1), dead=["another"])
    assert ledger.take_lease(sender.pk, "second", 10, later(1), dead=["first"])


def test_a_lease_from_a_clock_that_ran_ahead_is_not_waited_for(sender):
    assert ledger.take_lease(sender.pk, "first", 10, later(3600))
    assert ledger.take_lease(sender.pk, "second", 10, NOW)
    assert not ledger.renew_lease(sender.pk, "first", 10, NOW)


def test_a_retry_time_from_a_clock_that_ran_ahead_is_not_waited_for(event, sender):
    campaign = a_campaign(some_guests(event, 1), sender)
    campaign.invitations.update(due_at=later(30 * 86400))
    assert ledger.due_now(NOW) == 1


# What two writers at once can leave on PostgreSQL


def test_somebody_queued_in_a_campaign_that_was_closed_in_the_same_instant_is_sent(event, sender):
    campaign = a_campaign(some_guests(event, 1), sender)
    Campaign.objects.update(state=CampaignState.FINISHED, finished_at=NOW)
    assert ledger.finish_campaigns(later(1)) == 1
    assert len(claim(sender)) == 1
    assert states(campaign) == {"sending": 1}


def test_somebody_queued_in_a_campaign_that_was_cancelled_in_the_same_instant_is_called_back(event, sender):
    campaign = a_campaign(some_guests(event, 1), sender)
    Campaign.objects.update(state=CampaignState.CANCELLED, finished_at=NOW)
    assert ledger.finish_campaigns(later(1)) == 1
    assert states(campaign) == {"cancelled": 1}
    assert history(of(campaign))[-1] == "cancelled"


def test_a_hold_from_a_clock_that_ran_ahead_is_not_waited_for(event, sender):
    a_campaign(some_guests(event, 1), sender)
    ledger.hold_sender(sender.pk, later(365 * 86400), "Slow down.")
    assert len(claim(sender)) == 1
    ledger.hold_sender(sender.pk, later(30), "Slow down.")
    sender.refresh_from_db()
    assert sender.held_until == later(30)


def test_a_worker_takes_its_own_lease_again_at_once(sender):
    assert ledger.take_lease(sender.pk, "me", 10, NOW)
    assert ledger.take_lease(sender.pk, "me", 10, later(1))
