"""Callbacks in: verify, read, put on the list; many are committed together, and answered only then."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from django.conf import settings
from django.db import DatabaseError, transaction
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response

from cordially.invitations import ledger
from cordially.invitations.models import Source
from cordially.invitations.news import News
from cordially.lib.clock import now as clock_now
from cordially.providers.twilio import webhook

from . import verdicts
from .thread import LedgerThread

logger = logging.getLogger(__name__)

MAX_BODY = 64 * 1024
#: a report, and who waits for it to be on the disk
Waiting = tuple[News, asyncio.Future[None]]
PATH = "/webhooks/twilio/status"


class Recorder:
    """Collects news and commits it in groups: as much as came while the last commit was under way."""

    def __init__(
        self, account: str, thread: LedgerThread, on_commit: Callable[[], None] = lambda: None
    ) -> None:
        self._account = account
        self._thread = thread
        self._on_commit = on_commit
        self._waiting: list[Waiting] = []
        self._writer: asyncio.Task[None] | None = None

    async def record(self, news: News) -> None:
        """Returns when it is on the disk. Raises whatever kept it from being written."""
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((news, done))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())
        await done

    async def _write(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:500], self._waiting[500:]
            error = await self._try(batch)
            if error is None or len(batch) == 1:
                _tell(batch, error)
                continue
            for one in batch:  # whatever one of them is, the others are not to suffer for it
                _tell([one], await self._try([one]))

    async def _try(self, batch: Sequence[Waiting]) -> Exception | None:
        try:
            await self._thread.run(_record, [news for news, _ in batch], self._account)
        except Exception as error:
            return error
        self._on_commit()
        return None


def _tell(batch: Sequence[Waiting], error: Exception | None) -> None:
    for _, done in batch:
        if done.done():
            continue
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)


@transaction.atomic
def _record(news: Sequence[News], account: str) -> None:
    ledger.record_in_transaction(news)
    ledger.heard(account, clock_now())


class StatusDoor:
    """`POST /webhooks/twilio/status`."""

    def __init__(self, recorder: Recorder, public_url: str, auth_tokens: Sequence[str]) -> None:
        self._recorder = recorder
        self._public_url = public_url
        self._auth_tokens = auth_tokens

    async def answer(self, request: Request) -> Response:
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
            signature = request.headers.get("x-twilio-signature")
            if not webhook.verify(self._public_url, self._auth_tokens, target, params, signature):
                why = webhook.explain_mismatch(self._public_url, target, request.headers)
                logger.warning("a callback was refused: its signature doesn’t fit. %s", why)
                return PlainTextResponse("The signature doesn’t fit.\n", 403)
            update = webhook.read_status(params, request.url.query)
        except webhook.Malformed as error:
            logger.warning("a callback was refused: %s", error)
            return PlainTextResponse(f"{error}\n", 400)
        try:
            await self._recorder.record(verdicts.of_update(update, clock_now(), Source.CALLBACK))
        except DatabaseError as error:
            # Twilio repeats what got a 5xx: the callback address asks for it
            logger.error("callbacks can’t be written, Twilio will repeat them: %s", error)
            return PlainTextResponse("Try again.\n", 503, headers={"Retry-After": "1"})
        return Response(status_code=204)


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
