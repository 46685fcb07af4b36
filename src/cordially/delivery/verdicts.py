"""From what the provider said to what the ledger should know. Pure."""

from __future__ import annotations

import datetime as dt

from django.conf import settings

from cordially.invitations.attempts import Attempt, read_key
from cordially.invitations.ledger import UNSURE_REASON
from cordially.invitations.lifecycle import State
from cordially.invitations.models import Source
from cordially.invitations.news import News
from cordially.providers.base import Accepted, Outcome, Refused
from cordially.providers.errors import ErrorClass, Fault
from cordially.providers.events import Delivery, StatusUpdate

from .retry import retry_in

#: how soon an unsure one is looked up for the first time: its callback may well come first
UNSURE_LOOK = dt.timedelta(seconds=2)


def of_outcome(attempt: Attempt, outcome: Outcome, now: dt.datetime) -> News:
    """The answer to one request."""
    if isinstance(outcome, Accepted):
        return News(
            State.ACCEPTED,
            now,
            Source.ENGINE,
            attempt=attempt,
            message_id=outcome.message_id,
            look_at=now + _first_look(),
        )
    if isinstance(outcome, Refused):
        return _of_fault(outcome.fault, attempt, None, now, Source.ENGINE, outcome.retry_after)
    return News(
        State.UNSURE,
        now,
        Source.ENGINE,
        attempt=attempt,
        reason=UNSURE_REASON,
        look_at=now + UNSURE_LOOK,
        raw=outcome.why,
    )


def of_update(update: StatusUpdate, now: dt.datetime, source: Source, attempt: Attempt | None = None) -> News:
    """A callback, or the provider's own record. `attempt` when it is known by other means than the key."""
    attempt = attempt or read_key(update.key)
    if update.delivery == Delivery.FAILED:
        fault = update.fault or Fault(ErrorClass.GUEST, "The message could not be delivered.")
        return _of_fault(fault, attempt, update.message_id, now, source)
    state = None if update.delivery == Delivery.UNKNOWN else State(update.delivery.value)
    return News(
        state,
        now,
        source,
        attempt=attempt,
        message_id=update.message_id,
        look_at=now + _first_look(),
        raw=update.raw,
    )


def _first_look() -> dt.timedelta:
    """No callback for so long after it was taken: ask. The wait doubles from there."""
    return dt.timedelta(seconds=settings.POLL_SECONDS)


def _of_fault(
    fault: Fault,
    attempt: Attempt | None,
    message_id: str | None,
    now: dt.datetime,
    source: Source,
    retry_after: float | None = None,
) -> News:
    """Try again, wait for a person who mends the sender or the template, or give up on this guest."""
    state, due_at, reason = State.FAILED, None, fault.reason
    if fault.error_class in (ErrorClass.SENDER, ErrorClass.TEMPLATE):
        state = State.QUEUED  # nobody fails for it: it goes on when the fault is mended
    elif attempt is not None and fault.error_class != ErrorClass.GUEST:
        # not reached at all (no code): an outage of an hour must fail nobody
        number = attempt.number if fault.code is not None else min(attempt.number, 6)
        wait = retry_in(fault.error_class, number, retry_after)
        if wait is None:
            reason = f"Tried {attempt.number} times. {reason}"
        else:
            state, due_at = State.QUEUED, now + dt.timedelta(seconds=wait)
    return News(
        state,
        now,
        source,
        attempt=attempt,
        message_id=message_id,
        code=fault.code,
        error_class=fault.error_class.value,
        reason=reason[:300],
        due_at=due_at,
    )
