"""Every setting, read once from the environment. `docs/settings.md` explains each; a test keeps it complete."""

from __future__ import annotations

import logging
import os
import secrets
import time
from pathlib import Path
from urllib.parse import urlsplit

import dj_database_url
from django.core.exceptions import ImproperlyConfigured
from environs import Env, EnvError

from cordially.lib import redisurl

env = Env()


def _secret(name: str, path: Path) -> str:
    """The key from the environment, or one that is made once and kept in the data folder."""
    return str(env.str(name, "")) or _made_once(path)


def _made_once(path: Path) -> str:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        if os.path.exists(path):
            return _kept_secret(path)
        raise ImproperlyConfigured(
            f"Can't write to the data folder {path.parent}: {error.strerror}. "
            "Set CORDIALLY_DATA_DIR to a folder that can be written."
        ) from error
    value = secrets.token_urlsafe(48)
    with os.fdopen(handle, "w") as file:
        file.write(value)
    return value


def _kept_secret(path: Path) -> str:
    """What the file holds. Another process that starts just now may be about to write it."""
    try:
        for _ in range(20):
            if value := path.read_text().strip():
                return value
            time.sleep(0.05)
    except (OSError, ValueError) as error:
        raise ImproperlyConfigured(
            f"The file {path} can't be read. Put it back from your backup: without it the "
            "credentials of senders that were added in the browser must be entered again."
        ) from error
    raise ImproperlyConfigured(f"The file {path} is empty. Remove it: the next start makes a new one.")


def _port() -> int:
    port = env.int("PORT", 8000)
    if not 0 <= port <= 65535:
        raise ImproperlyConfigured(f"PORT is {port}: ports go from 0 to 65535.")
    return int(port)


def _public_url() -> str:
    """Scheme and host (and path, behind some proxies): links and callbacks are made of it."""
    url = str(env.str("CORDIALLY_PUBLIC_URL", "")).rstrip("/")
    try:
        parts = urlsplit(url)
        whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        whole = False
    if url and (not whole or set(url) & set("?# ")):
        raise ImproperlyConfigured(
            f"CORDIALLY_PUBLIC_URL must look like https://invite.example.com, not {url}"
        )
    return url


def _log_level() -> str:
    level = str(env.str("CORDIALLY_LOG_LEVEL", "INFO")).upper()
    if level not in logging.getLevelNamesMapping():
        raise ImproperlyConfigured(
            f"CORDIALLY_LOG_LEVEL is {level}: it must be DEBUG, INFO, WARNING or ERROR."
        )
    return level


try:
    DATA_DIR = Path(env.str("CORDIALLY_DATA_DIR", "data")).resolve()
    DEBUG = env.bool("CORDIALLY_DEBUG", False)
    PORT = _port()
    PUBLIC_URL = _public_url()
    #: where the server is reached when nothing is configured; `serve` replaces it by its own address
    SITE_URL = PUBLIC_URL or f"http://127.0.0.1:{PORT}"
    #: this process as reached from this machine; `serve` sets it
    LOCAL_URL = f"http://127.0.0.1:{PORT}"
    SECRET_KEY = _secret("CORDIALLY_SECRET_KEY", DATA_DIR / "secret_key")
    #: keys of before: what they sealed and signed can still be read
    SECRET_KEY_FALLBACKS: list[str] = list(filter(None, env.list("CORDIALLY_FORMER_SECRET_KEYS", [])))

    TWILIO_ACCOUNT_SID = env.str("TWILIO_ACCOUNT_SID", "")
    TWILIO_AUTH_TOKEN = env.str("TWILIO_AUTH_TOKEN", "")
    TWILIO_WHATSAPP_FROM = env.str("TWILIO_WHATSAPP_FROM", "")
    TWILIO_API_URL = env.str("TWILIO_API_URL", "").rstrip("/")
    LOG_LEVEL = _log_level()
    _database_url = env.str("DATABASE_URL", "")
    _redis_url = env.str("REDIS_URL", "")
    #: who reads /metrics from another machine says it as a bearer token
    METRICS_TOKEN = env.str("CORDIALLY_METRICS_TOKEN", "")
    LOG_FORMAT = env.str("CORDIALLY_LOG_FORMAT", "plain").lower()
except EnvError as error:
    raise ImproperlyConfigured(str(error)) from error

if urlsplit(PUBLIC_URL).path or (PUBLIC_URL and urlsplit(PUBLIC_URL).scheme not in ("http", "https")):
    raise ImproperlyConfigured(
        "CORDIALLY_PUBLIC_URL must be an address without a path, like https://invite.example.com."
    )

#: without credentials and without an address, the built-in simulator plays Twilio
USE_SIMULATOR = not (TWILIO_ACCOUNT_SID or TWILIO_AUTH_TOKEN or TWILIO_API_URL)
#: what the account's token is to Twilio; nobody needs to know it
SIMULATOR_TOKEN = _made_once(DATA_DIR / "simulator_token") if USE_SIMULATOR else ""

#: seconds after which a message that Twilio doesn't list was surely not taken; the simulator lists at once
try:
    UNSURE_SECONDS = env.float("CORDIALLY_UNSURE_SECONDS", 10.0 if USE_SIMULATOR else 60.0)
    #: seconds without a callback after which Twilio is asked about a message
    POLL_SECONDS = env.float("CORDIALLY_POLL_SECONDS", 20.0 if USE_SIMULATOR else 60.0)
except EnvError as error:
    raise ImproperlyConfigured(str(error)) from error

if LOG_FORMAT not in ("plain", "json"):
    raise ImproperlyConfigured(f"CORDIALLY_LOG_FORMAT is {LOG_FORMAT}: it must be plain or json.")
try:
    #: for hints and counts beyond one process; None: there is one process, or they find out by looking
    REDIS: redisurl.Address | None = redisurl.read(_redis_url) if _redis_url else None
except redisurl.BadUrl as error:
    raise ImproperlyConfigured(str(error)) from error

if _database_url:
    try:
        _database = dj_database_url.parse(_database_url, conn_max_age=0)
    except (ValueError, KeyError) as error:
        # without its text, which may hold the password
        raise ImproperlyConfigured(
            "DATABASE_URL can't be read. Write it like postgresql://user:password@host/name; "
            "special characters of the password as %XX."
        ) from error
    if _database.get("ENGINE") not in ("django.db.backends.sqlite3", "django.db.backends.postgresql"):
        raise ImproperlyConfigured("DATABASE_URL must name a PostgreSQL or SQLite database.")
else:
    _database = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(DATA_DIR / "cordially.db")}
if _database["ENGINE"] == "django.db.backends.sqlite3":
    _database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        # FULL: what was answered is on the disk; the promise needs it
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
    }
else:
    # a host that swallows packets must not hold a command for minutes
    _database["OPTIONS"] = {
        "connect_timeout": 10,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 20_000,
        # who freezes or vanishes within a transaction lets go of its rows after a minute; and an answer that was
        # given is on the disk, whatever the server's own settings say
        "options": "-c idle_in_transaction_session_timeout=60000 -c synchronous_commit=on",
        **_database.get("OPTIONS", {}),
    }
DATABASES = {"default": _database}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_htmx",
    "cordially.events",
    "cordially.guests",
    "cordially.invitations",
    "cordially.rsvp",
    "cordially.accounts",
    "cordially.team",
    "cordially.delivery",
    "cordially.dashboard",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "cordially.dashboard.middleware.content_security_policy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "cordially.dashboard.outage.DatabaseOutage",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "cordially.dashboard.context.shell",
            ],
        },
    }
]

ROOT_URLCONF = "cordially.urls"
ASGI_APPLICATION = "cordially.asgi.application"

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
#: what the host's pages speak, each by its own name; guests are spoken to in any of the phrases of `rsvp`
LANGUAGES = [("en", "English"), ("he", "עברית")]
LANGUAGE_COOKIE_NAME = "language"
LANGUAGE_COOKIE_AGE = 60 * 60 * 24 * 365
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
LOCALE_PATHS = [Path(__file__).parent / "locale"]
USE_THOUSAND_SEPARATOR = True

STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        # what counts the tries of many addresses forgets none too early
        "OPTIONS": {"MAX_ENTRIES": 20_000},
    }
}

LOGIN_URL = "signin"
LOGIN_REDIRECT_URL = "events"
SESSION_COOKIE_AGE = 60 * 60 * 24 * 30
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"

_public = urlsplit(PUBLIC_URL)
_secure = _public.scheme == "https"
# The public host, and the addresses of this machine: a Host header may name nothing else.
ALLOWED_HOSTS = [
    "localhost",
    "127.0.0.1",
    "[::1]",
    "testserver",
    *([_public.hostname] if _public.hostname else []),
]
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if PUBLIC_URL else []
SESSION_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = CSRF_COOKIE_SECURE = _secure
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _secure else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_NUMBER_FIELDS = 10_000
#: rows that are pasted are a field of a form: as much as a very long list
DATA_UPLOAD_MAX_MEMORY_SIZE = 25 * 1024 * 1024
#: a guest list larger than this is refused
IMPORT_MAX_BYTES = 50 * 1024 * 1024

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {
            "class": "cordially.lib.logs.Discreet",
            "format": "%(asctime)s %(levelname)s %(name)s: %(message)s",
        },
        "json": {"class": "cordially.lib.logs.Json"},
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        "cordially": {"level": LOG_LEVEL},
        # the SDK logs addresses with numbers in them at INFO
        "twilio": {"level": "WARNING"},
        # a Redis that is away is told once, by ourselves
        "taskiq": {"level": "CRITICAL"},
    },
}
