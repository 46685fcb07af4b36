"""What stands in `deploy/` fits the product: its commands, settings and figures."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from cordially.cli import cordially

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
SETTINGS = set(re.findall(r"^### (\w+)$", (ROOT / "docs" / "settings.md").read_text(), re.M))
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
PARTS = {"web", "worker", "scheduler"}


def is_a_command(words: list[str]) -> None:
    """Fails unless the command line takes these words."""
    command = cordially.commands[words[0]]
    command.make_context(words[0], words[1:])


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def test_each_part_runs_as_a_service_of_its_own(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert set(services) == PARTS | {"postgresql", "redis"}
    for part in PARTS:
        service = services[part]
        assert service["command"][0] == part
        is_a_command(service["command"])
        assert service["read_only"] is True
        # what the libraries below read: of PostgreSQL, of the server
        assert set(service["environment"]) <= SETTINGS | {"PGPASSWORD", "FORWARDED_ALLOW_IPS"}
        assert {"DATABASE_URL", "REDIS_URL", "CORDIALLY_SECRET_KEY"} <= set(service["environment"])
    # nothing but the pages' door is open, and that to this machine alone
    assert {name for name, service in services.items() if "ports" in service} == {"web"}
    assert services["web"]["ports"] == ["127.0.0.1:8000:8000"]


def test_what_compose_asks_for_stands_in_the_example(compose: dict[str, Any]) -> None:
    example = dict(
        line.split("=", 1) for line in (DEPLOY / "env.example").read_text().splitlines() if "=" in line
    )
    asked = set(re.findall(r"\$\{(\w+)", (DEPLOY / "compose.yaml").read_text()))
    assert asked <= set(example)
    assert set(example) - {"POSTGRES_PASSWORD"} <= SETTINGS


def test_the_image_is_made_of_what_is_pinned_and_runs_as_nobody() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.M)
    for name in " ".join(copied).split():
        assert (ROOT / name).exists(), name
    assert text.count("--require-hashes") == 2
    users = re.findall(r"^USER (\w+)$", text, re.M)
    assert users == ["cordially"]
    command = json.loads(re.findall(r"^CMD (\[.+\])$", text, re.M)[-1])
    is_a_command(command)
    # what the image copies is not kept from the engine
    kept = (ROOT / ".dockerignore").read_text().split()
    assert {"!pyproject.toml", "!README.md", "!requirements", "!src"} <= set(kept)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_each_unit_starts_its_part_and_waits_for_its_end(unit: Path) -> None:
    text = unit.read_text()
    words = re.findall(r"^ExecStart=\S+/cordially (.+)$", text, re.M)[0].split()
    assert unit.stem == f"cordially-{words[0]}"
    is_a_command(words)
    [seconds] = re.findall(r"^TimeoutStopSec=(\d+)$", text, re.M)
    assert int(seconds) > 20, "requests that are under way are settled within 20 seconds"


def test_there_is_a_unit_for_each_part() -> None:
    assert {unit.stem.removeprefix("cordially-") for unit in UNITS} == PARTS


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here")
def test_systemd_reads_the_units() -> None:
    found = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, UNITS)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    # the program isn't installed where the units say
    wrong = [
        line for line in found.stderr.splitlines() if "cordially" in line and "is not executable" not in line
    ]
    assert wrong == []


def test_the_dashboard_asks_for_figures_that_exist() -> None:
    sources = " ".join(
        path.read_text()
        for path in [*(ROOT / "src/cordially/delivery").glob("*.py"), ROOT / "src/cordially/monitoring.py"]
    )
    told = set(re.findall(r'"(cordially_\w+)"', sources)) | {"cordially_unsure", "cordially_sending"}
    panels = json.loads((DEPLOY / "grafana.json").read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) > 8
    asked = {
        name.removesuffix("_bucket")
        for panel in panels
        for target in panel["targets"]
        for name in re.findall(r"cordially_\w+", target["expr"])
    }
    assert asked <= told
    explained = set(re.findall(r"cordially_\w+", (ROOT / "docs" / "deploy.md").read_text()))
    assert asked <= explained
