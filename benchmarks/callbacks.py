"""Callbacks in: one process of ours, as many signed reports as it takes."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from urllib.parse import urlencode, urlsplit

from . import stage

SERVER = """
import sys
from cordially.setup import collect_static, prepare
prepare()
collect_static()
from cordially import server
listener = server.bind("127.0.0.1", int(sys.argv[1]))
server.use_address(listener)
server.serve(listener)
"""


def _reports(url: str, invitations: int) -> list[bytes]:
    """HTTP requests, written out and signed: sent, delivered and read of each invitation."""
    from twilio.request_validator import RequestValidator

    from cordially.delivery import verdicts
    from cordially.events.creating import create
    from cordially.guests.models import Guest
    from cordially.invitations import campaigns, ledger, senders
    from cordially.lib.clock import now
    from cordially.providers.base import Accepted

    event = create("Callbacks", starts="2027-05-01T18:00", timezone="Asia/Jerusalem", venue="The Hall")
    Guest.objects.bulk_create(
        [
            Guest(event=event, name=f"G{n}", name_key=f"g{n}", phone=f"+97254{n:07d}")
            for n in range(invitations)
        ],
        batch_size=2000,
    )
    template, sender = stage.approved_default(), senders.current_sender()
    campaign = campaigns.start_campaign(event, event.guests.all(), template=template)
    ledger.take_lease(sender.pk, "bench", 60, now())
    claims = ledger.tick(sender.pk, "bench", limit=invitations, now=now()).claims
    ledger.record(
        [
            verdicts.of_outcome(claim.attempt, Accepted(f"SM{place:032x}"), now())
            for place, claim in enumerate(claims)
        ]
    )
    ledger.release_lease(sender.pk, "bench")
    campaigns.pause(campaign)
    validator, host = RequestValidator("simulator-token"), urlsplit(url).netloc
    requests = []
    for status in ("sent", "delivered", "read"):
        for place, claim in enumerate(claims):
            path = f"/webhooks/twilio/status?k={claim.attempt.key}"
            params = {
                "MessageSid": f"SM{place:032x}", "SmsSid": f"SM{place:032x}", "MessageStatus": status,
                "SmsStatus": status, "AccountSid": sender.account, "ApiVersion": "2010-04-01",
                "From": "whatsapp:+15550100000", "To": f"whatsapp:{claim.phone}", "ChannelPrefix": "whatsapp",
            }  # fmt: skip
            body = urlencode(params).encode()
            signature = validator.compute_signature(url + path, params)
            head = (
                f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
                f"X-Twilio-Signature: {signature}\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            requests.append(head.encode() + body)
    return requests


async def _load(url: str, requests: list[bytes], connections: int) -> list[float]:
    """Post them all over so many connections; seconds that each took."""
    host, port = urlsplit(url).hostname, urlsplit(url).port
    waiting, took = iter(requests), []

    async def line() -> None:
        reader, writer = await asyncio.open_connection(host, port)
        for request in waiting:
            begun = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            took.append(time.perf_counter() - begun)
            if not head.startswith(b"HTTP/1.1 204"):
                raise RuntimeError(head.decode())
        writer.close()

    await asyncio.gather(*(line() for _ in range(connections)))
    return took


def callbacks(invitations: int = 5000, connections: int = 64) -> None:
    port = stage.free_port()
    url = f"http://127.0.0.1:{port}"
    requests = _reports(url, invitations)
    process = subprocess.Popen([sys.executable, "-c", SERVER, str(port)], env=dict(os.environ))
    try:
        stage.wait_for(f"{url}/healthz")
        begun = time.monotonic()
        took = sorted(asyncio.run(_load(url, requests, connections)))
        wall = time.monotonic() - begun
    finally:
        process.terminate()
        process.wait(30)
    from cordially.invitations.models import Invitation

    read = Invitation.objects.filter(campaign__event__name="Callbacks", state="read").count()
    assert read == invitations, f"{read} of {invitations} were recorded"
    stage.line(
        "callbacks a second, committed",
        f"{len(took) / wall:,.0f}",
        "goal: 3,000",
        f"{connections} connections",
    )
    p50, p99 = took[len(took) // 2] * 1000, took[int(len(took) * 0.99)] * 1000
    stage.line("callback answered after, p50 / p99", f"{p50:.1f} / {p99:.1f} ms", "goal: p99 under 50 ms")
