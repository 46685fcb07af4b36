"""Two Twilio accounts in one server, with whole processes: the trouble of one is no trouble of the other."""

from __future__ import annotations

import json
import re
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import requests

from cordially.dashboard.tests.test_templates import typed

from .browser import rows
from .processes import Installation, Server, simulator, until
from .test_campaigns_whole import all_known, compare

pytestmark = pytest.mark.process

OTHER = {"sid": "AC" + "8" * 32, "token": "other-token-7f3a", "senders": ["+15550200000"], "name": "Hadar"}
NEW = "another-token-51c8"
GUESTS = 120


class Host:
    """The host at a browser that runs no scripts."""

    def __init__(self, server: Server) -> None:
        self.url = server.url
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.get(server.signin_url(), timeout=10)
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.get("/sender/add"))
        assert found
        self.token = found[1]

    def get(self, path: str) -> str:
        answer = self.session.get(self.url + path, timeout=30)
        answer.raise_for_status()
        return answer.text

    def press(self, path: str, **form: Any) -> requests.Response:
        headers = {"X-CSRFToken": self.token, "Referer": self.url + path}
        answer = self.session.post(self.url + path, data=form, headers=headers, timeout=30)
        answer.raise_for_status()
        return answer


def an_event(installation: Installation, name: str, first: int) -> str:
    event = installation.shell(
        "create-event", name, "--starts", "2027-05-01T18:00", "--timezone", "Asia/Jerusalem", "--venue", "Hall",
    ).strip()  # fmt: skip
    path = installation.folder.parent / f"{name}.csv"
    lines = [f"Guest {n},+97250{2_000_000 + n * 13}" for n in range(first, first + GUESTS)]
    path.write_text("\n".join(["Name,Phone", *lines]))
    installation.shell("import-guests", event, str(path))
    return event


def set_token(base: str, token: str) -> None:
    request = urllib.request.Request(
        f"{base}/_simulator/accounts/{OTHER['sid']}",
        json.dumps({"token": token}).encode(),
        {"Content-Type": "application/json"},
    )
    urllib.request.urlopen(request, timeout=10).close()


def states(installation: Installation, event: str) -> Counter[str]:
    return installation.states(event)


def paused(installation: Installation) -> dict[str, int]:
    """Account -> whether its sender is paused."""
    return dict(rows(installation, "SELECT account, state = 'paused' FROM invitations_sender"))


def test_a_wrong_token_stops_its_sender_alone_and_the_right_one_brings_everything(tmp_path: Path) -> None:
    with simulator(others=[OTHER], per_second=0, seed=3) as witness:
        installation = Installation(tmp_path / "data", witness.account).ready()
        mine, theirs = an_event(installation, "Mine", 0), an_event(installation, "Theirs", 1000)
        installation.shell("template", "rsvp_invitation", "--create")
        installation.shell("sender", "--per-second", "10", "--per-hour", "none")
        with installation.server() as server:
            host = Host(server)
            added = host.press(
                "/sender/add",
                account="new",
                number=OTHER["senders"][0],
                sid=OTHER["sid"],
                token=OTHER["token"],
            )
            key = int(added.url.rpartition("/")[2])
            host.press(f"/sender/{key}", per_second="20", per_hour="", per_day="", name="Hadar")
            host.press(f"/e/{theirs}/sender", sender=str(key))
            ((template,),) = rows(installation, "SELECT id FROM invitations_messagetemplate")
            assert "ok     The sender Hadar was added in the browser" in installation.run("doctor").stdout
            editor = f"/e/{theirs}/templates/{template}"
            host.press(f"{editor}/submit", **typed(host.get(editor)))
            approved = (
                "SELECT count(*) FROM invitations_templateversion WHERE state = 'approved' AND account = ?"
            )
            until(lambda: rows(installation, approved, OTHER["sid"]) == [(1,)], 20, "approved there as well")
            installation.shell("send", mine)
            installation.shell("send", theirs)
            from_other = f"whatsapp:{OTHER['senders'][0]}"

            def arrived() -> int:
                return sum(message["from"] == from_other for message in witness.messages())

            until(lambda: arrived() >= 20, 30, "the second account is in full flow")
            set_token(witness.url, NEW)
            until(lambda: paused(installation)[OTHER["sid"]], 20, "its sender is paused")
            assert not paused(installation)[witness.account["TWILIO_ACCOUNT_SID"]]
            assert states(installation, theirs)["queued"] > 0, "too late to prove anything"
            assert states(installation, mine)["queued"] > 0, "too late to prove anything"
            until(lambda: all_known(installation, mine), 60, "the first account sends all of its own")
            assert paused(installation) == {witness.account["TWILIO_ACCOUNT_SID"]: 0, OTHER["sid"]: 1}
            assert "WRONG  The sender Hadar is paused" in installation.run("doctor").stdout
            waited = states(installation, theirs)["queued"]
            assert waited > 0 and arrived() == GUESTS - waited
            host.press(f"/sender/{key}/credentials", token=NEW)
            until(lambda: all_known(installation, theirs), 60, "what waited went on")
            assert not any(paused(installation).values())
            until(
                lambda: (
                    Counter(message["status"] for message in witness.messages())["read"]
                    <= sum(states(installation, event)["read"] for event in (mine, theirs))
                ),
                30,
                "every read receipt is in",
            )
            compare(installation, witness, 2 * GUESTS)
            assert Counter(message["from"] for message in witness.messages())[from_other] == GUESTS
