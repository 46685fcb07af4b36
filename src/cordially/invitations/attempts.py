"""The key of an attempt: written before the request, carried in the callback address, read back from it."""

from __future__ import annotations

import re
from typing import NamedTuple

_KEY = re.compile(r"([0-9a-f]{12})\.([0-9]{1,18})\.([0-9]{1,5})")


class Attempt(NamedTuple):
    """The nth request for one invitation. `uid` is the campaign's: no other installation's key fits."""

    uid: str
    invitation_id: int
    number: int

    @property
    def key(self) -> str:
        return f"{self.uid}.{self.invitation_id}.{self.number}"


def read_key(key: str) -> Attempt | None:
    """The attempt that a key names; None when it is no key of ours."""
    match = _KEY.fullmatch(key)
    return Attempt(match[1], int(match[2]), int(match[3])) if match else None
