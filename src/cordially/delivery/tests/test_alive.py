"""Who lives on this machine: a lock that the kernel takes back from the dead."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cordially.delivery.alive import Life

LIVES = """
import sys, time
from pathlib import Path
from cordially.delivery.alive import Life
life = Life(Path(sys.argv[1]))
life.begin()
print(life.name, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def other(tmp_path: Path):
    """A worker in a process of its own; its name."""
    process = subprocess.Popen(
        [sys.executable, "-c", LIVES, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate(timeout=10)


def test_a_killed_worker_is_dead_and_a_stopped_one_is_not(tmp_path, other):
    process, name = other
    watcher = Life(tmp_path)
    assert name and watcher.dead() == []
    os.kill(process.pid, signal.SIGSTOP)
    assert watcher.dead() == []
    process.kill()
    process.wait(10)
    assert watcher.dead() == [name]
    watcher.bury([name])
    assert watcher.dead() == []


def test_a_worker_that_ends_leaves_nothing_behind(tmp_path):
    life = Life(tmp_path)
    life.begin()
    assert [path.name for path in tmp_path.iterdir()] == [f"{life.name}.lock"]
    assert life.dead() == [], "it is no corpse to itself"
    life.end()
    assert list(tmp_path.iterdir()) == []


def test_of_workers_on_other_machines_nothing_is_known(tmp_path):
    (tmp_path / "0123456789abcdef-aaaaaaaaaaaaaaaa.lock").touch()
    assert Life(tmp_path).dead() == []


def test_a_name_fits_its_column(tmp_path):
    assert len(Life(tmp_path).name) <= 40
