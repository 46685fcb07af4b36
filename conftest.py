"""For all tests: which of them are the contract's, the order of the run, and the Redis that a run is given."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

import pytest
from asgiref.sync import sync_to_async

#: what takes longest begins first, so that no worker waits at the end for another
SLOW = (
    "test_fleet.py",
    "test_moving.py",
    "test_chaos.py",
    "test_campaigns_whole.py",
    "test_senders_whole.py",
    "test_shell.py",
    "test_database_faults.py",
    "test_upgrade.py",
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "TEST_DATABASE_URL" in os.environ:
        others = [item for item in items if not touches_the_database(item)]
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if touches_the_database(item)]
    places = {name: place for place, name in enumerate(SLOW)}
    items.sort(key=lambda item: places.get(item.path.name, len(SLOW)))


def touches_the_database(item: pytest.Item) -> bool:
    """Whether it is given the test database: by mark, or by a fixture, however indirectly."""
    by_fixture = "_django_db_helper" in getattr(item, "fixturenames", ())
    return by_fixture or item.get_closest_marker("django_db") is not None


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    """PostgreSQL drops no database that somebody is connected to: whoever forgets a connection fails the run."""
    yield
    from django.db import connections

    # this thread outlives the tests that worked in it
    asyncio.run(sync_to_async(connections.close_all)())


@pytest.fixture(autouse=True)
def _empty_redis() -> Iterator[None]:
    """No test finds what another left in the Redis that this run is given."""
    from django.conf import settings

    if settings.REDIS:
        with settings.REDIS.client() as client:
            client.flushdb()
    yield
