"""The one place that asks what time it is."""

from __future__ import annotations

import datetime as dt


def now() -> dt.datetime:
    """This instant, aware, UTC."""
    return dt.datetime.now(dt.UTC)
