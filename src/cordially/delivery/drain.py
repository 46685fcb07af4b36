"""One sender's drainer: lease, pace, claim, POST, settle.

A tick is one transaction: it writes down what was answered since the last one, renews the lease, and claims
what may leave within the next quarter of a second. Between ticks the requests run side by side.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from django.db.models import Count, Max
from django.db.models.functions import TruncSecond

from cordially.invitations import ledger, trials
from cordially.invitations.attempts import Attempt
from cordially.invitations.ledger import Claim
from cordially.invitations.lifecycle import State
from cordially.invitations.models import CampaignText, Sender, SenderState, Source, TestMessage
from cordially.invitations.news import News
from cordially.lib.clock import now as clock_now
from cordially.lib.marking import noop
from cordially.providers.base import Outcome, OutgoingMessage, Provider, Refused, Unknown, Withheld
from cordially.providers.errors import ErrorClass, Fault

from . import counting, trial, verdicts, wording
from .outage import is_the_databases, one_line
from .pace import Limits, Pace, Sent, Slot
from .thread import LedgerThread
from .wording import TextKey, Wording

logger = logging.getLogger(__name__)

TICK = 0.1  # seconds between two transactions while there is work
HORIZON = 0.25  # how far ahead messages are claimed
IDLE = 1.0  # seconds between two looks while there is none
LEASE = 10.0  # seconds that a lease lasts
#: a request leaves only while the lease has at least this long to live
LEASE_MARGIN = 2.0
#: seconds that a stop waits for answers; what has none then is unsure, and checked at the next start
ANSWERS_WITHIN = 15.0
STOP_WITHIN = 19.0  # seconds that a stop waits for a ledger that can't be written
#: requests claimed or under way at the same time, at most: 400 a second, answered after 0.6 s
MOST_AT_ONCE = 450
#: claimed in one tick, at most: more at once only opens more lines
MOST_IN_A_TICK = 150
#: seconds from a claim to the moment at which its request leaves, at most (of a line that is open)
CLAIMED_EARLY = 0.35
#: lost answers in a row after which everybody waits
MOST_UNANSWERED = 20
#: WhatsApp takes about one message in six seconds for the same number
SAME_NUMBER = 6.0


class Drainer:
    """Drains one sender until it is stopped or loses the lease."""

    def __init__(
        self,
        sender: Sender,
        provider: Provider,
        thread: LedgerThread,
        holder: str,
        on_commit: Callable[[], None] = lambda: None,
        dead: Callable[[], Sequence[str]] = tuple,
        pace: Pace | None = None,
    ) -> None:
        self.sender_id = sender.pk
        self.phone = sender.phone
        self.provider = provider
        self.holder = holder
        self._thread = thread
        self._on_commit = on_commit
        #: holders of leases that surely don't live any more
        self._dead = dead
        #: what left through this process is known best here, also when the lease was lost in between
        self._pace = pace or Pace(_limits(sender))
        self._pace.limits = _limits(sender)
        self._wordings: dict[TextKey, Wording] = {}
        self._news: list[News] = []
        self._flying: dict[str, asyncio.Task[None]] = {}
        self._slots: dict[str, Slot] = {}
        #: key -> campaign; None for a test message, which is in none
        self._campaigns: dict[str, int | None] = {}
        self._tests: list[TestMessage] = []
        #: paused by a fault, or asked to wait: nothing leaves, test messages neither
        self._sender_waits = False
        self._unanswered = 0  # requests in a row that may have been taken, and no word of it
        self._lease_good_until = 0.0
        #: the same by the clock: a machine that was frozen has no idea how long
        self._lease_ends = dt.datetime.min.replace(tzinfo=dt.UTC)
        self._running: frozenset[int] = frozenset()
        self._slowed_at: dt.datetime | None = None
        self._unreachable = 0  # times in a row
        self._held_for_nobody = 0.0
        self._trouble = ""  # what the log was told last
        self._stopping = False
        self._stopped_at = 0.0
        self._busy = False
        self._busy_at = time.monotonic()
        self._awake = asyncio.Event()

    def wake(self) -> None:
        """There may be work: look now. From the event loop's thread."""
        self._awake.set()

    def stop(self) -> None:
        """Claim nothing more, settle what is in flight, give the lease back."""
        if not self._stopping:
            self._stopping, self._stopped_at = True, time.monotonic()
        self._awake.set()

    @property
    def is_ready(self) -> bool:
        """Whether it holds the lease and goes on."""
        return not self._stopping and time.monotonic() < self._lease_good_until

    @property
    def idle_for(self) -> float:
        """Seconds since it had anything to do."""
        return 0.0 if self._flying or self._news or self._tests else time.monotonic() - self._busy_at

    def try_out(self, test: TestMessage) -> None:
        """Send this one at the next free place. It is marked as leaving already."""
        self._tests.append(test)
        self._awake.set()

    def may_leave(self, key: str) -> bool:
        """Asked when the request of that attempt would leave this machine; it leaves when this says so."""
        slot = self._slots.get(key)
        if slot is None or not self._may_go(self._campaigns[key]):
            return False
        slot.leave(time.monotonic())
        return True

    async def run(self) -> None:
        """Until stopped or the lease is lost.

        Database trouble is waited out; nothing that was answered is lost.
        """
        now = clock_now()
        taken = await self._thread.run(
            ledger.take_lease, self.sender_id, self.holder, LEASE, now, dead=self._dead()
        )
        if not taken:
            return
        counting.LEASES.labels("taken").inc()
        self._lease_is_good(time.monotonic(), now)
        self._pace.refill(await self._thread.run(_sent_before, self.sender_id, self._pace.limits))
        held = True
        while held or self._flying or self._news:
            if self._stopping and not self._flying and not self._news:
                break
            self._hurry()
            try:
                held = await self._tick() and held
            except Exception as error:
                if is_the_databases(error):
                    self._note_trouble(one_line(error))
                    if self._stopping and time.monotonic() > self._stopped_at + STOP_WITHIN:
                        logger.error("stopped unsettled: the next start asks Twilio about what is left")
                        return
                else:
                    logger.exception("sender %s: what was answered is written one by one", self.sender_id)
                    await self._write_singly()
                await asyncio.sleep(0.5)
                continue
            self._note_trouble("")
            await self._rest()
        await self._hand_back_tests()
        if held:
            await self._thread.run(ledger.release_lease, self.sender_id, self.holder)

    def _note_trouble(self, what: str) -> None:
        """In the log once, not twice a second; and when it is over."""
        if what and what != self._trouble:
            logger.error("the ledger can’t be written, sending waits: %s", what)
        elif self._trouble and not what:
            logger.warning("the ledger can be written again, sending goes on")
        self._trouble = what

    def _hurry(self) -> None:
        """Wait no longer for answers that take too long for a stop."""
        if self._stopping and time.monotonic() > self._stopped_at + ANSWERS_WITHIN:
            for task in self._flying.values():
                task.cancel()

    async def _write_singly(self) -> None:
        """Whatever one of them is, the others are not to suffer for it: it is looked up at the provider."""
        for item in list(self._news):
            try:
                await self._thread.run(ledger.record, [item])
            except Exception as error:
                if is_the_databases(error):
                    return
                logger.exception("attempt %s can’t be written", item.attempt and item.attempt.key)
            self._news.remove(item)

    def _lease_is_good(self, since: float, now: dt.datetime) -> None:
        self._lease_good_until = since + LEASE - LEASE_MARGIN
        self._lease_ends = now + dt.timedelta(seconds=LEASE - LEASE_MARGIN)

    async def _tick(self) -> bool:
        """One transaction. False when the lease is lost."""
        begun = time.monotonic()
        now = clock_now()
        room = min(MOST_AT_ONCE, max(40, 4 * self._pace.limits.per_second)) - len(self._flying)
        most = 0 if self._stopping else min(room, MOST_IN_A_TICK)
        slots = self._pace.plan(begun, HORIZON, most)
        await self._begin_tests(slots, begun)

        def rests_until(phone: str) -> dt.datetime | None:
            left = self._pace.rests(phone, begun, SAME_NUMBER)
            return now + dt.timedelta(seconds=left) if left else None

        news = list(self._news)
        found = await self._thread.run(
            ledger.tick,
            self.sender_id,
            self.holder,
            news=news,
            limit=len(slots),
            rests_until=rests_until,
            rest=SAME_NUMBER,
            seconds=LEASE,
            now=now,
        )
        del self._news[: len(news)]
        self._running = found.running
        if news or found.claims:
            self._on_commit()
        if found.sender is None:
            self._lease_good_until = 0.0
            counting.LEASES.labels("lost").inc()
            logger.warning(
                "sender %s: the lease was lost, nothing more is sent on it",
                self.sender_id,
                extra={"sender": self.sender_id},
            )
            return False
        self._lease_is_good(begun, now)
        try:
            await self._heed(found.sender)
            await self._word({(claim.campaign_id, claim.text) for claim in found.claims})
        except Exception:
            self._news += [verdicts.not_requested(claim.attempt, clock_now()) for claim in found.claims]
            raise
        for claim, slot in zip(found.claims, slots, strict=False):
            self._begin(claim, slot)
        if found.claims or news:
            self._busy_at = time.monotonic()
        self._busy = bool(found.claims) or bool(news)
        return True

    async def _heed(self, sender: Sender) -> None:
        """What a host changed or the provider asked for since the last tick."""
        self._sender_waits = ledger.is_held(sender, clock_now()) or sender.state == SenderState.PAUSED
        before, self._pace.limits = self._pace.limits, _limits(sender)
        if (sender.per_hour, sender.per_day) != (before.per_hour, before.per_day):
            before_now = await self._thread.run(_sent_before, self.sender_id, self._pace.limits)
            self._pace.refill(replace(before_now, second=[]))  # of the last second we know more ourselves
        if sender.slowed_at is not None and sender.slowed_at != self._slowed_at:
            age = (clock_now() - sender.slowed_at).total_seconds()
            if age < 30:
                self._pace.slow_down(time.monotonic() - max(0.0, age))
        self._slowed_at = sender.slowed_at

    async def _word(self, keys: set[TextKey]) -> None:
        """Fetch what all who read these texts share, once each."""
        for key in keys - self._wordings.keys():
            try:
                self._wordings[key] = await self._thread.run(wording.of_campaign, key)
            except CampaignText.DoesNotExist:
                # whoever was to read it fails with a sentence; all others leave
                logger.error("campaign %s has no text %r", *key, extra={"campaign": key[0]})

    async def _rest(self) -> None:
        """Until the next tick is worth its transaction."""
        self._awake.clear()
        if self._news and not self._flying and self._stopping:
            return
        pause = TICK if self._busy or self._flying or self._news or self._tests else IDLE
        try:
            async with asyncio.timeout(pause):
                await self._awake.wait()
        except TimeoutError:
            pass

    async def _begin_tests(self, slots: list[Slot], now: float) -> None:
        """The first places are theirs; whose number must rest, and what finds no place, waits for the next tick."""
        if self._sender_waits:
            return await self._hand_back_tests()
        too_old = clock_now() - trials.WAITS
        for test in list(self._tests):
            if test.created_at < too_old:
                await self._thread.run(trials.give_up, test.pk, clock_now())
                self._tests.remove(test)
                continue
            if not slots or not self._may_go(None) or self._pace.rests(test.phone, now, SAME_NUMBER):
                continue
            self._tests.remove(test)
            slot, key = slots.pop(0), trial.key_of(test)
            self._pace.take(slot, test.phone)
            self._slots[key], self._campaigns[key] = slot, None
            self._flying[key] = asyncio.create_task(self._send_test(test, key, slot))

    async def _hand_back_tests(self) -> None:
        """None of them has left: whoever drains next may send them, or gives them up."""
        while self._tests:
            await self._thread.run(trials.give_back, self._tests[-1].pk, clock_now())
            self._tests.pop()

    async def _send_test(self, test: TestMessage, key: str, slot: Slot) -> None:
        try:
            await asyncio.sleep(max(0.0, slot.at - time.monotonic()))
            outcome = await self.provider.send(trial.message(test, key, self.phone))
            if isinstance(outcome, Withheld):
                self._pace.give_back(slot, test.phone)
            await self._thread.run(trial.settle, test, outcome)
        except Exception:
            # it stays as it is, and is told to be unsure after a while
            logger.exception("test message %s", test.pk)
        finally:
            del self._flying[key]
            self._slots.pop(key).left = True
            del self._campaigns[key]
            self._awake.set()

    def _begin(self, claim: Claim, slot: Slot) -> None:
        key = claim.attempt.key
        self._pace.take(slot, claim.phone)
        self._slots[key] = slot
        self._campaigns[key] = claim.campaign_id
        self._flying[key] = asyncio.create_task(self._send(claim, slot.at))

    async def _send(self, claim: Claim, at: float) -> None:
        key = claim.attempt.key
        try:
            await asyncio.sleep(max(0.0, at - time.monotonic()))
            self._news.append(await self._attempt(claim))
        except asyncio.CancelledError:
            self._news.append(_unsure(claim.attempt, "stopped before the answer came"))
        except Exception:
            # the one catch-all: whatever went wrong, the request may have been made
            logger.exception("attempt %s", key)
            self._news.append(_unsure(claim.attempt))
        finally:
            del self._flying[key]
            self._slots.pop(key).left = True
            del self._campaigns[key]
            if not self._flying or len(self._news) >= 100:
                self._awake.set()

    async def _attempt(self, claim: Claim) -> News:
        slot = self._slots[claim.attempt.key]
        if not self._may_go(claim.campaign_id):
            self._pace.give_back(slot, claim.phone)
            return verdicts.not_requested(claim.attempt, clock_now())
        words = self._wordings.get((claim.campaign_id, claim.text))
        if words is None:
            self._pace.give_back(slot, claim.phone)
            return _fails(
                claim.attempt, noop("The text of this message is missing. Send it anew in another campaign.")
            )
        values = words.values(claim.guest)
        if missing := words.missing(values):
            self._pace.give_back(slot, claim.phone)
            return _lacks(claim.attempt, missing)
        message = OutgoingMessage(
            key=claim.attempt.key,
            sender=self.phone,
            to=claim.phone,
            content_ref=words.content_ref,
            values=values,
        )
        outcome = await self.provider.send(message)
        counting.OUTCOMES.labels(str(self.sender_id), _kind(outcome)).inc()
        if isinstance(outcome, Withheld) or (isinstance(outcome, Refused) and outcome.fault.code is None):
            self._pace.give_back(slot, claim.phone)
        news = verdicts.of_outcome(claim.attempt, self._with_rest(outcome), clock_now())
        return self._rested(news) if isinstance(outcome, Unknown) else news

    def _rested(self, news: News) -> News:
        """One lost answer is bad luck; many in a row are Twilio's trouble, and everybody waits."""
        self._unanswered += 1
        if self._unanswered % MOST_UNANSWERED:
            return news
        rests = min(60.0, 2.0 ** min(6, self._unanswered // MOST_UNANSWERED))
        return replace(news, fault=Fault(ErrorClass.RETRY_SOON, noop("Twilio doesn’t answer."), rests=rests))

    def _may_go(self, campaign_id: int | None) -> bool:
        """Between the claim and its moment the host may have paused, and the lease may have ended."""
        if self._stopping or (campaign_id is not None and campaign_id not in self._running):
            return False
        return time.monotonic() < self._lease_good_until and clock_now() < self._lease_ends

    def _with_rest(self, outcome: Outcome) -> Outcome:
        """Everybody waits when the provider can't be reached, or asks for it: nobody's attempt is at fault."""
        if not isinstance(outcome, Unknown):
            self._unanswered = 0
        if not isinstance(outcome, Refused):
            self._unreachable = 0
            return outcome
        if outcome.fault.code is None and outcome.fault.error_class == ErrorClass.RETRY_SOON:
            if time.monotonic() > self._held_for_nobody:
                self._unreachable += 1  # longer each time, a minute at most
            rests = min(60.0, 2.0 ** min(6, self._unreachable))
            self._held_for_nobody = time.monotonic() + rests
            return replace(outcome, fault=replace(outcome.fault, rests=rests))
        if outcome.fault.slows and outcome.retry_after:
            return replace(outcome, fault=replace(outcome.fault, rests=min(3600.0, outcome.retry_after)))
        return outcome


def _kind(outcome: Outcome) -> str:
    return outcome.fault.error_class.value if isinstance(outcome, Refused) else type(outcome).__name__.lower()


def _limits(sender: Sender) -> Limits:
    return Limits(sender.per_second, sender.per_hour, sender.per_day)


def _sent_before(sender_id: int, limits: Limits) -> Sent:
    """What left lately as the ledger knows it, as far as the limits ask for it."""
    now, mono = clock_now(), time.monotonic()
    begun = ledger.left(sender_id)

    def left(at: dt.datetime) -> float:
        """When it left, at the latest, in this process's time."""
        return mono - max(0.0, (now - at).total_seconds() - CLAIMED_EARLY)

    def since(seconds: float) -> dt.datetime:
        return now - dt.timedelta(seconds=seconds)

    lately = begun.filter(at__gt=since(10)).order_by("at").values_list("at", flat=True)
    hours: list[tuple[dt.datetime, int]] = []
    if limits.per_hour:
        hour = begun.filter(at__gt=since(3620)).annotate(second=TruncSecond("at")).values("second")
        hours = list(hour.annotate(count=Count("id")).order_by("second").values_list("second", "count"))
    day = begun.filter(at__gt=since(86400 if limits.per_day else 60)).values("invitation__phone")
    people = day.annotate(last=Max("at")).order_by("last").values_list("last", "invitation__phone")
    tried = TestMessage.objects.filter(sender=sender_id, left_at__gt=since(86400))
    tests = [(at, phone) for at, phone in tried.values_list("left_at", "phone") if at is not None]
    return Sent(
        second=sorted([left(at) for at in lately] + [left(at) for at, _ in tests if at > since(10)]),
        hour=sorted(
            [(left(at), count) for at, count in hours]
            + [(left(at), 1) for at, _ in tests if limits.per_hour and at > since(3620)]
        ),
        people=sorted(
            [(left(at), phone) for at, phone in people.iterator()]
            + [(left(at), phone) for at, phone in tests]
        ),
    )


def _lacks(attempt: Attempt, names: list[str]) -> News:
    named = ", ".join(names)
    return _fails(
        attempt,
        noop("No value for “{named}” in this guest’s message. Fill it in, then try again.").format(
            named=named
        ),
    )


def _fails(attempt: Attempt, reason: str) -> News:
    """Only a person can help this guest; nothing was requested."""
    error_class = ErrorClass.GUEST.value
    return News(
        State.FAILED, clock_now(), Source.ENGINE, attempt, error_class=error_class, reason=reason[:300]
    )


def _unsure(attempt: Attempt, raw: str = "") -> News:
    return News(
        State.UNSURE,
        clock_now(),
        Source.ENGINE,
        attempt,
        reason=ledger.UNSURE_REASON,
        look_at=clock_now(),
        raw=raw,
    )
