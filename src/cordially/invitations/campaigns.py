"""What the host does with a list of guests: count, start, pause, cancel, try again.

Like `ledger.py`, each is one transaction of a few statements, whatever the size of the list.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Count, Exists, F, Min, OuterRef, Q, QuerySet, Subquery

from cordially.events.models import Event
from cordially.guests.models import Guest
from cordially.lib.clock import now as clock_now

from . import rendering
from .ledger import CANCELLED, OPTED_OUT, call_back, log_all
from .lifecycle import LIVE, OPEN, State
from .models import Campaign, CampaignState, Invitation, MessageTemplate, Sender, SenderState, Source
from .senders import content_of, current_sender, require_public_url, words_of

ALREADY_INVITED = "Already invited."
UNDER_WAY = "A message to this guest is still under way."
NO_NUMBER = "There is no number that a message can go to."
#: what messages are for unless somebody says otherwise
INVITATION = "invitation"
PURPOSES = {
    INVITATION: "Invitation",
    "reminder": "Reminder",
    "save_the_date": "Save the date",
    "update": "Update",
    "thanks": "Thanks",
}


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


def _held_back(purpose: str, again: bool) -> Exists:
    """Whether a guest has a message of this purpose, arrived or on its way; with `again`, one under way."""
    earlier = Invitation.objects.filter(guest=OuterRef("pk"))
    if again:  # no wish of the host's sends one beside another that isn't settled yet
        return Exists(earlier.filter(state__in=OPEN))
    return Exists(earlier.filter(campaign__purpose=purpose, state__in=LIVE))


def invitable(guests: QuerySet[Guest], *, purpose: str = INVITATION, again: bool = False) -> QuerySet[Guest]:
    """Those of them whom a message of this purpose can go to now."""
    return guests.filter(~_held_back(purpose, again), opted_out_at=None).exclude(phone="")


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


def _already(purpose: str) -> str:
    return "already invited" if purpose == INVITATION else f"had one already: {_name(purpose).lower()}"


def _name(purpose: str) -> str:
    return PURPOSES.get(purpose, purpose)


def audience(
    guests: QuerySet[Guest], template: MessageTemplate, *, purpose: str = INVITATION, again: bool = False
) -> Audience:
    """Count who is ready and who is left out, with the reason. Changes nothing.

    `again`: also those who had a message of this purpose before.
    """
    first = guests.select_related("event").first()
    if first is None:
        return Audience(0, 0, [], "Nobody is selected.")
    event = first.event
    names = rendering.variables(words_of(template))
    plain = guests.order_by()
    chosen = plain.count()
    reachable = plain.filter(opted_out_at=None).exclude(phone="")
    held_back = _held_back(purpose, again)
    free = reachable.filter(~held_back)
    invited = reachable.filter(held_back).count()
    lacking = len(_lacking(event, free, names))
    opted_out = plain.exclude(phone="").exclude(opted_out_at=None).count()
    without = plain.filter(phone="").count()
    left_out = [
        ("no number that a message can go to", without),
        ("asked not to be written to", opted_out),
        ("with a message that is still under way" if again else _already(purpose), invited),
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
    purpose: str = INVITATION,
    again: bool = False,
    latest: int | None = None,
    now: dt.datetime | None = None,
) -> Campaign:
    """Freeze the audience and queue an invitation for everyone in it who can have one; skip the others.

    Nobody gets a second message for the same purpose, unless `again` says so; and nobody gets one while
    another is still under way. One transaction, a fixed number of statements. Raises CantStart;
    AudienceChanged when `confirmed` is given and is not the number of those who would be sent a message, or
    when `latest`, the event's newest campaign (0 for none) that the host knew of, is not the newest any more.
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
        name=name
        or f"{'Invitations' if purpose == INVITATION else _name(purpose)} of {now.astimezone(event.zone):%-d %B, %H:%M}",
        body=content.body,
        content_ref=content.ref,
        variables=content.variables,
        event_values=rendering.event_values(event, event.language),
        purpose=purpose,
        audience=0,
        created_by=by,
        created_at=now,
        changed_at=now,
    )
    chosen = guests.filter(event=event)
    lacking = _lacking(event, chosen, content.variables)
    _insert_invitations(campaign, chosen, sender.turn, again, now)
    _skip_lacking(campaign, lacking)
    _make_current(campaign)
    rows = Invitation.objects.filter(campaign=campaign)
    states = dict(rows.values_list("state").annotate(Count("id")).order_by())
    ready, total = states.get(State.QUEUED, 0), sum(states.values())
    older = Campaign.objects.filter(event=event).exclude(pk=campaign.pk)
    overtaken = again and latest is not None and older.filter(pk__gt=latest).exists()
    if overtaken or (confirmed is not None and ready != confirmed):
        raise AudienceChanged(ready)
    if not ready:
        raise CantStart("Nobody of the selected guests can be invited now.")
    Campaign.objects.filter(pk=campaign.pk).update(audience=total)
    campaign.audience = total
    log_all(rows, Source.HOST, now)
    return campaign


def _insert_invitations(
    campaign: Campaign, guests: QuerySet[Guest], turn: int, again: bool, now: dt.datetime
) -> None:
    """One INSERT … SELECT: state and reason are decided by the database, row by row."""
    sql, params = guests.order_by().values("pk").query.sql_with_params()
    at = connection.ops.adapt_datetimefield_value(now)
    purposes, states = ("", OPEN) if again else ("AND lc.purpose = %s", LIVE)
    held_back = f"""
        SELECT DISTINCT l.guest_id FROM invitations_invitation l
          JOIN invitations_campaign lc ON lc.id = l.campaign_id {purposes}
         WHERE l.state IN ({", ".join(f"'{state.value}'" for state in sorted(states))})
           AND lc.event_id = %s
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO invitations_invitation
              (campaign_id, guest_id, is_current, phone, state, turn, attempts, tries, error_class, reason,
               queued_at, changed_at)
            SELECT %s, g.id, c.id IS NULL, g.phone,
                   CASE WHEN g.phone = '' OR g.opted_out_at IS NOT NULL OR h.guest_id IS NOT NULL
                        THEN 'skipped' ELSE 'queued' END,
                   %s + ROW_NUMBER() OVER (ORDER BY g.id), 0, 0, '',
                   CASE WHEN g.phone = '' THEN COALESCE(NULLIF(g.phone_note, ''), %s)
                        WHEN g.opted_out_at IS NOT NULL THEN %s
                        WHEN h.guest_id IS NOT NULL THEN %s ELSE '' END,
                   %s, %s
              FROM guests_guest g
              LEFT JOIN invitations_invitation c ON c.guest_id = g.id AND c.is_current
              LEFT JOIN ({held_back}) h ON h.guest_id = g.id
             WHERE g.id IN ({sql})
            """,
            [
                *(campaign.pk, turn, NO_NUMBER, OPTED_OUT, UNDER_WAY if again else ALREADY_INVITED, at, at),
                *([] if again else [campaign.purpose]),
                campaign.event_id,
                *params,
            ],
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
    """What is sent now replaces what was before; what is left out never hides a live one."""
    mine = Invitation.objects.filter(campaign=campaign)
    queued, left_out = (mine.filter(is_current=False, state=state) for state in (State.QUEUED, State.SKIPPED))
    replaced = Invitation.objects.filter(is_current=True).filter(
        Q(guest__in=queued.values("guest")) | Q(guest__in=left_out.values("guest")) & ~Q(state__in=LIVE)
    )
    if replaced.exclude(campaign=campaign).update(is_current=False):
        other = Invitation.objects.filter(guest=OuterRef("guest"), is_current=True)
        mine.filter(~Exists(other), is_current=False).update(is_current=True)


@transaction.atomic
def pause(campaign: Campaign, by: User | None = None, reason: str = "") -> bool:
    """Claim nothing more of it. What is in flight is settled."""
    return _switch(campaign.pk, CampaignState.RUNNING, CampaignState.PAUSED, reason or _by("Paused", by))


@transaction.atomic
def resume(campaign: Campaign, by: User | None = None) -> bool:
    """Go on exactly where it stopped. Who meets the same fault again may fail alone."""
    row = Campaign.objects.select_for_update(of=("self",)).select_related("sender").get(pk=campaign.pk)
    _queue_up_again(row)
    Campaign.objects.filter(pk=row.pk).update(
        resumed_past=_with(row.resumed_past, row.paused_code), paused_code=None
    )
    return _switch(campaign.pk, CampaignState.PAUSED, CampaignState.RUNNING, "")


def _queue_up_again(campaign: Campaign) -> None:
    """Others had their turns meanwhile: it shares with them from here on, and does not catch up alone."""
    waiting = Invitation.objects.filter(campaign=campaign, state=State.QUEUED)
    first = waiting.aggregate(first=Min("turn"))["first"]
    if first is not None and first <= campaign.sender.turn:
        waiting.update(turn=F("turn") + (campaign.sender.turn + 1 - first))


def _with(codes: list[int], code: int | None) -> list[int]:
    return codes if code is None or code in codes else [*codes, code]


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
    return call_back(campaign.pk, f"Cancelled by {by.get_username()}." if by else CANCELLED, now)


@transaction.atomic
def retry(invitations: QuerySet[Invitation], by: User | None = None) -> int:
    """Queue the failed ones again, to the number that the guest has now. Returns how many.

    Left alone: whoever has no number any more, asked not to be written to, or was invited anew meanwhile;
    and campaigns that were cancelled.
    """
    now = clock_now()
    # Send and Try again must see each other, as two presses on Send do
    events = Event.objects.filter(campaigns__invitations__in=invitations.order_by().values("pk")).distinct()
    list(
        Event.objects.select_for_update()
        .filter(pk__in=list(events.values_list("pk", flat=True)))
        .order_by("pk")
    )
    wanted = (
        invitations.filter(is_current=True, guest__opted_out_at=None)
        .exclude(guest__phone="")
        .exclude(campaign__state=CampaignState.CANCELLED)
    )
    touched = list(wanted.order_by().values_list("campaign", flat=True).distinct())
    rows = Invitation.objects.filter(pk__in=wanted.order_by().values("pk"))
    moved = rows.filter(state=State.FAILED).update(
        state=State.QUEUED,
        tries=0,
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
    if not moved:
        return 0
    queued = Invitation.objects.filter(
        campaign__in=touched, state=State.QUEUED, queued_at=now, changed_at=now
    )
    log_all(queued, Source.HOST, now, note=_by("Retried", by))
    Campaign.objects.filter(pk__in=queued.values("campaign"), state=CampaignState.FINISHED).update(
        state=CampaignState.RUNNING, finished_at=None, changed_at=now
    )
    return moved


@transaction.atomic
def resume_sender(sender: Sender) -> bool:
    """The fault is mended: go on. Nobody failed meanwhile; who meets it again may fail alone."""
    row = Sender.objects.select_for_update().get(pk=sender.pk)
    return bool(
        Sender.objects.filter(pk=sender.pk, state=SenderState.PAUSED).update(
            state=SenderState.ACTIVE,
            paused_at=None,
            paused_code=None,
            paused_reason="",
            held_until=None,
            resumed_past=_with(row.resumed_past, row.paused_code),
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
