"""The SDK's HTTP client as we need it: real time-outs, and it knows whether anything left the machine.

The SDK's own async client has no time-out at all and hides the headers of an error
(https://github.com/twilio/twilio-python/issues/925), so this one stands in its place.
"""

from __future__ import annotations

import base64
import socket
import urllib.request
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from logging import getLogger
from urllib.parse import urlencode, urlsplit

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import BytesPayload
from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from yarl import URL

from .address import is_loopback, rewritten

_logger = getLogger(__name__)

TWILIO_ADDRESS = "https://api.twilio.com"
#: milliseconds after which bytes that nobody acknowledges are given up
UNACKNOWLEDGED = 15_000


@dataclass(slots=True)
class Exchange:
    """What one request went through, filled in on the way."""

    #: asked at the moment at which the request would leave: whether it may
    may_leave: Callable[[], bool] | None = None
    withheld: bool = False
    written: bool = False  # whether even one byte of the request may have left
    status: int | None = None
    headers: Mapping[str, str] | None = None


# The SDK has no place to hand an Exchange through; each send sets its own before it calls.
current: ContextVar[Exchange | None] = ContextVar("twilio_exchange", default=None)


class _Form(BytesPayload):
    """A form that asks before it is written and notes that it was.

    aiohttp holds the headers back until the body comes.
    """

    def __init__(self, value: bytes, exchange: Exchange) -> None:
        super().__init__(value)
        self._exchange = exchange

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        transport = getattr(writer, "transport", None)
        if transport is not None and not transport.is_closing():  # else aiohttp raises and writes nothing
            exchange = self._exchange
            if exchange.may_leave is not None and not exchange.may_leave():
                exchange.withheld = True
                raise ConnectionAbortedError("withheld")
            exchange.written = True
        await super().write_with_length(writer, content_length)


class Wire(AsyncHttpClient):  # type: ignore[misc]
    """One aiohttp session, made on first use inside the running loop."""

    def __init__(self, api_url: str, *, timeout: float, connect_timeout: float, max_connections: int) -> None:
        super().__init__(_logger, True, timeout)
        self._base = api_url
        self._max_connections = max_connections
        # `connect` covers the wait for a free connection, the name look-up, TCP and TLS.
        self._limits = aiohttp.ClientTimeout(total=timeout, connect=connect_timeout)
        self._session: aiohttp.ClientSession | None = None
        self._authorizations: dict[tuple[str, str], str] = {}

    async def request(  # the SDK's signature
        self,
        method: str,
        uri: str,
        params: Mapping[str, object] | None = None,
        data: Mapping[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        exchange = current.get() or Exchange()
        headers = headers or {}
        if auth is not None:
            headers["Authorization"] = self._authorization(auth)
        url = rewritten(uri, self._base)
        if params:
            url = f"{url}?{urlencode(params, doseq=True)}"
        body = _Form(urlencode(data, doseq=True).encode(), exchange) if data else None
        async with self._opened().request(
            method, URL(url), data=body, headers=headers, allow_redirects=allow_redirects
        ) as answer:
            exchange.status = answer.status
            exchange.headers = answer.headers
            raw = await answer.read()
        return Response(answer.status, raw.decode("utf-8", "replace"), answer.headers)

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._max_connections, socket_factory=_gives_up),
                timeout=self._limits,
                cookie_jar=aiohttp.DummyCookieJar(),
                proxy=_proxy_for(self._base or TWILIO_ADDRESS),
                skip_auto_headers=("Accept-Encoding",),  # answers are small, unpacking is dear
            )
        return self._session

    def _authorization(self, auth: tuple[str, str]) -> str:
        if auth not in self._authorizations:
            pair = f"{auth[0]}:{auth[1]}".encode()
            self._authorizations[auth] = "Basic " + base64.b64encode(pair).decode()
        return self._authorizations[auth]


def _gives_up(address: aiohttp.AddrInfoType) -> socket.socket:
    """A socket whose bytes the kernel doesn't go on sending long after we gave the request up.

    Without it they arrive when a cut line is mended, more than a minute later, when the message is queued again.
    """
    family, kind, protocol, _name, _where = address
    made = socket.socket(family, kind, protocol)
    made.setblocking(False)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED)
    return made


def _proxy_for(url: str) -> str | None:
    """The proxy of the environment. Asked once: aiohttp's `trust_env` asks in a thread for each request."""
    parts = urlsplit(url)
    if is_loopback(url) or urllib.request.proxy_bypass(parts.hostname or ""):
        return None
    return urllib.request.getproxies().get(parts.scheme)
