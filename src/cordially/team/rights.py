"""What somebody may do with an event.

Whoever runs the installation (Django's superuser, which the printed address signs in) may do everything.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.db.models import QuerySet

from cordially.events.models import Event

from .models import Membership, Role


class Right(StrEnum):
    """See an event, change it, send its invitations, decide who is in its team."""

    SEE = "see"
    EDIT = "edit"
    SEND = "send"
    OWN = "own"


@dataclass(frozen=True, slots=True)
class Rights:
    """Each is a right of its own in the pages; `see` is what all others need."""

    see: bool = False
    edit: bool = False
    send: bool = False
    own: bool = False

    def __contains__(self, right: Right) -> bool:
        return bool(getattr(self, right.value))


NONE = Rights()
ALL = Rights(True, True, True, True)

AnyUser = AbstractBaseUser | AnonymousUser


def _runs_everything(user: AnyUser) -> bool:
    return isinstance(user, User) and user.is_active and user.is_superuser


def rights_of(user: AnyUser, event: Event) -> Rights:
    """One query at most."""
    if _runs_everything(user):
        return ALL
    if not isinstance(user, User) or not user.is_active:
        return NONE
    found = Membership.objects.filter(event=event, user=user).first()
    return rights_in(found) if found else NONE


def rights_in(part: Membership) -> Rights:
    """What this part allows."""
    return Rights(
        see=True,
        edit=part.role in (Role.OWNER, Role.EDITOR),
        send=part.can_send,
        own=part.role == Role.OWNER,
    )


def seen_by(user: AnyUser, events: QuerySet[Event]) -> QuerySet[Event]:
    """Those of the events that this person may see."""
    if _runs_everything(user):
        return events
    if not isinstance(user, User) or not user.is_active:
        return events.none()
    return events.filter(pk__in=Membership.objects.filter(user=user).values("event"))


def runs_installation(user: AnyUser) -> bool:
    """Whether this person may change what all events share, like accounts at Twilio and prices."""
    return _runs_everything(user)


def may_make_events(user: AnyUser) -> bool:
    """Who runs the installation, and who owns an event already. Nobody else: sending costs money."""
    if _runs_everything(user):
        return True
    return isinstance(user, User) and Membership.objects.filter(user=user, role=Role.OWNER).exists()


def owners_of(event: Event) -> Iterable[str]:
    """Names of those who may give more rights."""
    found = Membership.objects.filter(event=event, role=Role.OWNER).select_related("user")
    return [member.name for member in found]
