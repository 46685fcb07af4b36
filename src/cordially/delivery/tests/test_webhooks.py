"""The door for Twilio's callbacks: what gets in, what is answered, and what is on the disk by then."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable
from urllib.parse import quote, urlencode

import pytest
import pytest_asyncio
from django.db import (
    DatabaseError,
    DataError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
    connection,
)
from starlette.applications import Starlette
from starlette.routing import Route
from tests.people import ACCOUNT, NOW, a_campaign, some_guests
from twilio.request_validator import RequestValidator

from cordially.delivery.keyring import Keyring
from cordially.delivery.thread import LedgerThread
from cordially.delivery.webhooks import (
    BATCH,
    MAX_BODY,
    MOST_WAITING,
    PATH,
    NotNow,
    Recorder,
    Refusals,
    StatusDoor,
)
from cordially.invitations import ledger
from cordially.invitations.attempts import Attempt
from cordially.invitations.lifecycle import State
from cordially.invitations.models import Invitation, Sender, Source, StatusEvent, UnmatchedCallback
from cordially.invitations.news import News
from cordially.lib.logs import Discreet

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
    door = StatusDoor(Recorder(thread), SITE, Keyring({ACCOUNT: (TOKEN,)}))
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
    "form", [{"AccountSid": ACCOUNT}, {"MessageStatus": "read", "AccountSid": ACCOUNT},
             {"MessageSid": "SM" + "a" * 32, "AccountSid": ACCOUNT}, the_form("x" * 100),
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


# --- what can't be written


class Odd(LedgerThread):
    """A ledger that refuses what it is told to refuse, and counts how often it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        #: raised whenever this message id is among what is to be written together
        self.refused: dict[str, Exception] = {}
        #: raised when something is to be kept as fitting nobody
        self.keeps: Exception | None = None

    async def run(self, function: Callable, *args: object, **kwargs: object) -> object:  # type: ignore[override]
        self.asked += 1
        news = args[0] if args else None
        if isinstance(news, list):
            for item in news:
                if error := self.refused.get(item.message_id):
                    raise error
        if isinstance(news, News) and self.keeps is not None:
            raise self.keeps
        return await super().run(function, *args, **kwargs)


@pytest_asyncio.fixture
async def odd() -> AsyncIterator[Odd]:
    thread = Odd()
    yield thread
    await asyncio.to_thread(thread.close)


def told(number: int, attempt: Attempt | None = None) -> News:
    return News(State.SENT, NOW, Source.CALLBACK, attempt, f"SM{number:032x}", raw="sent", account=ACCOUNT)


async def outcomes(recorder: Recorder, news: list[News]) -> list[BaseException | None]:
    async with asyncio.timeout(20):
        return await asyncio.gather(*(recorder.record(item) for item in news), return_exceptions=True)


DOWN = [
    OperationalError("database is locked"),
    InterfaceError("connection already closed"),
    DatabaseError("database disk image is malformed"),
    ProgrammingError("no such table: invitations_invitation"),
]
ITS_OWN = [
    DataError("too long"),
    IntegrityError("CHECK constraint failed"),
    RuntimeError("rows changed"),
    KeyError(7),
]


@pytest.mark.parametrize("error", DOWN, ids=lambda error: type(error).__name__)
async def test_while_the_database_is_out_of_order_all_are_told_at_once(db, odd, error):
    recorder = Recorder(odd)
    odd.refused[told(7).message_id] = error
    answers = await outcomes(recorder, [told(number) for number in range(BATCH)])
    assert {type(answer) for answer in answers} == {NotNow}
    assert odd.asked == 1  # not one by one, each waiting for the same lock
    odd.refused.clear()
    assert await outcomes(recorder, [told(7)]) == [None]


@pytest.mark.parametrize("error", ITS_OWN, ids=lambda error: type(error).__name__)
async def test_one_that_can_not_be_written_harms_no_other_and_is_kept(odd, attempt, error):
    recorder = Recorder(odd)
    odd.refused[told(77).message_id] = error
    fine = [told(1, attempt), *(told(number) for number in range(100, 500))]
    assert set(await outcomes(recorder, [*fine[:300], told(77), *fine[300:]])) == {None}
    assert odd.asked < 30  # found by halves
    row = await odd.run(Invitation.objects.get)
    assert (row.state, row.message_id) == ("sent", told(1).message_id)
    kept = await odd.run(lambda: sorted(UnmatchedCallback.objects.values_list("message_id", flat=True)))
    assert kept == sorted(told(number).message_id for number in (77, *range(100, 500)))


async def test_the_log_says_which_error_it_was_and_no_number(odd, caplog, db):
    odd.refused[told(77).message_id] = IntegrityError("row (7, +972501234567) is one too many")
    assert await outcomes(Recorder(odd), [told(77)]) == [None]
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    written = Discreet("%(message)s").format(record)
    assert "IntegrityError" in written
    assert "501234567" not in written


async def test_what_can_not_even_be_kept_is_not_asked_for_again(odd, caplog, db):
    odd.refused[told(77).message_id] = odd.keeps = ValueError("no")
    assert await outcomes(Recorder(odd), [told(77), told(78)]) == [None, None]
    assert await odd.run(UnmatchedCallback.objects.count) == 1
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR] == [
        "a callback can’t be recorded, it is kept as one that fits nobody",
        "nor can it be kept",
    ]


async def test_what_can_not_be_kept_for_now_comes_again(odd, db):
    odd.refused[told(77).message_id] = ValueError("no")
    odd.keeps = OperationalError("database is locked")
    [answer] = await outcomes(Recorder(odd), [told(77)])
    assert isinstance(answer, NotNow)


async def test_the_log_says_once_that_it_is_out_of_order_and_once_that_it_is_over(
    app, thread, attempt, caplog
):
    thread.down = True
    for _ in range(3):
        await asyncio.gather(*(post(app, the_form(), attempt.key) for _ in range(10)))
    thread.down = False
    assert await post(app, the_form(), attempt.key) == 204
    assert await post(app, the_form(), attempt.key) == 204
    assert [record.getMessage() for record in caplog.records if record.name.endswith("webhooks")] == [
        "callbacks can’t be written, Twilio will repeat them: the database is gone",
        "callbacks are written again; put off meanwhile: 30",
    ]


async def test_no_more_wait_than_can_be_answered_in_time(db, thread):
    recorder = Recorder(thread)
    goes_on = threading.Event()
    blocked = asyncio.create_task(thread.run(goes_on.wait, 20))
    waiting = [asyncio.create_task(recorder.record(told(number))) for number in range(BATCH + MOST_WAITING)]
    first = asyncio.create_task(recorder.record(told(0)))
    async with asyncio.timeout(20):
        # the writer has taken the first ones by the time that the last are put on the list
        [answer] = await asyncio.gather(first, return_exceptions=True)
        assert isinstance(answer, NotNow)
        goes_on.set()
        await blocked
        answers = await asyncio.gather(*waiting, return_exceptions=True)
    refused = [answer for answer in answers if answer is not None]
    assert len(refused) <= BATCH
    assert {type(answer) for answer in refused} <= {NotNow}
    assert await outcomes(recorder, [told(1)]) == [None]


async def test_who_comes_when_too_many_wait_is_asked_to_come_again(thread, attempt):
    class Full(Recorder):
        async def record(self, news: News) -> None:
            raise NotNow("they come faster than they are written")

    door = StatusDoor(Full(thread), SITE, Keyring({ACCOUNT: (TOKEN,)}))
    app = Starlette(routes=[Route(PATH, door.answer, methods=["POST"])])
    assert await post(app, the_form(), attempt.key) == 503


async def test_nobody_waits_for_a_writer_that_was_stopped(db, thread):
    recorder = Recorder(thread)
    goes_on = threading.Event()
    blocked = asyncio.create_task(thread.run(goes_on.wait, 20))
    waiting = [asyncio.create_task(recorder.record(told(number))) for number in range(BATCH + 10)]
    await asyncio.sleep(0)  # everybody is on the list, the writer has begun
    await asyncio.sleep(0)
    recorder._writer.cancel()
    async with asyncio.timeout(10):
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        goes_on.set()
        await blocked
    assert {type(answer) for answer in answers} == {NotNow}
    assert await outcomes(recorder, [told(1)]) == [None]


async def test_a_bell_that_breaks_is_not_twilios_concern(db, thread, caplog):
    def breaks() -> None:
        raise RuntimeError("nobody listens")

    assert await outcomes(Recorder(thread, breaks), [told(1), told(2)]) == [None, None]
    assert "after a commit" in caplog.text


async def test_after_the_end_twilio_is_asked_to_repeat(attempt):
    thread = LedgerThread()
    door = StatusDoor(Recorder(thread), SITE, Keyring({ACCOUNT: (TOKEN,)}))
    app = Starlette(routes=[Route(PATH, door.answer, methods=["POST"])])
    await asyncio.to_thread(thread.close)
    assert await post(app, the_form(), attempt.key) == 503


@pytest.mark.parametrize("nth", range(8))
async def test_whichever_statement_fails_it_is_all_or_nothing_and_the_repeat_is_recorded(
    app, thread, attempt, nth
):
    """The database goes away between two statements, as a full disk and a broken line do."""
    left = [nth]

    def breaks(execute: Callable, sql: str, params: object, many: bool, context: object) -> object:
        left[0] -= 1
        if left[0] < 0:
            raise OperationalError("database or disk is full")
        return execute(sql, params, many, context)

    def everything() -> tuple:
        models = (Invitation, StatusEvent, Sender, UnmatchedCallback)
        return tuple(list(model.objects.order_by("pk").values()) for model in models)

    before = await thread.run(everything)
    await thread.run(lambda: connection.execute_wrappers.append(breaks))
    answer = await post(app, the_form("read"), attempt.key)
    await thread.run(lambda: connection.execute_wrappers.remove(breaks))
    if left[0] >= 0:  # fewer statements than that were needed
        assert answer == 204
        return
    assert answer == 503
    assert await thread.run(everything) == before
    assert await post(app, the_form("read"), attempt.key) == 204
    assert await thread.run(state) == "read"
    assert await thread.run(lambda: StatusEvent.objects.filter(status="read").count()) == 1


# --- what was refused is noted


@pytest.mark.parametrize(("rest", "noted"), [(0.0, 3), (3600.0, 1)])
async def test_refused_callbacks_are_noted_and_however_many_cost_little(
    thread: SometimesDown, sender: Sender, rest: float, noted: int
) -> None:
    refusals = Refusals(thread, rest)
    door = StatusDoor(Recorder(thread), SITE, Keyring({ACCOUNT: (TOKEN,)}), refusals)
    app = Starlette(routes=[Route(PATH, door.answer, methods=["POST"])])
    for _ in range(3):
        assert await post(app, the_form(), token="another") == 403
        # the writer's turn, and then the ledger's
        await thread.run(lambda: None)
    if not rest:
        await refusals._writer  # type: ignore[misc]
    found = await thread.run(Sender.objects.get, pk=sender.pk)
    assert (found.refused_count, found.heard_at) == (noted, None)
    assert "Signed for another address" in found.refused_why
    if rest:
        refusals._writer.cancel()  # type: ignore[union-attr]


async def test_a_database_that_is_gone_is_no_reason_to_answer_otherwise(
    thread: SometimesDown, sender: Sender
) -> None:
    refusals = Refusals(thread, 0.0)
    door = StatusDoor(Recorder(thread), SITE, Keyring({ACCOUNT: (TOKEN,)}), refusals)
    app = Starlette(routes=[Route(PATH, door.answer, methods=["POST"])])
    thread.down = True
    assert await post(app, the_form(), token="another") == 403
    await refusals._writer  # type: ignore[misc]


# --- several accounts


OTHER = "AC" + "8" * 32


def of_both(thread: LedgerThread, read: Callable[[], dict] | None = None) -> Starlette:
    keyring = Keyring({ACCOUNT: (TOKEN,), OTHER: ("the token of the other",)}, thread, read)
    door = StatusDoor(Recorder(thread), SITE, keyring, Refusals(thread, 0.0))
    return Starlette(routes=[Route(PATH, door.answer, methods=["POST"])])


@pytest.mark.parametrize(
    ("named", "signed", "answer"),
    [
        (ACCOUNT, TOKEN, 204),
        (OTHER, TOKEN, 403),
        (ACCOUNT, "the token of the other", 403),
        ("AC" + "9" * 32, TOKEN, 403),
        ("", TOKEN, 403),
    ],
)
async def test_a_report_is_verified_with_the_token_of_the_account_that_it_names(
    thread: SometimesDown, attempt: Attempt, named: str, signed: str, answer: int
) -> None:
    assert await post(of_both(thread), the_form(AccountSid=named), attempt.key, token=signed) == answer
    assert await thread.run(state) == ("delivered" if answer == 204 else "sending")


async def test_an_account_speaks_of_its_own_messages_alone(thread: SometimesDown, attempt: Attempt) -> None:
    """Its signature is good, and it names a guest of another account: by the key, or by the message's name."""
    app = of_both(thread)
    theirs = {"form": the_form("read", AccountSid=OTHER), "token": "the token of the other"}
    assert await post(app, key=attempt.key, **theirs) == 204
    assert await thread.run(state) == "sending"
    assert await post(app, the_form("delivered"), attempt.key) == 204
    assert await post(app, **theirs) == 204
    assert await thread.run(state) == "delivered"
    assert await thread.run(UnmatchedCallback.objects.count) == 2


async def test_what_one_account_reports_is_heard_by_its_own_senders(
    thread: SometimesDown, attempt: Attempt, sender: Sender
) -> None:
    other = await thread.run(lambda: Sender.objects.create(account=OTHER, phone="+14155550199"))
    app = of_both(thread)
    assert await post(app, the_form(AccountSid=OTHER), token="forged") == 403
    assert await post(app, the_form(), attempt.key) == 204
    await thread.run(lambda: None)
    await thread.run(lambda: None)
    mine = await thread.run(Sender.objects.get, pk=sender.pk)
    other = await thread.run(Sender.objects.get, pk=other.pk)
    assert (mine.heard_at is None, mine.refused_count) == (False, 0)
    assert (other.heard_at, other.refused_count) == (None, 1)


async def test_a_new_token_counts_at_once_and_strangers_cost_one_look_a_second(
    thread: SometimesDown, attempt: Attempt, caplog: pytest.LogCaptureFixture
) -> None:
    looks = []

    def read() -> dict[str, tuple[str, ...]]:
        looks.append(threading.current_thread().name)
        return {ACCOUNT: (TOKEN, "the new token")}

    app = of_both(thread, read)
    assert await post(app, the_form(), attempt.key, token="the new token") == 204
    for _ in range(20):
        assert await post(app, the_form(AccountSid="AC" + "9" * 32), token="any") == 403
    assert len(looks) == 1
    assert not any(TOKEN in record.getMessage() for record in caplog.records)


async def test_reports_that_fit_ask_nobody_for_the_token(thread: SometimesDown, attempt: Attempt) -> None:
    def read() -> dict[str, tuple[str, ...]]:
        raise AssertionError("asked")

    app = of_both(thread, read)
    for word in ("sent", "delivered", "read"):
        assert await post(app, the_form(word), attempt.key) == 204


async def test_tokens_that_cannot_be_read_change_nothing(thread: SometimesDown, attempt: Attempt) -> None:
    app = of_both(thread, dict)
    thread.down = True
    assert await post(app, the_form(), attempt.key, token="another") == 403
    thread.down = False
    assert await post(app, the_form(), attempt.key) == 204
