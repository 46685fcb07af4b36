"""Above so many in a window, and each for itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.cache import cache

from cordially.lib import rates


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


def test_only_what_is_above_is_told() -> None:
    assert [rates.count("answer", "a", most=2) for _ in range(4)] == [False, False, True, True]
    assert not rates.count("answer", "b", most=2)
    assert not rates.count("signin", "a", most=2)


def test_looking_counts_nothing() -> None:
    assert not any(rates.is_over("answer", "a", most=1) for _ in range(3))
    rates.count("answer", "a", most=1)
    assert rates.is_over("answer", "a", most=1)


def test_a_window_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "WINDOW", 0)
    assert [rates.count("answer", "a", most=1) for _ in range(3)] == [False] * 3
