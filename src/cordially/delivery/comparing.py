"""Ask Twilio what left after a copy was taken that was brought back, and write it into the ledger.

What it lists is matched by sender, number and words, as for an answer that was lost (`rescue.py`). What fits no
invitation marks its guest as invited (`invitations/comparing.py`). Broken off anywhere it begins again: whatever
was taken in is known by its message id.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence

from django.db import transaction

from cordially.invitations import comparing, ledger
from cordially.invitations.attempts import Attempt
from cordially.invitations.comparing import Stray, Waiting
from cordially.invitations.lifecycle import LIVE, State
from cordially.invitations.models import Comparison, Source
from cordially.invitations.news import News
from cordially.lib.clock import now as clock_now
from cordially.providers.base import CantAsk, FoundMessage, Provider
from cordially.providers.events import Delivery

from . import verdicts, wording
from .rescue import known_elsewhere
from .thread import LedgerThread
from .wording import TextKey, Wording

logger = logging.getLogger(__name__)


class Compare:
    """Compares one account, when that is to be done."""

    def __init__(self, provider: Provider, thread: LedgerThread) -> None:
        self.provider = provider
        self._thread = thread
        self._wordings: dict[TextKey, Wording] = {}

    async def compare(self) -> bool:
        """Whether something was compared. What can't be asked now is asked again at the next call."""
        todo = await self._thread.run(_todo, self.provider.account)
        if todo is None:
            return False
        try:
            async for page in self.provider.all_since(todo.since):
                await self._thread.run(self._take_in, page)
        except CantAsk as error:
            logger.warning("Twilio can't be asked what left since the copy was taken: %s", error)
            return False
        await self._thread.run(comparing.finish, self.provider.account, clock_now())
        return True

    @transaction.atomic
    def _take_in(self, page: Sequence[FoundMessage]) -> None:
        known = known_elsewhere([found.update.message_id for found in page])
        by_sender: defaultdict[str, list[FoundMessage]] = defaultdict(list)
        for found in page:
            if found.sender and found.update.message_id not in known:
                by_sender[found.sender].append(found)
        for sender, messages in by_sender.items():
            self._of_sender(sender, messages)

    def _of_sender(self, sender: str, messages: Sequence[FoundMessage]) -> None:
        now = clock_now()
        at: defaultdict[str, list[Waiting]] = defaultdict(list)
        for row in comparing.waiting(self.provider.account, sender, [found.to for found in messages]):
            at[row.phone].append(row)
        news: list[News] = []
        strays: list[Stray] = []
        for found in messages:
            whose = self._whose(found, at[found.to])
            if whose is not None:
                at[found.to].remove(whose)
                attempt = Attempt(whose.uid, whose.pk, whose.attempt)
                news.append(verdicts.of_update(found.update, now, Source.LOOKUP, attempt))
            elif found.update.delivery != Delivery.FAILED:
                state = verdicts.of_update(found.update, now, Source.LOOKUP).state
                strays.append(
                    Stray(
                        found.update.message_id,
                        found.to,
                        found.body,
                        found.created_at,
                        state if state in LIVE else State.ACCEPTED,
                    )
                )
        counted = ledger.record_in_transaction(news)
        marked = comparing.mark(self.provider.account, sender, strays, now)
        comparing.add(self.provider.account, counted, marked)

    def _whose(self, found: FoundMessage, rows: Sequence[Waiting]) -> Waiting | None:
        for row in rows:
            if self._words(row).wrote(found.body, row.guest):
                return row
        # a guest may have had another name: better taken for sent than sent twice
        return next((row for row in rows if self._words(row).is_of_this_kind(found.body)), None)

    def _words(self, row: Waiting) -> Wording:
        key = row.campaign_id, row.text
        if key not in self._wordings:
            self._wordings[key] = wording.of_campaign(key)
        return self._wordings[key]


def _todo(account: str) -> Comparison | None:
    return Comparison.objects.filter(account=account, done_at=None).first()
