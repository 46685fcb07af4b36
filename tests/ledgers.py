"""A ledger of any size, written by PostgreSQL itself: for what must not grow with it."""

from __future__ import annotations

import datetime as dt

from django.db import connection, transaction

from cordially.events.models import Event
from cordially.invitations import library
from cordially.invitations.models import Campaign, CampaignState, CampaignText, Sender
from cordially.invitations.senders import SIMULATOR_ACCOUNT
from cordially.lib.clock import now as clock_now

#: campaigns of which one is paused with half of its invitations in the queue
_PAUSED_EVERY = 20

_GUESTS = """
INSERT INTO guests_guest
  (event_id, name, name_key, phone, phone_raw, phone_problem, phone_note, language, "group", note, party_size,
   fields, token, created_at)
SELECT e, 'Guest ' || i, 'guest ' || i, '+9725' || lpad(((e - %(first)s) * %(each)s + i)::text, 9, '0'), '', '', '',
       '', 'Table ' || i %% 9, '', 1, '{}', md5(e || ' ' || i) || 'x', now() - interval '400 days'
  FROM generate_series(%(first)s, %(last)s) e, generate_series(1, %(each)s) i
"""
_INVITATIONS = """
INSERT INTO invitations_invitation
  (campaign_id, guest_id, is_current, text, phone, state, turn, attempts, tries, error_class, reason, code, look_at,
   message_id, queued_at, sending_at, accepted_at, sent_at, delivered_at, read_at, failed_at, changed_at)
SELECT r.campaign_id, r.guest_id, true, 'en', r.phone, r.state, r.guest_id, r.left::int, 0, '',
       CASE WHEN r.state IN ('failed', 'skipped') THEN 'This number is not on WhatsApp.' ELSE '' END,
       CASE WHEN r.state = 'failed' THEN 63003 END,
       CASE WHEN r.state = 'unsure' THEN now() + interval '50 seconds'
            WHEN r.state IN ('accepted', 'sent') THEN now() + interval '5 hours'
            WHEN r.state = 'delivered' AND r.place %% 10 = 0 THEN now() + interval '2 days' END,
       CASE WHEN r.left AND r.state <> 'unsure' THEN 'SM' || md5(r.guest_id::text) END,
       r.at, CASE WHEN r.left THEN r.at END,
       CASE WHEN r.left AND r.state <> 'unsure' THEN r.at END,
       CASE WHEN r.state IN ('sent', 'delivered', 'read') THEN r.at + interval '1 second' END,
       CASE WHEN r.state IN ('delivered', 'read') THEN r.at + interval '2 seconds' END,
       CASE WHEN r.state = 'read' THEN r.at + interval '1 hour' END,
       CASE WHEN r.state = 'failed' THEN r.at + interval '2 seconds' END, r.at
  FROM (SELECT s.*, s.state NOT IN ('queued', 'skipped', 'cancelled') AS left
          FROM (SELECT c.id AS campaign_id, g.id AS guest_id, g.phone, c.created_at AS at, g.id AS place,
                       CASE WHEN c.state = 'paused' AND g.id %% 2 = 0 THEN 'queued'
                            WHEN g.id %% 5000 = 1 THEN 'unsure' WHEN g.id %% 5000 = 3 THEN 'accepted'
                            WHEN g.id %% 100 = 5 THEN 'skipped' WHEN g.id %% 100 = 7 THEN 'cancelled'
                            WHEN g.id %% 100 IN (11, 13) THEN 'failed' WHEN g.id %% 100 = 17 THEN 'sent'
                            WHEN g.id %% 5 = 4 THEN 'delivered' ELSE 'read' END AS state
                  FROM invitations_campaign c JOIN guests_guest g ON g.event_id = c.event_id
                 WHERE c.event_id BETWEEN %(first)s AND %(last)s) s) r
 ORDER BY r.guest_id
"""
_HAPPENED = """
INSERT INTO invitations_statusevent (invitation_id, attempt, status, at, source, note)
SELECT i.id, CASE WHEN s.status = 'queued' THEN 0 ELSE 1 END, s.status, s.at, s.source, ''
  FROM invitations_invitation i JOIN invitations_campaign c ON c.id = i.campaign_id,
       LATERAL (VALUES ('queued', i.queued_at, 'host'), ('sending', i.sending_at, 'engine'),
                       ('accepted', i.accepted_at, 'engine'), ('sent', i.sent_at, 'callback'),
                       ('delivered', i.delivered_at, 'callback'), ('read', i.read_at, 'callback'),
                       ('failed', i.failed_at, 'callback')) s(status, at, source)
 WHERE c.event_id BETWEEN %(first)s AND %(last)s AND s.at IS NOT NULL
 ORDER BY s.at
"""
_ANSWERS = """
INSERT INTO rsvp_answer (guest_id, event_id, reply, heads, note, entered_by, is_current, at)
SELECT g.id, g.event_id, CASE WHEN g.id %% 7 = 0 THEN 'no' ELSE 'yes' END, CASE WHEN g.id %% 7 = 0 THEN 0 ELSE 1 END,
       '', '', true, now() - interval '2 days'
  FROM guests_guest g WHERE g.event_id BETWEEN %(first)s AND %(last)s AND g.id %% 3 = 0
"""


def fill(events: int, each: int) -> list[Event]:
    """As many events more, each with so many guests, all in one campaign of it; PostgreSQL alone can do it.

    Everything left 2 to 367 days ago. Most were read; one campaign in twenty is paused with half of its list in the
    queue; one guest in three has answered. Nothing of it is due.
    """
    template = library.default_template()
    made = _events(events)
    first, last = made[0].pk, made[-1].pk
    Sender.objects.bulk_create(
        [Sender(account=SIMULATOR_ACCOUNT, phone=f"+1666{number:07}", per_hour=None) for number in range(10)],
        ignore_conflicts=True,
    )
    senders = list(Sender.objects.filter(phone__startswith="+1666").order_by("pk"))
    for place, event in enumerate(made):
        _campaign(event, senders[place % len(senders)], template, event.pk % _PAUSED_EVERY == 0, each)
    with transaction.atomic(), connection.cursor() as cursor:
        # whatever a row points to was written just now: looking it up again takes half of the time
        cursor.execute("SET LOCAL session_replication_role = replica")
        for statement in (_GUESTS, _INVITATIONS, _HAPPENED, _ANSWERS):
            cursor.execute(statement, {"first": first, "last": last, "each": each})
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return made


def _events(count: int) -> list[Event]:
    known = Event.objects.count()
    return Event.objects.bulk_create(
        Event(
            slug=f"filled-{known + place}", name=f"Filled {known + place}", timezone="Asia/Jerusalem", venue="Hall",
            starts_at=dt.datetime(2027, 5, 1, 15, tzinfo=dt.UTC),
        )
        for place in range(count)
    )  # fmt: skip


def _campaign(event: Event, sender: Sender, template: object, is_paused: bool, audience: int) -> None:
    at = clock_now() - dt.timedelta(days=2 + event.pk % 365)
    campaign = Campaign.objects.create(
        event=event, sender=sender, template=template, name="Invitations", audience=audience, created_at=at,
        changed_at=at, state=CampaignState.PAUSED if is_paused else CampaignState.FINISHED,
        paused_reason="Paused by the host." if is_paused else "", finished_at=None if is_paused else at,
    )  # fmt: skip
    CampaignText.objects.create(
        campaign=campaign, key="en", language="en", content_ref="HX" + "1" * 32, body="Dear {{guest_name}}"
    )
