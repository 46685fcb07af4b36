from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from cordially.providers.simulator.app import SimulatorConfig, create_simulator

from .conftest import QUICK, Receiver, Stand, sdk_client, served, wait_for

PHONE = "+491701234567"


def test_what_was_on_its_way_goes_on(tmp_path: Path, receiver: Receiver) -> None:
    config = SimulatorConfig(
        **{**QUICK, "path": tmp_path / "sub" / "simulator.db", "delivered_after": (1.5, 1.5)}
    )
    simulator = create_simulator(config)
    with served(simulator.app) as base:
        stand = Stand(simulator, base, sdk_client(config, base))
        content = stand.approved()
        sid = stand.send(PHONE, content, receiver.url).sid
        wait_for(lambda: receiver.statuses(sid) == ["sent"])
    stand.client.http_client.session.close()

    again = create_simulator(config)
    assert [message.sid for message in again.record.messages()] == [sid]
    assert again.record.arrivals == simulator.record.arrivals
    with served(again.app) as base:
        wait_for(lambda: receiver.statuses(sid)[-2:] == ["delivered", "read"])
        client = sdk_client(config, base)
        assert client.messages(sid).fetch().status == "read"
        assert client.content.v1.contents(content).approval_fetch().fetch().whatsapp["status"] == "approved"
        client.http_client.session.close()


_PROGRAM = """
import sys
from pathlib import Path
from cordially.providers.simulator.app import SimulatorConfig, run_simulator
run_simulator("127.0.0.1", int(sys.argv[1]), SimulatorConfig(
    path=Path(sys.argv[2]), latency=(0, 0), approve_after=0, sent_after=(0, 0), delivered_after=(30, 30)))
"""


@pytest.mark.process
def test_a_killed_process_forgets_nothing(tmp_path: Path) -> None:
    path = tmp_path / "simulator.db"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-c", _PROGRAM, str(port), str(path)])
    try:
        wait_for(lambda: _answers(port), timeout=30)
        config = SimulatorConfig(path=path, delivered_after=(30, 30))
        base = f"http://127.0.0.1:{port}"
        stand = Stand(create_simulator(config), base, sdk_client(config, base))
        content = stand.approved()
        sids = [stand.send(PHONE, content).sid for _ in range(5)]
        stand.client.http_client.session.close()
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    simulator = create_simulator(config)
    assert [message.sid for message in simulator.record.messages()] == sids
    assert len(simulator.record.arrivals[config.sender]) == 5
    assert len(simulator._store.unfinished()) == 5


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
