"""Every page's address."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [
    path("r/", include("cordially.rsvp.urls")),
    path("", include("cordially.dashboard.urls")),
]
