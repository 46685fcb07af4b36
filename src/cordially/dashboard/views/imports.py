"""A guest list from a file: choose it, say what its columns hold, look at every row, import, undo."""

from __future__ import annotations

import io
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods
from django_htmx.http import HttpResponseClientRedirect

from cordially.dashboard import errands, sheet
from cordially.dashboard.asked import whole
from cordially.dashboard.page import event_page, press, user_of
from cordially.dashboard.shown import shown
from cordially.events.models import Event
from cordially.guests import drafts, undoing
from cordially.guests.drafts import Stale
from cordially.guests.models import GuestImport, ImportState
from cordially.guests.phones import format_phone
from cordially.guests.problems import ListError
from cordially.guests.reading import read_table
from cordially.guests.reports import UPDATED
from cordially.team.rights import Right

#: imports that the first page lists
_RECENT = 5
_TYPES = ".csv,.tsv,.txt,.xlsx,text/csv,application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def _draft(event: Event, pk: int) -> GuestImport:
    draft = get_object_or_404(GuestImport, pk=pk, event=event)
    draft.event = event
    return draft


def _at(draft: GuestImport, name: str = "import_draft") -> str:
    return reverse(name, args=[draft.event.slug, draft.pk])


def _onward(request: HttpRequest, address: str) -> HttpResponse:
    if request.htmx:  # type: ignore[attr-defined]
        return HttpResponseClientRedirect(address)
    return redirect(address)


# --- 1. the file


@require_http_methods(["GET", "POST"])
@event_page(sees=Right.EDIT)
def import_list(request: HttpRequest, event: Event) -> HttpResponse:
    """Choose a file, or paste rows."""
    if request.method == "GET":
        return _start(request, event)
    file, pasted = request.FILES.get("file"), request.POST.get("pasted", "")
    if file is not None and pasted.strip():
        return _start(
            request, event, file_wrong=_("Choose a file or paste rows, not both. Empty one of the two.")
        )
    if file is None and not pasted.strip():
        return _start(request, event, file_wrong=_("Choose a file first, or paste rows from a spreadsheet."))
    try:
        if file is not None:
            name = file.name or ""
            table = read_table(file, name)
        else:
            name = ""
            table = read_table(io.BytesIO(pasted.encode(errors="replace")))
    except ListError as error:
        field = "file_wrong" if file is not None else "paste_wrong"
        return _start(request, event, **{field: shown(error)})
    errands.tidy()
    draft = drafts.begin(event, table, by=user_of(request), filename=name)
    return redirect(_at(draft, "import_columns"))


def _start(request: HttpRequest, event: Event, **wrong: str) -> HttpResponse:
    context = {
        "here": "import",
        "types": _TYPES,
        "pasted": request.POST.get("pasted", ""),
        "recent": event.imports.select_related("created_by")[:_RECENT],
        **wrong,
    }
    return render(request, "dashboard/import.html", context, status=422 if wrong else 200)


# --- 2. its columns


@require_http_methods(["GET", "POST"])
@event_page(sees=Right.EDIT)
def columns(request: HttpRequest, event: Event, pk: int) -> HttpResponse:
    """Confirm what each column holds."""
    draft = _draft(event, pk)
    if draft.state not in (ImportState.COLUMNS, ImportState.CHECK):
        return redirect(_at(draft))
    if request.method == "GET":
        return _columns(request, draft, draft.uses, draft.country)
    uses = [request.POST.get(f"use-{index}", "") for index in range(len(draft.uses))]
    country = request.POST.get("country", "")
    if faults := drafts.faults_of(uses):
        return _columns(request, draft, uses, country, faults)
    try:
        drafts.use_columns(draft, uses, country)
    except Stale as error:
        messages.warning(request, shown(error))
    errands.see_to(draft)
    return redirect(_at(draft))


def _columns(
    request: HttpRequest,
    draft: GuestImport,
    uses: list[str],
    country: str,
    faults: dict[int, str] | None = None,
) -> HttpResponse:
    faults = faults or {}
    listed = sheet.columns(draft, uses, faults)
    context = {
        "here": "import",
        "draft": draft,
        "columns": listed,
        "uses": sheet.USES,
        "recognised": sum(column.use not in ("", "field") for column in listed),
        "whole_fault": faults.get(-1, ""),
        "faults": faults,
        "countries": sheet.countries(),
        "country": country,
    }
    return render(request, "dashboard/import_columns.html", context, status=422 if faults else 200)


# --- 3. the dry run


@require_GET
@event_page(sees=Right.EDIT)
def draft(request: HttpRequest, event: Event, pk: int) -> HttpResponse:
    """How the import stands: to be looked at, on its way, done, undone."""
    found = _draft(event, pk)
    errands.see_to(found)
    return _show(request, found)


def _show(request: HttpRequest, draft: GuestImport, status: int = 200, **more: Any) -> HttpResponse:
    if draft.state == ImportState.COLUMNS:
        if draft.trouble:
            messages.warning(request, shown(draft.trouble))
            GuestImport.objects.filter(pk=draft.pk).update(trouble="")
        return redirect(_at(draft, "import_columns"))
    if draft.is_working:
        return render(
            request, "dashboard/import_working.html", {"here": "import", **_bar(draft)}, status=status
        )
    if draft.state == ImportState.CHECK:
        return render(request, "dashboard/import_check.html", _check(request, draft, **more), status=status)
    return render(request, "dashboard/import_done.html", _done(draft) | more, status=status)


def _check(request: HttpRequest, draft: GuestImport, opened: int = 0, **more: Any) -> dict[str, Any]:
    counts = draft.counts
    wanted = request.GET.get("rows", "")
    if wanted not in sheet.FILTERS:
        wanted = "mend" if counts.get("to_mend") else "all"
    group = sheet.FILTERS[wanted]
    opened = opened or whole(request.GET.get("edit")) or 0
    pages: Paginator[Any] = Paginator(range(counts.get(group, 0)), sheet.PAGE)
    page = pages.get_page(request.GET.get("page"))
    heads = sheet.header(draft)
    start = (page.number - 1) * sheet.PAGE
    listed = drafts.page(draft, group, start, sheet.PAGE, also=opened)
    shown = [sheet.shown(draft, row, heads, opened) for row in listed]
    added, updated = counts.get("added", 0), counts.get(UPDATED, 0)
    return {
        "here": "import",
        "draft": draft,
        "heads": heads,
        "rows": shown,
        "has_more": any(row.more for row in shown),
        "counts": counts,
        "wanted": wanted,
        "query": _query(wanted, page.number),
        "page": page,
        "previous_page": _query(wanted, page.number - 1),
        "next_page": _query(wanted, page.number + 1),
        "filters": sheet.filters(draft, wanted),
        "choices": sheet.choices(draft),
        "countries": sheet.countries(),
        "added": added,
        "updated": updated,
        "button": button(added, updated),
        **more,
    }


def _query(wanted: str, page: int) -> str:
    query = QueryDict(mutable=True)
    query["rows"] = wanted
    if page > 1:
        query["page"] = str(page)
    return query.urlencode()


def button(added: int, updated: int) -> str:
    """The verb and what it acts on; nothing when there is nothing to do."""
    add = ngettext("Import %(count)s guest", "Import %(count)s guests", added) % {"count": f"{added:,}"}
    update = ngettext("Update %(count)s guest", "Update %(count)s guests", updated) % {
        "count": f"{updated:,}"
    }
    if added and updated:
        return _("Import %(added)s, update %(updated)s") % {"added": f"{added:,}", "updated": f"{updated:,}"}
    return add if added else update if updated else ""


def _changed(request: HttpRequest, draft: GuestImport, said: str = "") -> HttpResponse:
    """After something was changed in the dry run: the page as it is now."""
    draft.refresh_from_db()
    errands.see_to(draft)
    address = f"{_at(draft)}?{request.GET.urlencode()}" if request.GET else _at(draft)
    if said:
        messages.success(request, said)
    if draft.state != ImportState.CHECK or not request.htmx:  # type: ignore[attr-defined]
        return _onward(request, address)
    return _show(request, draft)


def _stale(request: HttpRequest, draft: GuestImport, error: Stale, **more: Any) -> HttpResponse:
    draft.refresh_from_db()
    if draft.state != ImportState.CHECK:
        messages.warning(request, shown(error))
        return _onward(request, _at(draft))
    return _show(request, draft, 409, stale=shown(error), **more)


@press
@event_page(sees=Right.EDIT)
def mend(request: HttpRequest, event: Event, pk: int) -> HttpResponse:
    """Write something in place of one cell, or take a row out and in."""
    found = _draft(event, pk)
    row, role = whole(request.POST.get("row")) or 0, request.POST.get("role", "")
    text = request.POST.get("pick") or request.POST.get("text", "")
    try:
        if role == drafts.OUT:
            is_out = request.POST.get("text") == "1"
            drafts.take_out(found, row, is_out)
            said = _("Row %(row)s is left out.") if is_out else _("Row %(row)s is in again.")
            return _changed(request, found, said % {"row": f"{row:,}"})
        drafts.mend(found, row, role, text, request.POST.get("was", ""))
    except Stale as error:
        typed = {"row": row, "role": role, "text": text[:500]}
        return _stale(request, found, error, typed=typed, opened=row)
    return _changed(request, found, _said(found, row, role))


def _said(draft: GuestImport, row: int, role: str) -> str:
    """Whether a row is ready now."""
    shown = drafts.page(draft, "all", 0, 0, also=row)
    if not shown:
        return ""
    guest = shown[0].reading.guest
    if shown[0].line.kind:
        return _("Row %(row)s still needs something.") % {"row": f"{row:,}"}
    if role == "phone" and guest.phone:
        return _("Row %(row)s is ready: %(phone)s") % {
            "row": f"{row:,}",
            "phone": format_phone(guest.phone),
        }
    return _("Row %(row)s is ready.") % {"row": f"{row:,}"}


@press
@event_page(sees=Right.EDIT)
def choose(request: HttpRequest, event: Event, pk: int) -> HttpResponse:
    """What is done with rows that are somebody already; and the country of national numbers."""
    found = _draft(event, pk)
    try:
        if country := request.POST.get("country", ""):
            drafts.use_country(found, country)
        else:
            asked = {
                name: request.POST[name]
                for name in ("twice", "existing", "households")
                if name in request.POST
            }
            drafts.choose(found, **asked)
    except Stale as error:
        return _stale(request, found, error)
    return _changed(request, found)


@require_GET
@event_page(sees=Right.EDIT)
def rows_file(request: HttpRequest, event: Event, pk: int) -> HttpResponse:
    """Rows to mend, or rows that are left out, each with its reason: CSV."""
    found = _draft(event, pk)
    which = request.GET.get("rows", "left")
    groups = {"mend": ("mend",), "left": drafts.LEFT}.get(which)
    if groups is None or not found.lots.exists():
        raise Http404("These rows are not here any more.")
    response = HttpResponse(sheet.left_out(found, groups), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{event.slug}-{which}.csv"'
    return response


# --- 4. the import


@press
@event_page(sees=Right.EDIT)
def run(request: HttpRequest, event: Event, pk: int) -> HttpResponse:
    """Import what was read. A second press leads to the same page."""
    found = _draft(event, pk)
    try:
        if found.state == ImportState.CHECK and not (found.counts.get("added") or found.counts.get(UPDATED)):
            raise Stale(_("There is nobody in this list who could be imported."))
        drafts.confirm(found, request.POST.get("fingerprint", ""))
    except Stale as error:
        return _stale(request, found, error)
    errands.see_to(found)
    return redirect(_at(found))


def _bar(draft: GuestImport) -> dict[str, Any]:
    done, total = errands.far(draft)
    return {"draft": draft, "done": done, "of": total}


@require_GET
@event_page(sees=Right.EDIT)
def progress(request: HttpRequest, event: Event, pk: int) -> HttpResponse:
    """The bar as it is now; when it is full, the page that comes next."""
    found = _draft(event, pk)
    errands.see_to(found)
    if not found.is_working:
        return _onward(request, _at(found))
    return render(request, "dashboard/_import_bar.html", _bar(found))


def _done(draft: GuestImport) -> dict[str, Any]:
    counts = draft.counts
    left = sum(counts.get(group, 0) for group in drafts.LEFT)
    return {
        "here": "import",
        "draft": draft,
        "counts": counts,
        "left": left,
        "has_list": draft.lots.exists(),
        "undone": draft.undone,
        "is_undone": draft.state == ImportState.UNDONE,
        "unnamed": max(draft.undone.get("stay", 0) - len(draft.undone.get("names", ())), 0),
    }


@require_http_methods(["GET", "POST"])
@event_page(sees=Right.EDIT)
def undo(request: HttpRequest, event: Event, pk: int) -> HttpResponse:
    """Say what an undo would do (GET), then do it (POST)."""
    found = _draft(event, pk)
    if request.method == "POST":
        try:
            undoing.begin_undo(found)
        except Stale as error:
            messages.warning(request, shown(error))
        errands.see_to(found)
        return redirect(_at(found))
    if found.state != ImportState.DONE:
        return redirect(_at(found))
    context = {"here": "import", "draft": found, **undoing.would_undo(found, errands.BOUND)}
    return render(request, "dashboard/import_undo.html", context)


@press
@event_page(sees=Right.EDIT)
def forget(request: HttpRequest, event: Event, pk: int) -> HttpResponse:
    """Throw the list away; nobody of it is on the guest list."""
    found = _draft(event, pk)
    try:
        undoing.forget(found)
    except Stale as error:
        messages.warning(request, shown(error))
        return redirect(_at(found))
    messages.success(request, _("The list was thrown away. Nobody of it is on your guest list."))
    return redirect("import", event.slug)
