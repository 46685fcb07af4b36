"""How far the feed of the live pages has been read."""

from __future__ import annotations

from typing import NamedTuple

from django.db import connection

from cordially.invitations.models import StatusEvent
from cordially.rsvp.models import Answer


class Position(NamedTuple):
    """The newest status event and the newest answer that a page shows."""

    status: int
    answer: int

    def __str__(self) -> str:
        return f"s{self.status}-a{self.answer}"


def newest() -> Position:
    """Read it before the rows: then nothing can fall between the page and its live line."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT (SELECT MAX(id) FROM {StatusEvent._meta.db_table}), (SELECT MAX(id) FROM {Answer._meta.db_table})"
        )
        status, answer = cursor.fetchone() or (None, None)
    return Position(status or 0, answer or 0)
