"""What the host does with a list of guests: count, start, pause, cancel, try again.

Like `ledger.py`, each is one transaction of a few statements, whatever the size of the list.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Count, Exists, OuterRef, QuerySet, Subquery

from cordially.events.models import Event
from cordially.guests.models import Guest
from cordially.lib.clock import now as clock_now

from . import rendering
from .ledger import OPTED_OUT, log_all
from .lifecycle import LIVE, State
from .models import Campaign, CampaignState, Invitation, MessageTemplate, Sender, SenderState, Source
from .senders import content_of, current_sender, require_public_url, words_of

ALREADY_INVITED = "Already invited."
NO_NUMBER = "There is no number that a message can go to."


class CantStart(Exception):
    """Why no invitation can be sent; the message is for the host."""


class AudienceChanged(CantStart):
    """The list is not the one that was confirmed. `ready` is how many there are now."""

    def __init__(self, ready: int) -> None:
        super().__init__(f"The list changed: {ready} can be invited now.")
        self.ready = ready


@dataclass(frozen=True)
class Audience:
    """Who would be sent a message if Send were pressed now. chosen = ready + the sum of left_out."""

    chosen: int
    ready: int
    left_out: list[tuple[str, int]]
    problem: str = ""


def _live_elsewhere() -> Exists:
    return Exists(Invitation.objects.filter(guest=OuterRef("pk"), is_current=True, state__in=LIVE))


def _lacking(event: Event, guests: QuerySet[Guest], names: Sequence[str]) -> dict[int, str]:
    """Guest id -> the variables that stay empty, for those who lack one."""
    asked = [name for name in names if not rendering.always_filled(name, event)]
    if not asked:
        return {}
    lacking: dict[int, str] = {}
    for pk, fields in guests.values_list("pk", "fields").iterator(chunk_size=5000):
        if missing := [name for name in asked if not rendering.clean(fields.get(name, ""))]:
            lacking[pk] = ", ".join(missing)
    return lacking


def _problem(event: Event, names: Sequence[str]) -> str:
    """Why a text with these variables can't be sent to anybody of this event; empty when it can."""
    if "event_location" in names and not rendering.always_filled("event_location", event):
        return "The message names the place, and this event has none yet. Fill in the venue first."
    return ""


def audience(guests: QuerySet[Guest], template: MessageTemplate) -> Audience:
    """Count who is ready and who is left out, with the reason. Changes nothing."""
    first = guests.select_related("event").first()
    if first is None:
        return Audience(0, 0, [], "Nobody is selected.")
    event = first.event
    names = rendering.variables(words_of(template))
    plain = guests.order_by()
    chosen = plain.count()
    reachable = plain.filter(opted_out_at=None).exclude(phone="")
    free = reachable.filter(~_live_elsewhere())
    invited = reachable.filter(_live_elsewhere()).count()
    lacking = len(_lacking(event, free, names))
    opted_out = plain.exclude(phone="").exclude(opted_out_at=None).count()
    without = plain.filter(phone="").count()
    left_out = [
        ("no number that a message can go to", without),
        ("asked not to be written to", opted_out),
        ("already invited", invited),
        ("a word of the message would stay empty", lacking),
    ]
    ready = chosen - without - opted_out - invited - lacking
    return Audience(chosen, ready, [entry for entry in left_out if entry[1]], _problem(event, names))


@transaction.atomic
def start_campaign(
    event: Event,
    guests: QuerySet[Guest],
    *,
    template: MessageTemplate,
    name: str = "",
    by: User | None = None,
    confirmed: int | None = None,
    sender: Sender | None = None,
    now: dt.datetime | None = None,
) -> Campaign:
    """Freeze the audience and queue an invitation for everyone in it who can have one; skip the others.

    One transaction, a fixed number of statements. Raises CantStart; AudienceChanged when `confirmed` is given
    and is not the number of those who would be sent a message.
    """
    now = now or clock_now()
    # two presses on Send must see each other: on PostgreSQL the second waits here, on SQLite it already has
    Event.objects.select_for_update().get(pk=event.pk)
    sender = sender or current_sender()
    require_public_url()
    content = content_of(template, sender.account)
    if problem := _problem(event, content.variables):
        raise CantStart(problem)
    sender = Sender.objects.select_for_update().get(pk=sender.pk)
    campaign = Campaign.objects.create(
        event=event,
        sender=sender,
        template=template,
        name=name or f"Invitations of {now.astimezone(event.zone):%-d %B, %H:%M}",
        body=content.body,
        content_ref=content.ref,
        variables=content.variables,
        audience=0,
        created_by=by,
        created_at=now,
        changed_at=now,
    )
    chosen = guests.filter(event=event)
    lacking = _lacking(event, chosen, content.variables)
    _insert_invitations(campaign, chosen, sender.turn, now)
    _skip_lacking(campaign, lacking)
    _make_current(campaign)
    rows = Invitation.objects.filter(campaign=campaign)
    states = dict(rows.values_list("state").annotate(Count("id")).order_by())
    ready, total = states.get(State.QUEUED, 0), sum(states.values())
    if confirmed is not None and ready != confirmed:
        raise AudienceChanged(ready)
    if not ready:
        raise CantStart("Nobody of the selected guests can be invited now.")
    Campaign.objects.filter(pk=campaign.pk).update(audience=total)
    campaign.audience = total
    log_all(rows, Source.HOST, now)
    return campaign


def _insert_invitations(campaign: Campaign, guests: QuerySet[Guest], turn: int, now: dt.datetime) -> None:
    """One INSERT … SELECT: state and reason are decided by the database, row by row."""
    sql, params = guests.order_by().values("pk").query.sql_with_params()
    at = connection.ops.adapt_datetimefield_value(now)
    live = ", ".join(f"'{state.value}'" for state in sorted(LIVE))
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO invitations_invitation
              (campaign_id, guest_id, is_current, phone, state, turn, attempts, error_class, reason,
               queued_at, changed_at)
            SELECT %s, g.id, c.id IS NULL, g.phone,
                   CASE WHEN g.phone = '' OR g.opted_out_at IS NOT NULL OR c.state IN ({live})
                        THEN 'skipped' ELSE 'queued' END,
                   %s + ROW_NUMBER() OVER (ORDER BY g.id), 0, '',
                   CASE WHEN g.phone = '' THEN COALESCE(NULLIF(g.phone_note, ''), %s)
                        WHEN g.opted_out_at IS NOT NULL THEN %s
                        WHEN c.state IN ({live}) THEN %s ELSE '' END,
                   %s, %s
              FROM guests_guest g
              LEFT JOIN invitations_invitation c ON c.guest_id = g.id AND c.is_current
             WHERE g.id IN ({sql})
            """,
            [campaign.pk, turn, NO_NUMBER, OPTED_OUT, ALREADY_INVITED, at, at, *params],
        )


def _skip_lacking(campaign: Campaign, lacking: Mapping[int, str]) -> None:
    queued = Invitation.objects.filter(campaign=campaign, state=State.QUEUED)
    by_names: dict[str, list[int]] = {}
    for pk, names in lacking.items():
        by_names.setdefault(names, []).append(pk)
    for names, ids in by_names.items():
        for start in range(0, len(ids), 5000):
            queued.filter(guest__in=ids[start : start + 5000]).update(
                state=State.SKIPPED, reason=f"No value for “{names}” in this guest’s message."[:300]
            )


def _make_current(campaign: Campaign) -> None:
    """A new invitation replaces one that failed, was cancelled or left out; it never hides a live one."""
    mine = Invitation.objects.filter(campaign=campaign)
    replaced = Invitation.objects.filter(
        is_current=True, guest__in=mine.filter(is_current=False).values("guest")
    ).exclude(state__in=LIVE)
    if replaced.exclude(campaign=campaign).update(is_current=False):
        other = Invitation.objects.filter(guest=OuterRef("guest"), is_current=True)
        mine.filter(~Exists(other), is_current=False).update(is_current=True)


@transaction.atomic
def pause(campaign: Campaign, by: User | None = None, reason: str = "") -> bool:
    """Claim nothing more of it. What is in flight is settled."""
    return _switch(campaign.pk, CampaignState.RUNNING, CampaignState.PAUSED, reason or _by("Paused", by))


@transaction.atomic
def resume(campaign: Campaign, by: User | None = None) -> bool:
    """Go on exactly where it stopped."""
    return _switch(campaign.pk, CampaignState.PAUSED, CampaignState.RUNNING, "")


def _switch(campaign_id: int, old: CampaignState, new: CampaignState, reason: str) -> bool:
    rows = Campaign.objects.filter(pk=campaign_id, state=old)
    return bool(rows.update(state=new, paused_reason=reason[:300], changed_at=clock_now()))


def _by(what: str, by: User | None) -> str:
    return f"{what} by {by.get_username()}." if by else f"{what}."


@transaction.atomic
def cancel(campaign: Campaign, by: User | None = None) -> int:
    """Call back everything that still waits. What is in flight is settled, and not tried again."""
    now = clock_now()
    stopped = Campaign.objects.filter(
        pk=campaign.pk, state__in=[CampaignState.RUNNING, CampaignState.PAUSED]
    ).update(state=CampaignState.CANCELLED, paused_reason="", changed_at=now, finished_at=now)
    if not stopped:
        return 0
    waiting = Invitation.objects.filter(campaign=campaign, state=State.QUEUED)
    reason = _by("Cancelled", by)
    log_all(waiting, Source.HOST, now, status=State.CANCELLED, note=reason)
    return waiting.update(state=State.CANCELLED, due_at=None, reason=reason, changed_at=now)


@transaction.atomic
def retry(invitations: QuerySet[Invitation], by: User | None = None) -> int:
    """Queue the failed ones again, to the number that the guest has now. Returns how many.

    Left alone: whoever has no number any more, asked not to be written to, or was invited anew meanwhile;
    and campaigns that were cancelled.
    """
    now = clock_now()
    ids = list(
        invitations.filter(state=State.FAILED, is_current=True, guest__opted_out_at=None)
        .exclude(guest__phone="")
        .exclude(campaign__state=CampaignState.CANCELLED)
        .values_list("id", flat=True)
    )
    if not ids:
        return 0
    rows = Invitation.objects.filter(pk__in=ids)
    moved = rows.filter(state=State.FAILED).update(
        state=State.QUEUED,
        phone=Subquery(Guest.objects.filter(pk=OuterRef("guest")).values("phone")[:1]),
        # behind what was sent last, before what still waits: a person asked for these by hand
        turn=Subquery(Sender.objects.filter(campaigns=OuterRef("campaign")).values("turn")[:1]) + 1,
        due_at=None,
        look_at=None,
        code=None,
        error_class="",
        reason="",
        queued_at=now,
        changed_at=now,
    )
    log_all(rows.filter(state=State.QUEUED), Source.HOST, now, note=_by("Retried", by))
    Campaign.objects.filter(invitations__in=ids, state=CampaignState.FINISHED).update(
        state=CampaignState.RUNNING, finished_at=None, changed_at=now
    )
    return moved


@transaction.atomic
def resume_sender(sender: Sender) -> bool:
    """The fault is mended: go on. Nobody failed meanwhile."""
    return bool(
        Sender.objects.filter(pk=sender.pk, state=SenderState.PAUSED).update(
            state=SenderState.ACTIVE, paused_at=None, paused_code=None, paused_reason="", held_until=None
        )
    )


def counts(campaign: Campaign) -> dict[State, int]:
    """How many invitations are in each state; every state is a key, and the sum is the audience."""
    return _counts(Invitation.objects.filter(campaign=campaign))


def event_counts(event: Event) -> dict[State, int]:
    """The same over what is current for the guests of an event."""
    return _counts(Invitation.objects.filter(guest__event=event, is_current=True))


def _counts(rows: QuerySet[Invitation]) -> dict[State, int]:
    found = dict(rows.order_by().values_list("state").annotate(Count("id")))
    return {state: found.get(state.value, 0) for state in State}
