"""The page of the number that messages leave from."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from cordially.events.models import Event
from cordially.invitations.models import Sender, SenderState


def typed(**given: str) -> dict[str, str]:
    return {"per_second": "80", "per_hour": "1000", "per_day": "", "name": ""} | given


def test_it_shows_and_keeps_the_limits(browser: Client, sender: Sender) -> None:
    page = browser.get("/sender").content.decode()
    assert 'name="per_second" inputmode="numeric" value="80"' in page and "no limit" in page
    page = browser.post("/sender", typed(per_hour="", per_day="2,000", name="Hadar Events"), follow=True)
    assert "heeds it from now on" in page.content.decode() and "Hadar Events" in page.content.decode()
    sender.refresh_from_db()
    assert (sender.per_second, sender.per_hour, sender.per_day) == (80, None, 2000)


@pytest.mark.parametrize(
    ("field", "text", "sentence"),
    [
        ("per_second", "", "from 1 to 400"),
        ("per_second", "401", "from 1 to 400"),
        ("per_hour", "0", "from 1 to 10,000,000"),
        ("per_day", "many", "from 1 to 10,000,000"),
        ("per_day", "-5", "from 1 to 10,000,000"),
    ],
)
def test_a_wrong_limit_stays_in_its_field_and_nothing_is_kept(
    browser: Client, sender: Sender, field: str, text: str, sentence: str
) -> None:
    Sender.objects.update(per_hour=1000, name="")
    answer = browser.post("/sender", typed(name="New") | {field: text})
    page = answer.content.decode()
    assert answer.status_code == 422 and sentence in page
    assert f'name="{field}" inputmode="numeric" value="{text}"' in page
    sender.refresh_from_db()
    assert (sender.per_second, sender.per_hour, sender.per_day, sender.name) == (80, 1000, None, "")


def test_a_stopped_one_says_why_and_goes_on_when_mended(browser: Client, sender: Sender) -> None:
    Sender.objects.update(
        state=SenderState.PAUSED, paused_at=timezone.now(), paused_code=20003, paused_reason="Wrong password."
    )
    assert "Wrong password." in browser.get("/sender").content.decode()
    browser.post("/sender", {"do": "resume"})
    sender.refresh_from_db()
    assert sender.state == SenderState.ACTIVE


def test_others_may_look_and_not_change(client: Client, sender: Sender, event: Event) -> None:
    client.force_login(User.objects.create_user("noa", password="x"))
    page = client.get("/sender").content.decode()
    assert "readonly" in page and "Only whoever runs this installation" in page
    assert client.post("/sender", typed(per_second="1")).status_code == 403
    sender.refresh_from_db()
    assert sender.per_second == 80
