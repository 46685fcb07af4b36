"""One sender's drainer: lease, pace, claim, POST, settle.

A tick is one transaction: it writes down what was answered since the last one, renews the lease, and claims
what may leave within the next quarter of a second. Between ticks the requests run side by side.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.db import DatabaseError

from cordially.invitations import ledger, rendering
from cordially.invitations.attempts import Attempt
from cordially.invitations.ledger import Claim
from cordially.invitations.lifecycle import State
from cordially.invitations.models import Campaign, Sender, Source, StatusEvent
from cordially.invitations.news import News
from cordially.lib.clock import now as clock_now
from cordially.providers.base import Outcome, OutgoingMessage, Provider, Refused
from cordially.providers.errors import ErrorClass

from . import verdicts
from .pace import Limits, Pace, Slot
from .thread import LedgerThread

logger = logging.getLogger(__name__)

TICK = 0.1  # seconds between two transactions while there is work
HORIZON = 0.25  # how far ahead messages are claimed
IDLE = 1.0  # seconds between two looks while there is none
LEASE = 10.0  # seconds that a lease lasts
#: a request leaves only while the lease has at least this long to live
LEASE_MARGIN = 2.0
STOP_WITHIN = 20.0  # seconds that a stop waits for a ledger that can't be written
#: requests under way at the same time, at most
MOST_AT_ONCE = 300
#: the provider's words for: slower
TOO_FAST = frozenset({429, 20429, 63017, 63018})
#: WhatsApp takes about one message in six seconds for the same number
SAME_NUMBER = 6.0


@dataclass(frozen=True, slots=True)
class Wording:
    """What is the same for everyone in a campaign."""

    content_ref: str
    variables: tuple[str, ...]
    shared: dict[str, str]


class Drainer:
    """Drains one sender until it is stopped or loses the lease."""

    def __init__(
        self,
        sender: Sender,
        provider: Provider,
        thread: LedgerThread,
        holder: str,
        on_commit: Callable[[], None] = lambda: None,
    ) -> None:
        self.sender_id = sender.pk
        self.phone = sender.phone
        self.provider = provider
        self.holder = holder
        self._thread = thread
        self._on_commit = on_commit
        self._pace = Pace(_limits(sender))
        self._wordings: dict[int, Wording] = {}
        self._news: list[News] = []
        self._flying: dict[str, asyncio.Task[None]] = {}
        self._slots: dict[str, Slot] = {}
        self._lease_good_until = 0.0
        self._unreachable = 0  # times in a row
        self._hold: tuple[dt.datetime, str] | None = None
        self._stopping = False
        self._stop_by: float | None = None
        self._busy = False
        self._awake = asyncio.Event()

    def wake(self) -> None:
        """There may be work: look now. From the event loop's thread."""
        self._awake.set()

    def stop(self) -> None:
        """Claim nothing more, settle what is in flight, give the lease back."""
        self._stopping = True
        self._stop_by = time.monotonic() + STOP_WITHIN
        self._awake.set()

    def written(self, key: str) -> None:
        """The request of that attempt left this machine just now."""
        if slot := self._slots.get(key):
            slot.leave(time.monotonic())

    async def run(self) -> None:
        """Until stopped or the lease is lost.

        Database trouble is waited out; nothing that was answered is lost.
        """
        taken = await self._thread.run(ledger.take_lease, self.sender_id, self.holder, LEASE, clock_now())
        if not taken:
            return
        self._lease_good_until = time.monotonic() + LEASE - LEASE_MARGIN
        self._pace.refill(await self._thread.run(_sent_before, self.sender_id))
        held = True
        while held or self._flying or self._news:
            if self._stopping and not self._flying and not self._news:
                break
            try:
                held = await self._tick() and held
            except DatabaseError as error:
                logger.error("the ledger can’t be written, sending waits: %s", error)
                if self._stop_by is not None and time.monotonic() > self._stop_by:
                    return  # what was answered and not written is settled at the next start, with Twilio
                await asyncio.sleep(0.5)
                continue
            await self._rest()
        if held:
            await self._thread.run(ledger.release_lease, self.sender_id, self.holder)

    async def _tick(self) -> bool:
        """One transaction. False when the lease is lost."""
        begun = time.monotonic()
        now = clock_now()
        room = min(MOST_AT_ONCE, max(20, 2 * self._pace.limits.per_second)) - len(self._flying)
        most = 0 if self._stopping else room
        slots = self._pace.plan(begun, HORIZON, most)

        def rests_until(phone: str) -> dt.datetime | None:
            left = self._pace.rests(phone, begun, SAME_NUMBER)
            return now + dt.timedelta(seconds=left) if left else None

        news, hold = list(self._news), self._hold
        found = await self._thread.run(
            ledger.tick,
            self.sender_id,
            self.holder,
            news=news,
            limit=len(slots),
            rests_until=rests_until,
            rest=SAME_NUMBER,
            hold=hold,
            seconds=LEASE,
            now=now,
        )
        if self._hold is hold:  # an answer may have asked for a new one meanwhile
            self._hold = None
        del self._news[: len(news)]
        if news or found.claims:
            self._on_commit()
        if found.sender is None:
            self._lease_good_until = 0.0
            logger.warning("sender %s: the lease is lost, nothing more is sent from here", self.sender_id)
            return False
        self._lease_good_until = begun + LEASE - LEASE_MARGIN
        self._pace.limits = _limits(found.sender)
        try:
            await self._word({claim.campaign_id for claim in found.claims})
        except DatabaseError:
            self._news += [_not_requested(claim.attempt) for claim in found.claims]
            raise
        for claim, slot in zip(found.claims, slots, strict=False):
            self._begin(claim, slot)
        self._busy = bool(found.claims) or bool(news)
        return True

    async def _word(self, campaigns: set[int]) -> None:
        """Fetch what everyone in these campaigns shares, once each."""
        for campaign_id in campaigns - self._wordings.keys():
            self._wordings[campaign_id] = await self._thread.run(_wording, campaign_id)

    async def _rest(self) -> None:
        """Until the next tick is worth its transaction."""
        self._awake.clear()
        if self._news and not self._flying and self._stopping:
            return
        pause = TICK if self._busy or self._flying or self._news else IDLE
        try:
            async with asyncio.timeout(pause):
                await self._awake.wait()
        except TimeoutError:
            pass

    def _begin(self, claim: Claim, slot: Slot) -> None:
        key = claim.attempt.key
        self._pace.take(slot, claim.phone)
        self._slots[key] = slot
        self._flying[key] = asyncio.create_task(self._send(claim, slot.at))

    async def _send(self, claim: Claim, at: float) -> None:
        key = claim.attempt.key
        try:
            await asyncio.sleep(max(0.0, at - time.monotonic()))
            self._news.append(await self._attempt(claim))
        except Exception:
            # the one catch-all: whatever went wrong, the request may have been made
            logger.exception("attempt %s", key)
            self._news.append(News(State.UNSURE, clock_now(), Source.ENGINE, claim.attempt,
                                   reason=ledger.UNSURE_REASON, look_at=clock_now()))  # fmt: skip
        finally:
            del self._flying[key]
            self._slots.pop(key).left = True
            if not self._flying or len(self._news) >= 100:
                self._awake.set()

    async def _attempt(self, claim: Claim) -> News:
        wording = self._wordings[claim.campaign_id]
        values = rendering.guest_values(wording.shared, claim.name, claim.token, claim.fields)
        if missing := [name for name in wording.variables if not values.get(name)]:
            return _lacks(claim.attempt, missing)
        if self._stopping or time.monotonic() > self._lease_good_until:
            return _not_requested(claim.attempt)
        message = OutgoingMessage(
            key=claim.attempt.key,
            sender=self.phone,
            to=claim.phone,
            content_ref=wording.content_ref,
            values=tuple(values[name] for name in wording.variables),
        )
        outcome = await self.provider.send(message)
        self._heed(outcome, claim)
        return verdicts.of_outcome(claim.attempt, outcome, clock_now())

    def _heed(self, outcome: Outcome, claim: Claim) -> None:
        """Slow down when the provider says that it is too much; wait when it can't be reached or asks for it."""
        if not isinstance(outcome, Refused):
            self._unreachable = 0
            return
        now = clock_now()
        if outcome.fault.code is None and outcome.fault.error_class == ErrorClass.RETRY_SOON:
            # nobody's attempt is at fault, so everybody waits: longer each time, a minute at most
            self._pace.give_back(self._slots[claim.attempt.key])
            if self._hold is None:
                self._unreachable += 1
                wait = min(60.0, 2.0**self._unreachable)
                self._hold = (now + dt.timedelta(seconds=wait), outcome.fault.sentence)
        elif outcome.fault.code in TOO_FAST:
            self._pace.slow_down(time.monotonic())
            if outcome.retry_after:
                self._hold = (now + dt.timedelta(seconds=outcome.retry_after), outcome.fault.sentence)


def _limits(sender: Sender) -> Limits:
    return Limits(sender.per_second, sender.per_hour, sender.per_day)


def _wording(campaign_id: int) -> Wording:
    campaign = Campaign.objects.select_related("event").get(pk=campaign_id)
    shared = rendering.event_values(campaign.event, campaign.event.language)
    return Wording(campaign.content_ref, tuple(campaign.variables), shared)


def _sent_before(sender_id: int) -> list[tuple[float, str]]:
    """What left in the last day, as (monotonic time, number): the windows after a restart."""
    now, mono = clock_now(), time.monotonic()
    begun = (
        StatusEvent.objects.filter(
            status=State.SENDING,
            at__gt=now - dt.timedelta(days=1),
            invitation__campaign__sender=sender_id,
        )
        .order_by("at")
        .values_list("at", "invitation__phone")
    )
    return [(mono - max(0.0, (now - at).total_seconds()), phone) for at, phone in begun.iterator()]


def _lacks(attempt: Attempt, names: list[str]) -> News:
    return News(
        State.FAILED,
        clock_now(),
        Source.ENGINE,
        attempt,
        error_class=ErrorClass.GUEST.value,
        reason=f"No value for “{', '.join(names)}” in this guest’s message. Fill it in, then try again."[
            :300
        ],
    )


def _not_requested(attempt: Attempt) -> News:
    """Claimed and then surely not sent: first in line again."""
    return News(State.QUEUED, clock_now(), Source.ENGINE, attempt, raw="not requested")
