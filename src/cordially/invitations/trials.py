"""Test messages: to the host's own number, at the sender's pace, in no campaign. Each leaves at most once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence

from django.contrib.auth.models import User
from django.db import transaction

from cordially.lib.marking import noop

from .lifecycle import MOVES, State
from .models import MessageTemplate, Sender, SenderState, TemplateVersion, TestMessage
from .news import News

#: a message that is not told of for so long is asked about
LOOK_AFTER = dt.timedelta(seconds=5)
#: and after so long nobody waits for it any more
LOOK_UNTIL = dt.timedelta(minutes=10)
#: one that can't leave within this time is given up: the host has gone on
WAITS = dt.timedelta(minutes=2)
#: nobody waits for a test to be read
_UNDER_WAY = (State.ACCEPTED, State.SENT)
GIVEN_UP = noop("It could not leave within two minutes; it was not sent.")
INTERRUPTED = noop("Sending was interrupted. It may arrive; send another if it does not.")


def ask(
    sender: Sender,
    template: MessageTemplate,
    version: TemplateVersion,
    values: Sequence[str],
    phone: str,
    by: User,
) -> TestMessage:
    """Queue one. The engine sends it within a second or two."""
    return TestMessage.objects.create(
        sender=sender,
        template=template,
        phone=phone,
        content_ref=version.ref,
        values=list(values),
        created_by=by,
    )


def take(senders: Collection[int], now: dt.datetime) -> list[TestMessage]:
    """Those that may leave now from these senders, marked as leaving: whatever happens, none is taken twice."""
    # nearly always there is none, and no transaction is worth it
    return _take(senders, now) if TestMessage.objects.filter(state=State.QUEUED).exists() else []


@transaction.atomic
def _take(senders: Collection[int], now: dt.datetime) -> list[TestMessage]:
    taken: list[TestMessage] = []
    rows = TestMessage.objects.select_for_update(of=("self",)).select_related("sender")
    for row in rows.filter(state=State.QUEUED, sender__in=senders):
        if row.sender.state == SenderState.PAUSED:
            _end(
                row,
                State.FAILED,
                now,
                reason=noop("The sender is paused: {paused_reason}").format(
                    paused_reason=row.sender.paused_reason
                ),
            )
        elif row.created_at < now - WAITS:
            _end(row, State.FAILED, now, reason=GIVEN_UP)
        elif row.sender.held_until is None or row.sender.held_until <= now:
            row.left_at = now
            _end(row, State.SENDING, now)
            taken.append(row)
    return taken


def give_up(pk: int, now: dt.datetime) -> None:
    """It surely did not leave, and found no place for too long."""
    TestMessage.objects.filter(pk=pk, state=State.SENDING).update(
        state=State.FAILED, left_at=None, reason=GIVEN_UP, changed_at=now
    )


def give_back(pk: int, now: dt.datetime) -> None:
    """It surely did not leave: it waits again."""
    TestMessage.objects.filter(pk=pk, state=State.SENDING).update(
        state=State.QUEUED, left_at=None, changed_at=now
    )


@transaction.atomic
def settle(
    pk: int,
    state: State,
    now: dt.datetime,
    *,
    message_id: str = "",
    code: int | None = None,
    reason: str = "",
) -> None:
    """What became of the request, or of the message. Late and repeated news changes nothing."""
    row = TestMessage.objects.select_for_update().get(pk=pk)
    if state in MOVES[State(row.state)]:
        row.message_id = message_id or row.message_id
        _end(row, state, now, code=code, reason=reason)


def heard(news: Sequence[News]) -> list[News]:
    """Keep what is about a test message; the rest comes back. Inside the ledger's transaction."""
    ids = {item.message_id for item in news if item.message_id}
    rows = TestMessage.objects.filter(message_id__in=ids) if ids else TestMessage.objects.none()
    mine = {
        message_id: (pk, account)
        for message_id, pk, account in rows.values_list("message_id", "pk", "sender__account")
    }
    others = []
    for item in news:
        pk, account = mine.get(item.message_id or "", (None, ""))
        if pk is None or item.account not in ("", account):
            others.append(item)
        elif item.state is not None:
            # a fault of the sender or the words fails it as well: nothing here is tried again
            state = State.FAILED if item.state == State.QUEUED else item.state
            settle(pk, state, item.at, code=item.code, reason=item.reason or item.hopeless)
    return others


def forgotten(now: dt.datetime) -> int:
    """Requests that a process that is gone had begun."""
    # a drainer that lives gives up in time, so this one is surely gone
    left = TestMessage.objects.filter(state=State.SENDING, left_at__lt=now - 2 * WAITS)
    return left.update(state=State.UNSURE, reason=INTERRUPTED, changed_at=now) if left.exists() else 0


def silent(account: str, now: dt.datetime) -> list[TestMessage]:
    """Those to ask the provider about now, as reports may get lost: after 5 seconds, 10, 20 and so on."""
    rows = TestMessage.objects.filter(
        sender__account=account, state__in=_UNDER_WAY, changed_at__lt=now - LOOK_AFTER
    )
    recent = rows.filter(left_at__gt=now - LOOK_UNTIL).exclude(message_id="")
    due = [row for row in recent if row.left_at and (now - row.changed_at) * 2 > now - row.left_at][:20]
    TestMessage.objects.filter(pk__in=[row.pk for row in due]).update(changed_at=now)
    return due


def _end(
    row: TestMessage, state: State, now: dt.datetime, *, code: int | None = None, reason: str = ""
) -> None:
    row.state, row.code, row.reason, row.changed_at = state, code, reason[:300], now
    row.save()
