"""What a log may tell: never a whole number, never the secret part of an address."""

from __future__ import annotations

import contextvars
import datetime as dt
import json
import logging
import re

from .masking import mask_phone

_PHONE = re.compile(r"(?:\+|%2B)[1-9]\d{6,14}(?!\d)")
#: personal pages and the address that signs in: whoever has them is let in
_ADDRESS = re.compile(r"/(r|signin|join)/[^\s/?#\"'<>]+")


class Discreet(logging.Formatter):
    """Masks the whole entry, traces and other libraries' words too."""

    def format(self, record: logging.LogRecord) -> str:
        return _masked(super().format(record))


class Json(logging.Formatter):
    """One JSON object a line, for collectors; masked like the other. `extra` fields of ours are kept."""

    def format(self, record: logging.LogRecord) -> str:
        told: dict[str, object] = {
            "time": dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request := request_id.get():
            told["request"] = request
        told |= {name: value for name in _FIELDS if (value := getattr(record, name, None)) is not None}
        if record.exc_info:
            told["trace"] = self.formatException(record.exc_info)
        return _masked(json.dumps(told, ensure_ascii=False, default=str))


#: names the request that is being answered, in every entry that is written meanwhile
request_id: contextvars.ContextVar[str] = contextvars.ContextVar("request_id", default="")
_FIELDS = ("campaign", "sender", "invitation")


def _masked(text: str) -> str:
    text = _ADDRESS.sub(r"/\1/…", text)
    return _PHONE.sub(lambda match: mask_phone(match.group()), text)
