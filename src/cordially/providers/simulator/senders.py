"""The Senders API: which numbers an account may write from, and how WhatsApp thinks of them.

https://www.twilio.com/docs/whatsapp/api/senders (August 2026)
"""

from __future__ import annotations

import hashlib
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .accounts import Accounts
from .config import SimulatorAccount
from .door import Gate, json_answer
from .errors import ApiError

_PATH = "/v2/Channels/Senders"


class SendersApi:
    def __init__(self, accounts: Accounts, gate: Gate) -> None:
        self._accounts = accounts
        self.routes = [
            Route(_PATH, gate.guard(self._list), methods=["GET"]),
            Route(f"{_PATH}/{{sid}}", gate.guard(self._fetch), methods=["GET"]),
        ]

    async def _list(self, request: Request) -> Response:
        """All on one page: no account here has more."""
        listed = [] if request.query_params.get("Channel") != "whatsapp" else self._all(request)
        url = f"https://messaging.twilio.com{_PATH}?Channel=whatsapp&PageSize=50&Page=0"
        return json_answer(
            {
                "senders": listed,
                "meta": {
                    "page": 0,
                    "page_size": 50,
                    "first_page_url": url,
                    "previous_page_url": None,
                    "url": url,
                    "next_page_url": None,
                    "key": "senders",
                },
            }
        )

    async def _fetch(self, request: Request) -> Response:
        for sender in self._all(request):
            if sender["sid"] == request.path_params["sid"]:
                return json_answer(sender)
        raise ApiError(20404, request.url.path)

    def _all(self, request: Request) -> list[dict[str, Any]]:
        account = self._accounts.get(request.state.account)
        return [_show(account, phone) for phone in account.senders]


def _show(account: SimulatorAccount, phone: str) -> dict[str, Any]:
    sid = "XE" + hashlib.md5(phone.encode(), usedforsecurity=False).hexdigest()
    return {
        "sid": sid,
        "sender_id": f"whatsapp:{phone}",
        "status": "ONLINE",
        "configuration": {"waba_id": "1" * 15},
        "profile": {"name": account.name},
        "properties": {"quality_rating": account.quality, "messaging_limit": "10K Customers/24hr"},
        "offline_reasons": None,
        "webhook": None,
        "compliance": None,
        "url": f"https://messaging.twilio.com{_PATH}/{sid}",
    }
