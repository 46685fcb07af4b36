"""What the parts stand on: PostgreSQL, Redis, an installation that knows both, and a look at the processor."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from tests.fleet import Fleet, Redis, new_database, postgresql
from tests.processes import Simulator

from benchmarks import stage

SECRET_KEY = "a key that all of them share"


@dataclass(frozen=True)
class Ground:
    folder: Path
    database: str
    redis: str
    #: of the first `cordially web`; links and callbacks lead there
    port: int
    #: PostgreSQL's first process
    postmaster: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def fleet(self, witness: Simulator) -> Iterator[Fleet]:
        """Nothing runs in it yet; what was started is stopped in the end."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        fleet = Fleet(
            folder, self.database, self.redis, witness,
            {
                "CORDIALLY_PUBLIC_URL": self.url, "CORDIALLY_SECRET_KEY": SECRET_KEY,
                "CORDIALLY_LOG_LEVEL": "WARNING", "CORDIALLY_POLL_SECONDS": "3600",
            },
        )  # fmt: skip
        try:
            yield fleet
        except BaseException:
            for log in sorted(folder.glob("*.log")):
                print(f"{log.name}: {log.read_text()[-3000:]}")
            raise
        finally:
            fleet.stop()

    def clear(self) -> None:
        """An empty ledger. While no fleet runs."""
        from django.core.management import call_command

        call_command("flush", verbosity=0, interactive=False)


@contextmanager
def ground() -> Iterator[Ground]:
    """Django is ready inside. Servers are stopped and folders removed in the end."""
    folder = Path(tempfile.mkdtemp(prefix="cordially-scale-"))
    redis, port = Redis(), stage.free_port()
    try:
        with postgresql() as server:
            database = new_database(server)
            redis.start()
            stage.install(
                DATABASE_URL=database,
                CORDIALLY_SECRET_KEY=SECRET_KEY,
                CORDIALLY_PUBLIC_URL=f"http://127.0.0.1:{port}",
            )
            postmaster = int((Path(server.pgdata) / "postmaster.pid").read_text().split()[0])
            yield Ground(folder, database, redis.url, port, postmaster)
            from django.db import connections

            connections.close_all()
    finally:
        redis.stop()
        shutil.rmtree(folder, ignore_errors=True)


class Spent:
    """CPU seconds of groups of processes since it was made; each group by name, with all its children."""

    def __init__(self, **groups: Iterable[int]) -> None:
        self._groups = {name: tuple(pids) for name, pids in groups.items()}
        self._before = {name: _cpu(pids) for name, pids in self._groups.items()}
        self._begun = time.monotonic()

    def now(self) -> tuple[float, dict[str, float]]:
        """Wall seconds, and the CPU seconds of each group."""
        wall = time.monotonic() - self._begun
        return wall, {name: _cpu(pids) - self._before[name] for name, pids in self._groups.items()}


def _cpu(pids: Iterable[int]) -> float:
    spent = 0.0
    for pid in pids:
        first = psutil.Process(pid)
        for process in [first, *first.children(recursive=True)]:
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            spent += times.user + times.system
            if process is first:  # of those that have ended meanwhile
                spent += times.children_user + times.children_system
    return spent


def table(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """As Markdown, so that it can be taken over into docs/performance.md."""
    print(f"\n{title}\n")
    print(f"| {' | '.join(head)} |")
    print(f"| {' | '.join('---' for _ in head)} |")
    for row in rows:
        print(f"| {' | '.join(row)} |")
    print(flush=True)
