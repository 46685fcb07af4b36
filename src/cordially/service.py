"""The parts of one process, put together: provider, ledger thread, engine, doors. Wiring only."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import cast

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.db import connections
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp

from cordially.dashboard import errands, live
from cordially.dashboard.doors import for_hosts
from cordially.delivery.alive import Life
from cordially.delivery.engine import Engine
from cordially.delivery.outage import one_line
from cordially.delivery.thread import LedgerThread
from cordially.delivery.webhooks import PATH, Recorder, Refusals, StatusDoor
from cordially.invitations import senders
from cordially.providers.simulator.app import Simulator, SimulatorConfig, create_simulator
from cordially.providers.twilio.client import TwilioProvider

from . import approvals
from .connection import SIMULATOR_PATH, auth_token, make_provider

logger = logging.getLogger(__name__)


def make_simulator() -> Simulator:
    """The built-in stand-in for Twilio; its record lies beside the database, its phones are the host's alone."""
    return create_simulator(
        SimulatorConfig(
            account_sid=senders.SIMULATOR_ACCOUNT,
            auth_token=auth_token(),
            sender=senders.SIMULATOR_PHONE,
            path=Path(settings.DATA_DIR) / "simulator.db",
        ),
        private=for_hosts,
    )


class Service:
    """Everything that one process runs. Built inside the event loop's thread, opened inside the loop."""

    def __init__(self) -> None:
        self.simulator = make_simulator() if settings.USE_SIMULATOR else None
        self.thread = LedgerThread()
        self.recorder = Recorder(senders.account(), self.thread, live.wake)
        self.engine: Engine | None = None
        self.provider: TwilioProvider | None = None
        self._following: asyncio.Task[None] | None = None
        self._tidying: asyncio.Task[None] | None = None
        self.app = self._make_app()

    async def start_engine(self) -> None:
        """Begin to send. Called when the doors are open, so that callbacks find them."""
        self._tidying = asyncio.create_task(_tidy_lists(), name="lists")
        if self.simulator is not None:
            await asyncio.to_thread(_prepare_simulated)
        if not await self.thread.run(_ready):
            return
        self.provider = make_provider()
        self.engine = Engine(
            self.provider,
            self.thread,
            on_commit=live.wake,
            surely_after=settings.UNSURE_SECONDS,
            life=Life(Path(settings.DATA_DIR) / "workers"),
        )
        self.provider.may_leave = self.engine.may_leave
        await self.engine.start()
        self._following = asyncio.create_task(_follow_reviews(), name="reviews")

    async def stop_engine(self) -> None:
        """Settle what is in flight and stop; the doors stay open meanwhile."""
        live.shutdown()
        for task in (self._following, self._tidying):
            if task is not None:
                task.cancel()
        if self.engine is not None:
            await self.engine.stop()
        if self.provider is not None:
            await self.provider.close()

    def _make_app(self) -> Starlette:
        refusals = Refusals(senders.account(), self.thread)
        door = StatusDoor(self.recorder, settings.SITE_URL, [auth_token()], refusals)
        routes: list[BaseRoute] = [
            Route(PATH, door.answer, methods=["POST"]),
            Route("/healthz", healthz),
        ]
        if self.simulator is not None:
            routes.append(Mount(SIMULATOR_PATH, self.simulator.app))
        routes.append(Mount("/", cast(ASGIApp, get_asgi_application())))
        return Starlette(routes=routes, lifespan=self._lifespan)

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        if self.simulator is not None:
            await self.simulator.start()
        try:
            yield
        finally:
            if self.simulator is not None:
                await self.simulator.stop()
            await asyncio.to_thread(self.thread.close)


def _ready() -> bool:
    """Whether messages can leave; the sender's row is made, so that its lease tells others of this server."""
    try:
        senders.current_sender()
        # also what was started before waits: its links would lead nowhere
        senders.require_public_url()
    except senders.NotReady as error:
        logger.error("nothing is sent yet: %s", error)
        return False
    return True


async def _follow_reviews() -> None:
    """WhatsApp tells nobody what it decided about a template: it is asked, as long as this process runs."""
    pause = 10.0 if senders.is_real() else 0.5
    trouble = ""
    while True:
        try:
            if await _aside(_follow_once):
                live.wake()
            trouble = ""
        except Exception as error:  # the loop outlives whatever it meets; each trouble is told once
            if trouble != (trouble := f"{type(error).__name__}: {one_line(error)}"):
                logger.error("WhatsApp’s reviews can’t be followed, trying again: %s", trouble)
        await asyncio.sleep(pause)


async def _aside(work: Callable[[], bool]) -> bool:
    """In a thread that nobody waits for when the process stops: Twilio may take half a minute to say nothing."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[bool] = loop.create_future()

    def settle(result: bool, error: BaseException | None) -> None:
        if answer.cancelled():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(result)

    def run() -> None:
        result, failed = False, None
        try:
            result = work()
        except BaseException as error:
            failed = error
        with suppress(RuntimeError):  # the loop is closed: nobody wants to know any more
            loop.call_soon_threadsafe(settle, result, failed)

    threading.Thread(target=run, name="reviews", daemon=True).start()
    return await answer


def _prepare_simulated() -> None:
    try:
        approvals.prepare_simulated()
    finally:
        connections.close_all()


def _follow_once() -> bool:
    try:
        return approvals.follow()
    finally:
        # threads come and go here; none may keep a line to the database open
        connections.close_all()


async def _tidy_lists() -> None:
    """Guest lists that were only looked at are kept for a day; imports that a dead process began go on."""
    begun = False
    while True:
        try:
            await asyncio.to_thread(_tidy_once, not begun)
            begun = True
        except Exception as error:  # the loop outlives whatever it meets
            logger.error("guest lists can’t be tidied, trying again: %s", one_line(error))
        await asyncio.sleep(3600)


def _tidy_once(is_first: bool) -> None:
    try:
        errands.tidy()
        if is_first:
            errands.resume()
    finally:
        connections.close_all()


async def healthz(request: Request) -> Response:
    """Whether this process answers."""
    return JSONResponse({"status": "ok"})
