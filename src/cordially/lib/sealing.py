"""Secrets at rest: sealed with a key of the installation, and with nothing else to be opened again."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

#: what is derived from the same key for another purpose differs
_PURPOSE = b"cordially: credentials at rest"


class Unreadable(Exception):
    """Sealed with a key that is not among those given, or changed since."""


def seal(text: str, keys: Sequence[str]) -> str:
    """Sealed with the first of the keys, as ASCII text. Sealing the same again gives other text."""
    return _box(tuple(keys)).encrypt(text.encode()).decode()


def unseal(sealed: str, keys: Sequence[str]) -> str:
    """What was sealed with any of the keys. Raises Unreadable."""
    from cryptography.fernet import InvalidToken

    try:
        return _box(tuple(keys)).decrypt(sealed.encode()).decode()
    except (InvalidToken, UnicodeError) as error:
        raise Unreadable from error


def is_by_first(sealed: str, keys: Sequence[str]) -> bool:
    """Whether the first key alone opens it; else it had better be sealed anew."""
    try:
        unseal(sealed, keys[:1])
    except Unreadable:
        return False
    return True


@lru_cache(maxsize=8)
def _box(keys: tuple[str, ...]) -> MultiFernet:
    # loaded at first need: it costs every start of a command that touches no secret
    from cryptography.fernet import Fernet, MultiFernet
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    def derived(key: str) -> bytes:
        # the key is long and random, as Django's own uses of it presume
        raw = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(key.encode())
        return base64.urlsafe_b64encode(raw)

    return MultiFernet([Fernet(derived(key)) for key in keys])
