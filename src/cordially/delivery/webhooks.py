"""Callbacks in: verify, read, put on the list; many are committed together, and answered only then."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import chain

from django.conf import settings
from django.db import transaction
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response

from cordially.invitations import ledger
from cordially.invitations.models import Source
from cordially.invitations.news import News
from cordially.lib.clock import now as clock_now
from cordially.providers.twilio import webhook

from . import counting, verdicts
from .keyring import Keyring
from .outage import is_the_databases, one_line
from .thread import LedgerThread

logger = logging.getLogger(__name__)

MAX_BODY = 64 * 1024
#: reports in one transaction, at most
BATCH = 500
#: Twilio stops listening after 15 seconds. So many are written in less than two on the machine of
#: docs/performance.md, and in time on one with an eighth of its speed; who comes later is better told at once.
MOST_WAITING = 5_000
#: a report, and who waits for it to be on the disk
Waiting = tuple[News, asyncio.Future[None]]
PATH = "/webhooks/twilio/status"


class NotNow(Exception):
    """The report could not be written down, through no fault of its own: it has to come again. Says why."""


class Recorder:
    """Collects news and commits it in groups: as much as came while the last commit was under way."""

    def __init__(self, thread: LedgerThread, on_commit: Callable[[], None] = lambda: None) -> None:
        self._thread = thread
        self._on_commit = on_commit
        self._waiting: list[Waiting] = []
        self._writer: asyncio.Task[None] | None = None
        #: what the log was told last, and how many were put off since all was well
        self._trouble = ""
        self._put_off = 0

    async def record(self, news: News) -> None:
        """Returns when it is on the disk: with its invitation, or kept as one that fits none.

        Raises NotNow while the database is out of order, or when too many wait already.
        """
        if len(self._waiting) >= MOST_WAITING:
            raise self._not_now("they come faster than they are written")
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((news, done))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())
        await done

    async def _write(self) -> None:
        batch: list[Waiting] = []
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
                await self._settle(batch)
        finally:  # whatever ended it, nobody is left waiting
            left, self._waiting = [*batch, *self._waiting], []
            _tell(left, NotNow("the writer was stopped"))

    async def _settle(self, batch: list[Waiting]) -> None:
        """Written together; when that fails, in halves, until the one whose fault it is stands alone."""
        parts = [batch]
        while parts:
            part = parts.pop()
            error = await self._try(part)
            if error is None:
                _tell(part)
            elif is_the_databases(error):
                # trying the others as well would only hold them up, each for as long as a lock is waited for
                left = [*part, *chain.from_iterable(parts)]
                _tell(left, self._not_now(one_line(error), len(left)))
                return
            elif len(part) == 1:
                await self._put_aside(part[0], error)
            else:
                half = len(part) // 2
                parts += [part[half:], part[:half]]

    async def _try(self, part: Sequence[Waiting]) -> Exception | None:
        try:
            await self._thread.run(_record, [news for news, _ in part])
        except Exception as error:
            return error
        self._committed()
        return None

    async def _put_aside(self, one: Waiting, error: Exception) -> None:
        """Repeated it would fail again, so it is answered like any other; nothing that Twilio says is lost."""
        logger.error("a callback can’t be recorded, it is kept as one that fits nobody", exc_info=error)
        try:
            await self._thread.run(_keep, one[0])
        except Exception as second:
            if is_the_databases(second):
                _tell([one], self._not_now(one_line(second)))
                return
            logger.error("nor can it be kept", exc_info=second)
        else:
            self._committed()
        _tell([one])

    def _committed(self) -> None:
        if self._trouble:
            logger.warning("callbacks are written again; put off meanwhile: %s", self._put_off)
            self._trouble, self._put_off = "", 0
        try:
            self._on_commit()
        except Exception:
            # who listens to the bell is no reason to tell Twilio that nothing was written
            logger.exception("after a commit")

    def _not_now(self, why: str, count: int = 1) -> NotNow:
        """Said in the log once, not for each of thousands."""
        self._put_off += count
        if why != self._trouble:
            self._trouble = why
            logger.error("callbacks can’t be written, Twilio will repeat them: %s", why)
        return NotNow(why)


def _tell(batch: Iterable[Waiting], error: Exception | None = None) -> None:
    for _, done in batch:
        if done.done():
            continue
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)


@transaction.atomic
def _record(news: Sequence[News]) -> None:
    # the senders' rows before the invitations', as whoever starts a campaign locks them
    _hear(news)
    ledger.record_in_transaction(news)


@transaction.atomic
def _keep(news: News) -> None:
    ledger.keep_unmatched([news])
    _hear([news])


def _hear(news: Sequence[News]) -> None:
    for account in sorted({item.account for item in news}):
        ledger.heard(account, clock_now())


class Refusals:
    """Notes refused callbacks at the account's senders: the first at once, then every `rest` seconds at most.

    Anybody can post here, so however many come, they cost the ledger next to nothing.
    """

    def __init__(self, thread: LedgerThread, rest: float = 10.0) -> None:
        self._thread, self._rest = thread, rest
        #: account -> how many, and what the last looked like
        self._noted: dict[str, tuple[int, str]] = {}
        self._writer: asyncio.Task[None] | None = None

    def note(self, account: str, why: str) -> None:
        """For an account that is known here."""
        count, _ = self._noted.get(account, (0, ""))
        self._noted[account] = (count + 1, why)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())

    async def _write(self) -> None:
        while self._noted:
            noted, self._noted = self._noted, {}
            try:
                for account, (count, why) in sorted(noted.items()):
                    await self._thread.run(ledger.refused, account, count, why, clock_now())
            except Exception as error:
                # only a hint: what callbacks say themselves is what must not be lost
                logger.warning("refused callbacks can’t be noted: %s", one_line(error))
            await asyncio.sleep(self._rest)


class StatusDoor:
    """`POST /webhooks/twilio/status`."""

    def __init__(
        self,
        recorder: Recorder,
        public_url: str,
        keyring: Keyring,
        refusals: Refusals | None = None,
    ) -> None:
        self._recorder = recorder
        self._refusals = refusals
        self._public_url = public_url
        self._keyring = keyring

    async def answer(self, request: Request) -> Response:
        """`take`, counted."""
        begun = time.monotonic()
        response = await self.take(request)
        counting.CALLBACKS.labels(str(response.status_code)).inc()
        if response.status_code == 204:
            counting.CALLBACK_SECONDS.observe(time.monotonic() - begun)
        return response

    async def take(self, request: Request) -> Response:
        """204 when the report is on the disk; 4xx for what Twilio never sends; 503 to have it repeated."""
        try:
            body = await _read(request)
        except ClientDisconnect:
            return PlainTextResponse("", 400)
        if body is None:
            return PlainTextResponse("The body is too large.\n", 413)
        target = _target(request)
        try:
            params = webhook.read_form(body, request.headers.get("content-type", ""))
            account = webhook.account_of(params)
            signature = request.headers.get("x-twilio-signature")
            fits = self._fits(account, target, params, signature)
            if not fits and signature and await self._keyring.look_again():
                fits = self._fits(account, target, params, signature)
            if not fits:
                self._refuse(account, target, request)
                return PlainTextResponse("The signature doesn’t fit.\n", 403)
            update = webhook.read_status(params, request.url.query)
        except webhook.Malformed as error:
            logger.warning("a callback was refused: %s", error)
            return PlainTextResponse(f"{error}\n", 400)
        news = verdicts.of_update(update, clock_now(), Source.CALLBACK)
        try:
            await self._recorder.record(replace(news, account=account))
        except NotNow:
            # Twilio repeats what got a 5xx: the callback address asks for it
            return PlainTextResponse("Try again.\n", 503, headers={"Retry-After": "1"})
        return Response(status_code=204)

    def _fits(self, account: str, target: str, params: list[tuple[str, str]], signature: str | None) -> bool:
        """Signed by the account that it names, and by no other: each speaks of its own messages alone."""
        return webhook.verify(self._public_url, self._keyring.of(account), target, params, signature)

    def _refuse(self, account: str, target: str, request: Request) -> None:
        if not self._keyring.of(account):
            kept = (
                "only an API key of it is known" if self._keyring.knows(account) else "it is not known here"
            )
            logger.warning(
                "a callback was refused: no Auth Token of the account …%s can verify it, %s",
                account[-4:] if account.isalnum() else "",
                kept,
            )
            return
        why = webhook.explain_mismatch(self._public_url, target, request.headers)
        logger.warning("a callback was refused: its signature doesn’t fit. %s", why)
        if self._refusals is not None:
            self._refusals.note(account, why)


async def _read(request: Request) -> bytes | None:
    """The body; None when it is larger than any callback."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            return None
    return body


def _target(request: Request) -> str:
    """Path and query exactly as they came: the signature is over these bytes."""
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    query: bytes = request.scope.get("query_string", b"")
    return raw.decode("latin-1") + (f"?{query.decode('latin-1')}" if query else "")


def status_callback_url() -> str:
    """Where Twilio reports to."""
    return f"{settings.SITE_URL}{PATH}"
