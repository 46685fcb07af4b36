"""Guest: a person of one event's list, and whether a message can reach them."""

from __future__ import annotations

import secrets

from django.db import models
from django.db.models import Q

from cordially.events.models import Event


class PhoneProblem(models.TextChoices):
    """Why a guest has no number that a message may go to."""

    NONE = "", "fine"
    NO_PHONE = "no_phone", "No number"
    AMBIGUOUS = "ambiguous", "More than one reading"
    INVALID = "invalid", "Not a number that can be called"


def new_token() -> str:
    """The secret in a guest's personal link: 160 random bits, URL-safe, 27 characters."""
    return secrets.token_urlsafe(20)


class Guest(models.Model):
    """One person (or household) of one event.

    `phone` is E.164 or empty. When it is empty, `phone_problem` says why, `phone_note` says it in plain
    words, and `phone_raw` keeps what the list had. Two guests may share a phone: they are a household, and
    each gets an invitation of their own.
    """

    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="guests")
    name = models.CharField(max_length=200)
    #: the name as compared: case-folded, spaces and invisible marks normalised (see importing.name_key)
    name_key = models.CharField(max_length=200)
    phone = models.CharField(max_length=16, blank=True)
    phone_raw = models.CharField(max_length=120, blank=True)
    phone_problem = models.CharField(max_length=10, choices=PhoneProblem.choices, blank=True)
    phone_note = models.CharField(max_length=200, blank=True)
    language = models.CharField(max_length=10, blank=True)
    group = models.CharField(max_length=80, blank=True)
    note = models.CharField(max_length=500, blank=True)
    #: how many people this invitation is for
    party_size = models.PositiveSmallIntegerField(default=1)
    #: the guest's own template variables, name -> text (every further column of the list)
    fields = models.JSONField(default=dict, blank=True)
    #: they asked not to be written to
    opted_out_at = models.DateTimeField(null=True, blank=True)
    token = models.CharField(max_length=43, unique=True, default=new_token)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["event", "phone", "name_key"], condition=~Q(phone=""), name="guest_once_by_phone"
            ),
            models.UniqueConstraint(
                fields=["event", "name_key", "phone_raw"],
                condition=Q(phone=""),
                name="guest_once_without_phone",
            ),
            models.CheckConstraint(
                condition=(~Q(phone="") & Q(phone_problem="")) | (Q(phone="") & ~Q(phone_problem="")),
                name="guest_phone_or_problem",
            ),
        ]
        indexes = [
            models.Index(fields=["event", "name_key"], name="guest_by_name"),
            # the few who can't be written to, found without a walk through the whole list
            models.Index(fields=["event"], condition=Q(phone=""), name="guest_without_phone"),
            models.Index(fields=["event"], condition=Q(opted_out_at__isnull=False), name="guest_opted_out"),
        ]

    def __str__(self) -> str:
        return self.name
