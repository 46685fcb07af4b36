"""What becomes known of an attempt, and what it means for its invitation. Pure: rows in, rows out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, replace

from cordially.lib.marking import plural
from cordially.providers.errors import Fault

from .attempts import Attempt
from .lifecycle import STAMPS, State, can_move
from .models import Source

#: how far a message has come; nothing moves it back
_RANK = {State.ACCEPTED: 1, State.SENT: 2, State.DELIVERED: 3, State.READ: 4}
_ARRIVED = frozenset({State.DELIVERED, State.READ})
#: asked for, and nothing known yet
_REQUESTED = frozenset({State.SENDING, State.UNSURE})
#: no request is under way
_GIVEN_UP = frozenset({State.QUEUED, State.FAILED, State.CANCELLED})
#: the provider is asked about these when no news comes
_LOOKED_AFTER = frozenset({State.UNSURE, State.ACCEPTED, State.SENT, State.DELIVERED})

#: when to try again, told how many tries were made and the number they went to; None for never
Again = Callable[[int, str], dt.datetime | None]


@dataclass(frozen=True, slots=True)
class News:
    """One answer, callback or finding, from whatever source.

    `state` is where it leads (QUEUED: surely not delivered, try again at `due_at`); None for a word that is
    new to us, kept in `raw`. Found by `attempt` when the key came along, else by `message_id`.
    """

    state: State | None
    at: dt.datetime
    source: Source
    attempt: Attempt | None = None
    message_id: str | None = None
    code: int | None = None
    error_class: str = ""
    reason: str = ""
    due_at: dt.datetime | None = None
    look_at: dt.datetime | None = None
    raw: str = ""
    #: what went wrong, where something did: its sender and its campaign may have to stop for it
    fault: Fault | None = None
    #: decides `due_at`
    again: Again | None = None
    #: whether it was a try: what never left is none
    counts: bool = True
    #: the reason when there is no other try
    hopeless: str = ""
    #: the account that vouches for it: it speaks of this account's messages alone. Empty: we asked ourselves
    account: str = ""


@dataclass(slots=True)
class Row:
    """The part of an invitation that news can change, as loaded and as it will be written."""

    id: int
    campaign_id: int
    sender_id: int
    #: the one that its messages leave from
    account: str
    uid: str
    campaign_cancelled: bool
    phone: str
    state: State
    attempts: int
    tries: int
    message_id: str | None
    code: int | None
    error_class: str
    reason: str
    due_at: dt.datetime | None
    look_at: dt.datetime | None
    queued_at: dt.datetime | None
    accepted_at: dt.datetime | None
    sent_at: dt.datetime | None
    delivered_at: dt.datetime | None
    read_at: dt.datetime | None
    failed_at: dt.datetime | None
    #: codes of faults after which the host resumed all the same
    waved: frozenset[int] = frozenset()


def fits(news: News, row: Row) -> bool:
    """Whether the key, when there is one, belongs to this row's campaign; and the row to whoever vouches for it."""
    if news.account and news.account != row.account:
        return False
    return news.attempt is None or news.attempt.uid == row.uid


def is_older(news: News, row: Row) -> bool:
    """Whether it speaks of an attempt that a newer one has followed."""
    return news.attempt is not None and news.attempt.number < row.attempts


def next_state(news: News, row: Row) -> State | None:
    """Where the news takes the row; None when it changes nothing (a repeat, or older than what is known)."""
    new = news.state
    if new is None:
        return None
    if new == State.QUEUED and row.campaign_cancelled:
        new = State.CANCELLED if row.state in (State.SENDING, State.UNSURE) else State.FAILED
    if news.message_id is None and new not in _RANK and row.state not in _REQUESTED:
        return None  # it speaks of a request without an answer, and a message is known by now
    if is_older(news, row):
        # An attempt that was given up did arrive: that is the truth, and nothing more must be sent. While a
        # newer request is under way its own answer decides, unless the older one is on the phone already.
        waits = row.state in _GIVEN_UP
        if new not in _RANK or not (waits or new in _ARRIVED):
            return None
    elif row.state in _GIVEN_UP and new not in _ARRIVED and news.message_id == row.message_id is not None:
        return None  # late word of the message that failed
    return new if can_move(row.state, new) else None


def judged(news: News, row: Row) -> News:
    """The news as it concerns this row: how often was tried, and what the host resumed after, decide."""
    if news.state != State.QUEUED:
        return news
    if news.again is not None:
        tries = row.tries + news.counts
        if due_at := news.again(tries, row.phone):
            return replace(news, due_at=due_at)
        tried = (
            plural("Tried {n} time.", "Tried {n} times.", tries).format(n=tries) + " " if tries > 1 else ""
        )
        return replace(news, state=State.FAILED, reason=f"{tried}{news.hopeless or news.reason}"[:300])
    if news.fault is not None and news.fault.one_guest and news.code in row.waved:
        # the host knows of it and went on: it is about this guest, and must not stop the others again
        return replace(news, state=State.FAILED, reason=news.hopeless or news.reason)
    return news


def apply(news: News, row: Row) -> bool:
    """Change the row as the news says; whether it moved. A message id may be filled in without a move."""
    news = judged(news, row)
    new = next_state(news, row)
    if news.attempt is not None and news.attempt.number > row.attempts:
        row.attempts = news.attempt.number
    if new is None:
        if row.message_id is None and news.message_id and row.state in _RANK and not is_older(news, row):
            row.message_id = news.message_id
        return False
    row.state = new
    if news.again is not None and news.counts:
        row.tries += 1
    if news.message_id:
        row.message_id = news.message_id
    _stamp(row, new, news.at)
    row.due_at = news.due_at if new == State.QUEUED else None
    row.look_at = news.look_at if new in _LOOKED_AFTER else None
    # "tried again by itself" is no word for what the host called back
    reason = news.reason if new == news.state else news.hopeless or news.reason
    tells = new in (State.QUEUED, State.FAILED, State.UNSURE, State.CANCELLED)
    row.code, row.error_class, row.reason = (news.code, news.error_class, reason) if tells else (None, "", "")
    return True


def _stamp(row: Row, new: State, at: dt.datetime) -> None:
    """The state's own time, and those of the stations that it must have passed."""
    if column := STAMPS.get(new):
        setattr(row, column, at)
    rank = _RANK.get(new, 0)
    if rank >= 1 and row.accepted_at is None:
        row.accepted_at = at
    if rank >= 2 and row.sent_at is None:
        row.sent_at = at
    if rank >= 3 and row.delivered_at is None:
        row.delivered_at = at
