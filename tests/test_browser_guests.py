"""Guests in a real browser: one beside the list, many at once, on a desk and on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Request, expect

from .browser import DESK, HAND, PHONE, SOON, Visit, Watch, browser, rows, visit, watch
from .processes import until
from .test_browser import House, open_house

__all__ = ["browser", "visit", "watch"]  # fixtures

pytestmark = pytest.mark.browser

expect.set_options(timeout=SOON)

each_size = pytest.mark.parametrize("size", [{"viewport": DESK}, HAND], ids=["desk", "phone"])


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[House]:
    with open_house(tmp_path) as house:
        yield house


@each_size
def test_a_number_is_corrected_beside_the_list_and_the_guest_invited(
    demo: House, visit: Visit, watch: Watch, size: dict[str, object]
) -> None:
    watch.expected += ["422"]
    page = demo.enter(visit(**size))
    page.goto(demo.at("guests?q=Walter"))
    page.get_by_role("link", name="Walter Quill", exact=True).click()
    beside = page.locator("#dialog")
    expect(beside).to_contain_text("There is no phone number.")
    beside.get_by_label("Correct number").fill("12")
    beside.get_by_role("button", name="Save the number").click()
    expect(page.locator("#number")).to_have_value("12")
    expect(page.locator("#number-h")).to_contain_text("12")
    page.locator("#number").fill("+1 415 555 0199")
    page.get_by_role("button", name="Save the number").click()
    expect(page.locator("#toasts")).to_contain_text("A message can go to this number now.")
    page.goto(demo.at("guests?q=Walter"))
    page.get_by_role("link", name="Walter Quill", exact=True).click()
    beside.locator("#heads").fill("1")
    beside.get_by_role("button", name="Coming").click()
    expect(page.locator("#toasts")).to_contain_text("The answer is noted.")
    expect(page.locator("tr[id^=g-] .answer")).to_contain_text("Coming")


def test_many_are_tagged_and_taken_off_and_brought_back(demo: House, visit: Visit) -> None:
    page = demo.enter(visit(viewport=DESK))
    page.goto(demo.at("guests"))
    for name in ("Sunita Deshpande", "Grace Okafor"):
        page.get_by_label(f"Select {name}").check()
    page.get_by_text("Change", exact=True).click()
    page.locator("#bulk-value").fill("Bus 2")
    page.locator("#bulk-tag").click()
    expect(page.locator("#toasts")).to_contain_text("2 guests have the tag.")
    page.goto(demo.at("guests?tag=bus+2"))
    expect(page.locator("tr[id^=g-] .cell-main")).to_have_text(["Sunita Deshpande", "Grace Okafor"])
    page.get_by_text("Save this view").click()
    page.get_by_label("Name of the view").fill("On the bus")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("link", name="On the bus")).to_be_visible()

    page.locator("#pick-page").check()
    page.get_by_text("Change", exact=True).click()
    page.locator("#bulk-remove").click()
    expect(page.locator("#undo")).to_contain_text("2 guests were taken off the list.")
    assert len(rows(demo.installation, "SELECT id FROM guests_guest WHERE removed_at IS NULL")) == 59
    page.reload()
    page.locator("#undo").get_by_role("button", name="Undo").click()
    expect(page.locator("#toasts")).to_contain_text("2 guests are back on the list.")
    assert len(rows(demo.installation, "SELECT id FROM guests_guest WHERE removed_at IS NULL")) == 61


def test_cells_are_written_in_by_keyboard(demo: House, visit: Visit, watch: Watch) -> None:
    watch.expected += ["422"]
    page = demo.enter(visit(viewport=DESK))
    page.goto(demo.at("guests?sort=name"))
    first, second = (page.locator("tr[id^=g-]").nth(n) for n in (0, 1))
    link = first.locator(".cell-main")
    link.focus()
    page.keyboard.press("F2")
    name = first.get_by_label("Name", exact=True)
    expect(name).to_be_focused()
    page.keyboard.type("Aaron the First")
    page.keyboard.press("Tab")
    expect(first.get_by_label("Invited together")).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.type("4")
    page.keyboard.press("Tab")
    number = first.get_by_label("Number")
    expect(number).to_be_focused()
    expect(first).to_contain_text("Household of 4")
    page.keyboard.press("Control+a")
    page.keyboard.type("12")
    page.keyboard.press("Enter")
    expect(first.get_by_role("alert")).to_be_visible()
    expect(number).to_have_value("12")
    page.keyboard.press("Escape")
    expect(link).to_be_focused()
    second.locator("[data-cell=of]").dblclick()
    expect(second.get_by_label("Group")).to_be_focused()
    page.keyboard.type("Band")
    page.keyboard.press("ArrowUp")
    expect(first.get_by_label("Group")).to_be_focused()
    page.keyboard.type("Choir")
    page.keyboard.press("Enter")
    expect(first.locator("[data-cell=of]")).to_contain_text("Choir")
    expect(link).to_be_focused()
    found = rows(
        demo.installation,
        "SELECT name, party_size, [group] FROM guests_guest WHERE [group] IN ('Band', 'Choir') ORDER BY [group]",
    )
    assert found[1] == ("Aaron the First", 4, "Choir") and found[0][2] == "Band"


def test_the_panel_is_live_and_goes_from_guest_to_guest(demo: House, visit: Visit) -> None:
    page = demo.enter(visit(viewport=DESK))
    page.goto(demo.at("guests"))
    names = page.locator("tr[id^=g-] .cell-main").all_inner_texts()
    page.get_by_role("link", name=names[0], exact=True).click()
    title = page.locator("#dialog-title")
    expect(title).to_have_text(names[0])
    before, after = (page.locator(f"[data-step='{step}']") for step in ("-1", "1"))
    expect(before).to_be_hidden()
    after.click()
    expect(title).to_have_text(names[1])
    expect(after).to_be_focused()
    before.click()
    expect(title).to_have_text(names[0])
    expect(after).to_be_visible()

    other = demo.enter(visit(viewport=DESK))
    other.goto(demo.at("guests"))
    other.locator("tr[id^=g-] a[id$=-send]").first.click()
    other.get_by_role("button", name="Send 1 invitation", exact=True).click()
    expect(page.locator("#guest-state")).to_contain_text("Delivered")
    expect(page.locator("#guest-story")).to_contain_text("Delivered")


def test_who_is_taken_off_while_they_wait_gets_nothing(demo: House, visit: Visit) -> None:
    page = demo.enter(visit(viewport=DESK))
    page.goto(demo.at("send?all=1&q=Sunita"))
    page.locator("#starts").fill("2027-04-01T10:00")
    page.locator("#starts").blur()
    expect(page.locator("#launch")).to_contain_text("1 Apr 2027 10:00")
    page.get_by_role("button", name="Send 1 invitation", exact=True).click()
    expect(page.locator("#toasts")).to_contain_text("1 invitation leaves 1 Apr 2027 10:00.")
    page.goto(demo.at("guests?q=Sunita"))
    page.get_by_role("link", name="Sunita Deshpande").click()
    page.locator("#dialog").get_by_role("button", name="Take off the list").click()
    expect(page.locator("#undo")).to_be_visible()
    until(lambda: demo.states() == {"cancelled": 1}, 10, "it is called back")


def test_everybody_can_use_these_pages_in_light_and_dark(demo: House, visit: Visit) -> None:
    axe, broken = Axe(), []
    page = demo.enter(visit(bypass_csp=True, reduced_motion="reduce"))
    [(one,)] = rows(demo.installation, "SELECT id FROM guests_guest WHERE name = 'Ori Koren'")
    for where in (
        f"guests/{one}",
        "guests/new",
        "guests/narrow",
        "team",
        "quiet",
        "more",
        "/sender",
        "guests",
    ):
        page.goto(f"{demo.server.url}{where}" if where.startswith("/") else demo.at(where))
        if where == "guests":
            page.get_by_role("link", name="Ori Koren", exact=True).click()
            expect(page.locator("#dialog")).to_contain_text("more than one number")
        if where.endswith(str(one)):
            page.get_by_text("Edit details").click()
        for viewport in (DESK, PHONE):
            page.set_viewport_size(viewport)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), where
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
                for found in axe.run(page).response["violations"]:
                    nodes = [node["html"][:160] + node["failureSummary"] for node in found["nodes"][:3]]
                    broken.append(f"{where}, {viewport['width']} {scheme}: {found['id']} {nodes}")
        page.set_viewport_size(DESK)
    assert not broken, "\n".join(broken)


def test_pages_are_light_and_ask_nobody_else(demo: House, visit: Visit) -> None:
    """As transferred on a first visit: nothing is cached yet."""
    state = demo.enter(visit()).context.storage_state()
    for where in (
        "",
        "guests",
        "send",
        "campaigns",
        "templates",
        "templates/1?lang=en",
        "import",
        "edit",
        "team",
    ):
        page = visit(storage_state=state)
        asked: list[Request] = []
        page.on("requestfinished", lambda request, asked=asked: asked.append(request))
        page.goto(demo.at(where), wait_until="load")
        assert {request.url.partition("/e/")[0].partition("/static/")[0] for request in asked} == {
            demo.server.url
        }
        weight = sum(request.sizes()["responseBodySize"] for request in asked if "/live" not in request.url)
        assert 20_000 < weight < 150_000, (where, weight)
        page.close()
