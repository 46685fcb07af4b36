"""How often something may happen: counted for all processes where there is Redis, else in this one alone.

Against a flood either is enough; a Redis that can't be reached is done without.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache as once
from typing import TypeVar

import redis
from django.conf import settings
from django.core.cache import cache
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)
T = TypeVar("T")

#: seconds
WINDOW = 60


def count(*what: str, most: int) -> bool:
    """Count it once; whether it has now happened more than `most` times since a window began."""
    key = _key(what)
    found = _shared(lambda server: _counted(server, key))
    return (_counted_here(key) if found is None else found) > most


def is_over(*what: str, most: int) -> bool:
    """Whether it has happened `most` times already; counts nothing."""
    key = _key(what)
    found = _shared(lambda server: int(str(server.get(key) or b"0", "ascii")))  # type: ignore[arg-type]
    return (int(cache.get(key, 0)) if found is None else found) >= most


def _counted(server: redis.Redis, key: str) -> int:
    with server.pipeline() as pipe:
        pipe.set(key, 0, ex=WINDOW, nx=True)
        pipe.incr(key)
        return int(pipe.execute()[1])


def _counted_here(key: str) -> int:
    cache.add(key, 0, WINDOW)
    try:
        return int(cache.incr(key))
    except ValueError:
        # the window ended in between
        cache.set(key, 1, WINDOW)
        return 1


def _shared(act: Callable[[redis.Redis], int]) -> int | None:
    """None without Redis."""
    server = _server()
    if server is None:
        return None
    try:
        return act(server)
    except (RedisError, OSError) as error:
        logger.warning("counted in this process alone, Redis can’t be used: %s", type(error).__name__)
        return None


@once
def _server() -> redis.Redis | None:
    return settings.REDIS.client() if settings.REDIS else None


def _key(what: tuple[str, ...]) -> str:
    return ":".join(("rate", *what))
