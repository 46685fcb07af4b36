"""The overview of an event: what it says, and that each number leads to exactly those people."""

from __future__ import annotations

import datetime as dt
import re
import zoneinfo
from html import unescape

import pytest
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from tests.people import approved

from cordially.dashboard import chart, frames, guestlist, overview, sets, stream
from cordially.dashboard.frames import OverviewFrames
from cordially.dashboard.guestlist import Filter
from cordially.dashboard.sets import Only
from cordially.dashboard.views import overview as views
from cordially.events.models import Event
from cordially.guests.models import Guest
from cordially.invitations.lifecycle import State
from cordially.invitations.models import (
    Campaign,
    CampaignState,
    Invitation,
    Review,
    Sender,
    SenderState,
    TemplateVersion,
)
from cordially.providers.twilio.codes import CODES, MENDED
from cordially.rsvp.models import Answer

from .conftest import a_guest, happened, invited

OVERVIEW = "/e/maya-arjun/"


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    frames.shared.clear()
    frames.charts.clear()


def says(guest: Guest, reply: str, heads: int = 0, **given: object) -> Answer:
    Answer.objects.filter(guest=guest).update(is_current=False)
    return Answer.objects.create(guest=guest, reply=reply, heads=heads, **{"at": timezone.now(), **given})


@pytest.fixture
def everybody(event: Event, campaign: Campaign) -> Event:
    """Somebody in every state and with every kind of trouble, also those who stand in two of them."""
    for state in State:
        invited(campaign, a_guest(event, f"{state.value} one", group="Bride’s side"), state)
    for number, code in enumerate((63003, 63024, 21211, 30005, 63033, 30003, None)):
        invited(campaign, a_guest(event, f"failed {number}"), State.FAILED, code=code)
    for problem in ("invalid", "ambiguous", "ambiguous", "no_phone"):
        a_guest(
            event,
            f"Lost {problem}",
            "",
            phone_problem=problem,
            phone_note="Look at it.",
            phone_raw=str(Guest.objects.count()),
        )
    invited(campaign, a_guest(event, "left out for no number", "", phone_raw="x"), State.SKIPPED)
    lost = a_guest(event, "lost the number later")
    invited(campaign, lost, State.READ)
    Guest.objects.filter(pk=lost.pk).update(phone="", phone_problem="no_phone", phone_raw="y")
    a_guest(event, "Opted out", opted_out_at=timezone.now())
    a_guest(event, "Opted out, no number", "", opted_out_at=timezone.now(), phone_raw="z")
    Campaign.objects.filter(pk=campaign.pk).update(created_at=timezone.now() - dt.timedelta(hours=1))
    early = a_guest(event, "There before, not chosen")
    Guest.objects.filter(pk__lte=early.pk).update(created_at=timezone.now() - dt.timedelta(days=1))
    a_guest(event, "New")
    says(Guest.objects.get(name="read one"), "no")
    says(Guest.objects.get(name="read one"), "yes", 3)
    says(Guest.objects.get(name="delivered one"), "maybe", 2)
    says(Guest.objects.get(name="failed one"), "no")
    says(Guest.objects.get(name="New"), "yes", 2)
    # another event beside it, with the same trouble
    other = Event.objects.create(slug="other", name="Other", starts_at=event.starts_at, timezone="UTC")
    of_other = Campaign.objects.create(
        event=other, sender=campaign.sender, template=campaign.template, name="Theirs", audience=0
    )
    for state in State:
        invited(
            of_other,
            a_guest(other, f"theirs {state}"),
            state,
            **({"code": 63003} if state == "failed" else {}),
        )
    says(Guest.objects.get(name="theirs read"), "yes", 90)
    return event


def members(event: Event, **wanted: str) -> set[str]:
    return {guest.name for guest in guestlist.matching(event, Filter(**wanted))}


# --- every number is a link to exactly those people


def test_every_number_of_the_page_leads_to_exactly_so_many_people(browser: Client, everybody: Event) -> None:
    page = unescape(browser.get(OVERVIEW).content.decode())
    found = re.findall(
        r'<a href="(/e/maya-arjun/guests\?(?:only|show|answer)=\w+)"[^>]*>(.*?)</a>', page, re.S
    )
    checked = set()
    for address, inside in found:
        words = re.sub(r"<[^>]+>", " ", inside)
        if not (number := re.search(r"\d[\d,]*", words)) or "answer=" in address:
            continue
        listed = browser.get(address).content.decode()
        shown = re.search(r'<section class="card" aria-label="([\d,]+) guest', listed)
        assert shown and shown[1] == number[0], (address, words, shown and shown[1])
        checked.add(address.partition("?")[2])
    assert checked >= {
        "only=invited", "only=uninvited", "only=arrived", "only=way", "only=answered", "only=silent", "only=added",
        "only=wrong", "only=absent", "only=unwanted", "only=other", "only=doubtful", "only=missing", "only=optout",
        "show=read", "show=delivered", "show=failed", "show=skipped",
    }  # fmt: skip


def test_the_figures_are_right(everybody: Event) -> None:
    found = overview.figures(everybody)
    assert found.guests == Guest.objects.filter(event=everybody).count() == 27
    assert (found.invited, found.uninvited) == (16, 11)
    assert (found.arrived, found.read, found.on_the_way) == (3, 2, 5)
    assert (found.answered, found.coming, found.silent) == (4, 5, 13)
    assert (found.fresh, found.added, found.opted_out) == (2, 1, 2)
    assert {only: group.count for only, group in found.groups.items()} == {
        Only.ABSENT: 2, Only.WRONG: 3, Only.UNWANTED: 1, Only.FAILED: 3, Only.DOUBTFUL: 2, Only.MISSING: 2,
    }  # fmt: skip
    assert found.left_out == [("Not on WhatsApp.", 1)]
    assert sum(found.tally.of(found.campaigns[0]).values()) == found.campaigns[0].audience


def test_the_names_of_a_group_are_of_its_people(everybody: Event) -> None:
    for only, group in overview.figures(everybody).groups.items():
        assert 0 < len(group.names) <= 3 and set(group.names) <= members(everybody, only=only)
        assert group.count == len(members(everybody, only=only)) or only == Only.DOUBTFUL


def test_sets_that_belong_together_add_up(everybody: Event) -> None:
    def of(only: str) -> set[str]:
        return members(everybody, only=only)

    everyone = members(everybody)
    assert of(Only.INVITED) | of(Only.UNINVITED) == everyone and not of(Only.INVITED) & of(Only.UNINVITED)
    failed = members(everybody, show="failed")
    assert of(Only.ARRIVED) | of(Only.ON_THE_WAY) | failed == of(Only.INVITED)
    assert failed <= of(Only.ABSENT) | of(Only.WRONG) | of(Only.UNWANTED) | of(Only.FAILED)
    assert all(sets.label(only) for only in Only)


def test_a_set_goes_with_the_other_filters(browser: Client, everybody: Event) -> None:
    assert members(everybody, only="absent", q="failed 0") == {"failed 0"}
    page = browser.get("/e/maya-arjun/guests?only=absent").content.decode()
    assert "Not on WhatsApp" in page and "Remove this filter" in page
    assert Filter.read({"only": "nonsense"}).only == ""


def test_codes_that_are_mended_alike_are_known_and_stand_in_one_set() -> None:
    every = [code for codes in MENDED.values() for code in codes]
    assert len(every) == len(set(every)) and set(every) <= set(CODES)


# --- what needs the host


def tasks(event: Event) -> dict[str, overview.Task]:
    return {task.key: task for task in overview.tasks(event, overview.figures(event))}


def test_a_stopped_sender_and_a_paused_campaign_can_be_mended_here(
    browser: Client, event: Event, campaign: Campaign, sender: Sender
) -> None:
    invited(campaign, a_guest(event), State.QUEUED)
    Sender.objects.update(
        state=SenderState.PAUSED,
        paused_at=timezone.now(),
        paused_reason="Twilio refused the password.",
        paused_code=20003,
    )
    Campaign.objects.update(state=CampaignState.PAUSED, paused_reason="Paused by hadar.")
    page = browser.get(OVERVIEW).content.decode()
    assert "Twilio refused the password. (20003)" in page and "“Late additions” is paused" in page
    for key in (f"sender-{sender.pk}", f"paused-{campaign.pk}"):
        assert browser.post(tasks(event)[key].url, {"back": OVERVIEW})["Location"] == OVERVIEW
    sender.refresh_from_db()
    campaign.refresh_from_db()
    assert (sender.state, campaign.state) == (SenderState.ACTIVE, CampaignState.RUNNING)
    assert not tasks(event)


@pytest.mark.parametrize("state", [Review.REJECTED, Review.PAUSED, Review.DISABLED])
def test_a_text_that_whatsapp_stopped_is_named(event: Event, campaign: Campaign, state: str) -> None:
    TemplateVersion.objects.update(state=state, reason="Variable at the end of the body.")
    task = tasks(event)["template"]
    assert "“invitation” (en)" in task.title and task.why == "Variable at the end of the body."
    assert task.url == f"/e/maya-arjun/templates/{campaign.template_id}?lang=en"


def test_a_text_that_only_other_events_use_or_that_was_mended_is_no_concern(
    event: Event, campaign: Campaign
) -> None:
    TemplateVersion.objects.update(state=Review.REJECTED)
    other = Event.objects.create(slug="other", name="Other", starts_at=event.starts_at, timezone="UTC")
    Campaign.objects.update(event=other)
    assert not tasks(event)
    Campaign.objects.update(event=event)
    first = TemplateVersion.objects.get()
    TemplateVersion.objects.create(
        text=first.text, number=2, account=first.account, ref="HX2", category=first.category, body="x",
        state=Review.APPROVED,
    )  # fmt: skip
    assert not tasks(event)


def test_those_of_a_set_are_tried_again_and_nobody_else(browser: Client, everybody: Event) -> None:
    browser.post("/e/maya-arjun/retry", {"only": "other", "back": OVERVIEW})
    queued = Invitation.objects.filter(state=State.QUEUED, campaign__event=everybody)
    assert {one.guest.name for one in queued} == {"queued one", "failed one", "failed 5", "failed 6"}


def test_links_of_a_set_come_as_text(browser: Client, everybody: Event) -> None:
    Guest.objects.filter(name="failed 0").update(name="<b>Ruth</b>\t=1+1")
    answer = browser.get("/e/maya-arjun/links?only=absent")
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    first, second = answer.content.decode().splitlines()
    token = Guest.objects.get(name="failed 1").token
    assert second == f"failed 1\thttp://127.0.0.1:8000/r/{token}"
    assert first.startswith("<b>Ruth</b> =1+1\thttp://")


# --- how it begins


def test_a_new_event_says_what_to_do_first(browser: Client, event: Event) -> None:
    def first() -> str:
        page = browser.get(OVERVIEW).content.decode()
        assert "First steps" in page
        return re.findall(r'class="btn btn--s[^"]* push"[^>]*>([^<]*)<', page)[0]

    Event.objects.update(venue="")
    with override_settings(USE_SIMULATOR=False, TWILIO_ACCOUNT_SID="AC1", TWILIO_WHATSAPP_FROM=""):
        assert first() == "Add the place"
        Event.objects.update(venue="The Orange Grove")
        assert first() == "Import a list"
        a_guest(event)
        assert first() == "Look at the texts"
        approved("mine", {"en": "Come!"}, "AC1", ref="HX9")
        assert first() == "See what is missing"
    Sender.objects.create(account="AC" + "0" * 32, phone="+15550100000")
    TemplateVersion.objects.update(account="AC" + "0" * 32)
    assert first() == "Choose and send"


def test_once_something_was_sent_the_list_of_first_steps_is_gone(
    browser: Client, event: Event, campaign: Campaign
) -> None:
    invited(campaign, a_guest(event), State.READ)
    page = browser.get(OVERVIEW).content.decode()
    assert "First steps" not in page and "Everybody on the list who can be invited has been" in page


# --- the light


def test_the_light_warns_and_names_the_cause(browser: Client, event: Event, campaign: Campaign) -> None:
    invitation = invited(campaign, a_guest(event), State.ACCEPTED, message_id="SM1")
    sent = happened(invitation, State.SENDING)
    assert "No report yet" in browser.get(OVERVIEW).content.decode()
    sent.__class__.objects.update(at=timezone.now() - dt.timedelta(minutes=5))
    page = browser.get(OVERVIEW).content.decode()
    assert "1 message went out since" in page and "Nothing came at all" in page
    Sender.objects.update(refused_count=1234, refused_why="The token <b>differs</b>.")
    page = browser.get(OVERVIEW).content.decode()
    assert "1,234 reports came and were refused" in page and "The token &lt;b&gt;differs" in page
    Sender.objects.update(heard_at=timezone.now())
    page = browser.get(OVERVIEW).content.decode()
    assert "Twilio reports back" in page and "went out since" not in page


# --- the stream


def test_the_stream_tells_what_happened_newest_first(event: Event, campaign: Campaign) -> None:
    ruth = a_guest(event, "<i>Ruth</i>")
    one = invited(campaign, ruth, State.QUEUED)
    for state in (State.SENDING, State.ACCEPTED, State.SENT, State.DELIVERED, State.READ):
        happened(one, state)
    says(ruth, "yes", 3, note="Save  us\na dance")
    other = Event.objects.create(slug="other", name="Other", starts_at=event.starts_at, timezone="UTC")
    says(a_guest(other, "Stranger"), "yes", 1)
    theirs = Campaign.objects.create(
        event=other, sender=campaign.sender, template=campaign.template, name="Theirs", audience=0
    )
    invited(theirs, a_guest(other, "Another stranger"), State.READ)
    told = [re.sub(r"</?(b|bdi)>", "", line.what) for line in stream.lines(event, [campaign.pk])]
    assert told == [
        "&lt;i&gt;Ruth&lt;/i&gt; is coming, with 2 more: “Save us a dance”",
        "&lt;i&gt;Ruth&lt;/i&gt; read the message",
        "Delivered to &lt;i&gt;Ruth&lt;/i&gt;",
    ]


def test_many_of_a_kind_are_one_line(event: Event, campaign: Campaign) -> None:
    several = [invited(campaign, a_guest(event, f"Guest {n}"), State.SENT) for n in range(5)]
    for invitation in several:
        happened(invitation, State.DELIVERED)
    happened(several[0], State.FAILED)
    told = [re.sub(r"<[^>]+>", "", line.what) for line in stream.lines(event, [campaign.pk])]
    assert told == ["Not delivered to Guest 0", "Delivered to Guest 4 and 4 others"]


# --- the chart

JERUSALEM = zoneinfo.ZoneInfo("Asia/Jerusalem")


@pytest.mark.parametrize(
    ("span", "step"),
    [
        (60, 10), (580, 10), (1200, 30), (3600, 300), (6 * 3600, 600), (86_400, 1800), (7 * 86_400, 3 * 3600),
        (30 * 86_400, 86_400), (365 * 86_400, 7 * 86_400), (20 * 365 * 86_400, None),
    ],
)  # fmt: skip
def test_buckets_are_chosen_by_the_span(span: int, step: int | None) -> None:
    begin = dt.datetime(2026, 11, 22, 8, 43, 12, tzinfo=dt.UTC)
    end = begin + dt.timedelta(seconds=span)
    edges = chart.buckets(begin, end, JERUSALEM)
    assert edges[0] <= begin and edges[-1] >= end and len(edges) <= chart.MOST
    assert step is None or edges[1] - edges[0] == dt.timedelta(seconds=step)


def test_buckets_begin_at_full_hours_of_the_place() -> None:
    begin = dt.datetime(2026, 11, 22, 8, 43, tzinfo=dt.UTC)
    india = zoneinfo.ZoneInfo("Asia/Kolkata")
    edges = chart.buckets(begin, begin + dt.timedelta(days=5), india)
    assert edges[0].astimezone(india).minute == 0


def test_the_curves_end_at_the_sums(event: Event, campaign: Campaign) -> None:
    start = timezone.now() - dt.timedelta(hours=2)
    Campaign.objects.update(created_at=start)
    minute = dt.timedelta(minutes=1)
    for number in range(3):
        invited(campaign, a_guest(event), State.DELIVERED, delivered_at=start + number * 20 * minute)
    # the receipt of reading overtook the other
    invited(campaign, a_guest(event), State.READ, read_at=start + 61 * minute)
    says(Guest.objects.first(), "yes", 1, at=start + 90 * minute)
    drawn = chart.chart(event)
    assert drawn is not None
    assert [(curve.key, curve.total) for curve in drawn.curves] == [
        ("delivered", 4),
        ("read", 1),
        ("answered", 1),
    ]
    assert "4 delivered, 1 read, 1 answered" in drawn.summary
    assert [counts for _at, counts in drawn.rows] == [
        [1, 0, 0], [2, 0, 0], [3, 0, 0], [4, 1, 0], [4, 1, 1],
    ]  # fmt: skip
    for curve, limit in zip(drawn.curves, drawn.curves[1:], strict=False):
        assert limit.end - curve.end >= 7.9
    at, _counts = drawn.rows[0]
    assert start < at <= start + dt.timedelta(minutes=10)


def test_no_line_is_drawn_into_the_future(event: Event, campaign: Campaign) -> None:
    invited(campaign, a_guest(event), State.DELIVERED)
    drawn = chart.chart(event)
    assert drawn and drawn.curves[0].total == 1
    reached = max(float(x) for x in re.findall(r"L([\d.]+) ", drawn.curves[0].path))
    assert reached < 500


def test_nothing_is_drawn_before_anything_was_sent(event: Event) -> None:
    assert chart.chart(event) is None


def test_the_chart_of_a_long_list_comes_after_the_page(
    browser: Client, event: Event, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    ruth = a_guest(event, group="Bride’s side")
    invited(campaign, ruth, State.READ)
    says(ruth, "yes", 3)
    assert 'role="img" aria-label="Since' in browser.get(OVERVIEW).content.decode()
    monkeypatch.setattr(views, "AT_ONCE", 0)
    page = browser.get(OVERVIEW).content.decode()
    assert 'hx-get="/e/maya-arjun/chart"' in page and 'aria-label="Since' not in page
    piece = browser.get("/e/maya-arjun/chart", headers={"HX-Request": "true"}).content.decode()
    assert piece.startswith("<section") and 'aria-label="Since' in piece and "Bride’s side" in piece
    alone = browser.get("/e/maya-arjun/chart").content.decode()
    assert "<!doctype html>" in alone and 'aria-label="Since' in alone


# --- the page as a whole


def test_a_bookmark_of_the_guest_list_still_leads_there(browser: Client, event: Event) -> None:
    answer = browser.get(f"{OVERVIEW}?show=failed&q=Ruth+%26")
    assert answer.status_code == 302 and answer["Location"] == "/e/maya-arjun/guests?show=failed&q=Ruth+%26"


def test_it_costs_the_same_queries_however_long_the_list_is(browser: Client, everybody: Event) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            browser.get(OVERVIEW)
        return len(queries)

    few = cost()
    campaign = Campaign.objects.get(event=everybody)
    for number in range(12):
        invited(campaign, a_guest(everybody, f"More {number}"), State.FAILED, code=63003)
        says(a_guest(everybody, f"Even more {number}", group=f"Table {number}"), "yes", 2)
    assert cost() == few <= 33


@pytest.mark.parametrize("evil", ['"><script>alert(1)</script>', "{{ 7 }}<img src=x onerror=alert(1)>"])
def test_what_a_guest_or_host_wrote_is_text(
    browser: Client, event: Event, campaign: Campaign, evil: str
) -> None:
    ruth = a_guest(event, evil, group=evil)
    invited(campaign, ruth, State.FAILED, code=63003, reason=evil)
    happened(Invitation.objects.get(), State.READ)
    says(ruth, "yes", 2, note=evil)
    Campaign.objects.update(name=evil, state=CampaignState.PAUSED, paused_reason=evil)
    for page in (browser.get(OVERVIEW).content.decode(), OverviewFrames(event).draw(None)):
        assert "<script>alert" not in page and "<img src=x" not in page and "alert(1)" in page


def test_the_live_line_draws_the_same_pieces(browser: Client, event: Event, campaign: Campaign) -> None:
    invited(campaign, a_guest(event), State.READ)
    page = browser.get(OVERVIEW).content.decode()
    on_page = set(re.findall(r'id="([\w-]+)" data-piece', page))
    drawn = OverviewFrames(event).draw(None)
    assert set(re.findall(r'id="([\w-]+)" data-piece', drawn)) == on_page
    assert "csrfmiddlewaretoken" not in drawn and 'id="lamp"' not in drawn


def test_a_frame_marks_what_came_since_the_last(event: Event, campaign: Campaign) -> None:
    one = invited(campaign, a_guest(event, "Ruth"), State.READ)
    page = OverviewFrames(event)
    assert "is-new" not in page.draw(None)
    frames.shared.clear()
    says(one.guest, "yes", 2)
    second = page.draw({one.guest_id})
    assert second.count("is-new") == 1 and "is coming, with 1 more" in second
    assert 'data-fig="coming">2<' in second
