"""What of a value can be seen, and in which language a day is written."""

from __future__ import annotations

import datetime as dt

import pytest

from cordially.events.models import Event
from cordially.templating import languages, rules, variables
from cordially.templating.variables import Recipient, Slot


@pytest.mark.parametrize(
    "blank",
    ["\u200b", "\u200e\u200f", "\ufeff", "\u00ad", "\u3164", "\u2800", "\u2060", "\u180e", "\u115f\u1160",
     "\u3000 \u2003", "\x85", "\u0301", "\u202e\u202c", "\ufe0f", " \u200b\u200d "],
)  # fmt: skip
def test_what_nobody_can_see_is_no_value(blank: str) -> None:
    assert variables.clean(blank) == ""
    values = variables.guest_values({}, Recipient("Ruth", "t", {"hall": blank}))
    assert Slot("hall", "the garden").value(values) == "the garden"
    assert rules.check_value(Slot("hall"), values.get("hall", "")), "without a fallback it can't be sent"
    assert "it is empty" in rules.check_value(Slot("hall"), blank), "whoever asks"


@pytest.mark.parametrize("mark", ["\u200f", "\u2060\u200b", "\u3164"])
def test_the_first_name_is_the_first_that_can_be_seen(mark: str) -> None:
    values = variables.guest_values({}, Recipient(f"{mark} Ruth Levi", "t"))
    assert values["first_name"] == "Ruth"
    assert variables.guest_values({}, Recipient(mark, "t"))["first_name"] == ""


@pytest.mark.parametrize(
    "text",
    [
        "می‌خواهم",  # a joiner inside a Persian word
        "👩‍👩‍👧 Levi",  # and inside a family
        "\u200fשלום (Maya)\u200f",  # marks that keep brackets where they belong
        "é\u0301",
        "❤️",
        "7",
    ],
)
def test_marks_inside_a_text_stay(text: str) -> None:
    assert variables.clean(text) == text


@pytest.mark.parametrize(
    "space", ["\u0085", "\u2028", "\u3000", "\u2007", "\u205f", "\u1680", "\t", "\r\n", "\u00a0"]
)
def test_every_space_and_break_becomes_one_space(space: str) -> None:
    assert variables.clean(f"Hall{space}{space}B") == "Hall B"


@pytest.mark.parametrize("code", sorted(languages.LANGUAGES))
def test_a_day_is_written_in_the_language_of_the_text(code: str) -> None:
    starts = dt.datetime(2027, 5, 6, 15, 30, tzinfo=dt.UTC)
    event = Event(name="Party", starts_at=starts, timezone="UTC", country="IL")
    told = variables.event_day(event, code)
    assert told.strip()
    is_english = "Thursday" in told and "May" in told
    assert is_english == (code.partition("_")[0] == "en"), told


@pytest.mark.parametrize(
    ("code", "day"),
    [
        ("zh_CN", "2027年5月6日星期四"),
        ("zh_HK", "2027年5月6日星期四"),
        ("zh_TW", "2027年5月6日 星期四"),
        ("prs_AF", "پنجشنبه"),
    ],
)
def test_codes_that_only_whatsapp_has_are_known(code: str, day: str) -> None:
    starts = dt.datetime(2027, 5, 6, 15, 30, tzinfo=dt.UTC)
    event = Event(name="Party", starts_at=starts, timezone="UTC", country="CN")
    assert day in variables.event_day(event, code)
