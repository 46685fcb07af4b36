"""Bring the catalogues up to date with the code, and write them as the server reads them: `make messages`."""

from __future__ import annotations

import os
import sys

import django
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

HEADER = "# What the host’s pages say. `make messages` brings it up to date with the code."
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cordially.settings")


def main() -> int:
    django.setup()
    from .collecting import LANGUAGES, path_of, template_catalog

    wanted = template_catalog()
    missing = 0
    for language in LANGUAGES:
        path = path_of(language)
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            catalog = read_po(path.open("rb"), locale=language)
        else:
            catalog = Catalog(language, project="Cordially", header_comment=HEADER, fuzzy=False)
        # a sentence that was changed is a new one: an old translation of it might say something untrue
        catalog.update(
            wanted, no_fuzzy_matching=True, update_header_comment=False, update_creation_date=False
        )
        catalog.obsolete.clear()
        with path.open("wb") as file:
            write_po(file, catalog, omit_header=False, sort_output=True, no_location=True, width=110)
        with path.with_suffix(".mo").open("wb") as file:
            write_mo(file, catalog)
        left = [message.id for message in catalog if message.id and not _is_done(message)]
        missing += len(left)
        print(f"{language}: {len(catalog)} sentences, {len(left)} to translate")
        for text in left[:20]:
            print(f"  {text!r}")
    return 1 if missing else 0


def _is_done(message: object) -> bool:
    said = message.string  # type: ignore[attr-defined]
    return all(said) if isinstance(said, tuple) else bool(said)


if __name__ == "__main__":
    sys.exit(main())
