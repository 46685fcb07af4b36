"""What the installation remembers of those who sign in."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class Host(models.Model):
    """Somebody who invites, besides their name and password."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    #: E.164; where test messages go
    phone = models.CharField(max_length=16, blank=True)
