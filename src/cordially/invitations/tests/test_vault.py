"""Credentials that hosts enter: what is on the disk, who may read it, and what follows for the senders."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import connection
from tests.people import a_campaign, a_guest, a_sender, a_template, an_event

from cordially.invitations import comparing, senders, vault
from cordially.invitations.models import Account, EventSending, Sender, SenderState
from cordially.invitations.senders import NotReady
from cordially.invitations.vault import Secrets
from cordially.lib.clock import now as clock_now

pytestmark = pytest.mark.django_db

SID = "AC" + "8" * 32
TOKEN = "f00dbabe" * 4
KEY = "SK" + "5" * 32


@pytest.fixture
def account() -> Account:
    return vault.keep(SID, Secrets(TOKEN, KEY, "secret of the key"), name="Hadar Events")


def stopped(code: int | None, account: str = SID) -> Sender:
    return a_sender(
        account=account, state=SenderState.PAUSED, paused_at=clock_now(), paused_code=code, paused_reason="x"
    )


def test_nothing_readable_is_on_the_disk(account: Account) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM invitations_account")
        row = " ".join(map(str, cursor.fetchone()))
    assert TOKEN not in row and "secret of the key" not in row
    assert account.token_end == TOKEN[-4:] and account.key_end == " key"


def test_they_come_back_as_they_were(account: Account) -> None:
    assert vault.opened(Account.objects.get()) == Secrets(TOKEN, KEY, "secret of the key")


def test_they_are_not_shown_where_somebody_prints_them(account: Account) -> None:
    assert TOKEN not in repr(vault.opened(account)) and "secret" not in repr(vault.opened(account)).replace(
        "key_secret", ""
    )


def test_a_report_that_the_former_token_signed_is_taken_for_an_hour(account: Account) -> None:
    row = vault.keep(SID, Secrets("new" * 8))
    assert vault.signers(row, clock_now()) == ("new" * 8, TOKEN)
    assert vault.signers(row, clock_now() + dt.timedelta(minutes=61)) == ("new" * 8,)


def test_who_looked_at_older_ones_replaces_nothing(account: Account) -> None:
    vault.keep(SID, Secrets("new" * 8))
    with pytest.raises(vault.Stale):
        vault.keep(SID, Secrets("newer" * 8), seen=account.changed_at)
    assert vault.opened(Account.objects.get()).token == "new" * 8


@pytest.mark.parametrize(
    ("code", "state"), [(20003, "active"), (20403, "active"), (None, "paused"), (63007, "paused")]
)
def test_new_credentials_let_go_on_who_stopped_for_the_old(account: Account, code: int, state: str) -> None:
    sender, other = stopped(code), stopped(code, "AC" + "9" * 32)
    vault.keep(SID, Secrets("new" * 8))
    sender.refresh_from_db()
    other.refresh_from_db()
    assert (sender.state, other.state) == (state, "paused")
    assert sender.resumed_past == []


def test_nothing_leaves_of_a_copy_before_twilio_was_asked_whatever_credentials_come(account: Account) -> None:
    sender = a_sender(account=SID)
    comparing.guard(clock_now())
    vault.keep(SID, Secrets("new" * 8))
    vault.go_on()
    sender.refresh_from_db()
    assert (sender.state, sender.paused_reason) == ("paused", comparing.COMPARING)


def test_what_can_t_be_read_any_more_keeps_nothing_else_from_the_newest_key(
    account: Account, settings: Any
) -> None:
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "second", []
    # the key was lost, and they were entered anew: only the former token is still sealed with it
    vault.keep(SID, Secrets("new" * 8))
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "third", ["second"]
    assert vault.reseal() == 1
    settings.SECRET_KEY_FALLBACKS = []
    assert vault.opened(Account.objects.get()).token == "new" * 8


def test_senders_go_on_when_their_credentials_can_be_read_again(account: Account, settings: Any) -> None:
    sender = a_sender(account=SID)
    before = settings.SECRET_KEY
    settings.SECRET_KEY = "another"
    assert vault.stop(SID, vault.UNREADABLE) == 1
    assert vault.go_on() == 0
    settings.SECRET_KEY_FALLBACKS = [before]
    assert vault.go_on() == 1
    sender.refresh_from_db()
    assert (sender.state, sender.paused_reason) == ("active", "")


def test_without_credentials_the_senders_stop_and_say_why(account: Account) -> None:
    sender, other = a_sender(account=SID), a_sender(account="AC" + "9" * 32)
    assert vault.remove(SID)
    sender.refresh_from_db()
    other.refresh_from_db()
    assert (sender.state, sender.paused_reason) == ("paused", vault.REMOVED)
    assert other.state == "active"
    assert not vault.remove(SID)
    vault.keep(SID, Secrets(TOKEN))
    sender.refresh_from_db()
    assert (sender.state, sender.paused_reason) == ("active", "")


def test_a_changed_key_of_the_installation_reads_them_as_long_as_the_old_one_is_named(
    account: Account, settings: object
) -> None:
    old = settings.SECRET_KEY  # type: ignore[attr-defined]
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another", [old]  # type: ignore[attr-defined]
    assert vault.opened(Account.objects.get()).token == TOKEN
    assert vault.reseal() == 1 and vault.reseal() == 0
    settings.SECRET_KEY_FALLBACKS = []  # type: ignore[attr-defined]
    assert vault.opened(Account.objects.get()) == Secrets(TOKEN, KEY, "secret of the key")


def test_a_lost_key_of_the_installation_reads_nothing_and_new_ones_can_be_entered(
    account: Account, settings: object
) -> None:
    settings.SECRET_KEY = "another"  # type: ignore[attr-defined]
    with pytest.raises(vault.Unreadable):
        vault.opened(Account.objects.get())
    assert vault.reseal() == 0
    row = vault.keep(SID, Secrets("new" * 8))
    assert vault.signers(row, clock_now()) == ("new" * 8,)


# --- which sender


def test_an_event_uses_the_configured_sender_unless_it_chose_one(account: Account) -> None:
    event, mine = an_event(), a_sender(account=SID)
    assert senders.known_sender(event) is None, "nothing is made by looking"
    assert senders.sender_for(event) == senders.current_sender() == senders.known_sender(event)
    EventSending.objects.create(event=event, sender=mine)
    assert senders.sender_for(event) == mine == senders.known_sender(event)
    assert senders.account_of(event) == SID
    assert senders.known_sender(an_event()) == senders.current_sender()


def test_quiet_hours_alone_choose_no_sender() -> None:
    event = an_event()
    EventSending.objects.create(event=event, quiet_from=dt.time(21), quiet_until=dt.time(9))
    assert senders.sender_for(event) == senders.current_sender()


def test_a_campaign_leaves_from_the_sender_of_its_event(account: Account, settings: object) -> None:
    settings.PUBLIC_URL = "https://invite.example.com"  # type: ignore[attr-defined]
    event, mine = an_event(), a_sender(account=SID)
    EventSending.objects.create(event=event, sender=mine)
    from cordially.guests.models import Guest
    from cordially.invitations import campaigns

    a_guest(event)
    template = a_template(account=SID)
    assert campaigns.start_campaign(event, Guest.objects.all(), template=template).sender == mine


def test_a_sender_without_credentials_starts_nothing(account: Account) -> None:
    event, mine = an_event(), a_sender(account=SID)
    EventSending.objects.create(event=event, sender=mine)
    vault.remove(SID)
    with pytest.raises(NotReady, match="credentials of .* were removed"):
        senders.sender_for(event)


def test_without_a_configured_sender_the_first_that_was_added_is_used(settings: object) -> None:
    settings.USE_SIMULATOR, settings.TWILIO_ACCOUNT_SID = False, ""  # type: ignore[attr-defined]
    with pytest.raises(NotReady, match="TWILIO_ACCOUNT_SID is empty.*“Senders”"):
        senders.sender_for(an_event())
    mine = a_sender(account=SID)
    assert senders.known_sender(an_event()) is None, "it has no credentials"
    vault.keep(SID, Secrets(TOKEN))
    assert senders.sender_for(an_event()) == mine == senders.known_sender(an_event())


def test_only_the_simulators_own_account_is_simulated(account: Account, settings: object) -> None:
    assert not senders.is_real() and not senders.is_real(senders.SIMULATOR_ACCOUNT)
    assert senders.is_real(SID)
    with pytest.raises(NotReady, match="CORDIALLY_PUBLIC_URL"):
        senders.require_public_url(SID)
    settings.TWILIO_API_URL = "http://127.0.0.1:9"  # type: ignore[attr-defined]
    assert not senders.is_real(SID)


def test_the_messages_of_a_campaign_go_on_with_the_sender_that_it_began_with(account: Account) -> None:
    event = an_event()
    campaign = a_campaign([a_guest(event)])
    EventSending.objects.create(event=event, sender=a_sender(account=SID))
    campaign.refresh_from_db()
    assert campaign.sender.account != SID
