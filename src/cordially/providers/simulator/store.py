"""The record: every message, arrival and template, in SQLite, so that it outlives the process.

With synchronous=OFF a commit costs some microseconds and survives the process being killed, though not the
machine losing power. That is all that a stand-in needs, so each change is written at once.
"""

from __future__ import annotations

import json
import sqlite3
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from .content import Content
from .limits import MOST_ARRIVALS
from .review import Approval

CHANNEL = "whatsapp:"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS messages (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    sid TEXT NOT NULL UNIQUE,
    sender TEXT,
    recipient TEXT NOT NULL,
    status TEXT NOT NULL,
    error_code INTEGER,
    content_sid TEXT,
    variables TEXT NOT NULL,
    body TEXT NOT NULL,
    service_sid TEXT,
    callback TEXT NOT NULL,
    num_media INTEGER NOT NULL,
    created_at REAL NOT NULL,
    created_monotonic REAL NOT NULL,
    updated_at REAL NOT NULL,
    sent_at REAL,
    plan TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS messages_by_recipient ON messages (recipient);
CREATE INDEX IF NOT EXISTS messages_unfinished ON messages (seq) WHERE plan != '[]';
CREATE TABLE IF NOT EXISTS arrivals (sender TEXT NOT NULL, at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS contents (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    sid TEXT NOT NULL UNIQUE,
    friendly_name TEXT,
    language TEXT NOT NULL,
    variables TEXT NOT NULL,
    types TEXT NOT NULL,
    created_at REAL NOT NULL,
    approval TEXT,
    account TEXT NOT NULL DEFAULT ''
);
"""

_COLUMNS = (
    "seq, sid, recipient, sender, status, error_code, content_sid, variables, body, service_sid, callback, "
    "num_media, created_at, created_monotonic, updated_at, sent_at"
)
_WIDTH = _COLUMNS.count(",") + 1
_VARIABLES = 7
_TIDIED_EVERY = 1000


@dataclass(frozen=True, slots=True)
class SimMessage:
    """One message as Twilio would know it. `to` and `from_` carry the channel: whatsapp:+…"""

    seq: int
    sid: str
    to: str
    from_: str | None
    status: str
    error_code: int | None
    content_sid: str | None
    variables: dict[str, str]
    body: str
    service_sid: str | None
    callback: str
    num_media: int
    #: time.time
    created_at: float
    #: time.monotonic: comparable across processes until the machine restarts
    created_monotonic: float
    updated_at: float
    sent_at: float | None

    @property
    def phone(self) -> str:
        """The recipient in E.164."""
        return self.to.removeprefix(CHANNEL)


@dataclass(frozen=True, slots=True)
class Recipient:
    """One line of the list of phones."""

    phone: str
    messages: int
    last: SimMessage


class Store:
    def __init__(self, path: Path | None, account: str = "") -> None:
        """`account`: whose the templates are that a record of before doesn't tell of."""
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        # Tests read the record from another thread; SQLite's own lock is enough for that.
        self._db = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False)
        self._db.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; {_SCHEMA}")
        if "account" not in {row[1] for row in self._db.execute("PRAGMA table_info(contents)")}:
            self._db.execute("ALTER TABLE contents ADD COLUMN account TEXT NOT NULL DEFAULT ''")
        weakref.finalize(self, self._db.close)
        rows = self._db.execute(
            "SELECT sid, friendly_name, language, variables, types, created_at, approval, account "
            "FROM contents ORDER BY seq"
        )
        self._contents = {row[0]: _content(row, account) for row in rows}

    @contextmanager
    def together(self) -> Iterator[None]:
        """One commit for all that is written inside, whether or not it ends with an error."""
        self._db.execute("BEGIN")
        try:
            yield
        finally:
            if self._db.in_transaction:
                self._db.execute("COMMIT")

    # messages

    def add(self, message: SimMessage, plan: str) -> None:
        self._db.execute(
            "INSERT INTO messages (sid, recipient, sender, status, error_code, content_sid, variables, body, "
            "service_sid, callback, num_media, created_at, created_monotonic, updated_at, sent_at, plan) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                message.sid,
                message.to,
                message.from_,
                message.status,
                message.error_code,
                message.content_sid,
                json.dumps(message.variables),
                message.body,
                message.service_sid,
                message.callback,
                message.num_media,
                message.created_at,
                message.created_monotonic,
                message.updated_at,
                message.sent_at,
                plan,
            ),
        )

    def set_status(
        self, sid: str, status: str, error_code: int, now: float, *, sent: bool, sender: str | None = None
    ) -> None:
        self._db.execute(
            "UPDATE messages SET status = ?, error_code = ?, updated_at = ?, "
            "sent_at = CASE WHEN ? THEN coalesce(sent_at, ?) ELSE sent_at END, sender = coalesce(sender, ?) "
            "WHERE sid = ?",
            (status, error_code or None, now, sent, now, sender, sid),
        )

    def set_plan(self, sid: str, plan: str) -> None:
        self._db.execute("UPDATE messages SET plan = ? WHERE sid = ?", (plan, sid))

    def redact(self, sid: str, now: float) -> None:
        self._db.execute("UPDATE messages SET body = '', updated_at = ? WHERE sid = ?", (now, sid))

    def delete(self, sid: str) -> None:
        self._db.execute("DELETE FROM messages WHERE sid = ?", (sid,))

    def message(self, sid: str) -> SimMessage | None:
        row = self._db.execute(f"SELECT {_COLUMNS} FROM messages WHERE sid = ?", (sid,)).fetchone()
        return _message(row) if row else None

    def messages(
        self,
        conditions: Sequence[tuple[str, Any]] = (),
        *,
        limit: int = -1,
        newest_first: bool = False,
    ) -> list[SimMessage]:
        """Those that meet every condition, each an SQL comparison with its value."""
        where = " AND ".join(text for text, _ in conditions) or "1"
        order = "DESC" if newest_first else "ASC"
        rows = self._db.execute(
            f"SELECT {_COLUMNS} FROM messages WHERE {where} ORDER BY seq {order} LIMIT ?",
            (*(value for _, value in conditions), limit),
        )
        return [_message(row) for row in rows]

    def unfinished(self) -> list[tuple[SimMessage, str]]:
        """Messages whose way was interrupted, each with what is left of its plan."""
        rows = self._db.execute(f"SELECT {_COLUMNS}, plan FROM messages WHERE plan != '[]' ORDER BY seq")
        return [(_message(row), row[-1]) for row in rows.fetchall()]

    def recipients(self, limit: int) -> list[Recipient]:
        """Whom messages went to, the latest first."""
        columns = ", ".join(f"m.{name.strip()}" for name in _COLUMNS.split(","))
        rows = self._db.execute(
            f"SELECT {columns}, g.n FROM messages m JOIN "
            "(SELECT max(seq) AS last, count(*) AS n FROM messages GROUP BY recipient ORDER BY last DESC LIMIT ?) g "
            "ON m.seq = g.last ORDER BY m.seq DESC",
            (limit,),
        )
        found = ((_message(row), row[-1]) for row in rows)
        return [Recipient(message.phone, count, message) for message, count in found]

    # arrivals

    def add_arrival(self, sender: str, at: float) -> None:
        row = self._db.execute("INSERT INTO arrivals VALUES (?, ?)", (sender, at)).lastrowid or 0
        if row % _TIDIED_EVERY == 0:
            self._db.execute("DELETE FROM arrivals WHERE rowid <= ?", (row - MOST_ARRIVALS,))

    def arrivals(self, sender: str) -> list[float]:
        rows = self._db.execute("SELECT at FROM arrivals WHERE sender = ? ORDER BY rowid", (sender,))
        return [row[0] for row in rows]

    # templates

    def save_content(self, content: Content) -> None:
        approval = content.approval
        values = (
            content.friendly_name,
            content.language,
            json.dumps(content.variables),
            json.dumps(content.types),
            content.created_at,
            json.dumps(astuple(approval)) if approval else None,
            content.account,
        )
        self._db.execute(
            "INSERT INTO contents (sid, friendly_name, language, variables, types, created_at, approval, account) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (sid) DO UPDATE SET friendly_name = excluded.friendly_name, "
            "language = excluded.language, variables = excluded.variables, types = excluded.types, "
            "approval = excluded.approval",
            (content.sid, *values),
        )
        self._contents[content.sid] = content

    def delete_content(self, sid: str) -> None:
        self._db.execute("DELETE FROM contents WHERE sid = ?", (sid,))
        self._contents.pop(sid, None)

    def content(self, sid: str, account: str = "") -> Content | None:
        """That of any account, unless one is named."""
        found = self._contents.get(sid)
        return found if found is not None and account in ("", found.account) else None

    def contents(self, account: str) -> list[Content]:
        return [content for content in self._contents.values() if content.account == account]

    def clear(self, *, contents: bool) -> None:
        self._db.executescript("DELETE FROM messages; DELETE FROM arrivals;")
        if contents:
            self._db.execute("DELETE FROM contents")
            self._contents.clear()


def _message(row: Sequence[Any]) -> SimMessage:
    values = list(row[:_WIDTH])
    values[_VARIABLES] = json.loads(values[_VARIABLES])
    return SimMessage(*values)


def _content(row: Sequence[Any], otherwise: str) -> Content:
    sid, name, language, variables, types, created_at, approval, account = row
    return Content(
        sid,
        name,
        language,
        json.loads(variables),
        json.loads(types),
        created_at,
        Approval(*json.loads(approval)) if approval else None,
        account or otherwise,
    )
