"""The event as an iCalendar file (RFC 5545)."""

from __future__ import annotations

import datetime as dt

from cordially.events.models import Event

_STAMP = "%Y%m%dT%H%M%SZ"


def calendar_file(event: Event, now: dt.datetime) -> bytes:
    """One event, in UTC. It has no end, as we know none, and no link of the guest, as calendars are shared."""
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Cordially//Invitation//EN",
        "METHOD:PUBLISH",
        "BEGIN:VEVENT",
        # the same on every download, so that a calendar moves its entry instead of adding a second
        f"UID:{event.slug}-{_utc(event.created_at)}@cordially",
        f"DTSTAMP:{_utc(now)}",
        f"DTSTART:{_utc(event.starts_at)}",
        f"SUMMARY:{_escaped(event.name)}",
        *([f"LOCATION:{_escaped(event.venue)}"] if event.venue else []),
        "END:VEVENT",
        "END:VCALENDAR",
    ]
    return b"".join(_folded(line) + b"\r\n" for line in lines)


def _utc(instant: dt.datetime) -> str:
    return instant.astimezone(dt.UTC).strftime(_STAMP)


def _escaped(text: str) -> str:
    text = text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    return "\\n".join(text.splitlines())


def _folded(line: str) -> bytes:
    """Lines of at most 75 octets, cut between characters; the next begins with a space."""
    parts, current = [], b""
    for character in line:
        encoded = character.encode("utf-8", "replace")
        if len(current) + len(encoded) > 75:
            parts.append(current)
            current = b" "
        current += encoded
    return b"\r\n".join([*parts, current])
