"""No query on a hot path may grow with the ledger: what PostgreSQL really reads for each, counted.

Every statement is the one that the code sends. It is explained where it is made, by running it inside a savepoint.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test import Client

from cordially.dashboard import frames
from cordially.dashboard.live import Listener, Tailer
from cordially.delivery import drain, engine, rescue, verdicts, webhooks
from cordially.delivery.pace import Limits
from cordially.events.models import Event
from cordially.guests.models import Guest
from cordially.invitations import campaigns, duties, ledger, progress, trials
from cordially.invitations.ledger import Claim
from cordially.invitations.lifecycle import State
from cordially.invitations.models import Campaign, Invitation, Source
from cordially.invitations.news import News
from cordially.lib.clock import now
from cordially.monitoring import Ledger
from cordially.providers.base import Accepted

from .ledgers import fill
from .people import ACCOUNT, a_sender, a_template, an_event

HERE = "TEST_DATABASE_URL" in os.environ
on_a_chosen_database = pytest.mark.skipif("not HERE", reason="PostgreSQL’s plans: a part of `make contract`")

EVENTS, EACH = 240, 1000
#: waiting in the campaign that runs
QUEUE = 3000
BATCH = 100
#: the tables that grow with what was ever sent
LARGE = {"invitations_invitation", "invitations_statusevent", "guests_guest", "rsvp_answer"}


@dataclass
class Reads:
    """What PostgreSQL read for each statement; to be wrapped round a connection."""

    #: statement -> table -> rows looked at, whether or not they were wanted
    of: list[tuple[str, dict[str, float]]] = field(default_factory=list)
    #: statements that went through a whole large table
    walked: list[str] = field(default_factory=list)
    _asking: bool = False

    def __call__(
        self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]
    ) -> Any:
        if not self._asking and sql.lstrip().partition(" ")[0] in (
            "SELECT",
            "UPDATE",
            "INSERT",
            "DELETE",
            "WITH",
        ):
            self._explain(sql, params[0] if many else params)
        return execute(sql, params, many, context)

    def _explain(self, sql: str, params: Any) -> None:
        self._asking = True
        try:
            with connection.cursor() as cursor:
                cursor.execute("SAVEPOINT explained")
                cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", params)
                found = cursor.fetchone()[0]
                cursor.execute("ROLLBACK TO SAVEPOINT explained")
                cursor.execute("RELEASE SAVEPOINT explained")
        finally:
            self._asking = False
        [plan] = json.loads(found) if isinstance(found, str) else found
        rows: dict[str, float] = {}
        for node in _nodes(plan["Plan"]):
            table = node.get("Relation Name")
            if table not in LARGE or node["Node Type"] == "ModifyTable":
                continue
            looked_at = node["Actual Rows"] + sum(
                node.get(f"Rows Removed by {why}", 0) for why in ("Filter", "Index Recheck")
            )
            rows[table] = rows.get(table, 0) + looked_at * node["Actual Loops"]
            if node["Node Type"] in ("Seq Scan", "Parallel Seq Scan") and node["Actual Loops"]:
                self.walked.append(sql)
        self.of.append((sql, rows))


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


@contextmanager
def read() -> Iterator[Reads]:
    found = Reads()
    with connection.cursor() as cursor:
        # as docs/deploy.md says for a disk without heads: or a ledger of this size is read from end to end
        cursor.execute("SET LOCAL random_page_cost = 1.1")
    with connection.execute_wrapper(found):
        yield found


@dataclass
class World:
    """A large ledger, and a campaign that runs in the midst of it."""

    filled: list[Event]
    running: Campaign

    @property
    def sender(self) -> int:
        return self.running.sender_id

    def claim(self, limit: int = BATCH) -> list[Claim]:
        ledger.take_lease(self.sender, "me", 10, now())
        return ledger.tick(self.sender, "me", limit=limit, now=now()).claims

    def accepted(self) -> list[Claim]:
        claims = self.claim()
        ledger.record([_taken(place, claim) for place, claim in enumerate(claims)])
        return claims

    def browser(self) -> Client:
        host, _ = User.objects.get_or_create(username="plans", defaults={"is_superuser": True})
        client = Client()
        client.force_login(host)
        return client


def _taken(place: int, claim: Claim) -> News:
    return verdicts.of_outcome(claim.attempt, Accepted(f"SM{place:032x}"), now())


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    with django_db_blocker.unblock():
        filled = fill(EVENTS, EACH)
        event = an_event(slug="now")
        Guest.objects.bulk_create(
            Guest(event=event, name=f"Guest {n}", name_key=f"guest {n}", phone=f"+97252{n:07}")
            for n in range(QUEUE)
        )
        running = campaigns.start_campaign(
            event,
            event.guests.all(),
            template=a_template(),
            sender=a_sender(per_hour=10_000, per_day=100_000),
        )
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
        yield World(filled, running)
        connection.close()
        call_command("flush", verbosity=0, interactive=False)


Path = Callable[[World], Callable[[], object]]


def claiming(world: World) -> Callable[[], object]:
    ledger.take_lease(world.sender, "me", 10, now())
    return lambda: ledger.tick(world.sender, "me", limit=BATCH, now=now())


def recording(world: World) -> Callable[[], object]:
    claims = world.claim()
    return lambda: ledger.record([_taken(place, claim) for place, claim in enumerate(claims)])


def _reports(claims: Sequence[Claim], status: State, by_key: bool) -> list[News]:
    return [
        News(
            status, now(), Source.CALLBACK, claim.attempt if by_key else None, message_id=f"SM{place:032x}",
            account=ACCOUNT,
        )
        for place, claim in enumerate(claims)
    ]  # fmt: skip


def reports_by_key(world: World) -> Callable[[], object]:
    claims = world.accepted()
    return lambda: webhooks._record(_reports(claims, State.DELIVERED, by_key=True))


def reports_by_message(world: World) -> Callable[[], object]:
    claims = world.accepted()
    return lambda: webhooks._record(_reports(claims, State.DELIVERED, by_key=False))


def reports_of_strangers(world: World) -> Callable[[], object]:
    stranger = News(
        State.SENT, now(), Source.CALLBACK, message_id="SM" + "f" * 32, raw="sent", account=ACCOUNT
    )
    return lambda: webhooks._record([stranger])


def leases(world: World) -> Callable[[], object]:
    def act() -> None:
        assert ledger.take_lease(world.sender, "me", 10, now())
        assert ledger.renew_lease(world.sender, "me", 10, now())
        assert duties.take("sweep", "me", 10, now())
        assert duties.take("sweep", "me", 10, now())
        ledger.release_lease(world.sender, "me")
        duties.give_back("me")

    return act


def beginning_to_drain(world: World) -> Callable[[], object]:
    world.accepted()
    return lambda: drain._sent_before(world.sender, Limits(80, 10_000, 100_000))


def asking(world: World) -> Callable[[], object]:
    world.accepted()
    Invitation.objects.filter(campaign=world.running, state=State.ACCEPTED).update(look_at=now())
    Invitation.objects.filter(
        pk__in=Invitation.objects.filter(campaign=world.running, state=State.QUEUED).values("pk")[:5]
    ).update(state=State.UNSURE, look_at=now())

    def act() -> None:
        unsure = rescue.in_doubt(ACCOUNT, [State.UNSURE], now())
        silent = rescue.in_doubt(ACCOUNT, [State.ACCEPTED, State.SENT, State.DELIVERED], now())
        assert unsure
        assert silent
        rescue.known_elsewhere([f"SM{place:032x}" for place in range(20)])
        for doubt in unsure:
            rescue.rivals(doubt)
        rescue.look_again([*unsure, *silent], now())

    return act


def sweeping(world: World) -> Callable[[], object]:
    def sweep() -> None:
        engine._sweep_ledger([ACCOUNT])
        engine._undrained([ACCOUNT], "me", (), now())
        engine._share([ACCOUNT], now())
        trials.take([world.sender], now())
        trials.forgotten(now())

    return sweep


def counting(world: World) -> Callable[[], object]:
    world.accepted()

    def act() -> None:
        progress.progress(world.running)
        campaigns.tally(world.running.event)

    return act


def metrics(world: World) -> Callable[[], object]:
    return lambda: list(Ledger("web")._read())


def following(world: World) -> Callable[[], object]:
    """The look that all live pages share, and a frame of one."""
    tailer = Tailer()
    tailer.begin()
    world.accepted()

    async def listen() -> Listener:
        return Listener(world.running.event_id)

    tailer._listeners.add(asyncio.run(listen()))
    return tailer.look


def frame(world: World) -> Callable[[], object]:
    return lambda: frames.OverviewFrames(world.filled[7]).draw(None)


def page(path: str) -> Path:
    def prepare(world: World) -> Callable[[], object]:
        event, client = world.filled[7], world.browser()
        address = path.format(
            slug=event.slug, campaign=event.campaigns.get().pk, token=event.guests.all()[3].token
        )

        def act() -> None:
            assert client.get(address).status_code == 200, address

        return act

    return prepare


#: what a statement may read of a large table, at most: a batch, or an event of EACH guests
A_BATCH, AN_EVENT = 4 * BATCH, 2 * EACH
#: and the newest lines of the log, whoever's they are
THE_LATEST = 10_000

PATHS: dict[str, tuple[Path, int]] = {
    "claim": (claiming, A_BATCH),
    "record": (recording, A_BATCH),
    "reports by key": (reports_by_key, A_BATCH),
    "reports by message": (reports_by_message, A_BATCH),
    "reports of strangers": (reports_of_strangers, A_BATCH),
    "leases and duties": (leases, A_BATCH),
    "begin to drain": (beginning_to_drain, QUEUE + A_BATCH),
    "ask about the silent": (asking, A_BATCH),
    "sweep": (sweeping, A_BATCH),
    "counts of a running campaign": (counting, QUEUE + A_BATCH),
    "metrics": (metrics, QUEUE + A_BATCH),
    "live look": (following, A_BATCH),
    "live frame": (frame, THE_LATEST),
    "overview": (page("/e/{slug}/"), THE_LATEST),
    "guests": (page("/e/{slug}/guests"), AN_EVENT),
    "campaigns": (page("/e/{slug}/campaigns"), AN_EVENT),
    "campaign": (page("/e/{slug}/campaigns/{campaign}"), THE_LATEST),
    "a guest’s own page": (page("/r/{token}"), A_BATCH),
}


@on_a_chosen_database
@pytest.mark.django_db
@pytest.mark.parametrize("name", PATHS)
def test_reads_no_more_than_it_needs(world: World, name: str) -> None:
    prepare, most = PATHS[name]
    act = prepare(world)
    with read() as found:
        act()
    assert found.of, "nothing was asked"
    assert not found.walked, "\n".join(found.walked)
    too_much = [f"{rows}: {sql}" for sql, rows in found.of if max(rows.values(), default=0) > most]
    assert not too_much, "\n".join(too_much)
