"""A small real server on loopback that misbehaves on request, one byte string or close at a time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

ACCOUNT = "AC" + "0" * 32
SENDER = "+14155238886"
GUEST = "+15005550006"
REF = "HX" + "0" * 32
SID = "SM" + "1" * 32


@dataclass
class Seen:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


Answer = Callable[[Seen, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Server:
    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    answer: Answer | None = None

    def replies(self, status: int, body: object, **headers: str) -> None:
        raw = response(status, body, **headers)

        async def answer(seen: Seen, writer: asyncio.StreamWriter) -> None:
            writer.write(raw)

        self.answer = answer


def response(status: int, body: object, **headers: str) -> bytes:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(raw)}", "Content-Type: application/json"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + raw


def message(sid: str = SID, **changed: object) -> dict[str, object]:
    created = "Thu, 24 Aug 2023 05:01:45 +0000"
    return {
        "sid": sid,
        "account_sid": ACCOUNT,
        "status": "queued",
        "to": f"whatsapp:{GUEST}",
        "from": f"whatsapp:{SENDER}",
        "body": "Dear Ana",
        "date_created": created,
        "date_updated": created,
        "date_sent": None,
        "error_code": None,
        "error_message": None,
        "num_segments": "1",
        "num_media": "0",
    } | changed


@asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    server = Server()
    writers: set[asyncio.StreamWriter] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.add(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                first, *rest = head.strip().split("\r\n")
                headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in rest)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                method, target, _ = first.split(" ")
                server.seen.append(Seen(method, target, headers, body))
                assert server.answer is not None
                await server.answer(server.seen[-1], writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    listener = await asyncio.start_server(handle, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listener.close()
        for writer in writers:
            writer.transport.abort()
        await asyncio.sleep(0)
