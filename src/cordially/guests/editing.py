"""What a host changes on the guest list by hand: one guest, or many at once."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet
from django.dispatch import Signal
from django.utils.translation import gettext as _

from cordially.events.models import Event
from cordially.lib import clock

from . import tags
from .models import Guest, PhoneProblem
from .phones import read_phone
from .texts import clean, clean_lines, name_key, read_language, read_party_size

#: a guest's number is another one now: `guest` as it is kept. Listeners work in the same transaction
number_changed = Signal()
#: the host invited `guest` in person. Listeners work in the same transaction
met = Signal()

#: the fields of a guest that can be changed by hand
FIELDS = ("name", "phone", "party_size", "group", "language", "note", "tags")
MOST_TAGS = 20


class Invalid(Exception):
    """What was typed can't be kept; `errors` says so by field."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(" ".join(errors.values()))
        self.errors = dict(errors)


class Stale(Exception):
    """Somebody changed this guest meanwhile; `now` is how it is kept."""

    def __init__(self, now: Guest) -> None:
        super().__init__(_("Somebody changed this guest meanwhile."))
        self.now = now


def add(event: Event, given: Mapping[str, str]) -> Guest:
    """One more guest; a person who was taken off before is brought back. Raises Invalid."""
    with transaction.atomic():
        Event.objects.select_for_update().get(pk=event.pk)
        guest = Guest(event=event)
        _write(guest, {"name": "", "phone": "", **given})
        gone = Guest.everybody.filter(event=event, name_key=guest.name_key, phone=guest.phone)
        if not guest.phone:
            gone = gone.filter(phone_raw=guest.phone_raw)
        if former := gone.first():
            if former.removed_at is None:
                raise Invalid({"name": _("%(name)s is on the list already.") % {"name": former.name}})
            from .removal import bring_back

            bring_back(event, [former.pk])
            return change(Guest.objects.get(pk=former.pk), given)
        guest.save()
        if "tags" in given:
            tags.replace(guest, given["tags"])
    return guest


def change(guest: Guest, given: Mapping[str, str], *, seen: int | None = None) -> Guest:
    """Keep what was typed, by field of `FIELDS`. `seen`: the version that the form was made of.

    Raises Stale when that isn't the newest; Invalid.
    """
    try:
        with transaction.atomic():
            row = Guest.objects.select_for_update(of=("self",)).select_related("event").get(pk=guest.pk)
            if seen is not None and seen != row.version:
                raise Stale(row)
            phone = row.phone
            _write(row, given)
            row.version += 1
            row.save()
            if "tags" in given:
                tags.replace(row, given["tags"])
            if row.phone != phone:
                number_changed.send(Guest, guest=row)
    except IntegrityError as error:
        raise Invalid({"name": _("Somebody of this name and number is on the list already.")}) from error
    return row


def _write(guest: Guest, given: Mapping[str, str]) -> None:
    errors: dict[str, str] = {}
    if "name" in given:
        guest.name = clean(given["name"], 200)
        guest.name_key = name_key(guest.name)
        if not guest.name_key:
            errors["name"] = _("Write a name.")
    if "phone" in given and given["phone"].strip() != guest.phone:
        raw = clean(given["phone"], 120)
        read = read_phone(raw, guest.event.country)
        if raw and not read.e164:
            errors["phone"] = read.note
        guest.phone, guest.phone_raw = read.e164, raw
        guest.phone_problem, guest.phone_note = read.problem.value, read.note[:200]
    elif not guest.phone and not guest.phone_problem:
        guest.phone_problem = PhoneProblem.NO_PHONE
    if "party_size" in given:
        size = read_party_size(given["party_size"] or "1")
        if size is None:
            errors["party_size"] = _("Write a number from 1 to 50.")
        else:
            guest.party_size = size
    if "group" in given:
        guest.group = clean(given["group"], 80)
    if "language" in given:
        code = read_language(given["language"])
        if given["language"].strip() and not code:
            errors["language"] = _("Write a language like French, or its code, like fr.")
        guest.language = code[:10]
    if "note" in given:
        guest.note = clean_lines(given["note"], 500)
    if "tags" in given and len(tags.split(given["tags"])) > MOST_TAGS:
        errors["tags"] = _("A guest can have %(n)s tags.") % {"n": MOST_TAGS}
    if errors:
        raise Invalid(errors)


# many at once


@transaction.atomic
def add_tags(event: Event, guests: QuerySet[Guest], text: str) -> int:
    """Give all of them these tags. Returns how many they are. Raises Invalid."""
    if not tags.split(text):
        raise Invalid({"value": _("Write a tag.")})
    ids = list(guests.order_by().values_list("pk", flat=True))
    tags.add(event, ids, text)
    _touch(guests)
    return len(ids)


@transaction.atomic
def take_tag(event: Event, guests: QuerySet[Guest], text: str) -> int:
    """Take this tag away from all of them. Returns how many had it."""
    # a filter by this tag finds nobody afterwards
    _touch(guests)
    return tags.take(event, list(guests.order_by().values_list("pk", flat=True)), text)


def _touch(guests: QuerySet[Guest]) -> None:
    """Whoever has one of them open learns that there is something newer."""
    Guest.objects.filter(pk__in=guests.order_by().values("pk")).update(version=F("version") + 1)


def set_group(guests: QuerySet[Guest], text: str) -> int:
    """Empty for none. Returns how many they are."""
    return Guest.objects.filter(pk__in=guests.order_by().values("pk")).update(
        group=clean(text, 80), version=F("version") + 1
    )


def set_language(guests: QuerySet[Guest], text: str) -> int:
    """Empty for the event's own. Returns how many they are. Raises Invalid."""
    code = read_language(text)
    if text.strip() and not code:
        raise Invalid({"value": _("Write a language like French, or its code, like fr.")})
    return Guest.objects.filter(pk__in=guests.order_by().values("pk")).update(
        language=code[:10], version=F("version") + 1
    )


def mark_in_person(guest: Guest, is_so: bool) -> None:
    """The host invited them in person: no invitation is sent. Or they did not after all."""
    with transaction.atomic():
        Guest.objects.filter(pk=guest.pk).update(
            in_person_at=clock.now() if is_so else None, version=F("version") + 1
        )
        if is_so:
            met.send(Guest, guest=guest)
