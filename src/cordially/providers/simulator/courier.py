"""Status callbacks: signed, posted, and repeated as the URL's fragment asks.

https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides (August 2026)
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp
from twilio.request_validator import RequestValidator
from yarl import URL

from .agenda import Agenda

_logger = logging.getLogger(__name__)

_CONNECTIONS: Final = 100
_FIRST_BACKOFF: Final = 0.1
# Below the five seconds after which servers drop an idle connection: a callback must not fall into the gap.
_KEEPALIVE: Final = 2.0
_DEFAULT_PORT: Final = {"http": 80, "https": 443}
_ALL_KINDS: Final = frozenset({"ct", "rt", "4xx", "5xx"})


@dataclass(frozen=True, slots=True)
class Overrides:
    """How long one try may take, what is tried again and how often. Times in seconds."""

    retries: int = 1
    kinds: frozenset[str] = frozenset({"ct"})
    connect: float = 5.0
    read: float = 15.0
    total: float = 15.0

    @classmethod
    def read_from(cls, fragment: str) -> Overrides:
        """What makes no sense counts as not given."""
        given = {name: values[-1] for name, values in parse_qs(fragment).items()}
        kinds = frozenset(given.get("rp", "ct").split(","))
        return cls(
            retries=int(_number(given, "rc", 0, 5, 1)),
            kinds=_ALL_KINDS if "all" in kinds else kinds & _ALL_KINDS,
            connect=_number(given, "ct", 100, 10_000, 5_000) / 1000,
            read=_number(given, "rt", 100, 15_000, 15_000) / 1000,
            total=_number(given, "tt", 100, 15_000, 15_000) / 1000,
        )


@lru_cache(maxsize=16)
def _validator(token: str) -> RequestValidator:
    return RequestValidator(token)


def _number(given: Mapping[str, str], name: str, least: int, most: int, usual: int) -> float:
    text = given.get(name, "")
    if not (text.isascii() and text.isdigit()):
        return usual
    return min(max(int(text), least), most)


@dataclass(slots=True)
class _Letter:
    target: Target
    body: bytes
    headers: dict[str, str]
    done: Callable[[], None]
    tries: int = 0
    deadline: float = 0.0


@dataclass(frozen=True, slots=True)
class Target:
    """Where callbacks go, taken apart once."""

    url: URL
    #: what is signed: the URL as it was given, without fragment and default port
    signed: str
    overrides: Overrides

    @classmethod
    def read_from(cls, callback: str) -> Target:
        address, _, fragment = callback.partition("#")
        parts = urlsplit(address)
        signed = address
        if parts.port is not None and parts.port == _DEFAULT_PORT.get(parts.scheme):
            signed = parts._replace(netloc=parts.netloc.rpartition(":")[0]).geturl()
        return cls(URL(address, encoded=True), signed, Overrides.read_from(fragment))


@dataclass
class Courier:
    """Posts callbacks over a bounded number of connections. Lives in the event loop that starts it."""

    agenda: Agenda
    posted: int = 0
    given_up: int = 0
    _workers: list[asyncio.Task[None]] = field(default_factory=list)
    _session: aiohttp.ClientSession | None = None

    def __post_init__(self) -> None:
        self._letters: asyncio.Queue[_Letter] = asyncio.Queue()

    def start(self) -> None:
        self._letters = asyncio.Queue()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=_CONNECTIONS, keepalive_timeout=_KEEPALIVE),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "TwilioProxy/1.1", "Accept": "*/*"},
            trust_env=False,
        )
        self._workers = [asyncio.create_task(self._work(self._session)) for _ in range(_CONNECTIONS)]

    async def stop(self) -> None:
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        self._workers = []
        if self._session is not None:
            await self._session.close()
            self._session = None

    def post(self, target: Target, params: Mapping[str, str], token: str, done: Callable[[], None]) -> None:
        """Post it soon, signed with that token; `done` is called when it was answered or given up."""
        headers = {
            "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
            "X-Twilio-Signature": str(_validator(token).compute_signature(target.signed, params)),
            "I-Twilio-Idempotency-Token": str(uuid.uuid4()),
        }
        self._letters.put_nowait(_Letter(target, urlencode(params).encode(), headers, done))

    async def _work(self, session: aiohttp.ClientSession) -> None:
        while True:
            letter = await self._letters.get()
            try:
                trouble = await self._try(session, letter)
                self._settle(letter, trouble)
            except Exception:  # the one place for it: a worker lost would be a connection lost
                _logger.exception("the simulator could not post a callback")
                letter.done()

    async def _try(self, session: aiohttp.ClientSession, letter: _Letter) -> str:
        """Post it once. What went wrong, in the words of `rp`; "" when nothing did."""
        overrides = letter.target.overrides
        now = time.monotonic()
        letter.deadline = letter.deadline or now + overrides.total
        letter.tries += 1
        timeout = aiohttp.ClientTimeout(
            total=max(0.1, letter.deadline - now), sock_connect=overrides.connect, sock_read=overrides.read
        )
        try:
            async with session.post(
                letter.target.url,
                data=letter.body,
                headers=letter.headers,
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                status = response.status
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL):
            return "ct"
        except (aiohttp.ClientError, TimeoutError):
            return "rt"
        if 200 <= status < 300:
            return ""
        return "5xx" if status >= 500 else "4xx"

    def _settle(self, letter: _Letter, trouble: str) -> None:
        overrides = letter.target.overrides
        again_at = time.monotonic() + _FIRST_BACKOFF * 2 ** (letter.tries - 1)
        if trouble in overrides.kinds and letter.tries <= overrides.retries and again_at < letter.deadline:
            self.agenda.at(again_at, lambda: self._letters.put_nowait(letter))
            return
        if trouble:
            self.given_up += 1
            _logger.debug("gave a callback up: %s after %d tries", trouble, letter.tries)
        else:
            self.posted += 1
        letter.done()
