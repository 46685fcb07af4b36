"""What REDIS_URL says: one server, with or without TLS, or a group of Sentinels that know it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.asyncio.sentinel import Sentinel as AsyncSentinel
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

_SCHEMES = {"redis": "redis", "rediss": "rediss", "valkey": "redis", "valkeys": "rediss"}
_PORT = 26379
#: nobody waits longer for what is only a hint; longer than the longest blocking read
PATIENCE = {"socket_connect_timeout": 2.0, "socket_timeout": 5.0, "health_check_interval": 15}


class BadUrl(ValueError):
    """What is wrong with the address, without the address: it may hold a password."""


@dataclass(frozen=True, slots=True)
class Address:
    """A server (`url`), or the `master` that Sentinels know."""

    url: str = field(default="", repr=False)
    sentinels: tuple[tuple[str, int], ...] = ()
    master: str = ""
    #: user, password, database, TLS: for the master behind Sentinels
    options: dict[str, Any] = field(default_factory=dict, repr=False)

    def client(self) -> redis.Redis:
        """For threads. Doesn't connect yet; fails at once instead of trying again."""
        given = PATIENCE | self.options | {"retry": Retry(NoBackoff(), 0)}
        if self.sentinels:
            known: Any = Sentinel
            found: redis.Redis = known(list(self.sentinels), **given).master_for(self.master)
            return found
        return redis.Redis.from_url(self.url, **given)

    def async_client(self) -> redis.asyncio.Redis:
        """The same for an event loop."""
        given = PATIENCE | self.options | {"retry": AsyncRetry(NoBackoff(), 0)}
        if self.sentinels:
            known: Any = AsyncSentinel
            found: redis.asyncio.Redis = known(list(self.sentinels), **given).master_for(self.master)
            return found
        return redis.asyncio.Redis.from_url(self.url, **given)


def read(url: str) -> Address:
    """Like `redis://host:6379/0`, `rediss://…` (TLS), `redis+sentinel://host:26379,host2:26379/master/0`.

    `valkey` may stand for `redis`. Raises BadUrl.
    """
    try:
        scheme, _, rest = url.partition("://")
        kind, _, sentinel = scheme.partition("+")
        if kind not in _SCHEMES or sentinel not in ("", "sentinel") or not rest:
            raise ValueError
        if sentinel:
            return _behind_sentinels(_SCHEMES[kind], rest)
        plain = f"{_SCHEMES[kind]}://{rest}"
        parts = urlsplit(plain)
        if (
            not parts.hostname
            or parts.port == 0
            or not parts.path.strip("/").isdigit()
            and parts.path.strip("/")
        ):
            raise ValueError
        # what the address asks for beyond that is refused only when somebody connects
        pool = redis.ConnectionPool.from_url(plain)
        pool.connection_class(**pool.connection_kwargs)
        return Address(plain)
    except (ValueError, TypeError) as error:
        raise BadUrl(
            "REDIS_URL can't be read. Write it like redis://host:6379/0, rediss://host:6379/0 with TLS, or "
            "redis+sentinel://host:26379,host2:26379/master; special characters of the password as %XX."
        ) from error


def _behind_sentinels(scheme: str, rest: str) -> Address:
    where, _, path = rest.partition("/")
    login, _, hosts = where.rpartition("@")
    user, _, password = login.rpartition(":")
    master, _, database = path.partition("/")
    sentinels: list[tuple[str, int]] = []
    for each in hosts.split(","):
        parts = urlsplit(f"//{each}")
        if not parts.hostname:
            raise ValueError
        sentinels.append((parts.hostname, parts.port or _PORT))
    if not master:
        raise ValueError
    options: dict[str, Any] = {"db": int(database or 0)}
    if login:
        options |= {"username": unquote(user) or None, "password": unquote(password) or None}
    if scheme == "rediss":
        options["ssl"] = True
    return Address(sentinels=tuple(sentinels), master=master, options=options)
