"""Doors beside Django that are for the host alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from urllib.parse import urlencode

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest
from django.shortcuts import resolve_url
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from cordially.accounts import access

from .live import in_thread

Handler = Callable[[Request], Awaitable[Response]]


def for_hosts(handler: Handler) -> Handler:
    """Answer like Django's own pages: 400 for a host that we are not, the door for who isn't signed in."""

    @wraps(handler)
    async def guarded(request: Request) -> Response:
        if not _is_our_host(request):
            return PlainTextResponse("Bad request.", 400)
        key = request.cookies.get(settings.SESSION_COOKIE_NAME, "")
        if await in_thread(access.is_signed_in, key):
            return await handler(request)
        if request.method == "GET" and "text/html" in request.headers.get("Accept", ""):
            wanted = urlencode({"next": request.url.path})
            return RedirectResponse(f"{resolve_url(settings.LOGIN_URL)}?{wanted}", 302)
        return PlainTextResponse("Sign in first.", 401)

    return guarded


def _is_our_host(request: Request) -> bool:
    asked = HttpRequest()
    asked.META["HTTP_HOST"] = request.headers.get("Host", "")
    try:
        asked.get_host()
    except DisallowedHost:
        return False
    return True
