"""The ledger's rows. Only `ledger.py` moves them."""

from __future__ import annotations

import secrets
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy

from cordially.events.models import Event
from cordially.guests.models import Guest
from cordially.templating.components import Components, buttons_of
from cordially.templating.variables import Slot

from .lifecycle import State


class Account(models.Model):
    """An account at the provider whose credentials a host entered. `vault.py` seals them and opens them.

    What the environment names has no row here.
    """

    #: the provider's own name for it
    sid = models.CharField(max_length=64, unique=True)
    #: how it calls itself there
    name = models.CharField(max_length=80, blank=True)
    #: sealed: what signs reports, and requests where there is no key. Empty when only a key was given
    token = models.TextField(blank=True)
    #: its last signs, to be recognised by
    token_end = models.CharField(max_length=4, blank=True)
    key_sid = models.CharField(max_length=64, blank=True)
    #: sealed
    key_secret = models.TextField(blank=True)
    key_end = models.CharField(max_length=4, blank=True)
    #: sealed: the token of before. Reports that it signed may still be on their way
    former_token = models.TextField(blank=True)
    former_until = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=~Q(token="") | ~Q(key_secret=""), name="account_has_secret"),
        ]

    def __str__(self) -> str:
        return self.name or self.sid


class SenderState(models.TextChoices):
    ACTIVE = "active", gettext_lazy("Active")
    PAUSED = (
        "paused",
        gettext_lazy("Paused"),
    )  # by a fault that a person must mend; the reason stands beside it


class Sender(models.Model):
    """A WhatsApp number that messages leave from, with its limits and its lease.

    The limits belong to the number, so one worker at a time drains it: the holder of the lease.
    """

    #: the provider account that the number belongs to
    account = models.CharField(max_length=64)
    #: E.164
    phone = models.CharField(max_length=16)
    name = models.CharField(max_length=80, blank=True)
    per_second = models.PositiveIntegerField(default=80)
    #: messages in any 60 minutes; empty for no limit
    per_hour = models.PositiveIntegerField(null=True, blank=True, default=1000)
    #: different people in any 24 hours; empty for no limit
    per_day = models.PositiveIntegerField(null=True, blank=True, default=None)

    state = models.CharField(max_length=10, choices=SenderState.choices, default=SenderState.ACTIVE)
    paused_at = models.DateTimeField(null=True, blank=True)
    paused_code = models.PositiveIntegerField(null=True, blank=True)
    paused_reason = models.CharField(max_length=300, blank=True)
    #: the provider asked for less: nothing is claimed before this instant
    held_until = models.DateTimeField(null=True, blank=True)
    held_reason = models.CharField(max_length=300, blank=True)
    #: codes of faults after which the host resumed: who meets them again fails alone
    resumed_past = models.JSONField(default=list, blank=True)
    #: when the provider said last that it was too fast
    slowed_at = models.DateTimeField(null=True, blank=True)

    lease_holder = models.CharField(max_length=40, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    #: the turn of the row claimed last: where the next campaign joins the queue
    turn = models.BigIntegerField(default=0)
    #: when the last callback with a valid signature arrived
    heard_at = models.DateTimeField(null=True, blank=True)
    #: callbacks since then whose signature didn't fit, when the last of them came, and what it looked like
    refused_count = models.PositiveIntegerField(default=0)
    refused_at = models.DateTimeField(null=True, blank=True)
    refused_why = models.CharField(max_length=500, blank=True)
    #: when the provider was asked about the number last, and what it said then; empty where it didn't
    checked_at = models.DateTimeField(null=True, blank=True)
    checked_ms = models.PositiveIntegerField(null=True, blank=True)
    registered_as = models.CharField(max_length=80, blank=True)
    #: the provider's word for how the number stands, like ONLINE
    standing = models.CharField(max_length=40, blank=True)
    #: WhatsApp's word: HIGH, MEDIUM, LOW
    quality = models.CharField(max_length=20, blank=True)
    #: why the last check failed
    checked_trouble = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["account", "phone"], name="sender_once"),
            models.CheckConstraint(
                condition=Q(state="active", paused_at=None) | (Q(state="paused") & ~Q(paused_at=None)),
                name="sender_paused_has_time",
            ),
            models.CheckConstraint(condition=Q(per_second__gte=1), name="sender_per_second_positive"),
        ]

    def __str__(self) -> str:
        return self.name or self.phone


class Duty(models.Model):
    """Work that one process at a time does for all, like the sweep: its lease."""

    name = models.CharField(max_length=100, primary_key=True)
    holder = models.CharField(max_length=40)
    until = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class Comparison(models.Model):
    """What Twilio lists for an account is compared with a copy that was brought back: until then nothing leaves."""

    account = models.CharField(max_length=64, primary_key=True)
    #: messages that were made earlier are known to the copy
    since = models.DateTimeField()
    begun_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True, blank=True)
    #: invitations of the copy that had left
    counted = models.PositiveIntegerField(default=0)
    #: guests who got a message of which the copy knows nothing
    marked = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return self.account


class EventSending(models.Model):
    """How the messages of an event leave."""

    event = models.OneToOneField(Event, on_delete=models.CASCADE, related_name="sending")
    #: empty: the sender that the configuration names
    sender = models.ForeignKey(Sender, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    #: on the clock of the event; both or neither. `quiet_until` may be on the next day
    quiet_from = models.TimeField(null=True, blank=True)
    quiet_until = models.TimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(quiet_from=None, quiet_until=None)
                | (~Q(quiet_from=None) & ~Q(quiet_until=None) & ~Q(quiet_from=models.F("quiet_until"))),
                name="event_sending_quiet_is_a_span",
            )
        ]


class Category(models.TextChoices):
    """What WhatsApp takes a template for; it decides about the price, and who can be reached."""

    MARKETING = "MARKETING", gettext_lazy("Marketing")
    UTILITY = "UTILITY", gettext_lazy("Utility")


class MessageTemplate(models.Model):
    """What a message says: one text for each language, all under one name."""

    name = models.SlugField(max_length=80, unique=True)
    #: what the host calls it
    title = models.CharField(max_length=80)
    category = models.CharField(max_length=20, choices=Category.choices, default=Category.MARKETING)
    #: whose text is read by guests for whose language there is none; empty: they are left out
    fallback_language = models.CharField(max_length=10, blank=True)
    archived_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["title", "id"]

    def __str__(self) -> str:
        return self.title


class Worded(models.Model):
    """The parts of a message, with named variables like `{{guest_name}}` (see `templating.components`)."""

    header = models.CharField(max_length=200, blank=True)
    image = models.CharField(max_length=500, blank=True)
    body = models.TextField()
    footer = models.CharField(max_length=200, blank=True)
    buttons = models.JSONField(default=list, blank=True)

    class Meta:
        abstract = True

    @property
    def components(self) -> Components:
        return Components(self.body, self.header, self.image, self.footer, buttons_of(self.buttons))

    @staticmethod
    def columns(given: Components) -> dict[str, Any]:
        """The reverse of `components`: column -> value."""
        return {
            "header": given.header,
            "image": given.image,
            "body": given.body,
            "footer": given.footer,
            "buttons": given.buttons_json,
        }


class TemplateText(Worded):
    """A template in one language, as it is written now: the draft."""

    template = models.ForeignKey(MessageTemplate, on_delete=models.CASCADE, related_name="texts")
    language = models.CharField(max_length=10)
    saved_at = models.DateTimeField(default=timezone.now)
    #: while somebody hands it in: since when
    claimed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["template", "language"], name="template_text_once")]


class Review(models.TextChoices):
    """Where WhatsApp's review of a version stands."""

    UNSUBMITTED = "unsubmitted", gettext_lazy("Not handed in")
    RECEIVED = "received", gettext_lazy("Waiting")  # the provider has it, WhatsApp not yet
    PENDING = "pending", gettext_lazy("Waiting")
    APPROVED = "approved", gettext_lazy("Approved")
    REJECTED = "rejected", gettext_lazy("Rejected")
    PAUSED = "paused", gettext_lazy("Paused")  # after complaints; WhatsApp releases it by itself
    DISABLED = "disabled", gettext_lazy("Disabled")
    UNKNOWN = "unknown", gettext_lazy("Not known yet")


class TemplateVersion(Worded):
    """A text as one provider account knows it: handed in once, and never changed."""

    text = models.ForeignKey(TemplateText, on_delete=models.CASCADE, related_name="versions")
    #: 1 is the first that was handed in
    number = models.PositiveIntegerField()
    account = models.CharField(max_length=64)
    ref = models.CharField(max_length=64)
    #: as WhatsApp has it, which may not be what was asked for
    category = models.CharField(max_length=20, choices=Category.choices)
    #: what was asked for; empty where nobody kept it
    asked_category = models.CharField(max_length=20, choices=Category.choices, blank=True)
    #: slots in the order of the provider's numbers: the first is {{1}}
    variables = models.JSONField(default=list)
    #: what the link button's address begins with; empty without one
    link_base = models.CharField(max_length=300, blank=True)
    state = models.CharField(max_length=12, choices=Review.choices, default=Review.UNSUBMITTED)
    #: WhatsApp's own words for a rejection
    reason = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    #: when WhatsApp's word changed last, and when it was asked last
    changed_at = models.DateTimeField(default=timezone.now)
    checked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["text", "account", "number"], name="template_version_once"),
            # of two versions with one reference, one would say what is not sent
            models.UniqueConstraint(fields=["account", "ref"], name="template_version_ref_once"),
        ]

    @property
    def slots(self) -> tuple[Slot, ...]:
        return tuple(map(Slot.read, self.variables))


class CampaignState(models.TextChoices):
    SCHEDULED = "scheduled", gettext_lazy("Scheduled")  # waits for the time that the host chose
    RUNNING = "running", gettext_lazy("Sending")
    PAUSED = "paused", gettext_lazy("Paused")
    CANCELLED = "cancelled", gettext_lazy("Cancelled")
    FINISHED = "finished", gettext_lazy("Finished")


def new_uid() -> str:
    return secrets.token_hex(6)


class Campaign(models.Model):
    """One press on Send: a template, a sender and a frozen audience. Its invitations are the ledger."""

    #: what the messages are for: nobody gets a second one for the same purpose unless the host says so
    purpose = models.SlugField(max_length=40, default="invitation")
    #: part of every attempt's key, so that another installation's callbacks match nothing here
    uid = models.CharField(max_length=12, unique=True, default=new_uid)
    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="campaigns")
    sender = models.ForeignKey(Sender, on_delete=models.PROTECT, related_name="campaigns")
    template = models.ForeignKey(MessageTemplate, on_delete=models.PROTECT, related_name="campaigns")
    name = models.CharField(max_length=120)
    state = models.CharField(max_length=10, choices=CampaignState.choices, default=CampaignState.RUNNING)
    #: scheduled: when it begins by itself; later, when it began. Empty: it began when Send was pressed
    starts_at = models.DateTimeField(null=True, blank=True)
    #: its event's quiet hours hold: nothing of it leaves before this instant
    quiet_until = models.DateTimeField(null=True, blank=True)
    paused_reason = models.CharField(max_length=300, blank=True)
    paused_code = models.PositiveIntegerField(null=True, blank=True)
    #: codes of faults after which the host resumed: who meets them again fails alone
    resumed_past = models.JSONField(default=list, blank=True)
    #: how many guests were chosen = the sum of the states of its invitations
    audience = models.PositiveIntegerField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    changed_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["sender", "state"], name="campaign_by_sender")]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["scheduled", "running", "paused"], finished_at=None)
                | (Q(state__in=["cancelled", "finished"]) & ~Q(finished_at=None)),
                name="campaign_finished_has_time",
            ),
            models.CheckConstraint(
                condition=~Q(state="scheduled") | ~Q(starts_at=None), name="campaign_scheduled_has_time"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class CampaignText(Worded):
    """What was confirmed for one language, kept as it was: whatever becomes of the template, this is sent."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="texts")
    #: names it within the campaign; an invitation carries it
    key = models.CharField(max_length=100, blank=True)
    language = models.CharField(max_length=10)
    content_ref = models.CharField(max_length=64)
    variables = models.JSONField(default=list)
    #: what the event says to everyone in this language
    event_values = models.JSONField(default=dict)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["campaign", "key"], name="campaign_text_once")]

    @property
    def slots(self) -> tuple[Slot, ...]:
        return tuple(map(Slot.read, self.variables))


class Invitation(models.Model):
    """One guest's invitation in one campaign: a row of the ledger, and an entry of the queue."""

    #: no index of its own: the unique pair with the guest serves
    campaign = models.ForeignKey(
        Campaign, on_delete=models.CASCADE, related_name="invitations", db_index=False
    )
    guest = models.ForeignKey(Guest, on_delete=models.CASCADE, related_name="invitations")
    #: the newest that says something about this guest; at most one a guest
    is_current = models.BooleanField(default=True)
    #: the `key` of the campaign's text that this guest reads
    text = models.CharField(max_length=100, blank=True)
    #: E.164, frozen when it was queued; empty when skipped for want of a number
    phone = models.CharField(max_length=16, blank=True)
    state = models.CharField(max_length=10, choices=State.choices)
    #: queued: not before this instant; empty = as soon as it is its turn
    due_at = models.DateTimeField(null=True, blank=True)
    #: unsure, accepted, sent, delivered: when to ask the provider next
    look_at = models.DateTimeField(null=True, blank=True)
    #: place in the sender's queue (start-time fair queueing)
    turn = models.BigIntegerField(default=0)
    #: how many times a request was made or begun; names the attempt in its key
    attempts = models.PositiveSmallIntegerField(default=0)
    #: how many of them were refused or failed on their way since a person last asked for it
    tries = models.PositiveSmallIntegerField(default=0)
    #: the provider's id of the message that the last attempt made
    message_id = models.CharField(max_length=64, null=True, blank=True, unique=True)
    code = models.PositiveIntegerField(null=True, blank=True)
    error_class = models.CharField(max_length=16, blank=True)
    #: the plain sentence that the host reads
    reason = models.CharField(max_length=300, blank=True)

    queued_at = models.DateTimeField(null=True, blank=True)
    sending_at = models.DateTimeField(null=True, blank=True)
    accepted_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    read_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)
    changed_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["campaign", "guest"], name="invitation_once"),
            models.UniqueConstraint(
                fields=["guest"], condition=Q(is_current=True), name="invitation_current_once"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["cancelled", "skipped"]) | ~Q(phone=""), name="invitation_has_phone"
            ),
            models.CheckConstraint(
                condition=~Q(state="sending") | (Q(attempts__gte=1) & ~Q(sending_at=None)),
                name="invitation_sending_is_an_attempt",
            ),
            models.CheckConstraint(
                condition=~Q(state="queued") | ~Q(queued_at=None), name="invitation_queued_has_time"
            ),
            models.CheckConstraint(
                condition=~Q(state="unsure") | ~Q(look_at=None), name="invitation_unsure_is_looked_up"
            ),
            models.CheckConstraint(
                condition=~Q(state="accepted") | ~Q(accepted_at=None), name="invitation_accepted_has_time"
            ),
            models.CheckConstraint(
                condition=~Q(state="sent") | ~Q(sent_at=None), name="invitation_sent_has_time"
            ),
            models.CheckConstraint(
                condition=~Q(state="failed") | ~Q(failed_at=None), name="invitation_failed_has_time"
            ),
            models.CheckConstraint(
                condition=~Q(state="delivered") | ~Q(delivered_at=None), name="invitation_delivered_has_time"
            ),
            models.CheckConstraint(
                condition=~Q(state="read") | ~Q(read_at=None), name="invitation_read_has_time"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["failed", "skipped"]) | ~Q(reason=""),
                name="invitation_ends_with_reason",
            ),
            models.CheckConstraint(
                condition=Q(state="queued") | Q(due_at=None), name="invitation_due_only_queued"
            ),
        ]
        indexes = [
            # the counts of a campaign and of an event are read from the index alone
            models.Index(fields=["campaign", "state", "is_current"], name="invitation_by_state"),
            models.Index(
                fields=["campaign", "turn"],
                condition=Q(state="queued", due_at=None),
                name="invitation_ready",
            ),
            models.Index(
                fields=["due_at"], condition=Q(state="queued", due_at__isnull=False), name="invitation_due"
            ),
            models.Index(fields=["look_at"], condition=Q(look_at__isnull=False), name="invitation_look"),
            models.Index(fields=["sending_at"], condition=Q(state="sending"), name="invitation_sending"),
        ]


class FormerMessage(models.Model):
    """A message of an earlier attempt, before another was made: nobody's proof for the newer one."""

    invitation = models.ForeignKey(Invitation, on_delete=models.CASCADE, related_name="former_messages")
    message_id = models.CharField(max_length=64, unique=True)


class Source(models.TextChoices):
    """Who said so."""

    HOST = "host"
    ENGINE = "engine"
    CALLBACK = "callback"
    LOOKUP = "lookup"
    RESCUE = "rescue"


class StatusEvent(models.Model):
    """One thing that happened to one invitation. Append-only; its growing id is the feed of the live pages.

    `status` is one of State, or `unknown` for a word of the provider's that is new to us (kept in `note`).
    """

    invitation = models.ForeignKey(Invitation, on_delete=models.CASCADE, related_name="status_events")
    attempt = models.PositiveSmallIntegerField(default=0)
    status = models.CharField(max_length=10)
    at = models.DateTimeField()
    code = models.PositiveIntegerField(null=True, blank=True)
    source = models.CharField(max_length=10, choices=Source.choices)
    note = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["at"], condition=Q(status="sending"), name="status_event_attempts")]


class UnmatchedCallback(models.Model):
    """A signed callback that fits no invitation: kept, because nothing that Twilio says is thrown away."""

    at = models.DateTimeField()
    message_id = models.CharField(max_length=64, db_index=True)
    status = models.CharField(max_length=32)
    key = models.CharField(max_length=64, blank=True)
    code = models.PositiveIntegerField(null=True, blank=True)

    class Meta:
        ordering = ["id"]


class TestMessage(models.Model):
    """A message to the host's own number, to see it on a real phone. It is in no campaign and counts nowhere.

    The states are those of an invitation; like one it leaves at most once.
    """

    __test__ = False  # not one of pytest's

    sender = models.ForeignKey(Sender, on_delete=models.CASCADE, related_name="test_messages")
    template = models.ForeignKey(MessageTemplate, on_delete=models.CASCADE, related_name="+")
    #: E.164
    phone = models.CharField(max_length=16)
    content_ref = models.CharField(max_length=64)
    #: what stands in the provider's numbers, in their order
    values = models.JSONField(default=list)
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    message_id = models.CharField(max_length=64, blank=True)
    code = models.PositiveIntegerField(null=True, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    #: when its request was begun
    left_at = models.DateTimeField(null=True, blank=True)
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["queued", "failed"]) | ~Q(left_at=None),
                name="test_message_left_has_time",
            ),
            models.CheckConstraint(
                condition=~Q(state="failed") | ~Q(reason=""), name="test_message_failed_has_reason"
            ),
        ]
        indexes = [
            models.Index(fields=["sender", "left_at"], name="test_message_by_sender"),
            models.Index(
                fields=["state"],
                condition=~Q(state__in=["read", "failed"]),
                name="test_message_open",
            ),
        ]


class PriceBook(models.Model):
    """What the host pays for a message apart from its country: one row for the installation."""

    currency = models.CharField(max_length=3, default="USD")
    #: the provider's own fee for each message
    provider_fee = models.DecimalField(max_digits=10, decimal_places=5)
    changed_at = models.DateTimeField(default=timezone.now)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )


class Price(models.Model):
    """WhatsApp's fee for one delivered message to a country, as the host entered it."""

    #: ISO 3166, or empty for everywhere else
    country = models.CharField(max_length=2, blank=True)
    category = models.CharField(max_length=20, choices=Category.choices)
    fee = models.DecimalField(max_digits=10, decimal_places=5)

    class Meta:
        ordering = ["country", "category"]
        constraints = [
            models.UniqueConstraint(fields=["country", "category"], name="price_once"),
            models.CheckConstraint(condition=Q(fee__gte=0), name="price_not_negative"),
        ]
