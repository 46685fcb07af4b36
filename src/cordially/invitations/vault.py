"""Credentials that hosts entered: sealed as soon as they come, opened only to be used, never shown.

What the environment names is not here. Whoever calls checks them at the provider first.
"""

from __future__ import annotations

import datetime as dt
import logging
from contextlib import suppress
from dataclasses import dataclass, field

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from cordially.lib import sealing
from cordially.lib.clock import now as clock_now
from cordially.lib.marking import noop
from cordially.lib.sealing import Unreadable

from . import ledger, senders
from .models import Account, Sender, SenderState

__all__ = ["Secrets", "Stale", "Unreadable", "keep", "opened", "remove", "reseal", "signers", "with_kept"]

logger = logging.getLogger(__name__)

#: as long the token of before still verifies reports: Twilio repeats one for 15 seconds, and is asked after that
FORMER_FOR = dt.timedelta(hours=1)
REMOVED = noop("Its credentials were removed. Enter them anew, and everything that waits goes on.")
UNREADABLE = noop(
    "Its credentials can’t be read, because CORDIALLY_SECRET_KEY was changed. Name the old key in "
    "CORDIALLY_FORMER_SECRET_KEYS and start again, or enter the credentials anew."
)
#: the faults that other credentials may mend: refused, without the right, for tests alone, of another account
_OF_CREDENTIALS = (ledger.WRONG_PASSWORD, 20006, 20008, 20403, 20404)


class Stale(Exception):
    """Somebody changed the credentials since they were looked at."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """The token signs reports; requests are signed by the key where there is one, else by the token."""

    token: str = field(default="", repr=False)
    key_sid: str = ""
    key_secret: str = field(default="", repr=False)


def _keys() -> list[str]:
    return [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]


def _sealed(text: str) -> str:
    return sealing.seal(text, _keys()) if text else ""


def _opened(sealed: str) -> str:
    return sealing.unseal(sealed, _keys()) if sealed else ""


def opened(row: Account) -> Secrets:
    """Raises Unreadable when the installation's key is another than the one they were sealed with."""
    return Secrets(_opened(row.token), row.key_sid, _opened(row.key_secret))


def signers(row: Account, now: dt.datetime) -> tuple[str, ...]:
    """The tokens by which reports of this account may be signed. Raises Unreadable."""
    tokens = [_opened(row.token)]
    if row.former_until and now < row.former_until:
        with suppress(Unreadable):  # it may be the very reason why the credentials were entered anew
            tokens.append(_opened(row.former_token))
    return tuple(filter(None, tokens))


@transaction.atomic
def keep(
    sid: str, secrets: Secrets, *, name: str = "", by: User | None = None, seen: dt.datetime | None = None
) -> Account:
    """Keep an account's credentials, new ones or others. Its senders that stopped for them go on.

    `seen`: the `changed_at` of the credentials that were looked at. Raises Stale when they are others by now.
    """
    row = Account.objects.select_for_update().filter(sid=sid).first()
    if seen is not None and (row is None or row.changed_at != seen):
        raise Stale
    now = clock_now()
    given = {
        "token": _sealed(secrets.token),
        "token_end": secrets.token[-4:],
        "key_sid": secrets.key_sid,
        "key_secret": _sealed(secrets.key_secret),
        "key_end": secrets.key_secret[-4:],
        "name": name[:80],
        "changed_at": now,
    }
    if row is None:
        try:
            with transaction.atomic():
                return _going_on(Account.objects.create(sid=sid, created_by=by, **given))
        except IntegrityError:
            # pressed twice: the other press was first
            row = Account.objects.select_for_update().get(sid=sid)
    if row.token_end != given["token_end"] or not _is_same(row.token, secrets.token):
        # of two changes within the hour the last that differs
        row.former_token, row.former_until = row.token, now + FORMER_FOR
    for column, value in given.items():
        setattr(row, column, value)
    row.save()
    return _going_on(row)


def _is_same(sealed: str, text: str) -> bool:
    try:
        return _opened(sealed) == text
    except Unreadable:
        return False


def _going_on(row: Account) -> Account:
    """Its senders that stopped for their credentials go on; not those that wait for something else."""
    sid = row.sid
    stopped = [
        sender.pk
        for sender in _stopped(sid)
        if sender.paused_code in _OF_CREDENTIALS or sender.paused_reason in (REMOVED, UNREADABLE)
    ]
    Sender.objects.filter(pk__in=stopped).update(
        state=SenderState.ACTIVE, paused_at=None, paused_code=None, paused_reason="", held_until=None
    )
    logger.info("credentials of account …%s are kept; senders that go on: %s", sid[-4:], len(stopped))
    return row


def _stopped(sid: str) -> list[Sender]:
    return list(Sender.objects.filter(account=sid, state=SenderState.PAUSED))


@transaction.atomic
def remove(sid: str) -> bool:
    """Forget an account's credentials; its senders stop, and what waits for them waits. False: there were none."""
    gone, _rows = Account.objects.filter(sid=sid).delete()
    if gone:
        stop(sid, REMOVED)
        logger.info("credentials of account …%s are removed", sid[-4:])
    return bool(gone)


def stop(sid: str, why: str) -> int:
    """Pause the senders of an account that can't be used. Returns how many."""
    if sid == senders.account():
        return 0
    return Sender.objects.filter(account=sid, state=SenderState.ACTIVE).update(
        state=SenderState.PAUSED, paused_at=clock_now(), paused_code=None, paused_reason=why[:300]
    )


def reseal() -> int:
    """Seal with the newest key what a former one sealed. Returns how many accounts were sealed anew."""
    count = 0
    for row in Account.objects.all():
        values: dict[str, str] = {}
        for column in ("token", "key_secret", "former_token"):
            sealed = getattr(row, column)
            if not sealed or sealing.is_by_first(sealed, _keys()):
                continue
            try:
                values[column] = _sealed(_opened(sealed))
            except Unreadable:
                if (
                    column == "former_token"
                ):  # it mattered for an hour, and keeps nothing else from being sealed
                    values[column] = ""
                else:
                    logger.error("account …%s: %s", row.sid[-4:], UNREADABLE)
        if values:
            # only what was read: somebody may have replaced it meanwhile
            same = {column: getattr(row, column) for column in values}
            count += Account.objects.filter(pk=row.pk, **same).update(**values)
    return count


def go_on() -> int:
    """Let senders go on that stopped because their credentials couldn't be read, where they can be. Returns how many."""
    count = 0
    for row in Account.objects.all():
        try:
            opened(row)
        except Unreadable:
            continue
        count += Sender.objects.filter(
            account=row.sid, state=SenderState.PAUSED, paused_reason=UNREADABLE
        ).update(state=SenderState.ACTIVE, paused_at=None, paused_code=None, paused_reason="")
    return count


def with_kept(row: Account, typed: Secrets) -> Secrets:
    """What was typed, and what is kept where nothing was: the token, and the secret of the same key.

    A key that isn't named any more is dropped. Raises Unreadable.
    """
    same_key = typed.key_sid == row.key_sid and not typed.key_secret
    return Secrets(
        typed.token or _opened(row.token),
        typed.key_sid,
        _opened(row.key_secret) if same_key else typed.key_secret,
    )
