"""The thread of the ledger: what PostgreSQL ends for a deadlock begins again."""

from __future__ import annotations

import pytest
from django.db import OperationalError
from psycopg.errors import DeadlockDetected, LockNotAvailable

from cordially.delivery.thread import LedgerThread

pytestmark = pytest.mark.django_db(transaction=True)


class Fails:
    def __init__(self, error: type[Exception], times: int) -> None:
        self.error, self.left = error, times
        self.asked = 0

    def __call__(self) -> str:
        self.asked += 1
        if self.left:
            self.left -= 1
            raise OperationalError("no") from self.error("no")
        return "done"


async def run(function: Fails) -> str:
    thread = LedgerThread()
    try:
        return await thread.run(function)
    finally:
        thread.close()


async def test_what_was_ended_for_a_deadlock_is_done_again() -> None:
    assert await run(Fails(DeadlockDetected, 2)) == "done"


async def test_not_for_ever() -> None:
    function = Fails(DeadlockDetected, 9)
    with pytest.raises(OperationalError):
        await run(function)
    assert function.asked == 3


async def test_whatever_else_fails_fails_at_once() -> None:
    function = Fails(LockNotAvailable, 1)
    with pytest.raises(OperationalError):
        await run(function)
    assert function.asked == 1
