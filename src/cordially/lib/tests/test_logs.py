"""Whatever a library writes into the log, numbers and secret addresses don't get through."""

from __future__ import annotations

import logging
import sys
from types import SimpleNamespace

import uvicorn

from cordially.lib.logs import Discreet
from cordially.providers.simulator import app as simulator
from cordially.server import Server


def entry(message: str, *, exc_info: bool = False) -> str:
    found = sys.exc_info() if exc_info else None
    return Discreet("%(message)s").format(
        logging.LogRecord("x", logging.ERROR, __file__, 1, message, None, found)
    )


def test_numbers_are_masked_in_either_spelling() -> None:
    assert entry("to whatsapp:+972501234567, again") == "to whatsapp:+9725…67, again"
    assert "972501234567" not in entry("GET /Messages.json?To=whatsapp%3A%2B972501234567")


def test_what_lets_a_person_in_is_cut_out_of_addresses() -> None:
    assert entry("Forbidden (CSRF): /r/8Vq2ZkM1/calendar.ics") == "Forbidden (CSRF): /r/…/calendar.ics"
    assert entry("Forbidden: /signin/abc-DEF_123") == "Forbidden: /signin/…"
    assert entry("Unprocessable Entity: /join/abc-DEF_123") == "Unprocessable Entity: /join/…"


def test_traces_are_masked_too() -> None:
    try:
        raise ValueError("no such number: +972501234567")
    except ValueError:
        assert "972501234567" not in entry("oh", exc_info=True)


def test_times_and_plain_counts_stay() -> None:
    assert entry("2026-11-23 02:07:05,087 5000000 rows, port 18431") == (
        "2026-11-23 02:07:05,087 5000000 rows, port 18431"
    )


def test_the_servers_own_words_are_masked_too() -> None:
    for make in (
        lambda: Server(SimpleNamespace(app=None)),  # type: ignore[arg-type]
        lambda: uvicorn.Config("x", log_config=simulator._LOGGING, log_level="warning"),
    ):
        for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
            logger = logging.getLogger(name)
            logger.handlers, logger.propagate = [], True
        make()
        found: logging.Logger | None = logging.getLogger("uvicorn.error")
        handlers = []
        while found:
            handlers += found.handlers
            found = found.parent if found.propagate else None
        ours = [handler for handler in handlers if type(handler) is logging.StreamHandler]
        assert ours and all(isinstance(handler.formatter, Discreet) for handler in ours)
