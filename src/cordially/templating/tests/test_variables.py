"""From a template to the words that one guest reads."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cordially.events.models import Event
from cordially.guests.models import Guest
from cordially.templating import variables
from cordially.templating.variables import LINK_TOKEN, Slot, fill, slots


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
    return variables.values_for(event or an_event(), Guest(**{"name": "Sunita", "token": "t0ken", **given}))


def test_variables_are_named_once_in_the_order_of_their_appearance():
    body = "{{guest_name}}, {{ event_date }} {{guest_name}} {{table_2}}"
    assert [slot.key for slot in slots(body)] == ["guest_name", "event_date", "table_2"]


@pytest.mark.parametrize(
    "body", ["{guest_name}", "{{2nd}}", "{{}}", "{{guest.name}}", "{{guest name}}", "{{a|b|c}}",
             "{% guest_name %}", "${guest_name}", "%(guest_name)s"],
)  # fmt: skip
def test_what_is_no_variable_stays_text(body: str):
    assert slots(body) == ()
    assert fill(body, {"guest_name": "Sunita"}) == body


def test_a_guest_reads_their_own_message():
    body = "Dear {{guest_name}}, *{{event_name}}*, {{event_when}}, {{event_location}}: {{rsvp_link}}"
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
    assert values(an_event(starts_at=starts))["event_when"] == shown


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
    assert values(an_event(language=language))["event_when"] == shown


def test_a_value_is_one_line():
    assert variables.clean("  Zoë \t\n van\u00a0der\r\n\n Berg\u2028\x00 ") == "Zoë van der Berg"
    assert variables.clean(12) == "12"


@given(st.text())
def test_a_clean_value_is_taken_by_whatsapp_and_stays_clean(text: str):
    cleaned = variables.clean(text)
    assert variables.clean(cleaned) == cleaned
    assert not set(cleaned) & set("\n\r\t\x00") and "  " not in cleaned


def test_a_guests_own_field_wins_over_the_events():
    event = an_event(fields={"dress": "black tie", "table": "any"})
    assert values(event, fields={"table": "12"})["table"] == "12"
    assert values(event, fields={"table": " \n"})["table"] == "any"
    assert values(event)["dress"] == "black tie"


def test_no_field_of_a_list_can_stand_for_what_is_built_in():
    forged = dict.fromkeys(variables.NAMES, "https://evil.example")
    assert "https://evil.example" not in values(an_event(fields=forged), fields=forged).values()


@pytest.mark.parametrize(
    "name",
    ["{{rsvp_link}}", "{{ event_name }}", "{0.__class__}", "%s %(x)s", "<b>Sunita</b>", "{% now %}", r"\1 \g<0>",
     "*_~`"],
)  # fmt: skip
def test_what_stands_in_a_value_is_text_and_nothing_else(name: str):
    assert fill("Dear {{guest_name}}!", values(name=name)) == f"Dear {name}!"


def test_a_filled_text_tells_what_came_from_variables():
    assert variables.parts("Dear {{guest_name}}, table {{table}}", {"guest_name": "Sunita"}) == [
        ("Dear ", False),
        ("Sunita", True),
        (", table ", False),
        ("{{table}}", True),
    ]
    assert variables.parts("", {}) == []


@given(st.text(alphabet="ab{} _\n"), st.dictionaries(st.sampled_from(["a", "b", "a_b"]), st.text()))
def test_a_text_is_the_sum_of_its_parts(body: str, filled: dict[str, str]):
    assert "".join(text for text, _ in variables.parts(body, filled)) == fill(body, filled)
    if not slots(body):
        assert fill(body, filled) == body


def test_it_is_known_beforehand_which_variables_everyone_has():
    event = an_event(venue=" ", fields={"dress": "black tie"})
    assert variables.always_filled(Slot("guest_name"), event)
    assert variables.always_filled(Slot("dress"), event)
    assert variables.always_filled(Slot(LINK_TOKEN), event)
    assert not variables.always_filled(Slot("event_location"), event)
    assert variables.always_filled(Slot("event_location", "the place will follow"), event)
    assert not variables.always_filled(Slot("table"), event)
    assert variables.always_filled(Slot("event_location"), an_event())


def test_english_without_a_country_is_not_american_for_it(db: None) -> None:
    assert variables.event_day(an_event(country=""), "en") == "Thursday, 6 May 2027"
    assert variables.event_day(an_event(country="US"), "en") == "Thursday, May 6, 2027"


def test_day_and_hour_stand_alone_and_together():
    filled = values()
    assert (filled["event_date"], filled["event_time"]) == ("Thursday, 6 May 2027", "18:30")
    assert filled["event_when"] == "Thursday, 6 May 2027, 18:30"


def test_a_fallback_is_read_where_a_guest_has_no_value():
    body = "Come to {{ hall | the  garden }} at {{hall|noon}}, {{hall}}"
    assert [slot.key for slot in slots(body)] == ["hall|the garden", "hall|noon", "hall"]
    assert fill(body, {}) == "Come to the garden at noon, {{hall}}"
    assert fill(body, {"hall": "the pavilion"}) == "Come to the pavilion at the pavilion, the pavilion"
    assert [Slot.read(slot.key) for slot in slots(body)] == list(slots(body))


def test_each_pair_of_name_and_fallback_is_a_number_of_twilios():
    body = "{{a}} {{b|x}} {{a}} {{b|y}}"
    assert variables.numbered(body, slots(body)) == "{{1}} {{2}} {{1}} {{3}}"


def test_what_is_known_of_a_guest_can_be_named():
    filled = values(party_size=3, group="Family")
    assert {name: filled[name] for name in ("first_name", "party_size", "group")} == {
        "first_name": "Sunita", "party_size": "3", "group": "Family",
    }  # fmt: skip
    assert filled["rsvp_link"].endswith(filled[LINK_TOKEN])


def test_every_documented_variable_is_filled_for_a_guest_or_has_a_sample():
    event = an_event(map_url="https://maps.example.com/1")
    filled = values(event, group="Family")
    assert all(filled[each.name] for each in variables.BUILT_IN)
    assert all(variables.sample_values(None, "en")[name] for name in variables.NAMES)
    assert variables.sample_values(event, "de")["event_date"] == "Donnerstag, 6. Mai 2027"
