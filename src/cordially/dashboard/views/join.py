"""Into a team, by a link that an owner made: as somebody known, or with a new name and password."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.forms import UserCreationForm
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from cordially.lib import rates
from cordially.team import members
from cordially.team.members import LinkIsOver
from cordially.team.models import JoinLink, Membership

#: wrong links from one address, a minute: more than anybody mistypes
_WRONG_A_MINUTE = 20


class Newcomer(UserCreationForm):  # type: ignore[type-arg]
    """A name to sign in with, how to be called, and a password."""

    class Meta(UserCreationForm.Meta):
        model = User
        fields = ("username", "first_name")


@never_cache
@sensitive_post_parameters("password1", "password2")
@require_http_methods(["GET", "POST"])
def join(request: HttpRequest, token: str) -> HttpResponse:
    """Ask (GET), then join (POST)."""
    address = str(request.META.get("REMOTE_ADDR") or "")
    if rates.is_over("join", address, most=_WRONG_A_MINUTE):
        return _over(
            request, _("There were too many wrong tries from here. Wait a minute, then try again."), 429
        )
    try:
        link = members.find_link(token)
    except LinkIsOver as error:
        rates.count("join", address, most=_WRONG_A_MINUTE)
        return _over(request, str(error), 410)
    if isinstance(request.user, User):
        return _known(request, link, token, request.user)
    form = Newcomer(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            with transaction.atomic():
                user = form.save()
                part = members.join(token, user)
        except LinkIsOver as error:
            return _over(request, str(error), 410)
        login(request, user, backend="django.contrib.auth.backends.ModelBackend")
        return _welcome(request, part)
    context = {"link": link, "form": form}
    return render(request, "dashboard/join.html", context, status=422 if form.errors else 200)


def _known(request: HttpRequest, link: JoinLink, token: str, user: User) -> HttpResponse:
    mine = Membership.objects.filter(event=link.event, user=user).first()
    if mine:
        messages.success(request, _("You are in the team of this event already."))
        return redirect("guests", link.event.slug)
    if request.method == "GET":
        return render(request, "dashboard/join.html", {"link": link, "form": None})
    try:
        return _welcome(request, members.join(token, user))
    except LinkIsOver as error:
        return _over(request, str(error), 410)


def _welcome(request: HttpRequest, part: Membership) -> HttpResponse:
    messages.success(request, _("Welcome to the team of %(event)s.") % {"event": part.event.name})
    return redirect("guests", part.event.slug)


def _over(request: HttpRequest, sentence: str, status: int) -> HttpResponse:
    return render(request, "dashboard/join_over.html", {"sentence": sentence}, status=status)
