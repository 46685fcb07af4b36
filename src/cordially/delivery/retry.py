"""When to try again: a pure function of what went wrong and how often. Only for what surely was not taken."""

from __future__ import annotations

import random
from dataclasses import dataclass

from cordially.providers.errors import ErrorClass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential with full jitter, in seconds; after `most` attempts a person decides."""

    first: float
    longest: float
    most: int


BACKOFFS: dict[ErrorClass, Backoff] = {
    ErrorClass.RETRY_SOON: Backoff(first=2.0, longest=60.0, most=10),
    ErrorClass.RETRY_LATER: Backoff(first=60.0, longest=4 * 3600.0, most=24),
}


def retry_in(
    error_class: ErrorClass,
    attempts: int,
    retry_after: float | None = None,
    rng: random.Random | None = None,
) -> float | None:
    """Seconds until the next attempt; None for never.

    `attempts` counts those made, the first is 1. `retry_after`, what the provider asked for, is the least.
    """
    backoff = BACKOFFS.get(error_class)
    if backoff is None or attempts >= backoff.most:
        return None
    ceiling = min(backoff.longest, backoff.first * 2 ** (attempts - 1))
    wait = (rng or random).uniform(0.0, ceiling)
    return max(wait, retry_after or 0.0)
