"""How people come into a team, change their part in it, and leave."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from cordially.events.models import Event

from .models import JoinLink, Membership, Role

#: how long a link is good
GOOD_FOR = dt.timedelta(days=7)
#: links of an event that can be open at a time
MOST_OPEN = 50


class CantChange(Exception):
    """Nothing was changed; the message says why, and what to do."""


class LinkIsOver(CantChange):
    """The link was used, taken back, or is too old."""


@dataclass(frozen=True, slots=True)
class NewLink:
    """A link that was just made; the token is not kept anywhere."""

    link: JoinLink
    token: str


def own(event: Event, user: User | None) -> Membership | None:
    """Whoever makes an event owns it. They may send for it if they may send for another one.

    Who runs the installation needs no part in it.
    """
    if user is None or user.is_superuser:
        return None
    can_send = Membership.objects.filter(user=user, can_send=True).exists()
    return Membership.objects.create(event=event, user=user, role=Role.OWNER, can_send=can_send)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def make_link(event: Event, role: Role, *, can_send: bool, note: str, by: User | None) -> NewLink:
    """A link for one person, good for `GOOD_FOR`. Raises CantChange."""
    open_ = open_links(event).count()
    if open_ >= MOST_OPEN:
        raise CantChange(
            _("%(n)s links are open. Take back those that nobody needs any more.") % {"n": open_}
        )
    token = secrets.token_urlsafe(24)
    link = JoinLink.objects.create(
        event=event,
        role=role,
        can_send=can_send,
        note=note,
        digest=_digest(token),
        made_by=by,
        expires_at=timezone.now() + GOOD_FOR,
    )
    return NewLink(link, token)


def open_links(event: Event) -> QuerySet[JoinLink]:
    """Links that still bring somebody in."""
    return JoinLink.objects.filter(event=event, used_at=None, expires_at__gt=timezone.now())


def find_link(token: str) -> JoinLink:
    """The link, if it still brings somebody in. Raises LinkIsOver."""
    link = (
        JoinLink.objects.select_related("event", "made_by")
        .filter(digest=_digest(token), used_at=None, expires_at__gt=timezone.now())
        .first()
    )
    if link is None:
        raise LinkIsOver(_("This link is over: it was used, taken back, or is older than a week."))
    return link


@transaction.atomic
def join(token: str, user: User) -> Membership:
    """Make this person a member, once. Who is one already keeps the part they have. Raises LinkIsOver."""
    find_link(token)
    taken = JoinLink.objects.filter(digest=_digest(token), used_at=None).update(
        used_at=timezone.now(), used_by=user
    )
    if not taken:
        raise LinkIsOver(_("This link is over: it was used a moment ago."))
    link = JoinLink.objects.get(digest=_digest(token))
    part, _made = Membership.objects.get_or_create(
        event=link.event, user=user, defaults={"role": link.role, "can_send": link.can_send}
    )
    return part


@transaction.atomic
def change(member: Membership, role: Role, *, can_send: bool) -> bool:
    """Another part. False when it was so already. Raises CantChange when nobody would own the event."""
    locked = _locked(member)
    if locked.role == Role.OWNER and role != Role.OWNER:
        _keep_an_owner(locked)
    if (locked.role, locked.can_send) == (role, can_send):
        return False
    locked.role, locked.can_send = role, can_send
    locked.save(update_fields=["role", "can_send"])
    if role != Role.OWNER:
        _take_back_links(locked)
    return True


@transaction.atomic
def remove(member: Membership) -> None:
    """They don't see the event any more. Raises CantChange when nobody would own the event."""
    locked = _locked(member)
    if locked.role == Role.OWNER:
        _keep_an_owner(locked)
    _take_back_links(locked)
    locked.delete()


def _locked(member: Membership) -> Membership:
    """With all others of the event, so that two owners can't take each other's place at once."""
    everybody = list(Membership.objects.select_for_update().filter(event=member.event).order_by("pk"))
    for each in everybody:
        if each.pk == member.pk:
            return each
    raise CantChange(_("They are not in the team any more."))


def _take_back_links(member: Membership) -> None:
    """Who owns the event no more has no way back in, nor lets others in."""
    open_links(member.event).filter(made_by=member.user).delete()


def _keep_an_owner(member: Membership) -> None:
    others = Membership.objects.filter(event=member.event, role=Role.OWNER).exclude(pk=member.pk)
    if not others.exists():
        raise CantChange(_("An event needs an owner. Make somebody else an owner first."))
