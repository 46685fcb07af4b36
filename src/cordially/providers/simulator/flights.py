"""Messages on their way: each takes its planned steps, and every step is reported."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial

from . import plan
from .accounts import Accounts
from .agenda import Agenda
from .courier import Courier, Target
from .errors import FAILURES
from .plan import RANK, Step
from .store import CHANNEL, SimMessage, Store

_INSTALL_SID = "XE" + "0" * 32
_EVENT_TYPES = {"delivered": "DELIVERED", "read": "READ", "undelivered": "UNDELIVERED"}
_WITH_INSTALL_SID = frozenset({"sent", "delivered"})

_SAVE_AFTER = 0.05

_target = lru_cache(maxsize=4096)(Target.read_from)


@dataclass(slots=True)
class _Flight:
    message: SimMessage
    sender: str
    rank: int
    #: not yet reported
    steps: list[Step]


class Flights:
    def __init__(
        self, accounts: Accounts, default_sender: str, store: Store, agenda: Agenda, courier: Courier
    ) -> None:
        self._accounts = accounts
        self._default_sender = CHANNEL + default_sender
        self._store = store
        self._agenda = agenda
        self._courier = courier
        self._flights: dict[str, _Flight] = {}
        self._reported: dict[str, _Flight] = {}

    def resume(self) -> None:
        """Go on with what was interrupted. A report that was under way is made again: late, or twice."""
        for message, steps in self._store.unfinished():
            self._take_off(message, plan.load(steps))

    def launch(self, message: SimMessage, steps: list[Step]) -> None:
        self._store.add(message, plan.dump(steps))
        self._take_off(message, steps)

    def cancel(self, message: SimMessage) -> None:
        """Only what is scheduled can be cancelled."""
        self._reported.pop(message.sid, None)
        step = Step("canceled", time.time())
        self._store.set_plan(message.sid, plan.dump([step]))
        self._take_off(message, [step])

    def drop(self, sid: str) -> None:
        """Report nothing more of it."""
        self._flights.pop(sid, None)

    def clear(self) -> None:
        """Forget all of them."""
        self._flights.clear()
        self._reported.clear()

    def land(self) -> None:
        """Stop where they are; what is left stays in the record."""
        self._save()
        self._flights.clear()

    def _take_off(self, message: SimMessage, steps: list[Step]) -> None:
        if not steps:
            return
        flight = _Flight(message, message.from_ or self._default_sender, RANK[message.status], list(steps))
        self._flights[message.sid] = flight
        for step in steps:
            self._at(step.due, partial(self._reach, flight, step))

    def _at(self, due: float, action: Callable[[], None]) -> None:
        """`due` is of the wall clock, because it outlives the process."""
        self._agenda.at(time.monotonic() + due - time.time(), action)

    def _reach(self, flight: _Flight, step: Step) -> None:
        sid = flight.message.sid
        if self._flights.get(sid) is not flight:
            return
        if RANK[step.status] > flight.rank:
            flight.rank = RANK[step.status]
            self._store.set_status(
                sid,
                step.status,
                step.error_code,
                time.time(),
                sent=step.status == "sent",
                sender=flight.sender,
            )
        if not step.copies or not flight.message.callback:
            self._finish(flight, step)
        elif step.lag:
            self._at(step.due + step.lag, partial(self._report, flight, step))
        else:
            self._report(flight, step)

    def _report(self, flight: _Flight, step: Step) -> None:
        if self._flights.get(flight.message.sid) is not flight:
            return
        target = _target(flight.message.callback)
        account = self._accounts.get(self._accounts.of_sender(flight.sender.removeprefix(CHANNEL)))
        params = self._params(flight, step, account.sid)
        for copy in range(step.copies):
            last = copy == step.copies - 1
            self._courier.post(
                target, params, account.token, partial(self._finish, flight, step) if last else _nothing
            )

    def _finish(self, flight: _Flight, step: Step) -> None:
        sid = flight.message.sid
        if self._flights.get(sid) is not flight or step not in flight.steps:
            return
        flight.steps.remove(step)
        if not flight.steps:
            del self._flights[sid]
        if not self._reported:
            self._agenda.at(time.monotonic() + _SAVE_AFTER, self._save)
        self._reported[sid] = flight

    def _save(self) -> None:
        """Note what has been reported. Late is good enough: if we die before, it is reported once more."""
        for sid, flight in self._reported.items():
            self._store.set_plan(sid, plan.dump(flight.steps))
        self._reported.clear()

    def _params(self, flight: _Flight, step: Step, account: str) -> dict[str, str]:
        """https://www.twilio.com/docs/messaging/guides/outbound-message-status-in-status-callbacks"""
        message = flight.message
        params = {
            "SmsSid": message.sid,
            "SmsStatus": step.status,
            "MessageStatus": step.status,
            "ChannelToAddress": message.phone[:-4] + "XXXX",
            "To": message.to,
            "ChannelPrefix": "whatsapp",
            "MessageSid": message.sid,
            "AccountSid": account,
            "From": flight.sender,
            "ApiVersion": "2010-04-01",
        }
        if message.service_sid:
            params["MessagingServiceSid"] = message.service_sid
        if step.status in _WITH_INSTALL_SID:
            params["ChannelInstallSid"] = _INSTALL_SID
        if step.status in _EVENT_TYPES:
            params["EventType"] = _EVENT_TYPES[step.status]
        if step.error_code:
            text = FAILURES[step.error_code]
            params |= {
                "ErrorCode": str(step.error_code),
                "ErrorMessage": text,
                "ChannelStatusMessage": text,
            }
        return params


def _nothing() -> None:
    pass
