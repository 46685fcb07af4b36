"""For tests: read the whole record, choose what goes wrong, begin again."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .config import Faults
from .courier import Courier
from .door import Guard, json_answer
from .limits import Door, most_in_a_second
from .plan import Chance
from .store import SimMessage, Store


class Control:
    def __init__(
        self,
        store: Store,
        doors: Mapping[str, Door],
        chance: Chance,
        courier: Courier,
        reset: Callable[[bool], None],
        private: Guard,
    ) -> None:
        self._store = store
        self._doors = doors
        self._chance = chance
        self._courier = courier
        self._reset_all = reset
        self.routes = [
            Route("/_simulator/messages.json", private(self._messages), methods=["GET"]),
            Route("/_simulator/faults", private(self._faults), methods=["GET", "POST"]),
            Route("/_simulator/reset", private(self._reset), methods=["POST"]),
        ]

    async def _messages(self, request: Request) -> Response:
        arrivals = {
            sender: {
                "count": len(door.arrivals),
                "max_per_second": most_in_a_second(door.arrivals),
                "times": list(door.arrivals),
            }
            for sender, door in self._doors.items()
        }
        return json_answer(
            {
                "messages": [_show(message) for message in self._store.messages()],
                "arrivals": arrivals,
                "callbacks": {"posted": self._courier.posted, "given_up": self._courier.given_up},
                "faults": asdict(self._chance.faults),
            }
        )

    async def _faults(self, request: Request) -> Response:
        """POST replaces all faults: what is not named is off."""
        if request.method == "POST":
            try:
                self._chance.faults = Faults.read(await _read_object(request))
            except ValueError as error:
                return json_answer({"error": str(error)}, 400)
        return json_answer(asdict(self._chance.faults))

    async def _reset(self, request: Request) -> Response:
        """Forget messages, arrivals and faults; templates too with {"contents": true}."""
        try:
            given = await _read_object(request)
        except ValueError as error:
            return json_answer({"error": str(error)}, 400)
        self._reset_all(given.get("contents") is True)
        return Response(status_code=204)


async def _read_object(request: Request) -> dict[str, Any]:
    given = json.loads(await request.body() or b"{}")
    if not isinstance(given, dict):
        raise ValueError("a JSON object is needed")
    return given


def _show(message: SimMessage) -> dict[str, Any]:
    shown = asdict(message)
    shown["from"] = shown.pop("from_")
    return shown
