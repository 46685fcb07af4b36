"""One run: an installation, Twilio's stand-in, two campaigns, and everything that the plan does to them."""

from __future__ import annotations

import csv
import http.cookiejar
import json
import re
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.processes import Installation, Server, answers, free_port, until

from . import door, judge
from .judge import Evidence, Pause, Violation
from .plan import KILLS, Deed, Rates, Step, steps

#: seconds that a frozen server stands still: its lease lasts 10
FROZEN = 12.0
#: seconds until the next step is taken although the campaign has not come so far: much may wait to be settled
PATIENCE = 8.0
#: one guest in so many of the second event shares a number with one of the first
SHARED = 25


@dataclass(frozen=True)
class Options:
    seed: int
    guests: int
    kills: int
    freezes: int
    pauses: int
    outages: int
    per_second: int
    rates: Rates
    #: seconds that everything may take to settle after the last deed
    settle: float


class ServerEnded(Exception):
    """The server ended although nobody told it to."""


@dataclass
class Door:
    """`chaos.door` as a process. Its record and log lie in `folder`."""

    folder: Path
    options: dict[str, Any]
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    _asked: set[str] = field(default_factory=set)
    _read: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def account(self, who: str = "") -> dict[str, str]:
        """The environment that makes it Twilio; requests of `who` carry that name at the door."""
        return {
            "TWILIO_API_URL": f"{self.url}/as/{who}" if who else self.url,
            "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
            "TWILIO_AUTH_TOKEN": "simulator-token",
            "TWILIO_WHATSAPP_FROM": "whatsapp:+15550100000",
        }

    def open(self) -> None:
        self.folder.mkdir(exist_ok=True)
        words = [str(self.port), str(self.folder), json.dumps(self.options)]
        self.process = subprocess.Popen([sys.executable, "-m", "chaos.door", *words])
        until(lambda: answers(f"{self.url}/phone"), 20, "the simulator answers")

    def close(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
            self.process = None

    def requests(self) -> list[judge.Request]:
        return judge.requests(self.folder)

    def reached(self) -> int:
        """How many numbers were asked for so far."""
        with (self.folder / door.LOG).open() as log:
            log.seek(self._read)
            for line in iter(log.readline, ""):
                if not line.endswith("\n"):
                    break
                self._read += len(line.encode())
                if line.startswith("{"):
                    self._asked.add(json.loads(line)["phone"])
        return len(self._asked)


@contextmanager
def opened(folder: Path, **options: Any) -> Iterator[Door]:
    """`options`: those of `chaos.door`."""
    quick = {
        "latency": [0.01, 0.25],
        "sent_after": [0.02, 0.3],
        "delivered_after": [0.05, 1.0],
        "read_after": [0.05, 2.0],
        "approve_after": 0.0,
    }
    found = Door(folder, {**quick, **options})
    try:
        found.open()
        yield found
    finally:
        found.close()


def event_with(installation: Installation, name: str, numbers: list[int]) -> str:
    """A new event with a guest for each number; its short name."""
    path = installation.folder.parent / f"{name}.csv"
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["Name", "Phone"])
        rows.writerows([f"Guest {n} of {name}", f"+97250{2_000_000 + n * 13}"] for n in numbers)
    event = installation.shell(
        "create-event", name, "--starts", "2027-05-01T18:00", "--timezone", "Asia/Jerusalem",
        "--venue", "The Hall",
    ).strip()  # fmt: skip
    installation.shell("import-guests", event, str(path))
    return event


@dataclass
class Run:
    """What is going on, and what was done so far."""

    options: Options
    folder: Path
    say: Callable[[str], None] = lambda text: None
    done: Counter[Deed] = field(default_factory=Counter)
    pauses: list[Pause] = field(default_factory=list)
    #: seconds until the doors were open again after each kill
    starts: list[float] = field(default_factory=list)

    def play(self) -> tuple[Evidence, list[Violation]]:
        """From an empty folder to the verdict. Raises ServerEnded, AssertionError for what never comes."""
        options = self.options
        with opened(self.folder / "twilio", seed=options.seed, rates=vars_of(options.rates)) as self.twilio:
            self.installation = Installation(
                self.folder / "data",
                {
                    **self.twilio.account(),
                    "CORDIALLY_UNSURE_SECONDS": "5",
                    "CORDIALLY_POLL_SECONDS": "2",
                },
            )
            events = self._prepare()
            self.server = self.installation.start()
            try:
                for event in events:
                    self.installation.shell("send", event)
                self._steps(events)
                return self._settled()
            finally:
                self.server.kill()

    def _prepare(self) -> list[str]:
        first = self.options.guests * 2 // 3
        numbers = (
            list(range(first)),
            [n % first if n % SHARED == 0 else n for n in range(first, self.options.guests)],
        )
        events = [event_with(self.installation, f"event-{n}", each) for n, each in enumerate(numbers, 1)]
        self.installation.shell("template", "rsvp_invitation", "--create")
        self.installation.shell("sender", "--per-second", str(self.options.per_second), "--per-hour", "none")
        return events

    def _steps(self, events: list[str]) -> None:
        options = self.options
        numbers = options.guests - (options.guests - options.guests * 2 // 3) // SHARED
        plan = steps(
            options.seed, numbers, options.kills,
            freezes=options.freezes, pauses=options.pauses, outages=options.outages,
        )  # fmt: skip
        deeds: dict[Deed, Callable[[Step], None]] = {
            Deed.KILL: self._kill,
            Deed.KILL_AT_START: self._kill_at_start,
            Deed.KILL_AT_END: self._kill_at_end,
            Deed.FREEZE: self._freeze,
            Deed.PAUSE: lambda step: self._pause(events, step),
            Deed.OUTAGE: self._outage,
        }
        for number, step in enumerate(plan, 1):
            self._when(lambda step=step: self.twilio.reached() >= step.reached, PATIENCE)  # type: ignore[misc]
            deeds[step.deed](step)
            self.done[step.deed] += 1
            if number % 10 == 0 or number == len(plan):
                self.say(
                    f"{number} of {len(plan)} deeds, {self.twilio.reached()} of {numbers} numbers reached"
                )

    def _when(self, true: Callable[[], bool], seconds: float) -> None:
        """Go on when it is so, or the time is over."""
        deadline = time.monotonic() + seconds
        while not true() and time.monotonic() < deadline:
            self._for(0.02)

    def _for(self, seconds: float) -> None:
        """Let it run so long."""
        try:
            code = self.server.process.wait(max(seconds, 0.001))
        except subprocess.TimeoutExpired:
            return
        raise ServerEnded(f"exit code {code}\n{self.server.log()[-3000:]}")

    def _restart(self) -> None:
        begun = time.monotonic()
        self.server = self.installation.start()
        self.starts.append(time.monotonic() - begun)

    def _kill(self, step: Step) -> None:
        self._for(step.after)
        self.server.kill()
        self._restart()

    def _kill_at_start(self, step: Step) -> None:
        """The second of two kills: what the first left was not yet looked at."""
        self.server.process.send_signal(signal.SIGKILL)
        self.server.process.wait(10)
        self.server = self.installation.launch()
        self._for(step.after)
        self.server.kill()
        self._restart()

    def _kill_at_end(self, step: Step) -> None:
        self._when(lambda: self._open() == 0, PATIENCE)
        self._kill(step)

    def _freeze(self, step: Step) -> None:
        self._for(step.after)
        self.server.process.send_signal(signal.SIGSTOP)
        try:
            self._for(FROZEN)
        finally:
            self.server.process.send_signal(signal.SIGCONT)

    def _outage(self, step: Step) -> None:
        self.twilio.close()
        self._for(step.after)
        self.twilio.open()

    def _pause(self, events: list[str], step: Step) -> None:
        """The host pauses one campaign of the two; that outlives a kill; then the host resumes it."""
        number = self.done[Deed.PAUSE] % len(events)
        host = Host(self.server)
        page = f"/e/{events[number]}/campaigns/{number + 1}"
        host.press(f"{page}/pause")
        begun = time.time()
        self._for(2.0)
        self.server.kill()
        self._restart()
        self._for(2.0)
        self.pauses.append(Pause(self._uid(number + 1), begun, time.time()))
        Host(self.server).press(f"{page}/resume")

    def _ask(self, question: str) -> Any:
        path = self.installation.folder / "cordially.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as database:
            return database.execute(question).fetchone()[0]

    def _uid(self, campaign: int) -> str:
        return str(self._ask(f"SELECT uid FROM invitations_campaign WHERE id = {campaign}"))

    def _open(self) -> int:
        open_ = "'queued', 'sending', 'unsure'"
        return int(self._ask(f"SELECT count(*) FROM invitations_invitation WHERE state IN ({open_})"))

    def evidence(self) -> Evidence:
        return judge.read(self.installation.folder, self.twilio.folder)

    def _settled(self) -> tuple[Evidence, list[Violation]]:
        """Wait until both sides say the same, or nothing more can be hoped for."""
        self.say("every deed is done; settling")
        deadline = time.monotonic() + self.options.settle
        while True:
            evidence = self.evidence()
            found = judge.judge(evidence, self.options.per_second, self.pauses)
            hopes = any(each.check not in judge.FOR_EVER for each in found)
            settled = not hopes and not evidence.unfinished and not self._open()
            if settled or time.monotonic() > deadline:
                return evidence, found
            self._for(1.0)

    def kills(self) -> int:
        return sum(self.done[deed] for deed in KILLS) + self.done[Deed.KILL_AT_START]


def vars_of(rates: Rates) -> dict[str, float]:
    return {name: getattr(rates, name) for name in rates.__dataclass_fields__}


class Host:
    """Somebody with a browser who is signed in."""

    def __init__(self, server: Server) -> None:
        self._url = server.url
        self._cookies = http.cookiejar.CookieJar()
        self._browser = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(self._cookies)
        )
        self._browser.open(server.signin_url(), timeout=10).read()

    def press(self, path: str) -> None:
        """Raises urllib.error.HTTPError when the page refuses."""
        page = self._browser.open(f"{self._url}{path.rpartition('/')[0]}", timeout=10).read().decode()
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert token is not None, "the page has no form"
        form = urllib.parse.urlencode({"csrfmiddlewaretoken": token[1]}).encode()
        self._browser.open(f"{self._url}{path}", form, timeout=10).read()
