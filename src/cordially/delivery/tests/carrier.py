"""A provider in memory: it takes, refuses or loses messages as it is told, and keeps its own account."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.people import ACCOUNT

from cordially.lib.clock import now as clock_now
from cordially.providers.base import Accepted, FoundMessage, Outcome, OutgoingMessage, Refused, Unknown
from cordially.providers.errors import ErrorClass, Fault
from cordially.providers.events import Delivery, StatusUpdate

BUSY = Refused(Fault(ErrorClass.RETRY_SOON, "Too much at once.", 20429), retry_after=0.0)
NOT_ON_WHATSAPP = Refused(Fault(ErrorClass.GUEST, "Not on WhatsApp.", 63024))
BAD_CREDENTIALS = Refused(Fault(ErrorClass.SENDER, "Twilio doesn’t accept the credentials.", 20003))


@dataclass
class Carrier:
    account: str = ACCOUNT
    #: where the names of its messages begin: two carriers never call one alike
    first: int = 0
    #: what becomes of a request; Accepted is taken, Unknown("taken") is taken without a word
    says: Callable[[OutgoingMessage], Outcome | Exception] = lambda message: Accepted("")
    asked: list[OutgoingMessage] = field(default_factory=list)
    taken: list[OutgoingMessage] = field(default_factory=list)
    found: list[FoundMessage] = field(default_factory=list)
    reachable: bool = True
    #: requests wait here until it is set
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    async def send(self, message: OutgoingMessage) -> Outcome:
        self.asked.append(message)
        outcome = self.says(message)
        if isinstance(outcome, Accepted) or outcome == Unknown("taken"):
            message_id = self._take(message)
            outcome = Accepted(message_id) if isinstance(outcome, Accepted) else outcome
        await self.gate.wait()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def fetch(self, message_id: str) -> StatusUpdate | None:
        updates = {found.update.message_id: found.update for found in self.found}
        return updates.get(message_id) if self.reachable else None

    async def find(self, sender: str, to: str, since: dt.datetime) -> Sequence[FoundMessage] | None:
        if not self.reachable:
            return None
        return [one for one in self.found if one.to == to and one.created_at >= since]

    async def close(self) -> None:
        pass

    def _take(self, message: OutgoingMessage) -> str:
        self.taken.append(message)
        message_id = f"SM{self.first + len(self.taken):032}"
        update = StatusUpdate(message_id, Delivery.SENT, "sent")
        self.found.append(FoundMessage(update, message.to, clock_now(), " ".join(message.values)))
        return message_id
