"""The engine: without a limit, and at 80 a second."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from collections.abc import Coroutine
from typing import TypeVar

import uvloop

from . import stage

T = TypeVar("T")


def _campaign(guests: int, per_second: int) -> int:
    from cordially.events.creating import create
    from cordially.guests.models import Guest
    from cordially.invitations import campaigns, senders
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
    return campaigns.start_campaign(event, event.guests.all(), template=senders.default_template()).pk


def _content(url: str) -> str:
    """The default template at that simulator; its reference."""
    from django.conf import settings

    from cordially import templates_at_provider
    from cordially.invitations import senders

    settings.TWILIO_API_URL = url
    templates_at_provider.create(senders.default_template())
    return senders.content_of(senders.default_template(), senders.account()).ref


async def _send_all(campaign_id: int) -> tuple[float, float]:
    """Wall and CPU seconds until the campaign has nothing left to do."""
    from cordially.connection import make_provider
    from cordially.delivery.engine import Engine
    from cordially.delivery.thread import LedgerThread
    from cordially.invitations.models import Invitation

    thread = LedgerThread()
    provider = make_provider()
    engine = Engine(provider, thread)
    provider.on_written = engine.written

    def left() -> bool:
        return Invitation.objects.filter(
            campaign=campaign_id, state__in=["queued", "sending", "unsure"]
        ).exists()

    begun, cpu = time.monotonic(), time.process_time()
    await engine.start()
    while await thread.run(left):
        await asyncio.sleep(0.2)
    spent = time.monotonic() - begun, time.process_time() - cpu
    await engine.stop()
    await provider.close()
    await asyncio.to_thread(thread.close)
    return spent


async def _bare(ref: str, messages: int) -> float:
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


def _run(work: Coroutine[None, None, T]) -> T:
    """On the loop that the server uses."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def without_limit(messages: int = 5000) -> None:
    with stage.simulator(per_second=0, latency=(0.0, 0.0), faults={"callback_lost": 1.0}) as url:
        ref = _content(url)
        bare = _run(_bare(ref, messages)) / messages * 1000
        campaign = _campaign(messages, 1_000_000)
        wall, cpu = _run(_send_all(campaign))
    stage.line("messages a second, no limit", f"{messages / wall:,.0f}")
    own = cpu / messages * 1000
    stage.line(
        "CPU ms a message, whole engine",
        f"{own:.2f}",
        "goal: at most 0.6",
        f"{own / bare:.2f} × the SDK's call alone ({bare:.2f} ms)",
    )


def paced(per_second: int = 80, seconds: int = 20) -> None:
    with stage.simulator(per_second=0, latency=(0.05, 0.6), faults={"callback_lost": 1.0}) as url:
        _content(url)
        campaign = _campaign(per_second * seconds, per_second)
        _run(_send_all(campaign))
        arrivals = _arrivals(url)
    span = arrivals[-1] - arrivals[0]
    most = max(
        sum(1 for other in arrivals[i : i + 2 * per_second] if other - at < 1.0)
        for i, at in enumerate(arrivals)
    )
    rate = (len(arrivals) - 1) / span
    stage.line(
        f"reached at a limit of {per_second} a second",
        f"{rate:.2f}/s",
        "goal: 99%",
        f"{rate / per_second:.1%}",
    )
    stage.line("most arrivals in any sliding second", f"{most}", f"never above {per_second}")


def _arrivals(url: str) -> list[float]:
    record = json.load(urllib.request.urlopen(f"{url}/_simulator/messages.json"))
    return sorted(at for door in record["arrivals"].values() for at in door["times"])
