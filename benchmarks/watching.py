"""From a callback to the screens: a whole server sends 80 a second while dashboards are open."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import time
from urllib.parse import urlsplit

from . import sending, stage
from .callbacks import SERVER

GUESTS = 1600
PER_SECOND = 80
ROWS = 50
_ROW = re.compile(r'id="g-(\d+)-status".*?tone-(delivered|read)')


def _cookie() -> str:
    """Of somebody who runs the installation."""
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.auth.models import User
    from django.contrib.sessions.backends.db import SessionStore

    user, _ = User.objects.get_or_create(username="bench", defaults={"is_superuser": True})
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return f"{settings.SESSION_COOKIE_NAME}={session.session_key}"


async def _watch(url: str, path: str, cookie: str, seen: dict[int, float], opened: asyncio.Event) -> None:
    """One open page: when each of its guests' messages first shows as delivered."""
    host, port = urlsplit(url).hostname, urlsplit(url).port
    reader, writer = await asyncio.open_connection(host, port, limit=2**22)
    head = (
        f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nCookie: {cookie}\r\nAccept: text/event-stream\r\n\r\n"
    )
    writer.write(head.encode())
    answer = await reader.readuntil(b"\r\n\r\n")
    if not answer.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(answer.decode())
    try:
        while line := await reader.readline():
            # it is open when it was drawn once: fifty that are opened in one moment are not what is measured
            if line.startswith(b"data:"):
                opened.set()
            for guest, _state in _ROW.findall(line.decode(errors="replace")):
                seen.setdefault(int(guest), time.time())
    finally:
        writer.close()


async def _all(url: str, paths: list[str], cookie: str, campaign: int) -> dict[int, float]:
    from asgiref.sync import sync_to_async

    from cordially.invitations import campaigns
    from cordially.invitations.models import Campaign, Invitation

    seen: dict[int, float] = {}
    signs = [asyncio.Event() for _ in paths]
    pages = [
        asyncio.create_task(_watch(url, path, cookie, seen, sign))
        for path, sign in zip(paths, signs, strict=True)
    ]
    await asyncio.gather(*(sign.wait() for sign in signs))
    await sync_to_async(lambda: campaigns.resume(Campaign.objects.get(pk=campaign)))()
    settled = Invitation.objects.filter(campaign=campaign, state__in=["delivered", "read"])
    deadline = time.monotonic() + 120
    while await sync_to_async(settled.count)() < GUESTS:
        if time.monotonic() > deadline:
            raise RuntimeError("not all arrived within two minutes")
        await asyncio.sleep(0.5)
    await asyncio.sleep(2)
    for page in pages:
        page.cancel()
    await asyncio.gather(*pages, return_exceptions=True)
    return seen


def watching() -> None:
    for dashboards in (1, 50):
        _watching(dashboards)


def _watching(dashboards: int) -> None:
    from django.db.models import Min

    from cordially.events.models import Event
    from cordially.invitations import campaigns
    from cordially.invitations.models import Campaign, StatusEvent

    options = {
        "per_second": 0, "latency": (0.02, 0.1), "sent_after": (0.1, 0.5), "delivered_after": (0.1, 1.0),
        "read_after": (0.5, 2.0), "read_share": 0.5,
    }  # fmt: skip
    with stage.simulator(**options) as witness:
        os.environ["TWILIO_API_URL"] = witness
        sending.content(witness)
        campaign = Campaign.objects.get(pk=sending.campaign(GUESTS, PER_SECOND))
        campaigns.pause(campaign)
        event = Event.objects.get(pk=campaign.event_id)
        ids = list(event.guests.order_by("pk").values_list("pk", flat=True))
        lots = [ids[start : start + ROWS] for start in range(0, GUESTS, ROWS)]
        paths = [
            f"/e/{event.slug}/live?page=guests&ids={','.join(map(str, lots[number % len(lots)]))}"
            for number in range(dashboards)
        ]
        port = stage.free_port()
        url = f"http://127.0.0.1:{port}"
        process = subprocess.Popen([sys.executable, "-c", SERVER, str(port)], env=dict(os.environ))
        try:
            stage.wait_for(f"{url}/healthz")
            seen = stage.run(_all(url, paths, _cookie(), campaign.pk))
        finally:
            process.terminate()
            process.wait(30)
    happened = StatusEvent.objects.filter(
        invitation__campaign=campaign, status__in=["delivered", "read"], invitation__guest__in=seen
    )
    told = dict(happened.values_list("invitation__guest").annotate(Min("at")))
    lags = sorted((at - told[guest].timestamp()) * 1000 for guest, at in seen.items())
    watched = len({guest for path in paths for guest in path.partition("ids=")[2].split(",")})
    if len(seen) < watched:
        raise RuntimeError(f"{watched - len(seen)} of {watched} guests never showed")
    began = StatusEvent.objects.filter(invitation__campaign=campaign, status="sending").order_by("pk")
    first, last = began.first(), began.last()
    assert first is not None and last is not None
    rate = (GUESTS - 1) / (last.at - first.at).total_seconds()
    stage.line(
        f"callback to screen, {dashboards} dashboards, median / p99",
        f"{lags[len(lags) // 2]:.0f} / {lags[int(len(lags) * 0.99)]:.0f} ms",
        "goal: under 500 ms",
        f"while {rate:.1f} messages a second leave",
    )
