"""What a log may tell: never a whole number, never the secret part of an address."""

from __future__ import annotations

import logging
import re

from .masking import mask_phone

_PHONE = re.compile(r"(?:\+|%2B)[1-9]\d{6,14}(?!\d)")
#: personal pages and the address that signs in: whoever has them is let in
_ADDRESS = re.compile(r"/(r|signin)/[^\s/?#\"'<>]+")


class Discreet(logging.Formatter):
    """Masks the whole entry, traces and other libraries' words too."""

    def format(self, record: logging.LogRecord) -> str:
        text = _ADDRESS.sub(r"/\1/…", super().format(record))
        return _PHONE.sub(lambda match: mask_phone(match.group()), text)
