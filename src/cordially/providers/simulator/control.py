"""For tests: read the whole record, choose what goes wrong and how a review ends, begin again."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .accounts import Accounts
from .config import Faults
from .courier import Courier
from .door import Guard, json_answer
from .limits import Door, most_in_a_second
from .plan import Chance
from .review import STATUSES, Approval
from .store import SimMessage, Store


class Control:
    def __init__(
        self,
        store: Store,
        doors: Mapping[str, Door],
        chance: Chance,
        courier: Courier,
        accounts: Accounts,
        reset: Callable[[bool], None],
        private: Guard,
    ) -> None:
        self._store = store
        self._doors = doors
        self._chance = chance
        self._courier = courier
        self._accounts = accounts
        self._reset_all = reset
        self.routes = [
            Route("/_simulator/messages.json", private(self._messages), methods=["GET"]),
            Route("/_simulator/faults", private(self._faults), methods=["GET", "POST"]),
            Route("/_simulator/contents/{sid}", private(self._review), methods=["POST"]),
            Route("/_simulator/accounts/{sid}", private(self._account), methods=["POST"]),
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

    async def _review(self, request: Request) -> Response:
        """How WhatsApp's review of a template stands from now on: {"status", "reason", "category"}.

        What nobody handed in counts as handed in with that; "unsubmitted" takes it back.
        """
        content = self._store.content(request.path_params["sid"])
        if content is None:
            return json_answer({"error": "no such template"}, 404)
        try:
            approval = _chosen(await _read_object(request), content.approval)
        except ValueError as error:
            return json_answer({"error": str(error)}, 400)
        self._store.save_content(replace(content, approval=approval))
        return json_answer(asdict(approval) if approval else {})

    async def _account(self, request: Request) -> Response:
        """Another Auth Token from now on: {"token"}. For requests, and for the signatures of reports."""
        try:
            self._accounts.set_token(request.path_params["sid"], str((await _read_object(request))["token"]))
        except (KeyError, ValueError) as error:
            return json_answer({"error": f"no such account, or no token: {error}"}, 400)
        return Response(status_code=204)

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


def _chosen(given: dict[str, Any], approval: Approval | None) -> Approval | None:
    status, reason = given.get("status"), given.get("reason", "")
    category = given.get("category", approval.category if approval else "MARKETING")
    if status == "unsubmitted":
        return None
    if not isinstance(status, str) or status not in STATUSES:
        raise ValueError(f"status must be unsubmitted or one of {', '.join(sorted(STATUSES))}")
    if not isinstance(reason, str) or not isinstance(category, str):
        raise ValueError("reason and category must be texts")
    approval = approval or Approval("chosen_by_a_test", category, time.time())
    return replace(approval, category=category, chosen=status, reason=reason)


def _show(message: SimMessage) -> dict[str, Any]:
    shown = asdict(message)
    shown["from"] = shown.pop("from_")
    return shown
