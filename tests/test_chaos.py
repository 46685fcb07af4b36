"""The promise through kills and faults; and what a worker that was stopped, or is told to stop, leaves behind.

`make chaos` is the long version of the first test; docs/chaos.md says what is compared.
"""

from __future__ import annotations

import dataclasses
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from chaos import judge, plan
from chaos.judge import Event, Evidence, Invitation, Message, Pause, Request, Timeline
from chaos.plan import Rates
from chaos.run import Door, Options, Run, event_with, opened, vars_of

from .processes import Installation, free_port, until

UID = "0123456789ab"
PHONE = "+972502000013"


# the plan and the judge


def test_a_seed_makes_the_same_plan_again_and_another_seed_another() -> None:
    def whole(seed: int) -> list[Any]:
        deeds = plan.steps(seed, 3000, 110, freezes=2, pauses=2, outages=3)
        phones = [f"+97250{2_000_000 + 13 * n}" for n in range(200)]
        replies = [
            plan.reply(plan.FULL, seed, phone, n, plan.dice(seed, phone, n))
            for phone in phones
            for n in (0, 1)
        ]
        return [*deeds, *replies]

    assert whole(5) == whole(5)
    assert whole(5) != whole(6)
    assert (
        sum(step.deed in plan.KILLS for step in plan.steps(5, 3000, 110, freezes=2, pauses=2, outages=3))
        == 110
    )


def evidence(**changes: Any) -> Evidence:
    """One guest, one request, one message, read: all is well."""
    good = Evidence(
        requests=[Request(10.0, "", UID, 1, 1, PHONE, "CREATED", 0)],
        messages=[Message("MM1", UID, 1, 1, PHONE, "read", None, "…/r/token", 10.01, 11.0)],
        invitations=[Invitation(1, 1, UID, PHONE, "token", "read", 1, "MM1", None)],
        events=[Event(1, 1, "sending", 9.9, None, "engine", "")],
        audiences={1: 1},
        unmatched=0,
        unfinished=0,
    )
    return dataclasses.replace(good, **changes)


def second(before: str, code: int | None, over_at: float = 19.0) -> Evidence:
    """The guest was asked for again at 20, when the message before was in that state since `over_at`."""
    good = evidence()
    return evidence(
        requests=[*good.requests, good.requests[0]._replace(at=20.0, attempt=2)],
        messages=[
            good.messages[0]._replace(status=before, code=code, updated_at=over_at),
            good.messages[0]._replace(sid="MM2", attempt=2, created_at=20.01, updated_at=21.0),
        ],
        invitations=[good.invitations[0]._replace(message_id="MM2", attempts=2)],
        events=[*good.events, Event(1, 2, "sending", 19.9, None, "engine", "")],
    )


def checks(found: Evidence, limit: int = 10, pauses: tuple[Pause, ...] = ()) -> set[str]:
    return {violation.check for violation in judge.judge(found, limit, pauses)}


def test_the_judge_finds_nothing_where_all_is_well() -> None:
    assert checks(evidence()) == set()
    assert checks(second("failed", 63018)) == set()
    assert checks(second("undelivered", 63009)) == set()


def row(**changes: Any) -> list[Invitation]:
    return [evidence().invitations[0]._replace(**changes)]


def asked(*changes: dict[str, Any]) -> list[Request]:
    return [evidence().requests[0]._replace(**change) for change in changes]


def made(**changes: Any) -> list[Message]:
    return [evidence().messages[0]._replace(**changes)]


@pytest.mark.parametrize(
    ("found", "check"),
    [
        (second("delivered", None), "duplicates"),
        (second("failed", 63024), "duplicates"),
        (second("failed", 63018, over_at=20.5), "duplicates"),
        (evidence(requests=asked({}, {"at": 20.0, "attempt": 2, "answer": "BUSY"})), "duplicates"),
        (evidence(messages=made() + made(sid="MM2")), "duplicates"),
        (evidence(requests=[], messages=[]), "lost"),
        (evidence(messages=[]), "lost"),
        (evidence(messages=made(status="failed", code=63018)), "lost"),
        (evidence(invitations=row(state="delivered")), "wrong states"),
        (evidence(invitations=row(message_id="MM9")), "wrong states"),
        (evidence(requests=asked({"answer": "REFUSED", "code": 21211}), messages=[]), "wrong states"),
        (evidence(messages=made(status="failed", code=63024), invitations=row(state="failed", code=1)), "wrong states"),
        (evidence(messages=made(phone="+972502000026")), "wrong guest"),
        (evidence(messages=made(body="…/r/another")), "wrong guest"),
        (evidence(audiences={1: 2}), "audience is not the sum of states"),
        (evidence(events=[]), "asked for without a claim on the disk"),
        (
            evidence(events=[evidence().events[0]._replace(at=10.5)]),
            "asked for without a claim on the disk",
        ),
        (evidence(requests=asked({}, {"at": 10.5})), "the same attempt asked for twice"),
        (evidence(requests=asked(*({"at": 10 + n * 0.09} for n in range(12)))), "faster than the limit"),
        (evidence(unmatched=1), "callbacks that fit nobody"),
    ],
)  # fmt: skip
def test_the_judge_finds_what_is_wrong(found: Evidence, check: str) -> None:
    assert check in checks(found)


def test_the_judge_knows_a_pause_from_the_last_tick_before_it() -> None:
    assert checks(evidence(), pauses=(Pause(UID, 9.5, 20.0),)) == set()
    assert checks(evidence(), pauses=(Pause("another", 8.0, 20.0),)) == set()
    assert checks(evidence(), pauses=(Pause(UID, 8.0, 20.0),)) == {"sent while paused"}


def test_a_sliding_second_is_counted_from_any_request_on() -> None:
    assert judge.most_in_a_second([]) == 0
    assert judge.most_in_a_second([0.0, 1.0]) == 1
    assert judge.most_in_a_second([0.0, 0.5, 1.0, 1.49]) == 3
    assert judge.most_in_a_second([0.9, 0.1, 1.05, 5.0]) == 3


def test_a_timeline_tells_both_sides_in_order_and_masks_numbers() -> None:
    found = second("failed", 63018)
    found.events.append(Event(1, 1, "queued", 19.5, 63018, "callback", f"about {PHONE}"))
    lines = Timeline(found, 1).lines()
    assert [line.split()[1] for line in lines[1:]] == [
        "ledger", "door", "Twilio", "Twilio", "ledger", "ledger", "door", "Twilio", "Twilio",
    ]  # fmt: skip
    assert PHONE not in "\n".join(lines)


# whole processes


@pytest.mark.process
def test_a_campaign_through_kills_and_faults_keeps_every_promise(tmp_path: Path) -> None:
    options = Options(
        seed=11, guests=300, kills=8, freezes=0, pauses=1, outages=1, per_second=40, rates=plan.QUICK, settle=60.0
    )  # fmt: skip
    run = Run(options, tmp_path)
    found, violations = run.play()
    shown = [f"{each.check}: {each.sentence}" for each in violations[:5]]
    shown += [
        line
        for each in violations[:2]
        if each.invitation
        for line in Timeline(found, each.invitation).lines()
    ]
    assert not violations, "\n".join(shown)
    assert run.kills() >= 8
    assert len(found.invitations) == 300
    answers = {request.answer for request in found.requests}
    assert {"LOST", "CLOSED", "ERROR_AFTER", "ERROR_BEFORE", "BUSY", "REFUSED"} <= answers, "too mild a day"


def prepared(
    folder: Path, account: dict[str, str], port: int, guests: int, per_second: int, **more: str
) -> tuple[Installation, str]:
    """An installation with an event, everything ready to press Send; and the event's short name."""
    installation = Installation(folder, {**account, **more}, port).ready()
    event = event_with(installation, "event", list(range(guests)))
    installation.shell("template", "rsvp_invitation", "--create")
    installation.shell("sender", "--per-second", str(per_second), "--per-hour", "none")
    return installation, event


def ask(installation: Installation, question: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{installation.folder}/cordially.db?mode=ro", uri=True)) as database:
        return database.execute(question).fetchall()


def lease_holder(installation: Installation) -> str:
    return str(ask(installation, "SELECT lease_holder FROM invitations_sender")[0][0])


def writable(database: sqlite3.Connection) -> bool:
    try:
        database.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        return False
    database.rollback()
    return True


def freeze(installation: Installation, process: subprocess.Popen[str]) -> None:
    """Stop it where it doesn't hold SQLite's one lock for writing: with that nobody else could write at all."""
    with closing(sqlite3.connect(installation.folder / "cordially.db", timeout=1)) as database:
        for _ in range(20):
            process.send_signal(signal.SIGSTOP)
            if writable(database):
                return
            process.send_signal(signal.SIGCONT)
            until(lambda: writable(database), 10, "it lets go")
    pytest.fail("it was never found without the lock")


def settled(installation: Installation, twilio: Door, limit: int) -> Callable[[], Evidence | None]:
    """Both sides say the same and have nothing more to say."""

    def look() -> Evidence | None:
        found = judge.read(installation.folder, twilio.folder)
        wrong = judge.judge(found, limit)
        worst = [each for each in wrong if each.check in judge.FOR_EVER]
        if worst:
            lines = [f"{each.check}: {each.sentence}" for each in worst]
            lines += Timeline(found, worst[0].invitation or 0).lines()
            pytest.fail("\n".join(lines))
        return None if wrong or found.unfinished else found

    return look


@pytest.mark.process
def test_a_worker_stopped_past_its_lease_sends_nothing_more_when_it_goes_on(tmp_path: Path) -> None:
    # half of the messages are never reported: only asking tells what became of them
    rates = {**dict.fromkeys(vars_of(Rates()), 0.0), "report_lost": 0.5}
    with opened(tmp_path / "twilio", rates=rates, latency=[0.8, 1.2]) as twilio:
        ports = free_port(), free_port()
        # reports go to the second, which is never stopped
        more = {
            "CORDIALLY_PUBLIC_URL": f"http://127.0.0.1:{ports[1]}",
            "CORDIALLY_UNSURE_SECONDS": "5",
            "CORDIALLY_POLL_SECONDS": "1",
        }
        first, event = prepared(tmp_path / "data", twilio.account("first"), ports[0], 160, 20, **more)
        second = Installation(first.folder, {**twilio.account("second"), **more}, ports[1])
        with first.server() as stopped:
            until(lambda: lease_holder(first), 10, "the first holds the lease")
            holder = lease_holder(first)
            with second.server():
                first.shell("send", event)
                until(lambda: len(twilio.requests()) >= 50, 20, "the campaign is in full flow")
                freeze(first, stopped.process)
                stopped_at = time.time()
                try:
                    until(lambda: lease_holder(first) not in ("", holder), 40, "the second takes over")
                    taken_at = time.time()
                    until(
                        lambda: any(each.who == "second" for each in twilio.requests()),
                        10,
                        "the second sends",
                    )
                finally:
                    stopped.process.send_signal(signal.SIGCONT)
                # the pace is counted below: who sent comes first
                found = until(settled(first, twilio, 1000), 60, "both sides say the same")
                assert stopped.process.poll() is None, stopped.log()
                assert lease_holder(first) != holder
        assert taken_at - stopped_at > 8, "the lease was taken from a worker that lives"
        who = {(each.who, each.at > stopped_at) for each in found.requests}
        assert who == {("first", False), ("second", True)}, "the first went on, or the second began too early"
        assert judge.most_in_a_second(each.at for each in found.requests) <= 20
        assert len(found.messages) == 160
        doubted = {event.invitation for event in found.events if event.status == "unsure"}
        assert doubted, "nothing was under way: stopped too late to prove anything"
        by_lookup = {event.invitation for event in found.events if event.source == "lookup"}
        assert doubted & by_lookup, "nobody asked Twilio about what was under way"


@pytest.mark.process
def test_sigterm_settles_slow_answers_and_the_next_start_sends_at_once(tmp_path: Path) -> None:
    with opened(
        tmp_path / "twilio", rates=dict.fromkeys(vars_of(Rates()), 0.0), latency=[3.0, 5.0]
    ) as twilio:
        installation, event = prepared(tmp_path / "data", twilio.account(), free_port(), 160, 20)
        first = installation.start()
        try:
            installation.shell("send", event)
            until(lambda: len(twilio.requests()) >= 50, 20, "the campaign is in full flow")
            told_at = time.time()
            code = first.stop()
        finally:
            if first.process.poll() is None:
                first.kill()
        took = time.time() - told_at
        assert code == 0, first.log()
        assert took < 20
        before = twilio.requests()
        late = [each.at - told_at for each in before if each.at > told_at + 0.25]
        assert not late, f"claimed after it was told to stop: {late}"
        assert len(before) < 160, "stopped too late to prove anything"
        assert lease_holder(installation) == ""
        states = dict(ask(installation, "SELECT state, count(*) FROM invitations_invitation GROUP BY state"))
        assert not states.keys() & {"sending", "unsure"}, states
        assert sum(states.values()) - states["queued"] == len(before), "an answer was not waited for"
        with installation.server():
            up_at = time.time()
            again = until(lambda: twilio.requests()[len(before) :], 10, "it sends again")
            assert again[0].at - up_at < 2.0
            until(settled(installation, twilio, 20), 60, "both sides say the same")
