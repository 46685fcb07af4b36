"""How often something may happen: counted in this process alone, which is enough against a flood."""

from __future__ import annotations

from django.core.cache import cache

#: seconds
WINDOW = 60


def count(*what: str, most: int) -> bool:
    """Count it once; whether it has now happened more than `most` times since a window began."""
    key = _key(what)
    cache.add(key, 0, WINDOW)
    try:
        return cache.incr(key) > most
    except ValueError:
        # the window ended in between
        cache.set(key, 1, WINDOW)
        return False


def is_over(*what: str, most: int) -> bool:
    """Whether it has happened `most` times already; counts nothing."""
    return int(cache.get(_key(what), 0)) >= most


def _key(what: tuple[str, ...]) -> str:
    return ":".join(("rate", *what))
