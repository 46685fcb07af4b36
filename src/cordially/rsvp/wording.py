"""Which language a page is in, and dates as that language writes them."""

from __future__ import annotations

import datetime as dt
import zoneinfo

import phonenumbers
from babel import Locale, UnknownLocaleError, dates

from cordially.events.models import Event
from cordially.events.places import country_of_zone
from cordially.guests.models import Guest
from cordially.rsvp.phrases import PHRASES, Phrases

RIGHT_TO_LEFT = {"he", "ar"}
#: names that a language had before, and that phones still send
_RENAMED = {"iw": "he"}


def language_of(*tags: str) -> str:
    """The first of these tags (“pt-BR”, “he”) that the page speaks; English when it speaks none."""
    for tag in tags:
        language = tag.replace("_", "-").split("-")[0].lower()
        language = _RENAMED.get(language, language)
        if language in PHRASES:
            return language
    return "en"


class Wording:
    """The page's words and its way to write a date."""

    def __init__(self, language: str, country: str = "") -> None:
        self.language = language
        self.direction = "rtl" if language in RIGHT_TO_LEFT else "ltr"
        self.words: Phrases = PHRASES[language]
        self._locale = _locale(language, country)

    def day(self, when: dt.datetime) -> str:
        return dates.format_date(when.date(), "full", self._locale)

    def date(self, day: dt.date) -> str:
        return dates.format_date(day, "long", self._locale)

    def clock(self, when: dt.datetime) -> str:
        return dates.format_time(when, "short", tzinfo=when.tzinfo, locale=self._locale)

    def moment(self, when: dt.datetime) -> str:
        """Day and time in one line."""
        day = dates.format_date(when.date(), "long", self._locale)
        return f"{day}{'،' if self.language == 'ar' else ','} {self.clock(when)}"

    def zone(self, zone: zoneinfo.ZoneInfo) -> str:
        return dates.get_timezone_name(zone, locale=self._locale)


def wording_for(guest: Guest) -> Wording:
    # the guest's own language counts even when we don't speak it: English is likelier than the event's
    tag = guest.language or guest.event.language
    return Wording(language_of(tag), guest.event.country)


def is_abroad(guest: Guest) -> bool:
    """Whether the guest's clock may differ from the event's, so that the page should say whose it shows."""
    event: Event = guest.event
    territory = country_of_zone(event.timezone)
    if not territory or not guest.phone:
        return True
    try:
        number = phonenumbers.parse(guest.phone)
    except phonenumbers.NumberParseException:
        return True
    return phonenumbers.country_code_for_region(territory) != number.country_code


def _locale(language: str, country: str) -> Locale:
    """Hebrew of Israel, English of Britain; the plain language where that pair is unknown."""
    try:
        return Locale.parse(f"{language}_{country.upper()}")
    except (UnknownLocaleError, ValueError):
        return Locale.parse(language)
