"""Taking guests off the list, and bringing them back. Their rows and the ledger's history stay.

Those who keep something about guests listen to the two signals; they work in the same transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.db import transaction
from django.db.models import F, QuerySet
from django.dispatch import Signal

from cordially.events.models import Event
from cordially.lib import clock

from .models import Guest

#: `ids`: guests who are on the list no more, a few thousand at most; `by`: who did it, or None
taken_off = Signal()
#: `ids`: guests who are on the list again
brought_back = Signal()

_LOT = 2000


@transaction.atomic
def take_off(guests: QuerySet[Guest], by: object = None) -> list[int]:
    """Remove them from the list. What waits for them is cancelled. Returns their ids, for `bring_back`."""
    ids = list(guests.order_by("pk").values_list("pk", flat=True))
    for some in _lots(ids):
        Guest.objects.filter(pk__in=some).update(removed_at=clock.now(), version=F("version") + 1)
        taken_off.send(Guest, ids=some, by=by)
    return ids


@transaction.atomic
def bring_back(event: Event, ids: Sequence[int]) -> int:
    """Put these on the list again. Returns how many were off it."""
    back = 0
    gone = Guest.everybody.filter(event=event, pk__in=ids).exclude(removed_at=None)
    for some in _lots(list(gone.order_by("pk").values_list("pk", flat=True))):
        back += Guest.everybody.filter(pk__in=some).update(removed_at=None, version=F("version") + 1)
        brought_back.send(Guest, ids=some)
    return back


def _lots(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (ids[start : start + _LOT] for start in range(0, len(ids), _LOT))
