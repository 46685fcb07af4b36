"""What a running campaign makes of a database that is locked, full or read-only for a while. Real faults, no doubles."""

from __future__ import annotations

import errno
import http.cookiejar
import re
import shutil
import sqlite3
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from .processes import Installation, Server, Simulator, simulator, until
from .test_campaigns_whole import all_known, compare, event_with

pytestmark = pytest.mark.process

GUESTS = 120
#: a line of the server's own, as the log writes it: time, level, who, what
_ENTRY = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z]+ [\w.]+: ", re.MULTILINE)


@dataclass
class Campaign:
    """A campaign in full flow, and what can be seen of it."""

    installation: Installation
    server: Server
    witness: Simulator
    event: str
    browser: urllib.request.OpenerDirector

    @property
    def database(self) -> Path:
        return self.installation.folder / "cordially.db"

    def reached(self) -> set[str]:
        """The numbers that Twilio has a message for."""
        return {message["to"].removeprefix("whatsapp:") for message in self.witness.messages()}

    def tried(self) -> dict[str, int]:
        """Number -> attempts, as they are on the disk."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as database:
            return dict(database.execute("SELECT phone, attempts FROM invitations_invitation"))

    def page(self) -> str:
        with self.browser.open(f"{self.server.url}/e/{self.event}/campaigns", timeout=10) as answer:
            assert answer.status == 200
            return str(answer.read().decode())


@contextmanager
def a_running_campaign(folder: Path) -> Iterator[Campaign]:
    """About a quarter of it has been sent."""
    # nobody reads: Twilio gives a report up after some seconds, and a lost “read” can't be asked for
    with simulator(latency=[0.05, 0.2], per_second=0, read_share=0.0) as witness:
        installation = Installation(folder, witness.account).ready()
        event = event_with(installation, GUESTS)
        installation.shell("template", "rsvp_invitation", "--create")
        installation.shell("sender", "--per-second", "20", "--per-hour", "none")
        server = installation.start()
        try:
            browser = urllib.request.build_opener(
                urllib.request.ProxyHandler({}),
                urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()),
            )
            browser.open(server.signin_url(), timeout=10).read()
            installation.shell("send", event)
            until(lambda: len(witness.messages()) > GUESTS // 4, 20, "the campaign is in full flow")
            yield Campaign(installation, server, witness, event, browser)
        finally:
            if server.process.poll() is None:  # the test failed: whatever state it is in, it must not stay
                server.kill()


def stands_still(campaign: Campaign, why: str, seconds: float) -> None:
    """The log says why nothing is sent; nothing is, and what can be seen of the campaign is true."""
    # whoever had its turn first: the drainer, the sweep or a callback
    sentence = re.compile(f"ERROR cordially.delivery.*: .*{why}")
    until(lambda: sentence.search(campaign.server.log()), seconds, f"the log says “{why}”")
    counts = campaign.installation.status(campaign.event)["invitations"]
    assert sum(counts.values()) == GUESTS
    assert counts["queued"] > GUESTS // 4, f"too late to prove anything: {counts}"
    assert counts["failed"] == counts["skipped"] == counts["cancelled"] == 0, counts
    reached, tried = campaign.reached(), campaign.tried()
    assert all(tried[phone] for phone in reached), "sent what is not on the disk"
    assert re.search(rf"\b{counts['queued']}\b", campaign.page()), "the page tells another story"
    # a command takes about a second: twenty invitations, if anything were sent
    assert campaign.installation.status(campaign.event)["invitations"] == counts
    assert campaign.reached() == reached, "sent without being able to write it down"


def goes_on(campaign: Campaign) -> None:
    """Without a hand laid on it: everybody has one message, and nothing was torn."""
    until(lambda: all_known(campaign.installation, campaign.event), 30, "every fate is known")
    compare(campaign.installation, campaign.witness, GUESTS)
    with closing(sqlite3.connect(campaign.database)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert campaign.server.stop() == 0
    log = campaign.server.log()
    assert "Traceback" not in log, log
    told = log.partition("Ctrl-C stops it.\n")[2].partition("Stopped. Everything")[0]
    assert [line for line in told.splitlines() if not _ENTRY.match(line)] == []
    assert "972502" not in log


def test_another_writer_holds_the_database_for_longer_than_anybody_waits(tmp_path: Path) -> None:
    with a_running_campaign(tmp_path / "data") as campaign:
        with closing(sqlite3.connect(campaign.database, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            # settings.py: a connection waits 20 seconds for the lock
            stands_still(campaign, "database is locked", 25)
            other.execute("ROLLBACK")
        goes_on(campaign)


@contextmanager
def a_small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A file system of its own. Skips where none can be mounted."""
    folder.mkdir()
    if shutil.which("mount") is None:
        pytest.skip("there is no mount on this machine")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "cordially-test", str(folder)],
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("this user can't mount a file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], timeout=10, check=True)


def fill(path: Path) -> None:
    """Take every byte that is left."""
    with path.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError as error:
                assert error.errno == errno.ENOSPC


def test_the_disk_is_full_for_a_while(tmp_path: Path) -> None:
    with a_small_disk(tmp_path / "data", 24) as disk, a_running_campaign(disk) as campaign:
        filler = disk / "filler"
        fill(filler)
        stands_still(campaign, "database or disk is full", 15)
        filler.unlink()
        goes_on(campaign)


@contextmanager
def unchangeable(*paths: Path) -> Iterator[Callable[[], None]]:
    """Nobody can write to these files, not even those who have them open. The yielded function ends it."""

    def mark(sign: str) -> bool:
        done = subprocess.run(
            ["chattr", f"{sign}i", *map(str, paths)], capture_output=True, timeout=10, check=False
        )
        return done.returncode == 0

    if shutil.which("chattr") is None or not mark("+"):
        pytest.skip("this user or file system can't make files immutable")
    try:
        yield lambda: None if mark("-") else pytest.fail("the files stayed immutable")
    finally:
        mark("-")


def immutable_counts(folder: Path) -> bool:
    """Whether an open file refuses to be written to as well: on ext4 yes, on some others not."""
    probe = folder / "probe"
    with probe.open("wb", buffering=0) as file, unchangeable(probe):
        try:
            file.write(b"x")
        except OSError:
            return True
    return False


def test_the_database_is_read_only_for_a_while(tmp_path: Path) -> None:
    if not immutable_counts(tmp_path):
        pytest.skip("on this file system an open file can be written to although it is immutable")
    with a_running_campaign(tmp_path / "data") as campaign:
        wal = campaign.database.with_name("cordially.db-wal")
        with unchangeable(campaign.database, wal) as end:
            stands_still(campaign, "readonly database", 15)
            end()
        goes_on(campaign)
