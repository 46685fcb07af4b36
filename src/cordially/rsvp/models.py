"""Answer: what a guest said on their personal page."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy

from cordially.events.models import Event
from cordially.guests.models import Guest


class Reply(models.TextChoices):
    YES = "yes", gettext_lazy("Coming")
    NO = "no", gettext_lazy("Can’t come")
    MAYBE = "maybe", gettext_lazy("Maybe")


class Answer(models.Model):
    """One answer of one guest. Append-only: the newest counts, the older ones are its history.

    The growing id is what the live pages follow.
    """

    guest = models.ForeignKey(Guest, on_delete=models.CASCADE, related_name="answers")
    #: the guest's, who never changes it: what counts answers needn't look at every guest
    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="answers", db_index=False)
    reply = models.CharField(max_length=5, choices=Reply.choices)
    #: how many people come; 0 unless the reply is yes or maybe
    heads = models.PositiveSmallIntegerField(default=0)
    note = models.CharField(max_length=500, blank=True)
    is_current = models.BooleanField(default=True)
    #: the name of a host who entered it for the guest; empty when the guest did
    entered_by = models.CharField(max_length=150, blank=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        indexes = [
            # answers them all: how many said what, and how many people that is
            models.Index(
                fields=["event", "reply", "heads"], condition=Q(is_current=True), name="answer_by_event"
            )
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["guest"], condition=Q(is_current=True), name="answer_current_once"
            ),
            models.CheckConstraint(condition=~Q(reply="no") | Q(heads=0), name="answer_no_means_nobody"),
        ]

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.event_id is None:
            self.event_id = self.guest.event_id
        super().save(*args, **kwargs)
