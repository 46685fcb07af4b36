"""The guests' phones, to look at: who was written to, and each chat as its guest would see it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from .door import Guard
from .errors import FAILURES
from .magic import MAGIC_NUMBERS, magic_of
from .store import CHANNEL, Recipient, SimMessage, Store

_ASSETS: Final = Path(__file__).parent / "assets"
_MOST_RECIPIENTS: Final = 100
_MOST_MESSAGES: Final = 200

_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src 'self' https: http: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}

_ARRIVED: Final = frozenset({"sent", "delivered", "read"})
_LOST: Final = frozenset({"failed", "undelivered"})

_LINK: Final = re.compile(r"https?://[^\s<>\"]+")
# What ends a sentence or closes a bracket after a link does not belong to it.
_AFTER_LINK: Final = ".,;:!?)]}'”’»*_~"
# WhatsApp's own marks: around words, not inside them. https://faq.whatsapp.com/539178204879377 (August 2026)
_MARKS: Final = tuple(
    (re.compile(rf"(?<!\w){re.escape(mark)}(?=\S)([^\n]+?)(?<=\S){re.escape(mark)}(?!\w)"), tag)
    for mark, tag in (("```", "code"), ("*", "strong"), ("_", "em"), ("~", "s"))
)

# https://www.itu.int/pub/T-SP-E.164D (calling codes; all others have three digits)
_CODES_OF_ONE: Final = frozenset("17")
_CODES_OF_TWO: Final = frozenset(
    str(code)
    for codes in (
        (20, 27, 36, 39, 40, 41, 81, 82, 84, 86, 98),
        *(range(30, 35), range(43, 50), range(51, 59), range(60, 67), range(90, 96)),
    )
    for code in codes
)


class PhonePages:
    def __init__(self, store: Store, private: Guard) -> None:
        self._store = store
        self.routes = [
            Route("/phone", private(self._phones), methods=["GET"]),
            Route("/phone.css", _asset("phone.css", "text/css"), methods=["GET"]),
            Route("/phone.js", _asset("phone.js", "text/javascript"), methods=["GET"]),
            Route("/phone/{number}", private(self._phone), methods=["GET"]),
        ]

    async def _phones(self, request: Request) -> Response:
        root = request.scope["root_path"]
        recipients = self._store.recipients(_MOST_RECIPIENTS)
        lines = "".join(_recipient_line(root, recipient) for recipient in recipients)
        empty = '<p class="empty">Nobody was written to yet. Send an invitation and look again.</p>'
        main = f"""
<header class="head"><h1>Phones</h1>
<p>What your guests would see. Nothing here leaves this machine.</p></header>
<section aria-labelledby="recent"><h2 id="recent">Lately written to</h2>
{f'<ul class="phones">{lines}</ul>' if recipients else empty}</section>
<section aria-labelledby="magic"><h2 id="magic">Numbers that misbehave</h2>
<p>Nobody has these numbers: they are kept for fiction. Invite one to see what happens then.</p>
<dl class="magic">{"".join(_magic_line(root, magic.number) for magic in MAGIC_NUMBERS)}</dl></section>"""
        return _page(root, "Phones", "list", main)

    async def _phone(self, request: Request) -> Response:
        root = request.scope["root_path"]
        number = "+" + re.sub(r"\D", "", request.path_params["number"])
        conditions = [("recipient = ?", CHANNEL + number)]
        messages = self._store.messages(conditions, limit=_MOST_MESSAGES, newest_first=True)[::-1]
        senders = sorted({(message.from_ or "").removeprefix(CHANNEL) for message in messages} - {""})
        magic = magic_of(number)
        about = (
            f'<p class="about"><b>{escape(magic.name)}.</b> {escape(magic.description)}</p>' if magic else ""
        )
        main = f"""
<div class="caption"><h1>Phone of <span class="tel">{_spaced(number)}</span></h1>{about}</div>
<div class="phone">
<div class="bar"><a class="back" href="{root}/phone" aria-label="All phones">{_BACK}</a>
<span class="avatar" aria-hidden="true">{_ENVELOPE}</span>
<span class="who"><b>Invitations</b>
<span class="tel">{" · ".join(_spaced(each) for each in senders) or "WhatsApp"}</span></span></div>
<div class="room" tabindex="0" role="log" aria-label="Messages">{self._days(messages)}</div>
</div>"""
        return _page(root, f"Phone of {number}", "chat", main)

    def _days(self, messages: list[SimMessage]) -> str:
        if not messages:
            return '<p class="note">No message yet.</p>'
        parts = []
        for day, of_day in groupby(messages, lambda message: _local(message.created_at).date()):
            parts.append(f'<p class="day"><time datetime="{day}">{day:%-d %B %Y}</time></p>')
            parts += [self._message(message) for message in of_day]
        return "".join(parts)

    def _message(self, message: SimMessage) -> str:
        if message.status in _LOST:
            reason = FAILURES.get(message.error_code or 0, "")
            return (
                f'<p class="note lost">A message did not arrive: {message.error_code}. {escape(reason)}</p>'
            )
        if message.status == "canceled":
            return '<p class="note">A message was cancelled before it was sent.</p>'
        if message.status not in _ARRIVED:
            return '<p class="note">A message is on its way …</p>'
        content = self._store.content(message.content_sid) if message.content_sid else None
        filled: Mapping[str, Any] = content.filled(message.variables) if content else {}
        return _bubble(message, filled)


def _bubble(message: SimMessage, filled: Mapping[str, Any]) -> str:
    """`filled` is the template with its values in; empty for plain text."""
    moment = _local(message.created_at)
    pictures = "".join(
        f'<img src="{escape(url)}" alt="" loading="lazy">' for url in _urls(filled.get("media"))
    )
    head = filled.get("header_text") or (filled.get("title") if filled.get("body") else "")
    foot = filled.get("footer") or filled.get("subtitle")
    buttons = "".join(_button(action) for action in filled.get("actions") or () if isinstance(action, dict))
    return f"""
<article class="message"><div class="bubble">{pictures}
{f'<p class="bubble-head" dir="auto">{escape(str(head))}</p>' if head else ""}
<p class="text" dir="auto">{readable(message.body)}</p>
{f'<p class="bubble-foot" dir="auto">{escape(str(foot))}</p>' if foot else ""}
<p class="time"><time datetime="{moment.isoformat(timespec="seconds")}">{moment:%H:%M}</time>
{_ticks(message.status)}</p></div>{buttons}</article>"""


def _urls(media: Any) -> list[str]:
    if not isinstance(media, list):
        return []
    return [url for url in media if isinstance(url, str) and _LINK.fullmatch(url)]


def _button(action: Mapping[str, Any]) -> str:
    title, url = escape(str(action.get("title") or "")), str(action.get("url") or "")
    if _LINK.fullmatch(url):
        return f'<a class="button" dir="auto" {_link_attributes(url)}>{title}</a>'
    return f'<span class="button" dir="auto">{title}</span>'


def readable(text: str) -> str:
    """A message as HTML: everything escaped, links live, WhatsApp's marks for bold and so on applied."""
    parts, end = [], 0
    for found in _LINK.finditer(text):
        url = found[0].rstrip(_AFTER_LINK)
        parts += [_marked(text[end : found.start()]), f"<a {_link_attributes(url)}>{escape(url)}</a>"]
        end = found.start() + len(url)
    return "".join([*parts, _marked(text[end:])])


def _marked(text: str) -> str:
    html = escape(text)
    for pattern, tag in _MARKS:
        html = pattern.sub(rf"<{tag}>\1</{tag}>", html)
    return html


def _link_attributes(url: str) -> str:
    return f'href="{escape(url)}" target="_blank" rel="noopener noreferrer"'


def _recipient_line(root: str, recipient: Recipient) -> str:
    last = recipient.last
    times = f"{recipient.messages} messages" if recipient.messages > 1 else ""
    preview = " ".join(last.body.split())[:120] if last.status not in _LOST else "Did not arrive."
    return f"""
<li><a href="{_phone_path(root, recipient.phone)}"><span class="tel">{_spaced(recipient.phone)}</span>
<span class="preview" dir="auto">{_marked(preview)}</span>
<span class="side"><time>{_local(last.created_at):%H:%M}</time> {_ticks(last.status)}
<small>{times}</small></span></a></li>"""


def _magic_line(root: str, number: str) -> str:
    magic = magic_of(number)
    assert magic is not None
    return f"""
<div><dt><a class="tel" href="{_phone_path(root, number)}">{_spaced(number)}</a></dt>
<dd><b>{escape(magic.name)}.</b> {escape(magic.description)}</dd></div>"""


def _phone_path(root: str, number: str) -> str:
    return f"{root}/phone/{quote(number)}"


def _spaced(number: str) -> str:
    """The country's code, then groups of three; a last digit joins the group before it."""
    digits = number.removeprefix("+")
    code = 1 if digits[:1] in _CODES_OF_ONE else 2 if digits[:2] in _CODES_OF_TWO else 3
    rest = digits[code:]
    groups = [rest[at : at + 3] for at in range(0, len(rest), 3)]
    if len(groups) > 1 and len(groups[-1]) == 1:
        groups[-2:] = [groups[-2] + groups[-1]]
    return escape("+" + "\u202f".join([digits[:code], *groups]))


def _local(moment: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(moment, dt.UTC).astimezone()


_TICK = '<path d="m1.5 7 3 3L11 3.5"/>'
_TICKS = _TICK + '<path d="m8 9.6.5.4L15 3.5"/>'
_TICK_SHAPES = {"sent": ("Sent", _TICK), "delivered": ("Delivered", _TICKS), "read": ("Read", _TICKS)}
_BACK = '<svg viewBox="0 0 16 16" aria-hidden="true"><path d="M10 2.5 4.5 8l5.5 5.5"/></svg>'
_ENVELOPE = '<svg viewBox="0 0 16 16"><path d="M1.5 3.5h13v9h-13zM1.5 4 8 9l6.5-5"/></svg>'


def _ticks(status: str) -> str:
    if status not in _TICK_SHAPES:
        return ""
    name, shape = _TICK_SHAPES[status]
    return (
        f'<svg class="ticks {status}" viewBox="0 0 16 13" role="img" aria-label="{name}">'
        f"<title>{name}</title>{shape}</svg>"
    )


def _page(root: str, title: str, kind: str, main: str) -> Response:
    html = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title><link rel="stylesheet" href="{root}/phone.css">
<link rel="icon" href="data:,">
<script src="{root}/phone.js" defer></script><noscript><meta http-equiv="refresh" content="4"></noscript></head>
<body class="{kind}"><main>{main}</main></body></html>"""
    return HTMLResponse(html, headers=_HEADERS)


def _asset(name: str, media_type: str) -> Any:
    text = (_ASSETS / name).read_text(encoding="utf-8")

    async def asset(request: Request) -> Response:
        headers = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
        return Response(text, media_type=media_type, headers=headers)

    return asset
