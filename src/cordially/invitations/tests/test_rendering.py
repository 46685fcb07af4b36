"""From a template to the words that one guest reads."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cordially.events.models import Event
from cordially.guests.models import Guest
from cordially.invitations import rendering
from cordially.invitations.rendering import fill


def an_event(**given: object) -> Event:
    return Event(
        **{
            "name": "Maya & Arjun",
            "starts_at": dt.datetime(2027, 5, 6, 15, 30, tzinfo=dt.UTC),
            "timezone": "Asia/Jerusalem",
            "country": "IL",
            "venue": "The Orange Grove",
            **given,
        }
    )


def values(event: Event | None = None, **given: object) -> dict[str, str]:
    return rendering.values_for(event or an_event(), Guest(**{"name": "Sunita", "token": "t0ken", **given}))


def test_variables_are_named_once_in_the_order_of_their_appearance():
    body = "{{guest_name}}, {{ event_date }} {{guest_name}} {{table_2}}"
    assert rendering.variables(body) == ("guest_name", "event_date", "table_2")


@pytest.mark.parametrize(
    "body", ["{guest_name}", "{{2nd}}", "{{}}", "{{guest.name}}", "{{guest name}}", "{{a|b}}",
             "{% guest_name %}", "${guest_name}", "%(guest_name)s"],
)  # fmt: skip
def test_what_is_no_variable_stays_text(body: str):
    assert rendering.variables(body) == ()
    assert fill(body, {"guest_name": "Sunita"}) == body


def test_a_guest_reads_their_own_message():
    body = "Dear {{guest_name}}, *{{event_name}}*, {{event_date}}, {{event_location}}: {{rsvp_link}}"
    assert fill(body, values()) == (
        "Dear Sunita, *Maya & Arjun*, Thursday, 6 May 2027, 18:30, The Orange Grove: "
        "http://127.0.0.1:8000/r/t0ken"
    )


@pytest.mark.parametrize(
    ("starts", "shown"),
    [
        # the clocks of Jerusalem: summer time until 25 October 2026, again from 26 March 2027
        (dt.datetime(2026, 10, 24, 16, 0, tzinfo=dt.UTC), "Saturday, 24 October 2026, 19:00"),
        (dt.datetime(2026, 10, 25, 16, 0, tzinfo=dt.UTC), "Sunday, 25 October 2026, 18:00"),
        (dt.datetime(2027, 3, 25, 23, 30, tzinfo=dt.UTC), "Friday, 26 March 2027, 1:30"),
        (dt.datetime(2027, 3, 26, 0, 30, tzinfo=dt.UTC), "Friday, 26 March 2027, 3:30"),
    ],
)
def test_the_hour_is_the_one_on_the_clock_of_the_place(starts: dt.datetime, shown: str):
    assert values(an_event(starts_at=starts))["event_date"] == shown


@pytest.mark.parametrize(
    ("language", "shown"),
    [
        ("de", "Donnerstag, 6. Mai 2027, 18:30"),
        ("he", "יום חמישי, 6 במאי 2027, 18:30"),
        ("en-US", "Thursday, May 6, 2027, 6:30 PM"),
        ("pt-br", "quinta-feira, 6 de maio de 2027, 18:30"),
        ("tlh", "Thursday, 6 May 2027, 18:30"),
        ("../../etc/passwd", "Thursday, 6 May 2027, 18:30"),
    ],
)
def test_the_date_is_written_in_the_language_of_the_event(language: str, shown: str):
    assert values(an_event(language=language))["event_date"] == shown


def test_a_value_is_one_line():
    assert rendering.clean("  Zoë \t\n van\u00a0der\r\n\n Berg\u2028\x00 ") == "Zoë van der Berg"
    assert rendering.clean(12) == "12"


@given(st.text())
def test_a_clean_value_is_taken_by_whatsapp_and_stays_clean(text: str):
    cleaned = rendering.clean(text)
    assert rendering.clean(cleaned) == cleaned
    assert not set(cleaned) & set("\n\r\t\x00") and "  " not in cleaned


def test_a_guests_own_field_wins_over_the_events():
    event = an_event(fields={"dress": "black tie", "table": "any"})
    assert values(event, fields={"table": "12"})["table"] == "12"
    assert values(event, fields={"table": " \n"})["table"] == "any"
    assert values(event)["dress"] == "black tie"


def test_no_field_of_a_list_can_stand_for_what_is_built_in():
    forged = dict.fromkeys(rendering.BUILT_IN, "https://evil.example")
    assert "https://evil.example" not in values(an_event(fields=forged), fields=forged).values()


@pytest.mark.parametrize(
    "name",
    ["{{rsvp_link}}", "{{ event_name }}", "{0.__class__}", "%s %(x)s", "<b>Sunita</b>", "{% now %}", r"\1 \g<0>",
     "*_~`"],
)  # fmt: skip
def test_what_stands_in_a_value_is_text_and_nothing_else(name: str):
    assert fill("Dear {{guest_name}}!", values(name=name)) == f"Dear {name}!"


def test_a_filled_text_tells_what_came_from_variables():
    assert rendering.parts("Dear {{guest_name}}, table {{table}}", {"guest_name": "Sunita"}) == [
        ("Dear ", False),
        ("Sunita", True),
        (", table ", False),
        ("{{table}}", True),
    ]
    assert rendering.parts("", {}) == []


@given(st.text(alphabet="ab{} _\n"), st.dictionaries(st.sampled_from(["a", "b", "a_b"]), st.text()))
def test_a_text_is_the_sum_of_its_parts(body: str, filled: dict[str, str]):
    assert "".join(text for text, _ in rendering.parts(body, filled)) == fill(body, filled)
    if not rendering.variables(body):
        assert fill(body, filled) == body


def test_it_is_known_beforehand_which_variables_everyone_has():
    event = an_event(venue=" ", fields={"dress": "black tie"})
    assert rendering.always_filled("guest_name", event)
    assert rendering.always_filled("dress", event)
    assert not rendering.always_filled("event_location", event)
    assert not rendering.always_filled("table", event)
    assert rendering.always_filled("event_location", an_event())


def test_english_without_a_country_is_not_american_for_it(db: None) -> None:
    event = an_event(country="")
    assert rendering.event_date(event, "en").startswith("Thursday")
    assert "6 May 2027" in rendering.event_date(event, "en")
    assert "May 6, 2027" in rendering.event_date(an_event(country="US"), "en")
