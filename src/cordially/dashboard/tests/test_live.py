"""The tailer and the stream. What is looked at is the database's own feed; nobody waits for a clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.db import connection
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cordially.dashboard import frames, live
from cordially.dashboard.frames import GuestFrames, Reader
from cordially.dashboard.guestlist import Filter
from cordially.dashboard.holes import MOST, Holes
from cordially.dashboard.views.line import _may_still as may_still
from cordially.events.models import Event
from cordially.invitations.lifecycle import State
from cordially.invitations.models import Campaign, CampaignState, Invitation, Sender, SenderState, StatusEvent
from cordially.rsvp.models import Answer
from cordially.team.rights import rights_of

from .conftest import a_guest, happened, invited


class Ear:
    """A listener without an event loop."""

    def __init__(self, event: Event) -> None:
        self.event_id = event.pk
        self.heard: list[set[int] | None] = []
        self.position = live.Position(0, 0)
        self.closed = False

    def tell(self, guests: set[int] | None, position: live.Position, look: int = 0) -> None:
        self.heard.append(guests)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def tailer(event: Event) -> live.Tailer:
    tailer = live.Tailer()
    tailer._thread = object()  # type: ignore[assignment]  # the test looks itself
    tailer.begin()
    return tailer


@pytest.fixture
def ear(tailer: live.Tailer, event: Event) -> Ear:
    ear = Ear(event)
    tailer.join(ear)  # type: ignore[arg-type]
    tailer.look()
    ear.heard.clear()
    return ear


def test_it_hears_of_a_status(tailer: live.Tailer, ear: Ear, event: Event, campaign: Campaign) -> None:
    tailer.look()
    ruth = a_guest(event)
    invited(campaign, ruth, State.SENDING)
    tailer.look()
    assert ear.heard[-1] == {ruth.pk}


def test_it_hears_of_an_answer_once(tailer: live.Tailer, ear: Ear, event: Event) -> None:
    ruth = a_guest(event)
    Answer.objects.create(guest=ruth, reply="no", at=timezone.now())
    tailer.look()
    tailer.look()
    assert ear.heard == [{ruth.pk}]


def test_nothing_new_says_nothing(tailer: live.Tailer, ear: Ear) -> None:
    tailer.look()
    assert ear.heard == []


def test_it_hears_only_of_its_event(tailer: live.Tailer, ear: Ear, event: Event, campaign: Campaign) -> None:
    tailer.look()
    ear.heard.clear()
    other = Event.objects.create(slug="other", name="Other", starts_at=event.starts_at, timezone="UTC")
    Answer.objects.create(guest=a_guest(other), reply="no", at=timezone.now())
    tailer.look()
    assert ear.heard == []


def test_a_paused_campaign_and_a_stopped_sender_are_heard_of(
    tailer: live.Tailer, ear: Ear, campaign: Campaign, sender: Sender
) -> None:
    tailer.look()
    ear.heard.clear()
    Campaign.objects.update(state=CampaignState.PAUSED)
    tailer.look()
    Sender.objects.update(state=SenderState.PAUSED, paused_at=timezone.now(), paused_reason="Suspended.")
    tailer.look()
    assert ear.heard == [set(), set()]


def test_an_event_that_is_committed_late_is_not_lost(
    tailer: live.Tailer, ear: Ear, event: Event, campaign: Campaign
) -> None:
    ruth = invited(campaign, a_guest(event), State.SENDING)
    tailer.look()
    top = StatusEvent.objects.latest("pk").pk
    early = StatusEvent(pk=top + 2, invitation=ruth, status="sent", at=timezone.now(), source="callback")
    early.save()
    tailer.look()
    ear.heard.clear()
    late = StatusEvent(pk=top + 1, invitation=ruth, status="accepted", at=timezone.now(), source="engine")
    late.save()
    tailer.look()
    assert ear.heard == [{ruth.guest_id}]


def test_very_many_changes_are_everything(
    tailer: live.Tailer, ear: Ear, event: Event, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MANY", 3)
    for number in range(5):
        invited(campaign, a_guest(event, f"Guest {number}"), State.SENDING)
    tailer.look()
    assert ear.heard[-1] is None
    ear.heard.clear()
    tailer.look()
    assert ear.heard == []


def test_a_look_costs_the_same_for_any_number_of_listeners(
    tailer: live.Tailer, event: Event, campaign: Campaign
) -> None:
    def cost() -> int:
        happened(invitation, State.SENT)
        with CaptureQueriesContext(connection) as queries:
            tailer.look()
        return len(queries)

    invitation = invited(campaign, a_guest(event), State.SENDING)
    tailer.join(Ear(event))  # type: ignore[arg-type]
    alone = cost()
    for _ in range(20):
        tailer.join(Ear(event))  # type: ignore[arg-type]
    assert cost() == alone <= 4


def test_shutdown_ends_every_line_and_opens_none(tailer: live.Tailer, ear: Ear, event: Event) -> None:
    tailer.shutdown()
    assert ear.closed
    late = Ear(event)
    tailer.join(late)  # type: ignore[arg-type]
    assert late.closed


def test_a_frame_holds_only_the_rows_that_are_seen_and_changed(event: Event, campaign: Campaign) -> None:
    seen, other, hidden = (a_guest(event, name) for name in ("Seen", "Other", "Hidden"))
    invitations = [invited(campaign, guest, State.QUEUED) for guest in (seen, other, hidden)]
    frames.shared.clear()
    page = GuestFrames(event, Filter(), [seen.pk, other.pk])
    first = page.draw(None)
    assert (
        f"g-{seen.pk}-status" in first and f"g-{other.pk}-status" in first and f"g-{hidden.pk}-" not in first
    )
    assert page.draw({seen.pk}) == ""
    frames.shared.clear()
    Invitation.objects.filter(pk=invitations[0].pk).update(state=State.ACCEPTED, accepted_at=timezone.now())
    second = page.draw({seen.pk, hidden.pk})
    assert f"g-{seen.pk}-status" in second and "Accepted" in second
    assert f"g-{other.pk}-status" not in second and f"g-{hidden.pk}-" not in second
    assert 'type="checkbox"' not in second and "csrfmiddlewaretoken" not in second
    assert 'id="progress"' in second


def test_figures_that_are_dear_are_read_once_for_all_pages() -> None:
    shared = frames.Shared()
    reads: list[int] = []

    def read() -> int:
        reads.append(1)
        end = time.monotonic() + 0.02
        while time.monotonic() < end:
            pass
        return len(reads)

    assert [shared.get("key", read) for _ in range(5)] == [(1, True)] + [(1, False)] * 4


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "FRAME", 0.01)
    monkeypatch.setattr(live, "BEAT", 0.2)


class Still:
    """A page that says what it was asked."""

    ticking = False

    def draw(self, changed: set[int] | None, look: int | None = None) -> str:
        return f"<p>{'all' if changed is None else sorted(changed)}</p>"


async def test_a_line_resumes_where_it_stopped(
    event: Event, fast: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    tailer = live.Tailer()
    monkeypatch.setattr(tailer, "begin", lambda: setattr(tailer, "position", live.Position(7, 2)))
    monkeypatch.setattr(tailer, "_run", lambda: None)
    behind = live.lines(event.pk, Still(), "s5-a2", tailer=tailer)
    assert (await anext(behind)).startswith(b"retry:")
    assert await anext(behind) == b"event: patch\nid: s7-a2\ndata: <p>all</p>\n\n"
    up_to_date = live.lines(event.pk, Still(), "s7-a2", tailer=tailer)
    await anext(up_to_date)
    waiting = asyncio.ensure_future(anext(up_to_date))
    await asyncio.sleep(0.02)
    for listener in list(tailer._listeners):
        listener.tell({4}, live.Position(8, 2))
    assert await waiting == b"event: patch\nid: s8-a2\ndata: <p>[4]</p>\n\n"
    tailer.shutdown()
    assert [part async for part in up_to_date][-1].startswith(b"event: bye")
    await behind.aclose()
    assert not tailer._listeners


def test_it_hears_of_what_a_host_changed(
    tailer: live.Tailer, ear: Ear, event: Event, browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "_tailer", tailer)
    ruth = a_guest(event)
    cell = {"name": "Ruthie", "version": "2"}
    for path, form in [("in-person", {}), ("in-person", {"do": "undo"}), ("cell/name", cell)]:
        ear.heard.clear()
        browser.post(f"/e/{event.slug}/guests/{ruth.pk}/{path}", form, headers={"HX-Request": "true"})
        tailer.look()
        assert ear.heard == [None], path
    tailer.look()
    assert ear.heard == [None]


@pytest.mark.django_db(transaction=True)
async def test_who_may_not_look_any_more_hears_no_more(
    event: Event, host: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, reader = await sync_to_async(_a_line)(event, host)
    monkeypatch.setattr(live, "BEAT", 1.02)
    line = live.lines(event.pk, page, "", tailer=live.Tailer(), may_look=reader)
    assert await anext(line) == b"retry: 2000\n\n"
    await sync_to_async(host.delete)()
    rest = [piece async for piece in line]
    assert rest[-1] == b"event: bye\ndata: \n\n"


def _a_line(event: Event, user: User) -> tuple[GuestFrames, Callable[[], bool]]:
    client = Client()
    client.force_login(user)
    page = GuestFrames(event, Filter(), [], Reader("en", rights_of(user, event)))
    key = client.session.session_key
    assert may_still(key, page)
    assert not may_still("another", page)
    return page, partial(may_still, key, page)


def test_pages_on_different_clocks_share_no_rows(event: Event, campaign: Campaign) -> None:
    guest = a_guest(event)
    happened(invited(campaign, guest, State.DELIVERED), State.DELIVERED)
    old = GuestFrames(event, Filter(), [guest.pk])
    old.draw(None, 1)
    Event.objects.update(timezone="America/New_York")
    new = GuestFrames(Event.objects.get(), Filter(), [guest.pk])
    alone = GuestFrames(Event.objects.get(), Filter(), [guest.pk])
    for page in (new, alone):
        page.draw({guest.pk}, 1 if page is new else None)
    row = f"row {guest.pk}"
    assert new._sent[row] == alone._sent[row] != old._sent[row]


def test_what_was_committed_late_makes_a_new_page_draw_everything(
    tailer: live.Tailer, ear: Ear, event: Event, campaign: Campaign
) -> None:
    invitation = invited(campaign, a_guest(event), State.SENDING)
    top = StatusEvent.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    a_status(top + 10, invitation)
    tailer.look()
    assert tailer.late_until == 0
    a_status(top + 9, invitation)
    tailer.look()
    assert tailer.late_until > time.monotonic()


async def test_a_stranger_hears_nothing(async_client: AsyncClient, event: Event) -> None:
    answer = await async_client.get("/e/maya-arjun/live?page=guests&ids=1")
    assert answer.status_code == 401


@pytest.mark.django_db(transaction=True)
def test_who_has_to_ask_gets_the_same_pieces(browser: Client, event: Event, campaign: Campaign) -> None:
    ruth = a_guest(event)
    invited(campaign, ruth, State.READ)
    page = browser.get(f"/e/maya-arjun/live?page=guests&ids={ruth.pk}&poll=1").content.decode()
    assert f'id="g-{ruth.pk}-status"' in page and 'id="tabs"' in page


@pytest.mark.django_db(transaction=True)
async def test_a_page_hears_within_half_a_second(
    async_client: AsyncClient, event: Event, campaign: Campaign, host: User
) -> None:
    ruth = await sync_to_async(a_guest)(event)
    queued = await sync_to_async(invited)(campaign, ruth, State.QUEUED)
    await async_client.aforce_login(host)
    live.start()  # a test before may have stopped it
    answer = await async_client.get(f"/e/maya-arjun/live?page=guests&ids={ruth.pk}")
    assert answer["Content-Type"].startswith("text/event-stream") and "no-cache" in answer["Cache-Control"]
    stream = aiter(answer.streaming_content)
    assert (await anext(stream)).startswith(b"retry:")
    assert b"Queued" in await anext(stream)

    def accept() -> None:
        Invitation.objects.filter(pk=queued.pk).update(state=State.ACCEPTED, accepted_at=timezone.now())
        happened(queued, State.ACCEPTED)

    await sync_to_async(accept)()
    live.wake()
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.timeout(3):
        while b"Accepted" not in await anext(stream):
            pass
    assert loop.time() - began < 0.5
    thread = live._tailer._thread
    live.shutdown()
    assert [part async for part in stream][-1].startswith(b"event: bye")
    assert thread is not None
    await asyncio.to_thread(thread.join, 2)


def a_status(pk: int, invitation: Invitation) -> None:
    StatusEvent(pk=pk, invitation=invitation, status="sent", at=timezone.now(), source="callback").save()


@pytest.mark.parametrize("hole", [1, 600, 5_000_000])
def test_a_hole_of_any_size_is_watched_to_its_last_id(
    tailer: live.Tailer, ear: Ear, event: Event, campaign: Campaign, hole: int
) -> None:
    ruth, ori = (invited(campaign, a_guest(event), State.SENDING) for _ in range(2))
    tailer.look()
    top = StatusEvent.objects.latest("pk").pk
    a_status(top + hole + 1, ruth)
    tailer.look()
    ear.heard.clear()
    for late in {top + 1, top + hole}:
        a_status(late, ori)
        tailer.look()
        assert ear.heard.pop() == {ori.guest_id}
    tailer.look()
    assert ear.heard == []


def test_hundreds_of_scattered_holes_are_all_watched(
    tailer: live.Tailer, ear: Ear, event: Event, campaign: Campaign
) -> None:
    ruth, ori = (invited(campaign, a_guest(event), State.SENDING) for _ in range(2))
    tailer.look()
    top = StatusEvent.objects.latest("pk").pk
    now = timezone.now()
    StatusEvent.objects.bulk_create(
        StatusEvent(pk=top + 2 * n, invitation=ruth, status="sent", at=now, source="callback")
        for n in range(1, 701)
    )
    tailer.look()
    for late in (top + 1399, top + 701, top + 3):
        ear.heard.clear()
        a_status(late, ori)
        with CaptureQueriesContext(connection) as queries:
            tailer.look()
        assert len(queries) <= 4
        assert ori.guest_id in (ear.heard[-1] or set())


def test_what_is_committed_late_after_very_many_changes_is_heard_of(
    tailer: live.Tailer, ear: Ear, event: Event, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MANY", 3)
    ruth = invited(campaign, a_guest(event), State.SENDING)
    tailer.look()
    top = StatusEvent.objects.latest("pk").pk
    for pk in range(top + 2, top + 9):
        a_status(pk, ruth)
    tailer.look()
    assert ear.heard[-1] is None
    ear.heard.clear()
    a_status(top + 1, ruth)
    tailer.look()
    assert ear.heard == [{ruth.guest_id}]


def test_a_hole_that_is_too_old_is_forgotten() -> None:
    holes = Holes()
    holes.note(0, [5, 9], 10.0)
    holes.fill([2], 9.0)
    assert [(span.first, span.last) for span in holes.spans] == [(1, 1), (3, 4), (6, 8)]
    holes.fill([], 10.0)
    assert not holes.spans


def test_many_holes_are_few_spans_and_none_is_left_out() -> None:
    holes = Holes()
    holes.note(0, range(2, 2001, 2), 10.0)
    assert len(holes.spans) == MOST
    assert all(pk in holes for pk in range(1, 2000, 2))
