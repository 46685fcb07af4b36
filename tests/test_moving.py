"""A whole installation moved, and copied: from SQLite to PostgreSQL, and out of either into a file."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .fleet import new_database, postgresql
from .processes import Installation
from .test_campaigns_whole import event_with

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    with postgresql() as found:
        yield found


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """An installation with a past: guests, a campaign, reports, answers."""
    installation = Installation(tmp_path_factory.mktemp("lived") / "data")
    name = event_with(installation, 25)
    with installation.server():
        installation.shell("send", name, "--wait")
    return installation


def at(installation: Installation, database: str) -> Installation:
    return Installation(installation.folder, {"DATABASE_URL": database})


#: the short name of its event
EVENT = "witnessed"


def refused(installation: Installation, *words: str) -> str:
    found = installation.run(*words)
    assert found.returncode == 2, found.stdout + found.stderr
    [line] = found.stderr.strip().splitlines()
    return line


def test_it_moves_to_postgresql_and_goes_on_there(lived: Installation, server: Any) -> None:
    database = new_database(server)
    before = lived.status(EVENT)
    assert before["invitations"]["read"] + before["invitations"]["delivered"] == 25
    printed = lived.shell("migrate-to", database)
    assert "tables are there" in printed
    there = at(lived, database)
    assert there.status(EVENT) == before
    # new rows don't meet the numbers of those that were brought
    assert there.shell(
        "create-event", "Another", "--starts", "2027-05-01T18:00", "--timezone", "Asia/Jerusalem"
    )
    # and what came is not brought twice
    assert "has events or guests already" in refused(lived, "migrate-to", database)
    assert there.status(EVENT) == before


def test_a_backup_of_either_is_a_whole_installation_for_its_owner_alone(
    lived: Installation, server: Any, tmp_path: Path
) -> None:
    database = new_database(server)
    lived.shell("migrate-to", database)
    before = lived.status(EVENT)
    for number, installation in enumerate((lived, at(lived, database))):
        file = tmp_path / f"backup{number}.db"
        installation.shell("backup", str(file))
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert at(lived, f"sqlite:///{file}").status(EVENT) == before
        assert "--force" in refused(installation, "backup", str(file))
        installation.shell("backup", str(file), "--force")
    left = {path.name for path in tmp_path.iterdir() if not path.name.endswith(("-wal", "-shm"))}
    assert left == {"backup0.db", "backup1.db"}


def test_a_backup_is_taken_while_the_server_runs_and_a_move_is_not(
    lived: Installation, server: Any, tmp_path: Path
) -> None:
    database = new_database(server)
    with lived.server():
        lived.shell("backup", str(tmp_path / "copy.db"))
        assert "runs on this database" in refused(lived, "migrate-to", database)


def test_what_can_t_be_done_is_said_in_a_line_without_the_password(
    lived: Installation, server: Any, tmp_path: Path
) -> None:
    database = new_database(server)
    assert "can't be read" in refused(lived, "migrate-to", "postgresql://me:geheim@[host/name")
    assert "must name a PostgreSQL" in refused(lived, "migrate-to", f"sqlite:///{tmp_path}/x.db")
    line = refused(lived, "migrate-to", "postgresql://me:geheim@127.0.0.1:1/name")
    assert "Nothing was moved" in line
    assert "geheim" not in line
    assert "already" in refused(at(lived, database), "migrate-to", database)
    assert "can't be written" in refused(lived, "backup", str(tmp_path / "nowhere" / "copy.db"))
