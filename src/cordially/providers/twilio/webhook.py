"""Twilio's reports: is this one really Twilio's, and what does it say?

    form = read_form(body, content_type)        what was posted, or Malformed
    verify(public_url, tokens, target, form, signature)
    update = read_status(form, query)           in our words, or Malformed

Everything here is pure. Twilio signs the address that we gave it, so the address is built from the configured
public URL and the raw request target, never from headers that a proxy may have changed.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from twilio.request_validator import add_port, remove_port, urlparse

from cordially.lib.marking import noop
from cordially.lib.masking import mask_numbers
from cordially.providers.events import StatusUpdate

from .statuses import is_message_sid, status_update

MOST_PARAMS: Final = 200
_LONGEST_WORD = 40
_LONGEST_KEY = 100

_FORM = "application/x-www-form-urlencoded"

# A target that no URL parser changes when it takes the URL apart and puts it together again.
_PLAIN_TARGET = re.compile(r"/(?!/)[A-Za-z0-9_.~%/-]*(?:\?[A-Za-z0-9_.~%/=&+,:@!$'()*-]+)?", re.ASCII)


class Malformed(ValueError):
    """No report of Twilio's looks like this; the text says why and holds nothing of what was posted."""


def read_form(body: bytes, content_type: str) -> list[tuple[str, str]]:
    """Every pair that was posted, blanks and repetitions included: the signature covers them all."""
    if content_type.partition(";")[0].strip().lower() != _FORM:
        raise Malformed("not a form")
    try:
        return _pairs(body.decode())
    except UnicodeDecodeError:
        raise Malformed("undecodable") from None


def verify(
    public_url: str,
    auth_tokens: Sequence[str],
    raw_path_qs: str,
    params: list[tuple[str, str]],
    signature: str | None,
) -> bool:
    """Whether one of the tokens signed this. Says what the SDK's RequestValidator says, ten times as fast.

    https://www.twilio.com/docs/usage/security (August 2026). Several tokens: both count while one is rotated.
    """
    if not signature or not raw_path_qs.startswith("/"):
        return False
    given = signature.encode("utf-8", "replace")
    try:
        posted = "".join([name + value for name, value in sorted(set(params))]).encode()
        addresses = _addresses(public_url, raw_path_qs)
    except ValueError:  # lone surrogates, a broken port: nothing that Twilio could have signed
        return False
    good = False
    for token in filter(None, auth_tokens):
        for address in addresses:
            digest = hmac.digest(token.encode(), address + posted, "sha1")
            good |= hmac.compare_digest(base64.b64encode(digest), given)
    return good


def account_of(params: Iterable[tuple[str, str]]) -> str:
    """The account that the report names, before anybody knows who posted it; empty when it names none."""
    return next((value for name, value in params if name == "AccountSid"), "")


def read_status(params: Iterable[tuple[str, str]], query: str) -> StatusUpdate:
    """What the report says. `query` is the raw query string, where our own key comes back as `k`."""
    pairs = list(params)
    if len(pairs) > MOST_PARAMS:
        raise Malformed("too many parameters")
    fields = dict(reversed(pairs))  # the first of each name
    sid, word = fields.get("MessageSid", ""), fields.get("MessageStatus", "")
    if not sid:
        raise Malformed("no MessageSid")
    if not is_message_sid(sid):
        raise Malformed("MessageSid of an unknown shape")
    if not word or len(word) > _LONGEST_WORD:
        raise Malformed("no MessageStatus" if not word else "MessageStatus too long")
    if not word.isprintable():  # a word that is new is kept, a NUL no database can keep
        raise Malformed("MessageStatus of an unknown shape")
    detail = fields.get("ErrorMessage") or fields.get("ChannelStatusMessage") or ""
    return status_update(sid, word, _error_code(fields.get("ErrorCode", "")), detail, _key(query))


def explain_mismatch(public_url: str, raw_path_qs: str, headers: Mapping[str, str]) -> str:
    """Why a signature may not have fitted, for the log and the host. Holds no secret, no number and no query."""
    seen = {name.lower(): value for name, value in headers.items()}
    path = mask_numbers(_printable(raw_path_qs.partition("?")[0]))
    if not seen.get("x-twilio-signature"):
        return noop(
            "No X-Twilio-Signature came with the request for {path}: not Twilio’s, or a proxy removed it."
        ).format(path=path)
    expected = urlsplit(public_url)
    ours = f"{expected.scheme}://{expected.netloc.rpartition('@')[2]}{expected.path}".rstrip("/")
    host = _printable(_first(seen.get("x-forwarded-host") or seen.get("host", "")))
    proto = _printable(_first(seen.get("x-forwarded-proto", "")))
    if _hostname(host) != expected.hostname or proto.lower() not in ("", expected.scheme):
        return noop(
            "Signed for another address? The request for {path} came as host {host} "
            "with proto {proto}, while CORDIALLY_PUBLIC_URL is {ours}."
        ).format(path=path, host=host or "unknown", proto=proto or "unknown", ours=ours)
    return noop(
        "The address agrees ({ours}, {path}), so the token differs: is it the Auth Token of the account "
        "that sent the message, and not an API key or an old token?"
    ).format(ours=ours, path=path)


def _pairs(text: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMS)
    except UnicodeDecodeError:
        raise Malformed("undecodable") from None
    except ValueError:
        raise Malformed("too many parameters") from None


def _addresses(public_url: str, target: str) -> set[bytes]:
    """The URL with and without its port, as the SDK tries both: Twilio's side is not consistent."""
    public_url = public_url.rstrip("/")
    if _PLAIN_TARGET.fullmatch(target):
        return {base + target.encode() for base in _bases(public_url)}
    return _port_variants(public_url + target)


@lru_cache(maxsize=32)
def _bases(public_url: str) -> frozenset[bytes]:
    return frozenset(variant.removesuffix(b"/") for variant in _port_variants(public_url + "/"))


def _port_variants(url: str) -> set[bytes]:
    parsed = urlparse(url)
    return {add_port(parsed).encode(), remove_port(parsed).encode()}


def _error_code(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise Malformed("ErrorCode is not a number")
    return int(text) or None


def _key(query: str) -> str:
    for name, value in parse_qsl(query, errors="replace", max_num_fields=None):
        if name == "k" and len(value) <= _LONGEST_KEY:
            return value
    return ""


def _first(header: str) -> str:
    return header.partition(",")[0].strip()


def _hostname(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _printable(text: str) -> str:
    return "".join(sign for sign in text[:100] if sign.isprintable())
