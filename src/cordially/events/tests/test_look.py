"""The stationery that follows from a name."""

import pytest

from cordially.events.look import LINERS, TINTS, Look, look, monogram
from cordially.events.models import Event


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("Maya & Arjun", "M&A"),
        ("maya & arjun", "M&A"),
        ("מאיה & ארג׳ון", "מ&א"),
        ("מאיה וארג׳ון", "מ"),
        ("Kestrel Robotics, 25 years", "KR"),
        ("Ruth turns 70", "R"),
        ("Anna & Ben & Carl", "AB"),
        ("summer party", "S"),
        ("Élodie", "É"),
        ("नमस्ते", "न"),
        ("किताब", "कि"),
        ("1996", "96"),
        ("💍", "💍"),
        ("“Q&A” night", "Q&A"),
        (" ", "C"),
    ],
)
def test_a_name_gives_its_monogram(name, letters):
    assert monogram(name) == letters


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Maya & Arjun", Look("mulberry", "scallop", "M&A")),
        ("Kestrel Robotics, 25 years", Look("fjord", "lattice", "KR")),
        ("Ruth turns 70", Look("ochre", "dots", "R")),
        ("Tomoko & Lior", Look("moss", "stripe", "T&L")),
    ],
)
def test_the_designs_events_look_as_drawn(name, expected):
    assert look(Event(name=name)) == expected


def test_names_spread_over_all_tints_and_liners():
    looks = [look(Event(name=f"Event {n}")) for n in range(200)]
    assert {each.tint for each in looks} == set(TINTS)
    assert {each.liner for each in looks} == set(LINERS)
