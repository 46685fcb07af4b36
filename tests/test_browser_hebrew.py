"""The host's pages in Hebrew, from right to left, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from .browser import DESK, PHONE, SOON, Visit, browser, rows, visit, watch
from .test_browser import House, open_house

__all__ = ["browser", "visit", "watch"]  # fixtures

pytestmark = pytest.mark.browser

expect.set_options(timeout=SOON)


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[House]:
    with open_house(tmp_path) as house:
        yield house


def test_whoever_reads_hebrew_sends_and_watches_in_it(demo: House, visit: Visit) -> None:
    page = demo.enter(visit(viewport=DESK))
    page.goto(demo.at("guests?q=Sunita"))
    page.get_by_role("button", name="עברית").click()
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    expect(page.get_by_role("heading", name="אורחים")).to_be_visible()
    page.get_by_role("link", name="שליחה אל Sunita Deshpande").click()
    page.get_by_role("button", name="שליחת הזמנה 1").filter(visible=True).click()
    expect(page.locator("#toasts")).to_contain_text("הזמנה 1 בדרך.")
    row = page.locator("tr[id^=g-]").filter(has_text="Sunita Deshpande")
    expect(row.locator(".pill")).to_contain_text("נמסר")
    expect(page.locator("#lamp")).to_contain_text("חי")
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", name="Guests")).to_be_visible()


def test_the_pages_fit_and_can_be_used_by_everybody(demo: House, visit: Visit) -> None:
    axe, broken = Axe(), []
    page = demo.enter(visit(bypass_csp=True, reduced_motion="reduce", locale="he-IL"))
    [(one,)] = rows(demo.installation, "SELECT id FROM guests_guest WHERE name = 'Ori Koren'")
    for where in (
        "",
        "guests",
        f"guests/{one}",
        "send?all=1",
        "campaigns",
        "templates/1?lang=he",
        "import",
        "edit",
        "team",
        "more",
        "/sender/1",
        "/prices",
        "/",
    ):
        page.goto(f"{demo.server.url}{where}" if where.startswith("/") else demo.at(where))
        expect(page.locator("html")).to_have_attribute("lang", "he")
        for viewport in (DESK, PHONE):
            page.set_viewport_size(viewport)
            fits = "document.documentElement.scrollWidth <= innerWidth"
            if not page.evaluate(fits):
                broken.append(f"{where}, {viewport['width']}: wider than the screen")
            for found in axe.run(page).response["violations"]:
                nodes = [node["html"][:160] + node["failureSummary"] for node in found["nodes"][:3]]
                broken.append(f"{where}, {viewport['width']}: {found['id']} {nodes}")
        page.set_viewport_size(DESK)
    assert not broken, "\n".join(broken)
