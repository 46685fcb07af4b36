"""The price table: what a message costs, by country and category. Edited as a whole, saved as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from cordially.dashboard.page import refused_to_all, user_of
from cordially.dashboard.shown import shown
from cordially.invitations import prices as table
from cordially.invitations.models import Category
from cordially.invitations.prices import ELSEWHERE, SHIPPED_BOOK, Book, NotAPrice, as_of
from cordially.team.rights import runs_installation

#: offered; another one that is saved stays offered
_CURRENCIES = ("USD", "EUR", "GBP", "AED", "AUD", "BRL", "IDR", "ILS", "INR", "JPY", "MXN", "SAR", "SGD")
_FEE = "provider_fee"
_FIELDS = tuple((category.value.lower(), category.value) for category in Category)
_SOMEBODY_ELSE = gettext_lazy(
    "{who} changed the prices meanwhile. What you typed is still here; save it to replace them."
)


@dataclass
class Cell:
    """One field with what was typed into it, and what is wrong with that."""

    name: str
    label: str
    text: str
    error: str = ""

    def read(self) -> Decimal:
        """The amount; 0 and a sentence beside it when it is none."""
        try:
            return table.read_amount(self.text)
        except NotAPrice as error:
            self.error = shown(error)
            return Decimal(0)


@dataclass
class Row:
    """One country's prices; ELSEWHERE's are the last."""

    country: str
    cells: list[Cell]

    @property
    def name(self) -> str:
        return table.name_of(self.country) if self.country else _("Elsewhere")

    @classmethod
    def of(cls, country: str, given: Mapping[str, str]) -> Row:
        """`given`: what stands in the fields, by their names."""
        row = cls(country, [])
        for key, category in _FIELDS:
            kind = str(Category(category).label).lower()
            name = _name(key, country)
            row.cells.append(Cell(name, f"{row.name}, {kind}", given.get(name, "")[:40]))
        return row


@dataclass
class Sheet:
    """The whole form."""

    rows: list[Row]
    fee: Cell
    currency: str
    add: str = ""
    add_error: str = ""
    currency_error: str = ""
    #: the version that was edited
    seen: str = ""
    #: what happened to the form since it was opened
    note: str = ""
    #: it was changed and isn't saved yet
    unsaved: bool = False
    #: the field where something was just added or taken away
    fresh: str = ""

    @classmethod
    def of(cls, book: Book, seen: str) -> Sheet:
        texts = {_name(key.lower(), country): _text(fee) for (country, key), fee in book.fees.items()}
        rows = [Row.of(country, texts) for country in [*book.countries, ELSEWHERE]]
        return cls(rows, Cell(_FEE, _("Twilio’s fee"), _text(book.provider_fee)), book.currency, seen=seen)

    @classmethod
    def read(cls, given: QueryDict) -> Sheet:
        """What was posted. Fields of countries that don't exist are no fields."""
        texts = {key: given.get(key, "") for key in given}
        known = {f"{key}-{country}": country for country in table.codes() for key, _ in _FIELDS}
        countries = sorted({known[key] for key in texts if key in known}, key=table.name_of)
        return cls(
            [Row.of(country, texts) for country in [*countries, ELSEWHERE]],
            Cell(_FEE, _("Twilio’s fee"), texts.get(_FEE, "")[:40]),
            texts.get("currency", "").strip().upper()[:3],
            add=texts.get("add", "").strip()[:80],
            seen=texts.get("seen", ""),
            unsaved=True,
        )

    def book(self) -> Book | None:
        """What it says; None when something in it can't be, which then says so beside its field."""
        fees = {
            (row.country, category): cell.read()
            for row in self.rows
            for cell, (_, category) in zip(row.cells, _FIELDS, strict=True)
        }
        given = Book(self.currency, self.fee.read(), fees)
        if not table.is_currency(self.currency):
            self.currency_error = _("Choose one of these.")
        return None if self.errors else given

    def add_country(self) -> None:
        """A new row for the country that was named, with elsewhere's prices to begin with."""
        try:
            country = table.read_country(self.add)
        except NotAPrice as error:
            self.add_error = shown(error)
            return
        if any(row.country == country for row in self.rows):
            self.add_error = _("{name_of} is in the table already.").format(name_of=table.name_of(country))
            return
        elsewhere = [cell.text for cell in self.rows[-1].cells]
        texts = {_name(key, country): text for (key, _), text in zip(_FIELDS, elsewhere, strict=True)}
        rows = [*self.rows[:-1], Row.of(country, texts)]
        self.rows = [*sorted(rows, key=lambda row: row.name), self.rows[-1]]
        self.add, self.fresh = "", _name(_FIELDS[0][0], country)
        self.note = _("{name_of} was added, with the prices of elsewhere to begin with.").format(
            name_of=table.name_of(country)
        )

    def take_away(self, country: str) -> None:
        """That country costs what elsewhere costs."""
        place = next((place for place, row in enumerate(self.rows) if row.country == country), None)
        if place is not None:
            del self.rows[place]
            self.fresh = self.rows[place].cells[0].name
            self.note = _("{name_of} was taken away: elsewhere’s prices are used for it.").format(
                name_of=table.name_of(country)
            )

    @property
    def errors(self) -> dict[str, str]:
        """What is wrong: field -> sentence, in the order of the page."""
        cells = (cell for row in self.rows for cell in row.cells)
        found = {self.fee.name: self.fee.error, "currency": self.currency_error, "add": self.add_error}
        found |= {cell.name: cell.error for cell in cells}
        return {name: error for name, error in found.items() if error}

    @property
    def focus(self) -> str:
        """Where the cursor belongs: at the last change, else at the first that is wrong."""
        return self.fresh or next(iter(self.errors), "")

    @property
    def currencies(self) -> list[str]:
        """Those to choose from."""
        return list(
            dict.fromkeys([self.currency, *_CURRENCIES] if table.is_currency(self.currency) else _CURRENCIES)
        )


def _name(key: str, country: str) -> str:
    return f"{key}-{country or 'elsewhere'}"


def _text(amount: Decimal) -> str:
    """With four places, or five where they say something."""
    return f"{amount:.4f}" if amount == round(amount, 4) else f"{amount:.5f}"


def _version(book: Book) -> str:
    return book.changed_at.isoformat() if book.changed_at else "shipped"


@login_required
@require_http_methods(["GET", "POST"])
def prices(request: HttpRequest) -> HttpResponse:
    """Look (GET); add, take away, begin anew or save (POST): only saving keeps anything."""
    book = table.book()
    if request.method == "GET":
        return _page(request, book, Sheet.of(book, _version(book)))
    if not runs_installation(request.user):
        return refused_to_all(request)
    sheet = Sheet.read(request.POST)
    if country := request.POST.get("away"):
        sheet.take_away(country)
    elif request.POST.get("do") == "shipped":
        sheet = Sheet.of(SHIPPED_BOOK, sheet.seen)
        sheet.note, sheet.unsaved = (
            _("These are the prices as shipped ({as_of}). Save to use them.").format(as_of=as_of()),
            True,
        )
    elif sheet.add or request.POST.get("do") == "add":
        sheet.add_country()
    else:
        return _save(request, book, sheet)
    return _page(request, book, sheet, 422 if sheet.errors else 200)


def _save(request: HttpRequest, book: Book, sheet: Sheet) -> HttpResponse:
    given = sheet.book()
    if given is None:
        return _page(request, book, sheet, 422)
    if sheet.seen != _version(book):
        # the next Save is about what is there now
        sheet.seen = _version(book)
        sheet.note = _SOMEBODY_ELSE.format(who=book.changed_by or _("Somebody"))
        return _page(request, book, sheet, 409)
    kept = table.keep(given, user_of(request))
    messages.success(
        request, _("Saved: estimates reckon with your prices.") if kept.changed_at else _("As shipped again.")
    )
    return redirect("prices")


def _page(request: HttpRequest, book: Book, sheet: Sheet, status: int = 200) -> HttpResponse:
    context = {
        "here": "prices",
        "book": book,
        "sheet": sheet,
        "as_of": as_of(),
        "is_shipped": book.changed_at is None,
        "names": table.names(),
        "wrong": len(sheet.errors),
        "may_save": runs_installation(request.user),
    }
    return render(request, "dashboard/prices.html", context, status=status)
