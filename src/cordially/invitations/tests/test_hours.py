"""Campaigns that start at a time, and hours in which nobody is disturbed."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
import time_machine
from tests.people import NOW, a_campaign, a_template, some_guests

from cordially.events.models import Event
from cordially.invitations import campaigns, hours, ledger
from cordially.invitations.forecast import Used, forecast
from cordially.invitations.hours import Quiet
from cordially.invitations.lifecycle import State
from cordially.invitations.models import (
    Campaign,
    CampaignState,
    EventSending,
    Invitation,
    Review,
    Sender,
    TemplateVersion,
)
from cordially.invitations.progress import progress

JERUSALEM = ZoneInfo("Asia/Jerusalem")
BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = Quiet(dt.time(21), dt.time(9), JERUSALEM)


def at(text: str, zone: ZoneInfo = JERUSALEM) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(dt.UTC)


@pytest.mark.parametrize(
    ("quiet", "moment", "until"),
    [
        (NIGHT, "2027-03-01T20:59:59", None),
        (NIGHT, "2027-03-01T21:00", "2027-03-02T09:00"),
        (NIGHT, "2027-03-02T00:00", "2027-03-02T09:00"),
        (NIGHT, "2027-03-02T08:59:59", "2027-03-02T09:00"),
        (NIGHT, "2027-03-02T09:00", None),
        (Quiet(dt.time(13), dt.time(15), JERUSALEM), "2027-03-02T14:00", "2027-03-02T15:00"),
        (Quiet(dt.time(13), dt.time(15), JERUSALEM), "2027-03-02T15:00", None),
        # the night in which the clock jumps is shorter, and still over at nine
        (NIGHT, "2027-03-26T01:30", "2027-03-26T09:00"),
    ],
)
def test_quiet_hours_hold_on_the_clock_of_the_place(quiet: Quiet, moment: str, until: str | None) -> None:
    assert quiet.until(at(moment)) == (until and at(until))


def test_the_next_quiet_is_the_one_that_comes() -> None:
    assert NIGHT.next(at("2027-03-02T12:00")) == at("2027-03-02T21:00")
    assert NIGHT.next(at("2027-03-02T23:00")) == at("2027-03-02T23:00")


def test_a_longer_night_is_longer_in_hours() -> None:
    quiet = Quiet(dt.time(22), dt.time(8), BERLIN)
    begins, ends = at("2026-10-24T22:00", BERLIN), at("2026-10-25T08:00", BERLIN)
    assert quiet.until(begins) == ends
    assert ends - begins == dt.timedelta(hours=11)


def claimed(sender: Sender, now: dt.datetime) -> int:
    ledger.take_lease(sender.pk, "me", 10, now)
    return len(ledger.tick(sender.pk, "me", limit=10, now=now).claims)


@pytest.mark.django_db
class TestStartingAtATime:
    def test_nothing_leaves_before_it_and_all_after(self, event: Event, sender: Sender) -> None:
        starts = NOW + dt.timedelta(hours=2)
        campaign = a_campaign(some_guests(event, 3), sender, starts_at=starts)
        assert campaign.state == CampaignState.SCHEDULED
        assert "starts by itself" in progress(campaign, NOW).note
        hours.keep(starts - dt.timedelta(seconds=1))
        assert claimed(sender, starts - dt.timedelta(seconds=1)) == 0
        assert hours.keep(starts) == 1
        assert claimed(sender, starts) == 3

    def test_a_time_that_has_passed_is_now(self, event: Event, sender: Sender) -> None:
        campaign = a_campaign(some_guests(event, 1), sender, starts_at=NOW - dt.timedelta(minutes=1))
        assert campaign.state == CampaignState.RUNNING

    def test_it_shares_with_what_began_meanwhile(self, event: Event, sender: Sender) -> None:
        guests = some_guests(event, 4)
        late = a_campaign(guests[:2], sender, starts_at=NOW + dt.timedelta(hours=1))
        Sender.objects.update(turn=500)
        hours.keep(NOW + dt.timedelta(hours=1))
        turns = Invitation.objects.filter(campaign=late).order_by("turn").values_list("turn", flat=True)
        assert list(turns) == [501, 502]

    def test_it_can_be_cancelled_and_moved_before(self, event: Event, sender: Sender) -> None:
        campaign = a_campaign(some_guests(event, 2), sender, starts_at=NOW + dt.timedelta(hours=1))
        assert campaigns.reschedule(campaign, NOW + dt.timedelta(hours=5))
        assert hours.keep(NOW + dt.timedelta(hours=2)) == 0
        assert campaigns.cancel(campaign) == 2
        assert not campaigns.reschedule(campaign, NOW)
        assert hours.keep(NOW + dt.timedelta(hours=6)) == 0
        assert Invitation.objects.filter(state=State.CANCELLED).count() == 2

    def test_a_text_that_was_stopped_meanwhile_stops_it_and_says_why(
        self, event: Event, sender: Sender
    ) -> None:
        campaign = a_campaign(some_guests(event, 1), sender, starts_at=NOW + dt.timedelta(hours=1))
        TemplateVersion.objects.update(state=Review.PAUSED, reason="Too many blocks.")
        hours.keep(NOW + dt.timedelta(hours=1))
        campaign.refresh_from_db()
        assert campaign.state == CampaignState.PAUSED and "paused the template" in campaign.paused_reason

    def test_nobody_gets_a_second_one_while_the_first_waits(self, event: Event, sender: Sender) -> None:
        guests = some_guests(event, 2)
        a_campaign(guests, sender, starts_at=NOW + dt.timedelta(hours=1))
        with pytest.raises(campaigns.NobodyReady):
            a_campaign(guests, sender)


@pytest.mark.django_db
class TestQuietHours:
    @pytest.fixture
    def night(self, event: Event) -> EventSending:
        return EventSending.objects.create(event=event, quiet_from=dt.time(21), quiet_until=dt.time(9))

    def evening(self, event: Event) -> dt.datetime:
        return dt.datetime.combine(dt.date(2027, 3, 1), dt.time(20, 59), event.zone).astimezone(dt.UTC)

    def test_a_running_campaign_stops_and_goes_on(
        self, event: Event, sender: Sender, night: EventSending
    ) -> None:
        evening = self.evening(event)
        campaign = a_campaign(some_guests(event, 3), sender, now=evening)
        hours.keep(evening)
        assert claimed(sender, evening) == 3
        Invitation.objects.update(state=State.QUEUED)
        quiet = evening + dt.timedelta(seconds=58)
        assert hours.keep(quiet) == 1, "a little early, so that nothing leaves late"
        assert claimed(sender, quiet) == 0
        assert "Quiet hours: 3 wait" in progress(Campaign.objects.get(pk=campaign.pk), quiet).note
        morning = evening + dt.timedelta(hours=12, minutes=1)
        assert hours.keep(morning - dt.timedelta(seconds=1)) == 0
        assert hours.keep(morning) == 1
        assert claimed(sender, morning) == 3

    def test_what_is_started_at_night_waits_at_once(
        self, event: Event, sender: Sender, night: EventSending
    ) -> None:
        late = self.evening(event) + dt.timedelta(hours=2)
        campaign = a_campaign(some_guests(event, 2), sender, now=late)
        assert claimed(sender, late) == 0
        assert Campaign.objects.get(pk=campaign.pk).state == CampaignState.RUNNING

    def test_a_retry_at_night_waits(self, event: Event, sender: Sender, night: EventSending) -> None:
        evening = self.evening(event)
        campaign = a_campaign(some_guests(event, 1), sender, now=evening)
        Invitation.objects.update(state=State.FAILED, failed_at=evening, reason="No.")
        ledger.finish_campaigns(evening)
        late = evening + dt.timedelta(hours=3)
        with time_machine.travel(late, tick=False):
            assert campaigns.retry(Invitation.objects.filter(campaign=campaign)) == 1
        assert claimed(sender, late) == 0

    def test_hours_that_are_taken_away_are_over_at_once(
        self, event: Event, sender: Sender, night: EventSending
    ) -> None:
        late = self.evening(event) + dt.timedelta(hours=2)
        a_campaign(some_guests(event, 2), sender, now=late)
        night.delete()
        assert hours.keep(late) == 1
        assert claimed(sender, late) == 2


def told(count: int, now: dt.datetime, **more: object) -> list[tuple[dt.date, int]]:
    found = forecast(
        count, per_second=1, per_hour=None, per_day=None, used=Used(), now=now, zone=JERUSALEM,
        **more,  # type: ignore[arg-type]
    )  # fmt: skip
    return [(day.date, day.count) for day in found.days]


class TestForecast:
    def test_the_night_is_waited_out(self) -> None:
        # 1.009 s a message: 3,568 in an hour
        now = at("2027-03-01T20:00")
        days = told(4000, now, quiet=NIGHT)
        assert [date.day for date, _ in days] == [1, 2]
        assert days[0][1] == pytest.approx(3568, abs=1)
        assert sum(count for _, count in days) == 4000
        found = forecast(
            4000, per_second=1, per_hour=None, per_day=None, used=Used(), now=now, zone=JERUSALEM, quiet=NIGHT
        )
        assert found.ends_at.astimezone(JERUSALEM).hour == 9

    def test_a_late_start_begins_late(self) -> None:
        now = at("2027-03-01T12:00")
        starts = at("2027-03-03T10:00")
        found = forecast(
            10, per_second=1, per_hour=None, per_day=None, used=Used(waiting=[20]), now=now, zone=JERUSALEM,
            starts_at=starts,
        )  # fmt: skip
        assert found.starts_at == starts, "the others have left by then"
        assert found.ends_at - starts < dt.timedelta(seconds=10)

    def test_what_still_waits_of_others_at_the_start_takes_turns(self) -> None:
        now = at("2027-03-01T12:00")
        starts = now + dt.timedelta(seconds=100)
        found = forecast(
            50, per_second=1, per_hour=None, per_day=None, used=Used(waiting=[149]), now=now, zone=JERUSALEM,
            starts_at=starts,
        )  # fmt: skip
        assert (found.ends_at - starts).total_seconds() == pytest.approx(99 * 1.009, abs=2)


def test_quiet_hours_that_begin_while_a_long_list_is_read_are_heeded(
    event: Event, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    EventSending.objects.create(event=event, quiet_from=dt.time(22), quiet_until=dt.time(9))
    some_guests(event, 1)
    check = campaigns.flightcheck.check
    with time_machine.travel(at("2027-03-02T21:59:50"), tick=False) as clock:

        def slowly(*given: object, **named: object) -> object:
            clock.shift(15)
            return check(*given, **named)

        monkeypatch.setattr(campaigns.flightcheck, "check", slowly)
        made = campaigns.start_campaign(event, event.guests.all(), template=a_template(), sender=sender)
    assert made.quiet_until == at("2027-03-03T09:00")


def test_after_a_pause_it_shares_also_when_one_of_it_waits_for_a_retry(event: Event, sender: Sender) -> None:
    first, second = some_guests(event, 2)
    campaign = a_campaign([first, second], sender)
    waits = campaign.invitations.get(guest=first)
    Invitation.objects.filter(pk=waits.pk).update(turn=1, due_at=NOW + dt.timedelta(hours=1))
    Invitation.objects.filter(guest=second).update(turn=5000)
    Sender.objects.update(turn=5000)
    campaigns.pause(campaign)
    campaigns.resume(campaign)
    assert Invitation.objects.get(guest=second).turn == 5001
