"""How this process and the queue are: for load balancers, service managers and Prometheus."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import secrets
from collections.abc import Iterator

from django.conf import settings
from django.db import connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Count, Min
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cordially.dashboard import live
from cordially.delivery.bells import Bells
from cordially.delivery.thread import LedgerThread
from cordially.invitations.duties import WORKER
from cordially.invitations.lifecycle import State
from cordially.invitations.models import CampaignState, Duty, Invitation, Sender
from cordially.lib.clock import now as clock_now
from cordially.lib.logs import request_id

PATIENCE = 3.0  # seconds that the database has to answer
KEPT = 5.0  # seconds that the figures of the ledger are kept: several may ask


async def healthz(request: Request) -> Response:
    """Whether this process answers."""
    return JSONResponse({"status": "ok"})


class RequestIds:
    """Names each request: in the answer, and in every line of the log that is written for it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        name = secrets.token_hex(6)
        token = request_id.set(name)

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", name.encode())]
            await send(message)

        try:
            await self._app(scope, receive, named)
        finally:
            request_id.reset(token)


class Readiness:
    """`/readyz`: 200 when what this process needs is there, 503 otherwise.

    Redis is needed for nothing but speed: without it the answer says so, and is 200.
    """

    def __init__(self, thread: LedgerThread, bells: Bells | None) -> None:
        self._thread = thread
        self._bells = bells
        self._has_tables = False

    async def answer(self, request: Request) -> Response:
        found = {"database": await self._database()}
        if self._bells is not None:
            found["redis"] = "down, going on without it" if self._bells.trouble else "ok"
        is_ready = found["database"] == "ok"
        return JSONResponse(
            {"status": "ok" if is_ready else "not ready", **found},
            200 if is_ready else 503,
            headers={"Cache-Control": "no-store"},
        )

    async def _database(self) -> str:
        try:
            async with asyncio.timeout(PATIENCE):
                missing = await self._thread.run(self._missing)
        except TimeoutError:
            return "does not answer"
        except Exception as error:
            return f"can't be used ({type(error).__name__})"
        if missing is None:
            return "is read-only"
        return f"{missing} migrations are missing: run cordially migrate" if missing else "ok"

    def _missing(self) -> int | None:
        """How many migrations are; once there are none there never will be in this process. None: it can't be written."""
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("SHOW transaction_read_only")
                if cursor.fetchone()[0] == "on":
                    return None
            else:
                cursor.execute("SELECT 1")
        if self._has_tables:
            return 0
        executor = MigrationExecutor(connection)
        missing = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
        self._has_tables = not missing
        return missing


class Metrics:
    """`/metrics`, for this machine, or for who says CORDIALLY_METRICS_TOKEN."""

    def __init__(self, part: str) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(Ledger(part))
        self._lock = asyncio.Lock()
        self._kept = b""
        self._kept_until = 0.0

    async def answer(self, request: Request) -> Response:
        if not _may_read(request):
            return PlainTextResponse("Say CORDIALLY_METRICS_TOKEN as a bearer token.\n", 403)
        async with self._lock:
            now = asyncio.get_running_loop().time()
            if now > self._kept_until:
                self._kept = await asyncio.to_thread(self._read)
                self._kept_until = now + KEPT
        return Response(self._kept + generate_latest(REGISTRY), media_type=CONTENT_TYPE_LATEST)

    def _read(self) -> bytes:
        try:
            return generate_latest(self._registry)
        finally:
            connections.close_all()


def _may_read(request: Request) -> bool:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if settings.METRICS_TOKEN:
        return kind.lower() == "bearer" and hmac.compare_digest(
            token.strip().encode(), settings.METRICS_TOKEN.encode()
        )
    # a proxy on this machine hands on what others ask
    if {"x-forwarded-for", "forwarded"} & set(request.headers):
        return False
    try:
        return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False


class Ledger:
    """What the ledger says, read anew when it is asked. Figures of all senders, whichever process tells them."""

    def __init__(self, part: str) -> None:
        self._part = part

    def collect(self) -> Iterator[Metric]:
        info = GaugeMetricFamily("cordially_process", "What this process is there for.", labels=["part"])
        info.add_metric([self._part], 1)
        yield info
        yield GaugeMetricFamily(
            "cordially_live_connections", "Pages that follow live, in this process.", value=live.open_lines()
        )
        up = True
        try:
            found = list(self._read())
        except Exception:
            found, up = [], False
        yield GaugeMetricFamily("cordially_database_up", "Whether the ledger could be read.", value=int(up))
        yield from found

    def _read(self) -> Iterator[Metric]:
        now = clock_now()
        waiting = Invitation.objects.filter(state=State.QUEUED, campaign__state=CampaignState.RUNNING)
        depth = GaugeMetricFamily(
            "cordially_queue_depth", "Invitations that wait to be sent.", labels=["sender"]
        )
        age = GaugeMetricFamily(
            "cordially_queue_age_seconds", "How long the oldest of them waits.", labels=["sender"]
        )
        rows = waiting.values_list("campaign__sender").annotate(Count("pk"), Min("queued_at"))
        counts = {sender: (count, first) for sender, count, first in rows}
        paused = GaugeMetricFamily(
            "cordially_sender_paused", "A person must mend something.", labels=["sender"]
        )
        drained = GaugeMetricFamily(
            "cordially_sender_drained", "Whether a worker has its lease.", labels=["sender"]
        )
        heard = GaugeMetricFamily(
            "cordially_sender_heard_seconds", "Since the last valid callback.", labels=["sender"]
        )
        for sender in Sender.objects.all():
            label = [str(sender.pk)]
            count, first = counts.get(sender.pk, (0, None))
            depth.add_metric(label, count)
            age.add_metric(label, max(0.0, (now - first).total_seconds()) if first else 0.0)
            paused.add_metric(label, int(bool(sender.paused_at)))
            drained.add_metric(label, int(sender.lease_until is not None and sender.lease_until > now))
            if sender.heard_at:
                heard.add_metric(label, max(0.0, (now - sender.heard_at).total_seconds()))
        yield from (depth, age, paused, drained, heard)
        open_ones = Invitation.objects.filter(state__in=[State.SENDING, State.UNSURE])
        states = dict(open_ones.values_list("state").annotate(Count("pk")))
        for state in (State.SENDING, State.UNSURE):
            yield GaugeMetricFamily(
                f"cordially_{state.value}", f"Invitations that are {state.value}.", value=states.get(state, 0)
            )
        yield GaugeMetricFamily(
            "cordially_workers",
            "Workers that say they live.",
            value=Duty.objects.filter(name__startswith=WORKER, until__gte=now).count(),
        )
