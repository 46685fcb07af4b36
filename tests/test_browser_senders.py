"""Senders at a real browser: one is added, chosen for an event, tried, stopped by a wrong token and mended."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from .browser import DESK, HAND, PHONE, SOON, Visit, Watch, browser, rows, visit, watch
from .processes import until
from .test_browser import House, open_house
from .test_senders_whole import NEW, OTHER, set_token

__all__ = ["browser", "visit", "watch"]  # fixtures

pytestmark = pytest.mark.browser

expect.set_options(timeout=SOON)

each_size = pytest.mark.parametrize("size", [{"viewport": DESK}, HAND], ids=["desk", "phone"])


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_house(
        tmp_path, latency=(0.0, 0.05), read_after=(0.0, 0.1), approve_after=0.0, others=[OTHER]
    ) as house:
        yield house


def is_wide(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > innerWidth"))


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name).locator("visible=true").click()


def add(house: House, page: Page) -> None:
    page.goto(f"{house.server.url}/sender/add")
    page.get_by_label("Another one").check()
    page.locator("#number").fill("+1 555 020 0000")
    page.locator("#sid").fill(str(OTHER["sid"]))
    page.locator("#token").fill(str(OTHER["token"]))
    press(page, "Check and add")
    expect(page.locator("#toasts")).to_contain_text("It is here now")


@each_size
def test_a_sender_is_added_chosen_tried_stopped_and_mended(
    house: House, visit: Visit, watch: Watch, size: dict[str, object]
) -> None:
    watch.expected += ["422"]
    page = house.enter(visit(**size), "")
    page.goto(f"{house.server.url}/sender")
    expect(page.locator("h1")).to_have_text("Sender and health")
    page.get_by_role("link", name="Add a sender").click()
    expect(page.locator("#sid")).to_be_hidden()
    page.get_by_label("Another one").check()
    page.locator("#number").fill("+1 555 020 0000")
    page.locator("#sid").fill(str(OTHER["sid"]))
    page.locator("#token").fill("a-wrong-token")
    press(page, "Check and add")
    expect(page.locator("#token-e")).to_contain_text("doesn’t accept this Auth Token")
    expect(page.locator("#token")).to_have_value("")
    assert not is_wide(page)
    page.locator("#token").fill(str(OTHER["token"]))
    press(page, "Check and add")
    expect(page.locator("h1")).to_have_text("Hadar")
    expect(page.locator("#account")).to_contain_text("…7f3a")
    assert OTHER["token"] not in page.content() and not is_wide(page)
    here = page.url
    # the page hears by itself that a worker took it
    expect(page.locator("#sender-health")).to_contain_text("A worker looks after this number")
    expect(page.locator("#sender-state")).to_have_text("Healthy")

    page.goto(house.at("sender"))
    page.get_by_label("Hadar").check()
    press(page, "Save")
    expect(page.locator("#toasts")).to_contain_text("this event sends from Hadar")
    ((template,),) = rows(house.installation, "SELECT id FROM invitations_messagetemplate")
    page.goto(house.at(f"templates/{template}"))
    page.locator("[data-submit]").locator("visible=true").click()
    approved = "SELECT count(*) FROM invitations_templateversion WHERE state = 'approved' AND account = ?"
    until(lambda: rows(house.installation, approved, OTHER["sid"]) == [(1,)], 20, "approved there as well")

    page.goto(here)
    page.locator("#test-number").fill("+972 54-555-0102")
    press(page, "Send 1 test")
    expect(page.locator("#test-state li")).to_have_count(3)
    expect(page.locator("#test-state .is-ahead")).to_have_count(0)
    (arrived,) = [
        message for message in house.witness.messages() if message["to"] == "whatsapp:+972545550102"
    ]
    assert arrived["from"] == f"whatsapp:{OTHER['senders'][0]}"

    page.get_by_role("group", name="Messages a second").get_by_role("button", name="5", exact=True).click()
    expect(page.get_by_role("button", name="5", exact=True)).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#l-per_second")).to_have_value("5")

    set_token(house.witness.url, NEW)
    house.installation.shell("send", "maya-arjun")
    expect(page.locator("#sender-stopped")).to_contain_text("Twilio refused the password", timeout=20_000)
    assert not is_wide(page)
    page.get_by_role("link", name="Replace the credentials").click()
    page.locator("#token").fill(NEW)
    press(page, "Check and replace")
    expect(page.locator("#toasts")).to_contain_text("what waited goes on")
    expect(page.locator("#account")).to_contain_text("…51c8")
    page.get_by_role("button", name="80", exact=True).click()
    until(house.is_quiet, 60, "every fate is known")
    found = [m["to"] for m in house.witness.messages() if m["from"] == arrived["from"] and m != arrived]
    left = "SELECT 'whatsapp:' || phone FROM invitations_invitation WHERE message_id IS NOT NULL"
    assert sorted(found) == sorted(number for (number,) in rows(house.installation, left)), (
        "each exactly once"
    )
    assert len(found) > 50

    page.get_by_role("link", name="Remove").click()
    expect(page.locator("main")).to_contain_text("their history stays")
    press(page, "Remove the credentials")
    expect(page.locator("#sender-stopped")).to_contain_text("Its credentials were removed")


def test_a_sender_page_without_scripts_can_be_read_and_pressed(house: House, visit: Visit) -> None:
    page = house.enter(visit(java_script_enabled=False), "")
    page.goto(f"{house.server.url}/sender")
    page.locator("#l-per_day").fill("2000")
    press(page, "Save")
    expect(page.locator("#use-per_day")).to_contain_text("0 of 2,000")
    page.locator("#test-number").fill("+972 54-555-0102")
    press(page, "Send 1 test")
    expect(page.locator("#test-state li")).to_have_count(3)

    def is_there() -> bool:
        page.get_by_role("link", name="Look again").click()
        return page.locator("#test-state .is-ahead").count() == 0

    until(is_there, 15, "the page says that it arrived")


def test_everybody_can_use_these_pages_in_light_and_dark(house: House, visit: Visit) -> None:
    axe = Axe()
    page = house.enter(visit(bypass_csp=True, reduced_motion="reduce"), "")
    add(house, page)
    page.goto(page.url)
    broken: list[str] = []
    for where in ("", "/1", "/2", "/add", "/2/credentials", "/2/remove", "of the event"):
        page.goto(house.at("sender") if where == "of the event" else f"{house.server.url}/sender{where}")
        for viewport in (DESK, PHONE):
            page.set_viewport_size(viewport)
            if is_wide(page):
                broken.append(f"{where}, {viewport['width']}: wider than the screen")
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
                for found in axe.run(page).response["violations"]:
                    nodes = [node["html"][:160] for node in found["nodes"][:3]]
                    broken.append(f"{where}, {viewport['width']} {scheme}: {found['id']} {nodes}")
    assert not broken, "\n".join(broken)
