"""The application for any ASGI server: pages and doors, without the engine (`cordially serve` adds it)."""

from __future__ import annotations

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cordially.settings")
django.setup()

from cordially.service import Service  # noqa: E402

application = Service().app
