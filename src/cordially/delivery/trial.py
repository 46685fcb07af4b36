"""Test messages on their way: what is sent, and what the answer means. Nothing here is tried again by itself."""

from __future__ import annotations

import asyncio

from cordially.invitations import trials
from cordially.invitations.lifecycle import State
from cordially.invitations.models import Source, TestMessage
from cordially.lib.clock import now as clock_now
from cordially.lib.marking import noop
from cordially.providers.base import Accepted, Outcome, OutgoingMessage, Provider, Refused, Withheld

from . import verdicts
from .thread import LedgerThread

_MAY_ARRIVE = noop("The line broke while sending. It may arrive; send another if it does not.")


def key_of(test: TestMessage) -> str:
    """Names it to the provider; no invitation has such a key."""
    return f"test.{test.pk}.1"


def message(test: TestMessage, key: str, sender: str) -> OutgoingMessage:
    return OutgoingMessage(
        key=key, sender=sender, to=test.phone, content_ref=test.content_ref, values=tuple(test.values)
    )


def settle(test: TestMessage, outcome: Outcome) -> None:
    """Write down what became of the request."""
    now = clock_now()
    if isinstance(outcome, Accepted):
        trials.settle(test.pk, State.ACCEPTED, now, message_id=outcome.message_id)
    elif isinstance(outcome, Withheld):
        trials.give_back(test.pk, now)
    elif isinstance(outcome, Refused):
        trials.settle(test.pk, State.FAILED, now, code=outcome.fault.code, reason=outcome.fault.reason)
    else:
        trials.settle(test.pk, State.UNSURE, now, reason=_MAY_ARRIVE)


async def ask_about_silent(provider: Provider, thread: LedgerThread) -> int:
    """Fetch what no report came about. Returns how many there were."""
    tests = await thread.run(trials.silent, provider.account, clock_now())
    updates = await asyncio.gather(*(provider.fetch(test.message_id) for test in tests))
    for update in updates:
        if update is not None:
            await thread.run(trials.heard, [verdicts.of_update(update, clock_now(), Source.LOOKUP)])
    return len(tests)
