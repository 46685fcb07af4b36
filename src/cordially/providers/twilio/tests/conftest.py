from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from cordially.providers.twilio.client import TwilioProvider

from .server import ACCOUNT, Server, serving

CALLBACK = "https://app.example.com/webhooks/twilio/status"


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving() as running:
        yield running


@pytest.fixture
async def provider(server: Server) -> AsyncIterator[TwilioProvider]:
    made = TwilioProvider(
        ACCOUNT, "secret", api_url=server.url, status_callback=CALLBACK, timeout=0.3, connect_timeout=0.2
    )
    yield made
    await made.close()
