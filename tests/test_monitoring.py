"""What load balancers, service managers and Prometheus are told."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from django.db import connection
from prometheus_client.parser import text_string_to_metric_families
from starlette.requests import Request
from starlette.responses import Response

from cordially import monitoring
from cordially.delivery.thread import LedgerThread
from cordially.invitations.models import Sender, SenderState
from cordially.lib.clock import now
from cordially.lib.logs import Json, request_id
from cordially.monitoring import Metrics, Readiness

from .people import a_campaign, a_guest, an_event

Answer = Callable[[Request], Awaitable[Response]]


def asked(answer: Answer, client: str = "127.0.0.1", **headers: str) -> Response:
    request = Request(
        {
            "type": "http", "method": "GET", "path": "/", "query_string": b"", "client": (client, 1),
            "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
        }
    )  # fmt: skip

    async def call() -> Response:
        return await answer(request)

    return asyncio.run(call())


def figures(response: Response) -> dict[tuple[str, str], float]:
    """(name, label) -> value."""
    found = text_string_to_metric_families(bytes(response.body).decode())
    return {
        (sample.name, ",".join(sample.labels.values())): sample.value
        for family in found
        for sample in family.samples
    }


@pytest.mark.django_db(transaction=True)
def test_the_figures_are_those_of_the_ledger() -> None:
    event = an_event()
    a_campaign([a_guest(event), a_guest(event)], now=now())
    sender = Sender.objects.get()
    found = figures(asked(Metrics("web").answer))
    label = str(sender.pk)
    assert found["cordially_queue_depth", label] == 2
    assert 0 <= found["cordially_queue_age_seconds", label] < 60
    assert found["cordially_sender_paused", label] == found["cordially_sender_drained", label] == 0
    assert found["cordially_process", "web"] == found["cordially_database_up", ""] == 1
    assert found["cordially_unsure", ""] == 0
    Sender.objects.update(state=SenderState.PAUSED, paused_at=now())
    assert figures(asked(Metrics("web").answer))["cordially_sender_paused", label] == 1


@pytest.mark.django_db(transaction=True)
def test_the_figures_are_for_this_machine_or_for_who_has_the_token(settings: Any) -> None:
    metrics = Metrics("web")
    assert asked(metrics.answer).status_code == 200
    assert asked(metrics.answer, "203.0.113.7").status_code == 403
    # a proxy on this machine asks for somebody else
    assert asked(metrics.answer, x_forwarded_for="203.0.113.7").status_code == 403
    settings.METRICS_TOKEN = "let me in"
    assert asked(metrics.answer).status_code == 403
    assert asked(metrics.answer, authorization="Bearer wrong").status_code == 403
    right = asked(metrics.answer, "203.0.113.7", authorization="Bearer let me in")
    assert right.status_code == 200
    assert (
        sum(line.startswith("# TYPE cordially_queue_depth ") for line in right.body.decode().splitlines())
        == 1
    )


def ready(thread: LedgerThread) -> tuple[int, dict[str, str]]:
    response = asked(Readiness(thread, None).answer)
    return response.status_code, json.loads(response.body)


@pytest.fixture
def thread() -> Any:
    found = LedgerThread()
    yield found
    found.close()


@pytest.mark.django_db(transaction=True)
def test_it_is_ready_with_a_database_that_has_all_tables(thread: LedgerThread) -> None:
    assert ready(thread) == (200, {"status": "ok", "database": "ok"})
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(name) FROM django_migrations WHERE app = 'invitations'")
        [newest] = cursor.fetchone()
        cursor.execute("DELETE FROM django_migrations WHERE app = 'invitations' AND name = %s", [newest])
    try:
        status, said = ready(thread)
        assert status == 503
        assert said["database"] == "1 migrations are missing: run cordially migrate"
    finally:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO django_migrations (app, name, applied) VALUES ('invitations', %s, '2026-01-01')",
                [newest],
            )


def test_it_is_not_ready_when_the_database_does_not_answer(
    thread: LedgerThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(thread, "run", never)
    monkeypatch.setattr(monitoring, "PATIENCE", 0.01)
    assert ready(thread) == (503, {"status": "not ready", "database": "does not answer"})


def test_each_answer_names_its_request_and_so_does_the_log() -> None:
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(request_id.get())
        await send({"type": "http.response.start", "status": 200, "headers": []})

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(monitoring.RequestIds(app)({"type": "http"}, None, send))  # type: ignore[arg-type]
    assert sent[0]["headers"] == [(b"x-request-id", seen[0].encode())]
    assert request_id.get() == ""


def test_the_log_of_machines_is_one_masked_object_a_line() -> None:
    token = request_id.set("abc")
    try:
        try:
            raise ValueError("of +972501234567")
        except ValueError:
            record = logging.LogRecord(
                "cordially.x",
                logging.ERROR,
                "",
                1,
                "to %s\nand /r/secret",
                ("+972501234567",),
                sys.exc_info(),
            )
        record.campaign = 7
        line = Json().format(record)
    finally:
        request_id.reset(token)
    assert "\n" not in line
    assert "1234567" not in line
    assert "secret" not in line
    told = json.loads(line)
    assert (told["level"], told["logger"], told["request"], told["campaign"]) == (
        "ERROR",
        "cordially.x",
        "abc",
        7,
    )
    assert "ValueError" in told["trace"]
