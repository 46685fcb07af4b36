"""When to try again: a pure function of what went wrong and how often. Only for what surely was not taken."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from cordially.providers.errors import ErrorClass, Fault

#: what a provider may ask for, in seconds; a longer wait is taken for a clock that ran ahead
LONGEST_ASKED = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential with full jitter, in seconds; after `most` tries a person decides.

    `least` is the share of the wait that is no matter of chance.
    """

    first: float
    longest: float
    most: int
    least: float = 0.0


BACKOFFS: dict[ErrorClass, Backoff] = {
    ErrorClass.RETRY_SOON: Backoff(first=2.0, longest=60.0, most=10),
    # long enough to outlast a limit on the people of one day
    ErrorClass.RETRY_LATER: Backoff(first=60.0, longest=4 * 3600.0, most=24),
}


def backoff_of(fault: Fault) -> Backoff | None:
    """The class's own, with what the code asks for; None for what is never tried again by itself."""
    backoff = BACKOFFS.get(fault.error_class)
    if backoff is None:
        return None
    if fault.tries is not None:
        backoff = replace(backoff, most=fault.tries)
    if fault.first_wait is not None:
        backoff = replace(backoff, first=fault.first_wait, longest=24 * 3600.0, least=0.5)
    return backoff


def retry_in(
    fault: Fault,
    tries: int,
    phone: str = "",
    retry_after: float | None = None,
    rng: random.Random | None = None,
) -> float | None:
    """Seconds until the next try of a message to that number; None for never.

    `tries` counts those made, the first is 1. `retry_after`, what the provider asked for, is the least, up to a day.
    """
    backoff = backoff_of(fault)
    if backoff is None or (fault.never_for and phone.startswith(fault.never_for)):
        return None
    if fault.code is None:
        tries = min(tries, 6)  # not reached at all: an outage of an hour must fail nobody
    if tries >= backoff.most:
        return None
    ceiling = min(backoff.longest, backoff.first * 2 ** (tries - 1))
    wait = (rng or random).uniform(backoff.least * ceiling, ceiling)
    return max(wait, min(retry_after or 0.0, LONGEST_ASKED))
