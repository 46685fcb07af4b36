"""The one error of reading and importing a list."""

from __future__ import annotations


class ListError(Exception):
    """A list can't be imported. The message is for the host: what happened, then what to do."""
