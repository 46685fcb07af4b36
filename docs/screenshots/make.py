"""Make these pictures anew: `.venv/bin/python docs/screenshots/make.py`. Takes a minute, needs Chromium.

Starts an installation of its own in a temporary folder, with a simulator instead of Twilio, and plays the
story of the demo: a first campaign with some answers, a second one on its way. For pictures that look alike
everywhere: `apt-get install fonts-inter fonts-urw-base35 fonts-noto-core fonts-noto-cjk`, and let fontconfig
answer `system-ui` with Inter and `serif` with P052.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT))

from playwright.sync_api import Browser, Page  # noqa: E402
from tests.browser import DESK, HAND, SOON, chromium, guest_id, rows  # noqa: E402
from tests.processes import Installation, Server, simulator, until  # noqa: E402

from cordially.providers.twilio.content import Credentials, WholeContent, put_up  # noqa: E402

#: who is invited first: the first rows of the list, and the numbers that misbehave
FIRST = (
    "רות אלמוג", "Sunita Deshpande", "佐藤 健二", "أحمد منصور", "राजेश कुलकर्णी", "Charlotte Whitmore",
    "Priya and Vikram Nair", "Dr. Miriam Goldfarb-Lévy", "Zeynep Aydın", "Oliver Hartley",
    "Yonatan Ben-Ami", "Avraham Katz", "Dorothy Finch", "Rohan Shah",
)  # fmt: skip
ANSWERS = {
    "רות אלמוג": ("yes", 2), "Sunita Deshpande": ("yes", 1), "佐藤 健二": ("maybe", 2),
    "أحمد منصور": ("no", 0), "Charlotte Whitmore": ("yes", 1), "Priya and Vikram Nair": ("yes", 3),
}  # fmt: skip
#: a pace at which every state is to be seen
SLOW = {
    "latency": (0.3, 0.9), "sent_after": (0.6, 2.0), "delivered_after": (0.5, 2.5), "read_after": (1.0, 6.0),
    "read_share": 0.6, "seed": 4, "slow_seconds": 1.0,
}  # fmt: skip


class Studio:
    """One installation, and pictures of it."""

    def __init__(self, browser: Browser, installation: Installation, server: Server, witness: str) -> None:
        self.browser, self.installation, self.server, self.witness = browser, installation, server, witness
        self.signed_in: Any = None
        page = self.page()
        page.goto(server.signin_url())
        self.signed_in = page.context.storage_state()
        page.context.close()
        self.event = f"{server.url}/e/{rows(installation, 'SELECT slug FROM events_event')[0][0]}/"

    def page(self, address: str = "", **options: Any) -> Page:
        context = self.browser.new_context(
            **{"viewport": DESK, "device_scale_factor": 1, "reduced_motion": "reduce", "locale": "en-GB"}
            | ({"storage_state": self.signed_in} if self.signed_in else {})
            | options
        )
        context.set_default_timeout(SOON)
        page = context.new_page()
        if address:
            page.goto(address)
        return page

    @contextmanager
    def view(self, address: str, **options: Any) -> Iterator[Page]:
        page = self.page(address, **options)
        page.evaluate("document.fonts.ready")
        yield page
        page.context.close()

    def answer(self, name: str, reply: str, heads: int) -> None:
        with self.view(self.rsvp(name)) as page:
            page.locator(f"label[for={reply}]").click()
            if heads > 1 and reply != "no":
                page.locator("#heads").fill(str(heads))
            page.locator("[data-send]").click()
            page.locator("#done-title").wait_for()

    def rsvp(self, name: str) -> str:
        ((token,),) = rows(self.installation, "SELECT token FROM guests_guest WHERE name = ?", name)
        return f"{self.server.url}/r/{token}"

    def states(self, campaign: int) -> dict[str, int]:
        found = rows(
            self.installation,
            "SELECT state, count(*) FROM invitations_invitation WHERE campaign_id = ? GROUP BY state",
            campaign,
        )
        return dict(found)

    def ids(self, names: tuple[str, ...]) -> str:
        return "&".join(f"id={guest_id(self.installation, name)}" for name in names)


def shoot(page: Page, name: str, *, whole: bool = False) -> None:
    page.screenshot(path=HERE / f"{name}.png", full_page=whole)
    print(name)


def send(page: Page) -> None:
    page.locator("#confirm-send").click()
    page.locator("#toasts").wait_for()


def live(page: Page) -> None:
    page.locator("#lamp[data-state=live]").wait_for()


#: a text with what happens while one types
DRAFT = (
    "Dear {{guest_name|friend}},\n\nwith joy in our hearts we invite you to the wedding of *{{event_name}}* on "
    "{{event_date}} at {{event_time}}, in {{hall|the garden}} of {{event_location}}.\n\n"
    "Please tell us by {{rsvp_dedline}} whether you can come.\n\nWe can hardly wait, {{guest_name}}"
)
#: every way of looking at a page: name, and how the browser is
WAYS: dict[str, dict[str, Any]] = {
    "": {},
    "-dark": {"color_scheme": "dark"},
    "phone-": HAND,
}


def each_way(
    studio: Studio,
    name: str,
    address: str,
    prepare: Callable[[Page], None] = lambda page: None,
    *,
    whole: bool = True,
    hebrew: bool = True,
) -> None:
    """At a desk in light and dark, on a phone; in Hebrew at a desk, unless the steps before need English."""
    for way, options in WAYS.items():
        with studio.view(address, **options) as page:
            prepare(page)
            shoot(page, f"{way}{name}" if way.endswith("-") else f"{name}{way}", whole=whole)
    if hebrew:
        with studio.view(address, locale="he-IL") as page:
            prepare(page)
            shoot(page, f"{name}-hebrew", whole=whole)


def write(studio: Studio) -> None:
    """The pages of message templates, of the flight check, and of prices."""

    def draft(page: Page) -> None:
        page.locator("#body").fill(DRAFT)
        page.locator("#header").fill("A wedding invitation")
        page.locator("#link").fill("Answer the invitation")
        page.locator("#footer").fill("The Levi and Rao families")
        page.get_by_text("rsvp_dedline” is not known").wait_for()

    account = Credentials("AC" + "0" * 32, "simulator-token", studio.witness)
    for words in (
        "Dear {{1}}, please keep {{2}} free: our invitation follows in spring.",
        "Dear {{1}}, thank you for coming. The pictures of the evening are here: {{2}} and we miss you already.",
    ):
        name = "save_the_date" if "keep" in words else "thank_you"
        put_up(account, WholeContent(name, "en", words, samples=("Ana", "6 May 2027")))
    templates = f"{studio.event}templates"
    each_way(studio, "templates", templates)
    each_way(studio, "template", f"{templates}/1", draft, hebrew=False)
    each_way(studio, "template-hebrew", f"{templates}/1?lang=he", hebrew=False)
    each_way(studio, "template-new", f"{templates}/new")
    each_way(studio, "template-import", f"{templates}/import")
    each_way(studio, "send", f"{studio.event}send?all=1")
    each_way(studio, "prices", f"{studio.server.url}/prices")
    each_way(studio, "event-new", f"{studio.server.url}/events/new")
    each_way(studio, "event-edit", f"{studio.event}edit")
    each_way(studio, "overview-empty", studio.event)


def bring(studio: Studio) -> None:
    """The steps of an import, and its undo, with the messy list."""

    def go_on(page: Page, words: str) -> None:
        page.get_by_role("button", name=words).filter(visible=True).click()

    each_way(studio, "import", f"{studio.event}import")
    with studio.view(f"{studio.event}import") as page:
        page.locator("#file").set_input_files(ROOT / "tests/data/guests-messy.xlsx")
        go_on(page, "Go on to the columns")
        page.locator("#columns").wait_for()
        draft = page.url.removesuffix("/columns")
        each_way(studio, "import-columns", f"{draft}/columns")
        page.locator("#country").select_option("IL")
        go_on(page, "Check the rows")
        for row, number in ((34, "+49 1512 3344556"), (74, "050-255-0137")):
            page.locator(f"#r{row}-phone").fill(number)
            page.locator(f"#r{row}-phone").press("Enter")
            page.locator(f"#r{row}-phone.is-mended").wait_for()
        each_way(studio, "import-check", draft, whole=False)
        go_on(page, "Import 383 guests")
        page.get_by_role("heading", name="383 guests").wait_for()
        each_way(studio, "import-done", draft)
        each_way(studio, "import-undo", f"{draft}/undo")
        page.goto(f"{draft}/undo")
        go_on(page, "Remove 383 guests")
        page.get_by_role("heading", name="undone").wait_for()
        each_way(studio, "import-undone", draft)


def look_after(studio: Studio) -> None:
    """One guest, the team, the quiet hours, the senders: what is seen to now and then."""
    event, server = studio.event, studio.server.url
    failed = guest_id(studio.installation, "Dorothy Finch")
    each_way(studio, "guest", f"{event}guests/{failed}")
    with studio.view(f"{event}guests") as page:
        page.get_by_role("link", name="Sunita Deshpande", exact=True).click()
        page.locator("#dialog-title").wait_for()
        shoot(page, "guest-beside")
    with studio.view(f"{event}guests") as page:
        page.locator(".cell-main").first.focus()
        page.keyboard.press("F2")
        page.locator(".cell-edit").wait_for()
        shoot(page, "guests-writing")
    each_way(studio, "guest-new", f"{event}guests/new")
    each_way(studio, "team", f"{event}team")
    each_way(studio, "quiet", f"{event}quiet")
    each_way(studio, "more", f"{event}more")
    each_way(studio, "event-sender", f"{event}sender")
    each_way(studio, "senders", f"{server}/sender")
    each_way(studio, "sender", f"{server}/sender/1")
    each_way(studio, "sender-new", f"{server}/sender/add")


def play(studio: Studio) -> None:
    guests = studio.event
    people = f"{guests}guests"
    with studio.view(f"{studio.server.url}/signin", storage_state=None) as page:
        shoot(page, "signin")
    write(studio)
    with studio.view(f"{guests}send?{studio.ids(FIRST)}") as page:
        send(page)

    def settled() -> bool:
        found = studio.states(1)
        return sum(found.get(s, 0) for s in ("queued", "sending", "unsure", "accepted", "sent")) == 0

    until(settled, 60, "the first campaign is through")
    for name, (reply, heads) in ANSWERS.items():
        studio.answer(name, reply, heads)
    bring(studio)
    with studio.view(studio.rsvp("राजेश कुलकर्णी")) as page:
        page.locator("label[for=yes]").click()
        page.locator("#heads").fill("3")
        shoot(page, "rsvp")
    with studio.view(studio.rsvp("राजेश कुलकर्णी"), **HAND) as page:
        shoot(page, "phone-rsvp", whole=True)
    with studio.view(f"{studio.witness}/phone/+12125550110", viewport={"width": 720, "height": 900}) as page:
        shoot(page, "simulator-phone")

    studio.installation.shell("sender", "--per-second", "3")
    pages = {
        "guests": studio.page(people),
        "guests-dark": studio.page(people, color_scheme="dark"),
        "guests-hebrew": studio.page(people, locale="he-IL"),
        "phone-guests": studio.page(people, **HAND),
    }
    with studio.view(f"{guests}send?all=1&show=new") as page:
        send(page)
    until(lambda: studio.states(2).get("read", 0) >= 5, 30, "the second campaign is in full flow")
    for page in pages.values():
        page.reload()
        live(page)
    for name, page in pages.items():
        shoot(page, name)
        page.context.close()
    each_way(studio, "overview", guests, live)
    each_way(studio, "events", f"{studio.server.url}/")
    look_after(studio)
    campaign = f"{guests}campaigns/2"
    each_way(studio, "campaigns", f"{guests}campaigns", live)
    each_way(studio, "campaign", campaign, live, whole=False)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, simulator(**SLOW) as witness:
        installation = Installation(Path(folder) / "data", witness.account)
        installation.shell("template", "rsvp_invitation", "--create")
        with installation.server("--with-demo") as server, chromium() as browser:
            studio = Studio(browser, installation, server, witness.url)
            play(studio)


if __name__ == "__main__":
    main()
