"""Large lists: queue and import 100,000."""

from __future__ import annotations

import csv
import sqlite3
import tempfile
import time
from pathlib import Path

from . import stage


def _plain_insert(rows: int) -> float:
    """Seconds that SQLite alone takes for as many bare rows, one transaction, on the disk."""
    with tempfile.TemporaryDirectory() as folder:
        database = sqlite3.connect(Path(folder) / "plain.db")
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT, c TEXT)")
        begun = time.monotonic()
        with database:
            database.executemany(
                "INSERT INTO t (a, b, c) VALUES (?, ?, ?)",
                (("queued", "+972500000000", "x") for _ in range(rows)),
            )
        return time.monotonic() - begun


def import_and_queue(rows: int = 100_000) -> None:
    from cordially.events.creating import create
    from cordially.guests.importing import import_guests
    from cordially.invitations import campaigns, flightcheck

    event = create("Lists", starts="2027-05-01T18:00", timezone="Asia/Jerusalem", venue="The Hall")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "guests.csv"
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["Name", "Phone", "Party of"])
            writer.writerows(
                [f"Guest {n}", f"05{2 + n % 3}-{2_000_000 + n * 7 % 7_999_999:07d}", 1 + n % 4]
                for n in range(rows)
            )
        begun = time.monotonic()
        import_guests(event, path)
        imported = time.monotonic() - begun
    stage.line(f"seconds to import {rows:,} rows", f"{imported:.1f}", "goal: under 15")
    template = stage.approved_default()
    begun = time.monotonic()
    read = sum(1 for _ in event.guests.order_by("pk").iterator(chunk_size=2000))
    bare = time.monotonic() - begun
    begun = time.monotonic()
    report = flightcheck.check(event, event.guests.all(), template)
    checked = time.monotonic() - begun
    stage.line(
        f"seconds to write out and check {report.chosen:,} messages", f"{checked:.2f}",
        "goal: 20,000 in under 3", f"{checked / bare:.1f} × as long as to read {read:,} guests ({bare:.2f} s)",
    )  # fmt: skip
    plain = _plain_insert(rows)
    begun = time.monotonic()
    campaign = campaigns.start_campaign(event, event.guests.all(), template=template)
    queued = time.monotonic() - begun - checked  # it checks once more: what is left is the ledger's own time
    campaigns.pause(campaign)  # out of the way of what is measured next
    stage.line(
        f"seconds to queue {campaign.audience:,} invitations", f"{queued:.2f}", "goal: under 2",
        f"{queued / plain:.1f} × as many bare rows into SQLite ({plain:.2f} s)",
    )  # fmt: skip
