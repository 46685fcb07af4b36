"""The door."""

from __future__ import annotations

from typing import cast

from django.conf import settings
from django.contrib.auth import login, logout
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from cordially.accounts import access
from cordially.lib import rates

STALE = gettext_lazy("This address is no longer good: the server prints a new one each time it starts.")


TOO_MANY = gettext_lazy("There were too many wrong tries from here. Wait a minute, then try again.")

#: from one address: more than anybody mistypes
WRONG_A_MINUTE = 20


def _after(request: HttpRequest) -> str:
    """Where the visitor wanted to go, if that is one of our pages."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    secure = request.is_secure()
    if url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=secure):
        return wanted
    return resolve_url(settings.LOGIN_REDIRECT_URL)


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def signin(request: HttpRequest) -> HttpResponse:
    """By name and password."""
    if request.user.is_authenticated and request.method == "GET":
        return redirect(_after(request))
    if request.method == "POST" and rates.is_over("signin", _address(request), most=WRONG_A_MINUTE):
        return _wait(request)
    form = AuthenticationForm(request, request.POST if request.method == "POST" else None)
    if request.method == "POST":
        if form.is_valid():
            login(request, form.get_user())
            return redirect(_after(request))
        rates.count("signin", _address(request), most=WRONG_A_MINUTE)
    return render(request, "dashboard/signin.html", {"form": form, "next": _after(request)})


@never_cache
@require_GET
def signin_link(request: HttpRequest, token: str) -> HttpResponse:
    """By the address that the server printed."""
    if access.is_valid(token):
        login(request, cast(User, access.host()), backend="django.contrib.auth.backends.ModelBackend")
        return redirect(_after(request))
    if rates.count("signin", _address(request), most=WRONG_A_MINUTE):
        return _wait(request)
    form = AuthenticationForm(request)
    return render(request, "dashboard/signin.html", {"form": form, "stale": STALE}, status=403)


def _address(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR") or "")


def _wait(request: HttpRequest) -> HttpResponse:
    context = {"form": AuthenticationForm(request), "next": _after(request), "stale": TOO_MANY}
    response = render(request, "dashboard/signin.html", context, status=429)
    response["Retry-After"] = str(rates.WINDOW)
    return response


@require_POST
def signout(request: HttpRequest) -> HttpResponse:
    logout(request)
    return redirect("signin")
