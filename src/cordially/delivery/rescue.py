"""Settle what is unsure, and ask about what is silent. Only ever by looking at the provider's own record."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from django.db import transaction
from django.db.models import Q

from cordially.invitations import ledger
from cordially.invitations.attempts import Attempt
from cordially.invitations.lifecycle import State
from cordially.invitations.models import FormerMessage, Invitation, Source, TestMessage
from cordially.invitations.news import News
from cordially.lib.clock import now as clock_now
from cordially.lib.marking import noop
from cordially.providers.base import FoundMessage, Provider
from cordially.providers.errors import ErrorClass
from cordially.templating.variables import RECIPIENT_COLUMNS, Recipient

from . import verdicts, wording
from .outage import is_the_databases
from .thread import LedgerThread
from .wording import TextKey, Wording

logger = logging.getLogger(__name__)

#: how many are asked about in one round
BATCH = 50
#: after so long without news a message is not asked about any more
GIVE_UP_LOOKING = dt.timedelta(days=3)
#: messages are looked for that much before the request: this machine's clock and the provider's may differ
CLOCKS_DIFFER = dt.timedelta(days=30)
#: a message that says the same to somebody of another name is this request's when it is hardly older
SAME_REQUEST = dt.timedelta(minutes=10)
NEVER_ANSWERED = noop("Twilio never answered for this guest. Try again, or copy the personal link.")
WHOSE_IS_IT = noop(
    "A message reached this number, which others share, and nobody can tell whose it was. "
    "Ask them, then try again if need be."
)
#: for so long a callback may still tell apart two guests of one number
_UNDECIDED = dt.timedelta(hours=1)
#: requests of one invitation that the provider may lose before a person is asked
MOST_LOST = 10
_SHORTEST = dt.timedelta(seconds=2)
_LONGEST = dt.timedelta(hours=6)
#: somebody waits for an unsure one
_LONGEST_UNSURE = dt.timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Doubt:
    """An invitation to ask the provider about."""

    attempt: Attempt
    state: State
    campaign_id: int
    sender: str
    phone: str
    #: the key of the campaign's text that the guest reads
    text: str
    guest: Recipient
    message_id: str | None
    look_at: dt.datetime
    requested_at: dt.datetime


def _while_it_makes_sense(tries: int, phone: str) -> dt.datetime | None:
    return clock_now() if tries < MOST_LOST else None


def in_doubt(account: str, states: Sequence[State], now: dt.datetime) -> list[Doubt]:
    """Those whose time to be asked about has come, the oldest first."""
    # an unsure one that seems to wait longer than it ever does had its time from a clock that ran ahead
    its_time = (
        Q(look_at__lte=now)
        | Q(state=State.UNSURE, look_at__gt=now + 10 * _LONGEST_UNSURE)
        | Q(look_at__gt=now + GIVE_UP_LOOKING + _LONGEST)
    )
    rows = (
        Invitation.objects.filter(its_time, campaign__sender__account=account, state__in=states)
        .order_by("look_at")
        .values_list(
            "campaign__uid", "id", "attempts", "state", "campaign", "campaign__sender__phone", "phone",
            "text", "message_id", "look_at", "sending_at", "changed_at",
            *(f"guest__{column}" for column in RECIPIENT_COLUMNS),
        )[:BATCH]
    )  # fmt: skip
    return [
        Doubt(
            Attempt(uid, pk, attempts),
            State(state),
            campaign_id,
            sender,
            phone,
            text,
            Recipient(*guest),
            message_id,
            look_at or now,
            sending_at or changed_at,
        )
        for (
            uid, pk, attempts, state, campaign_id, sender, phone,
            text, message_id, look_at, sending_at, changed_at, *guest,
        ) in rows
    ]  # fmt: skip


@transaction.atomic
def look_again(doubts: Sequence[Doubt], now: dt.datetime) -> None:
    """Those of which nothing was learned are asked about again later, ever more seldom."""
    for doubt in doubts:
        waited = now - doubt.requested_at
        longest = _LONGEST_UNSURE if doubt.state == State.UNSURE else _LONGEST
        if doubt.state == State.DELIVERED:
            longest = GIVE_UP_LOOKING  # most people who didn't read it yet never tell
        later: dt.datetime | None = now + max(_SHORTEST, min(waited, longest))
        if doubt.state != State.UNSURE and waited > GIVE_UP_LOOKING:
            later = None
        Invitation.objects.filter(
            pk=doubt.attempt.invitation_id, state=doubt.state, look_at=doubt.look_at
        ).update(look_at=later)


@transaction.atomic
def look_at(times: Sequence[tuple[Doubt, dt.datetime]]) -> None:
    """Ask about these unsure ones at those times, unless it is done sooner anyway."""
    for doubt, at in times:
        Invitation.objects.filter(pk=doubt.attempt.invitation_id, state=State.UNSURE, look_at__gt=at).update(
            look_at=at
        )


def known_elsewhere(message_ids: Sequence[str]) -> set[str]:
    """Those that belong to an invitation already, or to an earlier attempt."""
    now = Invitation.objects.filter(message_id__in=message_ids).values_list("message_id", flat=True)
    before = FormerMessage.objects.filter(message_id__in=message_ids).values_list("message_id", flat=True)
    tests = TestMessage.objects.filter(message_id__in=message_ids).values_list("message_id", flat=True)
    return {message_id for message_id in now if message_id} | set(before) | set(tests)


class Rival(NamedTuple):
    """Another invitation to the same phone of which it isn't known yet whether its message was taken."""

    pk: int
    text: TextKey
    guest: Recipient


def rivals(doubt: Doubt) -> list[Rival]:
    """Whose message a listed one may be as well."""
    rows = Invitation.objects.filter(
        campaign__sender__phone=doubt.sender, phone=doubt.phone, state__in=[State.UNSURE, State.SENDING]
    ).exclude(pk=doubt.attempt.invitation_id)
    found = rows.values_list("pk", "campaign", "text", *(f"guest__{name}" for name in RECIPIENT_COLUMNS))
    return [Rival(pk, (campaign, text), Recipient(*guest)) for pk, campaign, text, *guest in found]


def _about(doubt: Doubt) -> dict[str, int]:
    """For a collector of logs."""
    return {"campaign": doubt.campaign_id, "invitation": doubt.attempt.invitation_id}


class _MayBeAnothers(Exception):
    """A listed message says the same to two guests of one phone: only a callback tells whose it is."""


class Rescue:
    """Asks the provider, one round at a time."""

    def __init__(self, provider: Provider, thread: LedgerThread, surely_after: float) -> None:
        self.provider = provider
        self._thread = thread
        #: seconds after which a message that the provider doesn't list was surely not taken
        self._surely_after = surely_after
        #: attempt -> when the provider first said here that it doesn't list it (monotonic: clocks may jump)
        self._missing: dict[Attempt, float] = {}
        self._wordings: dict[TextKey, Wording] = {}

    async def settle(self) -> int:
        """Ask about what is unsure. Returns how many invitations moved."""
        return await self._round([State.UNSURE], self._find)

    async def poll(self) -> int:
        """Ask about messages without news. Returns how many invitations moved."""
        return await self._round([State.ACCEPTED, State.SENT, State.DELIVERED], self._fetch)

    async def _round(self, states: Sequence[State], ask: Callable[[Doubt], Awaitable[News | None]]) -> int:
        begun = clock_now()
        doubts = await self._thread.run(in_doubt, self.provider.account, states, begun)
        if not doubts:
            return 0
        answers = await asyncio.gather(*(ask(doubt) for doubt in doubts), return_exceptions=True)
        moved = await self._record([item for item in answers if isinstance(item, News)])
        for problem in answers:
            if isinstance(problem, BaseException):
                self._complain(problem)
        # whatever moved has a time of its own by now
        await self._thread.run(look_again, doubts, begun)
        if soon := [(doubt, self._sure_at(doubt)) for doubt in doubts if doubt.attempt in self._missing]:
            await self._thread.run(look_at, soon)
        self._forget()
        return moved

    async def _record(self, news: Sequence[News]) -> int:
        """All together, or one by one when one of them can't be written."""
        try:
            return await self._thread.run(ledger.record, news) if news else 0
        except Exception as error:
            self._complain(error)
        return sum([await self._record_one(item) for item in news])

    async def _record_one(self, item: News) -> int:
        try:
            return await self._thread.run(ledger.record, [item])
        except Exception as error:
            self._complain(error)
            return 0

    def _complain(self, error: BaseException) -> None:
        """A database that is out of order stops the round; anything else is one message's own trouble."""
        if not isinstance(error, Exception) or is_the_databases(error):
            raise error
        logger.error("a look-up went wrong", exc_info=error)

    def _sure_at(self, doubt: Doubt) -> dt.datetime:
        """When the provider's silence about it is proof enough."""
        left = self._missing[doubt.attempt] + self._surely_after - time.monotonic()
        return clock_now() + dt.timedelta(seconds=max(0.0, left))

    def _forget(self) -> None:
        """What a callback settled in the meantime is not asked about again."""
        long_ago = time.monotonic() - 100 * max(60.0, self._surely_after)
        self._missing = {attempt: first for attempt, first in self._missing.items() if first > long_ago}

    async def _fetch(self, doubt: Doubt) -> News | None:
        update = await self.provider.fetch(doubt.message_id) if doubt.message_id else None
        return verdicts.of_update(update, clock_now(), Source.LOOKUP, doubt.attempt) if update else None

    async def _find(self, doubt: Doubt) -> News | None:
        """The message that the unsure attempt made; queued again when there surely is none."""
        since = min(doubt.requested_at, clock_now()) - CLOCKS_DIFFER
        listed = await self.provider.find(doubt.sender, doubt.phone, since)
        if listed is None:
            return None
        try:
            match = await self._match(doubt, listed)
        except _MayBeAnothers:
            self._missing.pop(doubt.attempt, None)
            return self._undecided(doubt)
        if match:
            self._missing.pop(doubt.attempt, None)
            logger.info(
                "invitation %s: Twilio has the message", doubt.attempt.invitation_id, extra=_about(doubt)
            )
            news = verdicts.of_update(match.update, clock_now(), Source.LOOKUP, doubt.attempt)
            # it exists, whatever the word for it means
            return news if news.state else replace(news, state=State.ACCEPTED)
        if not self._surely_missing(doubt):
            return None
        self._missing.pop(doubt.attempt, None)
        logger.info(
            "invitation %s: Twilio never took it, queued again",
            doubt.attempt.invitation_id,
            extra=_about(doubt),
        )
        return News(
            State.QUEUED,
            clock_now(),
            Source.RESCUE,
            doubt.attempt,
            raw="Twilio never took it, queued again",
            again=_while_it_makes_sense,
            hopeless=NEVER_ANSWERED,
        )

    def _undecided(self, doubt: Doubt) -> News | None:
        """Only a callback could tell; when none has come for so long, a person must."""
        now = clock_now()
        if now - doubt.requested_at < _UNDECIDED:
            return None
        return News(
            State.FAILED,
            now,
            Source.RESCUE,
            doubt.attempt,
            error_class=ErrorClass.GUEST.value,
            reason=WHOSE_IS_IT,
        )

    def _surely_missing(self, doubt: Doubt) -> bool:
        """Long enough since the first look that didn't find it."""
        first = self._missing.setdefault(doubt.attempt, time.monotonic())
        return time.monotonic() - first >= self._surely_after

    async def _match(self, doubt: Doubt, listed: Sequence[FoundMessage]) -> FoundMessage | None:
        """The message with this guest's own words in it that no invitation or test has.

        Raises _MayBeAnothers when it can't be told from the message of somebody else who reads on this phone.
        """
        if not listed:
            return None
        words = await self._words((doubt.campaign_id, doubt.text))
        known = await self._thread.run(known_elsewhere, [found.update.message_id for found in listed])
        free = [found for found in listed if found.update.message_id not in known]
        if not free:
            return None
        others = await self._thread.run(rivals, doubt)
        if mine := [found for found in free if words.wrote(found.body, doubt.guest)]:
            claims = [
                other.pk
                for other in others
                if (await self._words(other.text)).wrote(mine[0].body, other.guest)
            ]
            if len(mine) <= len(claims):
                raise _MayBeAnothers
            # one each, also when they ask at the same moment
            return mine[sum(pk < doubt.attempt.invitation_id for pk in claims)]
        # a guest may have been given another name since: better taken for sent than sent twice
        lately = doubt.requested_at - SAME_REQUEST
        like_it = (f for f in free if f.created_at >= lately and words.is_of_this_kind(f.body))
        similar = next(like_it, None)
        if similar is not None and others:
            raise _MayBeAnothers
        return similar

    async def _words(self, key: TextKey) -> Wording:
        if key not in self._wordings:
            self._wordings[key] = await self._thread.run(wording.of_campaign, key)
        return self._wordings[key]
