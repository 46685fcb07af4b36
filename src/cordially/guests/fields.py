"""What a guest list has besides the columns that Cordially knows."""

from __future__ import annotations

from typing import Final

from django.db import connection

from cordially.events.models import Event

#: the database reads the keys: a long list is not brought here for them
_KEYS: Final = {
    "sqlite": (
        "SELECT DISTINCT field.key FROM guests_guest, json_each(guests_guest.fields) AS field"
        " WHERE guests_guest.event_id = %s AND json_type(guests_guest.fields) = 'object'"
    ),
    "postgresql": (
        "SELECT DISTINCT jsonb_object_keys(fields) FROM guests_guest"
        " WHERE event_id = %s AND jsonb_typeof(fields) = 'object'"
    ),
}


def columns(event: Event) -> list[str]:
    """Names of all further columns of an event's list, in alphabetical order: one query."""
    with connection.cursor() as cursor:
        cursor.execute(_KEYS[connection.vendor], [event.pk])
        return sorted(str(name) for (name,) in cursor.fetchall())
