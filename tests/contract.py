"""The contract: every test that touches a database once more, on a real PostgreSQL and with a real Redis.

`python -m tests.contract [what pytest understands]` starts both, empty, and stops them at the end.
"""

from __future__ import annotations

import os
import sys

import psycopg
import pytest

from .fleet import Redis, postgresql

#: what a test database need not survive: a power cut
CARELESS = ("fsync", "synchronous_commit", "full_page_writes")


def main(words: list[str]) -> int:
    redis = Redis()
    redis.start()
    try:
        with postgresql() as server:
            with psycopg.connect(server.get_uri(), autocommit=True) as line:
                for name in CARELESS:
                    line.execute(f"ALTER SYSTEM SET {name} = off")
                line.execute("SELECT pg_reload_conf()")
            os.environ |= {"TEST_DATABASE_URL": server.get_uri(), "TEST_REDIS_URL": redis.url}
            return pytest.main(words)
    finally:
        redis.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
