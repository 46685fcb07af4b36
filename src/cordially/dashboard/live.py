"""The live line: what is committed is on every open page within half a second.

One thread a process looks at the ids of the newest status events and answers, a few queries however many
pages are open, and tells each page which guests changed. A page then draws only what can be seen on it, at
most four times a second, so that a hundred thousand changes at once cost no more than a hundred.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import threading
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

from django.db import DatabaseError, close_old_connections, connections
from django.db.models import Q, QuerySet

from cordially.invitations.models import Campaign, Sender, StatusEvent
from cordially.rsvp.models import Answer

from .holes import Holes
from .position import Position, newest

logger = logging.getLogger(__name__)
T = TypeVar("T")

POLL = 0.15  # seconds between two looks when nobody calls
PAUSE = 0.04  # between two looks when somebody does
FRAME = 0.25  # between two frames of one page
TICK = 1.0  # between two frames while a pace is shown
CROWD = 8  # with more lines than this all draw at the same moments, so that what they share is read once
BEAT = 15.0  # silence after which a comment keeps the line open
LIFE = 900.0  # then the browser connects anew, and shows that it may still look
MANY = 2000  # more changes at one look than this are "everything"
_GAP = 10.0  # an id that was left out may still be committed for this long

_threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="live-frames")
#: many pages draw what was read for all of them: two threads would only take turns at the interpreter
_crowd = ThreadPoolExecutor(max_workers=1, thread_name_prefix="live-crowd")


class Page(Protocol):
    """What an open page can draw."""

    ticking: bool

    def draw(self, changed: set[int] | None, look: int | None = None) -> str: ...


class Listener:
    """One open page, waiting in its event loop."""

    def __init__(self, event_id: int) -> None:
        self.event_id = event_id
        self.loop = asyncio.get_running_loop()
        self.asked = asyncio.Event()
        self.closed = False
        self.everything = False
        self.guests: set[int] = set()
        self.position = Position(0, 0)
        self.look = 0
        self._lock = threading.Lock()

    def tell(self, guests: set[int] | None, position: Position, look: int = 0) -> None:
        """From the tailer's thread: these guests changed; None for everything. `look`: which look saw it."""
        with self._lock:
            self.position = position
            self.look = max(look, self.look)
            if guests is None or len(self.guests) > MANY:
                self.everything = True
            else:
                self.guests |= guests
        self._call()

    def take(self) -> tuple[set[int] | None, Position, int]:
        """What changed since the last time, how far that is, and at which look of the tailer."""
        with self._lock:
            changed = None if self.everything else self.guests
            self.everything, self.guests = False, set()
            self.asked.clear()
            return changed, self.position, self.look

    def close(self) -> None:
        self.closed = True
        self._call()

    def _call(self) -> None:
        try:
            self.loop.call_soon_threadsafe(self.asked.set)
        except RuntimeError:  # the loop has ended, and its page with it
            self.closed = True


class Tailer:
    """Follows the feed for all open pages of this process; its thread runs only while somebody listens."""

    def __init__(self) -> None:
        self.position = Position(0, 0)
        #: how often it has looked; what is read after a look is at least as new as what that saw
        self.looks = 0
        self._listeners: set[Listener] = set()
        self._lock = threading.RLock()
        self._wanted = threading.Event()
        self._thread: threading.Thread | None = None
        self._holes = Holes()
        self._answers: set[int] = set()
        self._signs: dict[int, Any] = {}
        #: events whose guests a host changed here
        self._touched: set[int] = set()
        #: until then (monotonic) something may have been written below a position that a page was drawn at
        self.late_until = 0.0
        self._is_down = False

    def join(self, listener: Listener) -> None:
        """From now on the listener hears of everything; what was before it reads itself."""
        with self._lock:
            if self._is_down:
                listener.close()
                return
            if self._thread is None:
                self.begin()
                self._thread = threading.Thread(target=self._run, name="live-tailer", daemon=True)
                self._thread.start()
            listener.position, listener.look = self.position, self.looks
            self._listeners.add(listener)

    def leave(self, listener: Listener) -> None:
        with self._lock:
            self._listeners.discard(listener)

    @property
    def lines(self) -> int:
        return len(self._listeners)

    @property
    def is_crowded(self) -> bool:
        return len(self._listeners) > CROWD

    def wake(self) -> None:
        self._wanted.set()

    def touch(self, event_id: int) -> None:
        with self._lock:
            self._touched.add(event_id)
        self._wanted.set()

    def start(self) -> None:
        """Lines may be opened (again)."""
        with self._lock:
            self._is_down = False

    def shutdown(self) -> None:
        """End every line at once, and open none any more."""
        with self._lock:
            self._is_down = True
            for listener in self._listeners:
                listener.close()
        self._wanted.set()

    def begin(self) -> None:
        """Start at the end of the feed. What is being committed right now may still come below it."""
        self.position = newest()
        top = self.position.status
        known = StatusEvent.objects.filter(pk__gt=top - MANY, pk__lte=top).values_list("pk", flat=True)
        self._holes = Holes()
        self._holes.note(max(0, top - MANY), known, time.monotonic() + _GAP)
        self._answers = set(self._late_answers().values_list("pk", flat=True))
        self._signs = self._read_signs()

    def look(self) -> dict[int, set[int] | None]:
        """Event id -> guests that changed since the last look (None: everything). Tells the listeners."""
        changed: dict[int, set[int] | None] = defaultdict(set)
        status = self._look_at_statuses(changed)
        answer = self._look_at_answers(changed)
        signs = self._read_signs()
        for event_id in self._events():
            if signs.get(event_id) != self._signs.get(event_id):
                changed[event_id]
        self._signs = signs
        with self._lock:
            touched, self._touched = self._touched, set()
        for event_id in touched:
            changed[event_id] = None
        self.position = Position(status, answer)
        with self._lock:
            self.looks += 1
            for listener in self._listeners:
                if listener.event_id in changed:
                    listener.tell(changed[listener.event_id], self.position, self.looks)
        return dict(changed)

    def _events(self) -> set[int]:
        with self._lock:
            return {listener.event_id for listener in self._listeners}

    def _look_at_statuses(self, changed: dict[int, set[int] | None]) -> int:
        last = self.position.status
        # the lower end is said by itself, so that no database reads the table from its beginning
        low = min([last, *(span.first - 1 for span in self._holes.spans)])
        found = StatusEvent.objects.filter(Q(pk__gt=last) | self._holes.query, pk__gt=low)
        rows = list(
            found.order_by("pk").values_list("pk", "invitation__guest", "invitation__campaign__event")[
                : MANY + 1
            ]
        )
        now = time.monotonic()
        if len(rows) > MANY:
            for event_id in self._events():
                changed[event_id] = None
            seen = set(found.order_by().values_list("pk", flat=True))
        else:
            seen = {pk for pk, _, _ in rows}
        top = max(seen | {last})
        if any(pk <= last for pk in seen):
            self.late_until = now + _GAP
        self._holes.fill(seen, now)
        self._holes.note(last, (pk for pk in seen if pk > last), now + _GAP)
        if len(rows) > MANY:
            return top
        for _, guest_id, event_id in rows:
            _add(changed, event_id, guest_id)
        return top

    def _look_at_answers(self, changed: dict[int, set[int] | None]) -> int:
        rows = list(self._late_answers().values_list("pk", "guest", "event"))
        for pk, guest_id, event_id in rows:
            if pk not in self._answers:
                _add(changed, event_id, guest_id)
        self._answers = {pk for pk, _, _ in rows}
        return max(self._answers | {self.position.answer})

    def _late_answers(self) -> QuerySet[Answer]:
        """The newest, with a little overlap: on PostgreSQL one may be committed after its successor."""
        return Answer.objects.filter(pk__gt=self.position.answer - 20).order_by("pk")

    def _read_signs(self) -> dict[int, Any]:
        """What else the pages show: the states of campaigns and senders."""
        campaigns = Campaign.objects.filter(event__in=self._events()).order_by("-pk")
        senders = tuple(
            Sender.objects.values_list("pk", "state", "paused_reason", "held_until", "per_second")
        )
        signs: dict[int, Any] = defaultdict(lambda: [senders])
        for event_id, *sign in campaigns.values_list("event", "pk", "state", "paused_reason", "changed_at")[
            :200
        ]:
            signs[event_id].append(tuple(sign))
        return dict(signs)

    def _run(self) -> None:
        try:
            while self._is_wanted():
                self._wanted.wait(POLL)
                self._wanted.clear()
                try:
                    self.look()
                except DatabaseError:
                    logger.warning("live: the database can't be read; trying again", exc_info=True)
                    connections.close_all()
                    time.sleep(TICK)
                time.sleep(PAUSE)
        finally:
            connections.close_all()

    def _is_wanted(self) -> bool:
        with self._lock:
            if self._listeners and not self._is_down:
                return True
            self._thread = None
            return False


def _add(changed: dict[int, set[int] | None], event_id: int, guest_id: int) -> None:
    guests = changed[event_id]
    if guests is not None:
        guests.add(guest_id)


_tailer = Tailer()


def wake() -> None:
    """Something was committed: look now. Any thread, any time; never fails."""
    _tailer.wake()


def touch(event_id: int) -> None:
    """A host changed guests of this event: every page of it that is open in this process is drawn anew."""
    _tailer.touch(event_id)


def open_lines() -> int:
    """How many pages follow in this process."""
    return _tailer.lines


def start() -> None:
    """The server starts: needed only where one has stopped in the same process before."""
    _tailer.start()


def shutdown() -> None:
    """The server stops: end all lines, so that nothing holds it up."""
    _tailer.shutdown()


async def in_thread(act: Callable[..., T], *args: Any) -> T:
    """Database work beside the event loop, in one of a few threads that all lines share."""

    def tidy() -> T:
        close_old_connections()
        try:
            return act(*args)
        finally:
            close_old_connections()

    return await asyncio.get_running_loop().run_in_executor(_threads, tidy)


async def _in_crowd(act: Callable[..., T], *args: Any) -> T:
    """The same for one of many: opening the database anew each time would cost more than the reading."""

    def once_more() -> T:
        try:
            return act(*args)
        except DatabaseError:
            connections.close_all()
            return act(*args)

    return await asyncio.get_running_loop().run_in_executor(_crowd, once_more)


def message(html: str, position: Position) -> bytes:
    """One server-sent event, which a browser can resume from."""
    lines = "".join(f"data: {line}\n" for line in html.splitlines() if line.strip())
    return f"event: patch\nid: {position}\n{lines}\n".encode()


async def lines(
    event_id: int,
    page: Page,
    since: str,
    *,
    tailer: Tailer | None = None,
    may_look: Callable[[], bool] = lambda: True,
) -> AsyncIterator[bytes]:
    """The stream of one open page, until it leaves, the server stops, or its time is over.

    `may_look`: asked every few seconds in a thread; the line ends when its reader may not see it any more.
    """
    tailer = tailer or _tailer
    listener = Listener(event_id)
    await in_thread(tailer.join, listener)
    clock = listener.loop.time
    end = clock() + LIFE
    try:
        yield b"retry: 2000\n\n"
        if since != str(listener.position) or time.monotonic() < tailer.late_until:
            listener.tell(None, listener.position)
        drawn = 0.0
        spoke = clock()
        # not all pages that were opened together ask in the same moment
        checked = spoke - random.random() * (BEAT - 1)
        while not listener.closed and clock() < end:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(listener.asked.wait(), TICK if page.ticking else BEAT)
            early = FRAME - clock() % FRAME if tailer.is_crowded else drawn + FRAME - clock()
            if early > 0 and not listener.closed:
                await asyncio.sleep(early)
            if listener.closed:
                break
            drawn = clock()
            work = _in_crowd if tailer.is_crowded else in_thread
            if drawn - checked >= BEAT - 1:
                checked = drawn
                if not await work(may_look):
                    break
            changed, position, look = listener.take()
            if html := await work(page.draw, changed, look):
                yield message(html, position)
                spoke = clock()
            elif clock() - spoke >= BEAT - 1:
                yield b": still here\n\n"
                spoke = clock()
        yield b"event: bye\ndata: \n\n"
    finally:
        tailer.leave(listener)
