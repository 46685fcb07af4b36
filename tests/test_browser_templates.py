"""Message templates in a real browser: written, mended, approved and tried, with the built-in simulator behind it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from .browser import DESK, PHONE, SOON, Visit, Watch, browser, visit, watch
from .processes import Installation, Server

__all__ = ["browser", "visit", "watch"]  # fixtures

pytestmark = pytest.mark.browser

expect.set_options(timeout=SOON)

GOOD = (
    "Dear {{guest_name}}, please come to *{{event_name}}* and tell us on your page: {{rsvp_link}} Until then."
)
WRONG = "Dear {{gest_name}}, 🎉 please come to our house, we all look forward to it so much, {{event_name}}"
#: what axe and narrow screens are shown
LONG = f"{GOOD} {'verylongwordwithoutanyspaces' * 8} {{{{hall|{'x' * 60}}}}} {{{{gest_name}}}}"


@dataclass
class Desk:
    server: Server

    @property
    def templates(self) -> str:
        return f"{self.server.url}/e/maya-arjun/templates"

    def enter(self, page: Page, where: str = "") -> Page:
        page.goto(self.server.signin_url())
        page.goto(f"{self.templates}{where}")
        return page

    def begin(self, page: Page, title: str) -> Page:
        """A new template with an empty sheet."""
        self.enter(page, "/new")
        page.get_by_label("Name").fill(title)
        page.get_by_label("First language").select_option("en")
        page.get_by_label("An empty sheet").check()
        page.get_by_role("button", name="Write it").click()
        return page


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    installation = Installation(tmp_path_factory.mktemp("templates") / "data")
    with installation.server("--with-demo") as server:
        yield Desk(server)


def painted(page: Page) -> list[str]:
    """What is marked as wrong behind the text."""
    return page.locator("#paint .var--bad").all_inner_texts()


def test_a_text_is_written_mended_approved_and_tried(desk: Desk, visit: Visit) -> None:
    page = desk.begin(visit(), "Garden party")
    body, submit = page.get_by_label("The text"), page.locator("#submit")
    expect(page.locator("#findings")).to_contain_text("The text is empty.")
    expect(submit).to_have_attribute("aria-disabled", "true")
    body.fill(WRONG)
    assert painted(page) == ["{{gest_name}}"], "the unknown name is marked while typing"
    expect(page.locator("#why-not")).to_contain_text("Two things to mend")
    expect(page.locator("#heard")).to_have_text("Two things to mend, one thing to know")
    expect(page.locator("#paint .var--bad")).to_have_text(["{{gest_name}}", "{{event_name}}"])
    body.press("Control+Home")
    body.press_sequentially("Hi! ")
    assert painted(page) == ["{{gest_name}}", "{{event_name}}"], "marks move along with the letters"

    page.get_by_role("button", name="Use guest_name").click()
    expect(body).to_have_value(f"Hi! {WRONG.replace('gest', 'guest')}")
    expect(page.locator("#why-not")).to_contain_text("One thing to mend")
    page.get_by_role("button", name="Show me").click()
    assert page.evaluate("getSelection().toString()") == "{{event_name}}", "an emoji before it moves nothing"
    body.press("End")
    body.press_sequentially(" and your page: ")
    page.locator("[data-insert=rsvp_link]").click()
    body.press_sequentially(" Yours")
    expect(body).to_have_value(re.compile(r"page: \{\{rsvp_link\}\} Yours$"))
    expect(page.locator("#why-not")).to_contain_text("WhatsApp can be asked.")
    expect(body).not_to_have_attribute("aria-invalid", "true")

    first = page.locator(".bubble mark").first
    expect(first).to_have_text("רות אלמוג")
    page.locator("#step-on").click()
    expect(first).to_have_text("Sunita Deshpande")
    expect(page.locator("#step-on")).to_be_focused()
    expect(body).to_have_value(re.compile("Yours$"))

    page.get_by_label("Button").fill("Answer the invitation")
    expect(page.locator("#link-e")).to_contain_text("21 characters")
    expect(page.get_by_label("Button")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Button").fill("Answer")
    expect(page.locator("#link-e")).to_be_hidden()
    expect(page.get_by_label("Button")).not_to_have_attribute("aria-invalid", "true")

    submit.click()
    expect(page.locator("#toasts")).to_contain_text("WhatsApp has been asked.")
    expect(page.locator("#languages [aria-current]")).to_contain_text("Approved")
    expect(page.locator("#standing")).to_contain_text("Version 1, approved")
    expect(page.locator("#why-not")).to_contain_text("WhatsApp approved this text as it is.")
    expect(page.locator(".bubble mark").first).to_have_text("Sunita Deshpande")

    page.get_by_role("link", name="Send me a test").click()
    page.get_by_label("Your own number").fill("+972 50-228-1948")
    page.get_by_role("button", name="Send 1 test").click()
    expect(page.locator("#test-state .tone-delivered, #test-state .tone-read").first).to_be_visible()
    page.get_by_role("link", name="Close").click()
    expect(page.get_by_role("link", name="Send me a test")).to_be_focused()


def test_what_is_not_saved_is_not_left_by_mistake(desk: Desk, visit: Visit) -> None:
    page = desk.begin(visit(), "Unsaved")
    leave = "!dispatchEvent(new Event('beforeunload', {cancelable: true}))"
    assert page.evaluate(leave) is False
    page.get_by_label("The text").fill(GOOD)
    assert page.evaluate(leave) is True
    page.locator("#save").click()
    expect(page.locator("#toasts")).to_contain_text("The draft is saved.")
    assert page.evaluate(leave) is False


def test_what_is_typed_outlives_a_session_that_ends(desk: Desk, visit: Visit) -> None:
    page = desk.begin(visit(), "Signed out")
    body = page.get_by_label("The text")
    editor = page.url
    body.fill("Dear friends, this is a first draft.")
    page.context.clear_cookies(name="sessionid")
    body.press_sequentially(" And more.")
    expect(page.locator("#signed-out")).to_be_visible()
    page.get_by_label("Last line").fill("The families")
    page.locator("#save").click()
    expect(page).to_have_url(re.compile("/signin"))
    # signed in beside it, as by the printed address in another tab
    wanted = page.locator("input[name=next]").first.input_value()
    other = page.context.new_page()
    other.goto(desk.server.signin_url())
    other.close()
    page.goto(f"{desk.server.url}{wanted}")
    assert page.url.partition("?")[0] == editor.partition("?")[0]
    expect(page.locator("#brought-back")).to_be_visible()
    expect(body).to_have_value("Dear friends, this is a first draft. And more.")
    expect(page.get_by_label("Last line")).to_have_value("The families")
    page.locator("#save").click()
    expect(page.locator("#toasts")).to_contain_text("The draft is saved.")
    page.reload()
    expect(page.locator("#brought-back")).to_be_hidden()
    expect(page.get_by_label("Last line")).to_have_value("The families")


def test_the_button_leads_to_what_is_wrong_beside_a_field(desk: Desk, visit: Visit) -> None:
    page = desk.begin(visit(), "Beside")
    page.get_by_label("The text").fill(GOOD)
    page.get_by_label("Last line").fill("x" * 70)
    submit = page.locator("#submit")
    expect(page.locator("#footer-e")).to_be_visible()
    submit.click(force=True)
    expect(page.get_by_label("Last line")).to_be_focused()


def test_answers_are_added_and_kept(desk: Desk, visit: Visit) -> None:
    page = desk.begin(visit(), "Answers")
    page.get_by_label("The text").fill(GOOD)
    page.get_by_text("A picture, quick answers").click()
    for number, title in enumerate(("Yes", "No", "Perhaps"), 1):
        page.get_by_label(f"Quick answer {number}", exact=True).fill(title)
    page.get_by_role("button", name="Another answer").click()
    expect(page.get_by_label("Quick answer 4")).to_be_focused()
    page.keyboard.type("yes")
    expect(page.locator("#reply-3-e")).to_contain_text("Two buttons say “yes”.")
    expect(page.locator(".bubble-btn")).to_have_text(["Yes", "No", "See all options", "Perhaps", "yes"])
    page.locator("#save").click()
    expect(page.get_by_label("Quick answer 4")).to_have_value("yes")
    expect(page.get_by_label("Quick answer 4")).to_have_attribute("aria-invalid", "true")


def test_a_rejected_text_says_why_by_itself(desk: Desk, visit: Visit) -> None:
    page = desk.begin(visit(), "Please reject this")
    page.get_by_label("The text").fill(GOOD)
    page.locator("#submit").click()
    expect(page.locator("#notices")).to_contain_text("was rejected")
    expect(page.locator("#notices")).to_contain_text("The name asks for it.")
    expect(page.locator("#languages [aria-current]")).to_contain_text("Rejected")


def test_without_script_a_text_is_written_and_handed_in(desk: Desk, visit: Visit) -> None:
    page = desk.begin(visit(java_script_enabled=False), "Plain")
    page.get_by_label("The text").fill("Dear {{gest_name}}, welcome")
    page.locator("#save").click()
    expect(page.locator("#findings")).to_contain_text("“gest_name” is not known.")
    expect(page.locator("[data-fix]").first).to_be_hidden()
    page.get_by_label("The text").fill(GOOD)
    page.locator("#save").click()
    page.locator("#step-on").click()
    expect(page.locator(".bubble mark").first).to_have_text("Sunita Deshpande")
    page.locator("#submit").click()
    expect(page.locator("#standing")).to_contain_text("Version 1")


def looks(desk: Desk) -> dict[str, str]:
    return {
        "list": "",
        "new": "/new",
        "editor": "/1?lang=en",
        "Hebrew": "/1?lang=he",
        "another language": "/1?lang=new",
        "bring in": "/import",
        "test": "/1/test?lang=en",
    }


def test_no_page_of_theirs_scrolls_sideways(desk: Desk, visit: Visit, watch: Watch) -> None:
    size = {"viewport": {"width": 320, "height": 700}, "is_mobile": True, "has_touch": True}
    page = desk.enter(visit(**size))
    wide = []
    for name, where in looks(desk).items():
        page.goto(f"{desk.templates}{where}")
        if name == "editor":
            page.get_by_label("The text").fill(LONG)
            page.locator("#header").fill("x" * 80)
            page.get_by_text("A picture, quick answers").click()
            page.get_by_label("Address of a picture").fill(f"https://example.com/{'x' * 200}")
            expect(page.locator("#header-e")).to_be_visible()
        widths = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        if widths != [320, 320]:
            wide.append((name, widths))
        watch.expected.append("beforeunload")
        page.evaluate("document.getElementById('editor')?.remove()")
    assert not wide


def test_everybody_can_use_them_in_light_and_dark(desk: Desk, visit: Visit) -> None:
    axe = Axe()
    page = desk.enter(visit(bypass_csp=True, reduced_motion="reduce"))
    broken = []
    for name, where in looks(desk).items():
        page.goto(f"{desk.templates}{where}")
        if name == "editor":
            page.get_by_label("The text").fill(WRONG)
            page.locator("#header").fill("x" * 80)
            page.get_by_text("A picture, quick answers").click()
            expect(page.locator("#header-e")).to_be_visible()
        for viewport in (DESK, PHONE):
            page.set_viewport_size(viewport)
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
                for found in axe.run(page).response["violations"]:
                    nodes = [node["html"][:160] + node["failureSummary"] for node in found["nodes"][:3]]
                    broken.append(f"{name}, {viewport['width']} {scheme}: {found['id']} {nodes}")
        page.evaluate("document.getElementById('editor')?.remove()")
    assert not broken, "\n".join(broken)
