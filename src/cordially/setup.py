"""Getting the installation ready: Django, folders, tables, static files. Every command begins here."""

from __future__ import annotations

import os
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
    from django.core.management import call_command
    from django.db import DatabaseError, connection
    from django.db.migrations.executor import MigrationExecutor

    check_folder(Path(settings.DATA_DIR))
    try:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            call_command("migrate", verbosity=0, interactive=False)
    except DatabaseError as error:
        raise SetupError(database_sentence(error)) from error


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
