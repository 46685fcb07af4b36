"""A new event: whose numbers its list has, and the variables of its own."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core.exceptions import ValidationError

from cordially.events.creating import Changed, Typed, archive, change, create, make, restore
from cordially.events.models import Event
from cordially.events.places import country_of_zone


def made(zone: str = "Asia/Jerusalem", **given: object) -> Event:
    return create("Maya & Arjun", starts="2027-05-01T18:00", timezone=zone, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("zone", "country"),
    [
        ("Asia/Jerusalem", "IL"),
        ("Asia/Tel_Aviv", "IL"),
        ("Israel", "IL"),
        ("Asia/Kolkata", "IN"),
        ("Asia/Calcutta", "IN"),
        ("Europe/Vienna", "AT"),
        ("America/Toronto", "CA"),
        ("US/Eastern", "US"),
        ("Africa/Lagos", "NG"),
        ("America/Argentina/Ushuaia", "AR"),
    ],
)
def test_a_zone_is_of_its_country(zone: str, country: str) -> None:
    assert country_of_zone(zone) == country


@pytest.mark.parametrize(
    "zone",
    ["UTC", "Etc/UTC", "Etc/GMT+5", "GMT", "CET", "EST", "EST5EDT", "Antarctica/Troll", "Mars/Base", ""],
)
def test_nothing_is_guessed_for_a_zone_without_a_country(zone: str) -> None:
    assert country_of_zone(zone) == ""


@pytest.mark.django_db
def test_the_country_is_the_one_given_else_that_of_the_zone_else_none() -> None:
    assert made("Europe/Vienna").country == "AT"
    assert made("Europe/Vienna", country="de").country == "DE"
    assert made("UTC", country="IL").country == "IL"
    assert made("UTC").country == ""


@pytest.mark.django_db
def test_the_variables_of_the_event_are_kept_on_one_line() -> None:
    event = made(fields={"dress_code": " Garden\n party ", "שם": "ערב"})
    assert Event.objects.get(pk=event.pk).fields == {"dress_code": "Garden party", "שם": "ערב"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"": "x"}, "can't be a variable's name"),
        ({"2nd": "x"}, "can't be a variable's name"),
        ({"dress code": "x"}, "can't be a variable's name"),
        ({"x" * 51: "x"}, "can't be a variable's name"),
        ({"dress_code": "  "}, "needs a value"),
        ({"dress_code": "x" * 501}, "too long"),
    ],
)
def test_what_is_no_variable_is_refused(fields: dict[str, str], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        made(fields=fields)
    assert not Event.objects.exists()


def typed(**given: object) -> Typed:
    return Typed(
        **{"name": "Maya & Arjun", "starts": "2027-05-01T18:00", "timezone": "Asia/Jerusalem", **given}  # type: ignore[arg-type]
    )


@pytest.mark.django_db
def test_all_that_is_wrong_is_said_at_once_and_by_field() -> None:
    with pytest.raises(ValidationError) as caught:
        make(
            typed(
                name=" ",
                timezone="Mars/Base",
                starts="soon",
                map_url="javascript:alert(1)",
                venue="x" * 201,
                answers_until="2027-02-30",
                fields={"a b": "x"},
            )
        )
    assert set(caught.value.message_dict) == {
        "name", "timezone", "starts", "map_url", "venue", "answers_until", "fields",
    }  # fmt: skip
    assert not Event.objects.exists()


@pytest.mark.django_db
def test_a_variable_that_is_built_in_is_refused() -> None:
    with pytest.raises(ValidationError, match="is built in"):
        make(typed(fields={"rsvp_link": "x"}, reserved={"rsvp_link"}))


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("until", "closes"),
    [
        ("", "2027-05-01T15:00"),
        ("2027-04-15", "2027-04-15T21:00"),
        # the night in which the clock jumps is an hour shorter
        ("2027-03-25", "2027-03-25T22:00"),
        ("2027-05-01", "2027-05-01T15:00"),
    ],
)
def test_answers_close_at_the_end_of_the_last_day_and_never_after_the_start(until: str, closes: str) -> None:
    event = make(typed(answers_until=until))
    event.refresh_from_db()
    assert event.answers_close_at == dt.datetime.fromisoformat(closes).replace(tzinfo=dt.UTC)


@pytest.mark.django_db
def test_a_change_keeps_the_slug_and_what_was_not_touched() -> None:
    event = make(typed(), picture="a.jpg")
    changed = change(event, typed(name="Maya & Noor", contact="Ruth"), seen=event.changed_at)
    changed.refresh_from_db()
    assert (changed.slug, changed.name, changed.contact, changed.picture) == (
        "maya-arjun", "Maya & Noor", "Ruth", "a.jpg",
    )  # fmt: skip


@pytest.mark.django_db
def test_a_change_over_a_change_is_refused() -> None:
    event = make(typed())
    seen = event.changed_at
    change(event, typed(venue="The Orange Grove"), seen=seen)
    with pytest.raises(Changed) as caught:
        change(event, typed(venue="Casa Bianca"), seen=seen)
    assert caught.value.event.venue == "The Orange Grove" == Event.objects.get().venue


@pytest.mark.django_db
def test_what_is_put_away_comes_back_as_it_was() -> None:
    event = make(typed())
    archive(event)
    event.refresh_from_db()
    assert event.archived_at
    restore(event)
    event.refresh_from_db()
    assert event.archived_at is None
