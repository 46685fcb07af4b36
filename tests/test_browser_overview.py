"""Events and their overview at a real browser: made, watched while they are sent, mended, answered, put away."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

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


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One that tests only look at: everybody is invited, a few failed."""
    with open_house(tmp_path_factory.mktemp("sent"), latency=(0.0, 0.05), read_after=(0.0, 0.1)) as house:
        house.installation.shell("send", "maya-arjun")
        until(lambda: house.states().get("failed") == 3, 30, "the campaign is through, or nearly so")
        yield house


def figure(page: Page, name: str) -> int:
    return int(page.locator(f"#funnel [data-fig='{name}']").inner_text().replace(",", ""))


def is_wide(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > innerWidth"))


def name_of_file(page: Page) -> str:
    return str(page.evaluate("document.getElementById('picture').files[0].name"))


def a_picture(width: int, height: int) -> bytes:
    """A PNG, as large as a camera's."""

    def part(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    lines = (b"\x00" + b"\xa0\x30\x60" * width) * height
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + part(b"IHDR", head) + part(b"IDAT", zlib.compress(lines)) + part(b"IEND", b"")
    )


@each_size
def test_an_event_is_made_corrected_and_put_away(
    demo: House, visit: Visit, watch: Watch, size: dict[str, object]
) -> None:
    watch.expected += ["422"]
    page = demo.enter(visit(timezone_id="Asia/Jerusalem", **size))
    page.goto(demo.server.url)
    page.get_by_role("link", name="New event").last.click()
    expect(page.locator("#timezone")).to_have_value("Asia/Jerusalem")
    page.locator("#name").fill("Ruth turns 70")
    page.locator("#day").fill("2027-12-11")
    page.locator("#time").fill("20:00")
    page.locator("#map_url").fill("javascript:alert(1)")
    page.locator("#picture").set_input_files(
        {"name": "camera.png", "mimeType": "image/png", "buffer": a_picture(2400, 1200)}
    )
    create = page.get_by_role("button", name="Create the event").locator("visible=true")
    create.click()
    expect(page.locator("#map_url-e")).to_contain_text("is not a web address")
    expect(page.locator("#name")).to_have_value("Ruth turns 70")
    assert not is_wide(page)
    page.locator("#map_url").fill("")
    page.locator("#picture").set_input_files(
        {"name": "camera.png", "mimeType": "image/png", "buffer": a_picture(2400, 1200)}
    )
    until(lambda: name_of_file(page) == "picture.jpg", 10, "the picture was made smaller")
    create.click()
    expect(page.locator("h1")).to_have_text("Ruth turns 70")
    expect(page.locator("#start")).to_contain_text("First steps")
    page.get_by_role("link", name="Edit", exact=True).click()
    # the browser made the picture smaller before it travelled
    expect(page.locator(".eventform__picture img")).to_have_js_property("naturalWidth", 1600)
    page.get_by_role("button", name="Put it away").click()
    expect(page.locator(".event h2")).to_have_text(["Maya & Arjun"])
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".event h2")).to_have_text(["Maya & Arjun", "Ruth turns 70"])


@each_size
def test_the_overview_is_watched_while_invitations_go_out(
    demo: House, visit: Visit, size: dict[str, object]
) -> None:
    page = demo.enter(visit(**size), "")
    expect(page.locator("#start")).to_contain_text("Choose and send")
    expect(page.locator("#lamp")).to_have_attribute("data-state", "live")
    page.evaluate("window.neverReloaded = true")
    demo.installation.shell("send", "maya-arjun")
    expect(page.locator("#funnel [data-fig='invited']")).to_have_text("58")
    expect(page.locator("#light")).to_contain_text("Twilio reports back")
    expect(page.locator("#now .stream li").first).to_be_visible()
    expect(page.locator("#needs")).to_contain_text("1 is not on WhatsApp")
    until(demo.is_quiet, 30, "every fate is known")
    until(lambda: figure(page, "read") == demo.states()["read"], 10, "the page has what the ledger has")
    guest = visit(demo.rsvp("Sunita Deshpande"), **HAND)
    guest.locator("label[for=yes]").click()
    guest.locator("[data-send]").click()
    expect(page.locator("#funnel [data-fig='answered']")).to_have_text("1")
    expect(page.locator("#now")).to_contain_text("Sunita Deshpande is coming")
    assert page.evaluate("window.neverReloaded === true") and not is_wide(page)
    assert figure(page, "delivered") == demo.states()["read"] + demo.states()["delivered"]
    # what the host opened stays open under the changes
    page.locator("#chart summary").click()
    demo_page = visit(demo.rsvp("רות אלמוג"), **HAND)
    demo_page.locator("label[for=no]").click()
    demo_page.locator("[data-send]").click()
    expect(page.locator("#funnel [data-fig='answered']")).to_have_text("2")
    expect(page.locator("#chart table")).to_be_visible()
    page.get_by_role("link", name="1 is not on WhatsApp").click()
    expect(page.locator("tr[id^='g-'] .cell-main")).to_have_text(["Avraham Katz"])


def test_the_links_of_those_whom_no_message_reaches_are_copied(sent: House, visit: Visit) -> None:
    until(sent.is_quiet, 60, "nothing draws the page anew")
    page = sent.enter(visit(permissions=["clipboard-read", "clipboard-write"]), "")
    page.get_by_role("link", name="Copy 1 link").first.click()
    expect(page.locator("[data-copy-from] [data-copied]").first).to_have_text("Copied")
    ((token,),) = rows(sent.installation, "SELECT token FROM guests_guest WHERE name = 'Avraham Katz'")
    assert page.evaluate("navigator.clipboard.readText()") == f"Avraham Katz\t{sent.server.url}/r/{token}\n"


def test_without_scripts_everything_can_be_read_and_pressed(sent: House, visit: Visit) -> None:
    page = sent.enter(visit(java_script_enabled=False), "")
    expect(page.locator("#funnel [data-fig='invited']")).to_have_text("58")
    with page.expect_download() as download:
        page.get_by_role("link", name="Copy 1 link").first.click()
    assert download.value.suggested_filename == "maya-arjun-links.txt"
    page.get_by_role("link", name="Edit", exact=True).click()
    page.locator("#contact").fill("Ruth")
    page.get_by_role("button", name="Save the event").first.click()
    expect(page.locator("#toasts")).to_have_text(re.compile("Saved"))


@pytest.mark.parametrize("width", [390, 320])
def test_no_page_scrolls_sideways(sent: House, visit: Visit, width: int) -> None:
    page = sent.enter(visit(viewport={"width": width, "height": 700}, is_mobile=True, has_touch=True), "")
    wide = []
    for address in ("", "edit", "guests?only=absent", "../../", "../../events/new", "../../?show=past"):
        page.goto(sent.at(address) if address else sent.at(""))
        if is_wide(page):
            wide.append(address)
    assert not wide


def test_everybody_can_use_these_pages_in_light_and_dark(sent: House, visit: Visit) -> None:
    axe = Axe()
    page = sent.enter(visit(bypass_csp=True, reduced_motion="reduce"), "")
    broken: list[str] = []
    for where in ("", "edit", "chart", "guests?only=absent", "../../", "../../events/new"):
        page.goto(sent.at(where))
        if where == "":
            expect(page.locator("#lamp")).to_have_attribute("data-state", "live")
        for viewport in (DESK, PHONE):
            page.set_viewport_size(viewport)
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
                for found in axe.run(page).response["violations"]:
                    nodes = [node["html"][:160] for node in found["nodes"][:3]]
                    broken.append(f"{where}, {viewport['width']} {scheme}: {found['id']} {nodes}")
    assert not broken, "\n".join(broken)
