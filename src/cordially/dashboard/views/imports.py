"""A guest list from a file."""

from __future__ import annotations

from functools import cache
from typing import Any

import phonenumbers
from babel import Locale
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from cordially.dashboard.page import event_page
from cordially.events.models import Event
from cordially.guests.importing import import_guests
from cordially.guests.phones import is_country
from cordially.guests.problems import ListError

#: rows to mend that one page lists
_SHOWN = 500


@cache
def countries() -> list[tuple[str, str]]:
    """ISO code and `Israel (+972)`, by name."""
    names = Locale("en").territories
    listed = [
        (code, f"{names.get(code, code)} (+{phonenumbers.country_code_for_region(code)})")
        for code in phonenumbers.SUPPORTED_REGIONS
    ]
    return sorted(listed, key=lambda entry: entry[1])


@require_http_methods(["GET", "POST"])
@event_page
def import_list(request: HttpRequest, event: Event) -> HttpResponse:
    """Choose a file, then read what became of each row."""
    country = request.POST.get("country", event.country)
    context: dict[str, Any] = {
        "here": "import",
        "countries": countries(),
        "country": country if is_country(country) else event.country,
    }
    status = 200
    if request.method == "POST":
        file = request.FILES.get("file")
        if file is None:
            context["wrong"] = "Choose a file first."
            status = 422
        else:
            try:
                report = import_guests(event, file, country=context["country"])
                event.guest_count = event.guests.count()  # type: ignore[attr-defined]
                context |= {"report": report, "to_decide": report.to_decide[:_SHOWN], "filename": file.name}
            except ListError as error:
                context["wrong"] = str(error)
                status = 422
    return render(request, "dashboard/import.html", context, status=status)
