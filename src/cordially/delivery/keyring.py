"""The tokens that verify callbacks, by account: in memory, because three callbacks come for each message."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping

from .outage import one_line
from .thread import LedgerThread

logger = logging.getLogger(__name__)

Tokens = tuple[str, ...]
#: seconds between two looks because of what somebody posts: anybody can post here
REST = 1.0


class Keyring:
    """Which tokens may have signed a report of an account. Used from one event loop.

    `read`: all accounts with their tokens, asked in the ledger's thread. Whoever learns of changes first, like the
    engine's process, calls `hold`; a report that doesn't fit makes it look itself, once a `REST` at most, so that
    a process beside it takes new tokens too.
    """

    def __init__(
        self,
        held: Mapping[str, Tokens],
        thread: LedgerThread | None = None,
        read: Callable[[], Mapping[str, Tokens]] | None = None,
    ) -> None:
        self._held = dict(held)
        self._thread, self._read = thread, read
        self._looked_at = -REST
        self._looking: asyncio.Task[bool] | None = None

    def hold(self, tokens: Mapping[str, Tokens]) -> None:
        """These and no others."""
        self._held = dict(tokens)

    def of(self, account: str) -> Tokens:
        """None where the account is unknown, or only a key of it is known."""
        return self._held.get(account, ())

    def knows(self, account: str) -> bool:
        return account in self._held

    async def look_again(self) -> bool:
        """Whether there are other tokens now than a moment ago. Raises nothing."""
        if self._read is None or self._thread is None:
            return False
        if self._looking is None or self._looking.done():
            if time.monotonic() - self._looked_at < REST:
                return False
            self._looked_at = time.monotonic()
            self._looking = asyncio.create_task(self._look(self._thread, self._read))
        return await asyncio.shield(self._looking)

    async def _look(self, thread: LedgerThread, read: Callable[[], Mapping[str, Tokens]]) -> bool:
        try:
            found = dict(await thread.run(read))
        except Exception as error:
            logger.warning("the tokens of the accounts can’t be read: %s", one_line(error))
            return False
        changed, self._held = found != self._held, found
        return changed
