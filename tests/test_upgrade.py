"""An installation of an earlier version goes on with this one: its templates, its campaigns under way."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

BEFORE = [("invitations", "0002_promises"), ("guests", "0001_initial"), ("events", "0002_no_country")]
NOW = dt.datetime(2026, 11, 22, 9, 0, tzinfo=dt.UTC)


@pytest.mark.django_db(transaction=True)
def test_templates_and_campaigns_of_one_language_are_carried_over() -> None:
    executor = MigrationExecutor(connection)
    executor.migrate(BEFORE)
    old = executor.loader.project_state(BEFORE).apps

    def model(app: str, name: str):
        return old.get_model(app, name)

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

    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())

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
