"""An installation of an earlier version goes on with this one: its templates, its campaigns under way."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

BEFORE = [("invitations", "0002_promises"), ("guests", "0001_initial"), ("events", "0002_no_country")]
NOW = dt.datetime(2026, 11, 22, 9, 0, tzinfo=dt.UTC)


@pytest.fixture
def model(transactional_db: None) -> Iterator[Callable[[str, str], Any]]:
    """The tables as they were; app and name -> model. Whatever happens, the tables of today are there afterwards."""
    executor = MigrationExecutor(connection)
    executor.migrate(BEFORE)
    yield executor.loader.project_state(BEFORE).apps.get_model
    upgrade()


def upgrade() -> None:
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


def test_templates_and_campaigns_of_one_language_are_carried_over(model: Callable[[str, str], Any]) -> None:
    event = model("events", "Event").objects.create(
        slug="ours", name="Ours", starts_at=NOW, timezone="Asia/Jerusalem", language="he"
    )
    guest = model("guests", "Guest").objects.create(
        event=event, name="Ruth", name_key="ruth", phone="+972501234567"
    )
    sender = model("invitations", "Sender").objects.create(account="AC1", phone="+14155550100")
    words = "Dear {{guest_name}}, on {{ event_date }}: {{rsvp_link}}"
    template = model("invitations", "MessageTemplate").objects.create(name="rsvp_invitation", body=words)
    model("invitations", "TemplateContent").objects.create(
        template=template,
        account="AC1",
        ref="HX1",
        body=words,
        variables=["guest_name", "event_date", "rsvp_link"],
    )
    campaign = model("invitations", "Campaign").objects.create(
        event=event, sender=sender, template=template, name="First", body=words, content_ref="HX1", audience=1,
        variables=["guest_name", "event_date", "rsvp_link"],
        event_values={"event_name": "Ours", "event_date": "Sunday, 22 November, 11:00", "event_location": ""},
    )  # fmt: skip
    model("invitations", "Invitation").objects.create(
        campaign=campaign, guest=guest, phone=guest.phone, state="queued", queued_at=NOW, changed_at=NOW
    )

    upgrade()

    from cordially.delivery.wording import of_campaign
    from cordially.invitations import library
    from cordially.invitations.models import Invitation, MessageTemplate
    from cordially.templating.variables import Recipient

    kept = MessageTemplate.objects.get()
    assert (kept.title, kept.fallback_language) == ("Invitation", "en")
    english = kept.texts.get(language="en")
    assert english.body == "Dear {{guest_name}}, on {{event_when}}: {{rsvp_link}}"
    assert kept.texts.count() == 8, "the languages that ship now"
    version = english.versions.get()
    assert (version.ref, version.state) == ("HX1", "unknown"), "WhatsApp is asked again"
    assert not library.sendable(kept, "AC1")
    waiting = Invitation.objects.get()
    words_now = of_campaign((waiting.campaign_id, waiting.text))
    assert words_now.content_ref == "HX1"
    values = words_now.values(Recipient("Ruth", "t0ken"))
    assert values[:2] == ("Ruth", "Sunday, 22 November, 11:00") and values[2].endswith("/r/t0ken")


def test_each_account_keeps_its_own_reference(model: Callable[[str, str], Any]) -> None:
    template = model("invitations", "MessageTemplate").objects.create(name="party", body="Come, please!")
    contents = model("invitations", "TemplateContent").objects
    for account, ref in (("AC1", "HX1"), ("AC2", "HX2")):
        contents.create(template=template, account=account, ref=ref, body=f"Come, {ref}!")
    upgrade()

    from cordially.invitations.models import Category, TemplateText

    text = TemplateText.objects.get(template__name="party")
    kept = text.versions.order_by("account").values_list("account", "number", "ref", "body")
    assert list(kept) == [("AC1", 1, "HX1", "Come, HX1!"), ("AC2", 1, "HX2", "Come, HX2!")]
    assert text.template.category == Category.MARKETING


def test_a_kind_that_cordially_does_not_send_becomes_marketing(model: Callable[[str, str], Any]) -> None:
    for name, category in (("code", "AUTHENTICATION"), ("none", ""), ("news", "UTILITY")):
        template = model("invitations", "MessageTemplate").objects.create(
            name=name, body="Come, please!", category=category
        )
        model("invitations", "TemplateContent").objects.create(
            template=template, account="AC1", ref=f"HX{name}", body="Come, please!"
        )
    upgrade()

    from cordially.invitations import library
    from cordially.invitations.models import TemplateVersion

    kinds = {
        version.text.template.name: (version.text.template.category, version.category)
        for version in TemplateVersion.objects.all()
    }
    both = "MARKETING", "MARKETING"
    assert kinds == {"code": both, "none": both, "news": ("UTILITY", "UTILITY")}
    for version in TemplateVersion.objects.all():
        [standing] = library.standings(version.text.template, "AC1")
        assert not standing.is_draft, "nothing was written since"


def test_a_campaign_that_kept_nothing_of_its_event_says_what_the_event_says(
    model: Callable[[str, str], Any],
) -> None:
    event = model("events", "Event").objects.create(
        slug="ours", name="Ours", starts_at=NOW, timezone="Asia/Jerusalem", language="en"
    )
    guest = model("guests", "Guest").objects.create(
        event=event, name="Ruth", name_key="ruth", phone="+972501234567"
    )
    sender = model("invitations", "Sender").objects.create(account="AC1", phone="+14155550100")
    words = "Dear {{guest_name}}, come to {{event_name}} on {{event_date}}!"
    template = model("invitations", "MessageTemplate").objects.create(name="party", body=words)
    campaign = model("invitations", "Campaign").objects.create(
        event=event, sender=sender, template=template, name="First", body=words, content_ref="HX1", audience=1,
        variables=["guest_name", "event_name", "event_date"], event_values={},
    )  # fmt: skip
    model("invitations", "Invitation").objects.create(
        campaign=campaign, guest=guest, phone=guest.phone, state="queued", queued_at=NOW, changed_at=NOW
    )
    upgrade()

    from cordially.delivery.wording import of_campaign
    from cordially.templating.variables import Recipient

    told = of_campaign((campaign.pk, "")).values(Recipient("Ruth", "t0ken"))
    assert told == ("Ruth", "Ours", "Sunday, 22 November 2026, 11:00")


def test_a_reference_that_stood_for_two_templates_keeps_the_newer(model: Callable[[str, str], Any]) -> None:
    for name in ("older", "newer"):
        template = model("invitations", "MessageTemplate").objects.create(name=name, body="Come, please!")
        for account in ("AC1", f"AC{name}"):
            model("invitations", "TemplateContent").objects.create(
                template=template, account=account, ref="HX1", body="Come, please!"
            )
    upgrade()

    from cordially.invitations.models import TemplateVersion

    kept = TemplateVersion.objects.order_by("account").values_list("account", "text__template__name")
    assert list(kept) == [("AC1", "newer"), ("ACnewer", "newer"), ("AColder", "older")]
