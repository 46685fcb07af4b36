"""An event with people in every state, and the host in front of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from tests.people import approved

from cordially.events.models import Event
from cordially.guests.importing import name_key
from cordially.guests.models import Guest
from cordially.invitations import senders
from cordially.invitations.lifecycle import STAMPS, State
from cordially.invitations.models import Campaign, Invitation, MessageTemplate, Sender, Source, StatusEvent

Invite = Callable[..., Guest]


@pytest.fixture
def event(db: None) -> Event:
    return Event.objects.create(
        slug="maya-arjun",
        name="Maya & Arjun",
        starts_at=dt.datetime(2027, 5, 6, 15, 30, tzinfo=dt.UTC),
        timezone="Asia/Jerusalem",
        country="IL",
        venue="The Orange Grove",
    )


@pytest.fixture
def host(db: None) -> User:
    """Who runs the installation; what others may do is tested in test_team.py."""
    return User.objects.create_user("hadar", password="orange grove", first_name="Hadar", is_superuser=True)


@pytest.fixture
def browser(client: Client, host: User) -> Client:
    """A browser in which the host is signed in."""
    client.force_login(host)
    return client


@pytest.fixture
def sender(db: None) -> Sender:
    return senders.current_sender()


@pytest.fixture
def template(sender: Sender) -> MessageTemplate:
    words = "Dear {{guest_name}}, come to *{{event_name}}*!"
    return approved("invitation", {"en": words}, sender.account, ref="HX1")


@pytest.fixture
def campaign(event: Event, sender: Sender, template: MessageTemplate, host: User) -> Campaign:
    return Campaign.objects.create(
        event=event, sender=sender, template=template, name="Late additions", audience=0, created_by=host,
    )  # fmt: skip


_number = iter(range(100, 100_000))


def a_guest(event: Event, name: str = "Ruth Almog", phone: str | None = None, **kwargs: object) -> Guest:
    if phone is None:
        phone = f"+97250228{next(_number):04}"
    if not phone:
        kwargs = {"phone_problem": "no_phone", "phone_note": "There is no phone number."} | kwargs
    return Guest.objects.create(event=event, name=name, name_key=name_key(name), phone=phone, **kwargs)


def invited(campaign: Campaign, guest: Guest, state: State, **kwargs: object) -> Invitation:
    now = timezone.now()
    if state in (State.FAILED, State.SKIPPED):
        kwargs = {"reason": "Not on WhatsApp."} | kwargs
    columns = {"attempts": 0 if state in (State.QUEUED, State.SKIPPED, State.CANCELLED) else 1}
    stamps = {STAMPS[state]: now} if state in STAMPS else {}
    if state == State.UNSURE:
        stamps["look_at"] = now
    invitation = Invitation.objects.create(
        campaign=campaign,
        guest=guest,
        phone=guest.phone,
        state=state,
        changed_at=now,
        **(columns | stamps | kwargs),
    )
    Campaign.objects.filter(pk=campaign.pk).update(audience=campaign.invitations.count())
    happened(invitation, state)
    return invitation


def happened(invitation: Invitation, state: State) -> StatusEvent:
    return StatusEvent.objects.create(
        invitation=invitation, attempt=1, status=state, at=timezone.now(), source=Source.ENGINE
    )
