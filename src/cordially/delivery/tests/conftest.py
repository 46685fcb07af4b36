"""What the engine's tests share: a thread for the ledger, a carrier in memory, and the people."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.people import event, sender, template  # noqa: F401

from cordially.delivery.tests.carrier import Carrier
from cordially.delivery.thread import LedgerThread


@pytest_asyncio.fixture
async def thread() -> AsyncIterator[LedgerThread]:
    thread = LedgerThread()
    yield thread
    await asyncio.to_thread(thread.close)


@pytest.fixture
def carrier() -> Carrier:
    return Carrier()
