"""A stand-in for Twilio: its Messages and Content API, signed callbacks, and a phone to look at."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

import uvicorn
from starlette.applications import Starlette
from starlette.routing import BaseRoute

from . import door
from .accounts import Accounts
from .agenda import Agenda
from .config import Faults, SimulatorConfig
from .contents import ContentApi
from .control import Control
from .courier import Courier
from .door import Guard, open_to_all
from .flights import Flights
from .limits import most_in_a_second
from .messages import MessagesApi
from .phone import PhonePages
from .plan import Chance
from .senders import SendersApi
from .store import SimMessage, Store

_LOGGING: Final = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {"class": "cordially.lib.logs.Discreet", "format": "%(levelname)s %(name)s: %(message)s"}
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "loggers": {"uvicorn": {"handlers": ["stderr"], "propagate": False}},
}

__all__ = [
    "Faults",
    "Record",
    "SimMessage",
    "Simulator",
    "SimulatorConfig",
    "create_simulator",
    "run_simulator",
]


class Record:
    """What the simulator has seen. Readable from any thread, before, during and after its run."""

    def __init__(self, store: Store, api: MessagesApi) -> None:
        self._store = store
        self._api = api

    def messages(self) -> list[SimMessage]:
        """All that exist, in the order in which they were created."""
        return self._store.messages()

    def message(self, sid: str) -> SimMessage | None:
        return self._store.message(sid)

    @property
    def arrivals(self) -> dict[str, Sequence[float]]:
        """For each sender (E.164), when its requests for a message came in (time.monotonic)."""
        return {sender: each.arrivals for sender, each in self._api.doors.items()}

    def most_in_a_second(self, sender: str) -> int:
        """The largest number of requests in any sliding second."""
        return most_in_a_second(tuple(self.arrivals.get(sender, ())))


class Simulator:
    """Built anywhere, started in the event loop that serves `app`."""

    def __init__(self, config: SimulatorConfig, private: Guard) -> None:
        self.config = config
        self._private = private
        self._store = Store(config.path, config.account_sid)
        self._agenda = Agenda(self._store.together)
        accounts = Accounts(config)
        self._courier = Courier(self._agenda)
        self._chance = Chance(config)
        self._flights = Flights(accounts, config.all_senders[0], self._store, self._agenda, self._courier)
        gate = door.Gate(accounts)
        self._messages = MessagesApi(config, accounts, self._store, self._flights, self._chance, gate)
        self._running = False
        self.record = Record(self._store, self._messages)
        self.app = self._make_app(accounts, gate)

    async def start(self) -> None:
        """Begin to report, also what an earlier run left over."""
        if self._running:
            return
        self._running = True
        self._agenda.start()
        self._courier.start()
        self._flights.resume()

    async def stop(self) -> None:
        """Stop where we are; the record keeps what is still to come."""
        self._running = False
        self._agenda.stop()
        await self._courier.stop()
        self._flights.land()

    def set_faults(self, **shares: float) -> None:
        """From now on, these and no others."""
        self._chance.faults = replace(Faults(), **shares)

    def reset(self, contents: bool = False) -> None:
        """Forget messages, arrivals and faults; templates only when asked to."""
        self._flights.clear()
        self._store.clear(contents=contents)
        self._messages.reset()
        self._chance.reset()

    def _make_app(self, accounts: Accounts, gate: door.Gate) -> Starlette:
        routes: list[BaseRoute] = [
            *self._messages.routes,
            *SendersApi(accounts, gate).routes,
            *ContentApi(self.config, self._store, gate).routes,
            *PhonePages(self._store, self._private).routes,
            *Control(
                self._store,
                self._messages.doors,
                self._chance,
                self._courier,
                accounts,
                self.reset,
                self._private,
            ).routes,
        ]
        return Starlette(
            routes=routes,
            lifespan=self._lifespan,
            exception_handlers={404: door.not_found, 405: door.wrong_method},
        )

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        """Only when run alone: a host that mounts `app` starts and stops us itself."""
        await self.start()
        try:
            yield
        finally:
            await self.stop()


def create_simulator(config: SimulatorConfig, private: Guard = open_to_all) -> Simulator:
    """`private` goes round every page and door that Twilio has not: the phones, and what tests control."""
    return Simulator(config, private)


def run_simulator(host: str, port: int, config: SimulatorConfig) -> None:
    """Serve until interrupted."""
    uvicorn.run(
        create_simulator(config).app,
        host=host,
        port=port,
        log_config=_LOGGING,
        log_level="warning",
        access_log=False,
    )
