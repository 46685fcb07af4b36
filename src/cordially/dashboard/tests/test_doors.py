"""The built-in simulator's own pages, as `cordially serve` mounts them: for the host alone."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from django.conf import settings as real_settings
from django.contrib.auth.models import User
from django.test import Client
from starlette.applications import Starlette
from starlette.routing import Mount

from cordially import connection, service
from cordially.settings import _made_once

pytestmark = pytest.mark.django_db(transaction=True)

PRIVATE = [
    ("GET", "/phone"),
    ("GET", "/phone/+972502281948"),
    ("GET", "/_simulator/messages.json"),
    ("GET", "/_simulator/faults"),
    ("POST", "/_simulator/faults"),
    ("POST", "/_simulator/reset"),
]


@pytest.fixture
def house(tmp_path: Path, settings: Any) -> Starlette:
    settings.DATA_DIR = tmp_path
    return Starlette(routes=[Mount("/simulator", service.make_simulator().app)])


def ask(app: Starlette, method: str, path: str, **headers: str) -> tuple[int, dict[str, str]]:
    async def exchange() -> tuple[int, dict[str, str]]:
        sent = {"host": "127.0.0.1:8000", "accept": "text/html", **headers}
        scope = {
            "type": "http", "method": method, "path": f"/simulator{path}", "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in sent.items()], "root_path": "",
        }  # fmt: skip
        visit = ApplicationCommunicator(app, scope)
        await visit.send_input({"type": "http.request", "body": b"{}"})
        start = await visit.receive_output(5)
        return start["status"], {name.decode(): value.decode() for name, value in start["headers"]}

    return asyncio.run(exchange())


@pytest.mark.parametrize(("method", "path"), PRIVATE)
def test_they_open_for_the_host_alone(
    house: Starlette, client: Client, host: User, method: str, path: str
) -> None:
    assert ask(house, method, path, accept="*/*")[0] == 401
    assert ask(house, method, path, cookie="sessionid=nonsense", accept="*/*")[0] == 401
    client.force_login(host)
    cookie = f"sessionid={client.cookies['sessionid'].value}"
    assert ask(house, method, path, cookie=cookie)[0] in (200, 204)
    assert ask(house, method, path, cookie=cookie, host="evil.example")[0] == 400
    client.logout()
    assert ask(house, method, path, cookie=cookie, accept="*/*")[0] == 401


def test_a_page_leads_to_the_door_and_back(house: Starlette) -> None:
    status, headers = ask(house, "GET", "/phone")
    assert (status, headers["location"]) == (302, "/signin?next=%2Fsimulator%2Fphone")


def test_the_token_is_made_once_and_nobodys_guess(tmp_path: Path) -> None:
    path = tmp_path / "simulator_token"
    token = _made_once(path)
    assert len(token) >= 40 and token != _made_once(tmp_path / "another")
    assert _made_once(path) == token
    assert path.stat().st_mode & 0o077 == 0
    assert real_settings.SIMULATOR_TOKEN == connection.auth_token() != "simulator-token"
    assert len(real_settings.SIMULATOR_TOKEN) >= 40


def test_twilios_own_doors_want_the_token(house: Starlette) -> None:
    path = f"/2010-04-01/Accounts/{'AC' + '0' * 32}/Messages.json"
    assert ask(house, "GET", path)[0] == 401
