"""The simulator as a process of its own, going by the plan; its log has a line for each request at its door.

    python -m chaos.door PORT FOLDER JSON

The log, `door.jsonl`, is what the process reads at its next start: it may be killed like any other.
"""

from __future__ import annotations

import json
import socket
import struct
import sys
import time
from collections import Counter
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import IO, Any
from urllib.parse import parse_qs, urlsplit

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cordially.providers.simulator import app as simulator
from cordially.providers.simulator import plan as simulator_plan
from cordially.providers.simulator.config import SimulatorConfig
from cordially.providers.simulator.errors import FAILURES, ApiError
from cordially.providers.simulator.magic import Answer, Fate

from . import plan

LOG = "door.jsonl"
#: asks the kernel when a packet came in: no busy process can make two requests look closer than they were
_SO_TIMESTAMPNS = 35
#: seconds; later than that some slow answers and late reports come
_SLOW = 3.0

for _code in sorted(plan.TRIED_AGAIN):
    FAILURES.setdefault(_code, "A hiccup of the channel")


class Clocked(socket.socket):
    """Knows when what it read last had come in. A listening one accepts such ones."""

    #: the other end's port -> time.time
    came: dict[int, float] = {}

    def accept(self) -> tuple[socket.socket, Any]:
        fd, address = self._accept()  # type: ignore[attr-defined]
        return Clocked(self.family, self.type, self.proto, fileno=fd), address

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        data, notes, _, _ = self.recvmsg(size, 64, flags)
        if data:
            Clocked.came[self.getpeername()[1]] = _kernel_time(notes) or time.time()
        return data


def _kernel_time(notes: list[tuple[int, int, bytes]]) -> float | None:
    for level, kind, value in notes:
        if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS):
            seconds, nanoseconds = struct.unpack("qq", value)
            return float(seconds + nanoseconds / 1e9)
    return None


@dataclass(slots=True)
class Asked:
    """A request for a message."""

    at: float
    port: int
    #: which server asked: the first part of the path at which it believes Twilio to be
    who: str
    key: str


_asked: ContextVar[Asked] = ContextVar("asked")


class ChannelFull(ApiError):
    """63018 in the answer, as Twilio gives it when too much was asked of the channel."""

    def __init__(self) -> None:
        Exception.__init__(self, FAILURES[63018])
        self.code, self.status, self.headers = 63018, 429, {}


class Planned(simulator_plan.Chance):
    """Takes its chances from the plan instead of in the order in which requests come."""

    rates: plan.Rates
    seed: int
    log: IO[str]
    numbers: Counter[str]

    def __init__(self, config: SimulatorConfig) -> None:
        super().__init__(config)
        self._retry_after = False

    def answer(self, phone: str) -> tuple[Answer, int, Fate]:
        number = self.numbers[phone]
        self.numbers[phone] += 1
        # the simulator draws the rest (latency, steps) from here before it takes the next request
        self._random: Random = plan.dice(self.seed, phone, number)
        reply = plan.reply(self.rates, self.seed, phone, number, self._random)
        self._retry_after = reply.retry_after
        self._note(phone, number, reply)
        if reply.code == 63018:
            raise ChannelFull()
        return reply.answer, reply.code, reply.fate

    def strikes(self, phone: str) -> int:
        return 1 if self._retry_after else 0

    def _note(self, phone: str, number: int, reply: plan.Reply) -> None:
        asked = _asked.get()
        entry = {
            "at": asked.at, "port": asked.port, "who": asked.who, "key": asked.key, "phone": phone,
            "number": number, "answer": reply.answer.name, "code": reply.code,
        }  # fmt: skip
        self.log.write(json.dumps(entry) + "\n")
        self.log.flush()


class _Again:
    """A body that was read once already, to be read again."""

    def __init__(self, receive: Receive, body: bytes) -> None:
        #: the simulator cuts lines by it
        self.transport = getattr(getattr(receive, "__self__", None), "transport", None)
        self._receive = receive
        self._body: bytes | None = body

    async def receive(self) -> Message:
        body, self._body = self._body, None
        if body is None:
            return await self._receive()
        return {"type": "http.request", "body": body, "more_body": False}


def watched(app: ASGIApp) -> ASGIApp:
    """The same app, told of each request for a message who asked, when, and for which attempt."""

    async def watch(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        who, scope = _without_name(scope)
        if scope["method"] != "POST" or not scope["path"].endswith("/Messages.json"):
            await app(scope, receive, send)
            return
        port = scope["client"][1]
        at = Clocked.came.get(port, time.time())
        body = b""
        while (part := await receive())["type"] == "http.request":
            body += part.get("body", b"")
            if not part.get("more_body"):
                break
        callback = parse_qs(body.decode()).get("StatusCallback", [""])[-1]
        key = parse_qs(urlsplit(callback).query).get("k", [""])[-1]
        _asked.set(Asked(at, port, who, key))
        await app(scope, _Again(receive, body).receive, send)

    return watch


def _without_name(scope: Scope) -> tuple[str, Scope]:
    """`/as/<name>/…` is `/…`, asked by that one."""
    if not scope["path"].startswith("/as/"):
        return "", scope
    _, _, who, path = scope["path"].split("/", 3)
    return who, {**scope, "path": f"/{path}", "raw_path": f"/{path}".encode()}


def read_log(path: Path) -> list[dict[str, Any]]:
    """One entry for each request for a message, in the order in which they were taken."""
    return [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]


def main(port: str, folder: str, options: str) -> None:
    """`options`: `seed`, `rates` (the fields of Rates) and the fields of SimulatorConfig."""
    given: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in json.loads(options).items()
    }
    path = Path(folder) / LOG
    Planned.log = path.open("a")
    Planned.log.write("\n")  # a line that a kill cut off ends here
    Planned.log.flush()
    Planned.numbers = Counter(entry["phone"] for entry in read_log(path))
    Planned.rates = plan.Rates(**given.pop("rates", {}))
    Planned.seed = given.pop("seed", 0)
    simulator.Chance = Planned  # type: ignore[attr-defined]
    # its own limit is off: what counts is what comes to the door
    config = SimulatorConfig(
        path=Path(folder) / "simulator.db", per_second=0, slow_seconds=_SLOW, callback_delay_seconds=_SLOW, **given
    )  # fmt: skip
    listener = Clocked()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)  # its children inherit it
    listener.bind(("127.0.0.1", int(port)))
    application = watched(simulator.create_simulator(config).app)
    # asyncio's own loop reads through the socket object; uvloop goes past it
    server = uvicorn.Server(
        uvicorn.Config(application, loop="asyncio", log_level="warning", access_log=False, backlog=1024)
    )
    server.run(sockets=[listener])


if __name__ == "__main__":
    main(*sys.argv[1:])
