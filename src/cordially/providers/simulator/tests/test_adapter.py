"""Our own adapter against the simulator, over a real socket: every kind of content we make, there and back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
import requests
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cordially.providers.simulator.app import SimulatorConfig, create_simulator
from cordially.providers.twilio.content import (
    ApprovalStatus,
    ContentButton,
    ContentError,
    Credentials,
    WholeContent,
    approval_status,
    fetch_content,
    list_contents,
    put_up,
    remove,
    request_approval,
)

from .conftest import QUICK, Stand, sdk_client, served, wait_for
from .test_contract import check_request

PHONE = "+491701234567"
BODY = "Dear {{1}}, please come to {{2}} with all your friends."
HEADED = "Dear {{2}}, please come to our house with all your friends."
YES, NO = ContentButton("reply", "We’ll be there"), ContentButton("reply", "Sorry, no")
LINK = ContentButton("link", "Answer", "https://invite.example.com/r/{{3}}")
PICTURE = "https://invite.example.com/hall.jpg"

SAMPLES = ("Sunita", "the ball", "8Vq2ZkM1")
PLAIN = WholeContent("Maya & Arjun", "en", BODY, samples=SAMPLES[:2])
#: Twilio's type -> contents that must become it
KINDS: list[tuple[str, WholeContent]] = [
    ("twilio/text", PLAIN),
    ("twilio/text", replace(PLAIN, language="he", body="שלום {{1}}, נשמח לראותך *ב-{{2}}* 🥂 בקרוב מאוד")),
    ("twilio/media", replace(PLAIN, image=PICTURE)),
    ("twilio/quick-reply", replace(PLAIN, buttons=(YES, NO))),
    ("twilio/call-to-action", replace(PLAIN, buttons=(LINK,), samples=SAMPLES)),
    ("whatsapp/card", replace(PLAIN, language="pt_BR", footer="Reply as you like")),
    ("whatsapp/card", replace(PLAIN, header="For {{1}}", body=HEADED)),
    ("whatsapp/card", replace(PLAIN, buttons=(YES, NO, LINK), samples=SAMPLES)),
    ("whatsapp/card", replace(PLAIN, image=PICTURE, buttons=(LINK,), samples=SAMPLES)),
    (
        "whatsapp/card",
        replace(
            PLAIN, header="For {{1}}", body=HEADED, footer="No gifts", buttons=(YES, LINK), samples=SAMPLES
        ),
    ),
    (
        "whatsapp/card",
        replace(PLAIN, image=PICTURE, footer="No gifts", buttons=(YES, NO, LINK), samples=SAMPLES),
    ),
]
PATHS = {"POST": "/v1/Content/{ContentSid}/ApprovalRequests/whatsapp"}


@dataclass
class Asked:
    method: str
    path: str
    body: bytes


@dataclass
class Listener:
    """Passes everything on and notes what was asked."""

    app: ASGIApp
    asked: list[Asked]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        note = Asked(scope["method"], scope["path"], b"")
        self.asked.append(note)

        async def heard() -> Message:
            message = await receive()
            note.body += message.get("body", b"")
            return message

        await self.app(scope, heard, send)


@dataclass
class Ends:
    """Both ends of the wire, and what went over it."""

    stand: Stand
    credentials: Credentials
    asked: list[Asked]


@contextmanager
def connected(**given: Any) -> Iterator[Ends]:
    config = SimulatorConfig(**{**QUICK, **given})
    simulator = create_simulator(config)
    asked: list[Asked] = []
    with served(Listener(simulator.app, asked)) as base:
        client = sdk_client(config, base)
        try:
            credentials = Credentials(config.account_sid, config.auth_token, base)
            yield Ends(Stand(simulator, base, client), credentials, asked)
        finally:
            client.http_client.session.close()


@pytest.fixture
def ends() -> Iterator[Ends]:
    with connected() as ends:
        yield ends


def approved(ends: Ends, content: WholeContent) -> str:
    ref = put_up(ends.credentials, content)
    request_approval(ends.credentials, ref, "invitation", "MARKETING")
    wait_for(lambda: approval_status(ends.credentials, ref).status is ApprovalStatus.APPROVED)
    return ref


@pytest.mark.parametrize(("kind", "content"), KINDS, ids=[f"{n} {kind}" for n, (kind, _) in enumerate(KINDS)])
def test_every_kind_goes_there_and_back_and_reaches_a_phone(
    ends: Ends, kind: str, content: WholeContent
) -> None:
    ref = put_up(ends.credentials, content)
    asked = request_approval(ends.credentials, ref, "invitation", "MARKETING")
    assert asked == (ApprovalStatus.RECEIVED, "", "MARKETING")
    wait_for(lambda: approval_status(ends.credentials, ref).status is ApprovalStatus.APPROVED)

    [back] = list_contents(ends.credentials)
    assert back == fetch_content(ends.credentials, ref)
    assert back.usable == ""
    assert (back.ref, back.kind, back.approval) == (ref, kind, (ApprovalStatus.APPROVED, "", "MARKETING"))
    assert (
        WholeContent(
            back.name,
            back.language,
            back.body,
            back.header,
            back.image,
            back.footer,
            back.buttons,
            tuple(back.samples.values()),
        )
        == content
    )
    assert list(back.samples) == [str(number) for number in range(1, len(content.samples) + 1)]

    values = {"1": "Grace", "2": "the garden", "3": "abc"}
    sent = ends.stand.send(PHONE, ref, content_variables=json.dumps(values))
    wait_for(lambda: ends.stand.client.messages(sent.sid).fetch().status == "read")
    page = phone(ends)
    assert "Grace" in page and "{{" not in page
    assert ("https://invite.example.com/hall.jpg" in page) == bool(content.image)
    assert ("For Grace" in page) == bool(content.header)
    assert content.footer in page
    assert all(f">{button.title}</" in page for button in content.buttons)
    opens = 'class="button" dir="auto" href="https://invite.example.com/r/abc"'
    assert (opens in page) == (LINK in content.buttons)


@pytest.mark.parametrize("content", [content for _, content in KINDS])
def test_all_that_we_ask_is_what_the_specification_takes(ends: Ends, content: WholeContent) -> None:
    approved(ends, content)
    for asked in ends.asked:
        if asked.method == "POST":
            path = "/v1/Content" if asked.path == "/v1/Content" else PATHS["POST"]
            check_request(path, "post", json.loads(asked.body))
    assert [asked.path.rpartition("/")[2] for asked in ends.asked[:2]] == ["Content", "whatsapp"]


def test_a_language_is_written_as_whatsapp_does(ends: Ends) -> None:
    put_up(ends.credentials, replace(PLAIN, language="pt-BR"))
    assert json.loads(ends.asked[0].body)["language"] == "pt_BR"


def test_a_long_list_comes_whole_and_newest_first(
    run: Callable[..., Stand], monkeypatch: pytest.MonkeyPatch
) -> None:
    stand = run(prefix="/simulator")
    config = stand.simulator.config
    credentials = Credentials(config.account_sid, config.auth_token, stand.base)
    monkeypatch.setattr("cordially.providers.twilio.content._PER_PAGE", 2)
    refs = [stand.content() for _ in range(5)]
    assert [each.ref for each in list_contents(credentials)] == refs[::-1]
    monkeypatch.setattr("cordially.providers.twilio.content._MOST_PAGES", 2)
    assert [each.ref for each in list_contents(credentials)] == refs[:0:-1]


def test_what_was_never_handed_in_is_taken_back(ends: Ends) -> None:
    ref = put_up(ends.credentials, PLAIN)
    assert fetch_content(ends.credentials, ref).approval == (ApprovalStatus.UNSUBMITTED, "", "")
    remove(ends.credentials, ref)
    assert list_contents(ends.credentials) == []
    for call in (fetch_content, remove, approval_status):
        with pytest.raises(ContentError, match="does not have this template"):
            call(ends.credentials, ref)


def test_whatsapps_own_category_and_reasons_arrive(ends: Ends) -> None:
    ref = put_up(ends.credentials, PLAIN)
    request_approval(ends.credentials, ref, "recategorise_me", "UTILITY")
    assert approval_status(ends.credentials, ref) == (ApprovalStatus.APPROVED, "", "MARKETING")
    ref = put_up(
        ends.credentials, replace(PLAIN, body="Dear {{1}}, please come with all your friends to {{2}}")
    )
    request_approval(ends.credentials, ref, "ends_badly", "UTILITY")
    status, reason, _ = approval_status(ends.credentials, ref)
    assert status is ApprovalStatus.REJECTED and "start or end" in reason
    assert list_contents(ends.credentials)[0].approval == (status, reason, "UTILITY")


@pytest.mark.parametrize(
    ("changed", "code", "sentence"),
    [
        ({"body": "x" * 1601}, 21658, "The message is too long."),
        ({"samples": SAMPLES[:1]}, 92002, "Twilio refused the fields of this template."),
        ({"language": ""}, 92003, "Twilio needs the template’s language."),
        ({"language": "Hebrew"}, 92004, "Twilio does not know the template’s language."),
        ({"body": ""}, 92001, "Twilio refused this template."),
        ({"header": "A line", "image": PICTURE}, 92001, "Twilio refused this template."),
        (
            {"buttons": (replace(LINK, url="https://x.example/{{3}}/r"),), "samples": SAMPLES},
            92002,
            "Twilio refused the fields of this template.",
        ),
    ],
)
def test_refusals_arrive_in_plain_words(
    ends: Ends, changed: dict[str, Any], code: int, sentence: str
) -> None:
    with pytest.raises(ContentError) as caught:
        put_up(ends.credentials, replace(PLAIN, **changed))
    fault = caught.value.fault
    assert (fault.code, fault.sentence) == (code, sentence)
    assert fault.cure


def phone(ends: Ends) -> str:
    with requests.Session() as session:
        session.trust_env = False
        return session.get(f"{ends.stand.base}/phone/{PHONE}", timeout=10).text
