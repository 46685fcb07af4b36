from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from cordially.dashboard import words
from cordially.dashboard.templatetags.marks import in_words, segments
from cordially.invitations.lifecycle import State


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(1.44, "1.4 s"), (19, "19 seconds"), (156, "2 min 36 s"), (1200, "20 min"), (12_000, "3 h 20 min")],
)
def test_spans(seconds: float, said: str) -> None:
    assert words.span(seconds) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(None, ("–", "")), (0, ("0:01", "min")), (64, ("1:04", "min")), (4000, ("1:06", "h"))],
)
def test_time_left(seconds: int | None, said: tuple[str, str]) -> None:
    assert words.countdown(seconds) == said


def test_a_moment_of_another_day_names_the_day() -> None:
    noon = timezone.localtime().replace(hour=12, minute=0)
    assert words.clock(noon) == "12:00"
    assert words.clock(noon + dt.timedelta(days=1)) == "tomorrow 12:00"
    assert words.clock(noon - dt.timedelta(days=1)) == "yesterday 12:00"


def test_a_bar_fills_its_whole_width_and_shows_the_smallest_part() -> None:
    parts = segments({State.READ: 99_999, State.FAILED: 1, State.QUEUED: 0})
    assert [state for state, _, _ in parts] == [State.READ, State.FAILED]
    assert parts[1][2] == pytest.approx(0.7)
    assert parts[-1][1] + parts[-1][2] == pytest.approx(100)


def test_a_bar_has_a_sentence() -> None:
    assert in_words({State.READ: 1200, State.SENT: 2, State.FAILED: 1}) == "1,200 read, 2 sent and 1 failed"
