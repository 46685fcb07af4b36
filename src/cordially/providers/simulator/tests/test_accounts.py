"""Several accounts at one simulator: each sees its own, and our adapter tells good credentials from bad."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import requests
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.request_validator import RequestValidator

from cordially.providers.simulator.app import SimulatorConfig, create_simulator
from cordially.providers.simulator.config import SimulatorAccount
from cordially.providers.twilio import account, content
from cordially.providers.twilio.content import ContentError, Credentials, WholeContent

from .conftest import QUICK, Receiver, sdk_client, served, wait_for

OTHER = SimulatorAccount(
    "AC" + "8" * 32,
    "other-token",
    ("+15550200000", "+15550200001"),
    "Hadar Events",
    "SK" + "5" * 32,
    "key-secret",
)
PHONE = "+491701234567"
CONFIG = SimulatorConfig(**{**QUICK, "others": (OTHER,)})
FIRST = replace(CONFIG, others=())
SECOND = replace(CONFIG, account_sid=OTHER.sid, auth_token=OTHER.token, sender=OTHER.senders[0])


@pytest.fixture
def base() -> Iterator[str]:
    with served(create_simulator(CONFIG).app) as address:
        yield address


@pytest.fixture
def other(base: str) -> Credentials:
    return Credentials(OTHER.sid, OTHER.token, base)


def test_each_account_sees_its_own_messages_and_templates(base: str, other: Credentials) -> None:
    first, second = sdk_client(FIRST, base), sdk_client(SECOND, base)
    said = {"to": f"whatsapp:{PHONE}", "body": "Dear Ana"}
    mine = first.messages.create(from_=f"whatsapp:{CONFIG.sender}", **said)
    theirs = second.messages.create(from_=f"whatsapp:{OTHER.senders[1]}", **said)
    assert (mine.account_sid, theirs.account_sid) == (CONFIG.account_sid, OTHER.sid)
    assert [m.sid for m in first.messages.list()] == [mine.sid]
    assert [m.sid for m in second.messages.list()] == [theirs.sid]
    with pytest.raises(TwilioRestException, match="404"):
        second.messages(mine.sid).fetch()
    with pytest.raises(TwilioRestException) as refused:
        second.messages.create(from_=f"whatsapp:{CONFIG.sender}", **said)
    assert refused.value.code == 63007
    ref = content.put_up(other, WholeContent("n", "en", "Dear {{1}}, come to us tonight.", samples=("Ana",)))
    assert [each.ref for each in content.list_contents(other)] == [ref]
    assert not content.list_contents(Credentials(CONFIG.account_sid, CONFIG.auth_token, base))
    with pytest.raises(TwilioRestException) as unknown:
        first.messages.create(
            from_=f"whatsapp:{CONFIG.sender}", to=said["to"], content_sid=ref, content_variables="{}"
        )
    assert unknown.value.code == 21655


def test_a_report_is_signed_with_the_token_of_its_account_as_it_is_now(receiver: Receiver) -> None:
    with served(create_simulator(CONFIG).app) as base:

        def told(client_of: SimulatorConfig) -> list:
            receiver.callbacks.clear()
            message = sdk_client(client_of, base).messages.create(
                to=f"whatsapp:{PHONE}",
                from_=f"whatsapp:{client_of.sender}",
                body="x",
                status_callback=receiver.url,
            )
            wait_for(lambda: [c for c in receiver.callbacks if c.params["MessageSid"] == message.sid])
            return list(receiver.callbacks)

        def is_by(token: str) -> set[bool]:
            check = RequestValidator(token).validate
            return {
                check(receiver.url, c.params, c.headers["x-twilio-signature"]) for c in receiver.callbacks
            }

        assert {c.params["AccountSid"] for c in told(SECOND)} == {OTHER.sid}
        assert is_by(OTHER.token) == {True} and is_by(CONFIG.auth_token) == {False}
        changed = requests.post(f"{base}/_simulator/accounts/{OTHER.sid}", json={"token": "new"}, timeout=5)
        assert changed.status_code == 204
        with pytest.raises(TwilioException, match="401"):
            sdk_client(SECOND, base).messages.list()
        told(replace(SECOND, auth_token="new"))
        assert is_by("new") == {True}
        assert (
            requests.post(f"{base}/_simulator/accounts/AC1", json={"token": "x"}, timeout=5).status_code
            == 400
        )


@pytest.mark.parametrize("key", [False, True])
def test_good_credentials_are_told_with_what_twilio_says_of_the_number(other: Credentials, key: bool) -> None:
    asked = Credentials(OTHER.sid, "key-secret", other.api_url, OTHER.key_sid) if key else other
    found = account.look(asked, "+15550200001")
    # a key need not be allowed to read the account itself
    assert found.account_name == ("" if key else "Hadar Events")
    assert (found.registered, found.name, found.standing, found.quality) == (
        True,
        "Hadar Events",
        "ONLINE",
        "HIGH",
    )
    assert found.numbers == OTHER.senders and found.seconds < 5


def test_a_number_of_another_account_is_not_registered(other: Credentials) -> None:
    found = account.look(other, CONFIG.sender)
    assert (found.registered, found.numbers) == (False, OTHER.senders)


@pytest.mark.parametrize(
    ("sid", "secret", "key", "code"),
    [
        (OTHER.sid, "wrong", "", 20003),
        (OTHER.sid, CONFIG.auth_token, "", 20003),
        (OTHER.sid, "wrong", OTHER.key_sid, 20003),
        ("AC" + "9" * 32, "key-secret", OTHER.key_sid, 20404),
        (CONFIG.account_sid, OTHER.token, "", 20003),
    ],
)
def test_bad_credentials_are_told_from_good_ones(
    base: str, sid: str, secret: str, key: str, code: int
) -> None:
    with pytest.raises(ContentError) as refused:
        account.look(Credentials(sid, secret, base, key), OTHER.senders[0])
    assert refused.value.fault.code == code


def test_nobody_at_the_address_is_no_word_about_the_credentials() -> None:
    with pytest.raises(ContentError) as refused:
        account.look(Credentials(OTHER.sid, OTHER.token, "http://127.0.0.1:9"), OTHER.senders[0])
    assert refused.value.fault.code is None


def test_where_twilio_does_not_tell_of_numbers_the_credentials_are_good_all_the_same(
    other: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(client: object) -> list:
        raise TwilioRestException(403, "uri")

    monkeypatch.setattr(account, "_senders", refuses)
    assert account.look(other, OTHER.senders[0]).registered is None
