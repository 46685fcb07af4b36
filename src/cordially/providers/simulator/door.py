"""What all of Twilio's API has in common: Basic auth, error bodies, paging, headers."""

from __future__ import annotations

import base64
import binascii
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from .accounts import Accounts
from .errors import ApiError

Handler = Callable[[Request], Awaitable[Response]]
#: goes round a handler and may answer in its place
Guard = Callable[[Handler], Handler]

_MOST_PER_PAGE = 1000
_USUAL_PER_PAGE = 50


def open_to_all(handler: Handler) -> Handler:
    return handler


class Gate:
    """Lets those in who know an account's password, and answers like Twilio.

    What is asked for is that account's own: handlers find its name in `request.state.account`.
    """

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._inside = 0

    def guard(self, handler: Handler) -> Handler:
        async def guarded(request: Request) -> Response:
            self._inside += 1
            try:
                self._check(request)
                response = await handler(request)
            except ApiError as error:
                response = answer_of(error)
            finally:
                concurrent, self._inside = self._inside, self._inside - 1
            response.headers["Twilio-Request-Id"] = "RQ" + uuid.uuid4().hex
            response.headers["Twilio-Concurrent-Requests"] = str(concurrent)
            return response

        return guarded

    def _check(self, request: Request) -> None:
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        try:
            user, _, password = base64.b64decode(text, validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            user = password = ""
        mine = self._accounts.let_in(user, password) if scheme.lower() == "basic" else None
        if mine is None:
            raise ApiError(20003)
        if request.path_params.get("account", mine) != mine:
            raise ApiError(20404, request.url.path)
        request.state.account = mine


def answer_of(error: ApiError) -> Response:
    return JSONResponse(error.body(), error.status, error.headers)


async def not_found(request: Request, error: Exception) -> Response:
    return answer_of(ApiError(20404, request.url.path))


async def wrong_method(request: Request, error: Exception) -> Response:
    allowed = error.headers if isinstance(error, HTTPException) else None
    return answer_of(ApiError(20004, headers=allowed))


def page_size(request: Request) -> int:
    text = request.query_params.get("PageSize", "")
    size = int(text) if text.isascii() and text.isdigit() else _USUAL_PER_PAGE
    return min(max(size, 1), _MOST_PER_PAGE)


def page_number(request: Request) -> int:
    """Which page a PageToken leads to. A number without a token leads nowhere, as at Twilio."""
    text = request.query_params.get("Page", "")
    number = int(text) if text.isascii() and text.isdigit() else 0
    if number and not request.query_params.get("PageToken"):
        raise ApiError(20001)
    return number


def json_answer(body: Any, status: int = 200) -> Response:
    return JSONResponse(body, status)


class Silence(Response):
    """Closes the connection and answers nothing, as if the line had been cut."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # ASGI has no word for this, so we take hold of uvicorn's own connection.
        transport = getattr(getattr(receive, "__self__", None), "transport", None)
        if transport is None:
            # Another server: promise a byte and break the promise, so that it has to cut the line.
            headers = [(b"content-length", b"1"), (b"connection", b"close")]
            await send({"type": "http.response.start", "status": 502, "headers": headers})
            return
        transport.close()
        # Once it knows of the disconnect, uvicorn does not miss the answer.
        while (await receive())["type"] != "http.disconnect":
            pass
