"""The engine of one process: a drainer for each sender, the sweep, and the rescue."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import secrets
from collections.abc import Callable, Coroutine

from django.db import transaction

from cordially.invitations import hours, ledger, trials
from cordially.invitations.models import Sender
from cordially.lib.clock import now as clock_now
from cordially.providers.base import Provider

from . import trial, wake
from .alive import Life
from .drain import Drainer
from .outage import is_the_databases, one_line
from .pace import Limits, Pace
from .rescue import Rescue
from .thread import LedgerThread

logger = logging.getLogger(__name__)

SWEEP = 1.0  # seconds between two sweeps
#: no request takes so long: an attempt that is older was forgotten by its worker
FORGOTTEN_AFTER = dt.timedelta(seconds=120)


class Engine:
    """Sends whatever is due from the senders of the provider's account, as long as it runs."""

    def __init__(
        self,
        provider: Provider,
        thread: LedgerThread,
        *,
        on_commit: Callable[[], None] = lambda: None,
        surely_after: float = 60.0,
        life: Life | None = None,
    ) -> None:
        self.provider = provider
        self._life = life
        self.holder = life.name if life else secrets.token_hex(8)
        self._thread = thread
        self._on_commit = on_commit
        self._rescue = Rescue(provider, thread, surely_after)
        self._drainers: dict[int, Drainer] = {}
        #: kept while a lease is lost and taken again
        self._paces: dict[int, Pace] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._loops: list[asyncio.Task[None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._awake = asyncio.Event()
        self._trouble = ""  # what the log was told last

    async def start(self) -> None:
        """Begin; returns at once. Raises OSError when the data folder can't be written."""
        self._loop = asyncio.get_running_loop()
        if self._life is not None:
            self._life.begin()
            await self._bury_the_dead(self._life)
        self._loops = [
            asyncio.create_task(self._forever(self._sweep), name="sweep"),
            asyncio.create_task(self._forever(self._settle), name="settle"),
            asyncio.create_task(self._forever(self._poll), name="poll"),
            asyncio.create_task(self._forever(self._try_out), name="tests"),
        ]
        wake.listen(self.wake)

    async def stop(self) -> None:
        """Claim nothing more, settle what is in flight, give the leases back. Within 20 seconds."""
        wake.unlisten(self.wake)
        for task in self._loops:
            task.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        for drainer in self._drainers.values():
            drainer.stop()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        if self._life is not None:
            self._life.end()

    def wake(self) -> None:
        """There may be work. Any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake)

    def may_leave(self, key: str) -> bool:
        """Asked by the provider when the request of this attempt would leave; it does when this says so."""
        answers = [drainer.may_leave(key) for drainer in self._drainers.values()]
        return True in answers

    def drains(self, sender_id: int) -> bool:
        """Whether this process holds the sender's lease, or tries to."""
        return sender_id in self._tasks and not self._tasks[sender_id].done()

    def _wake(self) -> None:
        self._awake.set()
        for drainer in self._drainers.values():
            drainer.wake()

    async def _forever(self, round_: Callable[[], Coroutine[None, None, None]]) -> None:
        name, trouble = round_.__name__.strip("_"), ""
        while True:
            try:
                await round_()
                if trouble:
                    logger.warning("%s: the database can be used again", name)
                trouble = ""
            except Exception as error:
                if not is_the_databases(error):
                    logger.exception("%s", name)
                elif trouble != (trouble := one_line(error)):
                    logger.error("%s: the database can’t be used, trying again: %s", name, trouble)
            self._awake.clear()
            try:
                async with asyncio.timeout(SWEEP):
                    await self._awake.wait()
            except TimeoutError:
                pass

    async def _sweep(self) -> None:
        """Free what is due, close what is done, and see that every sender has its drainer."""
        changed, senders = await self._thread.run(_sweep_ledger, self.provider.account)
        for sender in senders:
            if not self.drains(sender.pk):
                drainer = Drainer(
                    sender,
                    self.provider,
                    self._thread,
                    self.holder,
                    self._on_commit,
                    dead=self._life.dead if self._life else tuple,
                    pace=self._paces.setdefault(sender.pk, Pace(Limits(sender.per_second))),
                )
                self._drainers[sender.pk] = drainer
                self._tasks[sender.pk] = asyncio.create_task(self._drain(drainer))
        if changed:
            self._on_commit()
            for drainer in self._drainers.values():
                drainer.wake()

    async def _drain(self, drainer: Drainer) -> None:
        try:
            await drainer.run()
        except Exception as error:
            if not is_the_databases(error):
                logger.exception("sender %s", drainer.sender_id)
            elif self._trouble != (trouble := one_line(error)):
                self._trouble = trouble
                logger.error("sender %s waits, the ledger can’t be used: %s", drainer.sender_id, trouble)
        else:
            self._trouble = ""

    async def _bury_the_dead(self, life: Life) -> None:
        """Whose lease is taken over by now is never asked for again."""
        holders = set(await self._thread.run(_holders))
        life.bury(name for name in life.dead() if name not in holders)

    async def _settle(self) -> None:
        if await self._rescue.settle():
            self._on_commit()

    async def _poll(self) -> None:
        if await self._rescue.poll():
            self._on_commit()

    async def _try_out(self) -> None:
        """Hand test messages to the drainers, and learn what became of them."""
        drained = [pk for pk, drainer in self._drainers.items() if self.drains(pk) and drainer.is_ready]
        for test in await self._thread.run(trials.take, drained, clock_now()):
            self._drainers[test.sender_id].try_out(test)
        await self._thread.run(trials.forgotten, clock_now())
        await trial.ask_about_silent(self.provider, self._thread)


def _sweep_ledger(account: str) -> tuple[bool, list[Sender]]:
    now = clock_now()
    changed = bool(ledger.due_now(now))
    # together: what is opened again at night is not to send before it is hushed
    with transaction.atomic():
        changed |= bool(ledger.finish_campaigns(now)) | bool(hours.keep(now))
    changed |= bool(ledger.doubt_forgotten(account, now - FORGOTTEN_AFTER, now))
    return changed, list(Sender.objects.filter(account=account))


def _holders() -> list[str]:
    return list(Sender.objects.values_list("lease_holder", flat=True))
