"""The few statements that move invitations once they are queued: lease, claim, record.

Every move is one conditional UPDATE that names its columns and counts its rows, and writes one StatusEvent in
the same transaction. Times are instants (aware, UTC). What the host does is in `campaigns.py`.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, F, Min, OuterRef, Q, QuerySet

from cordially.lib.marking import noop
from cordially.providers.errors import ErrorClass, Fault
from cordially.templating.variables import RECIPIENT_COLUMNS, Recipient

from . import trials
from .attempts import Attempt
from .lifecycle import OPEN, State
from .models import (
    Account,
    Campaign,
    CampaignState,
    FormerMessage,
    Invitation,
    Sender,
    SenderState,
    Source,
    StatusEvent,
    UnmatchedCallback,
)
from .news import News, Row, apply, fits

logger = logging.getLogger(__name__)

OPTED_OUT = noop("Asked not to be written to.")
UNSURE_REASON = noop("The line broke while sending. Asking Twilio before anything is sent again.")
SLOW_REASON = noop("Twilio took too long to answer. Asking Twilio before anything is sent again.")
ERROR_REASON = noop("Twilio answered with an error. Asking Twilio before anything is sent again.")
STOPPED_REASON = noop("Sending was interrupted. Asking Twilio before anything is sent again.")
CANCELLED = noop("Cancelled.")
#: a lease or a wait that ends later than this was written by a clock that ran ahead
FARTHEST_LEASE = dt.timedelta(seconds=60)
FARTHEST_RETRY = dt.timedelta(hours=25)
FARTHEST_HOLD = dt.timedelta(hours=2)
#: "too fast" is said of many messages at once, and means one thing
SLOWED_ONCE = dt.timedelta(seconds=5)
#: so many of the same unclear failure, and not one message on a phone: it is not the guests' fault
MOST_UNCLEAR = 10
#: how exactly it is known when the last callback came
HEARD_EACH = dt.timedelta(seconds=1)
#: Twilio's code for credentials that it refuses
WRONG_PASSWORD = 20003
#: as long a refusal may still be about the credentials of before: every process reads new ones once a second
TAKEN_UP = dt.timedelta(seconds=10)
NEW_CREDENTIALS = noop("The new credentials are being taken up.")


#: invitation, attempt, status, code, source, note
Event = tuple[int, int, str, int | None, str, str]


@dataclass(frozen=True, slots=True)
class Claim:
    """One invitation whose turn it is: everything that its message needs."""

    attempt: Attempt
    campaign_id: int
    #: the key of the campaign's text that the guest reads
    text: str
    phone: str
    guest: Recipient


@dataclass(frozen=True, slots=True)
class Tick:
    """What one transaction of a drainer found."""

    claims: list[Claim]
    #: the limits and state as they are now; None when the lease is lost
    sender: Sender | None
    #: campaigns of which messages may leave
    running: frozenset[int] = frozenset()


def free_lease(holder: str, now: dt.datetime, dead: Sequence[str] = ()) -> Q:
    """Senders whose lease this holder may take. `dead`: holders that surely don't live any more."""
    return (
        Q(lease_until=None)
        | Q(lease_until__lt=now)
        | Q(lease_until__gt=now + FARTHEST_LEASE)
        | Q(lease_holder__in=["", holder, *dead])
    )


@transaction.atomic
def take_lease(
    sender_id: int, holder: str, seconds: float, now: dt.datetime, dead: Sequence[str] = ()
) -> bool:
    """Become the one worker that drains this sender, if nobody is.

    `dead`: holders that surely don't live any more. What an earlier holder claimed and never settled turns
    unsure here: nobody else can know about it.
    """
    taken = (
        Sender.objects.filter(pk=sender_id)
        .filter(free_lease(holder, now, dead))
        .update(lease_holder=holder, lease_until=now + dt.timedelta(seconds=seconds))
    )
    if not taken:
        return False
    left = _doubt(Invitation.objects.filter(campaign__sender=sender_id), now)
    if left:
        logger.warning("sender %s: %s attempts of an earlier worker are being checked", sender_id, left)
    return True


@transaction.atomic
def doubt_forgotten(accounts: Collection[str], before: dt.datetime, now: dt.datetime) -> int:
    """Turn attempts unsure that began before that instant and were never settled. Returns how many.

    A worker forgets a claim when its commit went through and the answer to it was lost.
    """
    return _doubt(
        Invitation.objects.filter(campaign__sender__account__in=accounts, sending_at__lt=before), now
    )


def _doubt(rows: QuerySet[Invitation], now: dt.datetime) -> int:
    """Nobody knows what became of these requests: Twilio is asked before anything is sent again."""
    left = rows.filter(state=State.SENDING).update(
        state=State.UNSURE, look_at=now, reason=STOPPED_REASON, changed_at=now
    )
    if left:
        log_all(rows.filter(state=State.UNSURE, changed_at=now), Source.RESCUE, now)
    return left


def renew_lease(sender_id: int, holder: str, seconds: float, now: dt.datetime) -> bool:
    """Keep it; False when it is lost. An expired lease is not renewed: another may be about to take it."""
    return bool(
        Sender.objects.filter(pk=sender_id, lease_holder=holder, lease_until__gte=now).update(
            lease_until=now + dt.timedelta(seconds=seconds)
        )
    )


def release_lease(sender_id: int, holder: str) -> None:
    """Give it back at once, so that another can go on."""
    Sender.objects.filter(pk=sender_id, lease_holder=holder).update(lease_holder="", lease_until=None)


@transaction.atomic
def tick(
    sender_id: int,
    holder: str,
    *,
    news: Sequence[News] = (),
    limit: int = 0,
    rests_until: Callable[[str], dt.datetime | None] = lambda phone: None,
    rest: float = 6.0,
    seconds: float = 10.0,
    now: dt.datetime,
) -> Tick:
    """Settle what has been answered, renew the lease and claim what comes next, in one transaction.

    `rests_until`: from when a number that had a message a moment ago may have another, None for now;
    `rest`: seconds between two messages to the same number.
    The news is kept even when the lease is lost: it is true whoever holds the lease.
    """
    # the sender's row before the invitations', as callbacks and whoever starts a campaign lock them
    is_ours = renew_lease(sender_id, holder, seconds, now)
    record_in_transaction(news)
    if not is_ours:
        return Tick([], None)
    sender = Sender.objects.get(pk=sender_id)
    if sender.state != SenderState.ACTIVE or is_held(sender, now):
        return Tick([], sender)
    uids = dict(
        Campaign.objects.filter(sender=sender, state=CampaignState.RUNNING, quiet_until=None).values_list(
            "pk", "uid"
        )
    )
    claims = _claim(sender, uids, limit, rests_until, dt.timedelta(seconds=rest), now) if limit > 0 else []
    return Tick(claims, sender, frozenset(uids))


def _claim(
    sender: Sender,
    uids: Mapping[int, str],
    limit: int,
    rests_until: Callable[[str], dt.datetime | None],
    rest: dt.timedelta,
    now: dt.datetime,
) -> list[Claim]:
    """Merge what is ready in the running campaigns by turn; leave alone numbers that must rest."""
    ready: list[tuple[Any, ...]] = []
    for campaign_id in uids:
        ready += list(
            # what a host calls back at this very moment is locked, and left alone (SQLite: one writer anyway)
            Invitation.objects.select_for_update(of=("self",), skip_locked=True)
            .filter(campaign=campaign_id, state=State.QUEUED, due_at=None)
            .order_by("turn")
            .values_list(
                "turn", "id", "campaign_id", "attempts", "message_id", "phone",
                "guest__opted_out_at", "text", *(f"guest__{column}" for column in RECIPIENT_COLUMNS),
            )[:limit]
        )  # fmt: skip
    ready.sort(key=lambda row: (row[0], row[1]))
    claims: list[Claim] = []
    gone: list[int] = []
    waits: list[tuple[dt.datetime, int]] = []
    former: list[FormerMessage] = []
    taken: set[str] = set()
    turn = sender.turn
    for row_turn, pk, campaign_id, attempts, message_id, phone, opted_out_at, text, *guest in ready:
        if len(claims) == limit:
            break
        if opted_out_at is not None:
            gone.append(pk)
        elif until := now + rest if phone in taken else rests_until(phone):
            waits.append((until, pk))
        else:
            taken.add(phone)
            turn = max(turn, row_turn)
            if message_id:
                former.append(FormerMessage(invitation_id=pk, message_id=message_id))
            claims.append(
                Claim(
                    Attempt(uids[campaign_id], pk, attempts + 1), campaign_id, text, phone, Recipient(*guest)
                )
            )
    _take(claims, sender, turn, now)
    if former:
        FormerMessage.objects.bulk_create(former, ignore_conflicts=True)
    for until, pk in waits:
        Invitation.objects.filter(pk=pk, state=State.QUEUED).update(due_at=until)
    if gone:
        rows = Invitation.objects.filter(pk__in=gone)
        rows.filter(state=State.QUEUED).update(state=State.SKIPPED, reason=OPTED_OUT, changed_at=now)
        log_all(rows.filter(state=State.SKIPPED, changed_at=now), Source.ENGINE, now)
    return claims


def _take(claims: Sequence[Claim], sender: Sender, turn: int, now: dt.datetime) -> None:
    if not claims:
        return
    ids = [claim.attempt.invitation_id for claim in claims]
    moved = Invitation.objects.filter(pk__in=ids, state=State.QUEUED).update(
        state=State.SENDING,
        attempts=F("attempts") + 1,
        message_id=None,
        look_at=None,
        sending_at=now,
        changed_at=now,
    )
    if moved != len(ids):
        raise RuntimeError(f"claimed {moved} rows of {len(ids)}: another worker holds this sender")
    if turn != sender.turn:
        Sender.objects.filter(pk=sender.pk).update(turn=turn)
    _log(
        [(c.attempt.invitation_id, c.attempt.number, State.SENDING, None, Source.ENGINE, "") for c in claims],
        now,
    )


def queue_up_again(campaign: Campaign) -> None:
    """Others had their turns meanwhile: it shares with them from here on, and does not catch up alone.

    In a transaction that holds the campaign, which comes with its sender.
    """
    # not what waits for a retry: its turn is from long ago
    waiting = Invitation.objects.filter(campaign=campaign, state=State.QUEUED, due_at=None)
    first = waiting.aggregate(first=Min("turn"))["first"]
    if first is not None and first <= campaign.sender.turn:
        waiting.update(turn=F("turn") + (campaign.sender.turn + 1 - first))


def due_now(now: dt.datetime) -> int:
    """Make ready whatever waited for this instant. Returns how many."""
    waiting = Invitation.objects.filter(state=State.QUEUED)
    # two statements: SQLite uses the index of what waits for neither when they are joined by OR
    return sum(
        waiting.filter(come).update(due_at=None)
        for come in (Q(due_at__lte=now), Q(due_at__gt=now + FARTHEST_RETRY))
    )


def finish_campaigns(now: dt.datetime) -> int:
    """Close the running campaigns in which the engine has nothing left to do. Returns how many changed.

    And mend what two writers at once can leave on PostgreSQL: somebody queued in a campaign that was closed
    or cancelled in the same instant.
    """
    mine = Invitation.objects.filter(campaign=OuterRef("pk"))
    unsettled, queued = Exists(mine.filter(state__in=OPEN)), Exists(mine.filter(state=State.QUEUED))
    done = Campaign.objects.filter(~unsettled, state=CampaignState.RUNNING)
    changed = done.update(state=CampaignState.FINISHED, finished_at=now, changed_at=now)
    changed += _reopen(Campaign.objects.filter(queued), now)
    for campaign in Campaign.objects.filter(queued, state=CampaignState.CANCELLED):
        changed += call_back(campaign.pk, CANCELLED, now)
    return changed


def _reopen(campaigns: QuerySet[Campaign], now: dt.datetime) -> int:
    return campaigns.filter(state=CampaignState.FINISHED).update(
        state=CampaignState.RUNNING, finished_at=None, changed_at=now
    )


@transaction.atomic
def call_back(campaign_id: int, reason: str, now: dt.datetime) -> int:
    """Cancel everything of a campaign that still waits. Returns how many."""
    rows = Invitation.objects.filter(campaign=campaign_id)
    stopped = rows.filter(state=State.QUEUED).update(
        state=State.CANCELLED, due_at=None, reason=reason, changed_at=now
    )
    if stopped:
        log_all(rows.filter(state=State.CANCELLED, changed_at=now), Source.HOST, now)
    return stopped


def pause_sender(sender_id: int, code: int | None, reason: str, now: dt.datetime) -> bool:
    """Stop the sender for a fault that a person must mend. False when it is paused already."""
    return bool(
        Sender.objects.filter(pk=sender_id, state=SenderState.ACTIVE).update(
            state=SenderState.PAUSED, paused_at=now, paused_code=code, paused_reason=reason[:300]
        )
    )


def is_held(sender: Sender, now: dt.datetime) -> bool:
    """Whether the provider asked for less, and that time is not over."""
    return sender.held_until is not None and now < sender.held_until <= now + FARTHEST_HOLD


def hold_sender(sender_id: int, until: dt.datetime, reason: str) -> None:
    """Claim nothing before that instant, two hours from now at most: the provider asked for less."""
    sooner = Q(held_until=None) | Q(held_until__lt=until) | Q(held_until__gt=until + FARTHEST_HOLD)
    Sender.objects.filter(sooner, pk=sender_id).update(held_until=until, held_reason=reason[:300])


_COLUMNS = (
    "state", "attempts", "tries", "message_id", "code", "error_class", "reason", "due_at", "look_at",
    "queued_at", "accepted_at", "sent_at", "delivered_at", "read_at", "failed_at",
)  # fmt: skip
_INSTANTS = frozenset(column for column in _COLUMNS if column.endswith("_at"))


@transaction.atomic
def record(news: Sequence[News]) -> int:
    """Write down what became known, in the order given. Returns how many invitations moved.

    Any order, repetition and delay of the same news ends in the same state. News that fits no invitation is
    kept as UnmatchedCallback.
    """
    return record_in_transaction(news)


def record_in_transaction(news: Sequence[News]) -> int:
    """`record` for callers that are inside a transaction already."""
    if not news:
        return 0
    rows = _load(news)
    by_message: dict[str | None, Row] = {row.message_id: row for row in rows.values() if row.message_id}
    before: dict[int, tuple[State, int]] = {}
    events: list[Event] = []
    unmatched: list[News] = []
    again: set[int] = set()
    unclear: dict[tuple[int, int | None], News] = {}
    waved: dict[int, frozenset[int]] = {}
    heeded: set[tuple[int, State, Fault]] = set()
    moved = 0
    for item in news:
        row = _row_of(item, rows, by_message)
        if row is None:
            unmatched.append(item)
            continue
        if item.fault is not None and item.fault.one_guest:
            if row.campaign_id not in waved:
                waved[row.campaign_id] = _waved(row)
            row.waved = waved[row.campaign_id]
        was = (row.state, row.attempts)
        message_was = row.message_id
        if apply(item, row):
            moved += 1
            if item.fault is not None:
                told = (row.campaign_id, row.state, replace(item.fault, detail=""))
                if told not in heeded:  # hundreds may say the same in one batch
                    heeded.add(told)
                    _heed(item.fault, item, row)
                if row.state == State.FAILED and (item.fault.unclear or item.fault.one_guest):
                    unclear[row.campaign_id, item.code] = item
            if row.state == State.QUEUED:
                again.add(row.campaign_id)
            number = item.attempt.number if item.attempt else row.attempts
            events.append((row.id, number, row.state, item.code, item.source, row.reason or item.raw))
        elif item.state is None and _is_new_word(item, row, events):
            logger.warning(
                "invitation %s: unknown status %r kept",
                row.id,
                item.raw,
                extra={"campaign": row.campaign_id, "invitation": row.id},
            )
            events.append((row.id, row.attempts, "unknown", item.code, item.source, item.raw))
        if (row.state, row.attempts) != was or row.message_id != message_was:
            before.setdefault(row.id, was)
            if row.message_id:
                by_message[row.message_id] = row
    _write([(rows[pk], state, attempts) for pk, (state, attempts) in before.items()], news[-1].at)
    _log(events, news[-1].at)
    keep_unmatched(trials.heard([item for item in unmatched if item.source == Source.CALLBACK]))
    if again:
        # a late refusal queues somebody again when all seemed done
        _reopen(Campaign.objects.filter(pk__in=again), news[-1].at)
    for (campaign_id, _), item in unclear.items():
        _ask_when_many_fail(campaign_id, item)
    return moved


def _heed(fault: Fault, news: News, row: Row) -> None:
    """Slow, hold or stop what must be; the invitation waits, and nobody fails for it."""
    sender = Sender.objects.filter(pk=row.sender_id)
    if fault.slows:
        earlier = (
            Q(slowed_at=None)
            | Q(slowed_at__lt=news.at - SLOWED_ONCE)
            | Q(slowed_at__gt=news.at + FARTHEST_HOLD)
        )
        sender.filter(earlier).update(slowed_at=news.at)
    if fault.rests:
        hold_sender(row.sender_id, news.at + dt.timedelta(seconds=fault.rests), fault.sentence)
    if row.state != State.QUEUED:
        return
    if fault.error_class == ErrorClass.SENDER:
        _stop(row.sender_id, news)
    if fault.error_class == ErrorClass.TEMPLATE:
        _pause_campaign(row.campaign_id, news.code, news.reason, news.at)


def _stop(sender_id: int, news: News) -> None:
    """Pause the sender; unless the refused request was made with credentials that were replaced meanwhile."""
    since = news.at - TAKEN_UP
    account = Sender.objects.filter(pk=sender_id).values("account")
    if (
        news.code == WRONG_PASSWORD
        and Account.objects.filter(sid__in=account, changed_at__gt=since, changed_at__lte=news.at).exists()
    ):
        hold_sender(sender_id, news.at + dt.timedelta(seconds=1), NEW_CREDENTIALS)
    elif pause_sender(sender_id, news.code, news.reason, news.at):
        logger.error("sender %s paused: %s", sender_id, news.reason, extra={"sender": sender_id})


def _pause_campaign(campaign_id: int, code: int | None, reason: str, now: dt.datetime) -> None:
    goes_on = [CampaignState.RUNNING, CampaignState.FINISHED]
    paused = Campaign.objects.filter(pk=campaign_id, state__in=goes_on).update(
        state=CampaignState.PAUSED,
        paused_reason=reason[:300],
        paused_code=code,
        changed_at=now,
        finished_at=None,
    )
    if paused:
        logger.error("campaign %s paused: %s", campaign_id, reason, extra={"campaign": campaign_id})


def _waved(row: Row) -> frozenset[int]:
    """The codes that the host resumed after, for this campaign or its sender."""
    campaign, sender = Campaign.objects.values_list("resumed_past", "sender__resumed_past").get(
        pk=row.campaign_id
    )
    return frozenset([*campaign, *sender])


def _ask_when_many_fail(campaign_id: int, news: News) -> None:
    """Stop a campaign in which one unclear failure follows the other and nothing arrives."""
    campaign = Campaign.objects.get(pk=campaign_id)
    rows = Invitation.objects.filter(campaign=campaign)
    failed = rows.filter(state=State.FAILED, code=news.code, failed_at__gte=campaign.changed_at).count()
    if failed < MOST_UNCLEAR or rows.filter(delivered_at__gte=campaign.changed_at).exists():
        return
    reason = noop(
        "{failed} messages failed for the same reason and none arrived. Look into it, then resume. "
    ).format(failed=failed)
    _pause_campaign(campaign_id, news.code, f"{reason}{news.hopeless or news.reason}", news.at)


def _row_of(news: News, rows: Mapping[int, Row], by_message: Mapping[str | None, Row]) -> Row | None:
    known = by_message.get(news.message_id) if news.message_id else None
    if news.attempt is None:
        return known if known is not None and fits(news, known) else None
    row = rows.get(news.attempt.invitation_id)
    if row is None or not fits(news, row) or (known is not None and known is not row):
        return None
    return row


def _load(news: Sequence[News]) -> dict[int, Row]:
    """The rows that the news speaks of: by attempt, and by message id where that finds other ones."""
    rows = _rows(Q(pk__in={item.attempt.invitation_id for item in news if item.attempt}))
    known = {row.message_id for row in rows.values()}
    others = {item.message_id for item in news if item.message_id} - known
    return (_rows(Q(message_id__in=others)) | rows) if others else rows


def _rows(condition: Q) -> dict[int, Row]:
    found = (
        Invitation.objects.select_for_update(of=("self",))
        .filter(condition)
        .order_by("pk")
        .values_list(
            "id", "campaign_id", "campaign__sender_id", "campaign__sender__account", "campaign__uid",
            "campaign__state", "phone", *_COLUMNS,
        )
    )  # fmt: skip
    return {
        pk: Row(
            pk, campaign_id, sender_id, account, uid, campaign == CampaignState.CANCELLED, phone, State(state),
            *rest,
        )
        for pk, campaign_id, sender_id, account, uid, campaign, phone, state, *rest in found
    }  # fmt: skip


def _write(changed: Sequence[tuple[Row, State, int]], now: dt.datetime) -> None:
    if not changed:
        return
    adapt = connection.ops.adapt_datetimefield_value
    params = [
        [
            *(adapt(getattr(row, c)) if c in _INSTANTS else getattr(row, c) for c in _COLUMNS),
            adapt(now), row.id, state, attempts,
        ]
        for row, state, attempts in changed
    ]  # fmt: skip
    assignments = ", ".join(f"{column} = %s" for column in _COLUMNS)
    with connection.cursor() as cursor:
        cursor.executemany(
            f"UPDATE invitations_invitation SET {assignments}, changed_at = %s "
            "WHERE id = %s AND state = %s AND attempts = %s",
            params,
        )
        if cursor.rowcount != len(params):
            raise RuntimeError(f"wrote {cursor.rowcount} rows of {len(params)}: rows changed under a lock")


def _log(events: Iterable[Event], now: dt.datetime) -> None:
    at = connection.ops.adapt_datetimefield_value(now)
    params = [
        (pk, attempt, status, at, code, source, note[:300])
        for pk, attempt, status, code, source, note in events
    ]
    if params:
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO invitations_statusevent "
                "(invitation_id, attempt, status, at, code, source, note) "
                "VALUES (%s, %s, %s, %s, %s, %s, %s)",
                params,
            )


def _is_new_word(news: News, row: Row, events: Sequence[Event]) -> bool:
    """Whether the history lacks it: a report may come again and again."""
    if any(event[:3] == (row.id, row.attempts, "unknown") and event[-1] == news.raw for event in events):
        return False
    return not StatusEvent.objects.filter(
        invitation=row.id, attempt=row.attempts, status="unknown", note=news.raw[:300]
    ).exists()


def keep_unmatched(news: Sequence[News]) -> None:
    """Callbacks that fit no invitation of this installation, each once. In the caller's transaction."""
    if not news:
        return
    rows = {
        ((item.message_id or "")[:64], item.raw[:32], item.attempt.key[:64] if item.attempt else ""): item
        for item in news
    }
    known = UnmatchedCallback.objects.filter(message_id__in={message_id for message_id, _, _ in rows})
    for key in known.values_list("message_id", "status", "key"):
        rows.pop(key, None)
    if rows:
        logger.warning("%s callbacks fit no invitation of this installation; kept", len(rows))
        UnmatchedCallback.objects.bulk_create(
            UnmatchedCallback(at=item.at, message_id=message_id, status=status, key=key, code=item.code)
            for (message_id, status, key), item in rows.items()
        )


def left(sender_id: int) -> QuerySet[StatusEvent]:
    """The requests of a sender that left, or may have: their `sending` events."""
    never = StatusEvent.objects.filter(
        invitation=OuterRef("invitation"),
        attempt=OuterRef("attempt"),
        status=State.QUEUED,
        source=Source.ENGINE,
        code=None,
    )
    # an expression in place of the column: it is always asked for the last hour or day, and that is where to begin
    begun = StatusEvent.objects.annotate(of=F("invitation__campaign__sender") + 0)
    return begun.filter(~Exists(never), status=State.SENDING, of=sender_id)


def heard(account: str, now: dt.datetime) -> None:
    """A callback with a valid signature arrived. Written once a second: the row is everybody's."""
    is_news = (
        Q(heard_at=None) | Q(heard_at__lt=now - HEARD_EACH) | Q(heard_at__gt=now) | Q(refused_count__gt=0)
    )
    Sender.objects.filter(is_news, account=account).update(heard_at=now, refused_count=0)


def refused(account: str, count: int, why: str, now: dt.datetime) -> None:
    """So many callbacks came whose signature doesn't fit: a hint where to look when no valid one comes."""
    Sender.objects.filter(account=account).update(
        refused_count=F("refused_count") + count, refused_at=now, refused_why=why[:500]
    )


def log_all(rows: QuerySet[Invitation], source: Source, now: dt.datetime, note: str = "") -> None:
    """One StatusEvent for every row as it is now, in one INSERT … SELECT; `note` defaults to its reason."""
    sql, params = rows.order_by().values("pk").query.sql_with_params()
    at = connection.ops.adapt_datetimefield_value(now)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO invitations_statusevent (invitation_id, attempt, status, at, source, note)
            SELECT i.id, i.attempts, i.state, %s, %s, {"%s" if note else "i.reason"}
              FROM invitations_invitation i WHERE i.id IN ({sql}) ORDER BY i.id
            """,
            [at, source.value, *([note] if note else []), *params],
        )
