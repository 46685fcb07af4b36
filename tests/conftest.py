"""Order of the run: what takes longest begins first, so that no worker waits at the end for another."""

from __future__ import annotations

import pytest

SLOW = (
    "test_postgresql.py",
    "test_fleet.py",
    "test_moving.py",
    "test_chaos.py",
    "test_campaigns_whole.py",
    "test_senders_whole.py",
    "test_shell.py",
    "test_database_faults.py",
    "test_upgrade.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {name: place for place, name in enumerate(SLOW)}
    items.sort(key=lambda item: places.get(item.path.name, len(SLOW)))
