"""Work that one process does for all of them: who does it has a lease, like the drainer of a sender.

Every piece of such work may be done twice without harm; the lease saves the doing, not the truth.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.db import transaction
from django.db.models import Q

from .ledger import FARTHEST_LEASE
from .models import Duty

#: begins the name of a duty that says only: this worker lives
WORKER = "worker "


@transaction.atomic
def take(name: str, holder: str, seconds: float, now: dt.datetime, dead: Sequence[str] = ()) -> bool:
    """Take or keep the duty of that name for so long; False while another has it.

    `dead`: holders that surely don't live any more.
    """
    until = now + dt.timedelta(seconds=seconds)
    free = Q(holder__in=[holder, *dead]) | Q(until__lt=now) | Q(until__gt=now + FARTHEST_LEASE)
    if Duty.objects.filter(free, name=name).update(holder=holder, until=until):
        return True
    duty, made = Duty.objects.get_or_create(name=name, defaults={"holder": holder, "until": until})
    return made


def give_back(holder: str) -> None:
    """All that this holder has, so that another can go on at once."""
    Duty.objects.filter(holder=holder).delete()


def forget(now: dt.datetime) -> None:
    """Those that ran out long ago: their process died, and nobody wants them."""
    Duty.objects.filter(until__lt=now - dt.timedelta(hours=1)).delete()
