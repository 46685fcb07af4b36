"""Messages a second, and what each costs, with 1, 2 and 4 workers over 1, 10 and 100 senders."""

from __future__ import annotations

import time

from tests.fleet import Fleet
from tests.processes import Simulator, simulator, until

from benchmarks import sending

from .ground import Ground, Spent, table

#: senders, and the messages a second that each may send: more in all than this machine makes
FAST = ((1, 4000), (10, 400), (100, 80))
#: what it can keep up with, at WhatsApp's usual pace: what a message costs where nothing waits
STEADY = (5, 80)
WORKERS = (1, 2, 4)
#: an account that takes all at once and reports nothing
SILENT = {"per_second": 0, "latency": [0.0, 0.0], "faults": {"callback_lost": 1.0}}
#: senders that a worker may drain: all, also the one that the configuration names and nobody uses
ROOM = 150
WARM, WINDOW = 2.0, 8.0  # seconds
#: queued for each cell: more than leaves while it is measured
BACKLOG = 40_000


def phones(senders: int) -> list[str]:
    return [f"+1555{1_000_000 + number}" for number in range(senders)]


def workers(ground: Ground) -> None:
    rows = [_cell(ground, count, *each) for each in FAST for count in WORKERS]
    rows += [_cell(ground, count, *STEADY) for count in WORKERS[:2]]
    head = (
        "senders", "workers", "messages/s", "the pace permits", "worker CPU ms/message", "PostgreSQL", "simulator",
        "CPU in use", "not in order",
    )  # fmt: skip
    table("Sending: CPU ms a message, of the workers, of PostgreSQL and of the simulator", head, rows)


def _cell(ground: Ground, count: int, senders: int, pace: int) -> list[str]:
    ground.clear()
    with simulator(**SILENT, senders=phones(senders)) as witness, ground.fleet(witness) as fleet:
        queue(witness.url, senders, BACKLOG // senders, pace)
        sent = Sending(ground, fleet, witness, count)
        sent.begin()
        return [str(senders), str(count), *sent.measure()]


def queue(url: str, senders: int, each: int, per_second: int) -> None:
    """A paused campaign of so many guests for each of so many senders."""
    from django.db import connection

    from cordially.events.creating import create
    from cordially.invitations import campaigns, library
    from cordially.invitations.models import CampaignState, Sender
    from cordially.invitations.senders import account

    sending.content(url)
    template = library.default_template()
    for number, phone in enumerate(phones(senders)):
        sender = Sender.objects.create(account=account(), phone=phone, per_second=per_second, per_hour=None)
        event = create(
            "Scale", slug=f"sent-{number}", starts="2027-05-01T18:00", timezone="Asia/Jerusalem", venue="Hall"
        )
        with connection.cursor() as cursor:
            cursor.execute(
                _GUESTS, [event.pk, 60_000_000 + number * each, 60_000_000 + (number + 1) * each - 1]
            )
        begun = campaigns.start_campaign(event, event.guests.all(), template=template, sender=sender)
        type(begun).objects.filter(pk=begun.pk).update(state=CampaignState.PAUSED)


_GUESTS = """
INSERT INTO guests_guest
  (event_id, name, name_key, phone, phone_raw, phone_problem, phone_note, language, "group", note, party_size, fields,
   token, created_at)
SELECT %s, 'Guest ' || i, 'guest ' || i, '+9725' || lpad(i::text, 8, '0'), '', '', '', '', '', '', 1, '{}',
       'scale-' || i, now()
  FROM generate_series(%s, %s) i
"""


class Sending:
    """A scheduler and some workers; how they send what is queued in paused campaigns."""

    def __init__(self, ground: Ground, fleet: Fleet, witness: Simulator, workers: int) -> None:
        from cordially.invitations.models import Sender

        self._witness = witness
        self._scheduler = fleet.scheduler().wait()
        self._workers = [fleet.worker("--concurrency", str(ROOM)) for _ in range(workers)]
        for worker in self._workers:
            worker.wait()
        self._ground = ground
        senders = Sender.objects.filter(campaigns__isnull=False).distinct()
        until(lambda: not senders.filter(lease_holder="").exists(), 60, "every sender is drained")

    def begin(self) -> None:
        from cordially.invitations.models import Campaign, CampaignState

        Campaign.objects.filter(state=CampaignState.PAUSED).update(state=CampaignState.RUNNING)

    def measure(self) -> list[str]:
        """The figures of a cell. Nothing is sent any more afterwards."""
        from django.db.models import Count, Q, Sum

        from cordially.invitations.models import Campaign, CampaignState, Invitation, Sender

        accepted = Invitation.objects.filter(
            accepted_at__isnull=False, campaign__event__slug__startswith="sent-"
        )
        time.sleep(WARM)
        assert self._witness.process is not None
        spent = Spent(
            workers=[worker.process.pid for worker in self._workers],
            postgresql=[self._ground.postmaster],
            simulator=[self._witness.process.pid],
            scheduler=[self._scheduler.process.pid],
        )
        before = accepted.count()
        time.sleep(WINDOW)
        wall, cpu = spent.now()
        messages = accepted.count() - before
        Campaign.objects.filter(state=CampaignState.RUNNING).update(state=CampaignState.PAUSED)
        if not messages:
            raise RuntimeError("nothing was sent")
        odd = Invitation.objects.aggregate(
            unsure=Count("pk", filter=Q(state="unsure")),
            failed=Count("pk", filter=Q(state="failed")),
            again=Count("pk", filter=Q(tries__gte=1)),
        )
        permits = (
            Sender.objects.filter(campaigns__isnull=False).distinct().aggregate(n=Sum("per_second"))["n"]
        )
        return [
            f"{messages / wall:,.0f}",
            f"{permits:,}",
            *(f"{cpu[name] / messages * 1000:.2f}" for name in ("workers", "postgresql", "simulator")),
            f"{sum(cpu.values()) / wall:.2f} cores",
            ", ".join(f"{count:,} {name}" for name, count in odd.items() if count) or "–",
        ]
