"""Senders that hosts add: their credentials, their pages, and which event uses which."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from tests.people import a_campaign, an_event, approved, some_guests

from cordially.events.models import Event
from cordially.invitations import senders, vault
from cordially.invitations.lifecycle import State
from cordially.invitations.models import Account, EventSending, Sender, SenderState, TestMessage
from cordially.invitations.vault import Secrets
from cordially.providers.simulator.app import SimulatorConfig, create_simulator
from cordially.providers.simulator.config import SimulatorAccount
from cordially.providers.simulator.tests.conftest import served
from cordially.team.models import Membership, Role

OTHER = SimulatorAccount(
    "AC" + "8" * 32,
    "other-token-7f3a",
    ("+15550200000", "+15550200001"),
    "Hadar Events",
    "SK" + "5" * 32,
    "key-secret-99d2",
)
FIRST, SECOND = OTHER.senders


@pytest.fixture(scope="module")
def simulator() -> Iterator[str]:
    with served(create_simulator(SimulatorConfig(others=(OTHER,))).app) as address:
        yield address


@pytest.fixture
def twilio(simulator: str, settings: Any) -> Iterator[str]:
    """Whom the host's credentials are tried at; the configured account stays the built-in simulator's."""
    settings.TWILIO_API_URL = simulator
    yield simulator
    set_token(simulator, OTHER.token)


def set_token(twilio: str, token: str) -> None:
    requests.post(f"{twilio}/_simulator/accounts/{OTHER.sid}", json={"token": token}, timeout=5)


def typed(**given: str) -> dict[str, str]:
    return {"account": "new", "number": "+1 (555) 020-0000", "sid": OTHER.sid, "token": OTHER.token} | given


def added(**given: Any) -> Sender:
    vault.keep(OTHER.sid, Secrets(OTHER.token), name=OTHER.name)
    return Sender.objects.create(account=OTHER.sid, phone=FIRST, **given)


def kept() -> Secrets:
    return vault.opened(Account.objects.get(sid=OTHER.sid))


def test_one_is_added_with_its_credentials_which_nobody_sees_again(
    browser: Client, sender: Sender, twilio: str
) -> None:
    answer = browser.post("/sender/add", typed(name="Weddings"), follow=True)
    page = answer.content.decode()
    made = Sender.objects.get(account=OTHER.sid)
    assert answer.redirect_chain == [(f"/sender/{made.pk}", 302)]
    assert (made.phone, made.name, made.registered_as, made.quality) == (
        FIRST,
        "Weddings",
        "Hadar Events",
        "HIGH",
    )
    assert "The number is registered" in page and "quality high" in page
    assert "…7f3a" in page and "kept encrypted" in page
    row = Account.objects.get()
    assert kept() == Secrets(OTHER.token) and OTHER.token not in row.token
    for where in ("", f"/{made.pk}", f"/{made.pk}/credentials", f"/{made.pk}/remove", "/add"):
        assert OTHER.token not in browser.get(f"/sender{where}").content.decode()


def test_a_key_and_its_secret_are_kept_beside_the_token(browser: Client, sender: Sender, twilio: str) -> None:
    browser.post("/sender/add", typed(key_sid=OTHER.key_sid, key_secret=OTHER.key_secret))
    assert kept() == Secrets(OTHER.token, OTHER.key_sid, OTHER.key_secret)


@pytest.mark.parametrize(
    ("given", "field", "sentence"),
    [
        ({"token": "wrong-token"}, "token", "doesn’t accept this Auth Token"),
        ({"token": ""}, "token", "Enter the Auth Token"),
        ({"token": "a b"}, "token", "doesn’t look like an Auth Token"),
        ({"sid": "AC1"}, "sid", "AC and 32 hexadecimal digits"),
        ({"sid": "AC" + "9" * 32}, "token", "doesn’t accept this Auth Token"),
        ({"sid": senders.SIMULATOR_ACCOUNT}, "sid", "comes from the environment"),
        ({"number": ""}, "number", "Write the number"),
        ({"number": "0544 123 456"}, "number", "country code"),
        ({"number": "+1 555 999 0000"}, "number", "It has: "),
        ({"key_sid": "key"}, "key_sid", "SK and 32 hexadecimal digits"),
        ({"key_sid": OTHER.key_sid}, "key_secret", "Enter the secret"),
        ({"key_sid": OTHER.key_sid, "key_secret": "wrong-secret"}, "key_secret", "doesn’t accept this key"),
    ],
)
def test_what_twilio_does_not_take_is_not_kept(
    browser: Client, sender: Sender, twilio: str, given: dict[str, str], field: str, sentence: str
) -> None:
    answer = browser.post("/sender/add", typed(**given))
    page = answer.content.decode()
    assert answer.status_code == 422 and f'id="{field}-e"' in page and sentence in page
    assert not Account.objects.exists() and Sender.objects.get() == sender
    for secret in filter(None, (typed(**given)["token"], given.get("key_secret"))):
        assert f'value="{secret}"' not in page


def test_nothing_is_kept_when_twilio_cannot_be_asked(browser: Client, sender: Sender, settings: Any) -> None:
    settings.TWILIO_API_URL = "http://127.0.0.1:9"
    answer = browser.post("/sender/add", typed())
    assert answer.status_code == 422 and "Nothing could be checked" in answer.content.decode()
    assert not Account.objects.exists()


def test_a_second_number_of_a_known_account_needs_no_credentials(
    browser: Client, sender: Sender, twilio: str
) -> None:
    added()
    browser.post("/sender/add", {"account": OTHER.sid, "number": SECOND})
    assert Sender.objects.filter(account=OTHER.sid).count() == 2
    twice = browser.post("/sender/add", {"account": OTHER.sid, "number": SECOND})
    assert twice.status_code == 422 and "is here already" in twice.content.decode()
    again = browser.post("/sender/add", typed(number="+15550300000"))
    assert again.status_code == 422 and "This account is here already" in again.content.decode()


def test_other_credentials_are_tried_and_what_waited_for_them_goes_on(
    browser: Client, sender: Sender, twilio: str
) -> None:
    mine = added(
        state=SenderState.PAUSED, paused_at=timezone.now(), paused_code=20003, paused_reason="Wrong."
    )
    set_token(twilio, "a-new-token-51c8")
    address = f"/sender/{mine.pk}/credentials"
    refused = browser.post(address, {"token": "a-wrong-token"})
    assert refused.status_code == 422 and "doesn’t accept this Auth Token" in refused.content.decode()
    assert kept().token == OTHER.token
    page = browser.post(address, {"token": "a-new-token-51c8"}, follow=True).content.decode()
    assert "what waited goes on" in page and "…51c8" in page
    mine.refresh_from_db()
    assert kept().token == "a-new-token-51c8" and mine.state == SenderState.ACTIVE
    # what the one of before signed may still be under way
    assert vault.signers(Account.objects.get(), timezone.now()) == ("a-new-token-51c8", OTHER.token)


def test_what_is_not_typed_stays(browser: Client, sender: Sender, twilio: str) -> None:
    address = f"/sender/{added().pk}/credentials"
    browser.post(address, {"key_sid": OTHER.key_sid, "key_secret": OTHER.key_secret})
    assert kept() == Secrets(OTHER.token, OTHER.key_sid, OTHER.key_secret)
    nothing = browser.post(address, {"key_sid": OTHER.key_sid})
    assert nothing.status_code == 422 and "Nothing was typed" in nothing.content.decode()
    set_token(twilio, "a-new-token-51c8")
    browser.post(address, {"token": "a-new-token-51c8", "key_sid": OTHER.key_sid})
    assert kept() == Secrets("a-new-token-51c8", OTHER.key_sid, OTHER.key_secret)
    browser.post(address, {"key_sid": ""})
    assert kept() == Secrets("a-new-token-51c8")


def test_two_who_replace_them_at_once_are_told(browser: Client, sender: Sender, twilio: str) -> None:
    address = f"/sender/{added().pk}/credentials"
    seen = Account.objects.get().changed_at.isoformat()
    Account.objects.update(changed_at=timezone.now() + dt.timedelta(seconds=1))
    answer = browser.post(address, {"token": OTHER.token, "seen": seen})
    assert answer.status_code == 409 and "Somebody changed these credentials" in answer.content.decode()


def test_removed_credentials_stop_the_sender_until_there_are_others(
    browser: Client, sender: Sender, twilio: str, event: Event
) -> None:
    mine = added()
    template = approved("invitation", {"en": "Dear {{guest_name}}, come!"}, OTHER.sid)
    a_campaign(some_guests(event, 3), mine, template)
    page = browser.get(f"/sender/{mine.pk}/remove").content.decode()
    assert "3 messages still wait" in page and "their history stays" in page
    assert Account.objects.exists(), "asking removes nothing"
    assert browser.post(f"/sender/{mine.pk}/remove", {"do": "number"}).status_code == 409
    page = browser.post(f"/sender/{mine.pk}/remove", {"do": "credentials"}, follow=True).content.decode()
    mine.refresh_from_db()
    assert not Account.objects.exists() and mine.state == SenderState.PAUSED
    assert "Its credentials were removed" in page and "Enter credentials" in page
    browser.post(f"/sender/{mine.pk}", {"do": "resume"})
    mine.refresh_from_db()
    assert mine.state == SenderState.PAUSED, "without credentials it can't go on"
    browser.post(f"/sender/{mine.pk}/credentials", {"token": OTHER.token})
    mine.refresh_from_db()
    assert mine.state == SenderState.ACTIVE and kept().token == OTHER.token


def test_a_number_that_nothing_was_sent_from_goes_with_its_account(
    browser: Client, sender: Sender, twilio: str, event: Event
) -> None:
    mine = added()
    EventSending.objects.create(event=event, sender=mine)
    assert "An event uses it" in browser.get(f"/sender/{mine.pk}/remove").content.decode()
    assert browser.post(f"/sender/{mine.pk}/remove", {"do": "number"}).status_code == 409
    EventSending.objects.update(sender=None)
    browser.post(f"/sender/{mine.pk}/remove", {"do": "number"})
    assert Sender.objects.get() == sender and not Account.objects.exists()


def test_what_the_environment_names_is_neither_replaced_nor_removed(browser: Client, sender: Sender) -> None:
    answer = browser.get(f"/sender/{sender.pk}/credentials", follow=True)
    assert answer.redirect_chain == [(f"/sender/{sender.pk}", 302)]
    assert "The environment names it" in browser.get(f"/sender/{sender.pk}/remove").content.decode()
    assert browser.post(f"/sender/{sender.pk}/remove", {"do": "number"}).status_code == 409
    assert Sender.objects.get() == sender


def test_the_list_says_where_each_comes_from_and_who_uses_it(
    browser: Client, sender: Sender, twilio: str, event: Event
) -> None:
    mine = added(name="Weddings")
    EventSending.objects.create(event=event, sender=mine)
    an_event()
    listed = {row.sender: row for row in browser.get("/sender").context["rows"]}
    assert (listed[sender].origin, listed[sender].events, listed[sender].is_default) == (
        "the built-in simulator",
        1,
        True,
    )
    assert (listed[mine].origin, listed[mine].events, listed[mine].is_default) == ("Hadar Events", 1, False)


def test_an_event_uses_the_sender_that_was_chosen_for_it(
    browser: Client, sender: Sender, twilio: str, event: Event
) -> None:
    mine = added()
    EventSending.objects.create(event=event, quiet_from=dt.time(21), quiet_until=dt.time(9))
    assert senders.sender_for(event) == sender
    page = browser.post(f"/e/{event.slug}/sender", {"sender": str(mine.pk)}, follow=True).content.decode()
    assert "From now on this event sends from" in page
    assert senders.sender_for(event) == mine and senders.sender_for(an_event()) == sender
    assert EventSending.objects.get(event=event).quiet_from == dt.time(21)
    browser.post(f"/e/{event.slug}/sender", {"sender": "9999"})
    assert senders.sender_for(event) == mine
    browser.post(f"/e/{event.slug}/sender", {"sender": ""})
    assert senders.sender_for(event) == sender


def test_only_who_runs_the_installation_sees_and_changes_all(
    client: Client, sender: Sender, twilio: str, event: Event
) -> None:
    mine = added()
    noa = User.objects.create_user("noa", password="x")
    Membership.objects.create(event=event, user=noa, role=Role.OWNER, can_send=True)
    client.force_login(noa)
    assert client.get(f"/sender/{mine.pk}").status_code == 404
    assert "Hadar Events" not in client.get(f"/e/{event.slug}/sender").content.decode()
    EventSending.objects.create(event=event, sender=mine)
    page = client.get(f"/sender/{mine.pk}")
    assert page.status_code == 200 and "Replace the credentials" not in page.content.decode()
    for where in ("add", f"{mine.pk}/credentials", f"{mine.pk}/remove"):
        assert client.get(f"/sender/{where}").status_code == 403
        assert client.post(f"/sender/{where}", typed() | {"do": "credentials"}).status_code == 403
    assert client.post(f"/e/{event.slug}/sender", {"sender": ""}).status_code == 403
    assert client.post(f"/sender/{mine.pk}/test", {"number": "+972545550102"}).status_code == 403
    assert client.post(f"/sender/{mine.pk}", {"do": "speed", "per_second": "1"}).status_code == 403
    assert kept().token == OTHER.token and senders.sender_for(event) == mine
    client.logout()
    assert client.get(f"/sender/{mine.pk}").headers["Location"].startswith("/signin")


def test_a_test_goes_to_ones_own_number(browser: Client, sender: Sender, twilio: str, event: Event) -> None:
    mine = added()
    page = browser.get(f"/sender/{mine.pk}").content.decode()
    assert "has approved no text at this account yet" in page
    version = approved("invitation", {"en": "Dear {{guest_name}}, come to {{event_name}}!"}, OTHER.sid)
    text = version.texts.get().versions.get()
    wrong = browser.post(
        f"/sender/{mine.pk}/test", {"number": "12", "text": text.pk}, headers={"HX-Request": "true"}
    )
    assert wrong.status_code == 422 and 'id="test-number-e"' in wrong.content.decode()
    assert not TestMessage.objects.exists()
    browser.post(f"/sender/{mine.pk}/test", {"number": "+972 54-555-0102", "text": text.pk})
    sent = TestMessage.objects.get()
    assert (sent.sender, sent.phone, sent.content_ref) == (mine, "+972545550102", text.ref)
    assert sent.values[-1] == "Maya & Arjun"
    page = browser.get(f"/sender/{mine.pk}").content.decode()
    assert f"/sender/{mine.pk}/test/{sent.pk}" in page, "the page follows it"
    TestMessage.objects.update(state=State.READ, left_at=timezone.now())
    followed = browser.get(f"/sender/{mine.pk}/test/{sent.pk}").content.decode()
    assert "Read" in followed and "hx-get" not in followed
    Sender.objects.update(state=SenderState.PAUSED, paused_at=timezone.now(), paused_reason="Wrong password.")
    stopped = browser.post(
        f"/sender/{mine.pk}/test",
        {"number": "+972545550102", "text": text.pk},
        headers={"HX-Request": "true"},
    )
    assert stopped.status_code == 422 and "Wrong password." in stopped.content.decode()
    assert TestMessage.objects.count() == 1


def test_an_open_page_hears_what_moves_and_a_notice_that_stays_is_left_alone(
    browser: Client, sender: Sender
) -> None:
    address = f"/sender/{sender.pk}/pulse"
    page = browser.get(f"{address}?stopped=0").content.decode()
    assert 'id="use-per_second" hx-swap-oob="true"' in page and "sender-stopped" not in page
    Sender.objects.update(
        state=SenderState.PAUSED, paused_at=timezone.now(), paused_code=20003, paused_reason="Wrong password."
    )
    assert "Wrong password." in browser.get(f"{address}?stopped=0").content.decode()
    assert "Wrong password." not in browser.get(f"{address}?stopped=1").content.decode()


def test_the_dial_changes_the_speed_alone(browser: Client, sender: Sender) -> None:
    Sender.objects.update(per_day=2000)
    browser.post(f"/sender/{sender.pk}", {"do": "speed", "per_second": "20"})
    sender.refresh_from_db()
    assert (sender.per_second, sender.per_day) == (20, 2000)
    browser.post(f"/sender/{sender.pk}", {"do": "speed", "per_second": "4000"})
    sender.refresh_from_db()
    assert sender.per_second == 20


def test_limits_that_somebody_changed_meanwhile_are_not_overwritten(browser: Client, sender: Sender) -> None:
    form = {"per_second": "80", "per_hour": "", "per_day": "250", "name": "", "seen": "80||"}
    Sender.objects.update(per_second=10, per_hour=None)
    answer = browser.post(f"/sender/{sender.pk}", form)
    assert answer.status_code == 409 and 'value="250"' in answer.content.decode()
    sender.refresh_from_db()
    assert (sender.per_second, sender.per_day) == (10, None)


def test_check_now_asks_twilio(browser: Client, sender: Sender, twilio: str) -> None:
    mine = added()
    page = browser.post(f"/sender/{mine.pk}", {"do": "check"}, follow=True).content.decode()
    assert "The number is registered" in page
    set_token(twilio, "another")
    page = browser.post(f"/sender/{mine.pk}", {"do": "check"}, follow=True).content.decode()
    mine.refresh_from_db()
    assert "failed" in page and mine.checked_trouble
