"""The door under everything that can be thrown at it: odd bodies, odd headers, forged and repeated signatures."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hmac
import json
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, urlencode

import pytest
import pytest_asyncio
import uvicorn
from django.apps import apps
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.routing import Route
from tests.people import ACCOUNT, NOW, a_campaign, some_guests

from cordially.delivery.keyring import Keyring
from cordially.delivery.webhooks import MAX_BODY, PATH, Recorder, StatusDoor
from cordially.invitations import ledger
from cordially.invitations.attempts import Attempt
from cordially.invitations.models import Invitation, StatusEvent, UnmatchedCallback
from cordially.lib.ports import bind
from cordially.providers.twilio.webhook import MOST_PARAMS
from cordially.service import Service

from .test_webhooks import FORM, SITE, TOKEN, SometimesDown, the_form, thread  # noqa: F401

pytestmark = pytest.mark.django_db(transaction=True)

#: each example finds the tables as the one before left them: what counts is the difference that it makes
tireless = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

Pairs = list[tuple[str, str]]


class Answer(NamedTuple):
    status: int
    body: bytes


def sign(url: str, pairs: Sequence[tuple[str, str]], token: str = TOKEN) -> str:
    """As the reference says it: the address, then each distinct name and value in their order."""
    text = url + "".join(name + value for name, value in sorted(set(pairs)))
    return base64.b64encode(hmac.digest(token.encode(), text.encode(), "sha1")).decode()


async def ask(
    app: Starlette,
    body: bytes,
    query: str = "",
    headers: Sequence[tuple[str, bytes]] = (),
    *,
    method: str = "POST",
    path: str = PATH,
    chunk: int = 10_000,
) -> Answer:
    """One request, through the very route; the body comes in chunks of that size."""
    chunks = [body[start : start + chunk] for start in range(0, len(body), chunk)] or [b""]
    scope = {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(),
        "query_string": query.encode(), "scheme": "http", "http_version": "1.1",
        "headers": [(name.encode(), value) for name, value in headers],
    }  # fmt: skip
    told: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not chunks:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": chunks.pop(0), "more_body": bool(chunks)}

    async def send(message: dict[str, Any]) -> None:
        told.append(message)

    async with asyncio.timeout(20):
        await app(scope, receive, send)
    return Answer(told[0]["status"], b"".join(message.get("body", b"") for message in told[1:]))


async def post(app: Starlette, pairs: Pairs, key: str, signature: str | None = None) -> Answer:
    """A form, signed as Twilio does unless told otherwise."""
    query = f"k={quote(key, safe='')}"
    signature = sign(f"{SITE}{PATH}?{query}", pairs) if signature is None else signature
    headers = [("content-type", FORM.encode()), ("x-twilio-signature", signature.encode("utf-8", "replace"))]
    return await ask(app, urlencode(pairs).encode(), query, headers)


def rows(*but: str) -> dict[str, list[dict[str, Any]]]:
    """Every row of our own tables, without those columns."""
    return {
        model.__name__: [
            {name: value for name, value in row.items() if name not in but}
            for row in model.objects.order_by("pk").values()
        ]
        for config in apps.get_app_configs()
        if config.name.startswith("cordially.")
        for model in config.get_models()
    }


def entries() -> int:
    """What was ever recorded, of known invitations and others."""
    return StatusEvent.objects.count() + UnmatchedCallback.objects.count()


def is_plain(answer: Answer) -> None:
    assert answer.status < 500, answer
    assert len(answer.body) < 100, answer
    assert b"Traceback" not in answer.body and b"<" not in answer.body, answer


@pytest.fixture
def app(thread: SometimesDown) -> Starlette:  # noqa: F811
    door = StatusDoor(Recorder(thread), SITE, Keyring({ACCOUNT: (TOKEN,)}))
    return Starlette(routes=[Route(PATH, door.answer, methods=["POST"])])


@pytest_asyncio.fixture
async def attempts(thread: SometimesDown, sender: Any, event: Any) -> list[Attempt]:  # noqa: F811
    """Two guests were written to, and no answer has come yet."""

    def claimed() -> list[Attempt]:
        a_campaign(some_guests(event, 2), sender)
        ledger.take_lease(sender.pk, "me", 10, NOW)
        return [claim.attempt for claim in ledger.tick(sender.pk, "me", limit=2, now=NOW).claims]

    return await thread.run(claimed)


# --- what is thrown

FORM_TEXT = urlencode(the_form("read"))
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
NAMES = st.sampled_from(["MessageSid", "MessageStatus", "ErrorCode", "", "k", "AccountSid", "\0"]) | TEXT
VALUES = st.sampled_from(["SM" + "a" * 32, "read", "failed", "63016", "", "-1", "\0", "x" * 41]) | TEXT
LISTS = st.lists(st.tuples(NAMES, VALUES), max_size=12)
HUGE = [
    b"&" * 65_000,
    b"=" * 65_000,
    b"a=1&" * 5_000,
    b"x" * 60_000 + b"=1",
    b"a=" + b"%00" * 20_000,
    b"%" * 65_000,
    b"MessageSid=" + b"%F0%9F%A5%82" * 5_000,
    *(b"a=" + b"x" * (MAX_BODY - 2 + more) for more in (-1, 0, 1, 1000)),
]
BODIES = (
    st.binary(max_size=200)
    | LISTS.map(lambda pairs: urlencode(pairs).encode())
    | st.text("%&=+;#?0123456789abcdefABCDEF", max_size=200).map(str.encode)
    | st.sampled_from(HUGE)
    | st.sampled_from(
        [
            FORM_TEXT.encode(),
            FORM_TEXT.encode("utf-16"),
            FORM_TEXT.encode("utf-8-sig"),
            gzip.compress(FORM_TEXT.encode()),
            json.dumps(the_form("read")).encode(),
            FORM_TEXT.encode() + b"&MessageStatus=failed",
            FORM_TEXT.encode() + b"&Body=\xff",
            FORM_TEXT.encode() + b"&Body=%C3%28",
            b'--x\r\nContent-Disposition: form-data; name="MessageStatus"\r\n\r\nread\r\n--x--\r\n',
            b"&".join(f"n{number}=1".encode() for number in range(MOST_PARAMS + 1)),
        ]
    )
)
TYPES = st.sampled_from(
    [
        FORM,
        FORM.upper(),
        f"{FORM}; charset=UTF-8",
        f"{FORM}; charset=utf-16",
        f"{FORM};charset=\xff;;;",
        f"  {FORM}  ",
        "",
        ";",
        "application/json",
        "multipart/form-data; boundary=x",
        "text/plain",
        "\0",
    ]
)
MORE_HEADERS = st.lists(
    st.sampled_from(
        [
            ("content-type", b"application/json"),
            ("content-type", FORM.encode()),
            ("content-encoding", b"gzip"),
            ("content-length", b"0"),
            ("content-length", b"999999999999"),
            ("content-length", b"-1"),
            ("transfer-encoding", b"chunked"),
            ("host", b"["),
            ("host", b"\xff\xfe"),
            ("x-forwarded-host", b"evil.example, \x00"),
            ("x-forwarded-proto", b"gopher"),
            ("x-twilio-signature", b"AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        ]
    ),
    max_size=4,
)
QUERIES = st.sampled_from(
    ["", "k=", "k=%ff", "k=%00", "&&&", "=", "k=" + "x" * 5_000, "k=1&k=2", "%"]
) | TEXT.map(quote)


# --- and what must hold


@tireless
@given(
    body=BODIES, content_type=TYPES, more=MORE_HEADERS, query=QUERIES, chunk=st.sampled_from([7_000, 70_000])
)
async def test_whatever_is_posted_without_a_signature_changes_nothing(
    app, thread, attempts, body, content_type, more, query, chunk  # noqa: F811
):  # fmt: skip
    before = await thread.run(rows)
    headers = [("content-type", content_type.encode("latin-1")), *more]
    answer = await ask(app, body, query, headers, chunk=chunk)
    is_plain(answer)
    assert answer.status in (400, 403, 413)
    assert await thread.run(rows) == before


@tireless
@given(body=BODIES, content_type=TYPES, query=QUERIES, known=st.booleans())
@example(body=urlencode(the_form("re\0ad")).encode(), content_type=FORM, query="", known=True)
@example(
    body=urlencode(the_form("failed", ErrorCode="999999999")).encode(),
    content_type=FORM,
    query="",
    known=True,
)
async def test_whatever_is_signed_is_recorded_once_or_refused(
    app, thread, attempts, body, content_type, query, known  # noqa: F811
):  # fmt: skip
    if known:
        query = f"k={attempts[0].key}"
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, errors="strict")
    except UnicodeDecodeError:
        pairs = []
    headers = [
        ("content-type", content_type.encode("latin-1")),
        ("x-twilio-signature", sign(f"{SITE}{PATH}?{query}" if query else SITE + PATH, pairs).encode()),
    ]
    before, count = await thread.run(rows), await thread.run(entries)
    answer = await ask(app, body, query, headers)
    is_plain(answer)
    if answer.status == 204:
        assert await thread.run(entries) - count <= 1
    else:
        assert await thread.run(rows) == before


FORGERIES = {
    "none": lambda url, pairs: "",
    "another token": lambda url, pairs: sign(url, pairs, "another token"),
    "an empty token": lambda url, pairs: sign(url, pairs, ""),
    "another site": lambda url, pairs: sign(url.replace(SITE, "https://invite.example.org"), pairs),
    "plain http": lambda url, pairs: sign(url.replace("https:", "http:"), pairs),
    "another path": lambda url, pairs: sign(url.replace(PATH, PATH + "/"), pairs),
    "without its key": lambda url, pairs: sign(url.partition("?")[0], pairs),
    "one more in the query": lambda url, pairs: sign(url + "&x=1", pairs),
    "another body": lambda url, pairs: sign(url, [*pairs, ("Body", "")]),
    "no body": lambda url, pairs: sign(url, []),
    "in small letters": lambda url, pairs: sign(url, pairs).lower(),
    "cut short": lambda url, pairs: sign(url, pairs)[:-1],
    "twice": lambda url, pairs: sign(url, pairs) * 2,
    "sha256": lambda url, pairs: base64.b64encode(
        hmac.digest(TOKEN.encode(), (url + "".join(n + v for n, v in sorted(set(pairs)))).encode(), "sha256")
    ).decode(),
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES.keys())
async def test_a_forged_signature_changes_nothing_in_any_table(app, thread, attempts, forge):  # noqa: F811
    before = await thread.run(rows)
    pairs = list(the_form("delivered").items())
    key = attempts[0].key
    answer = await post(app, pairs, key, forge(f"{SITE}{PATH}?k={key}", pairs))
    is_plain(answer)
    assert answer.status == 403
    assert await thread.run(rows) == before


@tireless
@given(bit=st.integers(0, 159), words=st.tuples(TEXT, TEXT))
async def test_one_bit_of_a_signature_decides(app, thread, attempts, bit, words):  # noqa: F811
    before = await thread.run(rows)
    pairs = [*the_form("delivered").items(), ("ProfileName", words[0]), ("Body", words[1])]
    key = attempts[0].key
    digest = bytearray(base64.b64decode(sign(f"{SITE}{PATH}?k={key}", pairs)))
    digest[bit // 8] ^= 1 << bit % 8
    assert (await post(app, pairs, key, base64.b64encode(digest).decode())).status == 403
    assert await thread.run(rows) == before


@tireless
@given(
    mine=st.sampled_from([0, 1]), word=st.sampled_from(["sent", "delivered", "read", "failed", "pondered"])
)
async def test_a_signature_can_be_carried_to_no_other_invitation_and_no_other_word(
    app, thread, attempts, mine, word  # noqa: F811
):  # fmt: skip
    before = await thread.run(rows)
    pairs = list(the_form(word).items())
    signature = sign(f"{SITE}{PATH}?k={attempts[mine].key}", pairs)
    assert (await post(app, pairs, attempts[1 - mine].key, signature)).status == 403
    for other in {"queued", "read", "undelivered"} - {word}:
        changed = list(the_form(other).items())
        assert (await post(app, changed, attempts[mine].key, signature)).status == 403
    assert await thread.run(rows) == before


@pytest.mark.parametrize("word", ["queued", "sending", "sent", "delivered", "read"])
async def test_the_same_signed_report_again_changes_nothing(app, thread, attempts, word):  # noqa: F811
    pairs = list(the_form(word).items())
    assert (await post(app, pairs, attempts[0].key)).status == 204
    # only the time at which Twilio was heard last goes on
    before = await thread.run(rows, "heard_at")
    for _ in range(3):
        assert (await post(app, pairs, attempts[0].key)).status == 204
    assert await thread.run(rows, "heard_at") == before


async def test_a_failure_told_twice_fails_once(app, thread, attempts):  # noqa: F811
    pairs = list(the_form("undelivered", ErrorCode="63024").items())
    assert (await post(app, pairs, attempts[0].key)).status == 204
    before = await thread.run(rows, "heard_at")
    assert (await post(app, pairs, attempts[0].key)).status == 204
    assert await thread.run(rows, "heard_at") == before


async def test_a_failure_that_is_tried_again_is_queued_once(app, thread, attempts):  # noqa: F811
    pairs = list(the_form("failed", ErrorCode="63018").items())
    assert (await post(app, pairs, attempts[0].key)).status == 204
    before = await thread.run(rows, "heard_at")
    assert (await post(app, pairs, attempts[0].key)).status == 204
    assert await thread.run(rows, "heard_at") == before


async def test_a_new_word_told_twice_is_kept_once(app, thread, attempts):  # noqa: F811
    pairs = list(the_form("pondered").items())
    assert (await post(app, pairs, attempts[0].key)).status == 204
    before = await thread.run(rows, "heard_at")
    assert (await post(app, pairs, attempts[0].key)).status == 204
    assert await thread.run(rows, "heard_at") == before


async def test_a_report_of_nobody_told_twice_is_kept_once(app, thread, attempts):  # noqa: F811
    pairs = list(the_form("sent").items())
    stranger = attempts[0]._replace(uid="f" * 12).key
    assert (await post(app, pairs, stranger)).status == 204
    before = await thread.run(rows, "heard_at")
    assert (await post(app, pairs, stranger)).status == 204
    assert await thread.run(rows, "heard_at") == before


async def test_twilios_own_report_passes_the_door(thread, sender):  # noqa: F811
    """The WhatsApp vector of the reference, §6.2, at the address and with the token that it was made for."""
    door = StatusDoor(Recorder(thread), "https://app.example.com", Keyring({"AC" + "0" * 32: ("12345",)}))
    app = Starlette(routes=[Route("/twilio/status", door.answer, methods=["POST"])])
    sid = "SM00000000000000000000000000000001"
    pairs = {
        "SmsSid": sid, "MessageSid": sid, "SmsStatus": "delivered", "MessageStatus": "delivered",
        "To": "whatsapp:+15005550006", "From": "whatsapp:+14155238886", "AccountSid": "AC" + "0" * 32,
        "ApiVersion": "2010-04-01", "ChannelPrefix": "whatsapp", "ChannelToAddress": "+1500555XXXX",
        "ChannelInstallSid": "XE" + "0" * 32, "EventType": "DELIVERED",
    }  # fmt: skip
    signed = [("content-type", FORM.encode()), ("x-twilio-signature", b"/HfljulF+OWs18vValsKWH7W+nA=")]
    body = urlencode(pairs).encode()
    for query, status in (("g=43", 403), ("", 403), ("g=42&k=1", 403), ("g=42", 204)):
        assert (await ask(app, body, query, signed, path="/twilio/status")).status == status
    kept = await thread.run(UnmatchedCallback.objects.get)
    assert (kept.message_id, kept.status) == (sid, "delivered")


# --- over a real line: what a server makes of broken requests before the door sees them


class Line(NamedTuple):
    port: int
    log: list[logging.LogRecord]

    async def say(self, request: bytes, hang_up: bool = False) -> list[Answer]:
        """Everything that was answered until the server closed; [] when there was no answer."""
        async with asyncio.timeout(15):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            try:
                writer.write(request)
                if hang_up:
                    writer.write_eof()
                heard = await reader.read()
            except ConnectionError:
                heard = b""
            finally:
                writer.close()
        return list(_answers(heard))


def _answers(heard: bytes) -> list[Answer]:
    """An answer that was begun is whole: the server names its length, or has no body."""
    found = []
    while heard:
        head, gap, heard = heard.partition(b"\r\n\r\n")
        assert gap, head
        lines = head.split(b"\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in lines[1:])
        length = int(fields.get(b"content-length", b"0"))
        if fields.get(b"transfer-encoding") == b"chunked":
            body, heard = heard.removesuffix(b"0\r\n\r\n"), b""
        elif b"content-length" not in fields and fields.get(b"connection") == b"close":
            body, heard = heard, b""
        else:
            body, heard = heard[:length], heard[length:]
        found.append(Answer(int(lines[0].split(b" ")[1]), body))
    return found


@asynccontextmanager
async def a_server(app: Any) -> AsyncIterator[int]:
    """The same server as the product's, without the engine."""
    listener = bind("127.0.0.1", 0)
    server = uvicorn.Server(
        uvicorn.Config(app, http="httptools", log_config=None, access_log=False, timeout_graceful_shutdown=2)
    )
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        async with asyncio.timeout(10):
            while not server.started:
                await asyncio.sleep(0)
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        async with asyncio.timeout(10):
            await task


@pytest_asyncio.fixture
async def line(attempts: list[Attempt], caplog: pytest.LogCaptureFixture) -> AsyncIterator[Line]:
    service = Service()
    async with a_server(service.app) as port:
        yield Line(port, caplog.records)


def request(
    body: bytes, *, method: str = "POST", target: str = PATH, headers: Sequence[bytes] = (), length: int | None = None
) -> bytes:  # fmt: skip
    head = [
        f"{method} {target} HTTP/1.1".encode("latin-1"),
        b"Host: 127.0.0.1",
        b"Connection: close",
        *headers,
    ]
    if length is not None:
        head.append(b"Content-Length: %d" % length)
    return b"\r\n".join([*head, b"", body])


READ = urlencode(the_form("read")).encode()
AS_FORM = b"Content-Type: " + FORM.encode()
REQUESTS = {
    "nothing": b"",
    "no request": b"\0\xff\r\n\r\n",
    "no content type": request(READ, length=len(READ)),
    "two content types": request(READ, headers=[b"Content-Type: application/json", AS_FORM], length=len(READ)),
    "no length": request(READ, headers=[AS_FORM]),
    "too short": request(READ[:10], headers=[AS_FORM], length=len(READ)),
    "longer than it says": request(READ, headers=[AS_FORM], length=10),
    "a length below zero": request(READ, headers=[AS_FORM, b"Content-Length: -1"]),
    "a length that is none": request(READ, headers=[AS_FORM, b"Content-Length: many"]),
    "two lengths": request(READ, headers=[AS_FORM, b"Content-Length: 3"], length=len(READ)),
    "length and chunks": request(b"5\r\nhello\r\n0\r\n\r\n", headers=[AS_FORM, b"Transfer-Encoding: chunked"], length=3),
    "chunks": request(b"%x\r\n%b\r\n0\r\n\r\n" % (len(READ), READ), headers=[AS_FORM, b"Transfer-Encoding: chunked"]),
    "broken chunks": request(b"zz\r\nhello", headers=[AS_FORM, b"Transfer-Encoding: chunked"]),
    "endless chunks": request(b"ffffffff\r\n" + b"x" * 100_000, headers=[AS_FORM, b"Transfer-Encoding: chunked"]),
    "packed": request(gzip.compress(READ), headers=[AS_FORM, b"Content-Encoding: gzip"], length=len(gzip.compress(READ))),
    "expects": request(READ, headers=[AS_FORM, b"Expect: 100-continue"], length=len(READ)),
    "too large": request(b"x" * (MAX_BODY + 1), headers=[AS_FORM], length=MAX_BODY + 1),
    "announces much": request(b"x" * 100, headers=[AS_FORM], length=10**15),
    "a huge header": request(READ, headers=[AS_FORM, b"X-Twilio-Signature: " + b"A" * 200_000], length=len(READ)),
    "a header that folds": request(READ, headers=[AS_FORM, b"X-Twilio-Signature: a\r\n b"], length=len(READ)),
    "a NUL in a header": request(READ, headers=[AS_FORM, b"X-Twilio-Signature: \0"], length=len(READ)),
    "no text in a header": request(READ, headers=[AS_FORM, b"X-Twilio-Signature: \xff\xfe"], length=len(READ)),
    "a target with a NUL": request(READ, target=PATH + "?k=\0", headers=[AS_FORM], length=len(READ)),
    "a target that is no text": request(READ, target=PATH + "?k=\xff", headers=[AS_FORM], length=len(READ)),
    "a target with a fragment": request(READ, target=PATH + "#k=1", headers=[AS_FORM], length=len(READ)),
    "a whole address": request(READ, target=f"http://a.example{PATH}", headers=[AS_FORM], length=len(READ)),
    "a path by detours": request(READ, target="/x/..//webhooks/twilio/status", headers=[AS_FORM], length=len(READ)),
    "a coded path": request(READ, target="/webhooks/twilio/%73tatus", headers=[AS_FORM], length=len(READ)),
    "an old protocol": b"POST " + PATH.encode() + b" HTTP/1.0\r\n\r\n" + READ,
    "a new protocol": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "wants to speak otherwise": request(
        READ, headers=[AS_FORM, b"Upgrade: websocket", b"Connection: Upgrade"], length=len(READ)
    ),
    **{
        method: request(READ, method=method, headers=[AS_FORM], length=len(READ))
        for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "post", "BREW")
    },
}  # fmt: skip


#: the server waits for more, until whoever asks hangs up
UNFINISHED = {"nothing", "too short", "announces much"}


@pytest.mark.parametrize("name", REQUESTS)
async def test_a_broken_request_is_refused_in_a_few_words(line, thread, name):  # noqa: F811
    # that it was refused is noted, when the form could be read
    noted = ("refused_count", "refused_at", "refused_why")
    before = await thread.run(rows, *noted)
    answers = await line.say(REQUESTS[name], hang_up=name in UNFINISHED)
    assert answers or name in UNFINISHED
    for answer in answers:
        if answer.status == 100:  # “go on”: the answer itself follows
            continue
        assert 400 <= answer.status < 500, answer
        # what is not for this door gets the product's own page
        assert len(answer.body) < (2_000 if b"<!doctype html>" in answer.body else 100)
        assert b"Traceback" not in answer.body
    assert await thread.run(rows, *noted) == before
    assert not [record for record in line.log if record.exc_info], "a trace is in the log"


async def test_a_signed_report_over_a_real_line_is_recorded_once_however_it_comes(app, thread, attempts):  # noqa: F811
    pairs = list(the_form("delivered").items())
    target = f"{PATH}?k={attempts[0].key}"
    signature = b"X-Twilio-Signature: " + sign(SITE + target, pairs).encode()
    body = urlencode(pairs).encode()
    whole = request(body, target=target, headers=[AS_FORM, signature], length=len(body))
    pieces = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    chunked = request(pieces, target=target, headers=[AS_FORM, signature, b"Transfer-Encoding: chunked"])
    behind_a_proxy = request(
        body,
        target=target,
        headers=[AS_FORM, signature, b"X-Forwarded-Proto: http", b"X-Forwarded-For: 10.0.0.1"],
        length=len(body),
    )
    kept_open = whole.replace(b"Connection: close\r\n", b"")
    count = await thread.run(entries)
    async with a_server(app) as port:
        line = Line(port, [])
        for said, statuses in (
            (whole, [204]),
            (chunked, [204]),
            (behind_a_proxy, [204]),
            (kept_open * 3 + whole, [204] * 4),
            (kept_open + whole.replace(b"=delivered", b"=Delivered"), [204, 403]),
        ):
            assert [answer.status for answer in await line.say(said)] == statuses
    assert await thread.run(entries) - count == 1
    assert await thread.run(lambda: Invitation.objects.get(pk=attempts[0].invitation_id).state) == "delivered"
