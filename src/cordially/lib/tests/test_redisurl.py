"""Addresses of Redis as operators write them."""

from __future__ import annotations

import pytest

from cordially.lib.redisurl import BadUrl, read


@pytest.mark.parametrize(
    ("url", "plain"),
    [
        ("redis://localhost", "redis://localhost"),
        ("redis://:secret@host:6380/2", "redis://:secret@host:6380/2"),
        ("rediss://user:p%40ss@host/0", "rediss://user:p%40ss@host/0"),
        ("valkey://host:6379", "redis://host:6379"),
        ("valkeys://host", "rediss://host"),
    ],
)
def test_one_server(url: str, plain: str) -> None:
    address = read(url)
    assert (address.url, address.sentinels) == (plain, ())
    assert address.client().connection_pool.connection_kwargs["host"]


def test_sentinels() -> None:
    address = read("rediss+sentinel://me:p%40ss@one:26380,two/main/3")
    assert address.sentinels == (("one", 26380), ("two", 26379))
    assert address.master == "main"
    assert address.options == {"db": 3, "username": "me", "password": "p@ss", "ssl": True}
    assert address.async_client() is not None
    assert read("redis+sentinel://one/main").options == {"db": 0}


@pytest.mark.parametrize(
    "url",
    [
        "", "redis", "redis://", "http://geheim@host", "redis://host:port/0", "redis://geheim@host/x",
        "redis://host:99999", "redis+sentinel://one", "redis+sentinel:///main", "redis+cluster://one/main",
        "redis+sentinel://one/main/x", "redis://geheim@host/0?nonsense=5", "redis://geheim@host/0?ssl_cert_reqs=none",
    ],
)  # fmt: skip
def test_what_is_no_address_is_told_without_its_secrets(url: str) -> None:
    with pytest.raises(BadUrl, match="redis://host:6379/0") as caught:
        read(url)
    assert "geheim" not in str(caught.value)
