"""A backup brought back: whatever left after it was taken does not leave again."""

from __future__ import annotations

import csv
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from .fleet import new_database, postgresql
from .processes import Installation, Simulator, simulator, until
from .test_campaigns_whole import event_with

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    with postgresql() as found:
        yield found


def another_event(installation: Installation, guests: int) -> str:
    event = installation.shell(
        "create-event", "Second", "--starts", "2027-06-01T18:00", "--timezone", "Asia/Jerusalem",
        "--venue", "The Garden",
    ).strip()  # fmt: skip
    path = installation.folder.parent / "second.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(
            [["Name", "Phone"], *([f"Other {n}", f"+97254{3_000_000 + n * 17}"] for n in range(guests))]
        )
    installation.shell("import-guests", event, str(path))
    return event


def refused(installation: Installation, *words: str) -> str:
    found = installation.run(*words)
    assert found.returncode == 2, found.stdout + found.stderr
    assert "Traceback" not in found.stderr
    return found.stderr.strip()


def duties(installation: Installation) -> int:
    with closing(sqlite3.connect(f"file:{installation.folder}/cordially.db?mode=ro", uri=True)) as database:
        [count] = database.execute("SELECT count(*) FROM invitations_duty").fetchone()
    return int(count)


def is_settled(installation: Installation, event: str) -> bool:
    counts = installation.states(event)
    return not any(counts[state] for state in ("queued", "sending", "unsure", "accepted", "sent"))


def each_got_one(witness: Simulator, guests: int) -> None:
    arrived = Counter(message["to"] for message in witness.messages())
    assert set(arrived.values()) == {1}
    assert len(arrived) == guests


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_what_left_after_the_backup_is_counted_and_not_sent_again(
    kind: str, tmp_path: Path, server: Any
) -> None:
    with simulator() as witness:
        database = {"DATABASE_URL": new_database(server)} if kind == "postgresql" else {}
        here = Installation(tmp_path / "data", witness.account | database)
        here.more["CORDIALLY_PUBLIC_URL"] = f"http://127.0.0.1:{here.port}"
        here.shell("template", "rsvp_invitation", "--create")
        here.shell("sender", "--per-second", "3")
        first, second = event_with(here, 40), another_event(here, 15)
        copy = tmp_path / "copy.db"
        with here.server():
            here.shell("send", first)
            until(lambda: len(witness.messages()) >= 4, 20, "it sends")
            here.shell("backup", str(copy))
            # this one begins after the copy was taken, which knows nothing of it
            here.shell("sender", "--per-second", "80")
            here.shell("send", second, "--wait")
            until(lambda: is_settled(here, first), 30, "all have arrived")
        each_got_one(witness, 55)

        assert "--force" in refused(here, "restore", str(copy))
        printed = here.shell("restore", str(copy), "--force")
        assert "All sending is stopped" in printed
        assert len(list(here.folder.glob("before-restore-*.db"))) == 1
        waiting = here.status(first)["invitations"]["queued"]
        assert waiting > 0, "the copy was taken when all had left: it proves nothing"
        assert here.status(second)["invitations"]["queued"] == 0
        # before Twilio was asked nothing may leave, whoever wants it
        assert "brought back" in refused(here, "sender", "--resume")
        assert "brought back" in refused(here, "send", second)

        with here.server():
            until(lambda: "had left." in here.shell("sender"), 20, "Twilio was asked")
            assert "15 guests were marked as invited." in here.shell("sender")
            here.shell("sender", "--resume")
            until(lambda: is_settled(here, first) and is_settled(here, second), 30, "all is known")
            refused(here, "send", second)
            assert sum(here.status(second)["invitations"].values()) == 15
            assert here.status(second)["invitations"]["failed"] == 0
        each_got_one(witness, 55)


def test_what_is_no_backup_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    here = Installation(tmp_path / "data")
    event = event_with(here, 3)
    copy = tmp_path / "copy.db"
    here.shell("backup", str(copy))

    assert "no file" in refused(here, "restore", str(tmp_path / "nothing.db"), "--force")
    text = tmp_path / "text.db"
    text.write_text("Dear diary, this is no database at all. " * 100)
    assert "no backup" in refused(here, "restore", str(text), "--force")
    with closing(sqlite3.connect(tmp_path / "other.db")) as other:
        other.execute("CREATE TABLE t (a)")
    assert "no backup" in refused(here, "restore", str(tmp_path / "other.db"), "--force")
    with closing(sqlite3.connect(copy)) as newer, newer:
        newer.execute(
            "INSERT INTO django_migrations (app, name, applied) VALUES ('guests', '9999_x', '2030-01-01')"
        )
    assert "newer version" in refused(here, "restore", str(copy), "--force")
    here.shell("backup", str(copy), "--force")
    with here.server():
        until(lambda: duties(here), 10, "it works with the database")
        assert "runs on this database" in refused(here, "restore", str(copy), "--force")
    assert here.status(event)["guests"] == 3
    assert not list(here.folder.glob("before-restore-*")) and not list(here.folder.glob(".restoring*"))


def test_an_empty_installation_takes_a_backup_without_being_asked_twice(tmp_path: Path) -> None:
    here = Installation(tmp_path / "data")
    event = event_with(here, 3)
    here.shell("backup", str(tmp_path / "copy.db"))
    there = Installation(tmp_path / "there")
    there.shell("restore", str(tmp_path / "copy.db"))
    assert there.status(event)["guests"] == 3
