"""The last minute and a half of a campaign, second by second: what was sent, and what arrived."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, Min
from django.db.models.functions import TruncSecond
from django.utils.translation import gettext as _

from cordially.invitations.lifecycle import State
from cordially.invitations.models import Campaign, StatusEvent

SPAN = 90
#: seconds that one point of the line stands for
STEP = 3
_WIDE, _HIGH = 1000, 100


@dataclass(frozen=True)
class Pulse:
    """Two lines of a chart; each a path of a box of 1,000 by 100."""

    since: dt.datetime
    until: dt.datetime
    sent: str
    delivered: str
    #: the same under the line, closed
    delivered_area: str
    #: what the picture says
    summary: str


def pulse(campaign: Campaign, now: dt.datetime) -> Pulse | None:
    """None when nothing left in that time. Two queries, whose cost follows the pace and not the ledger's size."""
    until = now.replace(microsecond=0)
    since = until - dt.timedelta(seconds=SPAN)
    lately = StatusEvent.objects.filter(status=State.SENDING, at__gt=since)
    first = lately.aggregate(first=Min("pk"))["first"]
    if first is None:
        return None
    rows = (
        StatusEvent.objects.filter(
            pk__gte=first,
            at__gt=since,
            at__lte=until,
            status__in=[State.SENDING, State.DELIVERED],
            invitation__campaign=campaign,
        )
        .order_by()
        .annotate(second=TruncSecond("at"))
        .values_list("second", "status")
        .annotate(n=Count("pk"))
    )
    steps: dict[str, Counter[int]] = {State.SENDING: Counter(), State.DELIVERED: Counter()}
    for second, status, number in rows:
        steps[status][min(SPAN - 1, int((second - since).total_seconds())) // STEP] += number
    count = SPAN // STEP
    sent = [steps[State.SENDING][i] / STEP for i in range(count)]
    delivered = [steps[State.DELIVERED][i] / STEP for i in range(count)]
    if not any(sent) and not any(delivered):
        return None
    top = max(*sent, *delivered) * 1.1
    line = _path(delivered, top)
    summary = _(
        "%(sent)s sent and %(delivered)s delivered in %(span)s seconds; %(most)s a second at most"
    ) % {
        "sent": f"{steps[State.SENDING].total():,}",
        "delivered": f"{steps[State.DELIVERED].total():,}",
        "span": SPAN,
        "most": f"{max(sent):.1f}",
    }
    return Pulse(since, until, _path(sent, top), line, f"{line} L{_WIDE} {_HIGH} L0 {_HIGH}z", summary)


def _path(values: Sequence[float], top: float) -> str:
    wide = _WIDE / (len(values) - 1)
    points = [f"{i * wide:.0f} {_HIGH - value / top * _HIGH:.1f}" for i, value in enumerate(values)]
    return "M" + " L".join(points)
