"""What messages cost: the provider's fee and WhatsApp's, by country and category. Decimals throughout."""

from __future__ import annotations

import datetime as dt
import difflib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, lru_cache

import phonenumbers
from babel import Locale
from babel.numbers import format_currency, list_currencies
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import formats
from django.utils.translation import get_language, gettext

from cordially.lib.clock import now as clock_now
from cordially.lib.marking import noop

from .models import Category, Price, PriceBook

#: Twilio's fee for each message (https://www.twilio.com/whatsapp/pricing)
PROVIDER_FEE = Decimal("0.005")
CURRENCY = "USD"
#: what SHIPPED says was true then; WhatsApp changes prices up to four times a year
_SHIPPED_ON = dt.date(2025, 7, 1)
#: stands for every country that has no price of its own
ELSEWHERE = ""

#: WhatsApp's fees by Meta's rate card for messages of July 2025, in US dollars: (countries, marketing, utility)
#: (https://developers.facebook.com/documentation/business-messaging/whatsapp/pricing). Regions have one price for
#: all their countries; of those the ones that hosts are likely to meet stand here.
_RATES = (
    ("AE", "0.0384", "0.0157"), ("AR", "0.0618", "0.0289"), ("BR", "0.0625", "0.0068"),
    ("CL", "0.0889", "0.0200"), ("CO", "0.0125", "0.0002"), ("DE", "0.1365", "0.0550"),
    ("EG", "0.1073", "0.0052"), ("ES", "0.0615", "0.0200"), ("FR", "0.1432", "0.0300"),
    ("GB", "0.0529", "0.0220"), ("ID", "0.0411", "0.0250"), ("IL", "0.0353", "0.0053"),
    ("IN", "0.0107", "0.0014"), ("IT", "0.0691", "0.0300"), ("MX", "0.0436", "0.0085"),
    ("MY", "0.0860", "0.0140"), ("NG", "0.0516", "0.0067"), ("NL", "0.1597", "0.0500"),
    ("PE", "0.0703", "0.0200"), ("PK", "0.0473", "0.0054"), ("RU", "0.0802", "0.0400"),
    ("SA", "0.0455", "0.0115"), ("TR", "0.0109", "0.0053"), ("ZA", "0.0379", "0.0076"),
    ("US CA", "0.0250", "0.0040"),
    ("AT BE CH DK IE PT SE", "0.0592", "0.0171"),
    ("CZ GR HU PL RO UA", "0.0860", "0.0212"),
    ("JO KW LB QA", "0.0341", "0.0091"),
    ("AU HK JP LK NP PH SG TH", "0.0732", "0.0113"),
    ("GH KE MA", "0.0225", "0.0040"),
    ("DO EC UY", "0.0740", "0.0113"),
    # the dearest region: rather too much than too little
    (ELSEWHERE, "0.0860", "0.0212"),
)  # fmt: skip

#: WhatsApp's fee for one message: (country or ELSEWHERE, category) -> US dollars
SHIPPED: dict[tuple[str, str], Decimal] = {
    (country, category.value): Decimal(fee)
    for countries, *fees in _RATES
    for country in countries.split() or [ELSEWHERE]
    for category, fee in zip((Category.MARKETING, Category.UTILITY), fees, strict=True)
}

#: no message costs as much, in whatever currency
_MOST = Decimal(10_000)
_AMOUNT = re.compile(r"\d{1,12}(?:[.,]\d*)?|[.,]\d+", re.ASCII)


def as_of() -> str:
    """The month of the prices that ship: `July 2025`."""
    return formats.date_format(_SHIPPED_ON, "F Y")


class NotAPrice(ValueError):
    """What was typed can't be a price, or no country; the message says why in one sentence."""


@dataclass(frozen=True, slots=True)
class Book:
    """The prices in use."""

    currency: str
    provider_fee: Decimal
    #: (country or ELSEWHERE, category) -> WhatsApp's fee
    fees: Mapping[tuple[str, str], Decimal]
    #: when the host saved them; None: as shipped
    changed_at: dt.datetime | None = None
    changed_by: str = ""

    def fee(self, country: str, category: str) -> Decimal:
        """WhatsApp's fee for one message to that country."""
        return self.fees.get((country, category), self.fees.get((ELSEWHERE, category), Decimal(0)))

    @property
    def countries(self) -> list[str]:
        """Those with a price of their own, by their names."""
        return sorted({country for country, _ in self.fees if country}, key=name_of)

    @property
    def source(self) -> str:
        """Where these come from, within a sentence."""
        if self.changed_at is None:
            return gettext("prices shipped with Cordially ({as_of})").format(as_of=as_of())
        return gettext("your prices of {date}").format(date=formats.date_format(self.changed_at, "j F Y"))


@dataclass(frozen=True, slots=True)
class Line:
    """What the messages to one country cost."""

    country: str
    name: str
    count: int
    #: provider's fee and WhatsApp's, for one message
    each: Decimal
    together: Decimal
    #: the country has no price of its own
    elsewhere: bool


@dataclass(frozen=True, slots=True)
class Estimate:
    """What messages of one category cost, if all are delivered. Sums are exact: round them when they are shown."""

    #: the dearest sum first
    lines: tuple[Line, ...]
    count: int
    total: Decimal
    currency: str
    category: str
    source: str


SHIPPED_BOOK = Book(CURRENCY, PROVIDER_FEE, SHIPPED)


def book() -> Book:
    """The host's prices; as shipped while there are none."""
    row = PriceBook.objects.select_related("changed_by").order_by("pk").first()
    if row is None:
        return SHIPPED_BOOK
    fees = {(price.country, price.category): price.fee for price in Price.objects.all()}
    by = row.changed_by.get_full_name() or row.changed_by.get_username() if row.changed_by else ""
    return Book(row.currency, row.provider_fee, fees, row.changed_at, by)


@transaction.atomic
def keep(given: Book, by: User | None, now: dt.datetime | None = None) -> Book:
    """Make these the prices, all of them. Those that equal what is shipped are shipped ones again."""
    rows = PriceBook.objects.select_for_update()
    first = rows.order_by("pk").first()
    Price.objects.all().delete()
    if (given.currency, given.provider_fee, given.fees) == (CURRENCY, PROVIDER_FEE, SHIPPED):
        rows.delete()
        return SHIPPED_BOOK
    row = first or PriceBook()
    row.currency, row.provider_fee = given.currency, given.provider_fee
    row.changed_at, row.changed_by = now or clock_now(), by
    row.save()
    Price.objects.bulk_create(
        Price(country=country, category=category, fee=fee) for (country, category), fee in given.fees.items()
    )
    return book()


def estimate(counts: Mapping[str, int], category: str, given: Book | None = None) -> Estimate:
    """What so many messages to each country cost (ISO 3166; "" where it isn't known)."""
    prices = given or book()
    lines = []
    for country, count in counts.items():
        if count:
            each = prices.provider_fee + prices.fee(country, category)
            own = (country, category) in prices.fees and country != ELSEWHERE
            lines.append(Line(country, name_of(country), count, each, each * count, not own))
    lines.sort(key=lambda line: (-line.together, line.name))
    return Estimate(
        lines=tuple(lines),
        count=sum(line.count for line in lines),
        total=sum((line.together for line in lines), Decimal(0)),
        currency=prices.currency,
        category=category,
        source=prices.source,
    )


def money(amount: Decimal, currency: str) -> str:
    """A sum to be paid: `$9.21`; `under $0.01` where it would be rounded to nothing."""
    shown = format_currency(amount, currency, locale="en")
    if amount > 0 and not any(digit in shown for digit in "123456789"):
        least = Decimal(1).scaleb(-len(shown.partition(".")[2]))
        return gettext("under {price}").format(price=_money(least, currency))
    return _money(amount, currency)


def _money(amount: Decimal, currency: str) -> str:
    """As the reader of the page writes it."""
    return format_currency(amount, currency, locale=_reader())


def money_each(amount: Decimal, currency: str) -> str:
    """The price of one message, as exactly as it is known: `$0.0403`."""
    locale = Locale(_reader())
    # the reader's own pattern, with more places: ¤#,##0.00 in English
    pattern = locale.currency_formats["standard"].pattern.replace("0.00", "0.0000#")
    return format_currency(amount, currency, pattern, locale=locale, currency_digits=False)


def read_amount(text: str) -> Decimal:
    """What a host typed as a price: `0.04`, `0,04`. Raises NotAPrice."""
    typed = text.strip()
    if not typed:
        raise NotAPrice(noop("A price is missing. Write 0 if it costs nothing."))
    if re.fullmatch(r"[-−–]\s*[\d.,]+", typed):
        raise NotAPrice(noop("A price can’t be below 0."))
    if not _AMOUNT.fullmatch(typed):
        raise NotAPrice(noop("This is no amount. Write it like 0.04."))
    amount = Decimal(typed.replace(",", "."))
    if amount > _MOST:
        raise NotAPrice(noop("That is too much for one message."))
    if amount != round(amount, 5):
        raise NotAPrice(noop("Five places after the point are the most."))
    return amount


def is_currency(code: str) -> bool:
    """Whether it is a currency's ISO 4217 code."""
    return code in _currencies()


# --- countries

#: what people also call them
_ALSO = {
    "america": "US", "britain": "GB", "czech republic": "CZ", "emirates": "AE", "england": "GB",
    "great britain": "GB", "holland": "NL", "ivory coast": "CI", "korea": "KR",
    "palestine": "PS", "scotland": "GB", "turkey": "TR", "uae": "AE", "uk": "GB", "usa": "US",
    "united states of america": "US", "wales": "GB",
}  # fmt: skip
#: of a number whose calling code several countries share, so many digits behind it tell which one it is
_AREA = {1: 3, 7: 3}
_AREA_ELSE = 5


@lru_cache(maxsize=100_000)
def country_of(phone: str) -> str:
    """ISO 3166 of an E.164 number; "" when no country has it. Never raises."""
    if not phone.startswith("+"):
        return ""
    for length in (1, 2, 3):
        code = phone[1 : 1 + length]
        if code.isascii() and code.isdigit() and (regions := _REGIONS.get(int(code))):
            if len(regions) == 1:
                return regions[0] if regions[0].isalpha() else ""
            area = _AREA.get(int(code), _AREA_ELSE)
            return _country_of_area(phone[: 1 + length + area], len(phone), regions[0])
    return ""


_REGIONS = phonenumbers.COUNTRY_CODE_TO_REGION_CODE


@lru_cache(maxsize=100_000)
def _country_of_area(start: str, length: int, otherwise: str) -> str:
    """The country of the numbers that begin like this: asking for each by itself takes twenty times as long."""
    try:
        number = phonenumbers.parse(start.ljust(length, "5"))
    except phonenumbers.NumberParseException:
        return otherwise
    return phonenumbers.region_code_for_number(number) or otherwise


def name_of(country: str) -> str:
    """In the language of the reader: `United Kingdom`."""
    return _names(_reader()).get(country, country) if country else gettext("Unknown country")


def codes() -> frozenset[str]:
    """ISO 3166 of all countries that numbers can be in."""
    return frozenset(_names("en"))


def names() -> list[str]:
    """Of all countries that numbers can be in, in their order."""
    return sorted(_names(_reader()).values(), key=_plain)


def read_country(text: str) -> str:
    """ISO 3166 of the country that a host named: by its name or its code. Raises NotAPrice."""
    typed = " ".join(text.split())
    if not typed:
        raise NotAPrice(noop("Write the name of a country first."))
    if typed.upper() in _names("en"):
        return typed.upper()
    by_name = _by_name(_reader())
    if found := by_name.get(_plain(typed)):
        return found
    near = difflib.get_close_matches(_plain(typed), by_name, n=1, cutoff=0.75)
    shown = typed if len(typed) <= 40 else f"{typed[:39]}…"
    if near:
        raise NotAPrice(
            noop("No country is called “{shown}”. Did you mean {country}?").format(
                shown=shown, country=name_of(by_name[near[0]])
            )
        )
    raise NotAPrice(
        noop("No country is called “{shown}”. Write its English name, like Kenya.").format(shown=shown)
    )


def _reader() -> str:
    return (get_language() or "en").partition("-")[0]


@cache
def _names(language: str) -> dict[str, str]:
    names = Locale(language).territories
    return {
        code: names[code].removesuffix(" SAR China")
        for code in phonenumbers.SUPPORTED_REGIONS
        if code in names
    }


@cache
def _by_name(language: str) -> dict[str, str]:
    """In English, and in the language of the reader."""
    found = dict(_ALSO)
    for spoken in ("en", language):
        for code, name in _names(spoken).items():
            found |= {_plain(name): code, _plain(name.partition("(")[0]): code}
    return found


@cache
def _currencies() -> frozenset[str]:
    return frozenset(list_currencies("en"))


def _plain(text: str) -> str:
    """Without accents, dots and capitals: as names are compared."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    return " ".join(
        "".join(c if c.isalnum() else " " for c in letters if not unicodedata.combining(c)).split()
    )
