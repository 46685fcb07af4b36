"""A real browser for tests, and an eye on what it complains of."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, Error, Page, sync_playwright

from .processes import Installation

_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_NAMES = ("chromium", "chromium-browser", "google-chrome")

DESK = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
#: a phone's own way: a thumb, and a page as wide as the screen
HAND: dict[str, Any] = {"viewport": PHONE, "is_mobile": True, "has_touch": True}

#: milliseconds that a page may take for what needs a server, a message or a redraw
SOON = 10_000


class NoBrowser(Exception):
    """There is none on this machine."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser that CORDIALLY_CHROMIUM names, else the system's, else Playwright's own."""
    path = os.environ.get("CORDIALLY_CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
    with sync_playwright() as playwright:
        if not path and not Path(playwright.chromium.executable_path).exists():
            raise NoBrowser("no Chromium here: install one, or name it in CORDIALLY_CHROMIUM")
        started = playwright.chromium.launch(executable_path=path, args=_ARGUMENTS)
        try:
            yield started
        finally:
            started.close()


@dataclass
class Watch:
    """What pages complained of: errors in the console (a breach of the CSP is one), exceptions, dialogs."""

    complaints: list[str] = field(default_factory=list)
    #: complaints that a test causes on purpose contain one of these
    expected: list[str] = field(default_factory=list)

    def over(self, context: BrowserContext) -> None:
        context.on(
            "console",
            lambda said: (
                self._note(f"{said.text} ({said.location.get('url')})") if said.type == "error" else None
            ),
        )
        context.on("weberror", lambda error: self._note(str(error.error)))
        context.on("dialog", self._dismiss)

    def _dismiss(self, dialog: Dialog) -> None:
        self._note(f"a {dialog.type} opened: {dialog.message}")
        dialog.dismiss()

    def _note(self, complaint: str) -> None:
        self.complaints.append(complaint)

    def check(self) -> None:
        found = [one for one in self.complaints if not any(part in one for part in self.expected)]
        assert not found, "the browser complains:\n" + "\n".join(found)


#: opens a page in a context of its own: nobody is signed in there yet
Visit = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """For one module only: while it is open, Playwright's loop runs in this thread, and no other can."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "*")
        try:
            with chromium() as started:
                yield started
        except NoBrowser as error:
            pytest.skip(str(error))


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def visit(browser: Browser, watch: Watch) -> Iterator[Visit]:
    contexts: list[BrowserContext] = []

    def visit(url: str = "", **options: Any) -> Page:
        context = browser.new_context(**{"viewport": DESK, "locale": "en-GB"} | options)
        contexts.append(context)
        context.set_default_timeout(SOON)
        watch.over(context)
        page = context.new_page()
        if url:
            page.goto(url)
        return page

    yield visit
    for context in contexts:
        for page in context.pages:
            try:
                page.evaluate("0")  # what it still has to say arrives before this answer
            except Error:
                continue
        context.close()
    watch.check()


def rows(installation: Installation, query: str, *values: Any) -> list[tuple[Any, ...]]:
    """What the database has, read beside the server."""
    with closing(sqlite3.connect(installation.folder / "cordially.db", timeout=10)) as database:
        return database.execute(query, values).fetchall()


def guest_id(installation: Installation, name: str) -> int:
    ((found,),) = rows(installation, "SELECT id FROM guests_guest WHERE name = ?", name)
    return int(found)
