"""Answers of guests who are taken off the list count no more; when they are brought back, the newest does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Max

from .models import Answer


def set_aside(sender: object, ids: Sequence[int], **_given: Any) -> None:
    Answer.objects.filter(guest__in=ids, is_current=True).update(is_current=False)


def restore(sender: object, ids: Sequence[int], **_given: Any) -> None:
    newest = Answer.objects.filter(guest__in=ids).order_by().values("guest").annotate(newest=Max("pk"))
    Answer.objects.filter(pk__in=[row["newest"] for row in newest]).update(is_current=True)
