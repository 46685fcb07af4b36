"""Taking an import back, as far as nobody has been written to; and forgetting lists that nobody needs any more."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from django.core.serializers.json import DjangoJSONEncoder
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from cordially.lib import clock

from .drafts import Stale, Tell
from .models import Guest, GuestImport, ImportChange, ImportLot, ImportMend, ImportState

#: a list is kept so long after anybody touched it
KEEP_LIST: Final = dt.timedelta(days=1)
#: and an import can be undone for so long
KEEP_UNDO: Final = dt.timedelta(days=30)

_BATCH = 500
#: names that are kept of those who stay
_NAMED = 200


def would_undo(draft: GuestImport, bound: Q) -> dict[str, int]:
    """How many guests would be removed, and how many stay because they are `bound`; how many were changed."""
    brought = draft.brought.all()
    stay = brought.filter(bound).values("pk").distinct().count()
    return {"removed": brought.count() - stay, "stay": stay, "changes": draft.changes.count()}


def begin_undo(draft: GuestImport) -> bool:
    """Whether this press began it; a second one does nothing. Raises Stale when there is nothing to undo."""
    done = GuestImport.objects.filter(pk=draft.pk, state=ImportState.DONE)
    began = done.update(state=ImportState.UNDOING, touched_at=clock.now(), trouble="", undone={})
    draft.refresh_from_db()
    if not began and draft.state not in (ImportState.UNDOING, ImportState.UNDONE):
        raise Stale(_("There is nothing to undo: this list has not been imported."))
    return bool(began)


def undo_all(draft: GuestImport, bound: Q, tell: Tell) -> None:
    """Remove whom the import added, and give those whom it changed their old values back.

    Guests who match `bound` (they have an invitation or an answer) stay, and so does what was changed since. Goes in
    small steps, so that sending goes on beside it; broken off, it goes on where it was.
    """
    total = draft.brought.count() + draft.changes.count()
    done = 0
    removed, restored, changed_since = (
        draft.undone.get(name, 0) for name in ("removed", "restored", "changed")
    )
    for changes in _batches(draft.changes.order_by("pk")):
        with transaction.atomic():
            pks = [change.guest_id for change in changes]
            guests = Guest.objects.select_for_update().in_bulk(pks)
            spoken_to = set(Guest.objects.filter(bound, pk__in=pks).values_list("pk", flat=True))
            for change in changes:
                if _put_back(change, guests[change.guest_id], change.guest_id in spoken_to):
                    restored += 1
                    change.delete()
                else:
                    changed_since += 1
            done += len(changes)
            _note(draft, removed=removed, restored=restored)
        tell(done, total)
    for guests_brought in _batches(draft.brought.order_by("pk")):
        with transaction.atomic():
            pks = [guest.pk for guest in guests_brought]
            going = Guest.objects.select_for_update().filter(pk__in=pks)
            stay = set(Guest.objects.filter(bound, pk__in=pks).values_list("pk", flat=True))
            going.exclude(pk__in=stay).delete()
            removed += len(pks) - len(stay)
            done += len(pks)
            _note(draft, removed=removed, restored=restored)
        tell(done, total)
    _finish(draft, removed=removed, restored=restored, changed=changed_since)


def _batches(rows: QuerySet[Any]) -> Iterator[list[Any]]:
    """By id, so that rows that go meanwhile leave no gap."""
    last = 0
    while batch := list(rows.filter(pk__gt=last)[:_BATCH]):
        last = batch[-1].pk
        yield batch


def _put_back(change: ImportChange, guest: Guest, is_bound: bool) -> bool:
    """Give a guest the old values; whether all could be. What was changed since stays, and so does a number in use."""
    now = json.loads(json.dumps({name: getattr(guest, name) for name in change.after}, cls=DjangoJSONEncoder))
    before = dict(change.before)
    same = {name for name in change.after if now[name] == change.after[name]}
    if is_bound or not {"phone"} & set(before) <= same:
        same -= {"phone", "phone_problem", "phone_note"}
    field_of = {field.name: field for field in Guest._meta.concrete_fields}
    for name in same:
        setattr(guest, name, field_of[name].to_python(before[name]) if name != "fields" else before[name])
    if same:
        try:
            with transaction.atomic():
                guest.save(update_fields=sorted(same))
        except IntegrityError:
            # another guest has that name and text by now
            return False
    return same == set(change.after)


def _note(draft: GuestImport, **figures: int) -> None:
    draft.undone = {**draft.undone, **figures}
    GuestImport.objects.filter(pk=draft.pk).update(undone=draft.undone)


def _finish(draft: GuestImport, **figures: int) -> None:
    stay = draft.brought.order_by("pk")
    names = list(stay.values_list("name", flat=True)[:_NAMED])
    changed = list(draft.changes.order_by("pk").values_list("guest__name", flat=True)[:_NAMED])
    draft.undone = {**figures, "stay": stay.count(), "names": names, "changed_names": changed}
    draft.state, draft.touched_at = ImportState.UNDONE, clock.now()
    draft.save(update_fields=["undone", "state", "touched_at"])


# --- forgetting


def forget(draft: GuestImport) -> None:
    """Throw away a list that was not imported. Raises Stale when it was, or is being."""
    gone, _what = GuestImport.objects.filter(
        pk=draft.pk, state__in=(ImportState.COLUMNS, ImportState.CHECK)
    ).delete()
    if not gone:
        raise Stale(_("This list is imported already, or just now. Undo the import instead."))


def tidy(now: dt.datetime | None = None) -> int:
    """Remove lists that nobody touched for a day, and imports that can't be undone any more; how many lists."""
    now = now or clock.now()
    old = GuestImport.objects.filter(touched_at__lt=now - KEEP_LIST)
    finished: Sequence[str] = (ImportState.DONE, ImportState.UNDONE)
    done = list(old.filter(state__in=finished, lots__isnull=False).distinct().values_list("pk", flat=True))
    ImportLot.objects.filter(draft__in=done).delete()
    ImportMend.objects.filter(draft__in=done).delete()
    waiting = old.filter(state__in=(ImportState.COLUMNS, ImportState.CHECKING, ImportState.CHECK))
    given_up = waiting.count()
    waiting.delete()
    GuestImport.objects.filter(state__in=finished, touched_at__lt=now - KEEP_UNDO).delete()
    return len(done) + given_up
