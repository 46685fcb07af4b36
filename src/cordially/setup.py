"""Getting the installation ready: Django, folders, tables, static files. Every command begins here."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryFile


class SetupError(Exception):
    """What is missing or wrong, and what to do about it."""


def setup() -> None:
    """Configure Django. Raises SetupError for settings that can't be used."""
    import django
    from django.core.exceptions import ImproperlyConfigured

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cordially.settings")
    try:
        django.setup()
    except ImproperlyConfigured as error:
        raise SetupError(" ".join(str(error).split())) from error


def prepare() -> None:
    """`setup`, and a database with all its tables. Raises SetupError in plain words."""
    setup()
    from django.conf import settings
    from django.db import DatabaseError

    check_folder(Path(settings.DATA_DIR))
    try:
        _make_tables()
    except DatabaseError as error:
        raise SetupError(database_sentence(error)) from error


def prepare_patiently(say: Callable[[str], None]) -> None:
    """The same for a process that may start before its database: waits, ever longer, until it answers.

    What waiting can't mend (a wrong password, no such database, a server that is too old) raises SetupError.
    """
    setup()
    from django.conf import settings
    from django.db import DatabaseError, OperationalError, connection

    check_folder(Path(settings.DATA_DIR))
    pause, said = 0.5, ""
    while True:
        try:
            _make_tables()
            return
        except OperationalError as error:
            sentence = database_sentence(error)
            if not _may_come(str(error)):
                raise SetupError(sentence) from error
            if sentence != said:
                say(f"{sentence} Waiting for it.")
            said = sentence
        except DatabaseError as error:
            raise SetupError(database_sentence(error)) from error
        connection.close()
        time.sleep(pause)
        pause = min(10.0, pause * 1.6)


#: a database that says so is not about to answer otherwise
_FOR_GOOD = (
    "authentication failed",
    "does not exist",
    "no pg_hba.conf entry",
    "invalid",
    "does not support SSL",
    "certificate",
)


def _may_come(detail: str) -> bool:
    return not any(words in detail for words in _FOR_GOOD)


def _make_tables() -> None:
    """Bring the tables up to date; one process at a time, the others wait for it."""
    from django.core.management import call_command
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    def is_behind() -> bool:
        executor = MigrationExecutor(connection)
        return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))

    if not is_behind():
        return
    if connection.vendor != "postgresql":
        call_command("migrate", verbosity=0, interactive=False)
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_MIGRATING])
        try:
            if is_behind():
                call_command("migrate", verbosity=0, interactive=False)
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_MIGRATING])


#: PostgreSQL's advisory lock of who makes the tables
_MIGRATING = 0x434F5244


def check_writable() -> None:
    """Raises SetupError when the database can be read, but not written."""
    from django.db import DatabaseError, connection, transaction

    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("UPDATE django_migrations SET name = name WHERE 1 = 0")
    except DatabaseError as error:
        raise SetupError(database_sentence(error)) from error


def collect_static() -> None:
    """Styles and scripts with hashed names, compressed; quick when they are there already."""
    from django.core.management import call_command

    call_command("collectstatic", verbosity=0, interactive=False, ignore_patterns=["*.test.js"])


def check_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):  # a name of its own: commands start side by side
            pass
    except OSError as error:
        raise SetupError(
            f"Can't write to the data folder {folder}: {error.strerror}. "
            "Set CORDIALLY_DATA_DIR to a folder that can be written."
        ) from error


def database_sentence(error: Exception) -> str:
    """What is wrong with the database and where to look, in one line."""
    detail = str(error).strip()
    if "readonly" in detail or "read-only" in detail:
        return (
            "The database file is read-only. Make it writable, or set CORDIALLY_DATA_DIR to another folder."
        )
    first_line = detail.splitlines()[0].rstrip(".") if detail else "no reason given"
    return f"The database can't be used: {first_line}. Look at DATABASE_URL or CORDIALLY_DATA_DIR."
