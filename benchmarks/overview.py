"""The overview of a large event: its page, one frame of its live line, and chart and tables."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

from . import stage

GUESTS = 100_000

_STATES = """
UPDATE invitations_invitation SET attempts = 1,
  state = CASE WHEN id %% 100 = 0 THEN 'failed' WHEN id %% 5 = 0 THEN 'delivered' ELSE 'read' END,
  code = CASE WHEN id %% 100 = 0 THEN CASE WHEN id %% 200 = 0 THEN 63003 ELSE 21211 END END,
  reason = CASE WHEN id %% 100 = 0 THEN 'This number is not on WhatsApp.' ELSE '' END,
  sending_at = queued_at, accepted_at = queued_at, sent_at = queued_at,
  failed_at = CASE WHEN id %% 100 = 0 THEN queued_at END,
  delivered_at = CASE WHEN id %% 100 THEN strftime('%%Y-%%m-%%d %%H:%%M:%%f', queued_at, (id %% 5000) || ' seconds') END,
  read_at = CASE WHEN id %% 100 AND id %% 5
                 THEN strftime('%%Y-%%m-%%d %%H:%%M:%%f', queued_at, (id %% 80000) || ' seconds') END,
  message_id = 'SM' || printf('%%032x', id)
WHERE campaign_id = %s
"""
_HAPPENED = """
INSERT INTO invitations_statusevent (invitation_id, attempt, status, at, source, note)
SELECT i.id, 1, s.status, i.queued_at, 'callback', ''
  FROM invitations_invitation i,
       (SELECT 'sending' AS status UNION ALL SELECT 'accepted' UNION ALL SELECT 'sent' UNION ALL SELECT 'delivered') s
 WHERE i.campaign_id = %s ORDER BY s.status, i.id
"""
_ANSWERS = """
INSERT INTO rsvp_answer (event_id, guest_id, reply, heads, note, entered_by, is_current, at)
SELECT event_id, id, CASE WHEN id %% 7 = 0 THEN 'no' WHEN id %% 11 = 0 THEN 'maybe' ELSE 'yes' END,
       CASE WHEN id %% 7 = 0 THEN 0 ELSE 2 END, '', '', 1, datetime('now', '-' || (id %% 80000) || ' seconds')
  FROM guests_guest
 WHERE event_id = %s AND id %% 100 >= %s AND id %% 100 < %s
"""


def _fill() -> Any:
    """All invited but 1,000 without a number; one in a hundred failed."""
    from django.db import connection

    from cordially.events.creating import create
    from cordially.invitations import campaigns
    from cordially.invitations.models import Campaign, CampaignState
    from cordially.lib.clock import now

    event = create("Large", slug="large", starts="2027-05-01T18:00", timezone="Asia/Jerusalem", venue="Hall")
    with connection.cursor() as cursor:
        stage.insert_guests(cursor, event.pk, GUESTS, first=0)
        cursor.execute(
            "UPDATE guests_guest SET \"group\" = 'Table ' || (id %% 9) WHERE event_id = %s", [event.pk]
        )
        cursor.execute(
            "UPDATE guests_guest SET phone = '', phone_problem = 'ambiguous', phone_raw = id, phone_note = 'Two.'"
            " WHERE event_id = %s AND id %% 100 = 7",
            [event.pk],
        )
    campaign = campaigns.start_campaign(event, event.guests.all(), template=stage.approved_default())
    with connection.cursor() as cursor:
        cursor.execute(_STATES + " AND state = 'queued'", [campaign.pk])
        cursor.execute(_HAPPENED, [campaign.pk])
    Campaign.objects.filter(pk=campaign.pk).update(state=CampaignState.FINISHED, finished_at=now())
    return event


def _median(act: Callable[[], object], times: int = 11) -> float:
    took = []
    for _ in range(times):
        begun = time.perf_counter()
        act()
        took.append(time.perf_counter() - begun)
    return statistics.median(took)


def overview() -> None:
    from django.contrib.auth.models import User
    from django.db import connection
    from django.test import Client

    from cordially.dashboard import frames
    from cordially.setup import collect_static

    collect_static()
    event = _fill()
    host, _ = User.objects.get_or_create(username="bench", defaults={"is_superuser": True})
    browser = Client(SERVER_NAME="127.0.0.1")
    browser.force_login(host)

    def page() -> None:
        if browser.get(f"/e/{event.slug}/").status_code != 200:
            raise RuntimeError("no overview")

    def frame() -> None:
        frames.shared.clear()
        frames.OverviewFrames(event).draw(None)

    answered = 0
    for share in (0, 36, 90):
        with connection.cursor() as cursor:
            cursor.execute(_ANSWERS, [event.pk, answered, share])
        answered = share
        slow = _median(lambda: frames.slow_context(event), 3)
        stage.line(
            f"overview, {GUESTS:,} guests, {share}% answered", f"{_median(page) * 1000:.0f} ms",
            "goal: under 100 ms", f"a frame {_median(frame) * 1000:.0f} ms, chart and tables {slow * 1000:.0f} ms",
        )  # fmt: skip
