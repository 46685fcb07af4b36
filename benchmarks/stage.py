"""What the benchmarks share: a throw-away installation, a simulator in a process of its own, a table."""

from __future__ import annotations

import asyncio
import atexit
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import uvloop

if TYPE_CHECKING:
    from cordially.invitations.models import MessageTemplate

T = TypeVar("T")


def install(**more: str) -> None:
    """A fresh installation in a temporary folder, on SQLite unless `more`, its environment, names another
    database; Django is ready afterwards."""
    folder = tempfile.mkdtemp(prefix="cordially-bench-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for name in list(os.environ):
        if name.startswith(("CORDIALLY_", "TWILIO_")) or name in ("DATABASE_URL", "REDIS_URL"):
            del os.environ[name]
    os.environ |= {
        "CORDIALLY_DATA_DIR": folder,
        "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
        "TWILIO_AUTH_TOKEN": "simulator-token",
        "TWILIO_WHATSAPP_FROM": "whatsapp:+15550100000",
        # a closed door of this machine until a benchmark opens its own
        "TWILIO_API_URL": "http://127.0.0.1:9",
        "CORDIALLY_LOG_LEVEL": "CRITICAL",
        "NO_PROXY": "*",
        **more,
    }
    from cordially.setup import prepare

    prepare()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def simulator(**options: object) -> Iterator[str]:
    """Its address. Stopped by its own process id."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "cordially.providers.simulator",
            str(port),
            json.dumps({"approve_after": 0.0, **options}),
        ]
    )
    try:
        wait_for(f"{url}/phone")
        yield url
    finally:
        process.terminate()
        process.wait(10)


def wait_for(url: str, seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(url, timeout=1).read()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def run(work: Coroutine[None, None, T]) -> T:
    """On the loop that the server uses."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def insert_guests(cursor: Any, event_id: int, count: int, first: int) -> None:
    """As many guests, each with a number of their own, made by SQLite itself."""
    cursor.execute(
        """
        INSERT INTO guests_guest
          (event_id, name, name_key, phone, phone_raw, phone_problem, phone_note, language, "group", note,
           party_size, fields, token, created_at)
        WITH RECURSIVE n(i) AS (SELECT %s UNION ALL SELECT i + 1 FROM n WHERE i + 1 < %s)
        SELECT %s, 'Guest ' || i, 'guest ' || i, '+9725' || printf('%%08d', i), '', '', '', '', '', '',
               1, '{}', hex(randomblob(20)), '2026-01-01 00:00:00'
          FROM n
        """,
        [first, first + count, event_id],
    )


def line(what: str, figure: str, goal: str = "", beside: str = "") -> None:
    """One row of the report."""
    print(f"{what:<46} {figure:>24}   {goal:<22} {beside}", flush=True)


def approved_default() -> MessageTemplate:
    """The template that ships, as if WhatsApp had approved it at the account in use."""
    from cordially.invitations import library, senders

    template = library.default_template()
    # the parts follow each other on one database
    for number, text in enumerate(template.texts.filter(versions=None)):
        library.hand_in(text, senders.account(), f"HX{number:032}", state="approved")
    return template
