"""What takes longer than a page may: a list is read, imported or undone while its page shows a bar.

The state of the import says what is to be done. A thread does it, under a lock, so that no two do;
when the process dies, whoever looks at the page next begins it anew. How far it is, is known in its own process.
"""

from __future__ import annotations

import fcntl
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connection, connections
from django.db.models import Q
from django.utils.translation import gettext as _

from cordially.guests import drafts, undoing
from cordially.guests.models import GuestImport, ImportState
from cordially.guests.problems import ListError

logger = logging.getLogger(__name__)

#: lists of no more rows are dealt with before the page is shown
AT_ONCE = 2000
#: guests who are part of a campaign, or have answered: an undo leaves them
BOUND = Q(invitations__isnull=False) | Q(answers__isnull=False)

#: where an import stands again when its work could not be done
_BACK = {
    ImportState.CHECKING: ImportState.COLUMNS,
    ImportState.IMPORTING: ImportState.CHECK,
    ImportState.UNDOING: ImportState.DONE,
}

#: the first half of PostgreSQL's advisory locks of imports
_IMPORTS = 0x1157

_done: dict[int, tuple[int, int]] = {}


def far(draft: GuestImport) -> tuple[int, int]:
    """Rows done, and rows in all; none are done as far as another process does it."""
    return _done.get(draft.pk, (0, draft.rows or 1))


def see_to(draft: GuestImport) -> None:
    """Do what the state of the import asks for: at once if it is little, else beside the page."""
    if not draft.is_working:
        return
    if draft.rows <= AT_ONCE:
        _work(draft.pk)
        draft.refresh_from_db()
    elif draft.pk not in _done:
        _done[draft.pk] = (0, draft.rows)
        threading.Thread(target=_beside, args=(draft.pk,), name=f"import-{draft.pk}", daemon=True).start()


def _beside(pk: int) -> None:
    try:
        _work(pk)
    finally:
        _done.pop(pk, None)
        # the thread ends here; none may keep a line to the database open
        connections.close_all()


def _work(pk: int) -> None:
    with _alone(pk) as is_alone:
        draft = GuestImport.objects.filter(pk=pk).select_related("event").first()
        if not is_alone or draft is None or not draft.is_working:
            return
        state = draft.state

        def tell(done: int, total: int) -> None:
            if pk in _done:
                _done[pk] = (done, total)

        try:
            if state == ImportState.CHECKING:
                drafts.read_all(draft, tell)
            elif state == ImportState.IMPORTING:
                drafts.store_all(draft, tell)
            else:
                undoing.undo_all(draft, BOUND, tell)
        except (ListError, drafts.Stale) as error:
            _give_back(draft, state, str(error))
        except DatabaseError as error:
            logger.error("import %s broke off: %s", pk, type(error).__name__)
            _give_back(
                draft, state, _("The database could not be written, so nothing was changed. Try again.")
            )
        except Exception:
            logger.exception("import %s broke off", pk)
            _give_back(draft, state, _("This broke off. Try again; the server’s log tells its operator why."))


def _give_back(draft: GuestImport, state: str, trouble: str) -> None:
    GuestImport.objects.filter(pk=draft.pk, state=state).update(
        state=_BACK[ImportState(state)], trouble=trouble[:500]
    )


@contextmanager
def _alone(pk: int) -> Iterator[bool]:
    """Whether nobody else is at it. The kernel, and PostgreSQL, give the lock back when a process dies."""
    folder = Path(settings.DATA_DIR) / "imports"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{pk}.lock").open("wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        with _on_no_other_machine(pk) as is_alone:
            yield is_alone


@contextmanager
def _on_no_other_machine(pk: int) -> Iterator[bool]:
    """Other machines share nothing but the database; SQLite is on one."""
    if connection.vendor != "postgresql":
        yield True
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [_IMPORTS, pk])
        is_alone = bool(cursor.fetchone()[0])
    try:
        yield is_alone
    finally:
        if is_alone:
            with suppress(DatabaseError), connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [_IMPORTS, pk])


def resume() -> None:
    """Go on with what a process that died had begun."""
    for draft in GuestImport.objects.filter(state__in=GuestImport.WORKING):
        see_to(draft)


def tidy() -> None:
    """Forget lists that nobody needs any more."""
    undoing.tidy()
    folder = Path(settings.DATA_DIR) / "imports"
    kept = set(GuestImport.objects.values_list("pk", flat=True))
    for path in folder.glob("*.lock"):
        if path.stem.isdigit() and int(path.stem) not in kept:
            path.unlink(missing_ok=True)
