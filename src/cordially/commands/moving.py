"""The whole database to another place: a backup, or a PostgreSQL that takes over."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from .common import Refused, prepared

#: the other database, beside the one that is configured
OTHER = "other"


@click.command("backup")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace the file when it exists.")
@prepared
def backup(file: Path, force: bool) -> None:
    """Write the whole database into one SQLite file, also while everything runs.

    \b
    Example:
      cordially backup /var/backups/cordially-2027-05-01.db
    """
    if file.exists() and not force:
        raise Refused(f"{file} exists. Choose another name, or say --force.")
    from cordially.events.models import Event

    if not Event.objects.exists():
        raise Refused(
            f"There is nothing to copy: {_where()} has no events. If your server has, the command needs the same "
            "DATABASE_URL or CORDIALLY_DATA_DIR."
        )
    try:
        rows = write_copy(file)
    except (OSError, sqlite3.Error) as error:
        raise Refused(f"{file} can't be written: {error}.") from error
    click.echo(
        f"{file}: {rows:,} rows, {file.stat().st_size / 1e6:.1f} MB. It holds your guests' data: keep it safe."
    )
    click.echo("Keep the secret key and the pictures of the data folder too, apart from it: docs/deploy.md.")


def _where() -> str:
    """Which database this is, without its password."""
    from django.db import connection

    given = connection.settings_dict
    if connection.vendor == "sqlite":
        return str(given["NAME"])
    return f"{given['NAME']} on {given['HOST'] or 'this machine'}"


def write_copy(file: Path) -> int:
    """The whole database into this file, all of it or nothing; for its owner alone. Returns the rows."""
    unfinished = file.with_name(f".{file.name}.unfinished")
    try:
        unfinished.unlink(missing_ok=True)
        os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        rows = _write(unfinished)
        os.replace(unfinished, file)
    finally:
        unfinished.unlink(missing_ok=True)
    return rows


def _write(path: Path) -> int:
    from django.db import connection, transaction

    from cordially.lib import copying

    if connection.vendor == "sqlite":
        with (
            closing(sqlite3.connect(str(connection.settings_dict["NAME"]), timeout=20)) as source,
            closing(sqlite3.connect(path)) as target,
        ):
            source.backup(target)
            # one file, with nothing beside it
            target.execute("PRAGMA journal_mode=DELETE")
        with beside({"ENGINE": "django.db.backends.sqlite3", "NAME": str(path)}):
            return sum(copying.counts(OTHER).values())
    make_tables(f"sqlite:///{quote(str(path.resolve()))}")
    with beside({"ENGINE": "django.db.backends.sqlite3", "NAME": str(path)}), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        copying.copy("default", OTHER)
        return sum(copying.counts(OTHER).values())


@click.command("migrate-to")
@click.argument("database_url")
@prepared
def migrate_to(database_url: str) -> None:
    """Copy this SQLite installation to an empty PostgreSQL, and count on both sides. Stop everything before.

    \b
    Example:
      cordially migrate-to postgresql://cordially:password@db.example.com/cordially
    """
    from django.db import DatabaseError, connection, transaction

    from cordially.lib import copying
    from cordially.setup import database_sentence

    if connection.vendor != "sqlite":
        raise Refused("DATABASE_URL names a PostgreSQL already; what is to be moved is an SQLite database.")
    target = _postgresql(database_url)
    if runs := running():
        raise Refused(f"{runs} Stop it, wait ten seconds, and try again.")
    try:
        with beside(target):
            _refuse_if_full()
            make_tables(database_url)
            # nobody writes here meanwhile: transactions of SQLite begin with the lock
            with transaction.atomic():
                copying.copy("default", OTHER, lambda table, rows: click.echo(f"{rows:>12,}  {table}"))
                here, there = copying.counts("default"), copying.counts(OTHER)
    except DatabaseError as error:
        sentence = database_sentence(error).replace("DATABASE_URL or CORDIALLY_DATA_DIR", "the address")
        raise Refused(f"{sentence} Nothing was moved.") from error
    if wrong := [table for table in here if here[table] != there[table]]:
        raise Refused(f"The counts differ in {', '.join(wrong)}. Empty that database and try again.")
    click.echo(f"All {sum(here.values()):,} rows in {len(here)} tables are there.")
    click.echo("From now on start everything with DATABASE_URL set to it. CORDIALLY_DATA_DIR stays as it is:")
    click.echo(
        "the secret key and the pictures are there. Put cordially.db away, so that nobody starts it again."
    )


def _postgresql(url: str) -> dict[str, Any]:
    import dj_database_url

    try:
        found: dict[str, Any] = {**dj_database_url.parse(url)}
    except (ValueError, KeyError) as error:
        # without its text, which may hold the password
        raise Refused(
            "The address can't be read. Write it like postgresql://user:password@host/name."
        ) from error
    if found.get("ENGINE") != "django.db.backends.postgresql":
        raise Refused("The address must name a PostgreSQL database: postgresql://user:password@host/name.")
    found["OPTIONS"] = {"connect_timeout": 10} | found.get("OPTIONS", {})
    return found


@contextmanager
def beside(database: dict[str, Any]) -> Iterator[None]:
    """OTHER is that database within the block."""
    from django.db import connections

    plain = connections.databases["default"] | {
        "OPTIONS": {},
        "USER": "",
        "PASSWORD": "",
        "HOST": "",
        "PORT": "",
    }
    connections.databases[OTHER] = plain | database
    try:
        yield
    finally:
        connections[OTHER].close()
        del connections[OTHER]
        del connections.databases[OTHER]


def make_tables(url: str) -> None:
    """In a process of its own, to which that database is the only one: migrations change data too."""
    done = subprocess.run(
        [sys.executable, "-m", "cordially", "migrate", "--verbosity", "0", "--no-input"],
        env=os.environ | {"DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Refused(done.stderr.strip().removeprefix("cordially: ") or "The tables can't be made.")


def _refuse_if_full() -> None:
    from django.contrib.auth.models import User
    from django.db import connections

    from cordially.events.models import Event
    from cordially.guests.models import Guest
    from cordially.invitations.models import Account

    there = connections[OTHER].introspection.table_names()
    for model in (Event, Guest, User, Account):
        if model._meta.db_table in there and model._base_manager.using(OTHER).exists():
            raise Refused("That database has events or guests already, or people. Choose an empty one.")


def running() -> str:
    """Who works with this database right now; empty when nobody does."""
    from cordially.invitations.models import Duty, Sender
    from cordially.lib.clock import now

    if (
        Duty.objects.filter(until__gte=now()).exists()
        or Sender.objects.filter(lease_until__gte=now()).exists()
    ):
        return "A server or a worker runs on this database."
    return ""
