"""What a guest said, as it is stored."""

import datetime as dt

import pytest

from cordially.guests.models import Guest
from cordially.rsvp.answers import current_answer, record_answer, seats, summary
from cordially.rsvp.models import Answer, Reply

pytestmark = pytest.mark.django_db
NOW = dt.datetime(2026, 11, 22, 8, 58, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(hours=1)


def test_it_stores_an_answer_as_the_current_one(guest: Guest):
    answer = record_answer(guest, Reply.YES, 3, "Save us a dance", NOW)

    assert (answer.reply, answer.heads, answer.note, answer.at) == ("yes", 3, "Save us a dance", NOW)
    assert current_answer(guest) == answer


def test_the_same_answer_again_is_the_one_that_is_there(guest: Guest):
    first = record_answer(guest, Reply.YES, 3, "", NOW)
    again = record_answer(guest, Reply.YES, 3, "", LATER)

    assert again == first
    assert Answer.objects.get().at == NOW


def test_a_change_of_mind_keeps_what_was_said_before(guest: Guest):
    record_answer(guest, Reply.YES, 3, "", NOW)
    record_answer(guest, Reply.NO, 3, "", LATER)
    record_answer(guest, Reply.YES, 3, "", LATER)

    assert list(Answer.objects.values_list("reply", "heads", "is_current")) == [
        ("yes", 3, False),
        ("no", 0, False),
        ("yes", 3, True),
    ]


def test_an_answer_touches_nobody_else(guest: Guest):
    other = Guest.objects.create(event=guest.event, name="Ruth", name_key="ruth", phone="+972541234568")
    record_answer(other, Reply.MAYBE, 1, "", NOW)
    record_answer(guest, Reply.NO, 0, "", LATER)

    assert current_answer(other).reply == "maybe"


def test_an_invitation_has_a_seat_for_the_guest_at_least(guest: Guest):
    guest.party_size = 0
    assert seats(guest) == 1


def test_the_summary_counts_current_answers_and_the_people_who_come(guest: Guest):
    assert summary(guest.event) == {"yes": 0, "no": 0, "maybe": 0, "coming": 0}
    for phone, reply, heads in [("1", "yes", 2), ("2", "yes", 3), ("3", "maybe", 4)]:
        other = Guest.objects.create(
            event=guest.event, name=phone, name_key=phone, phone=f"+97254123450{phone}"
        )
        record_answer(other, reply, heads, "", NOW)
    record_answer(guest, Reply.YES, 4, "", NOW)
    record_answer(guest, Reply.NO, 0, "", LATER)

    assert summary(guest.event) == {"yes": 2, "no": 1, "maybe": 1, "coming": 5}
