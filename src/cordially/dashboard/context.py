"""What the frame round every page needs."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from cordially.events.look import look
from cordially.invitations.senders import known_sender
from cordially.team.rights import NONE


def shell(request: HttpRequest) -> dict[str, Any]:
    """The event of the page, its stationery, and how the sender is. Nothing outside the host's pages."""
    event = getattr(request, "cordially_event", None)
    if event is None:
        return {}
    days = (event.starts_local.date() - timezone.localtime(timezone=event.zone).date()).days
    return {
        "event": event,
        "paper": look(event),
        "days_to_go": days,
        "shell_sender": known_sender(event),
        "may": getattr(request, "cordially_rights", NONE),
    }
