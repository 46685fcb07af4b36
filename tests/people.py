"""The people and things that tests speak of: one wedding, its guests, one number that messages leave from."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Mapping, Sequence

import pytest

from cordially.events.models import Event
from cordially.guests.importing import name_key
from cordially.guests.models import Guest
from cordially.invitations import campaigns, library
from cordially.invitations.models import Campaign, MessageTemplate, Review, Sender, TemplateVersion
from cordially.invitations.senders import SIMULATOR_ACCOUNT
from cordially.templating.components import Components

#: the instant at which tests begin that inject their own clock
NOW = dt.datetime(2026, 11, 22, 9, 0, tzinfo=dt.UTC)
ACCOUNT = SIMULATOR_ACCOUNT

_serial = itertools.count(1)


def later(seconds: float, since: dt.datetime = NOW) -> dt.datetime:
    return since + dt.timedelta(seconds=seconds)


def an_event(**given: object) -> Event:
    serial = next(_serial)
    return Event.objects.create(
        **{
            "slug": f"maya-arjun-{serial}",
            "name": "Maya & Arjun",
            "starts_at": dt.datetime(2027, 5, 6, 15, 30, tzinfo=dt.UTC),
            "timezone": "Asia/Jerusalem",
            "country": "IL",
            "venue": "The Orange Grove, Binyamina",
            **given,
        }
    )


def a_guest(event: Event, name: str = "", phone: str | None = None, **given: object) -> Guest:
    """Someone with a number of their own; `phone=""` is someone without."""
    serial = next(_serial)
    name = name or f"Guest {serial}"
    if phone is None:
        phone = f"+97250{serial:07}"
    if not phone:
        given = {"phone_problem": "no_phone", "phone_note": "There is no phone number."} | given
    return Guest.objects.create(event=event, name=name, name_key=name_key(name), phone=phone, **given)


def some_guests(event: Event, count: int) -> list[Guest]:
    return [a_guest(event) for _ in range(count)]


def a_sender(**given: object) -> Sender:
    serial = next(_serial)
    return Sender.objects.create(
        **{"account": ACCOUNT, "phone": f"+1415{serial:07}", "per_hour": None, **given}
    )


def a_template(
    body: str = "Dear {{guest_name}}, come to *{{event_name}}*: {{rsvp_link}}", account: str = ACCOUNT
) -> MessageTemplate:
    return approved(f"invitation-{next(_serial)}", {"en": body}, account)


def approved(
    name: str, texts: Mapping[str, str], account: str, ref: str = "HX" + "1" * 32, **given: object
) -> MessageTemplate:
    """A template with these texts by language, all of which WhatsApp approved at that account."""
    parts = {language: Components(body) for language, body in texts.items()}
    template = library.create(name, parts, name=name, **given)
    for text in template.texts.all():
        library.hand_in(text, account, _free(account, ref), state=Review.APPROVED)
    return template


def _free(account: str, ref: str) -> str:
    """Each text has a reference of its own, as at Twilio."""
    is_taken = TemplateVersion.objects.filter(account=account, ref=ref).exists()
    return f"{ref[:26]}{next(_serial):08}" if is_taken else ref


def a_campaign(
    guests: Sequence[Guest], sender: Sender | None = None, template: MessageTemplate | None = None, **given: object
) -> Campaign:  # fmt: skip
    """Send pressed for these guests."""
    return campaigns.start_campaign(
        guests[0].event,
        Guest.objects.filter(pk__in=[guest.pk for guest in guests]),
        template=template or a_template(),
        sender=sender or a_sender(),
        **{"now": NOW, **given},
    )


@pytest.fixture
def event(db: None) -> Event:
    return an_event()


@pytest.fixture
def sender(db: None) -> Sender:
    return a_sender()


@pytest.fixture
def template(db: None) -> MessageTemplate:
    return a_template()
