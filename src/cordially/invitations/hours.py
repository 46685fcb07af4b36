"""When a campaign may send: from a time that the host chose, and never in an event's quiet hours.

A campaign that waits for its time is `scheduled`; one in its event's quiet hours has `quiet_until`. The sweep
moves both, a little ahead of the clock, so that nothing is claimed which would leave too late in the evening.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import QuerySet

from cordially.events.models import Event
from cordially.lib.marking import noop

from .ledger import queue_up_again
from .models import Campaign, CampaignState, EventSending, Review, TemplateVersion

#: WhatsApp stopped a template
_STOPPED = {
    Review.REJECTED: noop("WhatsApp rejected the template “{template}”."),
    Review.PAUSED: noop("WhatsApp paused the template “{template}”."),
    Review.DISABLED: noop("WhatsApp disabled the template “{template}”."),
}
#: the same, with its own words
_STOPPED_AND_SAID = {
    Review.REJECTED: noop("WhatsApp rejected the template “{template}”. “{said}”"),
    Review.PAUSED: noop("WhatsApp paused the template “{template}”. “{said}”"),
    Review.DISABLED: noop("WhatsApp disabled the template “{template}”. “{said}”"),
}
#: of its own words: a reason has room for 300 signs in all
_MOST_SAID = 160

#: a sweep comes every second, and what is claimed leaves within half of one
AHEAD = dt.timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Quiet:
    """Hours of every day in which nobody is disturbed, on the clock of `zone`. They may pass midnight."""

    begins: dt.time
    ends: dt.time
    zone: ZoneInfo

    def until(self, at: dt.datetime) -> dt.datetime | None:
        """The instant at which quiet that holds at `at` is over; None when it doesn't hold."""
        day = at.astimezone(self.zone).date()
        for start_day in (day - dt.timedelta(days=1), day):
            begins, ends = self._of(start_day)
            if begins <= at < ends:
                return ends
        return None

    def next(self, at: dt.datetime) -> dt.datetime:
        """The instant at which it begins next; `at` itself while it holds."""
        if self.until(at):
            return at
        day = at.astimezone(self.zone).date()
        return min(
            begins
            for offset in (-1, 0, 1, 2)
            if (begins := self._of(day + dt.timedelta(days=offset))[0]) >= at
        )

    def _of(self, day: dt.date) -> tuple[dt.datetime, dt.datetime]:
        """Beginning and end of the hours that begin on this day."""
        ends_on = day if self.ends > self.begins else day + dt.timedelta(days=1)
        return self._instant(day, self.begins), self._instant(ends_on, self.ends)

    def _instant(self, day: dt.date, time: dt.time) -> dt.datetime:
        return dt.datetime.combine(day, time, self.zone).astimezone(dt.UTC)


def quiet_of(event: Event) -> Quiet | None:
    """The event's quiet hours, if it has any."""
    found = EventSending.objects.filter(event=event).first()
    return _quiet(found, event) if found else None


def leaves_at(event: Event, at: dt.datetime) -> dt.datetime:
    """When a message leaves that should leave at `at`."""
    quiet = quiet_of(event)
    return (quiet.until(at) if quiet else None) or at


def _quiet(found: EventSending, event: Event) -> Quiet | None:
    if found.quiet_from is None or found.quiet_until is None:
        return None
    return Quiet(found.quiet_from, found.quiet_until, event.zone)


def keep(now: dt.datetime) -> int:
    """Begin what waited for this instant, and heed quiet hours. Returns how many campaigns changed."""
    return _begin(now) + _hush(now) + _speak(now)


def _begin(now: dt.datetime) -> int:
    due = Campaign.objects.filter(state=CampaignState.SCHEDULED, starts_at__lte=now)
    return sum(begin(pk, now) for pk in due.values_list("pk", flat=True))


@transaction.atomic
def begin(campaign_id: int, now: dt.datetime) -> bool:
    """Let a scheduled campaign send from now on. False when it isn't scheduled any more."""
    row = Campaign.objects.select_for_update(of=("self",)).select_related("sender").get(pk=campaign_id)
    if row.state != CampaignState.SCHEDULED:
        return False
    if stopped := _stopped_text(row):
        # it would be refused, and nobody would be told before that
        Campaign.objects.filter(pk=row.pk).update(
            state=CampaignState.PAUSED, starts_at=now, paused_reason=stopped[:300], changed_at=now
        )
        return True
    # others had their turns while it waited
    queue_up_again(row)
    Campaign.objects.filter(pk=row.pk).update(state=CampaignState.RUNNING, starts_at=now, changed_at=now)
    heed(row.pk, now)
    return True


def _stopped_text(campaign: Campaign) -> str:
    """Why one of its texts can't be sent any more; empty when all of them can."""
    refs = campaign.texts.values("content_ref")
    stops = [Review.PAUSED, Review.DISABLED, Review.REJECTED]
    versions = TemplateVersion.objects.filter(account=campaign.sender.account, ref__in=refs, state__in=stops)
    found = versions.select_related("text__template").first()
    return stopped(found) if found else ""


def stopped(version: TemplateVersion) -> str:
    """Why nothing more is sent with a version that WhatsApp stopped: its campaigns carry this sentence."""
    return stop_of(Review(version.state), str(version.text.template), version.reason)


def stop_of(state: Review, template: str, said: str = "") -> str:
    """`said`: WhatsApp's own words, of which only as many are told as there is room for."""
    if len(said) > _MOST_SAID:
        said = f"{said[: _MOST_SAID - 1]}…"
    told = _STOPPED_AND_SAID if said else _STOPPED
    return told[state].format(template=template, said=said)


def heed(campaign_id: int, now: dt.datetime) -> bool:
    """Let nothing of it leave while its event is quiet. In the transaction that lets it send."""
    campaign = Campaign.objects.select_related("event__sending").get(pk=campaign_id)
    until = _holds_until(campaign.event, now)
    return bool(until and Campaign.objects.filter(pk=campaign_id).update(quiet_until=until, changed_at=now))


def _holds_until(event: Event, now: dt.datetime) -> dt.datetime | None:
    sending = getattr(event, "sending", None)
    quiet = _quiet(sending, event) if sending else None
    return (quiet.until(now) or quiet.until(now + AHEAD)) if quiet else None


def _hush(now: dt.datetime) -> int:
    """Campaigns whose quiet hours begin, or are about to."""
    speaking = _open().filter(quiet_until=None, event__sending__quiet_from__isnull=False)
    return sum(heed(campaign.pk, now) for campaign in speaking if _holds_until(campaign.event, now))


def _speak(now: dt.datetime) -> int:
    """Campaigns whose quiet hours are over, or were changed by the host."""
    changed = 0
    for campaign in _open().exclude(quiet_until=None):
        until = _holds_until(campaign.event, now)
        if until != campaign.quiet_until:
            changed += _go_on(campaign.pk, until, now)
    return changed


def _open() -> QuerySet[Campaign]:
    states = [CampaignState.RUNNING, CampaignState.PAUSED]
    return Campaign.objects.filter(state__in=states).select_related("event__sending")


@transaction.atomic
def _go_on(campaign_id: int, until: dt.datetime | None, now: dt.datetime) -> int:
    row = Campaign.objects.select_for_update(of=("self",)).select_related("sender").get(pk=campaign_id)
    if until is None:
        queue_up_again(row)
    return Campaign.objects.filter(pk=row.pk).update(quiet_until=until, changed_at=now)
