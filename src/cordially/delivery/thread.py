"""The one thread of a process in which the hot writers of the ledger take turns.

SQLite has one writer at a time; taking turns here costs nothing, waiting for a lock inside SQLite costs up to
a tenth of a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from django.db import DatabaseError, InterfaceError, close_old_connections, connection

P = ParamSpec("P")
T = TypeVar("T")


#: a process that is frozen within a transaction keeps its locks; PostgreSQL ends it, so that others can go on
HOLDS_UP = "5s"
#: one row that somebody holds must not hold up the senders of all others, who share this thread
WAITS = "1s"
#: two that wait for each other: PostgreSQL ends one of them, which simply begins again
_AGAIN = ("40P01", "40001")
_TIMES = 3


class LedgerThread:
    """Runs short database functions one after the other, on one connection that stays open."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        self._closed = False

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The function's result; its exceptions pass through. Not interrupted by a cancelled caller.

        The function is one transaction, or reads: when PostgreSQL ends it for a deadlock it is called again.
        Raises InterfaceError when the thread is closed: for who comes so late the database is gone.
        """
        if self._closed:
            raise InterfaceError("the ledger is closed")

        def call() -> T:
            for left in reversed(range(_TIMES)):
                try:
                    _never_hold_up()
                    return function(*args, **kwargs)
                except (DatabaseError, InterfaceError) as error:
                    # a broken connection must not be met again by the next function
                    close_old_connections()
                    if not left or getattr(error.__cause__, "sqlstate", None) not in _AGAIN:
                        raise
            raise AssertionError("unreachable")

        return await asyncio.get_running_loop().run_in_executor(self._executor, call)

    def close(self) -> None:
        """Finish what was begun and close the connection."""
        self._closed = True
        # looked up over there: each thread has a connection of its own
        self._executor.submit(lambda: connection.close())
        self._executor.shutdown(wait=True)


def _never_hold_up() -> None:
    if connection.vendor == "postgresql" and connection.connection is None:
        connection.ensure_connection()
        with connection.wrap_database_errors:
            line: Any = connection.connection
            line.execute(f"SET idle_in_transaction_session_timeout = '{HOLDS_UP}'")
            line.execute(f"SET lock_timeout = '{WAITS}'")
