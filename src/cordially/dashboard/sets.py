"""Sets of guests under a name of their own: what the overview counts, the guest list shows at the same name.

A set is a condition over the rows of `guestlist` (guest, `inv` the invitation that counts, `ans` the answer
that counts, `bucket` where the guest stands). `?only=absent` in an address means exactly these people.
"""

from __future__ import annotations

import datetime as dt
import enum

from django.db.models import CharField, Func, Q
from django.utils.translation import gettext as _

from cordially.events.models import Event
from cordially.guests.models import PhoneProblem
from cordially.invitations.lifecycle import LIVE, State
from cordially.invitations.models import Campaign
from cordially.providers.errors import Mend
from cordially.providers.twilio.codes import MENDED

_EVER = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
#: the few on a list who have no number, asked not to be written to, or were asked in person: said as the small
#: indexes of SQLite want it, the empty text written out and the instant compared
NUMBERLESS = Q(phone=Func(template="''", output_field=CharField()))
GONE = Q(opted_out_at__gt=_EVER)
MET = Q(in_person_at__gt=_EVER)

#: as `guestlist` calls those who can't be written to
BLOCKED = "blocked"
NEW = "new"

#: whose invitation is on its way, has arrived, or failed on the way
INVITED = frozenset({*LIVE, State.FAILED})
ARRIVED = frozenset({State.DELIVERED, State.READ})
ON_THE_WAY = LIVE - ARRIVED


class Only(enum.StrEnum):
    INVITED = "invited"
    UNINVITED = "uninvited"
    ARRIVED = "arrived"
    ON_THE_WAY = "way"
    ANSWERED = "answered"
    SILENT = "silent"
    ADDED = "added"
    WRONG = "wrong"
    ABSENT = "absent"
    UNWANTED = "unwanted"
    FAILED = "other"
    DOUBTFUL = "doubtful"
    MISSING = "missing"
    OPTED_OUT = "optout"


#: failed invitations by what is done about them
FAILURES = {
    Mend.NUMBER: Only.WRONG,
    Mend.NO_WHATSAPP: Only.ABSENT,
    Mend.UNWANTED: Only.UNWANTED,
    Mend.OTHER: Only.FAILED,
}
#: numbers that no message can go to, by what is wrong with them
PROBLEMS = {
    PhoneProblem.INVALID: Only.WRONG,
    PhoneProblem.AMBIGUOUS: Only.DOUBTFUL,
    PhoneProblem.NO_PHONE: Only.MISSING,
}
_ALL_MENDED = frozenset().union(*MENDED.values())


def mend_of(code: int | None) -> Mend:
    return next((mend for mend, codes in MENDED.items() if code in codes), Mend.OTHER)


def condition(only: str, event: Event) -> Q:
    """Which of the event's guests are meant; everybody for what is no name of a set."""
    match only:
        case Only.INVITED:
            return Q(inv__state__in=INVITED)
        case Only.UNINVITED:
            return Q(inv__isnull=True) | ~Q(inv__state__in=INVITED)
        case Only.ARRIVED:
            return Q(inv__state__in=ARRIVED)
        case Only.ON_THE_WAY:
            return Q(inv__state__in=ON_THE_WAY)
        case Only.ANSWERED:
            return Q(ans__isnull=False)
        case Only.SILENT:
            return Q(inv__state__in=INVITED, ans__isnull=True)
        case Only.ADDED:
            last = Campaign.objects.filter(event=event).order_by("-pk").values("created_at")[:1]
            return Q(bucket=NEW, created_at__gt=last)
        case Only.WRONG:
            return _failed(Mend.NUMBER) | _unsettled(PhoneProblem.INVALID)
        case Only.ABSENT:
            return _failed(Mend.NO_WHATSAPP)
        case Only.UNWANTED:
            return _failed(Mend.UNWANTED)
        case Only.FAILED:
            return Q(inv__state=State.FAILED) & (
                Q(inv__code__isnull=True) | ~Q(inv__code__in=sorted(_ALL_MENDED))
            )
        case Only.DOUBTFUL:
            return _unsettled(PhoneProblem.AMBIGUOUS)
        case Only.MISSING:
            return _unsettled(PhoneProblem.NO_PHONE)
        case Only.OPTED_OUT:
            return GONE
    return Q()


def _failed(mend: Mend) -> Q:
    return Q(inv__state=State.FAILED, inv__code__in=sorted(MENDED[mend]))


def _unsettled(problem: PhoneProblem) -> Q:
    return Q(bucket=BLOCKED, phone_problem=problem, opted_out_at__isnull=True)


def label(only: str) -> str:
    """What the chip of the guest list says."""
    labels: dict[str, str] = {
        Only.INVITED: _("Invited"),
        Only.UNINVITED: _("Not invited"),
        Only.ARRIVED: _("Delivered"),
        Only.ON_THE_WAY: _("On their way"),
        Only.ANSWERED: _("Answered"),
        Only.SILENT: _("Invited, no answer yet"),
        Only.ADDED: _("Added since the last send"),
        Only.WRONG: _("Number can’t be right"),
        Only.ABSENT: _("Not on WhatsApp"),
        Only.UNWANTED: _("Take no messages from you"),
        Only.FAILED: _("Failed for another reason"),
        Only.DOUBTFUL: _("Number can be read in two ways"),
        Only.MISSING: _("No number"),
        Only.OPTED_OUT: _("Asked not to be written to"),
    }
    return labels.get(only, "")
