"""The engine: without a limit, and at 10, 80 and 400 a second."""

from __future__ import annotations

import asyncio
import dataclasses
import tempfile
import time
from bisect import bisect_right
from collections.abc import Callable
from pathlib import Path

from chaos import plan
from chaos.run import Door

from . import stage


def campaign(guests: int, per_second: int) -> int:
    from cordially.events.creating import create
    from cordially.guests.models import Guest
    from cordially.invitations import campaigns, library, senders
    from cordially.invitations.models import Sender

    event = create("Bench", starts="2027-05-01T18:00", timezone="Asia/Jerusalem", venue="The Hall")
    Guest.objects.bulk_create(
        [
            Guest(event=event, name=f"Guest {n}", name_key=f"guest {n}", phone=f"+9725{event.pk % 10}{n:07d}")
            for n in range(guests)
        ],
        batch_size=2000,
    )
    sender = senders.current_sender()
    Sender.objects.filter(pk=sender.pk).update(per_second=per_second, per_hour=None)
    return campaigns.start_campaign(event, event.guests.all(), template=library.default_template()).pk


def content(url: str) -> str:
    """The default template at that simulator; its reference."""
    from django.conf import settings

    from cordially import approvals
    from cordially.invitations import library, senders

    settings.TWILIO_API_URL = url
    approvals.prepare_simulated()
    return library.sendable(library.default_template(), senders.account())["en"].ref


async def send_all(*campaigns: int) -> tuple[float, float]:
    """Wall and CPU seconds until these campaigns have nothing left to do. Stops cleanly when it is cancelled."""
    from cordially.connection import make_provider
    from cordially.delivery.engine import Engine
    from cordially.delivery.thread import LedgerThread
    from cordially.invitations.models import Campaign, Invitation

    thread = LedgerThread()
    provider = make_provider()
    engine = Engine(provider, thread)
    provider.may_leave = engine.may_leave

    def left() -> bool:
        faulty = Campaign.objects.filter(pk__in=campaigns).exclude(paused_code=None)
        if stopped := faulty.first():
            raise RuntimeError(stopped.paused_reason)
        return Invitation.objects.filter(
            campaign__in=campaigns, state__in=["queued", "sending", "unsure"]
        ).exists()

    begun, cpu = time.monotonic(), time.process_time()
    await engine.start()
    try:
        while await thread.run(left):
            await asyncio.sleep(0.2)
        return time.monotonic() - begun, time.process_time() - cpu
    finally:
        await engine.stop()
        await provider.close()
        await asyncio.to_thread(thread.close)


async def bare(ref: str, messages: int) -> float:
    """CPU seconds of the SDK's async client alone, 50 at a time."""
    from cordially.connection import make_provider
    from cordially.providers.base import OutgoingMessage

    provider = make_provider()
    gate = asyncio.Semaphore(50)

    async def one(number: int) -> None:
        async with gate:
            values = ("Guest", "Bench", "1 May", "Hall", "http://127.0.0.1/r/x")
            await provider.send(
                OutgoingMessage("0" * 12 + f".{number}.1", "+15550100000", f"+97259{number:07d}", ref, values)
            )

    cpu = time.process_time()
    await asyncio.gather(*(one(number) for number in range(messages)))
    spent = time.process_time() - cpu
    await provider.close()
    return spent


def without_limit(messages: int = 5000) -> None:
    with stage.simulator(per_second=0, latency=(0.0, 0.0), faults={"callback_lost": 1.0}) as url:
        ref = content(url)
        alone = stage.run(bare(ref, messages)) / messages * 1000
        begun = campaign(messages, 1_000_000)
        wall, cpu = stage.run(send_all(begun))
    stage.line("messages a second, no limit", f"{messages / wall:,.0f}")
    own = cpu / messages * 1000
    stage.line(
        "CPU ms a message, whole engine",
        f"{own:.2f}",
        "goal: at most 0.6",
        f"{own / alone:.2f} × the SDK's call alone ({alone:.2f} ms)",
    )


def paced() -> None:
    for per_second, seconds in ((10, 30), (80, 20), (400, 20)):
        _paced(per_second, seconds)


def _paced(per_second: int, seconds: int) -> None:
    """Two campaigns at once, answers after 50 to 600 ms; once smoothly, and once with every disturbance."""
    smooth = _arrivals(per_second, seconds, disturbed=False)
    rate = (len(smooth) - 1) / (smooth[-1] - smooth[0])
    stage.line(
        f"reached at a limit of {per_second} a second",
        f"{rate:.2f}/s",
        "goal: 99%",
        f"{rate / per_second:.1%}",
    )
    disturbed = _arrivals(per_second, seconds, disturbed=True)
    stage.line(
        "  most arrivals in any sliding second",
        f"{_most(smooth)}",
        f"never above {per_second}",
        f"{_most(disturbed)} with restarts and pauses",
    )


def _arrivals(per_second: int, seconds: int, disturbed: bool) -> list[float]:
    """When the kernel took each request in at the door, in seconds: a busy simulator moves none of them."""
    rates = dict.fromkeys((field.name for field in dataclasses.fields(plan.Rates)), 0.0) | {
        "report_lost": 1.0
    }
    with tempfile.TemporaryDirectory() as folder:
        door = Door(Path(folder), {"rates": rates, "latency": (0.05, 0.6), "approve_after": 0.0})
        door.open()
        try:
            content(door.url)
            both = [campaign(per_second * seconds * share // 4, per_second) for share in (1, 3)]
            stage.run(_disturbed(both, seconds) if disturbed else send_all(*both))
            return sorted(request.at for request in door.requests())
        finally:
            door.close()


async def _disturbed(both: list[int], seconds: int) -> None:
    """Stopped and started twice, paused twice."""
    from cordially.invitations import campaigns
    from cordially.invitations.models import Campaign

    def switch(act: Callable[[Campaign], bool]) -> None:
        act(Campaign.objects.get(pk=both[1]))

    for act in (campaigns.pause, campaigns.resume, None, campaigns.pause, campaigns.resume):
        sending = asyncio.create_task(send_all(*both))
        await asyncio.sleep(seconds / 8)
        if act is not None:
            await asyncio.to_thread(switch, act)
        await asyncio.sleep(seconds / 16)
        sending.cancel()  # stops it as SIGTERM does
        await asyncio.wait([sending])
    await send_all(*both)


def _most(arrivals: list[float]) -> int:
    """The most in any sliding second."""
    return max(place - bisect_right(arrivals, at - 1.0) + 1 for place, at in enumerate(arrivals))
