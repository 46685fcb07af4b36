"""The guest's addresses, under `r/`. The token in them is all a guest needs."""

from __future__ import annotations

from django.urls import path, re_path

from cordially.rsvp import views

urlpatterns = [
    path("<str:token>/calendar.ics", views.calendar, name="rsvp_calendar"),
    path("<str:token>", views.rsvp, name="rsvp"),
    # whatever else a broken link may have become
    re_path(r"", views.lost),
]
