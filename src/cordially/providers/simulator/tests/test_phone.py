from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests

from cordially.providers.simulator.magic import MAGIC_NUMBERS
from cordially.providers.simulator.phone import readable

from .conftest import Stand, wait_for

PHONE = "+491701234567"


def get(stand: Stand, path: str) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        answer = session.get(stand.base + path, timeout=10)
    assert answer.status_code == 200
    return answer


def test_a_phone_shows_its_message_with_ticks(stand: Stand) -> None:
    message = stand.send(PHONE, stand.approved())
    wait_for(lambda: stand.client.messages(message.sid).fetch().status == "read")
    page = get(stand, f"/phone/{PHONE}").text
    assert "Dear Grace, please come to the garden tonight." in page
    assert 'class="ticks read"' in page
    assert get(stand, "/phone/%2B491701234567").text.count("Dear Grace") == 1
    assert "No message yet" in get(stand, "/phone/+491701234568").text


def test_names_with_markup_do_no_harm(stand: Stand) -> None:
    name = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    stand.send(PHONE, stand.approved(), content_variables=json.dumps({"1": name}))
    for path in ("/phone", f"/phone/{PHONE}"):
        wait_for(lambda path=path: "&lt;script&gt;" in get(stand, path).text)
        assert "<script>alert" not in get(stand, path).text and "<img" not in get(stand, path).text


def test_pages_allow_nothing_from_elsewhere(run: Callable[..., Stand]) -> None:
    stand = run(prefix="/simulator")
    answer = get(stand, "/phone")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert "<style" not in answer.text and "style=" not in answer.text and "onclick" not in answer.text
    assert 'href="/simulator/phone.css"' in answer.text and 'src="/simulator/phone.js"' in answer.text
    assert get(stand, "/phone.css").headers["Content-Type"].startswith("text/css")
    assert get(stand, "/phone.js").headers["Content-Type"].startswith("text/javascript")


def test_the_list_names_the_lately_written_to_and_every_magic_number(stand: Stand) -> None:
    content = stand.approved()
    for number in (PHONE, "+33612345678", PHONE):
        stand.send(number, content)
    page = get(stand, "/phone").text
    assert page.index("/phone/%2B491701234567") < page.index("/phone/%2B33612345678")
    assert "2 messages" in page
    for magic in MAGIC_NUMBERS:
        assert magic.name in page and f"/phone/%2B{magic.number[1:]}" in page


def test_what_failed_is_explained_instead_of_shown(stand: Stand) -> None:
    stand.send("+12025550102", stand.approved())
    page = wait_for(lambda: _if_in("did not arrive: 63024", get(stand, "/phone/+12025550102").text))
    assert "Dear Grace" not in page and "Not on WhatsApp" in page


BUTTONS = [
    {"type": "URL", "title": "Answer", "url": "https://x.example/r/{{2}}"},
    {"type": "QUICK_REPLY", "title": "Later"},
]


@pytest.mark.parametrize(
    ("above", "shown"),
    [
        ({"header_text": "For {{1}} <b>"}, '<p class="bubble-head" dir="auto">For Grace &lt;b&gt;</p>'),
        ({"media": ["https://x.example/a.jpg"]}, '<img src="https://x.example/a.jpg"'),
    ],
)
def test_a_card_is_shown_whole(stand: Stand, above: dict[str, Any], shown: str) -> None:
    body = "Dear {{1}}, please come soon."
    card = {"whatsapp/card": {**above, "body": body, "footer": "Reply as you like", "actions": BUTTONS}}
    stand.send(PHONE, stand.approved(card), content_variables='{"1": "Grace", "2": "abc"}')
    page = wait_for(lambda: _if_in("Dear Grace", get(stand, f"/phone/{PHONE}").text))
    assert shown in page
    assert ">Reply as you like</p>" in page and '<span class="button" dir="auto">Later</span>' in page
    assert '<a class="button" dir="auto" href="https://x.example/r/abc" target="_blank"' in page


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a & <b>", "a &amp; &lt;b&gt;"),
        ("*Ball* and _tea_, ~no~", "<strong>Ball</strong> and <em>tea</em>, <s>no</s>"),
        ("2*3*4 a_b_c * x *", "2*3*4 a_b_c * x *"),
        ("*<i>*", "<strong>&lt;i&gt;</strong>"),
    ],
)
def test_texts_are_escaped_and_marked(text: str, html: str) -> None:
    assert readable(text) == html


def test_links_are_live_and_end_where_the_sentence_does() -> None:
    html = readable("See (https://x.example/r/a_b_c?x=1&y=*2*). Or https://y.example!")
    assert 'href="https://x.example/r/a_b_c?x=1&amp;y=*2"' in html
    assert 'href="https://y.example" target="_blank" rel="noopener noreferrer">https://y.example</a>!' in html
    assert "javascript" not in readable("javascript:alert(1)").replace("javascript:alert(1)", "")
    assert '"><' not in readable('https://x.example/"><script>').replace('noreferrer"><', "")


def _if_in(part: str, page: str) -> str:
    return page if part in page else ""
