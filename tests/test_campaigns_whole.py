"""Whole campaigns with whole processes, the simulator's record as the witness."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from cordially.providers.twilio.content import Credentials, list_contents, remove

from .processes import Installation, Simulator, simulator, until

pytestmark = pytest.mark.process

#: what the simulator calls a state, and what the ledger must call it
SAME = {"sent": "sent", "delivered": "delivered", "read": "read", "failed": "failed", "undelivered": "failed"}


def guest_list(folder: Path, guests: int) -> Path:
    path = folder / "guests.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Name", "Phone"])
        writer.writerows([f"Guest {n}", f"+97250{2_000_000 + n * 13}"] for n in range(guests))
    return path


def event_with(installation: Installation, guests: int) -> str:
    event = installation.shell(
        "create-event", "Witnessed", "--starts", "2027-05-01T18:00", "--timezone", "Asia/Jerusalem",
        "--venue", "The Hall",
    ).strip()  # fmt: skip
    installation.shell("import-guests", event, str(guest_list(installation.folder.parent, guests)))
    return event


def ledger(installation: Installation) -> dict[str, tuple[str, str | None]]:
    """Number -> (state, message id), as the database has it."""
    import sqlite3

    database = sqlite3.connect(installation.folder / "cordially.db")
    try:
        rows = database.execute("SELECT phone, state, message_id FROM invitations_invitation").fetchall()
    finally:
        database.close()
    return {phone: (state, message_id) for phone, state, message_id in rows}


def compare(installation: Installation, witness: Simulator, guests: int) -> None:
    """Every guest has exactly one message, and the ledger says of it what Twilio's record says."""
    messages = witness.messages()
    arrived: dict[str, list[dict[str, Any]]] = {}
    for message in messages:
        arrived.setdefault(message["to"].removeprefix("whatsapp:"), []).append(message)
    twice = {to: len(found) for to, found in arrived.items() if len(found) > 1}
    assert not twice, f"{len(twice)} guests got more than one message"
    known = ledger(installation)
    assert len(known) == guests
    assert set(arrived) == set(known), "somebody was left out"
    wrong = {
        to: (known[to], found[0]["status"])
        for to, found in arrived.items()
        if known[to] != (SAME[found[0]["status"]], found[0]["sid"])
    }
    assert not wrong, f"{len(wrong)} differ, for example {next(iter(wrong.values()))}"


def all_known(installation: Installation, event: str) -> dict[str, Any] | None:
    """The status when the engine and the callbacks have nothing left to tell."""
    waits = ("queued", "sending", "unsure", "accepted", "sent")
    # a process for each look would take the cores from those that are looked at
    if any(installation.states(event)[state] for state in waits):
        return None
    found = installation.status(event)
    return None if any(found["invitations"][state] for state in waits) else found


def test_500_invitations_through_a_bad_day_match_twilios_record_message_by_message(tmp_path: Path) -> None:
    faults = {
        "refuse_429": 0.05, "error_500": 0.05, "lost_answer": 0.05,
        "callback_double": 0.1, "callback_shuffle": 0.1, "callback_lost": 0.05,
    }  # fmt: skip
    with simulator(faults=faults, seed=7, per_second=0) as witness:
        installation = Installation(tmp_path / "data", witness.account).ready()
        event = event_with(installation, 500)
        installation.shell("template", "rsvp_invitation", "--create")
        installation.shell("sender", "--per-second", "200", "--per-hour", "none")
        with installation.server():
            printed = installation.shell("send", event, "--wait")
            assert "500 together" in printed
            until(lambda: all_known(installation, event), 60, "every fate is known")
            until(lambda: Counter(m["status"] for m in witness.messages())["read"]
                  <= installation.states(event)["read"], 30, "every read receipt is in")  # fmt: skip
            compare(installation, witness, 500)


def test_a_kill_in_mid_campaign_invites_nobody_twice_and_leaves_nobody_out(tmp_path: Path) -> None:
    with simulator(latency=[0.05, 0.4], per_second=0) as witness:
        installation = Installation(tmp_path / "data", witness.account).ready()
        event = event_with(installation, 300)
        installation.shell("template", "rsvp_invitation", "--create")
        installation.shell("sender", "--per-second", "60", "--per-hour", "none")
        first = installation.start()
        installation.shell("send", event)
        until(lambda: len(witness.messages()) > 60, 30, "the campaign is in full flow")
        first.kill()
        assert len(witness.messages()) < 300, "killed too late to prove anything"
        with installation.server():
            found = until(lambda: all_known(installation, event), 90, "every fate is known")
            assert sum(found["invitations"].values()) == 300
            until(lambda: Counter(m["status"] for m in witness.messages())["read"]
                  <= installation.states(event)["read"], 30, "every read receipt is in")  # fmt: skip
            compare(installation, witness, 300)


def test_ctrl_c_settles_what_is_under_way_and_the_next_start_goes_on(tmp_path: Path) -> None:
    with simulator(latency=[0.2, 0.6], per_second=0) as witness:
        installation = Installation(tmp_path / "data", witness.account).ready()
        event = event_with(installation, 120)
        installation.shell("template", "rsvp_invitation", "--create")
        installation.shell("sender", "--per-second", "40", "--per-hour", "none")
        first = installation.start()
        installation.shell("send", event)
        until(lambda: len(witness.messages()) > 20, 30, "the campaign is in full flow")
        assert first.stop() == 0, first.log()
        found = installation.status(event)["invitations"]
        assert found["sending"] == found["unsure"] == 0, found
        assert found["queued"], "stopped too late to prove anything"
        with installation.server():
            until(lambda: all_known(installation, event), 60, "every fate is known")
            compare(installation, witness, 120)


def test_without_a_server_the_command_itself_sends(tmp_path: Path) -> None:
    with simulator() as witness:
        installation = Installation(tmp_path / "data", witness.account).ready()
        event = event_with(installation, 20)
        installation.shell("template", "rsvp_invitation", "--create")
        printed = installation.shell("send", event, "--wait")
        assert "20 together" in printed
        assert len({message["to"] for message in witness.messages()}) == len(witness.messages()) == 20
        # a read receipt may come when the command has ended; nothing less may be missing
        assert {state for state, _ in ledger(installation).values()} <= {"delivered", "read"}
        again = installation.run("send", event)
        assert again.returncode == 2
        assert "Nobody of the selected guests can be invited now" in again.stderr


def test_wrong_credentials_pause_the_sender_say_so_and_fail_nobody(tmp_path: Path) -> None:
    with simulator() as witness:
        right = Installation(tmp_path / "data", witness.account).ready()
        event = event_with(right, 5)
        right.shell("template", "rsvp_invitation", "--create")
        wrong = Installation(right.folder, {**witness.account, "TWILIO_AUTH_TOKEN": "not the one"})
        stopped = wrong.run("send", event, "--wait")
        assert stopped.returncode == 1
        assert "refused the password" in stopped.stderr
        assert right.status(event)["invitations"]["queued"] == 5
        right.shell("sender", "--resume")
        with right.server():
            until(lambda: all_known(right, event), 30, "everybody is invited after all")
        compare(right, witness, 5)


def test_the_demo_plays_the_whole_story(tmp_path: Path) -> None:
    printed = Installation(tmp_path / "data").shell("demo")
    assert "61 together" in printed
    assert "read" in printed


def test_the_json_of_status_has_a_count_for_each_state(tmp_path: Path) -> None:
    installation = Installation(tmp_path / "data")
    event = event_with(installation, 3)
    found = json.loads(installation.shell("status", event, "--json"))
    assert found["event"] == event
    assert found["guests"] == 3
    assert set(found["invitations"]) == {
        "queued", "sending", "unsure", "accepted", "sent", "delivered", "read", "failed", "cancelled", "skipped",
    }  # fmt: skip


def test_a_second_message_goes_out_only_when_the_host_says_so(tmp_path: Path) -> None:
    with simulator() as witness:
        installation = Installation(tmp_path / "data", witness.account).ready()
        event = event_with(installation, 3)
        installation.shell("template", "rsvp_invitation", "--create")
        installation.shell("send", event, "--wait")
        assert installation.run("send", event).returncode == 2
        refused = installation.run("send", event, "--purpose", "greeting")
        assert "There are: invitation, reminder" in refused.stderr
        assert len(witness.messages()) == 3
        installation.shell("send", event, "--purpose", "save-the-date", "--wait")
        assert installation.run("send", event, "--purpose", "save-the-date").returncode == 2
        assert len(witness.messages()) == 6
        installation.shell("send", event, "--again", "--wait")
        assert len(witness.messages()) == 9
        nothing = installation.run("send", event, "--resume")
        assert nothing.returncode == 2 and "is paused" in nothing.stderr


def test_a_paused_campaign_goes_on_when_the_host_says_so(tmp_path: Path) -> None:
    with simulator() as witness:
        installation = Installation(tmp_path / "data", witness.account).ready()
        event = event_with(installation, 2)
        installation.shell("template", "rsvp_invitation", "--create")
        account = witness.account
        credentials = Credentials(account["TWILIO_ACCOUNT_SID"], account["TWILIO_AUTH_TOKEN"], witness.url)
        for listed in list_contents(credentials):  # somebody tidies up in Twilio's console
            remove(credentials, listed.ref)
        stopped = installation.run("send", event, "--wait")
        assert stopped.returncode == 1 and "does not have this template" in stopped.stderr
        again = installation.run("send", event)
        assert again.returncode == 2 and "Add --resume to go on with it" in again.stderr
        assert witness.messages() == []
        assert installation.status(event)["invitations"]["queued"] == 2
        assert "goes on" in installation.run("send", event, "--resume").stdout
