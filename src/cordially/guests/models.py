"""Guest: a person of one event's list, and whether a message can reach them."""

from __future__ import annotations

import secrets
from typing import ClassVar

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext, gettext_lazy

from cordially.events.models import Event


class PhoneProblem(models.TextChoices):
    """Why a guest has no number that a message may go to."""

    NONE = "", "fine"
    NO_PHONE = "no_phone", gettext_lazy("No number")
    AMBIGUOUS = "ambiguous", gettext_lazy("More than one reading")
    INVALID = "invalid", gettext_lazy("Not a number that can be called")


def new_token() -> str:
    """The secret in a guest's personal link: 160 random bits, URL-safe, 27 characters."""
    return secrets.token_urlsafe(20)


class Tag(models.Model):
    """A word by which a host groups guests of an event; a guest may have several."""

    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="tags")
    name = models.CharField(max_length=40)
    #: as compared, like a guest's
    name_key = models.CharField(max_length=40)

    class Meta:
        ordering = ["name_key"]
        constraints = [models.UniqueConstraint(fields=["event", "name_key"], name="tag_once")]

    def __str__(self) -> str:
        return self.name


class PresentGuests(models.Manager["Guest"]):
    """Without those who were taken off the list: nothing can be sent to them, and no figure counts them."""

    def get_queryset(self) -> models.QuerySet[Guest]:
        return super().get_queryset().filter(removed_at=None)


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
    #: the import that added them
    brought_by = models.ForeignKey(
        "GuestImport", on_delete=models.SET_NULL, null=True, blank=True, related_name="brought"
    )
    tags = models.ManyToManyField(Tag, related_name="guests", blank=True)
    #: the host invited them in person; no invitation goes to them
    in_person_at = models.DateTimeField(null=True, blank=True)
    #: taken off the list; the row stays, because the ledger's history hangs on it
    removed_at = models.DateTimeField(null=True, blank=True)
    #: counts the changes by hand, so that a form that is out of date is told
    version = models.PositiveIntegerField(default=0, db_default=0)

    objects = PresentGuests()
    everybody = models.Manager["Guest"]()

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
            # the list in its own order, page by page, whoever else has guests
            models.Index(fields=["event", "id"], condition=Q(removed_at=None), name="guest_in_order"),
            models.Index(fields=["event", "removed_at"], name="guest_on_the_list"),
            # the few who can't be written to or were asked in person, found without a walk through the whole list;
            # with a column more than the first has, or SQLite, which knows no figures, takes that for as good
            models.Index(
                fields=["event", "removed_at", "in_person_at"],
                condition=Q(in_person_at__isnull=False),
                name="guest_met",
            ),
            models.Index(
                fields=["event", "removed_at", "phone"], condition=Q(phone=""), name="guest_without_phone"
            ),
            models.Index(
                fields=["event", "removed_at", "opted_out_at"],
                condition=Q(opted_out_at__isnull=False),
                name="guest_opted_out",
            ),
            models.Index(fields=["event", "name_key"], name="guest_by_name"),
        ]

    def __str__(self) -> str:
        return self.name


class ImportState(models.TextChoices):
    """How far an import is. Nothing is on the guest list before `done`."""

    COLUMNS = "columns", gettext_lazy("Columns to confirm")
    CHECKING = "checking", gettext_lazy("Being read")
    CHECK = "check", gettext_lazy("To look at")
    IMPORTING = "importing", gettext_lazy("On its way")
    DONE = "done", gettext_lazy("Imported")
    UNDOING = "undoing", gettext_lazy("Being undone")
    UNDONE = "undone", gettext_lazy("Undone")


class GuestImport(models.Model):
    """A list on its way to the guests of an event, and what became of it.

    The list itself is kept in `lots` until a day after anybody last touched it; this row stays for longer, so that
    the import can be undone.
    """

    WORKING: ClassVar = (ImportState.CHECKING, ImportState.IMPORTING, ImportState.UNDOING)

    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="imports")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    touched_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    state = models.CharField(max_length=10, choices=ImportState.choices, default=ImportState.COLUMNS)
    #: "" when it was pasted
    filename = models.CharField(max_length=200, blank=True)
    header = models.JSONField(default=list)
    #: rows of the list, without the titles
    rows = models.PositiveIntegerField(default=0)
    #: for each column: a role, "field", or "" when it is ignored
    uses = models.JSONField(default=list)
    country = models.CharField(max_length=2, blank=True)
    twice = models.CharField(max_length=6, default="join")
    existing = models.CharField(max_length=6, default="leave")
    households = models.CharField(max_length=6, default="each")
    #: of all that the dry run says; the last button carries it
    fingerprint = models.CharField(max_length=64, blank=True)
    #: kind of row -> rows, as of the dry run; with what the import did, when it is done
    counts = models.JSONField(default=dict)
    #: why the last step was not done, for the host
    trouble = models.CharField(max_length=500, blank=True)
    #: what undoing did
    undone = models.JSONField(default=dict)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["event", "-id"], name="import_by_event")]

    def __str__(self) -> str:
        return self.filename or gettext("pasted list")

    @property
    def is_working(self) -> bool:
        return self.state in self.WORKING


class ImportLot(models.Model):
    """Some rows of a list: the cells as they came (`cells`), the guests read from them, and what comparing said."""

    draft = models.ForeignKey(GuestImport, on_delete=models.CASCADE, related_name="lots", db_index=False)
    number = models.PositiveIntegerField()
    #: row number of the first
    first = models.PositiveIntegerField()
    cells = models.JSONField(default=list)
    #: rows.Reading as lists, those that have a guest
    readings = models.JSONField(default=list)
    #: drafts.Line as lists, one for each reading
    lines = models.JSONField(default=list)
    #: kind of row -> rows
    tally = models.JSONField(default=dict)

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["draft", "number"], name="import_lot_once")]

    def __str__(self) -> str:
        return f"rows from {self.first}"


class ImportMend(models.Model):
    """What a host wrote in place of a cell."""

    draft = models.ForeignKey(GuestImport, on_delete=models.CASCADE, related_name="mends", db_index=False)
    row = models.PositiveIntegerField()
    role = models.CharField(max_length=12)
    text = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["draft", "row", "role"], name="import_mend_once")]

    def __str__(self) -> str:
        return f"{self.role} of row {self.row}"


class ImportChange(models.Model):
    """What an import changed of a guest who was on file: field -> value, before and after."""

    draft = models.ForeignKey(GuestImport, on_delete=models.CASCADE, related_name="changes")
    guest = models.ForeignKey(Guest, on_delete=models.CASCADE, related_name="+")
    before = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    after = models.JSONField(default=dict, encoder=DjangoJSONEncoder)

    def __str__(self) -> str:
        return f"change of guest {self.guest_id}"


class SavedView(models.Model):
    """A way to look at the guest list, under a name."""

    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="saved_views")
    name = models.CharField(max_length=60)
    #: as in the address: `show=failed&tag=family`
    query = models.CharField(max_length=500)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["event", "name"], name="saved_view_once")]

    def __str__(self) -> str:
        return self.name
