"""What both sides say at the end, compared message by message. Reads files only: nobody needs to run."""

from __future__ import annotations

import datetime as dt
import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from cordially.lib.masking import mask_numbers, mask_phone

from . import door, plan

#: what the simulator calls a state, and what the ledger must call it
SAME = {"sent": "sent", "delivered": "delivered", "read": "read", "failed": "failed", "undelivered": "failed"}
_KEY = re.compile(r"[?&]k=([0-9a-f]{12})\.(\d+)\.(\d+)")
#: seconds after a pause was answered until the last request has left: a tick, and what it had claimed
_LAST_ONES = 1.0


class Request(NamedTuple):
    """At Twilio's door. Times are time.time."""

    at: float
    who: str
    uid: str
    invitation: int
    attempt: int
    phone: str
    answer: str
    code: int


class Message(NamedTuple):
    """In Twilio's record."""

    sid: str
    uid: str
    invitation: int
    attempt: int
    phone: str
    status: str
    code: int | None
    body: str
    created_at: float
    updated_at: float


class Invitation(NamedTuple):
    """In the ledger."""

    id: int
    campaign: int
    uid: str
    phone: str
    token: str
    state: str
    attempts: int
    message_id: str | None
    code: int | None


class Event(NamedTuple):
    """In the ledger's log."""

    invitation: int
    attempt: int
    status: str
    at: float
    code: int | None
    source: str
    note: str


class Pause(NamedTuple):
    uid: str
    begun: float
    ended: float


@dataclass
class Evidence:
    requests: list[Request]
    messages: list[Message]
    invitations: list[Invitation]
    events: list[Event]
    #: campaign -> audience as it was frozen
    audiences: dict[int, int]
    unmatched: int
    #: messages of which Twilio has something still to tell
    unfinished: int


@dataclass(frozen=True)
class Violation:
    check: str
    sentence: str
    #: whose, if somebody's
    invitation: int | None = None


CHECKS = (
    "duplicates",
    "lost",
    "wrong states",
    "wrong guest",
    "audience is not the sum of states",
    "asked for without a claim on the disk",
    "the same attempt asked for twice",
    "sent while paused",
    "faster than the limit",
    "callbacks that fit nobody",
)


#: what no waiting mends
FOR_EVER = frozenset(CHECKS) - {"lost", "wrong states"}


def requests(twilio: Path) -> list[Request]:
    """What came to the door of `chaos.door`, whose folder this is."""
    return [_request(entry) for entry in door.read_log(twilio / door.LOG)]


def read(ledger: Path, twilio: Path) -> Evidence:
    """The data folder of the installation, and the folder of `chaos.door`."""
    with (
        closing(_opened(ledger / "cordially.db")) as ours,
        closing(_opened(twilio / "simulator.db")) as theirs,
    ):
        ours.execute("BEGIN")  # one moment for all that follows
        return Evidence(
            requests(twilio),
            [
                Message(sid, *_key(callback), to.removeprefix("whatsapp:"), *rest)
                for sid, callback, to, *rest in theirs.execute(
                    "SELECT sid, callback, recipient, status, error_code, body, created_at, updated_at "
                    "FROM messages ORDER BY seq"
                )
            ],
            [
                Invitation(*row)
                for row in ours.execute(
                    "SELECT i.id, c.id, c.uid, i.phone, g.token, i.state, i.attempts, i.message_id, i.code "
                    "FROM invitations_invitation i JOIN invitations_campaign c ON c.id = i.campaign_id "
                    "JOIN guests_guest g ON g.id = i.guest_id"
                )
            ],
            [
                Event(invitation, attempt, status, _moment(at), *rest)
                for invitation, attempt, status, at, *rest in ours.execute(
                    "SELECT invitation_id, attempt, status, at, code, source, note "
                    "FROM invitations_statusevent ORDER BY id"
                )
            ],
            dict(ours.execute("SELECT id, audience FROM invitations_campaign")),
            ours.execute("SELECT count(*) FROM invitations_unmatchedcallback").fetchone()[0],
            theirs.execute("SELECT count(*) FROM messages WHERE plan != '[]'").fetchone()[0],
        )


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None, timeout=30)


def _moment(text: str) -> float:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp()


def _key(callback: str) -> tuple[str, int, int]:
    match = _KEY.search(callback)
    return (match[1], int(match[2]), int(match[3])) if match else ("", 0, 0)


def _request(entry: dict[str, Any]) -> Request:
    key = _key(f"?k={entry['key']}")
    return Request(entry["at"], entry["who"], *key, entry["phone"], entry["answer"], entry["code"])


def judge(evidence: Evidence, limit: int, pauses: Sequence[Pause] = ()) -> list[Violation]:
    """Everything that breaks a promise. `limit`: messages in any second."""
    found = [
        *_by_invitation(evidence),
        *_audiences(evidence),
        *_claims(evidence),
        *_pauses(evidence, pauses),
    ]
    most = most_in_a_second([request.at for request in evidence.requests])
    if most > limit:
        found.append(Violation("faster than the limit", f"{most} requests in a second, {limit} are allowed"))
    if evidence.unmatched:
        found.append(Violation("callbacks that fit nobody", f"{evidence.unmatched} of them"))
    return found


def most_in_a_second(times: Iterable[float]) -> int:
    """The largest number of them in any sliding second."""
    ordered = sorted(times)
    most = first = 0
    for last, at in enumerate(ordered):
        while at - ordered[first] >= 1.0:
            first += 1
        most = max(most, last - first + 1)
    return most


def _by_invitation(evidence: Evidence) -> Iterator[Violation]:
    messages: dict[int, list[Message]] = defaultdict(list)
    requests: dict[int, list[Request]] = defaultdict(list)
    for message in evidence.messages:
        messages[message.invitation].append(message)
    for request in evidence.requests:
        requests[request.invitation].append(request)
    for each in evidence.invitations:
        mine = sorted(messages.pop(each.id, []), key=lambda message: message.created_at)
        yield from _duplicates(each, mine, requests[each.id])
        yield from _fate(each, mine, requests[each.id])
        for message in mine:
            if (message.uid, message.phone) != (each.uid, each.phone) or each.token not in message.body:
                yield Violation("wrong guest", "the message is not this guest’s", each.id)
    for stranger in messages:
        yield Violation("wrong guest", f"messages for an invitation {stranger} that does not exist")


def _duplicates(each: Invitation, mine: Sequence[Message], asked: Sequence[Request]) -> Iterator[Violation]:
    """Another is right only when every message before had failed by then, for a reason that passes.

    Asking is enough to be wrong, also when Twilio happened to refuse.
    """
    for request in asked:
        for before in mine:
            if before.attempt == request.attempt or before.created_at > request.at:
                continue
            failed = before.status in ("failed", "undelivered") and before.updated_at <= request.at
            if not failed or before.code not in plan.TRIED_AGAIN:
                reason = f" ({before.code})" if before.code else ""
                why = f"message {before.attempt} was {before.status}{reason}, and another was asked for"
                yield Violation("duplicates", why, each.id)
    for before, after in zip(mine, mine[1:], strict=False):
        if before.attempt == after.attempt:
            yield Violation("duplicates", f"two messages of attempt {after.attempt}", each.id)


def _fate(each: Invitation, mine: Sequence[Message], asked: Sequence[Request]) -> Iterator[Violation]:
    last = asked[-1] if asked else None
    if last is None:
        yield Violation("lost", f"nothing was ever asked for, and the ledger says {each.state}", each.id)
    elif last.answer == "REFUSED" and last.code in plan.FOR_GOOD:
        expected = ("failed", last.code)
        if (each.state, each.code) != expected:
            yield Violation("wrong states", f"refused with {last.code}, ledger {each.state}", each.id)
    elif not mine or mine[-1].code in plan.TRIED_AGAIN:
        yield Violation("lost", f"no message that holds, and the ledger says {each.state}", each.id)
    else:
        message = mine[-1]
        if (each.state, each.message_id) != (SAME.get(message.status), message.sid):
            named = "this message" if each.message_id == message.sid else "another message"
            yield Violation(
                "wrong states", f"Twilio says {message.status}, the ledger {each.state} of {named}", each.id
            )
        elif each.state == "failed" and each.code != message.code:
            yield Violation("wrong states", f"failed with {message.code}, ledger {each.code}", each.id)


def _audiences(evidence: Evidence) -> Iterator[Violation]:
    for campaign, audience in evidence.audiences.items():
        rows = sum(each.campaign == campaign for each in evidence.invitations)
        if rows != audience:
            yield Violation(
                "audience is not the sum of states", f"{audience} were chosen, the states count {rows}"
            )


def _claims(evidence: Evidence) -> Iterator[Violation]:
    """What we are about to do is on the disk before the network is touched, and each attempt is one request."""
    claimed = {
        (event.invitation, event.attempt): event.at for event in evidence.events if event.status == "sending"
    }
    seen: set[tuple[int, int]] = set()
    for request in evidence.requests:
        attempt = (request.invitation, request.attempt)
        if claimed.get(attempt, float("inf")) > request.at:
            yield Violation(
                "asked for without a claim on the disk", f"attempt {request.attempt}", request.invitation
            )
        if attempt in seen:
            yield Violation(
                "the same attempt asked for twice", f"attempt {request.attempt}", request.invitation
            )
        seen.add(attempt)


def _pauses(evidence: Evidence, pauses: Sequence[Pause]) -> Iterator[Violation]:
    for request in evidence.requests:
        for pause in pauses:
            if request.uid == pause.uid and pause.begun + _LAST_ONES < request.at < pause.ended:
                late = request.at - pause.begun
                yield Violation("sent while paused", f"{late:.2f} s after the pause", request.invitation)


@dataclass
class Timeline:
    """What both sides noted of one invitation, in the order of time."""

    evidence: Evidence
    invitation: int
    _lines: list[tuple[float, str]] = field(default_factory=list)

    def lines(self) -> list[str]:
        each = next((row for row in self.evidence.invitations if row.id == self.invitation), None)
        head = f"invitation {self.invitation}" + (
            f", {mask_phone(each.phone)}, ledger: {each.state}, attempts {each.attempts}, code {each.code}"
            if each
            else ""
        )
        found = sorted([*self._ledger(), *self._twilio()])
        return [head, *(f"  {_clock(at)}  {text}" for at, text in found)]

    def _ledger(self) -> Iterator[tuple[float, str]]:
        for event in self.evidence.events:
            if event.invitation == self.invitation:
                code = f" ({event.code})" if event.code else ""
                note = f": {mask_numbers(event.note)}" if event.note else ""
                yield (
                    event.at,
                    f"ledger  attempt {event.attempt} {event.status}{code} by {event.source}{note}",
                )

    def _twilio(self) -> Iterator[tuple[float, str]]:
        for request in self.evidence.requests:
            if request.invitation == self.invitation:
                code = f" ({request.code})" if request.code else ""
                who = f" of {request.who}" if request.who else ""
                yield request.at, f"door    attempt {request.attempt}{who}, {request.answer}{code}"
        for message in self.evidence.messages:
            if message.invitation == self.invitation:
                yield message.created_at, f"Twilio  …{message.sid[-6:]} of attempt {message.attempt} created"
                code = f" ({message.code})" if message.code else ""
                yield message.updated_at, f"Twilio  …{message.sid[-6:]} is {message.status}{code}"


def _clock(at: float) -> str:
    return dt.datetime.fromtimestamp(at, dt.UTC).strftime("%H:%M:%S.%f")[:-3]
