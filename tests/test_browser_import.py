"""A guest list in a real browser: chosen, dropped or pasted, mended row by row, imported and taken back."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from .browser import DESK, HAND, PHONE, SOON, Visit, Watch, browser, rows, visit, watch
from .processes import Installation, Server, until

__all__ = ["browser", "visit", "watch"]  # fixtures

pytestmark = pytest.mark.browser

expect.set_options(timeout=SOON)

DATA = Path(__file__).parent / "data"
MESSY = DATA / "guests-messy.xlsx"


@dataclass
class Desk:
    """A server, and an event of its own for whoever asks."""

    installation: Installation
    server: Server
    events: int = 0

    def enter(self, page: Page, event: str = "") -> str:
        """Sign in at the import of an event; the event."""
        if not event:
            self.events += 1
            event = f"party-{self.events}"
            self.installation.shell(
                "create-event", "Maya & Arjun", "--slug", event, "--starts", "2027-05-06T18:30",
                "--timezone", "Asia/Jerusalem", "--venue", "The Orange Grove", "--country", "IL",
            )  # fmt: skip
        page.goto(self.server.signin_url())
        page.goto(f"{self.server.url}/e/{event}/import")
        return event

    def guests(self, event: str) -> int:
        query = (
            "SELECT count(*) FROM guests_guest g JOIN events_event e ON e.id = g.event_id WHERE e.slug = ?"
        )
        return int(rows(self.installation, query, event)[0][0])


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    installation = Installation(tmp_path_factory.mktemp("import") / "data")
    with installation.server() as server:
        yield Desk(installation, server)


def press(page: Page, name: str | re.Pattern[str]) -> None:
    """The button that is to be seen: one is in the head of the page, one under the thumb."""
    page.get_by_role("button", name=name).filter(visible=True).click()


def check(page: Page, file: Path = MESSY) -> None:
    page.locator("#file").set_input_files(file)
    press(page, "Go on to the columns")
    press(page, "Check the rows")
    expect(page.locator(".sheet")).to_be_visible()


def stat(page: Page, label: str) -> Locator:
    labelled = page.locator(".stat__label").filter(has_text=label)
    return page.locator(".stat").filter(has=labelled).locator(".stat__value")


def cell(page: Page, row: int) -> Locator:
    return page.get_by_label(f"Number in row {row}", exact=True)


def fits(page: Page) -> bool:
    return bool(
        page.evaluate("document.scrollingElement.scrollWidth === document.scrollingElement.clientWidth")
    )


@pytest.mark.parametrize("screen", [{}, HAND], ids=["desktop", "phone"])
def test_a_list_is_checked_mended_imported_and_undone(
    desk: Desk, visit: Visit, screen: dict[str, Any], tmp_path: Path
) -> None:
    page = visit(**screen)
    event = desk.enter(page)
    page.locator("#file").set_input_files(MESSY)
    press(page, "Go on to the columns")
    expect(page.get_by_label("Mobile No.")).to_have_value("phone")
    expect(page.get_by_role("heading", name="5 columns recognised")).to_be_visible()
    assert fits(page)
    press(page, "Check the rows")
    expect(stat(page, "Ready to invite")).to_have_text("345")
    expect(stat(page, "To mend")).to_have_text("38")
    expect(page.locator(".sheet tbody tr")).to_have_count(38)
    expect(page.locator(".sheet")).to_contain_text("<script>alert(1)</script>")
    assert fits(page)

    wrong = cell(page, 34)
    wrong.fill("+49 1512 3344556")
    wrong.press("Enter")
    expect(page.locator("#toasts")).to_contain_text("Row 34 is ready: +49 1512 3344556")
    expect(page.locator("#r34-phone")).to_have_class(re.compile("is-mended"))
    expect(page.locator("#r34-phone")).to_be_focused()
    expect(stat(page, "To mend")).to_have_text("37")
    page.locator("#row-2").get_by_role("button", name="+972 50-221-9935").click()
    expect(stat(page, "To mend")).to_have_text("36")
    page.locator("#row-34").get_by_role("button", name="Undo").click()
    expect(cell(page, 34)).to_have_value("+4915123344")
    expect(stat(page, "To mend")).to_have_text("37")

    page.get_by_role("link", name="Here twice 17", exact=True).click()
    expect(page.locator(".sheet tbody tr")).to_have_count(17)
    page.get_by_role("button", name="Keep both").click()
    expect(stat(page, "Will be added")).to_have_text("400")
    page.get_by_role("button", name="Join").click()
    expect(stat(page, "Will be added")).to_have_text("383")
    assert desk.guests(event) == 0

    press(page, "Import 383 guests")
    expect(page.get_by_role("heading", name="383 guests were added to your list")).to_be_visible()
    assert desk.guests(event) == 383 and fits(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the 17 left out").click()
    download.value.save_as(tmp_path / "left.csv")
    with (tmp_path / "left.csv").open(encoding="utf-8-sig", newline="") as file:
        left = list(csv.DictReader(file))
    assert len(left) == 17 and left[0]["Why"] == "The same person as row 13: joined."

    page.get_by_role("link", name="Undo the import").filter(visible=True).click()
    assert fits(page)
    page.get_by_role("button", name="Remove 383 guests").click()
    expect(page.get_by_role("heading", name="The import is undone")).to_be_visible()
    assert desk.guests(event) == 0


def test_a_file_is_dropped_and_rows_are_pasted(desk: Desk, visit: Visit) -> None:
    page = visit()
    desk.enter(page)
    page.evaluate(
        """() => {
            const bag = new DataTransfer();
            bag.items.add(new File(["Name,Phone\\nRuth,0502281948\\n"], "dropped.csv"));
            const zone = document.querySelector("[data-drop]");
            for (const type of ["dragover", "drop"])
                zone.dispatchEvent(new DragEvent(type, { dataTransfer: bag, bubbles: true, cancelable: true }));
        }"""
    )
    press(page, "Go on to the columns")
    expect(page.locator(".head")).to_contain_text("dropped.csv, 1 row.")
    page.get_by_role("link", name="File").click()
    page.get_by_label("Rows, copied with their titles").fill(
        "Name\tPhone\nRuth\t0502281948\nUri\t0502219935\n"
    )
    press(page, "Go on to the columns")
    expect(page.locator(".head")).to_contain_text("2 rows.")


def test_what_is_being_typed_outlives_the_answer_to_another_cell(desk: Desk, visit: Visit) -> None:
    page = visit()
    desk.enter(page)
    check(page)
    cell(page, 34).fill("050-228-1999")
    held = []
    page.route("**/mend*", lambda route: held.append(route))
    next_one = cell(page, 37)
    next_one.focus()  # the first cell is sent
    until(lambda: page.evaluate("1") and held, 10, "the mend is on its way")
    next_one.press_sequentially("050-22")
    held[0].continue_()
    expect(page.locator("#r34-phone")).to_have_class(re.compile("is-mended"))
    expect(next_one).to_have_value("050-22")
    expect(next_one).to_be_focused()


def test_a_long_list_shows_how_far_it_is_and_goes_on_without_its_page(
    desk: Desk, visit: Visit, tmp_path: Path
) -> None:
    path = tmp_path / "long.csv"
    lines = [f"Guest {n},+97250{2_000_000 + n * 13}" for n in range(20_000)]
    path.write_text("\n".join(["Name,Phone", *lines]))
    page = visit()
    event = desk.enter(page)
    page.locator("#file").set_input_files(path)
    press(page, "Go on to the columns")
    press(page, "Check the rows")
    expect(page.locator("progress")).to_be_visible()
    expect(stat(page, "Ready to invite")).to_have_text("20,000")
    press(page, "Import 20,000 guests")
    address = page.url
    page.goto("about:blank")
    until(lambda: desk.guests(event) == 20_000, 60, "the import goes on without its page")
    page.goto(address)
    expect(page.get_by_role("heading", name="20,000 guests were added to your list")).to_be_visible()


def test_it_works_without_a_script(desk: Desk, visit: Visit) -> None:
    page = visit(java_script_enabled=False)
    event = desk.enter(page)
    check(page)
    cell(page, 34).fill("+49 1512 3344556")
    page.locator("#row-34").get_by_role("button", name="Mend").click()
    expect(page.locator("#toasts")).to_contain_text("Row 34 is ready")
    page.get_by_role("button", name="Keep both").click()
    press(page, "Import 400 guests")
    expect(page.get_by_role("heading", name="400 guests were added to your list")).to_be_visible()
    assert desk.guests(event) == 400


def test_everybody_can_use_it_in_light_and_dark(desk: Desk, visit: Visit, watch: Watch) -> None:
    watch.expected += ["422"]  # columns that can't be
    axe = Axe()
    page = visit(bypass_csp=True, reduced_motion="reduce")
    desk.enter(page)
    broken: list[str] = []

    def judge(name: str) -> None:
        for viewport in (DESK, PHONE):
            page.set_viewport_size(viewport)
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
                for found in axe.run(page).response["violations"]:
                    nodes = [node["html"][:160] + node["any"][0]["message"] for node in found["nodes"][:3]]
                    broken.append(f"{name}, {viewport['width']} {scheme}: {found['id']} {nodes}")
        page.set_viewport_size(DESK)

    judge("file")
    page.locator("#file").set_input_files(DATA / "guests-messy.csv")
    press(page, "Go on to the columns")
    judge("columns")
    page.get_by_label("Side").select_option("phone")
    press(page, "Check the rows")
    expect(page.get_by_role("alert")).to_contain_text("Some columns can’t be used like this.")
    judge("columns that can't be")
    page.get_by_label("Side").select_option("group")
    press(page, "Check the rows")
    judge("check")
    page.get_by_role("link", name="Change row 34").click()
    judge("a row that is open")
    page.get_by_role("link", name="Here twice").last.click()
    judge("here twice")
    press(page, re.compile("Import 383"))
    judge("done")
    page.get_by_role("link", name="Undo the import").filter(visible=True).click()
    judge("undo")
    page.get_by_role("button", name=re.compile("Remove")).click()
    judge("undone")
    assert not broken, "\n".join(broken)
