"""The host's addresses."""

from __future__ import annotations

from django.urls import path

from .views import campaigns, events, guests, imports, line, sending, signin

urlpatterns = [
    path("signin", signin.signin, name="signin"),
    path("signin/<str:token>", signin.signin_link, name="signin_link"),
    path("signout", signin.signout, name="signout"),
    path("", events.events, name="events"),
    path("e/<slug:slug>/", guests.guests, name="guests"),
    path("e/<slug:slug>/import", imports.import_list, name="import"),
    path("e/<slug:slug>/send", sending.send, name="send"),
    path("e/<slug:slug>/retry", sending.retry, name="retry"),
    path("e/<slug:slug>/live", line.line, name="live"),
    path("e/<slug:slug>/campaigns", campaigns.campaigns, name="campaigns"),
    path("e/<slug:slug>/campaigns/<int:pk>", campaigns.campaign, name="campaign"),
    path("e/<slug:slug>/campaigns/<int:pk>/pause", sending.pause, name="pause"),
    path("e/<slug:slug>/campaigns/<int:pk>/resume", sending.resume, name="resume"),
    path("e/<slug:slug>/campaigns/<int:pk>/cancel", sending.cancel, name="cancel"),
    path("e/<slug:slug>/campaigns/<int:pk>/retry", sending.ask_retry, name="ask_retry"),
    path("e/<slug:slug>/campaigns/<int:pk>/speed", sending.speed, name="speed"),
    path("e/<slug:slug>/sender/<int:pk>/resume", sending.resume_sender, name="resume_sender"),
]
