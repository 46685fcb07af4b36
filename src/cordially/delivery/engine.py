"""The engine of one process: a drainer for each sender, the sweep, and each account's rescue."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import math
import random
import secrets
import time
from collections.abc import Callable, Collection, Coroutine, Sequence
from contextlib import suppress
from typing import Protocol

from django.db import Error, transaction
from django.db.models import Exists, OuterRef

from cordially.invitations import duties, hours, ledger, trials
from cordially.invitations.duties import WORKER
from cordially.invitations.lifecycle import State
from cordially.invitations.models import Campaign, CampaignState, Duty, Invitation, Sender, SenderState
from cordially.lib.clock import now as clock_now
from cordially.providers.base import Provider

from . import trial, wake
from .alive import Life
from .comparing import Compare
from .drain import Drainer
from .duties import Duties
from .outage import is_the_databases, one_line
from .pace import Limits, Pace
from .rescue import Rescue
from .thread import LedgerThread

logger = logging.getLogger(__name__)

SWEEP = 1.0  # seconds between two sweeps
#: no request takes so long: an attempt that is older was forgotten by its worker
FORGOTTEN_AFTER = dt.timedelta(seconds=120)
#: seconds after which a worker takes a sender that nobody took although it was offered
STAND_IN = 3.0
#: seconds between two offers of the same sender
NO_OFFERS = 10.0  # seconds without offers after one that failed: whoever sees a sender takes it then
OFFER_AGAIN = 2.0
#: seconds without work after which a worker that drains more than its share leaves a sender to others
SPARE_AFTER = 5.0


class Offers(Protocol):
    """Hands senders that nobody drains to whichever worker has room."""

    async def offer(self, sender_id: int) -> bool:
        """False when it can't be handed on now. Never raises."""


class Engine:
    """Sends whatever is due from the senders of its accounts, as long as it runs.

    Accounts come and go meanwhile (`connect`, `disconnect`); none of them waits for another. Several engines
    may share a database: each sender is drained by one of them, and what is done for all (the sweep, looking
    after an account's lost answers) by one at a time.
    """

    def __init__(
        self,
        provider: Provider | None,
        thread: LedgerThread,
        *,
        on_commit: Callable[[], None] = lambda: None,
        surely_after: float = 60.0,
        life: Life | None = None,
        most: int | None = None,
        offers: Offers | None = None,
    ) -> None:
        """`most`: senders that it drains at the same time, all when empty. `offers`: without it, or while it
        doesn't work, every engine takes what it finds."""
        self._life = life
        self._most = most
        self._offers = offers
        #: sender -> when it was seen with nobody to drain it, and offered last (monotonic)
        self._free_since: dict[int, float] = {}
        self._offered: dict[int, float] = {}
        self._no_offers_until = 0.0
        #: senders that are its part of all, with as many workers as there are now
        self._share = 0
        self.holder = life.name if life else secrets.token_hex(8)
        self.duties = Duties(thread, self.holder, life.dead if life else tuple)
        self._thread = thread
        self._on_commit = on_commit
        self._surely_after = surely_after
        #: account -> who carries its messages
        self._providers: dict[str, Provider] = {}
        #: account -> what asks about its messages
        self._lookers: dict[str, list[asyncio.Task[None]]] = {}
        self._drainers: dict[int, Drainer] = {}
        #: kept while a lease is lost and taken again
        self._paces: dict[int, Pace] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._loops: list[asyncio.Task[None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._awake = asyncio.Event()
        self._trouble = ""  # what the log was told last
        if provider is not None:
            self._providers[provider.account] = provider

    def connect(self, provider: Provider) -> None:
        """Send from the senders of this account as well. From the event loop's thread."""
        if provider.account in self._providers:
            raise ValueError("this account is connected already")
        self._providers[provider.account] = provider
        if self._loops:
            self._look_after(provider)
            self._wake()

    async def disconnect(self, account: str) -> None:
        """Claim nothing more for this account, settle what is in flight, give its leases back."""
        self._providers.pop(account, None)
        for task in self._lookers.pop(account, []):
            task.cancel()
        mine = [pk for pk, drainer in self._drainers.items() if drainer.provider.account == account]
        for pk in mine:
            self._drainers[pk].stop()
        await asyncio.gather(*(self._tasks[pk] for pk in mine), return_exceptions=True)
        for pk in mine:
            # a new one may drain it by now, with the credentials that came again
            if self._tasks[pk].done():
                del self._drainers[pk], self._tasks[pk]

    @property
    def accounts(self) -> frozenset[str]:
        """Those whose senders it drains."""
        return frozenset(self._providers)

    async def start(self) -> None:
        """Begin; returns at once. Raises OSError when the data folder can't be written."""
        self._loop = asyncio.get_running_loop()
        if self._life is not None:
            self._life.begin()
            await self._bury_the_dead(self._life)
        self._loops = [
            asyncio.create_task(self._forever("sweep", self._sweep), name="sweep"),
        ]
        if self._most != 0:
            self._loops.append(asyncio.create_task(self._forever("tests", self._try_out), name="tests"))
        for provider in self._providers.values():
            self._look_after(provider)
        wake.listen(self.wake)

    async def stop(self) -> None:
        """Claim nothing more, settle what is in flight, give the leases back. Within 20 seconds."""
        wake.unlisten(self.wake)
        loops = [*self._loops, *(task for tasks in self._lookers.values() for task in tasks)]
        for task in loops:
            task.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
        for drainer in self._drainers.values():
            drainer.stop()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        with suppress(Error):  # they run out by the clock
            await self.duties.give_back()
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

    def _look_after(self, provider: Provider) -> None:
        """Loops of its own: an account that answers slowly holds up no other."""
        rescue = Rescue(provider, self._thread, self._surely_after)
        comparison = Compare(provider, self._thread)
        duty = f"lost answers {provider.account}"

        async def settle() -> None:
            if await self.duties.has(duty) and await rescue.settle():
                self._on_commit()

        async def poll() -> None:
            if await self.duties.has(duty) and await rescue.poll():
                self._on_commit()

        async def ask_about_tests() -> None:
            if await self.duties.has(duty):
                await trial.ask_about_silent(provider, self._thread)

        async def compare() -> None:
            if await self.duties.has(duty) and await comparison.compare():
                self._on_commit()

        rounds = {"settle": settle, "poll": poll, "silent tests": ask_about_tests, "compare": compare}
        self._lookers[provider.account] = [
            asyncio.create_task(self._forever(name, round_), name=name) for name, round_ in rounds.items()
        ]

    async def _forever(self, name: str, round_: Callable[[], Coroutine[None, None, None]]) -> None:
        trouble = ""
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
        accounts = sorted(self._providers)
        is_mine = await self.duties.has("sweep")
        changed = is_mine and await self._thread.run(_sweep_ledger, accounts)
        if self._most:
            await self._share_out(accounts)
        free = await self._thread.run(_undrained, accounts, self.holder, self._dead(), clock_now())
        for sender in await self._to_take(free, is_mine):
            self._take_on(sender)
        if changed:
            self._on_commit()
            for drainer in self._drainers.values():
                drainer.wake()

    def _dead(self) -> Sequence[str]:
        return self._life.dead() if self._life else ()

    async def _to_take(self, free: Sequence[Sender], is_mine: bool) -> list[Sender]:
        """Which of those that nobody drains this engine takes by itself; the others are offered.

        Nothing depends on the offers: who sees a sender wait too long takes it without.
        """
        now = time.monotonic()
        free = [sender for sender in free if not self.drains(sender.pk)]
        self._free_since = {sender.pk: self._free_since.get(sender.pk, now) for sender in free}
        self._offered = {pk: at for pk, at in self._offered.items() if pk in self._free_since}
        mine: list[Sender] = []
        for sender in free:
            if self._offers is None:
                mine.append(sender)
            elif is_mine and now - self._offered.get(sender.pk, -OFFER_AGAIN) >= OFFER_AGAIN:
                self._offered[sender.pk] = now
                # one that hangs is not waited for once for each sender
                if now < self._no_offers_until:
                    mine.append(sender)
                elif not await self._offers.offer(sender.pk):
                    self._no_offers_until = time.monotonic() + NO_OFFERS
                    mine.append(sender)
            if now - self._free_since[sender.pk] >= STAND_IN and sender not in mine:
                mine.append(sender)
        if self._most is None:
            return mine
        # others look at the same moment: not all of them for the first who comes
        random.shuffle(mine)
        mine.sort(key=lambda sender: self._free_since[sender.pk])
        late = sum(now - self._free_since[sender.pk] >= STAND_IN for sender in mine)
        return mine[: min(self.room, max(late, min(self._share - self._busy, 1 + len(mine) // 4), 0))]

    async def _share_out(self, accounts: Collection[str]) -> None:
        """Be counted among the workers; leave idle senders to others while it drains more than its share."""
        await self.duties.has(f"{WORKER}{self.holder}")
        self._share = await self._thread.run(_share, accounts, clock_now())
        spare = [
            self._drainers[pk]
            for pk, task in self._tasks.items()
            if not task.done() and self._drainers[pk].idle_for > SPARE_AFTER
        ]
        many = self._busy - self._share
        if not self.room and self._free_since:
            # others wait for a place: not for the sake of those that have nothing to send either
            starving = await self._thread.run(_with_work, list(self._free_since))
            if starving and not spare:
                logger.warning("%s senders wait for a worker: raise --concurrency or start another", starving)
            many = max(many, starving)
        for drainer in spare[: max(0, many)]:
            drainer.stop()

    @property
    def _busy(self) -> int:
        return sum(not task.done() for task in self._tasks.values())

    @property
    def room(self) -> int:
        """How many more senders it can drain."""
        return 1 if self._most is None else max(0, self._most - self._busy)

    async def take_on(self, sender_id: int) -> bool:
        """Drain this sender if it is this engine's share; whether it is tried. From the loop's thread."""
        if self._loop is None or not self.room or self.drains(sender_id):
            return False
        if self._most is not None and self._busy >= self._share:
            return False
        sender = await self._thread.run(Sender.objects.filter(pk=sender_id).first)
        if sender is None or self.drains(sender_id):
            return False
        self._take_on(sender)
        return True

    def _take_on(self, sender: Sender) -> None:
        # it may have left while the ledger was asked
        if (provider := self._providers.get(sender.account)) is None:
            return
        drainer = Drainer(
            sender,
            provider,
            self._thread,
            self.holder,
            self._on_commit,
            dead=self._dead,
            pace=self._paces.setdefault(sender.pk, Pace(Limits(sender.per_second))),
        )
        self._drainers[sender.pk] = drainer
        self._tasks[sender.pk] = asyncio.create_task(self._drain(drainer))

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

    async def _try_out(self) -> None:
        """Hand test messages to the drainers, and learn what became of them."""
        drained = [pk for pk, drainer in self._drainers.items() if self.drains(pk) and drainer.is_ready]
        for test in await self._thread.run(trials.take, drained, clock_now()):
            if (drainer := self._drainers.get(test.sender_id)) is not None:
                drainer.try_out(test)
            else:  # its account left just now
                await self._thread.run(trials.give_back, test.pk, clock_now())
        await self._thread.run(trials.forgotten, clock_now())


def _sweep_ledger(accounts: Collection[str]) -> bool:
    now = clock_now()
    changed = bool(ledger.due_now(now))
    # together: what is opened again at night is not to send before it is hushed
    with transaction.atomic():
        changed |= bool(ledger.finish_campaigns(now)) | bool(hours.keep(now))
    duties.forget(now)
    return changed | bool(ledger.doubt_forgotten(accounts, now - FORGOTTEN_AFTER, now))


def _undrained(accounts: Collection[str], holder: str, dead: Sequence[str], now: dt.datetime) -> list[Sender]:
    """Senders of which no other engine has the lease."""
    return list(Sender.objects.filter(ledger.free_lease(holder, now, dead), account__in=accounts))


def _with_work(senders: Sequence[int]) -> int:
    """How many of these have a message to send now."""
    ready = Invitation.objects.filter(campaign=OuterRef("pk"), state=State.QUEUED, due_at=None)
    running = Campaign.objects.filter(
        Exists(ready), sender=OuterRef("pk"), state=CampaignState.RUNNING, quiet_until=None
    )
    return Sender.objects.filter(Exists(running), pk__in=senders, state=SenderState.ACTIVE).count()


def _share(accounts: Collection[str], now: dt.datetime) -> int:
    """How many senders each worker drains, if all drain equally many."""
    workers = Duty.objects.filter(name__startswith=WORKER, until__gte=now).count()
    return math.ceil(Sender.objects.filter(account__in=accounts).count() / max(1, workers))


def _holders() -> list[str]:
    return [
        *Sender.objects.values_list("lease_holder", flat=True),
        *Duty.objects.values_list("holder", flat=True),
    ]
