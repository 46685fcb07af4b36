"""The states of an invitation, and the moves between them.

`docs/states.md` draws this table; a test keeps the two equal.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy


class State(models.TextChoices):
    """What has become of one guest's invitation in one campaign."""

    QUEUED = "queued", gettext_lazy("Queued")  # waits for its turn, or for its retry time
    SENDING = "sending", gettext_lazy("Sending")  # claimed by a worker; a request may be under way
    UNSURE = "unsure", gettext_lazy("Checking")  # requested, and the answer never came
    ACCEPTED = "accepted", gettext_lazy("Accepted")  # Twilio took it
    SENT = "sent", gettext_lazy("Sent")  # WhatsApp took it
    DELIVERED = "delivered", gettext_lazy("Delivered")  # on the guest's phone
    READ = "read", gettext_lazy("Read")  # opened (at least: some people hide it)
    FAILED = "failed", gettext_lazy("Failed")  # needs a person
    CANCELLED = "cancelled", gettext_lazy("Cancelled")  # called back before it was sent
    SKIPPED = "skipped", gettext_lazy("Left out")  # selected, but must not be sent


#: from -> to. A move that is not here does not happen.
MOVES: dict[State, frozenset[State]] = {
    State.QUEUED: frozenset(
        {State.SENDING, State.CANCELLED, State.SKIPPED, State.FAILED}
        | {State.ACCEPTED, State.SENT, State.DELIVERED, State.READ}  # news of an attempt we had given up
    ),
    State.SENDING: frozenset(
        {State.QUEUED, State.UNSURE, State.FAILED, State.CANCELLED}
        | {State.ACCEPTED, State.SENT, State.DELIVERED, State.READ}
    ),
    State.UNSURE: frozenset(
        {State.QUEUED, State.FAILED, State.CANCELLED}
        | {State.ACCEPTED, State.SENT, State.DELIVERED, State.READ}
    ),
    State.ACCEPTED: frozenset({State.SENT, State.DELIVERED, State.READ, State.FAILED, State.QUEUED}),
    State.SENT: frozenset({State.DELIVERED, State.READ, State.FAILED, State.QUEUED}),
    State.DELIVERED: frozenset({State.READ}),
    State.READ: frozenset(),
    State.FAILED: frozenset({State.QUEUED, State.SENT, State.DELIVERED, State.READ}),
    # called back, and yet it had left: news of an attempt that was given up
    State.CANCELLED: frozenset({State.SENT, State.DELIVERED, State.READ}),
    State.SKIPPED: frozenset(),
}

#: somebody's invitation is on its way or has arrived: another would be a second one
LIVE = frozenset(
    {State.QUEUED, State.SENDING, State.UNSURE, State.ACCEPTED, State.SENT, State.DELIVERED, State.READ}
)
#: the engine still has something to do
OPEN = frozenset({State.QUEUED, State.SENDING, State.UNSURE})
#: nothing more is expected, or nothing more needs to come
ENDED = frozenset({State.DELIVERED, State.READ, State.FAILED, State.CANCELLED, State.SKIPPED})

#: the state's own timestamp column
STAMPS: dict[State, str] = {
    State.QUEUED: "queued_at",
    State.SENDING: "sending_at",
    State.ACCEPTED: "accepted_at",
    State.SENT: "sent_at",
    State.DELIVERED: "delivered_at",
    State.READ: "read_at",
    State.FAILED: "failed_at",
}


def can_move(old: State, new: State) -> bool:
    """Whether the table allows it."""
    return new in MOVES[old]
