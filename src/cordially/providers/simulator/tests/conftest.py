from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client
from twilio.rest.content.v1.content import ContentList
from twilio.rest.content.v1.content.approval_create import ApprovalCreateList

from cordially.providers.simulator.app import Simulator, SimulatorConfig, create_simulator

TEXT = {"twilio/text": {"body": "Dear {{1}}, please come to {{2}} tonight."}}


def wait_for(condition: Callable[[], Any], timeout: float = 10.0) -> Any:
    """What `condition` says as soon as it says something true."""
    end = time.monotonic() + timeout
    while not (found := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)
    return found


@contextmanager
def served(app: ASGIApp) -> Iterator[str]:
    """The address of an app that a real server serves in a thread of its own."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_for(lambda: server.started or not thread.is_alive())
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)


@dataclass
class Callback:
    path: str
    query: str
    params: dict[str, str]
    headers: dict[str, str]
    at: float

    @property
    def status(self) -> str:
        return self.params["MessageStatus"]


@dataclass
class Receiver:
    """Takes callbacks; answers with the statuses in `answers` first, and 204 afterwards."""

    base: str = ""
    callbacks: list[Callback] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    async def take(self, request: Request) -> Response:
        params = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
        seen = Callback(request.url.path, request.url.query, params, dict(request.headers), time.monotonic())
        self.callbacks.append(seen)
        return Response(status_code=self.answers.pop(0) if self.answers else 204)

    @property
    def url(self) -> str:
        return self.base + "/status"

    def statuses(self, sid: str = "") -> list[str]:
        return [each.status for each in self.callbacks if sid in ("", each.params["MessageSid"])]


@dataclass
class Stand:
    """A running simulator and what one needs to talk to it."""

    simulator: Simulator
    base: str
    client: Client

    def approved(self, types: dict[str, Any] | None = None, variables: dict[str, str] | None = None) -> str:
        """The sid of a template that WhatsApp has approved."""
        sid = self.content(types, variables)
        self.submit(sid)
        approvals = self.client.content.v1.contents(sid).approval_fetch()
        wait_for(lambda: approvals.fetch().whatsapp["status"] == "approved")
        return sid

    def content(self, types: dict[str, Any] | None = None, variables: dict[str, str] | None = None) -> str:
        given = {
            "friendly_name": "invitation",
            "language": "en",
            "variables": variables or {"1": "Ada", "2": "the ball"},
            "types": types or TEXT,
        }
        return str(self.client.content.v1.contents.create(ContentList.ContentCreateRequest(given)).sid)

    def submit(self, sid: str, name: str = "invitation") -> Any:
        return self.client.content.v1.contents(sid).approval_create.create(
            ApprovalCreateList.ContentApprovalRequest({"name": name, "category": "UTILITY"})
        )

    def send(self, to: str, content: str, callback: str = "", **rest: Any) -> Any:
        given = {
            "from_": f"whatsapp:{self.simulator.config.sender}",
            "content_sid": content,
            "content_variables": '{"1": "Grace", "2": "the garden"}',
            **({"status_callback": callback} if callback else {}),
        }
        return self.client.messages.create(to=f"whatsapp:{to}", **{**given, **rest})


def sdk_client(config: SimulatorConfig, base: str) -> Client:
    client = Client(
        config.account_sid,
        config.auth_token,
        http_client=TwilioHttpClient(timeout=10),
        environment={"_": ""},
    )
    client.http_client.session.trust_env = False
    client.api.base_url = client.content.base_url = base
    return client


QUICK = {
    "latency": (0.0, 0.0),
    "sent_after": (0.01, 0.02),
    # far enough apart to arrive in order on a busy machine
    "delivered_after": (0.1, 0.12),
    "read_after": (0.1, 0.12),
    "read_share": 1.0,
    "approve_after": 0.0,
    "slow_seconds": 0.4,
    "callback_delay_seconds": 0.3,
    "seed": 7,
}


@pytest.fixture
def run() -> Iterator[Callable[..., Stand]]:
    """Start simulators that hurry, each configured as the test needs it."""
    with ExitStack() as stack:

        def start(prefix: str = "", **given: Any) -> Stand:
            config = SimulatorConfig(**{**QUICK, **given})
            simulator = create_simulator(config)
            app: ASGIApp = simulator.app
            if prefix:
                app = _mounted(simulator, prefix)
            base = stack.enter_context(served(app)) + prefix
            client = sdk_client(config, base)
            stack.callback(client.http_client.session.close)
            return Stand(simulator, base, client)

        yield start


def _mounted(simulator: Simulator, prefix: str) -> ASGIApp:
    from contextlib import asynccontextmanager

    @asynccontextmanager
    async def lifespan(app: Starlette):  # type: ignore[no-untyped-def]
        await simulator.start()
        yield
        await simulator.stop()

    return Starlette(routes=[Mount(prefix, simulator.app)], lifespan=lifespan)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    app = Starlette(routes=[Route("/status", receiver.take, methods=["POST"])])
    with served(app) as base:
        receiver.base = base
        yield receiver


@pytest.fixture
def stand(run: Callable[..., Stand]) -> Stand:
    return run()
