"""A backup in the place of what is there, with all sending stopped until Twilio was asked what left since."""

from __future__ import annotations

import datetime as dt
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import click

from .common import Refused, prepared
from .moving import OTHER, beside, make_tables, running, write_copy

if TYPE_CHECKING:
    from collections.abc import Iterator

#: what makes a file a backup of ours
_TABLES = {
    "django_migrations",
    "events_event",
    "guests_guest",
    "invitations_sender",
    "invitations_invitation",
}


@click.command("restore")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace the events that are there; they are kept in a file.")
@prepared
def restore(file: Path, force: bool) -> None:
    """Put a backup in place of the database, with all sending stopped. Stop everything before.

    Once started again, Cordially asks Twilio what left after the backup was taken, and counts it; only then can
    somebody let the senders go on. So nobody is invited a second time.

    \b
    Example:
      cordially restore /var/backups/cordially-2027-05-01.db --force
    """
    from django.conf import settings
    from django.db import connection

    from cordially.events.models import Event

    _check(file)
    if runs := running():
        raise Refused(f"{runs} Stop it, wait ten seconds, and try again.")
    events = Event.objects.count()
    if events and not force:
        raise Refused(
            f"There are events here already ({events}). --force puts the backup in their place; "
            "what is there now is kept in a file."
        )
    folder = Path(settings.DATA_DIR)
    prepared_file = folder / ".restoring.db"
    try:
        newest = _prepare(file, prepared_file)
        if events:
            kept = folder / f"before-restore-{dt.datetime.now(dt.UTC):%Y%m%d-%H%M%S}.db"
            write_copy(kept)
            click.echo(f"What was there is kept in {kept}.")
        rows = _put(prepared_file, connection.vendor)
    except (OSError, sqlite3.Error) as error:
        raise Refused(f"The backup can't be put in place: {error}. Nothing was changed.") from error
    finally:
        for left in _with_companions(prepared_file):
            left.unlink(missing_ok=True)
    click.echo(
        f"{rows:,} rows are back. The newest thing they tell of happened on {newest:%Y-%m-%d at %H:%M} UTC."
    )
    for line in _sealed_trouble():
        click.echo(line)
    click.echo(
        "All sending is stopped. Start Cordially as before: it asks Twilio what left since then, counts it,"
    )
    click.echo(
        "and says on the page of each sender when you can let it go on. What guests answered since is lost."
    )


def _check(file: Path) -> None:
    """Raises Refused for what is no backup of ours, is damaged, or comes from a newer version."""
    from django.db import connection
    from django.db.migrations.loader import MigrationLoader

    if not file.is_file():
        raise Refused(f"There is no file {file}.")
    try:
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as source:
            tables = {
                name for (name,) in source.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            }
            if not tables >= _TABLES:
                raise Refused(f"{file} is no backup of Cordially.")
            [sound] = source.execute("PRAGMA quick_check(1)").fetchone()
            if sound != "ok":
                raise Refused(f"{file} is damaged ({sound}). Take another backup.")
            made = set(source.execute("SELECT app, name FROM django_migrations"))
    except sqlite3.DatabaseError as error:
        raise Refused(f"{file} is no backup of Cordially: {error}.") from error
    if unknown := made - set(MigrationLoader(connection).disk_migrations):
        raise Refused(
            f"{file} was written by a newer version ({'.'.join(min(unknown))}). Install that one and try again."
        )


def _prepare(file: Path, target: Path) -> dt.datetime:
    """The backup with today's tables and all senders stopped, in `target`. When the newest thing in it happened."""
    for left in _with_companions(target):
        left.unlink(missing_ok=True)
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with (
        closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(target)) as copy,
    ):
        source.backup(copy)
    url = f"sqlite:///{quote(str(target.resolve()))}"
    make_tables(url)
    # to a process of its own that database is the only one
    done = subprocess.run(
        [sys.executable, "-m", "cordially.commands.restoring"],
        env=os.environ | {"DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Refused(
            "The senders of the backup can't be stopped, so nothing was changed. It may be damaged."
        )
    return dt.datetime.fromisoformat(done.stdout.strip())


def _put(source: Path, vendor: str) -> int:
    """Everything at once or nothing. Returns the rows."""
    from django.db import connection

    from cordially.lib import copying

    with beside({"ENGINE": "django.db.backends.sqlite3", "NAME": str(source)}):
        rows = sum(copying.counts(OTHER).values())
        if vendor != "sqlite":
            copying.copy(OTHER, "default")
            return rows
    connection.close()
    with (
        closing(sqlite3.connect(source)) as copy,
        closing(sqlite3.connect(str(connection.settings_dict["NAME"]), timeout=20)) as target,
    ):
        copy.execute("PRAGMA journal_mode=DELETE")
        copy.backup(target)
        target.execute("PRAGMA journal_mode=WAL")
    return rows


def _with_companions(path: Path) -> Iterator[Path]:
    yield from (path, *(path.with_name(path.name + more) for more in ("-wal", "-shm", "-journal")))


def _sealed_trouble() -> list[str]:
    """What is to be said when the credentials can't be opened with the secret key of this installation."""
    from cordially.invitations import vault
    from cordially.invitations.models import Account

    lost = []
    for row in Account.objects.all():
        try:
            vault.opened(row)
        except Exception:  # whichever way it can't be opened, they must be entered anew
            lost.append(f"…{row.sid[-4:]}")
    if not lost:
        return []
    return [
        f"The credentials of {', '.join(lost)} were sealed with another secret key: start with that one "
        "(CORDIALLY_SECRET_KEY), or enter them anew."
    ]


def _stop_all() -> None:
    from cordially.setup import setup

    setup()
    from cordially.invitations import comparing
    from cordially.lib.clock import now

    print(comparing.guard(now()).isoformat())


if __name__ == "__main__":
    _stop_all()
