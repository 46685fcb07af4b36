"""Where Twilio is: its own hosts, or the one base URL that stands in for all of them."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from cordially.lib.marking import noop
from cordially.providers.errors import Misconfigured


def checked_base(api_url: str) -> str:
    """The base URL without its last slash, or "" for Twilio itself."""
    if not api_url:
        return ""
    if not _is_whole(api_url):
        raise Misconfigured(
            noop("TWILIO_API_URL must look like http://127.0.0.1:8081. Correct it, or remove it.")
        )
    return api_url.rstrip("/")


def checked_callback(url: str) -> str:
    """The address for Twilio's reports, to which the attempt's key is added."""
    if not _is_whole(url):
        raise Misconfigured(
            noop(
                "The address for Twilio’s reports must be a whole http(s) URL without query. "
                "Check CORDIALLY_PUBLIC_URL."
            )
        )
    return url


def rewritten(url: str, base: str) -> str:
    """The same path and query at `base`; the SDK's own URL when there is none, or when it is there already."""
    if not base or url.startswith(f"{base}/"):
        return url
    parts = urlsplit(url)
    return f"{base}{parts.path}?{parts.query}" if parts.query else f"{base}{parts.path}"


def is_loopback(url: str) -> bool:
    """Whether this URL never leaves the machine, so that no proxy may get it."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_whole(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").encode("idna"), parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(host) and port != 0 and not set(url) & set("?#")
