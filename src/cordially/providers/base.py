"""The port to whoever carries messages: send one, ask about one, find one.

Plain values in, outcomes out; nothing here knows a database. `twilio/` is the one adapter, the simulator
stands behind it on the wire.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from .errors import Fault
from .events import StatusUpdate


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """One attempt. `values` are the template's variables in the order of its content."""

    key: str  # names the attempt; comes back with every callback
    sender: str  # E.164
    to: str  # E.164
    content_ref: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider took it, and calls it `message_id`."""

    message_id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The provider surely did not take it. `retry_after`: seconds it asked us to wait."""

    fault: Fault
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """We asked and no answer came: it may have been taken. Never simply sent again."""

    why: str


@dataclass(frozen=True, slots=True)
class Withheld:
    """It surely never left: whoever may stop it did, at the last moment."""


Outcome = Accepted | Refused | Unknown | Withheld


@dataclass(frozen=True, slots=True)
class FoundMessage:
    """A message as the provider's own list has it."""

    update: StatusUpdate
    to: str
    created_at: dt.datetime
    body: str
    sender: str = ""  # E.164; empty when it is none of ours


class CantAsk(Exception):
    """The provider doesn't answer."""


class Provider(Protocol):
    """An account at a provider."""

    account: str

    async def send(self, message: OutgoingMessage) -> Outcome:
        """Ask once. Never raises for what the wire or the provider does."""

    async def fetch(self, message_id: str) -> StatusUpdate | None:
        """What the provider says of this message now; None when it can't be asked. Raises nothing."""

    async def find(self, sender: str, to: str, since: dt.datetime) -> Sequence[FoundMessage] | None:
        """Messages from sender to this number created since then by the provider's clock, newest first.

        None when the provider can't be asked.
        """

    def all_since(self, since: dt.datetime) -> AsyncIterator[Sequence[FoundMessage]]:
        """Page by page every message of the account created since then, newest first.

        Raises CantAsk when the provider can't be asked.
        """

    async def close(self) -> None: ...
