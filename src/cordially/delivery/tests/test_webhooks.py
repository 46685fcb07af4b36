"""The door for Twilio's callbacks: what gets in, what is answered, and what is on the disk by then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from urllib.parse import quote, urlencode

import pytest
import pytest_asyncio
from django.db import OperationalError
from starlette.applications import Starlette
from starlette.routing import Route
from tests.people import ACCOUNT, NOW, a_campaign, some_guests
from twilio.request_validator import RequestValidator

from cordially.delivery.thread import LedgerThread
from cordially.delivery.webhooks import MAX_BODY, PATH, Recorder, StatusDoor
from cordially.invitations import ledger
from cordially.invitations.attempts import Attempt
from cordially.invitations.models import Invitation, Sender, StatusEvent, UnmatchedCallback

pytestmark = pytest.mark.django_db(transaction=True)

SITE = "https://invite.example.com"
TOKEN = "the token of the account"
FORM = "application/x-www-form-urlencoded"


class SometimesDown(LedgerThread):
    """A ledger whose database can be taken away."""

    down = False

    async def run(self, function: Callable, *args: object, **kwargs: object) -> object:  # type: ignore[override]
        if self.down:
            raise OperationalError("the database is gone")
        return await super().run(function, *args, **kwargs)


@pytest_asyncio.fixture
async def thread() -> AsyncIterator[SometimesDown]:
    thread = SometimesDown()
    yield thread
    await asyncio.to_thread(thread.close)


@pytest_asyncio.fixture
async def attempt(thread: SometimesDown, sender: Sender, event: object) -> Attempt:
    """One that was claimed, and whose answer hasn't come yet."""

    def claimed() -> Attempt:
        a_campaign(some_guests(event, 1), sender)
        ledger.take_lease(sender.pk, "me", 10, NOW)
        [claim] = ledger.tick(sender.pk, "me", limit=1, now=NOW).claims
        return claim.attempt

    return await thread.run(claimed)


@pytest.fixture
def app(thread: SometimesDown) -> Starlette:
    door = StatusDoor(Recorder(ACCOUNT, thread), SITE, [TOKEN])
    return Starlette(routes=[Route(PATH, door.answer, methods=["POST"])])


def the_form(status: str = "delivered", **given: str) -> dict[str, str]:
    return {"MessageSid": "SM" + "a" * 32, "MessageStatus": status, "AccountSid": ACCOUNT, **given}


async def post(
    app: Starlette,
    form: dict[str, str] | bytes,
    key: str = "",
    *,
    token: str | None = TOKEN,
    signed_for: str | None = None,
    content_type: str = FORM,
) -> int:
    """The status of the answer to a callback that was signed with that token."""
    query = f"k={quote(key, safe='')}" if key else ""
    body = form if isinstance(form, bytes) else urlencode(form).encode()
    headers = [(b"content-type", content_type.encode())]
    if token is not None:
        signed = query if signed_for is None else f"k={signed_for}"
        url = f"{SITE}{PATH}?{signed}" if signed else f"{SITE}{PATH}"
        params = form if isinstance(form, dict) else {}
        headers.append(
            (b"x-twilio-signature", RequestValidator(token).compute_signature(url, params).encode())
        )
    chunks = [body[start : start + 10_000] for start in range(0, len(body), 10_000)] or [b""]
    scope = {
        "type": "http", "method": "POST", "path": PATH, "raw_path": PATH.encode(),
        "query_string": query.encode(), "headers": headers, "scheme": "http", "http_version": "1.1",
    }  # fmt: skip
    answers: list[dict] = []

    async def receive() -> dict:
        if not chunks:
            return {"type": "http.disconnect"}
        chunk = chunks.pop(0)
        return {"type": "http.request", "body": chunk, "more_body": bool(chunks)}

    async def send(message: dict) -> None:
        answers.append(message)

    await app(scope, receive, send)
    return answers[0]["status"]


def state() -> str:
    return Invitation.objects.values_list("state", flat=True).get()


async def test_a_signed_callback_is_on_the_disk_when_it_is_answered(app, thread, attempt, sender):
    assert await post(app, the_form("delivered"), attempt.key) == 204
    assert await thread.run(state) == "delivered"
    row = await thread.run(Invitation.objects.get)
    assert row.message_id == "SM" + "a" * 32
    heard = await thread.run(lambda: Sender.objects.get(pk=sender.pk).heard_at)
    assert heard is not None


@pytest.mark.parametrize("token", ["another token", "", None])
async def test_a_forged_callback_changes_nothing(app, thread, attempt, sender, token):
    assert await post(app, the_form("delivered"), attempt.key, token=token) == 403
    assert await thread.run(state) == "sending"
    assert await thread.run(lambda: Sender.objects.get(pk=sender.pk).heard_at) is None


async def test_a_signature_counts_only_for_the_attempt_that_it_was_made_for(app, thread, attempt):
    other = attempt._replace(number=2).key
    assert await post(app, the_form(), attempt.key, signed_for=other) == 403
    assert await thread.run(state) == "sending"


async def test_a_body_larger_than_any_callback_is_refused(app, thread, attempt):
    assert await post(app, b"a=" + b"x" * MAX_BODY, attempt.key) == 413
    assert await thread.run(state) == "sending"


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"MessageStatus": "read"}', "application/json"),
        (b"MessageStatus=read", ""),
        (b"MessageStatus=\xff\xfe", FORM),
        (b"MessageStatus=%ff%fe", FORM),
        (b"&".join(b"a=b" for _ in range(500)), FORM),
        (b"", "multipart/form-data; boundary=x"),
    ],
)
async def test_what_is_no_callback_is_refused(app, thread, attempt, body, content_type):
    assert 400 <= await post(app, body, attempt.key, content_type=content_type) < 500
    assert await thread.run(state) == "sending"


@pytest.mark.parametrize(
    "form", [{}, {"MessageStatus": "read"}, {"MessageSid": "SM" + "a" * 32}, the_form("x" * 100),
             the_form(MessageSid="no sid"), the_form("failed", ErrorCode="soon")],
)  # fmt: skip
async def test_a_signed_report_that_says_nothing_is_refused(app, thread, attempt, form):
    assert await post(app, form, attempt.key) == 400
    assert await thread.run(state) == "sending"


async def test_while_the_database_is_gone_twilio_is_asked_to_repeat_and_nothing_is_lost(app, thread, attempt):
    thread.down = True
    assert await post(app, the_form("read"), attempt.key) == 503
    thread.down = False
    assert await thread.run(state) == "sending"
    assert await post(app, the_form("read"), attempt.key) == 204
    assert await thread.run(state) == "read"


async def test_the_same_callback_fifty_times_at_once_is_one_event(app, thread, attempt):
    answers = await asyncio.gather(*(post(app, the_form("delivered"), attempt.key) for _ in range(50)))
    assert set(answers) == {204}
    told = await thread.run(lambda: StatusEvent.objects.filter(status="delivered").count())
    assert told == 1


async def test_callbacks_in_the_wrong_order_all_at_once_end_in_the_furthest_station(app, thread, attempt):
    words = ["read", "sent", "delivered", "queued", "sending"]
    answers = await asyncio.gather(*(post(app, the_form(word), attempt.key) for word in words * 10))
    assert set(answers) == {204}
    assert await thread.run(state) == "read"


async def test_a_callback_of_nobody_is_kept_and_answered(app, thread, attempt):
    stranger = attempt._replace(uid="f" * 12)
    assert await post(app, the_form("sent"), stranger.key) == 204
    kept = await thread.run(UnmatchedCallback.objects.get)
    assert (kept.key, kept.status) == (stranger.key, "sent")
    assert await thread.run(state) == "sending"


async def test_a_key_that_is_none_of_ours_is_no_error(app, thread, attempt):
    for key in ("", "0123456789ab.7", "x" * 500, "0123456789ab.999999999999999999.1", "%00"):
        assert await post(app, the_form("sent"), key) == 204
    assert await thread.run(state) == "sending"


async def test_a_word_that_twilio_adds_later_is_kept(app, thread, attempt):
    assert await post(app, the_form("pondered"), attempt.key) == 204
    event = await thread.run(lambda: StatusEvent.objects.latest("id"))
    assert (event.status, event.note) == ("unknown", "pondered")


async def test_a_failed_one_says_why(app, thread, attempt):
    assert await post(app, the_form("undelivered", ErrorCode="63024"), attempt.key) == 204
    row = await thread.run(Invitation.objects.get)
    assert (row.state, row.code) == ("failed", 63024)
    assert row.reason.endswith("(63024)")
