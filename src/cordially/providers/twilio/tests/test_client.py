"""The adapter against a real server on loopback: whatever the wire does, an honest outcome comes out."""

from __future__ import annotations

import asyncio
import datetime as dt
import email.utils
import gzip
import json
import socket
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException

from cordially.providers.base import Accepted, OutgoingMessage, Refused, Unknown, Withheld
from cordially.providers.errors import ErrorClass, Misconfigured
from cordially.providers.events import Delivery
from cordially.providers.twilio import client as client_module
from cordially.providers.twilio.client import TwilioProvider, content_variables
from cordially.providers.twilio.wire import Exchange

from .conftest import CALLBACK
from .server import ACCOUNT, GUEST, REF, SENDER, SID, message, response

MESSAGE = OutgoingMessage("k-1_a", SENDER, GUEST, REF, ("Ana", "https://x.example/r/abc"))
SINCE = dt.datetime(2023, 8, 24, 5, 1, 45, tzinfo=dt.UTC)


def provider_for(url, **options):
    options = {"status_callback": CALLBACK, "timeout": 0.3, "connect_timeout": 0.2} | options
    return TwilioProvider(ACCOUNT, "secret", api_url=url, **options)


def assert_unreachable(outcome):
    assert isinstance(outcome, Refused)
    assert outcome.fault.error_class is ErrorClass.RETRY_SOON
    assert (outcome.fault.code, outcome.fault.sentence) == (None, "Twilio can’t be reached.")
    assert outcome.retry_after is None


def error(code, status=400, text="no good"):
    return {"code": code, "message": text, "more_info": "", "status": status}


class TestSending:
    @pytest.mark.parametrize("sid", [SID, "MM" + "aF" * 16])
    async def test_it_hands_back_twilios_name_for_the_message(self, server, provider, sid):
        server.replies(201, message(sid))
        assert await provider.send(MESSAGE) == Accepted(sid)

    async def test_it_asks_exactly_this(self, server, provider):
        server.replies(201, message())
        await provider.send(MESSAGE)
        [seen] = server.seen
        assert (seen.method, seen.target) == ("POST", f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json")
        assert seen.form == {
            "To": "whatsapp:+15005550006",
            "From": "whatsapp:+14155238886",
            "ContentSid": REF,
            "ContentVariables": '{"1": "Ana", "2": "https://x.example/r/abc"}',
            "StatusCallback": "https://app.example.com/webhooks/twilio/status?k=k-1_a#rc=5&rp=all",
        }
        assert seen.headers["authorization"] == aiohttp.encode_basic_auth(ACCOUNT, "secret")
        assert seen.headers["content-type"] == "application/x-www-form-urlencoded"

    @pytest.mark.parametrize(
        "value", ['He said "hi" \\ & =+%', "🥂 é", "נועם \u200f(חתן)", "a\u2028b", "null"]
    )
    async def test_values_arrive_as_they_were(self, server, provider, value):
        server.replies(201, message())
        await provider.send(OutgoingMessage("k", SENDER, GUEST, REF, (value, "2")))
        sent = server.seen[0].form["ContentVariables"]
        assert sent == json.dumps({"1": value, "2": "2"}, ensure_ascii=False)
        assert json.loads(sent) == {"1": value, "2": "2"}

    def test_without_values_an_empty_object_goes_out(self):
        assert content_variables(()) == "{}"

    @given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
    def test_variables_are_numbered_in_order(self, values):
        decoded = json.loads(content_variables(values))
        assert [decoded[str(number)] for number in range(1, len(values) + 1)] == values

    async def test_what_cannot_be_encoded_is_refused_for_this_guest_alone(self, server, provider):
        outcome = await provider.send(OutgoingMessage("k", SENDER, GUEST, REF, ("\ud800",)))
        assert isinstance(outcome, Refused)
        assert outcome.fault.error_class is ErrorClass.GUEST
        assert server.seen == []

    async def test_fifty_at_once_get_their_own_answers(self, server, provider):
        async def answer(seen, writer):
            await asyncio.sleep(0)
            number = int(json.loads(seen.form["ContentVariables"])["1"])
            writer.write(response(201, message(f"SM{number:032d}")))

        server.answer = answer
        messages = [OutgoingMessage(f"k{n}", SENDER, GUEST, REF, (str(n),)) for n in range(50)]
        outcomes = await asyncio.gather(*map(provider.send, messages))
        assert outcomes == [Accepted(f"SM{n:032d}") for n in range(50)]

    async def test_it_works_again_after_it_was_closed(self, server, provider):
        server.replies(201, message())
        await provider.send(MESSAGE)
        await provider.close()
        await provider.close()
        assert await provider.send(MESSAGE) == Accepted(SID)

    async def test_cancelling_cancels(self, server, provider):
        async def answer(seen, writer):
            task.cancel()

        server.answer = answer
        task = asyncio.ensure_future(provider.send(MESSAGE))
        with pytest.raises(asyncio.CancelledError):
            await task


class TestNothingLeft:
    """Nothing was written, so trying again is safe."""

    async def test_a_refused_connection(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # bound and not listening
            provider = provider_for(f"http://127.0.0.1:{taken.getsockname()[1]}")
            assert_unreachable(await provider.send(MESSAGE))
            await provider.close()

    async def test_a_name_that_does_not_resolve(self):
        provider = provider_for("http://twilio.invalid", timeout=2.0, connect_timeout=1.0)
        assert_unreachable(await provider.send(MESSAGE))
        await provider.close()

    async def test_a_connection_that_never_opens(self):
        with socket.socket() as full:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            address = full.getsockname()
            waiting = [socket.socket() for _ in range(4)]
            for one in waiting:  # fill the backlog: what comes next is left without an answer
                one.setblocking(False)
                one.connect_ex(address)
            provider = provider_for(f"http://127.0.0.1:{address[1]}", timeout=30.0, connect_timeout=0.2)
            async with asyncio.timeout(2):
                outcome = await provider.send(MESSAGE)
            await provider.close()
            for one in waiting:
                one.close()
        assert_unreachable(outcome)
        assert outcome.fault.detail.startswith("time-out")

    async def test_no_free_connection_in_time(self, server):
        async def never(seen, writer):
            await asyncio.sleep(5)

        server.answer = never
        provider = provider_for(server.url, max_connections=1, connect_timeout=0.1)
        first, second = await asyncio.gather(provider.send(MESSAGE), provider.send(MESSAGE))
        await provider.close()
        assert isinstance(first, Unknown)
        assert_unreachable(second)
        assert len(server.seen) == 1

    async def test_a_handshake_that_hangs(self, server):
        provider = provider_for(server.url.replace("http:", "https:"))
        assert_unreachable(await provider.send(MESSAGE))
        await provider.close()

    async def test_an_idle_connection_that_was_closed_is_not_used_again(self, server, provider):
        async def answer(seen, writer):
            writer.write(response(201, message()))
            writer.close()

        server.answer = answer
        for _ in range(3):
            assert await provider.send(MESSAGE) == Accepted(SID)
            await asyncio.sleep(0.01)

    @pytest.mark.parametrize(
        "raised",
        [
            aiohttp.ClientConnectionError("Connector is closed."),
            aiohttp.ServerDisconnectedError(),
            aiohttp.ClientConnectionResetError("Cannot write to closing transport"),
            aiohttp.ClientHttpProxyError(None, ()),  # the proxy refused the tunnel
            aiohttp.InvalidURL("x"),
            OSError(24, "too many open files"),
            TimeoutError(),
            RuntimeError("Session is closed"),
        ],
        ids=lambda raised: type(raised).__name__,
    )
    def test_any_error_before_the_first_byte(self, raised):
        assert_unreachable(client_module._outcome_of(raised, Exchange()))


class TestNoAnswer:
    """The request went out and no clear answer came: it may have been taken."""

    async def outcome(self, server, provider, answer):
        server.answer = answer
        outcome = await provider.send(MESSAGE)
        assert isinstance(outcome, Unknown), outcome
        assert GUEST not in outcome.why
        assert len(server.seen) == 1  # nobody asked twice
        return outcome.why

    async def test_no_answer_in_time(self, server, provider):
        async def answer(seen, writer):
            await asyncio.sleep(5)

        assert "time-out" in await self.outcome(server, provider, answer)

    async def test_a_disconnect_before_the_answer(self, server, provider):
        async def answer(seen, writer):
            writer.close()

        assert "ServerDisconnectedError" in await self.outcome(server, provider, answer)

    async def test_a_reset_before_the_answer(self, server, provider):
        async def answer(seen, writer):
            writer.transport.abort()

        await self.outcome(server, provider, answer)

    async def test_a_disconnect_on_a_reused_connection(self, server, provider):
        async def answer(seen, writer):
            if len(server.seen) == 1:
                writer.write(response(201, message()))
            else:
                writer.close()

        server.answer = answer
        assert isinstance(await provider.send(MESSAGE), Accepted)
        assert isinstance(await provider.send(MESSAGE), Unknown)
        assert len(server.seen) == 2

    async def test_a_disconnect_in_the_middle_of_the_body(self, server, provider):
        async def answer(seen, writer):
            writer.write(response(201, message())[:-20])
            await writer.drain()
            writer.close()

        assert "ClientPayloadError" in await self.outcome(server, provider, answer)

    async def test_a_body_that_stalls(self, server, provider):
        async def answer(seen, writer):
            writer.write(response(201, message())[:-20])
            await asyncio.sleep(5)

        assert "time-out" in await self.outcome(server, provider, answer)

    async def test_an_answer_that_is_no_http(self, server, provider):
        async def answer(seen, writer):
            writer.write(b"220 mail.example.com ESMTP\r\n\r\n")
            writer.close()

        await self.outcome(server, provider, answer)

    async def test_a_body_that_cannot_be_unpacked(self, server, provider):
        async def answer(seen, writer):
            packed = gzip.compress(b"{}")[:-12] + b"garbage-that-breaks"
            writer.write(response(201, packed, Content_Encoding="gzip"))
            writer.close()

        await self.outcome(server, provider, answer)

    @pytest.mark.parametrize(
        ("status", "body"),
        [
            (500, error(20500, 500)),
            (500, error(21211, 500)),  # even with a code that would be a refusal
            (502, b"<html>Bad Gateway</html>"),
            (503, error(20503, 503)),
            (503, b""),
            (504, b""),
            (408, b""),
            (301, b""),
            (302, error(21211, 302)),
            (201, b""),
            (201, b"<html>welcome</html>"),
            (201, b"\xff\xfe\x00"),
            (201, b"[]"),
            (201, b"null"),
            (201, {}),
            (201, {"sid": None}),
            (201, {"sid": "SM1"}),
            (201, {"sid": 7}),
            (200, {"sid": "RQ" + "0" * 32}),
            (204, b""),
        ],
    )
    async def test_an_answer_that_says_nothing_clear(self, server, provider, status, body):
        server.replies(status, body, Location="/elsewhere")
        why = await self.outcome(server, provider, server.answer)
        assert str(status) in why

    @pytest.mark.parametrize(
        "raised",
        [
            aiohttp.ServerDisconnectedError(),
            aiohttp.ServerTimeoutError(),
            aiohttp.SocketTimeoutError(),
            aiohttp.ClientOSError(104, "reset"),
            aiohttp.ClientConnectionResetError("Cannot write to closing transport"),
            aiohttp.ClientPayloadError(),
            aiohttp.ClientResponseError(None, ()),
            TimeoutError(),
            ConnectionResetError(),
            UnicodeDecodeError("utf-8", b"", 0, 1, ""),
            TwilioException("no"),
            TwilioRestException(400, "/", "no", 21211),
            ValueError(),
        ],
        ids=lambda raised: type(raised).__name__,
    )
    def test_any_error_after_the_first_byte_and_without_a_status(self, raised):
        assert isinstance(client_module._outcome_of(raised, Exchange(written=True)), Unknown)


class TestRefused:
    @pytest.mark.parametrize(
        ("status", "body", "code", "error_class"),
        [
            (400, error(63007), 63007, ErrorClass.SENDER),
            (400, error(21211), 21211, ErrorClass.GUEST),
            (400, error("21211"), 21211, ErrorClass.GUEST),
            (400, error(21656), 21656, ErrorClass.TEMPLATE),
            (400, error(21611), 21611, ErrorClass.RETRY_LATER),
            (400, error(63999), 63999, ErrorClass.GUEST),
            (401, error(20003, 401), 20003, ErrorClass.SENDER),
            (401, b"", 20003, ErrorClass.SENDER),
            (404, error(20404, 404), 20404, ErrorClass.SENDER),
            (404, b"<html>not here</html>", 20404, ErrorClass.SENDER),
            (429, error(20429, 429), 20429, ErrorClass.RETRY_SOON),
            (429, b"slow", 20429, ErrorClass.RETRY_SOON),
            (407, b"", 407, ErrorClass.SENDER),
            (400, {"type": "t", "title": "Bad", "status": 400, "code": 21211}, 21211, ErrorClass.GUEST),
        ],
    )
    async def test_twilio_says_no(self, server, provider, status, body, code, error_class):
        server.replies(status, body)
        outcome = await provider.send(MESSAGE)
        assert isinstance(outcome, Refused)
        assert (outcome.fault.code, outcome.fault.error_class) == (code, error_class)
        assert outcome.retry_after is None

    def test_the_sdks_newer_error_counts_too(self):
        raised = TwilioServiceException("t", "Bad", 400, 63007, detail="why")
        outcome = client_module._outcome_of(raised, Exchange(written=True, status=400))
        assert (outcome.fault.code, outcome.fault.detail) == (63007, "why")

    async def test_twilios_own_words_are_kept_for_the_log(self, server, provider):
        server.replies(400, error(21211, text="Invalid 'To' Phone Number: whatsapp:+1500555XXXX"))
        outcome = await provider.send(MESSAGE)
        assert "Invalid 'To' Phone Number" in outcome.fault.detail
        assert "500555" not in outcome.fault.reason

    @pytest.mark.parametrize(
        ("header", "seconds"),
        [("7", 7.0), (" 1.5 ", 1.5), ("0", 0.0), ("-1", None), ("nan", None), ("inf", None), ("soon", None)],
    )
    async def test_it_passes_on_how_long_to_wait(self, server, provider, header, seconds):
        server.replies(429, error(20429, 429), Retry_After=header)
        assert (await provider.send(MESSAGE)).retry_after == seconds

    async def test_a_date_to_wait_for_becomes_seconds(self, server, provider, monkeypatch):
        now = dt.datetime(2026, 11, 23, tzinfo=dt.UTC)
        monkeypatch.setattr(client_module.clock, "now", lambda: now)
        for seconds, expected in ((90, 90.0), (-90, 0.0)):
            date = email.utils.format_datetime(now + dt.timedelta(seconds=seconds), usegmt=True)
            server.replies(429, error(20429, 429), Retry_After=date)
            assert (await provider.send(MESSAGE)).retry_after == expected


class TestLeaving:
    async def test_it_is_asked_with_the_key_once_before_the_answer(self, server, provider):
        keys = []
        provider.may_leave = lambda key: not keys.append(key)

        async def answer(seen, writer):
            assert keys == [MESSAGE.key]
            writer.write(response(201, message()))

        server.answer = answer
        await provider.send(MESSAGE)
        assert keys == [MESSAGE.key]

    async def test_it_is_asked_when_the_answer_is_lost_and_when_twilio_refuses(self, server, provider):
        keys = []
        provider.may_leave = lambda key: not keys.append(key)
        server.replies(429, b"")
        await provider.send(MESSAGE)

        async def answer(seen, writer):
            writer.close()

        server.answer = answer
        await provider.send(MESSAGE)
        assert len(keys) == 2

    async def test_it_is_not_asked_when_no_line_opens(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            provider = provider_for(f"http://127.0.0.1:{taken.getsockname()[1]}")
            provider.may_leave = pytest.fail
            await provider.send(MESSAGE)
            await provider.close()

    async def test_when_the_listener_fails_nothing_leaves(self, server, provider):
        def fail(key):
            raise RuntimeError("the pace is lost")

        server.replies(201, message())
        provider.may_leave = fail
        assert_unreachable(await provider.send(MESSAGE))
        assert server.seen == []

    async def test_who_may_stop_it_stops_it_before_a_byte_has_left(self, server, provider):
        server.replies(201, message())
        provider.may_leave = lambda key: False
        assert await provider.send(MESSAGE) == Withheld()
        assert server.seen == []
        provider.may_leave = lambda key: True
        assert isinstance(await provider.send(MESSAGE), Accepted)

    async def test_asking_is_not_sending(self, server, provider):
        provider.may_leave = pytest.fail
        server.replies(200, message())
        await provider.fetch(SID)


class TestFetching:
    async def test_it_says_how_far_the_message_has_come(self, server, provider):
        server.replies(200, message(status="delivered"))
        update = await provider.fetch(SID)
        assert (update.message_id, update.delivery, update.raw) == (SID, Delivery.DELIVERED, "delivered")
        assert server.seen[0].target == f"/2010-04-01/Accounts/{ACCOUNT}/Messages/{SID}.json"

    async def test_it_says_why_it_failed(self, server, provider):
        server.replies(200, message(status="undelivered", error_code=63024, error_message="nope"))
        update = await provider.fetch(SID)
        assert update.fault.reason.startswith("This number is not on WhatsApp.")
        assert update.fault.detail == "nope"

    @pytest.mark.parametrize(
        ("status", "body"), [(404, error(20404, 404)), (500, b""), (302, {}), (200, b"<html>"), (200, [])]
    )
    async def test_none_when_twilio_does_not_say(self, server, provider, status, body):
        server.replies(status, body)
        assert await provider.fetch(SID) is None

    async def test_none_when_it_cannot_be_reached(self):
        provider = provider_for("http://127.0.0.1:1")
        assert await provider.fetch(SID) is None
        assert await provider.find(SENDER, GUEST, SINCE) is None
        await provider.close()

    @pytest.mark.parametrize("message_id", ["", "../Calls", "SM1", "HX" + "0" * 32])
    async def test_it_asks_for_nothing_but_messages(self, server, provider, message_id):
        assert await provider.fetch(message_id) is None
        assert server.seen == []


def at(seconds):
    return email.utils.format_datetime(SINCE + dt.timedelta(seconds=seconds))


def pages(*contents):
    """Answers a list page by page: each content is the `date_created` offsets of its messages."""

    async def answer(seen, writer):
        number = int(parse_qs(urlsplit(seen.target).query).get("Page", ["0"])[0])
        records = [
            message(f"SM{number:016d}{place:016d}", date_created=at(seconds))
            for place, seconds in enumerate(contents[number])
        ]
        more = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json?To=whatsapp%3A%2B15005550006&Page={number + 1}"
        last = number + 1 == len(contents)
        body = {"messages": records, "page": number, "uri": "", "next_page_uri": None if last else more}
        writer.write(response(200, body))

    return answer


class TestFinding:
    async def test_it_asks_by_both_numbers_and_no_date(self, server, provider):
        server.answer = pages([0])
        await provider.find(SENDER, GUEST, SINCE)
        target = urlsplit(server.seen[0].target)
        assert target.path == f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
        assert parse_qs(target.query) == {"To": ["whatsapp:+15005550006"], "From": ["whatsapp:+14155238886"]}

    async def test_it_finds_the_message_in_our_words(self, server, provider):
        server.answer = pages([3])
        [found] = await provider.find(SENDER, GUEST, SINCE)
        assert found.to == GUEST
        assert found.body == "Dear Ana"
        assert found.created_at == SINCE + dt.timedelta(seconds=3)
        assert found.created_at.utcoffset() == dt.timedelta(0)
        assert (found.update.message_id, found.update.delivery) == ("SM" + "0" * 32, Delivery.ACCEPTED)

    async def test_it_reads_on_until_a_page_holds_nothing_recent(self, server, provider):
        server.answer = pages([9, 8], [7, -1], [-60, -61], [-70])
        found = await provider.find(SENDER, GUEST, SINCE)
        assert [one.created_at - SINCE for one in found] == [dt.timedelta(seconds=s) for s in (9, 8, 7)]
        assert len(server.seen) == 3

    async def test_an_empty_list_is_an_answer(self, server, provider):
        server.answer = pages([])
        assert await provider.find(SENDER, GUEST, SINCE) == []

    async def test_a_page_out_of_order_hides_nothing(self, server, provider):
        server.answer = pages([-60, 5], [4])
        assert len(await provider.find(SENDER, GUEST, SINCE)) == 2

    async def test_none_when_the_second_page_fails(self, server, provider):
        first = pages([9], [8])

        async def answer(seen, writer):
            await first(seen, writer) if len(server.seen) == 1 else writer.write(response(500, b""))

        server.answer = answer
        assert await provider.find(SENDER, GUEST, SINCE) is None

    async def test_none_when_the_list_does_not_end(self, server, provider, monkeypatch):
        monkeypatch.setattr(client_module, "_MOST_PAGES", 3)
        server.answer = pages([9], [9], [9], [9])
        assert await provider.find(SENDER, GUEST, SINCE) is None

    @pytest.mark.parametrize(
        ("status", "body"),
        [(401, error(20003, 401)), (200, b"<html>"), (200, {"messages": [message(date_created=None)]})],
    )
    async def test_none_when_twilio_does_not_say(self, server, provider, status, body):
        server.replies(status, body)
        assert await provider.find(SENDER, GUEST, SINCE) is None

    async def test_no_number_reaches_the_log(self, server, provider, caplog):
        server.replies(400, error(21211, text=f"bad {GUEST}"))
        await provider.find(SENDER, GUEST, SINCE)
        assert caplog.text
        assert "500555" not in caplog.text


class TestChecking:
    async def test_all_is_well(self, server, provider):
        server.replies(200, {"sid": ACCOUNT, "friendly_name": "Hadar & Ben", "status": "active"})
        checked = await provider.check()
        assert (checked.ok, checked.name) == (True, "Hadar & Ben")
        assert server.seen[0].target == f"/2010-04-01/Accounts/{ACCOUNT}.json"

    @pytest.mark.parametrize(
        ("status", "body", "sentence"),
        [
            (401, error(20003, 401), "Twilio refused the password of this sender."),
            (404, error(20404, 404), "Twilio does not know this account."),
            (503, b"", "Twilio can’t be reached."),
            (200, b"<html>", "What answered does not speak like Twilio."),
            (200, {"status": "suspended"}, "Twilio suspended this account."),
            (200, {"status": "closed"}, "This Twilio account is not active."),
        ],
    )
    async def test_it_says_what_is_wrong(self, server, provider, status, body, sentence):
        server.replies(status, body)
        checked = await provider.check()
        assert not checked.ok
        assert checked.sentence.startswith(sentence)

    async def test_it_says_when_nobody_answers(self):
        provider = provider_for("http://127.0.0.1:1")
        assert (await provider.check()).sentence == "Twilio can’t be reached."
        await provider.close()


class TestConfiguring:
    @pytest.mark.parametrize("url", ["app.example.com/x", "https://app.example.com/x?y=1", ""])
    def test_it_wants_a_whole_address_for_reports(self, url):
        with pytest.raises(Misconfigured):
            provider_for("", status_callback=url)

    def test_the_environment_moves_nothing(self, monkeypatch):
        monkeypatch.setenv("TWILIO_EDGE", "dublin")
        monkeypatch.setenv("TWILIO_REGION", "ie1")
        provider = provider_for("")
        assert (provider._client.edge, provider._client.region) == (None, None)

    def test_a_key_cannot_break_out_of_the_address(self):
        provider = provider_for("")
        assert provider.callback_for("a&b#c") == f"{CALLBACK}?k=a%26b%23c#rc=5&rp=all"

    def test_a_proxy_is_used_for_twilio_and_never_for_this_machine(self, monkeypatch):
        from cordially.providers.twilio.wire import _proxy_for

        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.setenv("https_proxy", "http://proxy:3128")
        monkeypatch.setenv("http_proxy", "http://proxy:3128")
        assert _proxy_for("https://api.twilio.com") == "http://proxy:3128"
        assert _proxy_for("http://127.0.0.1:8081") is None
        monkeypatch.setenv("no_proxy", ".twilio.com")
        assert _proxy_for("https://api.twilio.com") is None
