"""What the host does with a list of guests: count, start, pause, cancel, try again.

Like `ledger.py`, each is one transaction of a few statements, whatever the size of the list.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.utils import formats
from django.utils.translation import gettext_lazy

from cordially.events.models import Event
from cordially.guests.models import Guest
from cordially.lib.clock import now as clock_now
from cordially.lib.marking import noop

from . import comparing, flightcheck, hours
from .flightcheck import INVITATION as INVITATION
from .flightcheck import PURPOSES as PURPOSES
from .flightcheck import Report
from .ledger import CANCELLED, OPTED_OUT, call_back, log_all, queue_up_again
from .lifecycle import LIVE, OPEN, State
from .models import (
    Campaign,
    CampaignState,
    CampaignText,
    Invitation,
    MessageTemplate,
    Sender,
    SenderState,
    Source,
)
from .senders import require_public_url, sender_for

ALREADY_INVITED = noop("Already invited.")
IN_PERSON = noop("Invited in person.")
UNDER_WAY = noop("A message to this guest is still under way.")
NO_NUMBER = noop("There is no number that a message can go to.")
#: times that a list is read again which changes while Send is being pressed
_LOOKS = 3


class CantStart(Exception):
    """Why no invitation can be sent; the message is for the host."""


class CantResume(Exception):
    """Why a sender can't go on yet; the message is for the host."""


class NobodyReady(CantStart):
    """Everybody who was chosen is left out."""


class AudienceChanged(CantStart):
    """The list is not the one that was confirmed. `ready` is how many there are now."""

    def __init__(self, ready: int) -> None:
        super().__init__(noop("The list changed: {ready} can be invited now.").format(ready=ready))
        self.ready = ready


def start_campaign(
    event: Event,
    guests: QuerySet[Guest],
    *,
    template: MessageTemplate,
    name: str = "",
    by: User | None = None,
    confirmed: int | None = None,
    fingerprint: str = "",
    sender: Sender | None = None,
    purpose: str = INVITATION,
    again: bool = False,
    otherwise: bool = False,
    latest: int | None = None,
    starts_at: dt.datetime | None = None,
    now: dt.datetime | None = None,
) -> Campaign:
    """Freeze the audience and queue a message for everyone in it who can have one; skip the others.

    Nobody gets a second message for the same purpose, unless `again` says so; and nobody gets one while
    another is still under way. `otherwise`: who can't have this template gets the one that ships.
    `starts_at`: nothing leaves before this instant; none, or one that has passed, is at once.

    Every message is written out and read first; then one transaction of a fixed number of statements, which
    holds only if nothing changed meanwhile. Raises CantStart; AudienceChanged when `confirmed` or
    `fingerprint` is given and is not what a check finds now, or when `latest`, the event's newest campaign
    (0 for none) that the host knew of, is not the newest any more.
    """
    sender = sender or sender_for(event)
    require_public_url(sender.account)
    chosen = guests.filter(event=event)
    for _ in range(_LOOKS):
        report = flightcheck.check(
            event, chosen, template, account=sender.account, purpose=purpose, again=again, otherwise=otherwise
        )
        if report.problem:
            raise CantStart(report.problem)
        if (confirmed is not None and report.ready != confirmed) or fingerprint not in (
            "",
            report.fingerprint,
        ):
            raise AudienceChanged(report.ready)
        if not report.ready:
            raise NobodyReady(noop("Nobody of the selected guests can be invited now."))
        try:
            return _start(report, chosen, sender, name, by, purpose, again, otherwise, latest, starts_at, now)
        except _Moved:
            continue
    raise AudienceChanged(report.ready)


class _Moved(Exception):
    """The list changed between the check and the transaction."""


@transaction.atomic
def _start(
    report: Report,
    chosen: QuerySet[Guest],
    sender: Sender,
    name: str,
    by: User | None,
    purpose: str,
    again: bool,
    otherwise: bool,
    latest: int | None,
    starts_at: dt.datetime | None,
    given: dt.datetime | None,
) -> Campaign:
    # two presses on Send must see each other: on PostgreSQL the second waits here, on SQLite it already has.
    # The lock also keeps newcomers out: a new guest's row points to this one
    event = Event.objects.select_for_update().get(pk=report.event.pk)
    template = MessageTemplate.objects.get(pk=report.template.pk)
    plan = flightcheck.Plan(event, template, account=sender.account, otherwise=otherwise)
    if plan.problem:
        raise CantStart(plan.problem)
    _keep_still(chosen)
    if flightcheck.fingerprint(chosen, plan, purpose=purpose, again=again) != report.fingerprint:
        raise _Moved
    if latest is not None and again and event.campaigns.filter(pk__gt=latest).exists():
        raise AudienceChanged(report.ready)
    sender = Sender.objects.select_for_update().get(pk=sender.pk)
    # a long list was read meanwhile, and the quiet hours may have begun
    now = given or clock_now()
    campaign = Campaign.objects.create(
        event=event,
        sender=sender,
        template=template,
        name=name or _name(purpose, now.astimezone(event.zone)),
        purpose=purpose,
        audience=report.chosen,
        created_by=by,
        state=CampaignState.SCHEDULED if starts_at and starts_at > now else CampaignState.RUNNING,
        starts_at=starts_at,
        created_at=now,
        changed_at=now,
    )
    if hours.heed(campaign.pk, now):
        campaign.refresh_from_db(fields=["quiet_until", "changed_at"])
    _insert_invitations(campaign, chosen, sender.turn, again, now)
    _give_texts(campaign, plan, report)
    for finding in report.reasons:
        if sentence := flightcheck.reason(finding):
            _skip(campaign, finding.ids, sentence)
    _make_current(campaign)
    log_all(Invitation.objects.filter(campaign=campaign), Source.HOST, now)
    return campaign


def _keep_still(guests: QuerySet[Guest]) -> None:
    """What was checked stays as it is until it is queued. On SQLite nobody else writes meanwhile anyway."""
    if connection.features.has_select_for_update:
        rows = Guest.objects.filter(pk__in=guests.order_by().values("pk")).order_by("pk")
        list(rows.select_for_update(no_key=True).values_list("pk", flat=True))


#: what a campaign is called that the host gave no name
_NAMES = {
    INVITATION: gettext_lazy("Invitations of {moment}"),
    "reminder": gettext_lazy("Reminder of {moment}"),
    "save_the_date": gettext_lazy("Save the date of {moment}"),
    "update": gettext_lazy("Update of {moment}"),
    "thanks": gettext_lazy("Thanks of {moment}"),
}


def _name(purpose: str, at: dt.datetime) -> str:
    """In the language of the host who starts it: from then on it is a title like any other."""
    name = str(_NAMES.get(purpose, f"{purpose} of {{moment}}"))
    return name.format(moment=formats.date_format(at, "j F, H:i"))


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
    in_person = "g.in_person_at IS NOT NULL" if campaign.purpose == INVITATION and not again else "1 = 0"
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO invitations_invitation
              (campaign_id, guest_id, is_current, text, phone, state, turn, attempts, tries, error_class,
               reason, queued_at, changed_at)
            SELECT %s, g.id, c.id IS NULL, '', g.phone,
                   CASE WHEN g.phone = '' OR g.opted_out_at IS NOT NULL OR {in_person} OR h.guest_id IS NOT NULL
                        THEN 'skipped' ELSE 'queued' END,
                   %s + ROW_NUMBER() OVER (ORDER BY g.id), 0, 0, '',
                   CASE WHEN g.phone = '' THEN COALESCE(NULLIF(g.phone_note, ''), %s)
                        WHEN g.opted_out_at IS NOT NULL THEN %s
                        WHEN {in_person} THEN %s
                        WHEN h.guest_id IS NOT NULL THEN %s ELSE '' END,
                   %s, %s
              FROM guests_guest g
              LEFT JOIN invitations_invitation c ON c.guest_id = g.id AND c.is_current
              LEFT JOIN ({held_back}) h ON h.guest_id = g.id
             WHERE g.id IN ({sql})
            """,
            [
                *(
                    campaign.pk,
                    turn,
                    NO_NUMBER,
                    OPTED_OUT,
                    IN_PERSON,
                    UNDER_WAY if again else ALREADY_INVITED,
                    at,
                    at,
                ),
                *([] if again else [campaign.purpose]),
                campaign.event_id,
                *params,
            ],
        )


def _give_texts(campaign: Campaign, plan: flightcheck.Plan, report: Report) -> None:
    """Freeze the texts, and say who reads which: by language, then those who read another one."""
    mine = Invitation.objects.filter(campaign=campaign)
    by_key: dict[str, list[str]] = {}
    # not by the choice itself: whom it finds may hang on what was queued just now
    for language in mine.order_by().values_list("guest__language", flat=True).distinct():
        by_key.setdefault(plan.key_for(language), []).append(language)
    read = {*filter(None, by_key), *report.moved.values()}
    CampaignText.objects.bulk_create(
        CampaignText(
            campaign=campaign,
            key=text.key,
            language=text.language,
            **CampaignText.columns(text.components),
            content_ref=text.version.ref,
            variables=text.version.variables,
            event_values=text.shared,
        )
        for key, text in plan.every.items()
        if key in read
    )
    for key, spoken in by_key.items():
        mine.filter(guest__language__in=spoken).update(text=key)
    moved: dict[str, list[int]] = {}
    for pk, key in report.moved.items():
        moved.setdefault(key, []).append(pk)
    for key, ids in moved.items():
        for some in _in_lots(ids):
            mine.filter(guest__in=some).update(text=key)


def _skip(campaign: Campaign, ids: Sequence[int], reason: str) -> None:
    queued = Invitation.objects.filter(campaign=campaign, state=State.QUEUED)
    for some in _in_lots(ids):
        queued.filter(guest__in=some).update(state=State.SKIPPED, reason=reason[:300])


def _in_lots(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    """As many as a statement may name."""
    return (ids[start : start + 5000] for start in range(0, len(ids), 5000))


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
    return _switch(
        campaign.pk,
        CampaignState.RUNNING,
        CampaignState.PAUSED,
        reason or (noop("Paused by {name}.").format(name=by.get_username()) if by else noop("Paused.")),
    )


@transaction.atomic
def resume(campaign: Campaign, by: User | None = None) -> bool:
    """Go on exactly where it stopped. Who meets the same fault again may fail alone."""
    row = Campaign.objects.select_for_update(of=("self",)).select_related("sender").get(pk=campaign.pk)
    queue_up_again(row)
    Campaign.objects.filter(pk=row.pk).update(
        resumed_past=_with(row.resumed_past, row.paused_code), paused_code=None
    )
    return _switch(campaign.pk, CampaignState.PAUSED, CampaignState.RUNNING, "")


@transaction.atomic
def reschedule(campaign: Campaign, starts_at: dt.datetime) -> bool:
    """Another time for a campaign that waits for its own. False when it doesn't wait any more."""
    waiting = Campaign.objects.filter(pk=campaign.pk, state=CampaignState.SCHEDULED)
    return bool(waiting.update(starts_at=starts_at, changed_at=clock_now()))


def _with(codes: list[int], code: int | None) -> list[int]:
    return codes if code is None or code in codes else [*codes, code]


def _switch(campaign_id: int, old: CampaignState, new: CampaignState, reason: str) -> bool:
    rows = Campaign.objects.filter(pk=campaign_id, state=old)
    return bool(rows.update(state=new, paused_reason=reason[:300], changed_at=clock_now()))


@transaction.atomic
def cancel(campaign: Campaign, by: User | None = None) -> int:
    """Call back everything that still waits. What is in flight is settled, and not tried again."""
    now = clock_now()
    stopped = Campaign.objects.filter(
        pk=campaign.pk, state__in=[CampaignState.SCHEDULED, CampaignState.RUNNING, CampaignState.PAUSED]
    ).update(state=CampaignState.CANCELLED, paused_reason="", changed_at=now, finished_at=now)
    if not stopped:
        return 0
    return call_back(
        campaign.pk,
        noop("Cancelled by {name}.").format(name=by.get_username()) if by else CANCELLED,
        now,
    )


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
        # of a message that was only found at Twilio nobody knows how to send it
        .exclude(campaign__texts__content_ref="")
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
    log_all(
        queued,
        Source.HOST,
        now,
        note=noop("Retried by {name}.").format(name=by.get_username()) if by else noop("Retried."),
    )
    Campaign.objects.filter(pk__in=queued.values("campaign"), state=CampaignState.FINISHED).update(
        state=CampaignState.RUNNING, finished_at=None, changed_at=now
    )
    for campaign_id in touched:
        hours.heed(campaign_id, now)
    return moved


@transaction.atomic
def resume_sender(sender: Sender) -> bool:
    """The fault is mended: go on. Nobody failed meanwhile; who meets it again may fail alone.

    Raises CantResume while its account is compared with a copy that was brought back.
    """
    if comparing.pending(sender.account):
        raise CantResume(comparing.COMPARING)
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


@dataclass(frozen=True, slots=True)
class Tally:
    """How many invitations of an event stand where, counted once for everything that a page says of them."""

    #: by the key of the campaign and the state
    of_campaigns: Counter[tuple[int, State]]
    #: of those that are current for their guests
    current: Counter[State]

    def of(self, campaign: Campaign) -> dict[State, int]:
        """What `counts` says of the campaign."""
        return {state: self.of_campaigns[campaign.pk, state] for state in State}


def tally(event: Event) -> Tally:
    """Of all its campaigns, in two queries: the index alone answers the second."""
    campaigns = list(event.campaigns.values_list("pk", flat=True))
    rows = Invitation.objects.filter(campaign__in=campaigns).order_by()
    of_campaigns: Counter[tuple[int, State]] = Counter()
    current: Counter[State] = Counter()
    for campaign, state, is_current, n in rows.values_list("campaign", "state", "is_current").annotate(
        n=Count("pk")
    ):
        of_campaigns[campaign, State(state)] += n
        if is_current:
            current[State(state)] += n
    return Tally(of_campaigns, current)


def event_counts(event: Event) -> dict[State, int]:
    """The same over what is current for the guests of an event."""
    return _counts(Invitation.objects.filter(guest__event=event, is_current=True))


def _counts(rows: QuerySet[Invitation]) -> dict[State, int]:
    found = dict(rows.order_by().values_list("state").annotate(Count("id")))
    return {state: found.get(state.value, 0) for state in State}
