"""Whose fault an error is that came up while the ledger was written, and how the log says it."""

from __future__ import annotations

from django.db import DataError, Error, IntegrityError


def is_the_databases(error: Exception) -> bool:
    """Whether anything else would have met it as well. A row or a value may be the fault of one alone."""
    return isinstance(error, Error) and not isinstance(error, DataError | IntegrityError)


def one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
