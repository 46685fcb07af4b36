"""From what the provider said to what the ledger should know. Pure."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from django.conf import settings

from cordially.invitations import ledger
from cordially.invitations.attempts import Attempt, read_key
from cordially.invitations.lifecycle import State
from cordially.invitations.models import Source
from cordially.invitations.news import Again, News
from cordially.lib.marking import noop
from cordially.providers.base import Accepted, Outcome, Refused, Withheld
from cordially.providers.errors import ErrorClass, Fault
from cordially.providers.events import Delivery, StatusUpdate

from .retry import retry_in

#: how soon an unsure one is looked up for the first time: its callback may well come first
UNSURE_LOOK = dt.timedelta(seconds=2)
#: what the host can do when there is no other try
INSTEAD = noop("Try again, or copy the personal link and send it another way.")
#: how much longer one that arrived is left alone: only its read receipt can still be missing
DELIVERED_LOOK = 10


def of_outcome(attempt: Attempt, outcome: Outcome, now: dt.datetime) -> News:
    """The answer to one request."""
    if isinstance(outcome, Accepted):
        return News(
            State.ACCEPTED,
            now,
            Source.ENGINE,
            attempt=attempt,
            message_id=outcome.message_id,
            look_at=now + first_look(),
        )
    if isinstance(outcome, Withheld):
        return not_requested(attempt, now)
    if isinstance(outcome, Refused):
        return _of_fault(outcome.fault, attempt, None, now, Source.ENGINE, outcome.retry_after)
    return News(
        State.UNSURE,
        now,
        Source.ENGINE,
        attempt=attempt,
        reason=_why_unsure(outcome.why),
        look_at=now + UNSURE_LOOK,
        raw=outcome.why,
    )


def _why_unsure(why: str) -> str:
    if "time-out" in why.lower() or "timeout" in why.lower():
        return ledger.SLOW_REASON
    return ledger.ERROR_REASON if why.startswith("Twilio answered") else ledger.UNSURE_REASON


def not_requested(attempt: Attempt, now: dt.datetime) -> News:
    """Claimed and then surely not sent: first in line again."""
    return News(State.QUEUED, now, Source.ENGINE, attempt, raw="not requested")


def of_update(update: StatusUpdate, now: dt.datetime, source: Source, attempt: Attempt | None = None) -> News:
    """A callback, or the provider's own record. `attempt` when it is known by other means than the key."""
    attempt = attempt or read_key(update.key)
    if update.delivery == Delivery.FAILED:
        fault = update.fault or Fault(ErrorClass.GUEST, noop("The message could not be delivered."))
        return _of_fault(fault, attempt, update.message_id, now, source)
    state = None if update.delivery == Delivery.UNKNOWN else State(update.delivery.value)
    return News(
        state,
        now,
        source,
        attempt=attempt,
        message_id=update.message_id,
        look_at=now + first_look(state),
        raw=update.raw,
    )


def first_look(state: State | None = None) -> dt.timedelta:
    """No callback for so long after it was taken: ask. The wait doubles from there."""
    times = DELIVERED_LOOK if state == State.DELIVERED else 1
    return dt.timedelta(seconds=settings.POLL_SECONDS * times)


def _of_fault(
    fault: Fault,
    attempt: Attempt | None,
    message_id: str | None,
    now: dt.datetime,
    source: Source,
    retry_after: float | None = None,
) -> News:
    """Try again, wait for a person who mends the sender or the template, or give up on this guest."""
    state: State = State.FAILED
    again: Again | None = None
    if fault.error_class in (ErrorClass.SENDER, ErrorClass.TEMPLATE):
        state = State.QUEUED  # nobody fails for it: it goes on when the fault is mended
    elif attempt is not None and fault.error_class != ErrorClass.GUEST:
        state, again = State.QUEUED, _again(fault, now, retry_after)
    return News(
        state,
        now,
        source,
        attempt=attempt,
        message_id=message_id,
        code=fault.code,
        error_class=fault.error_class.value,
        reason=fault.reason[:300],
        fault=fault,
        again=again,
        counts=fault.code is not None,
        hopeless=(fault if fault.error_class == ErrorClass.GUEST else replace(fault, cure=INSTEAD)).reason[
            :300
        ],
    )


def _again(fault: Fault, now: dt.datetime, retry_after: float | None) -> Again:
    def again(tries: int, phone: str) -> dt.datetime | None:
        wait = retry_in(fault, tries, phone, retry_after)
        return None if wait is None else now + dt.timedelta(seconds=wait)

    return again
