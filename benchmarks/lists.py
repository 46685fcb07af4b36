"""Large lists: queue and import 100,000; the dry run of the wizard, a mended cell, one page, an undo."""

from __future__ import annotations

import csv
import resource
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


def _write(path: Path, rows: int, first: int = 0) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Name", "Phone", "Party of"])
        writer.writerows(
            [f"Guest {n}", f"05{2 + n % 3}-{2_000_000 + n * 7 % 7_999_999:07d}", 1 + n % 4]
            for n in range(first, first + rows)
        )


def wizard() -> None:
    """What a host waits for: 20,000 rows, and 100,000."""
    for rows in (20_000, 100_000):
        _wizard(rows)


def _wizard(rows: int) -> None:
    from django.db.models import Q

    from cordially.events.creating import create
    from cordially.guests import drafts, undoing
    from cordially.guests.reading import read_table

    def quiet(done: int, total: int) -> None:
        """Nobody looks."""

    event = create("Wizard", starts="2027-05-01T18:00", timezone="Asia/Jerusalem", venue="The Hall")
    marks = [time.monotonic()]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "guests.csv"
        _write(path, rows)
        marks[0] = time.monotonic()
        draft = drafts.begin(event, read_table(path), by=None)
    drafts.use_columns(draft, draft.uses, "IL")
    drafts.read_all(draft, quiet)
    draft.refresh_from_db()
    marks.append(time.monotonic())
    drafts.mend(draft, rows // 2, "name", "Ruth", f"Guest {rows // 2 - 1}")
    marks.append(time.monotonic())
    drafts.page(draft, "all", rows - 50, 50)
    marks.append(time.monotonic())
    drafts.confirm(draft, draft.fingerprint)
    drafts.store_all(draft, quiet)
    marks.append(time.monotonic())
    added = event.guests.count()
    undoing.begin_undo(draft)
    undoing.undo_all(draft, Q(invitations__isnull=False) | Q(answers__isnull=False), quiet)
    marks.append(time.monotonic())
    if added != rows or event.guests.exists():
        raise RuntimeError(f"{added} of {rows} were stored, {event.guests.count()} stayed")
    dry, mend, page, store, undo = (after - before for before, after in zip(marks, marks[1:], strict=False))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    stage.line(
        f"seconds for a dry run of {rows:,} rows",
        f"{dry:.1f}",
        "20,000 in a few",
        f"{dry / rows * 1e6:.0f} µs a row",
    )
    stage.line(
        f"seconds to mend a cell among {rows:,}", f"{mend:.2f}", "", f"one page of them: {page * 1000:.0f} ms"
    )
    stage.line(
        f"seconds to import {rows:,} checked rows",
        f"{store:.1f}",
        "",
        f"{undo:.1f} to undo; peak memory {peak:.0f} MB",
    )


def import_and_queue(rows: int = 100_000) -> None:
    from cordially.events.creating import create
    from cordially.guests.importing import import_guests
    from cordially.invitations import campaigns, flightcheck

    event = create("Lists", starts="2027-05-01T18:00", timezone="Asia/Jerusalem", venue="The Hall")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "guests.csv"
        _write(path, rows)
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
