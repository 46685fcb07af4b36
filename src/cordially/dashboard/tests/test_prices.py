"""The price table in the browser's view: typed, corrected, saved as a whole."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from cordially.invitations import prices
from cordially.invitations.models import Price, PriceBook
from cordially.invitations.prices import SHIPPED_BOOK, Book

PRICES = "/prices"
_FIELD = re.compile(r'<input class="input num" id="([^"]+)" name="\1" value="([^"]*)"')


def typed(page: str, **changed: str) -> dict[str, str]:
    """What a browser would post from that page, with some fields changed; `IL_marketing` is one of them."""
    seen = re.search(r'name="seen" value="([^"]*)"', page)
    currency = re.search(r"<option selected>(\w+)</option>", page)
    assert seen and currency
    given = dict(_FIELD.findall(page)) | {"seen": seen[1], "currency": currency[1], "add": ""}
    for name, value in changed.items():
        country, _, key = name.rpartition("_")
        given[f"{key}-{country}" if key in ("marketing", "utility") else name] = value
    return given


@pytest.fixture
def page(browser: Client) -> str:
    return browser.get(PRICES).content.decode()


def fields(page: str) -> dict[str, str]:
    return dict(_FIELD.findall(page))


def said_beside(page: str, field: str) -> str:
    found = re.search(rf'id="{field}-error">.*?</svg>(.*?)</p>', page)
    assert found, f"nothing is said beside {field}"
    return found[1]


def test_only_a_host_who_is_signed_in_sees_it(client: Client, db: None) -> None:
    for answer in (client.get(PRICES), client.post(PRICES, {"do": "shipped"})):
        assert answer.status_code == 302 and answer["Location"].startswith("/signin")


def test_a_form_of_another_site_changes_nothing(host: User, page: str) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(host)
    assert strict.post(PRICES, typed(page, IL_marketing="1")).status_code == 403
    assert not PriceBook.objects.exists()
    own = strict.get(PRICES).content.decode()
    token = re.search(
        r'action="/prices"[^>]*>\s*<input type="hidden" name="csrfmiddlewaretoken" value="(\w+)"', own
    )
    assert token
    given = typed(own, IL_marketing="1") | {"csrfmiddlewaretoken": token[1]}
    assert strict.post(PRICES, given).status_code == 302


def test_what_is_shipped_is_shown_with_its_date_and_a_warning(page: str) -> None:
    assert "These are starting values of July 2025." in page
    assert fields(page)["marketing-IL"] == "0.0353"
    assert fields(page)["marketing-elsewhere"] == "0.0860"
    assert fields(page)["provider_fee"] == "0.0050"
    assert "As shipped</button>" not in page


def test_changes_are_saved_together(browser: Client, page: str) -> None:
    answer = browser.post(
        PRICES,
        typed(page, IL_marketing="0,04", elsewhere_utility=".5", provider_fee="0.0061", currency="EUR"),
        follow=True,
    )
    now = answer.content.decode()
    assert "Saved: estimates reckon with your prices." in now
    assert "starting values" not in now and "Saved by <bdi>Hadar</bdi> on" in now
    book = prices.book()
    assert (book.currency, book.provider_fee) == ("EUR", Decimal("0.0061"))
    assert book.fee("IL", "MARKETING") == Decimal("0.04")
    assert book.fee("KE", "UTILITY") == Decimal("0.004")
    assert book.fee("XK", "UTILITY") == Decimal("0.5")
    assert fields(now)["marketing-IL"] == "0.0400"


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("IL_marketing", "-1", "A price can’t be below 0."),
        ("IL_marketing", "abc", "This is no amount. Write it like 0.04."),
        ("IL_utility", "1e9", "This is no amount. Write it like 0.04."),
        ("IL_utility", "", "A price is missing. Write 0 if it costs nothing."),
        ("elsewhere_marketing", "99999", "That is too much for one message."),
        ("provider_fee", "0.0000001", "Five places after the point are the most."),
        ("provider_fee", "<script>", "This is no amount. Write it like 0.04."),
    ],
)
def test_what_is_wrong_stays_in_its_field_and_nothing_is_saved(
    browser: Client, page: str, field: str, value: str, said: str
) -> None:
    answer = browser.post(PRICES, typed(page, IN_marketing="0.5", **{field: value}))
    assert answer.status_code == 422
    now = answer.content.decode()
    given = typed(now)
    country, _, key = field.rpartition("_")
    name = field if field == "provider_fee" else f"{key}-{country}"
    assert given[name] == value.replace("<", "&lt;").replace(">", "&gt;")
    assert said_beside(now, name) == said
    assert "One field needs you. Nothing was saved yet." in now
    assert given["marketing-IN"] == "0.5"
    assert re.search(rf'name="{name}"[^>]* autofocus', now)
    assert not PriceBook.objects.exists() and not Price.objects.exists()


def test_every_wrong_field_says_so(browser: Client, page: str) -> None:
    now = browser.post(PRICES, typed(page, IL_marketing="-1", IN_utility="abc")).content.decode()
    assert "2 fields need you." in now
    assert said_beside(now, "marketing-IL") and said_beside(now, "utility-IN")


@pytest.mark.parametrize("currency", ["XXL", "", "<b>"])
def test_a_currency_that_does_not_exist_is_refused(browser: Client, page: str, currency: str) -> None:
    answer = browser.post(PRICES, typed(page, currency=currency))
    assert answer.status_code == 422
    assert said_beside(answer.content.decode(), "currency") == "Choose one of these."
    assert not PriceBook.objects.exists()


def test_a_country_is_added_by_its_name_and_saved_later(browser: Client, page: str) -> None:
    answer = browser.post(PRICES, typed(page, add="norway", IL_marketing="0.5") | {"do": "add"})
    assert answer.status_code == 200
    now = answer.content.decode()
    assert "Norway was added" in now and "Nothing is saved yet." in now
    given = typed(now)
    assert given["marketing-NO"] == given["marketing-elsewhere"] == "0.0860"
    assert given["marketing-IL"] == "0.5"
    assert re.search(r'name="marketing-NO"[^>]* autofocus', now)
    assert (
        list(given).index("marketing-NG")
        < list(given).index("marketing-NO")
        < list(given).index("marketing-PK")
    )
    assert not PriceBook.objects.exists()
    browser.post(PRICES, typed(now, NO_marketing="0.07"))
    assert prices.book().fee("NO", "MARKETING") == Decimal("0.07")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Atlantis", "No country is called “Atlantis”. Write its English name, like Kenya."),
        ("Kenia", "No country is called “Kenia”. Did you mean Kenya?"),
        ("Israel", "Israel is in the table already."),
        ("", "Write the name of a country first."),
    ],
)
def test_a_country_that_can_t_be_added_stays_in_its_field(
    browser: Client, page: str, name: str, said: str
) -> None:
    answer = browser.post(PRICES, typed(page, add=name, IL_marketing="0.5") | {"do": "add"})
    assert answer.status_code == 422
    now = answer.content.decode()
    assert said_beside(now, "add") == said
    assert f'name="add" list="countries" value="{name}"' in now
    assert fields(now)["marketing-IL"] == "0.5"


def test_enter_in_the_field_of_a_country_adds_it(browser: Client, page: str) -> None:
    now = browser.post(PRICES, typed(page, add="Norway")).content.decode()
    assert "marketing-NO" in fields(now)
    assert not PriceBook.objects.exists()


def test_enter_in_any_other_field_saves(page: str) -> None:
    form = page[page.index('<form class="stack prices"') :]
    first = re.search(r"<button[^>]*>([^<]*)", form)
    assert first and first[1] == "Save the prices" and "name=" not in first[0]


def test_a_country_is_taken_away_and_costs_what_elsewhere_costs(browser: Client, page: str) -> None:
    now = browser.post(PRICES, typed(page, IN_marketing="0.5") | {"away": "IL"}).content.decode()
    assert "Israel was taken away" in now and "marketing-IL" not in fields(now)
    assert fields(now)["marketing-IN"] == "0.5"
    assert re.search(r'name="marketing-IT"[^>]* autofocus', now), "the cursor stays where the row was"
    assert not PriceBook.objects.exists()
    browser.post(PRICES, typed(now))
    book = prices.book()
    assert "IL" not in book.countries
    assert book.fee("IL", "MARKETING") == Decimal("0.086")


@pytest.mark.parametrize("country", ["XX", "elsewhere", "<b>", "KP"])
def test_what_is_not_there_can_t_be_taken_away(browser: Client, page: str, country: str) -> None:
    now = browser.post(PRICES, typed(page) | {"away": country}).content.decode()
    assert fields(now) == fields(page)


def test_as_shipped_begins_anew_and_is_kept_by_saving(browser: Client, page: str) -> None:
    browser.post(PRICES, typed(page, IL_marketing="0.5"))
    mine = browser.get(PRICES).content.decode()
    assert "As shipped</button>" in mine
    now = browser.post(PRICES, typed(mine) | {"do": "shipped"}).content.decode()
    assert fields(now) == fields(page)
    assert "These are the prices as shipped (July 2025). Save to use them." in now
    assert prices.book().fee("IL", "MARKETING") == Decimal("0.5")
    answer = browser.post(PRICES, typed(now), follow=True).content.decode()
    assert "As shipped again." in answer
    assert prices.book() is SHIPPED_BOOK


def test_what_somebody_else_saved_meanwhile_is_not_overwritten_unseen(browser: Client, page: str) -> None:
    ruth = User.objects.create_user("ruth", first_name="Ruth")
    prices.keep(
        Book("USD", Decimal("0.005"), SHIPPED_BOOK.fees | {("IL", "MARKETING"): Decimal("0.6")}), ruth
    )
    answer = browser.post(PRICES, typed(page, IL_marketing="0.5"))
    assert answer.status_code == 409
    now = answer.content.decode()
    assert "Ruth changed the prices meanwhile." in now and fields(now)["marketing-IL"] == "0.5"
    assert prices.book().fee("IL", "MARKETING") == Decimal("0.6")
    browser.post(PRICES, typed(now))
    assert prices.book().fee("IL", "MARKETING") == Decimal("0.5")


def test_fields_that_nobody_asked_for_are_left_alone(browser: Client, page: str) -> None:
    more: dict[str, Any] = {"marketing-XX": "1", "utility-": "1", "marketing-il": "1", "MARKETING-IL": "1"}
    browser.post(PRICES, typed(page, IN_marketing="0.5") | more)
    assert set(prices.book().fees) == set(SHIPPED_BOOK.fees)


def test_an_empty_form_is_no_price_table(browser: Client, db: None) -> None:
    assert browser.post(PRICES, {}).status_code == 422
    assert not PriceBook.objects.exists()


def test_nothing_but_get_and_post(browser: Client) -> None:
    assert browser.put(PRICES).status_code == 405
