"""The Messages API: create, fetch, change, delete, list."""

from __future__ import annotations

import asyncio
import datetime as dt
import email.utils
import time
import uuid
from functools import lru_cache, partial
from typing import Any
from urllib.parse import parse_qs, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from .accounts import Accounts
from .config import SimulatorConfig
from .content import failure_of
from .door import Gate, Silence, answer_of, json_answer, page_number, page_size
from .errors import FAILURES, ApiError
from .flights import Flights
from .limits import Door, Verdict
from .magic import CREATING, Answer, Fate
from .plan import Chance
from .requests import Form, Wanted, one, read_wanted
from .store import CHANNEL, SimMessage, Store

_ACCOUNT = "/2010-04-01/Accounts/{account}"
_IN_FLIGHT = frozenset({"accepted", "queued", "scheduled", "sending"})
_PRICE = "-0.00500"
_FAILED = frozenset({"failed", "undelivered", "canceled"})
_GATEWAY_PAGE = (
    "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
)

# query name: SQL comparison. What was not sent yet has no date, and meets none of them.
_FILTERS = {"To": "recipient = ?", "From": "sender = ?"}
_DAY = 86400.0


class MessagesApi:
    def __init__(
        self,
        config: SimulatorConfig,
        accounts: Accounts,
        store: Store,
        flights: Flights,
        chance: Chance,
        gate: Gate,
    ) -> None:
        self._config = config
        self._accounts = accounts
        self._store = store
        self._flights = flights
        self._chance = chance
        self._created_at = time.time()
        self.doors = {
            sender: Door(config.per_second, store.arrivals(sender)) for sender in config.all_senders
        }
        guard = gate.guard
        self.routes = [
            Route(f"{_ACCOUNT}/Messages.json", guard(self._create), methods=["POST"]),
            Route(f"{_ACCOUNT}/Messages.json", guard(self._list), methods=["GET"]),
            Route(f"{_ACCOUNT}/Messages/{{sid}}.json", guard(self._fetch), methods=["GET"]),
            Route(f"{_ACCOUNT}/Messages/{{sid}}.json", guard(self._change), methods=["POST"]),
            Route(f"{_ACCOUNT}/Messages/{{sid}}.json", guard(self._delete), methods=["DELETE"]),
            Route(f"{_ACCOUNT}.json", guard(self._account), methods=["GET"]),
        ]

    def reset(self) -> None:
        self.doors.update({sender: Door(self._config.per_second) for sender in self.doors})

    # create

    async def _create(self, request: Request) -> Response:
        arrived = time.monotonic()
        form = await _read_form(request)
        try:
            with self._store.together():
                answer, message = self._take(request.state.account, form, arrived)
        except ApiError as error:
            answer, message = answer_of(error), None
        await asyncio.sleep(self._chance.latency())
        if isinstance(answer, Response):
            return answer
        if answer is Answer.SLOW:
            await asyncio.sleep(self._config.slow_seconds)
        if answer is Answer.ERROR_AFTER:
            raise ApiError(20500)
        if answer in (Answer.LOST, Answer.CLOSED):
            return Silence()
        if answer is Answer.GATEWAY:
            return HTMLResponse(_GATEWAY_PAGE, 502)
        assert message is not None
        return json_answer(self._show(message, created=True), 201)

    def _take(self, account: str, form: Form, arrived: float) -> tuple[Answer | Response, SimMessage | None]:
        """Decide on a request at the moment it arrives; the answer may come later."""
        verdict = self._arrive(account, form, arrived)
        now = dt.datetime.now(dt.UTC)
        find = partial(self._store.content, account=account)
        wanted = read_wanted(form, self._accounts.get(account).senders, find, now)
        if verdict is Verdict.REFUSE:
            raise ApiError(20429)
        answer, code, fate = self._chance.answer(wanted.phone)
        if answer is Answer.REFUSED:
            raise ApiError(code, wanted.to)
        if answer is Answer.BUSY:
            first = self._chance.strikes(wanted.phone) == 1
            raise ApiError(20429, headers={"Retry-After": "1"} if first else None)
        if answer is Answer.ERROR_BEFORE:
            raise ApiError(20500)
        if answer not in CREATING:
            return answer, None
        return answer, self._start(wanted, verdict, fate, now.timestamp(), arrived)

    def _arrive(self, account: str, form: Form, arrived: float) -> Verdict:
        sender = one(form, "From").removeprefix(CHANNEL)
        if not sender and form.get("MessagingServiceSid"):
            sender = self._accounts.get(account).senders[0]
        door = self.doors.get(sender)
        if door is None or self._accounts.of_sender(sender) != account:
            return Verdict.TAKE
        self._store.add_arrival(sender, arrived)
        return door.arrive(arrived)

    def _start(self, wanted: Wanted, verdict: Verdict, fate: Fate, now: float, arrived: float) -> SimMessage:
        """The message exists from here on."""
        paired = self.doors[wanted.sender].took(wanted.to, arrived, self._config.pair_seconds)
        failure = self._failure(wanted, now)
        if not failure and (paired or verdict is Verdict.DROP):
            failure = 63018
        if failure:
            fate = Fate(error_code=failure, copies=fate.copies)
        message = _message(wanted, now, arrived)
        steps = self._chance.steps(
            fate, wanted.send_at or now, through_service=wanted.service_sid is not None
        )
        self._flights.launch(message, steps)
        return message

    def _failure(self, wanted: Wanted, now: float) -> int:
        content = wanted.content
        if content is None:
            return 63016  # nobody ever writes to us here, so the window is never open
        approval, config = content.approval, self._config
        review = approval.status(now, config.approve_after, config.lapse_after) if approval else ""
        return failure_of(content, wanted.variables, wanted.body, review)

    # the rest

    async def _fetch(self, request: Request) -> Response:
        return json_answer(self._show(self._find(request)))

    async def _change(self, request: Request) -> Response:
        message = self._find(request)
        form = await _read_form(request)
        if ("Body" in form) == ("Status" in form):
            raise ApiError(30400)
        if "Body" in form:
            if one(form, "Body"):
                raise ApiError(30400)
            self._store.redact(message.sid, time.time())
        else:
            self._cancel(message, one(form, "Status"))
        return json_answer(self._show(self._find(request)))

    def _cancel(self, message: SimMessage, status: str) -> None:
        if status != "canceled":
            raise ApiError(30400)
        if message.status != "scheduled":
            raise ApiError(30409)
        self._store.set_status(message.sid, status, 0, time.time(), sent=False)
        self._flights.cancel(message)

    async def _delete(self, request: Request) -> Response:
        message = self._find(request)
        if message.status in _IN_FLIGHT:
            raise ApiError(20009)
        self._flights.drop(message.sid)
        self._store.delete(message.sid)
        return Response(status_code=204)

    async def _list(self, request: Request) -> Response:
        size, number = page_size(request), page_number(request)
        conditions = _conditions(request)
        token = request.query_params.get("PageToken", "")
        backwards = token.startswith("PB")
        if len(self._accounts) > 1:
            mine = " ".join(CHANNEL + phone for phone in self._accounts.get(request.state.account).senders)
            conditions.append(("instr(?, sender) > 0", mine))
        here = [*conditions, self._beyond(token)] if token else conditions
        found = self._store.messages(here, limit=size + 1, newest_first=not backwards)
        more = backwards or len(found) > size
        found = found[:size]
        if backwards:
            found.reverse()
        first, last = (found[0].sid, found[-1].sid) if found else ("", "")
        return json_answer(
            {
                "messages": [self._show(message) for message in found],
                "page": number,
                "page_size": size,
                "start": number * size,
                "end": number * size + max(len(found) - 1, 0),
                "uri": self._page_uri(request, size, number, token),
                "first_page_uri": self._page_uri(request, size, 0, ""),
                "next_page_uri": self._page_uri(request, size, number + 1, f"PA{last}") if more else None,
                "previous_page_uri": self._page_uri(request, size, number - 1, f"PB{first}")
                if number and found
                else None,
            }
        )

    def _beyond(self, token: str) -> tuple[str, Any]:
        """PA… means after that message, PB… before it."""
        message = self._store.message(token[2:])
        if message is None or token[:2] not in ("PA", "PB"):
            raise ApiError(20001)
        return ("seq > ?" if token.startswith("PB") else "seq < ?"), message.seq

    def _page_uri(self, request: Request, size: int, number: int, token: str) -> str:
        """Relative, and without the prefix that we may be mounted under: clients add both again."""
        kept = [
            (name, value)
            for name, value in request.query_params.multi_items()
            if name not in ("PageSize", "Page", "PageToken")
        ]
        paging = [("PageSize", str(size)), ("Page", str(number))]
        if token:
            paging.append(("PageToken", token))
        return f"{_base(request.state.account)}/Messages.json?{urlencode(kept + paging)}"

    async def _account(self, request: Request) -> Response:
        account = self._accounts.get(request.state.account)
        created, base = _rfc2822(self._created_at), _base(account.sid)
        names = ("Messages", "IncomingPhoneNumbers", "Usage", "Keys")
        return json_answer(
            {
                "sid": account.sid,
                "friendly_name": account.name,
                "status": "active",
                "type": "Full",
                "owner_account_sid": account.sid,
                "date_created": created,
                "date_updated": created,
                "uri": f"{base}.json",
                "subresource_uris": {_snake(name): f"{base}/{name}.json" for name in names},
            }
        )

    def _find(self, request: Request) -> SimMessage:
        message = self._store.message(request.path_params["sid"])
        if message is None or self._account_of(message) != request.state.account:
            raise ApiError(20404, request.url.path)
        return message

    def _account_of(self, message: SimMessage) -> str:
        return self._accounts.of_sender((message.from_ or "").removeprefix(CHANNEL))

    def _show(self, message: SimMessage, *, created: bool = False) -> dict[str, Any]:
        account = self._account_of(message)
        uri = f"{_base(account)}/Messages/{message.sid}"
        billed = message.sent_at is not None and message.status not in _FAILED
        subresources = {"media": f"{uri}/Media.json"}
        if not created:
            subresources["feedback"] = f"{uri}/Feedback.json"
        return {
            "sid": message.sid,
            "account_sid": account,
            "api_version": "2010-04-01",
            "status": message.status,
            "direction": "outbound-api",
            "to": message.to,
            "from": message.from_,
            "messaging_service_sid": message.service_sid,
            "body": message.body,
            "num_segments": "1" if message.from_ else "0",
            "num_media": str(message.num_media),
            "price": _PRICE if billed else None,
            "price_unit": "USD" if billed else None,
            "error_code": message.error_code,
            "error_message": FAILURES.get(message.error_code or 0),
            "date_created": _rfc2822(message.created_at),
            "date_updated": _rfc2822(message.updated_at),
            "date_sent": _rfc2822(message.sent_at) if message.sent_at is not None else None,
            "uri": f"{uri}.json",
            "subresource_uris": subresources,
        }


def _base(account: str) -> str:
    return f"/2010-04-01/Accounts/{account}"


def _message(wanted: Wanted, now: float, arrived: float) -> SimMessage:
    status = "scheduled" if wanted.send_at else "accepted" if wanted.service_sid else "queued"
    content = wanted.content
    # In the wild, what has content or media is often MM…; clients have to take both.
    kind = "MM" if content is not None or wanted.num_media else "SM"
    return SimMessage(
        seq=0,
        sid=kind + uuid.uuid4().hex,
        to=wanted.to,
        from_=wanted.from_,
        status=status,
        error_code=None,
        content_sid=content.sid if content else None,
        variables=wanted.variables,
        body=wanted.body,
        service_sid=wanted.service_sid,
        callback=wanted.callback,
        num_media=wanted.num_media,
        created_at=now,
        created_monotonic=arrived,
        updated_at=now,
        sent_at=None,
    )


async def _read_form(request: Request) -> Form:
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    body = await request.body()
    if body and kind != "application/x-www-form-urlencoded":
        raise ApiError(20001)
    try:
        return parse_qs(body.decode(), keep_blank_values=True)
    except UnicodeDecodeError:
        raise ApiError(20001) from None


def _conditions(request: Request) -> list[tuple[str, Any]]:
    query = request.query_params
    found: list[tuple[str, Any]] = [
        (comparison, query[name]) for name, comparison in _FILTERS.items() if query.get(name)
    ]
    if query.get("DateSent"):
        start, _ = _moment(query["DateSent"])
        start -= start % _DAY
        found += [("sent_at >= ?", start), ("sent_at < ?", start + _DAY)]
    if query.get("DateSent<"):
        until, whole_day = _moment(query["DateSent<"])
        found.append(("sent_at < ?", until + (_DAY if whole_day else 1.0)))
    if query.get("DateSent>"):
        found.append(("sent_at >= ?", _moment(query["DateSent>"])[0]))
    return found


def _moment(text: str) -> tuple[float, bool]:
    """A date or an instant of GMT, and whether it is a whole day."""
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise ApiError(20001) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return moment.timestamp(), len(text) <= len("2026-01-01")


def _rfc2822(moment: float) -> str:
    return _rfc2822_second(int(moment))


@lru_cache(maxsize=1024)
def _rfc2822_second(second: int) -> str:
    return email.utils.format_datetime(dt.datetime.fromtimestamp(second, dt.UTC))


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).strip("_")
