"""Whole processes for tests: a simulator, a server, the shell. Stopped by their own process ids."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import psycopg

#: a simulator that loses no time
QUICK = {
    "latency": [0.0, 0.05],
    "sent_after": [0.02, 0.1],
    "delivered_after": [0.05, 0.2],
    "read_after": [0.05, 0.3],
    "read_share": 0.7,
    "approve_after": 0.0,
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(true: Callable[[], Any], seconds: float, what: str) -> Any:
    """Look until it is so. Fails with `what` when it never is."""
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.05)
    return found


def answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=2).read()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


@dataclass
class Simulator:
    url: str
    process: subprocess.Popen[bytes] | None = None

    def freeze(self) -> None:
        """Whoever asks gets no answer, and no refusal either."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def record(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.url}/_simulator/messages.json", timeout=10) as answer:
            return json.load(answer)

    def messages(self) -> list[dict[str, Any]]:
        return self.record()["messages"]

    @property
    def account(self) -> dict[str, str]:
        """The environment that makes it Twilio."""
        return {
            "TWILIO_API_URL": self.url,
            "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
            "TWILIO_AUTH_TOKEN": "simulator-token",
            "TWILIO_WHATSAPP_FROM": "whatsapp:+15550100000",
        }


@contextmanager
def simulator(**options: Any) -> Iterator[Simulator]:
    url = f"http://127.0.0.1:{(port := free_port())}"
    process = subprocess.Popen(
        [sys.executable, "-m", "cordially.providers.simulator", str(port), json.dumps({**QUICK, **options})]
    )
    try:
        until(lambda: answers(f"{url}/phone"), 20, "the simulator answers")
        yield Simulator(url, process)
    finally:
        process.terminate()
        process.wait(15)


@dataclass
class Installation:
    """A data folder with its environment: the shell of one operator."""

    folder: Path
    more: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)

    @property
    def environment(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("CORDIALLY_", "TWILIO_", "DJANGO_"))
            and name not in ("DATABASE_URL", "REDIS_URL", "PORT")
        }
        return kept | {
            "CORDIALLY_DATA_DIR": str(self.folder),
            "CORDIALLY_UNSURE_SECONDS": "3",
            "CORDIALLY_POLL_SECONDS": "3",
            "PORT": str(self.port),
            "NO_PROXY": "*",
            **self.more,
        }

    def shell(self, *words: str, code: int = 0) -> str:
        """Run a command to its end; what it printed. `code` is the exit code that it must have."""
        done = self.run(*words)
        assert done.returncode == code, f"{words}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def run(self, *words: str, seconds: float = 120) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "cordially", *words],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def ready(self) -> Installation:
        """With all its tables, which take longer to make than most commands. For SQLite."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "cordially.db").write_bytes(_all_tables())
        return self

    def status(self, event: str) -> dict[str, Any]:
        return json.loads(self.shell("status", event, "--json"))

    def states(self, event: str) -> Counter[str]:
        """As `status` counts them, without a process for it: it may be asked again and again."""
        sql = (
            "SELECT i.state, count(*) FROM invitations_invitation i JOIN guests_guest g ON g.id = i.guest_id "
            "JOIN events_event e ON e.id = g.event_id WHERE e.slug = {} GROUP BY i.state"
        )
        if url := self.more.get("DATABASE_URL"):
            with psycopg.connect(url) as line:
                return Counter(dict(line.execute(sql.format("%s"), (event,)).fetchall()))
        file = sqlite3.connect(f"file:{self.folder}/cordially.db?mode=ro", uri=True, timeout=20)
        with closing(file):
            return Counter(dict(file.execute(sql.format("?"), (event,)).fetchall()))

    @contextmanager
    def server(self, *options: str) -> Iterator[Server]:
        """`cordially serve`, ended with SIGTERM unless the test killed it."""
        server = self.start(*options)
        try:
            yield server
        finally:
            server.stop()

    def start(self, *options: str) -> Server:
        server = self.launch(*options)
        until(
            lambda: server.process.poll() is not None or answers(f"{server.url}/healthz"),
            30,
            "the server answers",
        )
        assert server.process.poll() is None, server.log()
        return server

    def launch(self, *options: str) -> Server:
        """`start` without waiting for it."""
        path = self.folder.parent / f"{self.folder.name}.log"
        with path.open("a") as log:
            process = subprocess.Popen(
                [sys.executable, "-u", "-m", "cordially", "serve", *options],
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
            )
        return Server(process, f"http://127.0.0.1:{self.port}", path)


@cache
def _all_tables() -> bytes:
    """The database of an installation that nothing happened in yet."""
    with tempfile.TemporaryDirectory(prefix="cordially-tables-") as folder:
        Installation(Path(folder)).shell("migrate")
        return (Path(folder) / "cordially.db").read_bytes()


@dataclass
class Server:
    process: subprocess.Popen[str]
    url: str
    path: Path

    def log(self) -> str:
        return self.path.read_text()

    def signin_url(self) -> str:
        """The address that it printed last."""
        return re.findall(r"http://\S+/signin/\S+", self.log())[-1]

    def kill(self) -> None:
        """As a power cut does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> int:
        """As Ctrl-C and a service manager do; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
