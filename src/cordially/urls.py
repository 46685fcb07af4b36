"""Every page's address."""

from __future__ import annotations

from django.urls import include, path

from cordially.events.pictures import picture

urlpatterns = [
    path("r/", include("cordially.rsvp.urls")),
    path("pictures/<str:name>", picture, name="picture"),
    path("", include("cordially.dashboard.urls")),
]
