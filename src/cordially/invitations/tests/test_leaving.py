"""Guests who are taken off the list, brought back, corrected, and invited in person."""

from __future__ import annotations

import io

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests.people import NOW, a_campaign, a_guest, a_template, some_guests

from cordially.guests import editing, importing, removal
from cordially.guests.models import Guest, Tag
from cordially.guests.reading import read_table
from cordially.invitations import campaigns, flightcheck
from cordially.invitations.lifecycle import State
from cordially.invitations.models import Invitation
from cordially.rsvp.answers import record_answer, summary

pytestmark = pytest.mark.django_db


def states(campaign) -> dict[str, int]:
    return {state.value: count for state, count in campaigns.counts(campaign).items() if count}


class TestTakenOff:
    def test_nothing_goes_to_them_and_no_figure_counts_them(self, event, sender):
        gone, stays = some_guests(event, 2)
        campaign = a_campaign([gone, stays], sender)
        record_answer(gone, "yes", 2, "", NOW)
        removal.take_off(Guest.objects.filter(pk=gone.pk))
        assert states(campaign) == {"queued": 1, "cancelled": 1}
        assert sum(campaigns.event_counts(event).values()) == 1
        assert summary(event)["coming"] == 0
        assert list(event.guests.all()) == [stays]
        assert not Guest.objects.filter(pk=gone.pk).exists()

    def test_they_are_brought_back_as_they_were(self, event, sender):
        guest, other = some_guests(event, 2)
        first = a_campaign([guest, other], sender)
        Invitation.objects.filter(campaign=first).update(state=State.READ, attempts=1, read_at=NOW)
        # left out of a second one: the first is what counts
        with pytest.raises(campaigns.NobodyReady):
            a_campaign([guest, other], sender)
        record_answer(guest, "no", 0, "", NOW)
        record_answer(guest, "yes", 1, "", NOW)
        counted = dict(Invitation.objects.filter(is_current=True).values_list("guest", "pk"))
        ids = removal.take_off(Guest.objects.filter(event=event))
        assert removal.bring_back(event, ids) == 2
        assert dict(Invitation.objects.filter(is_current=True).values_list("guest", "pk")) == counted
        assert summary(event)["coming"] == 1
        assert removal.bring_back(event, ids) == 0, "once"

    def test_a_second_invitation_is_never_made_by_it(self, event, sender):
        [guest] = some_guests(event, 1)
        campaign = a_campaign([guest], sender)
        Invitation.objects.filter(campaign=campaign).update(
            state=State.DELIVERED, attempts=1, delivered_at=NOW
        )
        removal.bring_back(event, removal.take_off(event.guests.all()))
        with pytest.raises(campaigns.NobodyReady):
            a_campaign([guest], sender)

    def test_a_list_that_names_them_brings_them_back(self, event):
        event.country = "IL"
        event.save()
        listed = b"name,phone\nRuth Almog,050-222-3344\nNoam,\n"
        importing.import_guests(event, read_table(io.BytesIO(listed), "a.csv"))
        ids = set(event.guests.values_list("pk", flat=True))
        removal.take_off(event.guests.all())
        report = importing.import_guests(event, read_table(io.BytesIO(listed), "a.csv"))
        assert set(event.guests.values_list("pk", flat=True)) == ids
        assert {result.outcome for result in report.rows} == {"updated"}

    def test_many_cost_few_statements(self, event, sender):
        guests = some_guests(event, 40)
        a_campaign(guests, sender)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            removal.take_off(event.guests.all())
        assert len(queries) < 20


class TestCorrecting:
    def test_what_waits_goes_to_the_new_number(self, event, sender):
        [guest] = some_guests(event, 1)
        campaign = a_campaign([guest], sender)
        editing.change(guest, {"phone": "+972 50-222-3344"})
        assert campaign.invitations.get().phone == "+972502223344"

    def test_without_a_number_it_is_left_out(self, event, sender):
        [guest] = some_guests(event, 1)
        campaign = a_campaign([guest], sender)
        changed = editing.change(guest, {"phone": ""})
        assert changed.phone_problem == "no_phone"
        assert states(campaign) == {"skipped": 1}

    def test_what_has_left_keeps_its_number(self, event, sender):
        [guest] = some_guests(event, 1)
        campaign = a_campaign([guest], sender)
        Invitation.objects.update(state=State.SENT, attempts=1, sent_at=NOW)
        editing.change(guest, {"phone": "+972 50-222-3344"})
        assert campaign.invitations.get().phone == guest.phone

    @pytest.mark.parametrize(
        ("given", "field"),
        [
            ({"phone": "12"}, "phone"),
            ({"name": " \u200b "}, "name"),
            ({"party_size": "many"}, "party_size"),
            ({"language": "Klingonish tongue"}, "language"),
        ],
    )
    def test_what_can_not_be_kept_changes_nothing(self, event, given, field):
        guest = a_guest(event, "Ruth")
        with pytest.raises(editing.Invalid) as wrong:
            editing.change(guest, given)
        assert list(wrong.value.errors) == [field]
        kept = Guest.objects.get(pk=guest.pk)
        assert (kept.name, kept.phone, kept.version) == ("Ruth", guest.phone, 0)

    def test_a_form_that_is_out_of_date_is_told(self, event):
        guest = a_guest(event, "Ruth")
        editing.change(guest, {"group": "Family"}, seen=0)
        with pytest.raises(editing.Stale) as stale:
            editing.change(guest, {"group": "Friends"}, seen=0)
        assert stale.value.now.group == "Family"

    def test_nobody_is_on_the_list_twice(self, event):
        one = a_guest(event, "Ruth", "+972502223344")
        two = a_guest(event, "Rut", "+972502223344")
        with pytest.raises(editing.Invalid, match="on the list already"):
            editing.change(two, {"name": "Ruth"})
        with pytest.raises(editing.Invalid, match="on the list already"):
            editing.add(event, {"name": "RUTH", "phone": "+972 50 222 3344"})
        removal.take_off(Guest.objects.filter(pk=one.pk))
        assert editing.add(event, {"name": "Ruth", "phone": "+972 50 222 3344", "tags": "a"}).pk == one.pk


class TestTags:
    def test_they_are_words_of_the_event_and_forgotten_when_nobody_has_them(self, event):
        guest, other = some_guests(event, 2)
        editing.change(guest, {"tags": "Bus 2, family ; FAMILY"})
        assert [tag.name for tag in guest.tags.all()] == ["Bus 2", "family"]
        assert editing.add_tags(event, event.guests.all(), "family") == 2
        assert editing.add_tags(event, event.guests.all(), "family") == 2, "again changes nothing"
        assert other.tags.get().guests.count() == 2
        assert editing.take_tag(event, event.guests.all(), "Family") == 2
        assert [tag.name for tag in Tag.objects.all()] == ["Bus 2"]


class TestInPerson:
    def test_no_invitation_is_sent_to_them_and_a_reminder_is(self, event, sender):
        met, other = some_guests(event, 2)
        editing.mark_in_person(met, True)
        template = a_template("Dear {{guest_name}}, come!")
        everybody = Guest.objects.filter(event=event)
        report = flightcheck.check(event, everybody, template, account=sender.account)
        assert (report.ready, report.left_out) == (1, 1)
        campaign = campaigns.start_campaign(event, everybody, template=template, sender=sender, confirmed=1)
        left_out = campaign.invitations.get(state=State.SKIPPED)
        assert (left_out.guest, left_out.reason) == (met, "Invited in person.")
        reminder = campaigns.start_campaign(
            event, Guest.objects.filter(pk=met.pk), template=template, sender=sender, purpose="reminder"
        )
        assert states(reminder) == {"queued": 1}

    def test_it_can_be_taken_back(self, event, sender):
        [met] = some_guests(event, 1)
        editing.mark_in_person(met, True)
        editing.mark_in_person(met, False)
        assert states(a_campaign([met], sender)) == {"queued": 1}

    def test_what_still_waits_for_them_is_called_back(self, event, sender):
        [met] = some_guests(event, 1)
        campaign = a_campaign([met], sender)
        editing.mark_in_person(met, True)
        row = campaign.invitations.get()
        assert (row.state, row.reason) == (State.CANCELLED, "Invited in person.")
