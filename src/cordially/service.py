"""The parts of one process, put together: provider, ledger thread, engine, doors. Wiring only."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from enum import Enum
from pathlib import Path
from typing import cast

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.db import connections
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp

from cordially.dashboard import errands, live
from cordially.dashboard.doors import for_hosts
from cordially.delivery import bells, jobs, wake
from cordially.delivery.alive import Life
from cordially.delivery.bells import Bells
from cordially.delivery.duties import Duties
from cordially.delivery.engine import Engine
from cordially.delivery.jobs import Jobs
from cordially.delivery.keyring import Keyring
from cordially.delivery.outage import is_the_databases, one_line
from cordially.delivery.thread import LedgerThread
from cordially.delivery.webhooks import PATH, Recorder, Refusals, StatusDoor
from cordially.invitations import senders, vault
from cordially.invitations.models import Sender
from cordially.providers.simulator.app import Simulator, SimulatorConfig, create_simulator
from cordially.providers.twilio.client import TwilioProvider

from . import approvals, connection, monitoring
from .connection import SIMULATOR_PATH, Access, auth_token, make_provider

logger = logging.getLogger(__name__)

LOOK = 1.0  # seconds between two looks at the accounts


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


class Part(Enum):
    """What a process is there for."""

    ALL = "serve"
    DOORS = "web"
    SENDING = "worker"
    MINDING = "scheduler"


class Service:
    """Everything that one process runs. Built inside the event loop's thread, opened inside the loop.

    `most`: senders that a worker drains at the same time.
    """

    def __init__(self, part: Part = Part.ALL, most: int | None = None) -> None:
        self.part = part
        self._most = 0 if part is Part.MINDING else most
        self.simulator = make_simulator() if part is Part.ALL and settings.USE_SIMULATOR else None
        self.thread = LedgerThread()
        address = settings.REDIS
        self.bells = Bells(address, {bells.WORK: self._look, bells.NEWS: live.wake}) if address else None
        self.recorder = Recorder(self.thread, self._committed)
        mine = connection.configured()
        # the one that needs no database verifies from the first moment on
        self.keyring = Keyring({mine.account: mine.tokens} if mine else {}, self.thread, _tokens)
        self.engine: Engine | None = None
        self.jobs: Jobs | None = None
        self.lines = Lines(self.thread, self.keyring)
        self._following: list[asyncio.Task[None]] = []
        self.app = self._make_app()

    async def start(self) -> None:
        """Begin to work. Called when the doors are open, so that callbacks find them."""
        if self.bells is not None:
            await self.bells.start()
            wake.listen(self._ring)
        if self.part is not Part.DOORS:
            await self._start_engine()
        self._following.append(asyncio.create_task(self.lines.follow(self.engine), name="accounts"))
        if self.part in (Part.ALL, Part.DOORS):
            self._following.append(asyncio.create_task(_tidy_lists(), name="lists"))

    async def stop(self) -> None:
        """Settle what is in flight and stop; the doors stay open meanwhile."""
        live.shutdown()
        wake.unlisten(self._ring)
        for task in self._following:
            task.cancel()
        if self.engine is not None:
            await self.engine.stop()
        await self.lines.close()
        if self.jobs is not None:
            await self.jobs.close()
        if self.bells is not None:
            await self.bells.stop()

    async def _start_engine(self) -> None:
        if self.simulator is not None:
            await asyncio.to_thread(_prepare_simulated)
        # in one process there is nobody to hand a sender to
        if settings.REDIS and self.part is not Part.ALL:
            self.jobs = Jobs(jobs.make_broker(settings.REDIS), self._take_on)
        self.engine = Engine(
            None,
            self.thread,
            on_commit=self._committed,
            surely_after=settings.UNSURE_SECONDS,
            life=Life(Path(settings.DATA_DIR) / "workers"),
            most=self._most,
            offers=self.jobs,
        )
        await self.thread.run(vault.reseal)
        await self.thread.run(vault.go_on)
        await self.lines.look(self.engine)
        await self.engine.start()
        self._following.append(
            asyncio.create_task(_follow_reviews(self.engine.duties, self._committed), name="reviews")
        )
        if self.jobs is not None and self.part is Part.SENDING:
            self._following.append(asyncio.create_task(self.jobs.work(), name="jobs"))

    async def _take_on(self, sender_id: int) -> bool:
        return self.engine is not None and await self.engine.take_on(sender_id)

    def _committed(self) -> None:
        """Something was written down: the open pages of every process are told."""
        live.wake()
        if self.bells is not None:
            self.bells.ring(bells.NEWS)

    def _ring(self) -> None:
        if self.bells is not None:
            self.bells.ring(bells.WORK)

    def _look(self) -> None:
        """Another process says that there may be work."""
        if self.engine is not None:
            self.engine.wake()

    def _make_app(self) -> Starlette:
        routes: list[BaseRoute] = [
            Route("/healthz", monitoring.healthz),
            Route("/readyz", monitoring.Readiness(self.thread, self.bells).answer),
            Route("/metrics", monitoring.Metrics(self.part.value).answer),
        ]
        if self.part in (Part.ALL, Part.DOORS):
            door = StatusDoor(self.recorder, settings.SITE_URL, self.keyring, Refusals(self.thread))
            routes.insert(0, Route(PATH, door.answer, methods=["POST"]))
            if self.simulator is not None:
                routes.append(Mount(SIMULATOR_PATH, self.simulator.app))
            # the callbacks' door does without a name: thousands come in a second
            routes.append(Mount("/", monitoring.RequestIds(cast(ASGIApp, get_asgi_application()))))
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


class Lines:
    """One provider for each account, and the engine's word of which there are.

    Hosts add, replace and remove credentials while the server runs, in this process or beside it: the accounts are
    read about once a second.
    """

    def __init__(self, thread: LedgerThread, keyring: Keyring) -> None:
        self._thread = thread
        self._keyring = keyring
        self._accesses: dict[str, Access] = {}
        self._providers: dict[str, TwilioProvider] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        #: what the log was told last
        self._told = ""

    async def follow(self, engine: Engine | None) -> None:
        """Until cancelled."""
        rung = asyncio.Event()
        loop = asyncio.get_running_loop()

        def ring() -> None:
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(rung.set)

        wake.listen(ring)
        trouble = ""
        try:
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK):
                        await rung.wait()
                rung.clear()
                try:
                    await self.look(engine)
                    trouble = ""
                except Exception as error:  # the loop outlives whatever it meets; each trouble is told once
                    if not is_the_databases(error):
                        logger.exception("accounts")
                    elif trouble != (trouble := one_line(error)):
                        logger.error("the accounts can’t be read, trying again: %s", trouble)
        finally:
            wake.unlisten(ring)

    async def look(self, engine: Engine | None) -> None:
        """See which accounts there are now, and connect, renew and disconnect accordingly.

        Without an engine only reports are verified here.
        """
        if engine is None:
            self._keyring.hold(await self._thread.run(_tokens))
            return
        found, tokens, why_not = await self._thread.run(_usable)
        self._keyring.hold(tokens)
        if why_not and why_not != self._told:
            logger.error("nothing is sent yet: %s", why_not)
        self._told = why_not
        for account in self._accesses.keys() - found.keys():
            self._disconnect(engine, account)
        for account, access in found.items():
            before = self._accesses.get(account)
            if before is None:
                self._connect(engine, access)
            elif (before.secret, before.key_sid) != (access.secret, access.key_sid):
                self._providers[account].use(access.secret, access.key_sid)
                logger.info("account …%s is asked with its new credentials", account[-4:])
            self._accesses[account] = access

    def _connect(self, engine: Engine, access: Access) -> None:
        provider = make_provider(access)
        provider.may_leave = engine.may_leave
        self._providers[access.account] = provider
        engine.connect(provider)
        logger.info("account …%s sends", access.account[-4:])

    def _disconnect(self, engine: Engine, account: str) -> None:
        del self._accesses[account]
        provider = self._providers.pop(account)

        async def leave() -> None:
            await engine.disconnect(account)
            await provider.close()
            logger.info("account …%s sends no more", account[-4:])

        # beside the others: what is in flight may take its time
        task = asyncio.create_task(leave(), name="leaving")
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def close(self) -> None:
        """When the engine has stopped."""
        await asyncio.gather(*self._leaving, return_exceptions=True)
        for provider in self._providers.values():
            await provider.close()


def _tokens() -> dict[str, tuple[str, ...]]:
    found, _unreadable = connection.accesses()
    return {account: access.tokens for account, access in found.items()}


def _usable() -> tuple[dict[str, Access], dict[str, tuple[str, ...]], str]:
    """The accounts that messages can leave from; the tokens of all; and why nothing can leave, if so.

    The configured sender's row is made, so that its lease tells others of this server.
    """
    found, unreadable = connection.accesses()
    tokens = {account: access.tokens for account, access in found.items()}
    for account in unreadable:
        if vault.stop(account, vault.UNREADABLE):
            logger.error("account …%s: %s", account[-4:], vault.UNREADABLE)
    why_not = ""
    if senders.account() or not found:
        try:
            senders.current_sender()
        except senders.NotReady as error:
            # numbers of that account that were added by hand need none in the configuration
            if not Sender.objects.filter(account=senders.account()).exists():
                why_not = str(error)
                found.pop(senders.account(), None)
    for account in list(found):
        try:
            # also what was started before waits: its links would lead nowhere
            senders.require_public_url(account)
        except senders.NotReady as error:
            why_not = str(error)
            del found[account]
    return found, tokens, "" if found else why_not


async def _follow_reviews(duties: Duties, committed: Callable[[], None]) -> None:
    """WhatsApp tells nobody what it decided about a template: one process asks, as long as it runs."""
    pause = 10.0 if senders.is_real() else 0.5
    trouble = ""
    while True:
        try:
            if await duties.has("reviews") and await _aside(_follow_once):
                committed()
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
