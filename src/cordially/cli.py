"""`cordially`: the commands, and the way to Django's own."""

from __future__ import annotations

import os
import sys

import click

from cordially import __version__
from cordially.setup import SetupError, database_sentence, setup

from .commands import demo, doctor, events, moving, restoring, sending, serving, templates


class Commands(click.Group):
    """Ours first; whatever else is typed is Django's (`migrate`, `createsuperuser`, …)."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-") and _is_djangos(name):
            return name, _django_command(name), args[1:]
        return super().resolve_command(ctx, args)


def _is_djangos(name: str) -> bool:
    setup()
    from django.core.management import get_commands

    return name in get_commands()


def _django_command(name: str) -> click.Command:
    @click.command(
        name,
        context_settings={"ignore_unknown_options": True, "help_option_names": []},
        add_help_option=False,
    )
    @click.argument("rest", nargs=-1, type=click.UNPROCESSED)
    def run(rest: tuple[str, ...]) -> None:
        from django.core.management import execute_from_command_line
        from django.db import DatabaseError

        try:
            execute_from_command_line(["cordially", name, *rest])
        except DatabaseError as error:
            raise SetupError(database_sentence(error)) from error

    return run


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="cordially")
def cordially() -> None:
    """Send personal WhatsApp invitations, and see what became of each.

    \b
    Example:
      cordially create-event "Maya & Arjun" --starts 2027-05-06T18:30 --timezone Asia/Jerusalem --venue "The Orange Grove"
      cordially import-guests maya-arjun guests.xlsx
      cordially send maya-arjun --wait

    Django's own commands work too, for example `cordially createsuperuser`.
    """


for command in (
    serving.serve,
    serving.web,
    serving.worker,
    serving.scheduler,
    serving.simulator,
    events.create_event,
    events.import_guests,
    events.status,
    sending.send,
    sending.sender,
    templates.template,
    doctor.doctor,
    demo.demo,
    moving.backup,
    moving.migrate_to,
    restoring.restore,
):
    cordially.add_command(command)


def main() -> None:
    """The entry point: every expected trouble ends in one plain line and an exit code, never in a trace."""
    try:
        cordially(prog_name="cordially")
    except SetupError as error:
        click.echo(f"cordially: {error}", err=True)
        sys.exit(2)
    except Exception as error:
        if os.environ.get("CORDIALLY_DEBUG", "").lower() in ("1", "true", "yes", "on"):
            raise
        # its text may hold a number or a secret
        click.echo(
            f"cordially: This should not happen: {type(error).__name__}. "
            "The same command with CORDIALLY_DEBUG=1 shows where.",
            err=True,
        )
        sys.exit(70)
