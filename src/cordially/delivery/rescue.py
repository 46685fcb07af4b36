"""Settle what is unsure, and ask about what is silent. Only ever by looking at the provider's own record."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from cordially.invitations import ledger
from cordially.invitations.attempts import Attempt
from cordially.invitations.lifecycle import State
from cordially.invitations.models import Invitation, Source
from cordially.invitations.news import News
from cordially.lib.clock import now as clock_now
from cordially.providers.base import FoundMessage, Provider

from . import verdicts
from .thread import LedgerThread

logger = logging.getLogger(__name__)

#: how many are asked about in one round
BATCH = 50
#: after so long without news a message is not asked about any more
GIVE_UP_LOOKING = dt.timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Doubt:
    """An invitation to ask the provider about."""

    attempt: Attempt
    state: State
    sender: str
    phone: str
    token: str
    message_id: str | None
    requested_at: dt.datetime


def in_doubt(account: str, now: dt.datetime) -> list[Doubt]:
    """Those whose time to be asked about has come, the oldest first."""
    rows = (
        Invitation.objects.filter(
            look_at__lte=now,
            campaign__sender__account=account,
            state__in=[State.UNSURE, State.ACCEPTED, State.SENT],
        )
        .order_by("look_at")
        .values_list(
            "campaign__uid", "id", "attempts", "state", "campaign__sender__phone",
            "phone", "guest__token", "message_id", "sending_at", "changed_at",
        )[:BATCH]
    )  # fmt: skip
    return [
        Doubt(
            Attempt(uid, pk, attempts),
            State(state),
            sender,
            phone,
            token,
            message_id,
            sending_at or changed_at,
        )
        for uid, pk, attempts, state, sender, phone, token, message_id, sending_at, changed_at in rows
    ]


def look_again(doubts: Sequence[Doubt], now: dt.datetime) -> None:
    """Nothing was learned: ask again later, ever more seldom."""
    for doubt in doubts:
        waited = now - doubt.requested_at
        later: dt.datetime | None = now + max(dt.timedelta(seconds=2), min(waited, dt.timedelta(hours=6)))
        if doubt.state != State.UNSURE and waited > GIVE_UP_LOOKING:
            later = None
        Invitation.objects.filter(pk=doubt.attempt.invitation_id, state=doubt.state).update(look_at=later)


def known_elsewhere(message_ids: Sequence[str]) -> set[str]:
    """Those that belong to an invitation already."""
    found = Invitation.objects.filter(message_id__in=message_ids).values_list("message_id", flat=True)
    return {message_id for message_id in found if message_id}


class Rescue:
    """Asks the provider, one round at a time."""

    def __init__(self, provider: Provider, thread: LedgerThread, surely_after: float) -> None:
        self.provider = provider
        self._thread = thread
        #: seconds after which a message that the provider doesn't list was surely not taken
        self._surely_after = dt.timedelta(seconds=surely_after)

    async def round(self) -> int:
        """Ask about a batch. Returns how many invitations moved."""
        doubts = await self._thread.run(in_doubt, self.provider.account, clock_now())
        news: list[News] = []
        unanswered: list[Doubt] = []
        answers = await asyncio.gather(*(self._ask(doubt) for doubt in doubts))
        for doubt, item in zip(doubts, answers, strict=True):
            if item is None:
                unanswered.append(doubt)
            else:
                news.append(item)
        moved = await self._thread.run(ledger.record, news) if news else 0
        # also those whose news said nothing new: they would be asked about at once again
        asked = [doubt for doubt in doubts if doubt.state != State.UNSURE or doubt in unanswered]
        if asked:
            await self._thread.run(look_again, asked, clock_now())
        return moved

    async def _ask(self, doubt: Doubt) -> News | None:
        return await (self._find(doubt) if doubt.state == State.UNSURE else self._poll(doubt))

    async def _poll(self, doubt: Doubt) -> News | None:
        update = await self.provider.fetch(doubt.message_id) if doubt.message_id else None
        return verdicts.of_update(update, clock_now(), Source.LOOKUP, doubt.attempt) if update else None

    async def _find(self, doubt: Doubt) -> News | None:
        """The message that the unsure attempt made; queued again when there surely is none."""
        listed = await self.provider.find(doubt.sender, doubt.phone, doubt.requested_at)
        if listed is None:
            return None
        if match := await self._match(doubt, listed):
            logger.info("invitation %s: Twilio has the message", doubt.attempt.invitation_id)
            return verdicts.of_update(match.update, clock_now(), Source.LOOKUP, doubt.attempt)
        if clock_now() - doubt.requested_at < self._surely_after:
            return None
        logger.info("invitation %s: Twilio never took it, queued again", doubt.attempt.invitation_id)
        return News(
            State.QUEUED, clock_now(), Source.RESCUE, doubt.attempt, raw="Twilio never took it, queued again"
        )

    async def _match(self, doubt: Doubt, listed: Sequence[FoundMessage]) -> FoundMessage | None:
        """By the personal link in the text; a text without any link fits whoever has the number."""
        taken = await self._thread.run(known_elsewhere, [found.update.message_id for found in listed])
        free = [found for found in listed if found.update.message_id not in taken]
        named = [found for found in free if doubt.token in found.body]
        anyone = [found for found in free if "/r/" not in found.body]
        return next(iter(named or anyone), None)
