"""The address that signs the host in, as notebook servers print it.

The secret is made anew at each start of the server and is good until the next; only its hash is kept.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from pathlib import Path

from django.conf import settings
from django.contrib.auth import get_user, get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest

HOST = "host"


def _path() -> Path:
    return Path(settings.DATA_DIR) / "signin"


def _digest(token: str) -> str:
    return hmac.new(settings.SECRET_KEY.encode(), token.encode(), hashlib.sha256).hexdigest()


def new_token() -> str:
    """A fresh sign-in secret; the one before stops working."""
    token = secrets.token_urlsafe(24)
    path = _path()
    path.touch(mode=0o600)
    path.write_text(_digest(token))
    return token


def is_valid(token: str) -> bool:
    """Whether this is the secret that the running server printed."""
    try:
        kept = _path().read_text()
    except OSError:
        return False
    return hmac.compare_digest(kept, _digest(token))


def host() -> AbstractBaseUser:
    """The account that the printed address signs in: made at first need, without a password."""
    users = get_user_model()
    user, made = users.objects.get_or_create(username=HOST, defaults={"is_staff": True, "is_superuser": True})
    if made:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    return user


def is_signed_in(session_key: str) -> bool:
    """Whether that session (the value of its cookie) is a host's. Reads the database."""
    request = HttpRequest()
    request.session = SessionStore(session_key)
    return bool(get_user(request).is_authenticated)
