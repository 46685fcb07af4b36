"""An event's picture: a file in the data folder, which we serve ourselves.

Not an address elsewhere: the guest's page may show nothing of another host (its policy says so), and another
host would learn who looks at which invitation, and when.
"""

from __future__ import annotations

import re
import secrets
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

MOST_BYTES = 4 * 1024 * 1024
#: the only types that are ever served, by the ending of the file
TYPES = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp"}
_NAME = re.compile(r"[A-Za-z0-9_-]{22}\.(?:jpg|png|webp)")


def keep(upload: UploadedFile[bytes]) -> str:
    """Store a picture and return its name. Raises ValidationError for what is no picture, or too large."""
    if (upload.size or 0) > MOST_BYTES:
        raise ValidationError(
            _("This picture has %(size).1f MB and %(most)d fit. Choose a smaller one.")
            % {"size": (upload.size or 0) / 1024**2, "most": MOST_BYTES // 1024**2}
        )
    content = upload.read()
    ending = kind_of(content)
    if not ending:
        raise ValidationError(
            _("This is no picture that every phone shows. Choose a JPEG, PNG or WebP file.")
        )
    name = f"{secrets.token_urlsafe(16)}.{ending}"
    _folder().mkdir(parents=True, exist_ok=True)
    (_folder() / name).write_bytes(content)
    return name


def remove(name: str) -> None:
    if _NAME.fullmatch(name):
        (_folder() / name).unlink(missing_ok=True)


def kind_of(content: bytes) -> str:
    """`jpg`, `png` or `webp` by its first bytes, whatever the file is called; "" for anything else."""
    if content.startswith(b"\xff\xd8\xff"):
        return "jpg"
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    return "webp" if content[:4] == b"RIFF" and content[8:12] == b"WEBP" else ""


@require_safe
def picture(request: HttpRequest, name: str) -> HttpResponse:
    """`/pictures/<name>`: for whoever knows the name, which nobody can guess. It never changes."""
    path = _folder() / name
    if not _NAME.fullmatch(name) or not path.is_file():
        raise Http404("No such picture")
    response = HttpResponse(path.read_bytes(), content_type=TYPES[path.suffix[1:]])
    response["Cache-Control"] = "private, max-age=31536000, immutable"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["X-Content-Type-Options"] = "nosniff"
    response["X-Robots-Tag"] = "noindex"
    return response


def _folder() -> Path:
    return Path(settings.DATA_DIR) / "pictures"
