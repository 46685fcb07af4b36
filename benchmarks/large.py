"""A ledger of a million invitations: memory and cost of sending beside it, and the host's first page."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from . import sending, stage

EVENTS, GUESTS = 10, 100_000


def _memory() -> float:
    """MB that this process has in memory now."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


def _fill() -> None:
    """Ten events of 100,000 guests, all invited, most of them read; the first one is the page's."""
    from django.db import connection

    from cordially.events.creating import create
    from cordially.invitations import campaigns
    from cordially.invitations.models import Campaign, CampaignState
    from cordially.lib.clock import now

    template = stage.approved_default()
    for place in range(EVENTS):
        event = create(
            "Large", slug=f"large-{place}", starts="2027-05-01T18:00", timezone="Asia/Jerusalem", venue="Hall"
        )
        with connection.cursor() as cursor:
            stage.insert_guests(cursor, event.pk, GUESTS, first=place * GUESTS)
        campaign = campaigns.start_campaign(event, event.guests.all(), template=template)
        at = connection.ops.adapt_datetimefield_value(now())
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE invitations_invitation SET state = 'read', attempts = 1, sending_at = %s,"
                " accepted_at = %s, sent_at = %s, delivered_at = %s, read_at = %s,"
                " message_id = 'SM' || printf('%%032x', id) WHERE campaign_id = %s",
                [at, at, at, at, at, campaign.pk],
            )
        Campaign.objects.filter(pk=campaign.pk).update(state=CampaignState.FINISHED, finished_at=now())


def _page(slug: str) -> float:
    """Seconds in the server until the first page of an event is made, the median of eleven."""
    from django.contrib.auth.models import User
    from django.test import Client

    host, _ = User.objects.get_or_create(username="bench", defaults={"is_superuser": True})
    browser = Client(SERVER_NAME="127.0.0.1")
    browser.force_login(host)
    took = []
    for _ in range(11):
        begun = time.perf_counter()
        answer = browser.get(f"/e/{slug}/guests")
        took.append(time.perf_counter() - begun)
        if answer.status_code != 200:
            raise RuntimeError(f"{slug}: {answer.status_code}")
    return statistics.median(took)


def million(messages: int = 3000) -> None:
    from django.db import connection

    from cordially.events.creating import create
    from cordially.setup import collect_static

    collect_static()
    small = create("Small", slug="small", starts="2027-05-01T18:00", timezone="Asia/Jerusalem", venue="Hall")
    with connection.cursor() as cursor:
        stage.insert_guests(cursor, small.pk, 100, first=50_000_000)
    with stage.simulator(per_second=0, latency=(0.0, 0.0), faults={"callback_lost": 1.0}) as url:
        ref = sending.content(url)
        stage.run(sending.bare(ref, 500))  # what every process loads once
        before_cost = _cost(messages)
        before = _memory()
        _fill()
        filled = _memory()
        after_cost = _cost(messages)
        after = _memory()
    stage.line(
        "CPU ms a message beside 1,000,000 invitations",
        f"{after_cost:.2f}",
        "",
        f"{after_cost / before_cost:.2f} × an empty ledger ({before_cost:.2f} ms)",
    )
    stage.line(
        "memory of the engine's process for it",
        f"{after - filled:+.0f} MB",
        "flat",
        f"{before:.0f} MB before, {filled:.0f} MB once the list was made, {after:.0f} MB after sending",
    )
    page, little = _page("large-0"), _page("small")
    stage.line(
        "first page at 100,000 guests, in the server",
        f"{page * 1000:.0f} ms",
        "goal: under 100 ms",
        f"{page / little:.1f} × the page of 100 guests ({little * 1000:.0f} ms)",
    )


def _cost(messages: int) -> float:
    campaign = sending.campaign(messages, 1_000_000)
    _, cpu = stage.run(sending.send_all(campaign))
    return cpu / messages * 1000
