"""A new event: whose numbers its list has, and the variables of its own."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from cordially.events.creating import create
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
