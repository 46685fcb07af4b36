"""The shell as an operator meets it: good days, bad input, and what the logs tell."""

from __future__ import annotations

import csv
import http.cookiejar
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from django.apps import apps

from cordially.cli import cordially
from cordially.events.models import Event
from cordially.providers.simulator.magic import MAGIC_NUMBERS

from .people import a_guest, an_event
from .processes import Installation, answers, free_port, simulator, until

LISTS = Path(__file__).parent / "data"
TIME = ("--starts", "2027-05-01T18:00", "--timezone", "Asia/Jerusalem")


# --- in this process: what a command says, and what it leaves behind


def run(*words: str) -> Result:
    return CliRunner().invoke(cordially, [*words], prog_name="cordially")


def everything() -> dict[str, list[dict[str, Any]]]:
    """All rows of our own tables."""
    return {
        model.__name__: list(model.objects.order_by("pk").values())
        for config in apps.get_app_configs()
        if config.name.startswith("cordially.")
        for model in config.get_models()
    }


def refused(*words: str) -> str:
    """The one line that a refused command says; it changed nothing and printed nothing else."""
    run("sender")  # the configured sender and
    run("template")  # the default template exist from the first look at them
    before = everything()
    result = run(*words)
    assert result.exit_code == 2, (words, result.output, result.exception)
    assert not result.stdout
    assert everything() == before, f"{words} changed something"
    if result.stderr.startswith("Usage:"):
        # click's own: usage, a hint, and the error in one line
        return result.stderr.strip().splitlines()[-1]
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("cordially: ")
    return line


@pytest.mark.parametrize("name", sorted(cordially.commands))
def test_every_command_has_a_help_with_an_example(name: str) -> None:
    result = run(name, "--help")
    assert result.exit_code == 0
    assert re.search(rf"Example:\n\s+cordially {name}\b", result.output)


@pytest.mark.django_db
def test_create_event_prints_the_slug_alone() -> None:
    words = ("create-event", "Maya & Arjun", *TIME, "--venue", "The Orange Grove")
    assert run(*words).output == "maya-arjun\n"
    assert run(*words).output == "maya-arjun-2\n"
    assert run(*words, "--slug", "ours").output == "ours\n"
    assert run("create-event", "חתונה", *TIME).output == "event\n"
    assert [event.starts_at.isoformat() for event in Event.objects.all()] == ["2027-05-01T15:00:00+00:00"] * 4


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("X", "--starts", "2027-05-01T18:00"), "Missing option '--timezone'"),
        (("X", *TIME, "--timezone", "Mars/Base"), "“Mars/Base” is not a time zone"),
        (("X", *TIME, "--timezone", ""), "is not a time zone"),
        (("X", *TIME, "--timezone", "../../etc/passwd"), "is not a time zone"),
        (("X", *TIME, "--starts", "2027-03-26T02:30"), "doesn't exist in Asia/Jerusalem: the clock jumps"),
        (("X", *TIME, "--starts", "tomorrow"), "“tomorrow” is not a day and time"),
        (("X", *TIME, "--starts", "2027-02-30T18:00"), "is not a day and time"),
        (("X", *TIME, "--starts", "2027-05-01"), "has no time of day"),
        (("X", *TIME, "--starts", "0001-01-01T00:00"), "is not a day and time"),
        (("X", *TIME, "--timezone", "America/New_York", "--starts", "9999-12-31T23:59"), "is not a day and"),
        (("  ", *TIME), "needs a name"),
        (("x" * 121, *TIME), "The name is too long: 120 characters at most"),
        (("X", *TIME, "--venue", "x" * 201), "The venue is too long: 200 characters at most"),
        (("X", *TIME, "--slug", "taken"), "There is an event “taken” already"),
        (("X", *TIME, "--slug", "a b/ü"), "“a b/ü” can't be a short name"),
        (("X", *TIME, "--slug", "x" * 61), "can't be a short name"),
        (("X", *TIME, "--country", "Narnia"), "“Narnia” is not a country"),
        (("X", *TIME, "--country", "ZZ"), "“ZZ” is not a country"),
        (("X", *TIME, "--language", "klingon"), "“klingon” is not a language"),
        (("X", *TIME, "--map-url", "javascript:alert(1)"), "“javascript:alert(1)” is not a web address"),
        (("X", *TIME, "--answers-until", "soon"), "“soon” is not a day"),
        (("X", *TIME, "--answers-until", "2027-05-02"), "This day is after the event"),
        (("X", *TIME, "--field", "dress_code"), "--field wants NAME=VALUE"),
        (("X", *TIME, "--field", "=x"), "can't be a variable's name"),
        (("X", *TIME, "--field", "dress code=x"), "“dress code” can't be a variable's name"),
        (("X", *TIME, "--field", "dress_code= "), "The variable “dress_code” needs a value"),
        (("X", *TIME, "--field", f"a={'x' * 501}"), "too long"),
        (("X", *TIME, "--field", "rsvp_link=x"), "this variable is built in"),
        (("X", *TIME, "--field", "a=1", "--field", "a=2"), "--field a is given twice"),
        (("X", *TIME, "--field", "a=\udce4"), "is no text"),
    ],
)
def test_create_event_refuses(words: tuple[str, ...], says: str) -> None:
    an_event(slug="taken")
    assert says in refused("create-event", *words)


@pytest.mark.django_db
def test_create_event_keeps_variables_of_the_event() -> None:
    run("create-event", "Ours", *TIME, "--field", "dress_code=Garden party", "--field", "sum=1+1=2")
    assert Event.objects.get().fields == {"dress_code": "Garden party", "sum": "1+1=2"}


@pytest.mark.django_db
def test_an_event_of_no_country_is_made_and_says_so() -> None:
    result = run("create-event", "Ours", "--starts", "2027-05-01T18:00", "--timezone", "UTC")
    assert (result.exit_code, result.stdout) == (0, "ours\n")
    assert "No country follows from the time zone UTC" in result.stderr
    assert Event.objects.get().country == ""


@pytest.mark.django_db
def test_import_guests_refuses_what_is_no_list(tmp_path: Path) -> None:
    an_event(slug="ours")
    for name, content, says in [
        ("missing.csv", None, "There is no file"),
        ("empty.csv", b"", "The file is empty"),
        ("blank.csv", b"\n , \n\n", "empty"),
        ("titles.csv", b"Name,Phone\n", "no guests below"),
        ("wrong.csv", b"Colour,Size\nred,3\nblue,4\n", "no column with names"),
        ("paper.pdf", b"%PDF-1.4 and so on", "This is a PDF"),
        ("broken.xlsx", b"PK\x03\x04" + bytes(range(200)), "damaged"),
        ("noise.csv", bytes(n * 89 % 251 for n in range(3000)), "doesn't look like a guest list"),
        ("folder.csv/", None, "There is no file"),
    ]:
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        assert says in refused("import-guests", "ours", str(path), "--json"), name
    assert "is a folder" in refused("import-guests", "ours", str(tmp_path))
    good = str(LISTS / "guests-messy.csv")
    assert "no event “nobody”. There is: ours." in refused("import-guests", "nobody", good)
    assert "not a country code" in refused("import-guests", "ours", good, "--country", "ZZ")
    assert "There is no column “Nope”" in refused("import-guests", "ours", good, "--column", "phone=Nope")
    assert "nothing that a guest has" in refused("import-guests", "ours", good, "--column", "x=Side")
    assert "--column wants" in refused("import-guests", "ours", good, "--column", "phone")


@pytest.mark.django_db
def test_a_dry_run_says_what_would_be_and_changes_nothing() -> None:
    an_event(slug="ours")
    before = everything()
    result = run("import-guests", "ours", str(LISTS / "guests-messy.csv"), "--country", "IL", "--dry-run")
    assert "383 guests would be added" in result.output
    assert everything() == before


@pytest.mark.django_db
def test_sender_shows_and_sets_the_limits() -> None:
    assert "+15550100000" in run("sender").output
    shown = run("sender", "--per-second", "7", "--per-hour", "50", "--per-day", "2000").output
    assert "7/s, 50 an hour, 2000 a day  active" in shown
    assert (
        "7/s, no limit an hour, no limit a day"
        in run("sender", "--per-hour", "none", "--per-day", "None").output
    )
    for words, says in [
        (("--per-second", "0"), "0 is not in the range 1<=x<=400"),
        (("--per-second", "abc"), "'abc' is not a valid"),
        (("--per-second", "401"), "401 is not in the range"),
        (("--per-second", "3", "--per-hour", "0"), "--per-hour wants a number from 1, or none; not “0”"),
        (("--per-hour", "-5"), "not “-5”"),
        (("--per-hour", "٣"), "wants a number"),
        (("--per-day", "9" * 30), "wants a number"),
    ]:
        assert says in refused("sender", *words)


@pytest.mark.django_db
def test_send_refuses_before_anything_is_queued() -> None:
    event = an_event(slug="ours")
    assert "Nobody is on the list of ours yet" in refused("send", "ours")
    a_guest(event)
    assert "There is no event “nobody”" in refused("send", "nobody")
    assert "“nonsense” is no status. There are: not_invited, queued" in refused(
        "send", "ours", "--only", "nonsense"
    )
    assert "has the status “failed”" in refused("send", "ours", "--only", "failed")
    assert "no template “nope”. There is: rsvp_invitation." in refused("send", "ours", "--template", "nope")
    run("template", "mine", "--body", "Hi {{guest_name}}")
    assert "“Mine” was not handed in to WhatsApp yet" in refused("send", "ours", "--template", "mine")
    assert "There is no event “nobody”" in refused("status", "nobody", "--json")


@pytest.mark.django_db
def test_template_refuses_what_would_reach_guests_as_braces() -> None:
    assert "There is no template “mine”" in refused("template", "mine")
    assert "The name has a space" in refused("template", "My own!", "--body", "Hi {{guest_name}}")
    for body in (
        "Hi {{guest name}}",
        "Hi {{1}}",
        "Hi {{guest_name}",
        "Hi guest_name}}",
        "Hi {{a{{guest_name}}}}",
    ):
        assert "between double braces" in refused("template", "mine", "--body", body), body
    assert "is no ContentSid" in refused("template", "mine", "--body", "Hi", "--content-sid", "HX12")
    run("template", "mine", "--body", "Hi {{guest_name}}, come to us!")
    # the simulator runs inside the server, and none runs here
    assert "Start that first" in refused("template", "mine", "--create"), "the draft is kept"


def test_an_unknown_command_is_clicks_to_refuse() -> None:
    result = run("nonsense")
    assert result.exit_code == 2
    assert "No such command 'nonsense'" in result.stderr


# --- whole processes


def dump(installation: Installation) -> list[str]:
    database = sqlite3.connect(installation.folder / "cordially.db")
    try:
        return list(database.iterdump())
    finally:
        database.close()


def one_line(done: subprocess.CompletedProcess[str], says: str, code: int = 2) -> None:
    told = f"{done.args[3:]}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert done.returncode == code, told
    assert not done.stdout, told
    assert len(done.stderr.strip().splitlines()) == 1, told
    assert done.stderr.startswith("cordially: "), told
    assert says in done.stderr, told


def side_by_side(tasks: Iterable[Callable[[], object]]) -> None:
    with ThreadPoolExecutor(2) as pool:
        for task in [pool.submit(task) for task in tasks]:
            task.result()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """An installation with one event, `ours`, and nobody on its list."""
    installation = Installation(tmp_path_factory.mktemp("house") / "data")
    assert installation.shell("create-event", "Ours", *TIME, "--venue", "Hall", "--slug", "ours") == "ours\n"
    installation.shell("sender")
    installation.shell("template")
    return installation


@pytest.mark.process
def test_the_yardstick_row_by_row_and_nobody_twice(house: Installation) -> None:
    expected = json.loads((LISTS / "guests-messy.expected.json").read_text())["rows"]
    assert len(expected) == 400
    for name in ("guests-messy.csv", "guests-messy.xlsx"):
        done = house.run("import-guests", "ours", str(LISTS / name), "--country", "IL", "--json")
        assert (done.returncode, done.stderr) == (0, "")
        told = [json.loads(line) for line in done.stdout.splitlines()]
        assert len(told) == 400
        for row, want in zip(told, expected, strict=True):
            assert {
                "row": want["row"],
                "verdict": want["verdict"],
                "e164": want.get("e164"),
                "reason": want.get("why", ""),
                "of": want.get("of"),
            } == {key: row.get(key) for key in ("row", "verdict", "e164", "reason", "of")}, row["name"]
        repeated = sum(row["verdict"] == "duplicate_of" for row in expected)
        # the second list, and both once more, add nobody
        assert house.status("ours")["guests"] <= 400 - repeated
    guests = house.status("ours")["guests"]
    again = house.shell("import-guests", "ours", str(LISTS / "guests-messy.csv"), "--country", "IL")
    assert "0 guests added" in again
    assert house.status("ours")["guests"] == guests == 383


@pytest.mark.process
def test_bad_input_ends_in_one_line_and_changes_nothing(house: Installation, tmp_path: Path) -> None:
    (tmp_path / "empty.csv").touch()
    with (tmp_path / "big.csv").open("wb") as file:
        file.write(b"Name,Phone\n")
        file.truncate(50 * 1024 * 1024 + 1)
    unknown_folder = {"CORDIALLY_DATA_DIR": "/proc/cordially"}
    below_a_file = {"CORDIALLY_DATA_DIR": str(tmp_path / "empty.csv" / "data")}
    (tmp_path / "no-database" / "cordially.db").mkdir(parents=True)
    (tmp_path / "noise").mkdir()
    (tmp_path / "noise" / "cordially.db").write_text("this is no database at all " * 9)
    (tmp_path / "no-key").mkdir()
    (tmp_path / "no-key" / "secret_key").touch()
    account = {
        "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
        "TWILIO_AUTH_TOKEN": "a-very-secret-token",
        "TWILIO_WHATSAPP_FROM": "whatsapp:+15550100000",
    }
    import_ = ("import-guests", "ours")
    status = ("status", "ours")
    cases: list[tuple[tuple[str, ...], dict[str, str], str]] = [
        ((*import_, str(tmp_path / "missing.csv"), "--json"), {}, "There is no file"),
        ((*import_, str(tmp_path / "big.csv")), {}, "larger than 50 MB"),
        (("status", "nobody", "--json"), {}, "There is no event “nobody”"),
        (("status", "ours\udcff"), {}, "is no text"),
        (status, unknown_folder, "Can't write to the data folder /proc/cordially"),
        (("doctor",), below_a_file, "Not a directory"),
        (status, {"CORDIALLY_DATA_DIR": str(tmp_path / "no-database")}, "The database can't be used"),
        (status, {"CORDIALLY_DATA_DIR": str(tmp_path / "noise")}, "file is not a database"),
        (status, {"CORDIALLY_DATA_DIR": str(tmp_path / "no-key")}, "secret_key is empty"),
        (("serve",), {"PORT": "http"}, '"PORT" invalid'),
        (("serve",), {"PORT": "65536"}, "ports go from 0 to 65535"),
        (status, {"DATABASE_URL": "nonsense"}, "DATABASE_URL can't be read"),
        (status, {"DATABASE_URL": "postgresql://me:geheim@[x/y"}, "DATABASE_URL can't be read"),
        (status, {"DATABASE_URL": "mysql://127.0.0.1/x"}, "PostgreSQL or SQLite"),
        (status, {"DATABASE_URL": "postgresql://me:geheim@127.0.0.1:1/x"}, "Connection refused"),
        (("migrate", "--check"), {"DATABASE_URL": "postgresql://127.0.0.1:1/x"}, "Connection refused"),
        (status, {"CORDIALLY_PUBLIC_URL": "invite.example.com"}, "must look like https://"),
        (status, {"CORDIALLY_LOG_LEVEL": "LOUD"}, "CORDIALLY_LOG_LEVEL is LOUD"),
        (("serve",), account | {"TWILIO_API_URL": "nonsense"}, "TWILIO_API_URL must look like"),
        (("sender",), {"TWILIO_AUTH_TOKEN": "x"}, "TWILIO_ACCOUNT_SID is empty"),
        (("sender",), account | {"TWILIO_WHATSAPP_FROM": "5550100000"}, "TWILIO_WHATSAPP_FROM must hold"),
        (
            ("template", "rsvp_invitation", "--create"),
            account | {"TWILIO_API_URL": "http://127.0.0.1:9"},
            "Twilio can’t be reached",
        ),
        (("serve", "--host", "nowhere.invalid"), {}, "is no address of this machine"),
    ]
    before = dump(house)

    def check(words: tuple[str, ...], more: dict[str, str], says: str) -> None:
        begun = time.monotonic()
        done = Installation(house.folder, more, house.port).run(*words)
        one_line(done, says)
        assert "secret-token" not in done.stderr
        assert "geheim" not in done.stderr
        assert time.monotonic() - begun < 15

    side_by_side([lambda case=case: check(*case) for case in cases])  # type: ignore[misc]
    assert dump(house) == before


@pytest.mark.process
def test_a_port_that_another_program_has_is_named_and_another_proposed(house: Installation) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        taken = Installation(house.folder, {"PORT": port})
        one_line(
            taken.run("serve"),
            f"Can't listen on 127.0.0.1:{port}: Address already in use. Choose another port",
        )
        one_line(taken.run("simulator", "--port", port), "Choose another port")


@pytest.mark.process
def test_a_read_only_database_is_named_so(tmp_path: Path) -> None:
    here = Installation(tmp_path / "data").ready()
    here.shell("create-event", "Ours", *TIME)
    (here.folder / "cordially.db").chmod(0o444)
    powerless: list[str] = []
    if os.geteuid() == 0:
        # root writes whatever the mode says, unless that power is taken away
        if not shutil.which("setpriv"):
            pytest.skip("needs setpriv, or not to be root")
        powers = "-dac_override,-dac_read_search"
        powerless = ["setpriv", f"--bounding-set={powers}", f"--inh-caps={powers}", "--"]

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [*powerless, sys.executable, "-m", "cordially", *words]
        return subprocess.run(
            command, env=here.environment, capture_output=True, text=True, timeout=60, check=False
        )

    before = dump(here)
    for words in (("create-event", "More", *TIME), ("serve",), ("send", "ours"), ("sender",)):
        done = run(*words)
        assert done.returncode == 2, done.stderr
        assert not done.stdout
        (line,) = done.stderr.strip().splitlines()
        assert line.startswith("cordially: ")
        if words[0] != "send":  # whose list is empty
            assert "The database file is read-only" in line
    assert "WRONG  The database file is read-only" in run("doctor").stdout
    assert dump(here) == before


@pytest.mark.process
def test_djangos_own_commands_pass_through(house: Installation, tmp_path: Path) -> None:
    assert Installation(tmp_path / "data").run("migrate", "--check").returncode == 1
    assert house.shell("migrate", "--check") == ""
    done = house.run("migrate", "nonsense")
    assert done.returncode == 1
    assert done.stderr == "CommandError: No installed app with label 'nonsense'.\n"
    assert "no issues" in house.shell("check")


# --- sending


def write_list(path: Path, rows: list[tuple[str, ...]], *titles: str) -> str:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("Name", "Phone", *titles), *rows])
    return str(path)


def event_of(installation: Installation, path: str, name: str = "Ours") -> str:
    slug = installation.shell("create-event", name, *TIME, "--venue", "The Hall").strip()
    installation.shell("import-guests", slug, path)
    return slug


@pytest.mark.process
def test_guests_without_a_value_are_left_out_with_the_reason(tmp_path: Path) -> None:
    with simulator() as witness:
        here = Installation(tmp_path / "data", witness.account).ready()
        rows = [("Anna", "+972502000013", "7"), ("Ben", "+972502000026", ""), ("Carl", "+972502000039", "9")]
        event = event_of(here, write_list(tmp_path / "guests.csv", rows, "Table"))
        body = "Hi {{guest_name}}, you sit at table {{table}}. Tell us on your page {{rsvp_link}} whether you come."
        assert "approved" in here.shell("template", "my_invite", "--body", body, "--create")
        printed = here.shell("send", event, "--template", "my_invite", "--wait")
        assert "2 invitations are queued, 1 guest is left out." in printed
        assert here.status(event)["invitations"]["skipped"] == 1
        assert sorted(message["body"].partition(".")[0] for message in witness.messages()) == [
            "Hi Anna, you sit at table 7", "Hi Carl, you sit at table 9",
        ]  # fmt: skip
        (reason,) = [
            line for line in dump(here) if "No value for “table”" in line and "invitations_invitation" in line
        ]
        assert "+972502000026" in reason


@pytest.mark.process
def test_twilio_away_then_ctrl_c_and_in_the_end_everybody_has_one(tmp_path: Path) -> None:
    with simulator() as witness:
        here = Installation(tmp_path / "data", witness.account).ready()
        rows = [(f"Guest {n}", f"+97250{2_000_000 + n * 13}") for n in range(8)]
        event = event_of(here, write_list(tmp_path / "guests.csv", rows))
        here.shell("template", "rsvp_invitation", "--create")
        here.shell("sender", "--per-second", "2", "--per-hour", "none")

        away = Installation(here.folder, witness.account | {"TWILIO_API_URL": "http://127.0.0.1:9"})
        done = away.run("send", event, "--wait", seconds=60)
        assert done.returncode == 1, done.stderr
        assert "8 invitations are queued." in done.stdout
        assert "Sending stopped: Twilio can’t be reached. What is queued waits" in done.stderr
        assert "Traceback" not in done.stderr
        assert states(here, event) == {"queued": 8}
        assert not witness.messages()

        process = subprocess.Popen(
            [sys.executable, "-m", "cordially", "send", event], env=here.environment,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        until(witness.messages, 30, "the first message")
        process.send_signal(signal.SIGINT)
        printed, told = process.communicate(timeout=40)
        assert process.returncode == 1
        assert "What is queued from before is sent now" in printed
        assert "Stopped. What is queued waits for the server, or for the next `cordially send`." in told
        assert "Traceback" not in told
        found = states(here, event)
        assert found["queued"], "stopped too late to prove anything"
        assert found["sending"] == found["unsure"] == 0

        here.shell("sender", "--per-second", "40")
        here.shell("send", event, "--wait")
        assert sorted(message["to"] for message in witness.messages()) == [
            f"whatsapp:{row[1]}" for row in rows
        ]


# --- servers


def browser() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))


def code_of(opener: urllib.request.OpenerDirector, url: str) -> int:
    try:
        with opener.open(url, timeout=10) as answer:
            answer.read()
            # a visitor who isn't signed in is led to the door
            return 401 if "/signin" in answer.url else int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def rows_of(installation: Installation, sql: str, *values: str) -> list[tuple[Any, ...]]:
    database = sqlite3.connect(installation.folder / "cordially.db")
    try:
        return database.execute(sql, values).fetchall()
    finally:
        database.close()


def lease(installation: Installation) -> str:
    return str(rows_of(installation, "SELECT lease_holder FROM invitations_sender")[0][0])


def states(installation: Installation, event: str) -> Counter[str]:
    return installation.states(event)


def settled(installation: Installation, event: str) -> Counter[str] | None:
    found = states(installation, event)
    waits = ("queued", "sending", "unsure", "accepted")
    return found if found and not any(found[state] for state in waits) else None


def check_log(log: str, secrets: Iterable[str], phones: Iterable[str]) -> None:
    for secret in secrets:
        assert secret not in log
    digits = re.sub(r"[^0-9\n]", "", log)
    for phone in phones:
        assert phone not in log
        assert phone.removeprefix("+") not in digits
    assert "Traceback" not in log


@pytest.mark.process
def test_two_servers_one_sends_and_no_log_tells_a_secret(tmp_path: Path) -> None:
    with simulator() as witness:
        account = witness.account | {"CORDIALLY_LOG_LEVEL": "DEBUG"}
        first, second = (
            Installation(
                tmp_path / "data", account | {"CORDIALLY_PUBLIC_URL": f"http://127.0.0.1:{port}"}, port
            )
            for port in (free_port(), free_port())
        )
        # 15 to 17 would stop the campaign, 04 and 13 take their time
        fates = [magic for magic in MAGIC_NUMBERS if magic.suffix not in ("04", "13", "15", "16", "17")]
        phones = [magic.number for magic in fates] + [f"+97250{3_000_000 + n * 13}" for n in range(30)]
        rows = [(f"Guest {n}", phone) for n, phone in enumerate(phones)]
        event = event_of(first, write_list(tmp_path / "guests.csv", rows))
        first.shell("template", "rsvp_invitation", "--create")
        first.shell("sender", "--per-hour", "none")

        # nothing runs there yet
        done = first.run("doctor")
        assert done.returncode == 1
        assert re.search(r"WRONG .*can't be reached.*is a server running there", done.stdout)
        assert "ok     Twilio answers and knows this account." in done.stdout

        with first.server() as one, another_server(second) as other:
            doctor = first.shell("doctor")
            assert "WRONG" not in doctor
            assert "Callbacks reach" in doctor
            assert "simulator-token" not in doctor
            until(lambda: lease(first), 10, "a server has the sender")
            holder = lease(first)
            printed = second.shell("send", event)
            assert "The server sends them." in printed
            found = until(lambda: settled(first, event), 60, "everybody had a turn")
            assert lease(first) == holder
            twice = [to for to, number in Counter(m["to"] for m in witness.messages()).items() if number > 1]
            assert not twice
            assert found["failed"] == 3, found
            # the one that sent goes: the other takes over
            assert one.stop() == 0
            late = event_of(second, write_list(tmp_path / "late.csv", [("Late", "+972502999997")]), "Late")
            second.shell("send", late)
            until(lambda: settled(second, late), 30, "the other server sends")
            assert lease(second) not in (holder, "")
            other.send_signal(signal.SIGINT)
            assert other.wait(40) == 0
        check_second_start(first, first.status(event), event)
        logs = [(tmp_path / name).read_text() for name in ("data.log", "second.log")]
        links = [re.search(r"/r/(\S+)", message["body"])[1] for message in witness.messages()]  # type: ignore[index]
        for log in logs:
            check_log(log, ["simulator-token", *links], [*phones, "+972502999997"])
            assert "Stopped. Everything that was under way is settled." in log


def check_signin(url: str, guests: str) -> None:
    visitor = browser()
    assert code_of(visitor, guests) == 401
    assert code_of(visitor, url[:-3] + "xyz") == 403
    assert code_of(visitor, guests) == 401
    assert code_of(visitor, url) == 200
    assert code_of(visitor, guests) == 200


@contextmanager
def another_server(installation: Installation) -> Iterator[subprocess.Popen[bytes]]:
    """With a log of its own."""
    with (installation.folder.parent / "second.log").open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "cordially", "serve"], env=installation.environment,
            stdout=file, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        until(
            lambda: answers(f"http://127.0.0.1:{installation.port}/healthz"), 30, "the other server answers"
        )
        yield process
    finally:
        process.kill()
        process.wait(10)


def check_second_start(installation: Installation, kept: dict[str, Any], event: str) -> None:
    """Seconds, the same data, one new address to sign in with; the old one is no good any more."""
    path = installation.folder.parent / f"{installation.folder.name}.log"
    before = path.read_text()
    old = re.findall(r"http://\S+/signin/\S+", before)
    begun = time.monotonic()
    again = installation.start()
    assert time.monotonic() - begun < 10
    printed = again.log()[len(before) :]
    try:
        assert len(re.findall(r"/signin/", printed)) == 1
        assert code_of(browser(), old[-1]) == 403
        check_signin(again.signin_url(), f"{again.url}/e/{event}/")
        now = installation.status(event)
        # a receipt that was still on its way may have come
        assert now["guests"] == kept["guests"]
        assert sum(now["invitations"].values()) == sum(kept["invitations"].values())
    finally:
        assert again.stop() == 0


@pytest.mark.process
def test_doctor_without_twilio_and_with_a_wrong_password(house: Installation) -> None:
    told = house.shell("doctor")
    assert "note   Twilio is simulated" in told
    assert "WRONG" not in told
    with simulator() as witness:
        wrong = Installation(house.folder, witness.account | {"TWILIO_AUTH_TOKEN": "not-the-right-one"})
        done = wrong.run("doctor")
        assert done.returncode == 1
        assert re.search(r"WRONG  Twilio refused the password", done.stdout), done.stdout
        assert "WRONG  CORDIALLY_PUBLIC_URL is missing" in done.stdout
        assert "not-the-right-one" not in done.stdout + done.stderr
        one_line(wrong.run("template", "rsvp_invitation", "--create"), "password")
    half = Installation(house.folder, {"TWILIO_ACCOUNT_SID": "AC" + "0" * 32})
    done = half.run("doctor")
    assert done.returncode == 1
    assert "WRONG  TWILIO_AUTH_TOKEN is missing." in done.stdout
    assert "WRONG  TWILIO_WHATSAPP_FROM is missing." in done.stdout
    assert done.stderr == ""


def test_commands_that_start_together_find_the_data_folder_writable(tmp_path: Path) -> None:
    from cordially.setup import check_folder

    side_by_side([lambda: [check_folder(tmp_path / "data") for _ in range(200)]] * 4)
    assert not list((tmp_path / "data").iterdir())
