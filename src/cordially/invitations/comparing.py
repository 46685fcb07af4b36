"""After a copy was brought back: nothing leaves before Twilio was asked what left since the copy was taken.

The copy doesn't know of it and would send it again. So `guard` stops every sender when a copy is brought back, and
each account is to be compared (`delivery/comparing.py` does it) before its senders may go on.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import F, Max, Min

from cordially.events.models import Event
from cordially.guests.models import Guest
from cordially.lib.marking import noop, plural
from cordially.templating.variables import RECIPIENT_COLUMNS, Recipient

from . import library
from .ledger import log_all
from .lifecycle import LIVE, STAMPS, State
from .models import (
    Campaign,
    CampaignState,
    CampaignText,
    Comparison,
    Duty,
    Invitation,
    Sender,
    SenderState,
    Source,
    StatusEvent,
)
from .senders import accounts

logger = logging.getLogger(__name__)

#: this machine's clock and the provider's may differ, and something may have left without a line in the log
SLACK = dt.timedelta(hours=6)
COMPARING = noop(
    "A copy was brought back, and Twilio is being asked what left after it was taken. "
    "Nothing leaves before that is known."
)
COMPARED = noop("A copy was brought back, and Twilio was asked what left after it was taken.")
GO_ON = noop("Look at the figures, then go on.")
FOUND = noop("Found at Twilio")
#: a message may be whose it seems to be in these
WAITING = frozenset({State.QUEUED, State.SENDING, State.UNSURE, State.FAILED, State.CANCELLED})
_ASKED = frozenset({State.SENDING, State.UNSURE})


@transaction.atomic
def guard(now: dt.datetime) -> dt.datetime:
    """Stop every sender until its account was compared. Returns the instant of the newest thing that the copy knows.

    For a database that nobody works with.
    """
    newest = _newest(now)
    known = set(Sender.objects.values_list("account", flat=True))
    Comparison.objects.all().delete()
    Comparison.objects.bulk_create(
        Comparison(account=account, since=newest - SLACK, begun_at=now) for account in sorted(known)
    )
    Sender.objects.update(
        state=SenderState.PAUSED,
        paused_at=now,
        paused_code=None,
        paused_reason=COMPARING,
        held_until=None,
        lease_holder="",
        lease_until=None,
    )
    Duty.objects.all().delete()
    return newest


def _newest(now: dt.datetime) -> dt.datetime:
    events = StatusEvent.objects.aggregate(at=Max("at"))["at"]
    begun = Campaign.objects.aggregate(at=Max("created_at"))["at"]
    # nothing ever left: whatever its guests got came later
    first = Guest.everybody.aggregate(at=Min("created_at"))["at"]
    return max(filter(None, (events, begun)), default=first or now)


def pending(account: str = "") -> bool:
    """Whether this account is still to be compared; without one, whether any that can be asked is."""
    rows = Comparison.objects.filter(done_at=None)
    return rows.filter(account=account).exists() if account else rows.filter(account__in=accounts()).exists()


@dataclass(frozen=True, slots=True)
class Waiting:
    """An invitation that the copy takes for unsent, or for failed."""

    pk: int
    uid: str
    #: the attempt that its message was made by
    attempt: int
    phone: str
    campaign_id: int
    text: str
    guest: Recipient


def waiting(account: str, sender: str, phones: Sequence[str]) -> list[Waiting]:
    """Those whose message one of these numbers may have got from that sender."""
    rows = Invitation.objects.filter(
        campaign__sender__account=account,
        campaign__sender__phone=sender,
        phone__in=phones,
        state__in=WAITING,
    ).order_by("pk")
    found = rows.values_list(
        "pk", "campaign__uid", "attempts", "state", "phone", "campaign", "text",
        *(f"guest__{column}" for column in RECIPIENT_COLUMNS),
    )  # fmt: skip
    return [
        # what is under way is this attempt; whatever else left was the next one
        Waiting(pk, uid, attempts + (state not in _ASKED), phone, campaign_id, text, Recipient(*guest))
        for pk, uid, attempts, state, phone, campaign_id, text, *guest in found
    ]


@dataclass(frozen=True, slots=True)
class Stray:
    """A message that no invitation of the copy can be: its campaign began after the copy was taken."""

    message_id: str
    phone: str
    body: str
    created_at: dt.datetime
    state: State


@transaction.atomic
def mark(account: str, sender: str, strays: Sequence[Stray], now: dt.datetime) -> int:
    """Take the guests of these numbers for invited, who aren't otherwise. Returns how many.

    Whoever is named in the message, or else everybody of that number: better asked by hand than invited twice.
    """
    found = Sender.objects.filter(account=account, phone=sender).first()
    if found is None:
        return 0
    marked = 0
    known = set(
        Invitation.objects.filter(message_id__in=[each.message_id for each in strays]).values_list(
            "message_id", flat=True
        )
    )
    for stray in strays:
        if stray.message_id in known:
            continue
        live = Invitation.objects.filter(state__in=LIVE).values("guest")
        fresh = list(
            Guest.objects.filter(phone=stray.phone)
            .exclude(pk__in=live)
            .select_related("event")
            .order_by("pk")
        )
        named = [
            guest
            for guest in fresh
            if guest.token in stray.body or guest.name.casefold() in stray.body.casefold()
        ]
        # one message is one invitation: a second row would claim its callbacks
        for number, guest in enumerate(named or fresh):
            _mark(guest, found, stray, now, stray.message_id if number == 0 else None)
            marked += 1
    return marked


def _mark(guest: Guest, sender: Sender, stray: Stray, now: dt.datetime, message_id: str | None) -> None:
    campaign = _campaign(guest.event, sender, now)
    Invitation.objects.filter(guest=guest, is_current=True).update(is_current=False)
    text = CampaignText.objects.create(
        campaign=campaign,
        key=f"found/{guest.pk}",
        language=guest.language or guest.event.language,
        body=stray.body,
    )
    stamps = {STAMPS[state]: stray.created_at for state in _passed(stray.state)}
    row = Invitation.objects.create(
        campaign=campaign,
        guest=guest,
        phone=stray.phone,
        text=text.key,
        state=stray.state,
        attempts=1,
        message_id=message_id,
        look_at=now if message_id else None,
        queued_at=stray.created_at,
        sending_at=stray.created_at,
        changed_at=now,
        **stamps,
    )
    Campaign.objects.filter(pk=campaign.pk).update(audience=F("audience") + 1, changed_at=now)
    log_all(Invitation.objects.filter(pk=row.pk), Source.LOOKUP, now)


def _passed(state: State) -> list[State]:
    stations = [State.ACCEPTED, State.SENT, State.DELIVERED, State.READ]
    return stations[: stations.index(state) + 1]


def _campaign(event: Event, sender: Sender, now: dt.datetime) -> Campaign:
    """The one that stands for everything that was found for this event."""
    begun = Comparison.objects.get(account=sender.account).begun_at
    found = Campaign.objects.filter(event=event, sender=sender, name=FOUND, created_at=begun).first()
    return found or Campaign.objects.create(
        event=event,
        sender=sender,
        template=library.default_template(),
        name=FOUND,
        audience=0,
        state=CampaignState.FINISHED,
        created_at=begun,
        changed_at=now,
        finished_at=now,
    )


def add(account: str, counted: int, marked: int) -> None:
    """So many more invitations were found to have left, and so many guests were taken for invited."""
    Comparison.objects.filter(account=account).update(
        counted=F("counted") + counted, marked=F("marked") + marked
    )


@transaction.atomic
def finish(account: str, now: dt.datetime) -> None:
    """All is known: from now on a person may let its senders go on."""
    row = Comparison.objects.select_for_update().get(account=account)
    row.done_at = now
    row.save(update_fields=["done_at"])
    counted = plural("{n} invitation had left.", "{n} invitations had left.", row.counted)
    marked = plural("{n} guest was marked as invited.", "{n} guests were marked as invited.", row.marked)
    reason = " ".join(
        [COMPARED, counted.format(n=f"{row.counted:,}"), marked.format(n=f"{row.marked:,}"), GO_ON]
    )
    Sender.objects.filter(account=account, state=SenderState.PAUSED, paused_reason=COMPARING).update(
        paused_reason=reason[:300]
    )
    logger.warning(
        "account …%s was compared: %s invitations had left, %s guests were marked as invited",
        account[-4:],
        row.counted,
        row.marked,
    )
