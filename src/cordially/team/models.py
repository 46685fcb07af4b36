"""Members of an event, and the links by which somebody becomes one."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from cordially.events.models import Event


class Role(models.TextChoices):
    """What somebody may do with an event, besides sending."""

    OWNER = "owner", _("Owner")
    EDITOR = "editor", _("Editor")
    VIEWER = "viewer", _("Viewer")


class _Part(models.Model):
    """A role in one event, and the right to send, which is apart from it."""

    role = models.CharField(max_length=8, choices=Role.choices, default=Role.EDITOR)
    can_send = models.BooleanField(default=False)

    class Meta:
        abstract = True


class Membership(_Part):
    """Somebody's part in an event."""

    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="members")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    joined_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["joined_at", "id"]
        constraints = [models.UniqueConstraint(fields=["event", "user"], name="team_one_part_each")]

    def __str__(self) -> str:
        return f"{self.user} in {self.event}"

    @property
    def name(self) -> str:
        return str(self.user.get_full_name() or self.user.get_username())


class JoinLink(_Part):
    """A link that makes one person a member. Only its digest is kept."""

    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="join_links")
    #: for whom it was made, in the owner's words
    note = models.CharField(max_length=80, blank=True)
    digest = models.CharField(max_length=64, unique=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    made_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    used_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-made_at", "-id"]

    def __str__(self) -> str:
        return f"link to {self.event}"
