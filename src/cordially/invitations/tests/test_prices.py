from __future__ import annotations

import datetime as dt
import random
import time
from dataclasses import replace
from decimal import Decimal

import phonenumbers
import pytest
from django.contrib.auth.models import User

from cordially.invitations import prices
from cordially.invitations.models import Category, Price, PriceBook
from cordially.invitations.prices import SHIPPED, SHIPPED_BOOK, Book, NotAPrice, estimate

MARKETING, UTILITY = Category.MARKETING.value, Category.UTILITY.value
#: as the design's picture has it
HOSTS = Book(
    "USD",
    Decimal("0.005"),
    {
        ("IN", MARKETING): Decimal("0.0120"), ("IL", MARKETING): Decimal("0.0350"),
        ("GB", MARKETING): Decimal("0.0525"), ("JP", MARKETING): Decimal("0.0730"),
        ("AE", MARKETING): Decimal("0.0380"), ("", MARKETING): Decimal("0.1"), ("", UTILITY): Decimal("0.02"),
    },
    dt.datetime(2026, 10, 1, 9, 0, tzinfo=dt.UTC),
)  # fmt: skip


@pytest.mark.parametrize(
    ("phone", "country"),
    [
        ("+972502281948", "IL"), ("+919820098200", "IN"), ("+447911823456", "GB"), ("+447911123456", "GG"),
        ("+447797712345", "JE"), ("+447624123456", "IM"), ("+12125550110", "US"), ("+14165550110", "CA"),
        ("+18765550110", "JM"), ("+17875550110", "PR"), ("+79161234567", "RU"), ("+77012345678", "KZ"),
        ("+970591234567", "PS"), ("+38344123456", "XK"), ("+390669812345", "VA"), ("+393123456789", "IT"),
        ("+6591234567", "SG"), ("+15550100000", "US"),
        ("+80012345678", ""), ("+999123456", ""), ("+88216123456", ""), ("", ""), ("+", ""), ("0502281948", ""),
        ("+٩٧٢٥٠٢٢٨١٩٤٨", ""),
    ],
)  # fmt: skip
def test_the_country_of_a_number(phone, country):
    assert prices.country_of(phone) == country


@pytest.mark.parametrize("code", [1, 7, 39, 44, 47, 61, 212, 262, 290, 358, 590, 599])
def test_it_agrees_with_phonenumbers_where_countries_share_a_code(code):
    chance = random.Random(code)
    for region in phonenumbers.COUNTRY_CODE_TO_REGION_CODE[code]:
        for kind in (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE):
            example = phonenumbers.example_number_for_type(region, kind)
            if example is not None:
                e164 = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
                assert prices.country_of(e164) == phonenumbers.region_code_for_number(example), e164
    for _ in range(300):
        phone = f"+{code}{chance.randrange(10**8, 10**9)}"
        known = phonenumbers.region_code_for_number(phonenumbers.parse(phone))
        assert known in (None, prices.country_of(phone)), phone


def test_a_long_list_takes_no_time():
    chance = random.Random(1)
    starts = ("+1", "+972", "+91", "+44", "+49", "+7")
    phones = [f"{chance.choice(starts)}{chance.randrange(10**9, 10**10)}" for _ in range(20_000)]
    prices.country_of.cache_clear()
    prices._country_of_area.cache_clear()
    began = time.process_time()
    for phone in phones:
        prices.country_of(phone)
    assert time.process_time() - began < 5


def test_an_estimate_adds_up_as_the_design_has_it():
    found = estimate({"AE": 7, "JP": 9, "GB": 16, "IL": 110, "IN": 170}, MARKETING, HOSTS)
    assert [(line.name, line.count, str(line.each)) for line in found.lines] == [
        ("Israel", 110, "0.0400"), ("India", 170, "0.0170"), ("United Kingdom", 16, "0.0575"),
        ("Japan", 9, "0.0780"), ("United Arab Emirates", 7, "0.0430"),
    ]  # fmt: skip
    assert found.count == 312
    assert found.total == Decimal("9.213") == sum(line.together for line in found.lines)
    assert prices.money(found.total, found.currency) == "$9.21"
    assert prices.money_each(found.lines[0].each, found.currency) == "$0.0400"
    assert found.source == "your prices of 1 October 2026"


def test_a_country_without_a_price_costs_what_elsewhere_costs():
    found = estimate({"KE": 2, "": 1, "IL": 1, "US": 0}, MARKETING, HOSTS)
    assert [(line.name, line.each, line.elsewhere) for line in found.lines] == [
        ("Kenya", Decimal("0.105"), True),
        ("Unknown country", Decimal("0.105"), True),
        ("Israel", Decimal("0.0400"), False),
    ]
    assert estimate({"IL": 1}, UTILITY, HOSTS).lines[0].elsewhere
    assert estimate({}, UTILITY, HOSTS).total == 0


def test_nothing_is_rounded_before_the_end():
    third = replace(HOSTS, fees={("", UTILITY): Decimal("0.00333")}, provider_fee=Decimal("0.00001"))
    found = estimate({"IL": 1_000, "IN": 1_000}, UTILITY, third)
    assert found.total == Decimal("6.68")


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        ("9.213", "USD", "$9.21"), ("0", "USD", "$0.00"), ("0.004", "USD", "under $0.01"),
        ("12345.6", "EUR", "€12,345.60"), ("14.4", "ILS", "₪14.40"), ("1234.5", "JPY", "¥1,234"),
        ("0.2", "JPY", "under ¥1"),
    ],
)  # fmt: skip
def test_sums_are_shown_in_their_currency(amount, currency, shown):
    assert prices.money(Decimal(amount), currency) == shown


def test_what_is_shipped_holds_together():
    assert {category for _, category in SHIPPED} == {MARKETING, UTILITY}
    countries = {country for country, _ in SHIPPED}
    assert len(SHIPPED) == 2 * len(countries)
    assert countries - {""} <= prices.codes()
    for category in (MARKETING, UTILITY):
        assert all(0 < SHIPPED[country, category] < Decimal("0.2") for country in countries)
    assert all(SHIPPED[country, UTILITY] <= SHIPPED[country, MARKETING] for country in countries)
    assert SHIPPED_BOOK.source == "prices shipped with Cordially (July 2025)"
    # rather too much than too little, but for the few markets that are dear by themselves
    dearer = {country for country in countries if SHIPPED[country, MARKETING] > SHIPPED["", MARKETING]}
    assert dearer == {"CL", "DE", "EG", "FR", "NL"}


@pytest.mark.parametrize(
    ("typed", "amount"),
    [("0.04", "0.04"), ("0,04", "0.04"), (" .5 ", "0.5"), ("1.", "1"), ("0", "0"), ("0.00001", "0.00001")],
)
def test_amounts_as_people_type_them(typed, amount):
    assert prices.read_amount(typed) == Decimal(amount)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "A price is missing."), ("-1", "can’t be below 0"), ("−0,04", "can’t be below 0"),
        ("abc", "This is no amount."), ("1e9", "This is no amount."), ("NaN", "This is no amount."),
        ("1,000.5", "This is no amount."), ("٠.٠٤", "This is no amount."), ("0x1", "This is no amount."),
        ("10001", "too much for one message"), ("9" * 40, "This is no amount."),
        ("0.000001", "Five places"), ("0." + "9" * 5000, "Five places"),
    ],
)  # fmt: skip
def test_what_is_no_amount_says_why(typed, said):
    with pytest.raises(NotAPrice, match=said):
        prices.read_amount(typed)


@pytest.mark.parametrize(
    ("typed", "country"),
    [
        ("Kenya", "KE"), (" united  kingdom", "GB"), ("UK", "GB"), ("il", "IL"), ("Turkey", "TR"),
        ("türkiye", "TR"), ("cote d'ivoire", "CI"), ("Myanmar", "MM"), ("Hong Kong", "HK"), ("Emirates", "AE"),
    ],
)  # fmt: skip
def test_countries_as_people_call_them(typed, country):
    assert prices.read_country(typed) == country


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("Atlantis", "No country is called “Atlantis”. Write its English name"),
        ("Kenia", "Did you mean Kenya?"), ("", "Write the name of a country first."),
        ("<b>", "No country is called “<b>”"), ("x" * 300, "x…”"),
    ],
)  # fmt: skip
def test_what_is_no_country_says_so(typed, said):
    with pytest.raises(NotAPrice) as caught:
        prices.read_country(typed)
    assert said in str(caught.value)


@pytest.mark.django_db
class TestTheHostsBook:
    def test_it_is_the_shipped_one_until_something_is_saved(self, django_assert_num_queries):
        with django_assert_num_queries(1):
            assert prices.book() is SHIPPED_BOOK

    def test_it_comes_back_as_it_was_saved(self):
        host = User.objects.create_user("hadar", first_name="Hadar")
        prices.keep(HOSTS, host, HOSTS.changed_at)
        found = prices.book()
        assert found == replace(HOSTS, changed_by="Hadar")
        assert found.fee("IL", MARKETING) == Decimal("0.035")
        assert found.countries == ["IN", "IL", "JP", "AE", "GB"]

    def test_saving_replaces_all_of_it(self):
        prices.keep(HOSTS, None)
        fewer = replace(HOSTS, currency="EUR", fees={("", MARKETING): Decimal(1), ("", UTILITY): Decimal(2)})
        found = prices.keep(fewer, None)
        assert (found.currency, found.fees) == ("EUR", fewer.fees)
        assert PriceBook.objects.count() == 1 and Price.objects.count() == 2

    def test_the_shipped_prices_are_shipped_again(self):
        prices.keep(HOSTS, None)
        assert prices.keep(replace(SHIPPED_BOOK), None) is SHIPPED_BOOK
        assert not PriceBook.objects.exists() and not Price.objects.exists()
