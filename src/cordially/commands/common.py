"""What the commands share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import click

from cordially.setup import database_sentence, prepare, prepare_patiently

if TYPE_CHECKING:
    from cordially.events.models import Event

P = ParamSpec("P")
T = TypeVar("T")

#: exit codes; 0 is for: done, and nothing needs a person
NOT_DONE = 1
BAD_INPUT = 2
SOME_FAILED = 3


class Refused(click.ClickException):
    """Bad input, or something that must be mended first: one plain line, exit code 2."""

    exit_code = BAD_INPUT

    def show(self, file: object = None) -> None:
        click.echo(f"cordially: {self.message}", err=True)


def prepared(function: Callable[P, T]) -> Callable[P, T]:
    """Get the installation ready before the command begins, and turn known troubles into one line."""

    return _prepared(function, prepare)


def prepared_patiently(function: Callable[P, T]) -> Callable[P, T]:
    """The same, for what may be started together with its database: it waits for it."""
    return _prepared(
        function, lambda: prepare_patiently(lambda text: click.echo(f"cordially: {text}", err=True))
    )


def _prepared(function: Callable[P, T], begin: Callable[[], None]) -> Callable[P, T]:
    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        begin()
        from django.db import DatabaseError

        from cordially.invitations.senders import NotReady
        from cordially.providers.errors import Misconfigured

        try:
            return function(*args, **kwargs)
        except (NotReady, Misconfigured) as error:
            raise Refused(str(error)) from error
        except UnicodeEncodeError as error:
            raise Refused("Some of what was typed is no text (not UTF-8).") from error
        except DatabaseError as error:
            raise Refused(database_sentence(error)) from error

    return run


def the_event(slug: str) -> Event:
    """The event of that short name. Raises Refused, naming those there are."""
    from cordially.events.models import Event

    event = Event.objects.filter(slug=slug).first()
    if event is None:
        known = ", ".join(Event.objects.values_list("slug", flat=True)[:10])
        hint = f"There is: {known}." if known else "There is none yet: `cordially create-event` makes one."
        raise Refused(f"There is no event “{slug}”. {hint}")
    return event
