"""Tags of a list: words by which a host groups guests. A tag that nobody has any more is forgotten."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from cordially.events.models import Event

from .models import Guest, Tag
from .texts import clean, name_key

MOST_LETTERS = 40


def split(text: str) -> list[str]:
    """The tags of a field, `family, bus 2`: cleaned, each once."""
    found: dict[str, str] = {}
    for part in text.replace(";", ",").split(","):
        name = clean(part, MOST_LETTERS)
        if key := name_key(name):
            found.setdefault(key[:MOST_LETTERS], name)
    return list(found.values())


def _tags(event: Event, names: Iterable[str]) -> list[Tag]:
    return [
        Tag.objects.get_or_create(
            event=event, name_key=name_key(name)[:MOST_LETTERS], defaults={"name": name}
        )[0]
        for name in names
    ]


def replace(guest: Guest, text: str) -> None:
    """The guest has these and no others. In a transaction."""
    guest.tags.set(_tags(guest.event, split(text)))
    _forget_unused(guest.event)


def add(event: Event, ids: Sequence[int], text: str) -> None:
    """Give these guests of the event all of the tags. In a transaction."""
    through: Any = Guest.tags.through
    for tag in _tags(event, split(text)):
        links = [through(guest_id=pk, tag_id=tag.pk) for pk in ids]
        through.objects.bulk_create(links, ignore_conflicts=True, batch_size=2000)


def take(event: Event, ids: Sequence[int], text: str) -> int:
    """Take the tag away from these guests. Returns how many had it. In a transaction."""
    key = name_key(clean(text, MOST_LETTERS))
    through: Any = Guest.tags.through
    gone = 0
    for some in (ids[start : start + 5000] for start in range(0, len(ids), 5000)):
        rows = through.objects.filter(guest__in=some, tag__event=event, tag__name_key=key)
        gone += rows.delete()[0]
    _forget_unused(event)
    return gone


def _forget_unused(event: Event) -> None:
    Tag.objects.filter(event=event, guests=None).delete()
