"""One guest: a page of its own, and the same beside the list; what the host changes there."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from cordially.dashboard import live
from cordially.dashboard.asked import whole
from cordially.dashboard.guestlist import Filter, rows
from cordially.dashboard.page import event_page, ours, user_of
from cordially.dashboard.person import form_of, person
from cordially.dashboard.position import newest
from cordially.dashboard.shown import shown as translated
from cordially.delivery.wake import wake
from cordially.events.models import Event
from cordially.guests import editing
from cordially.guests.editing import Invalid, Stale
from cordially.guests.models import Guest
from cordially.guests.texts import clean_lines
from cordially.invitations import campaigns
from cordially.invitations.lifecycle import State
from cordially.invitations.models import Invitation
from cordially.lib.clock import now as clock_now
from cordially.rsvp.answers import record_answer, seats
from cordially.rsvp.models import Reply
from cordially.team.rights import Right


def find(event: Event, pk: int) -> Guest:
    return get_object_or_404(Guest.objects.select_related("event"), event=event, pk=pk)


def _told(invalid: Invalid) -> dict[str, str]:
    """What is wrong with a number is said in English."""
    return {name: translated(text) for name, text in invalid.errors.items()}


def _back(request: HttpRequest, event: Event, pk: int) -> str:
    return ours(request.POST.get("back")) or reverse("guest", args=[event.slug, pk])


def _show(request: HttpRequest, event: Event, guest: Guest, status: int = 200, **more: Any) -> HttpResponse:
    since = newest()
    context = {
        "here": "guests",
        "person": person(event, guest),
        "guest": guest,
        "form": form_of(guest),
        "errors": {},
        "since": str(since),
        "back": ours(request.GET.get("back") or request.POST.get("back")),
        **more,
    }
    beside = request.headers.get("HX-Target") == "dialog"
    return render(
        request, "dashboard/_guest_beside.html" if beside else "dashboard/guest.html", context, status=status
    )


@require_GET
@event_page
def guest(request: HttpRequest, event: Event, pk: int) -> HttpResponse:
    return _show(request, event, find(event, pk))


@require_POST
@event_page
def change(request: HttpRequest, event: Event, pk: int) -> HttpResponse:
    """Keep the details as they were typed, unless somebody changed them meanwhile."""
    row = find(event, pk)
    typed = {name: request.POST.get(name, "") for name in editing.FIELDS if name in request.POST}
    # a number that nobody touched is not read anew
    if typed.get("phone", "") in (row.phone, row.phone_raw):
        typed.pop("phone", None)
    try:
        editing.change(row, typed, seen=whole(request.POST.get("version")))
    except Stale as stale:
        form = form_of(stale.now) | typed
        return _show(
            request, event, stale.now, 409, form=form, theirs=form_of(stale.now), is_open=True,
        )  # fmt: skip
    except Invalid as invalid:
        form = form_of(row) | typed
        return _show(request, event, row, 422, form=form, errors=_told(invalid), is_open=True)
    messages.success(request, _("Saved."))
    live.touch(event.pk)
    return redirect(_back(request, event, pk))


@require_http_methods(["GET", "POST"])
@event_page(sees=Right.EDIT)
def add(request: HttpRequest, event: Event) -> HttpResponse:
    """One more guest."""
    blank = {"name": "", "phone": "", "party_size": "1", "group": "", "language": "", "tags": "", "note": ""}
    form, errors, status = blank, {}, 200
    if request.method == "POST":
        form = blank | {name: request.POST.get(name, "") for name in editing.FIELDS}
        try:
            made = editing.add(event, form)
        except Invalid as invalid:
            errors, status = _told(invalid), 422
        else:
            messages.success(request, _("%(name)s is on the list.") % {"name": made.name})
            live.touch(event.pk)
            return redirect("guest", event.slug, made.pk)
    context = {"here": "guests", "form": form, "errors": errors}
    return render(request, "dashboard/guest_new.html", context, status=status)


#: the cells of the list that can be written in, and the fields that each holds
CELLS = {"name": ("name", "party_size"), "phone": ("phone",), "of": ("group", "tags")}
_CELL_FIELDS = {
    "name": (gettext_lazy("Name"), 200),
    "party_size": (gettext_lazy("Invited together"), 10),
    "phone": (gettext_lazy("Number"), 120),
    "group": (gettext_lazy("Group"), 80),
    "tags": (gettext_lazy("Tags, with commas between them"), 400),
}


@require_http_methods(["GET", "POST"])
@event_page(sees=Right.EDIT)
def cell(request: HttpRequest, event: Event, pk: int, cell: str) -> HttpResponse:
    """One cell of the list as fields to write in (GET); the row when they were kept (POST)."""
    if cell not in CELLS:
        raise Http404("No such cell")
    row = find(event, pk)
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect("guest", event.slug, pk)
    if request.method == "GET":
        return _cell(request, row, cell)
    typed = {name: request.POST.get(name, "") for name in CELLS[cell]}
    # only what was typed: another field may have been changed meanwhile
    changes = {name: text for name, text in typed.items() if text != request.POST.get(f"was-{name}")}
    if changes.get("phone", "") in (row.phone, row.phone_raw):
        changes.pop("phone", None)
    try:
        kept = editing.change(row, changes, seen=whole(request.POST.get("version")))
    except Stale as stale:
        return _cell(request, stale.now, cell, 409, typed=form_of(stale.now) | changes, error=str(stale))
    except Invalid as invalid:
        error = " ".join(_told(invalid).values())
        return _cell(request, row, cell, 422, typed=typed, error=error, wrong=set(invalid.errors))
    live.touch(event.pk)
    [shown] = rows([kept], Filter.read(request.GET).campaign)
    return render(request, "dashboard/_row.html", {"row": shown})


def _cell(
    request: HttpRequest,
    guest: Guest,
    cell: str,
    status: int = 200,
    *,
    typed: Mapping[str, str] | None = None,
    error: str = "",
    wrong: Collection[str] = (),
) -> HttpResponse:
    kept = form_of(guest)
    fields = [
        {
            "name": name, "label": label, "limit": limit, "was": kept[name], "error": name in wrong,
            "value": (typed or kept)[name],
        }
        for name, (label, limit) in _CELL_FIELDS.items()
        if name in CELLS[cell]
    ]  # fmt: skip
    context = {"guest": guest, "fields": fields, "error": error}
    response = render(request, "dashboard/_row_edit.html", context, status=status)
    if error:
        # what was wrong stays in its cell; what was kept is a new row
        response["HX-Retarget"] = f'#g-{guest.pk} [data-cell="{cell}"]'
        response["HX-Reswap"] = "innerHTML"
    return response


@require_POST
@event_page
def number(request: HttpRequest, event: Event, pk: int) -> HttpResponse:
    """Correct the number; what failed goes out again to the new one, if whoever corrects it may send."""
    row = find(event, pk)
    typed = request.POST.get("phone", "")
    try:
        changed = editing.change(row, {"phone": typed}, seen=whole(request.POST.get("version")))
    except Stale as stale:
        return _show(request, event, stale.now, 409, number=typed, stale=True)
    except Invalid as invalid:
        wrong = " ".join(_told(invalid).values())
        return _show(request, event, row, 422, number=typed, wrong_number=wrong)
    failed = Invitation.objects.filter(guest=changed, is_current=True, state=State.FAILED)
    may_send = request.cordially_rights.send  # type: ignore[attr-defined]
    if may_send and failed.exists() and campaigns.retry(failed, by=user_of(request)):
        wake()
        messages.success(request, _("Saved. The invitation goes to the new number."))
    else:
        messages.success(request, _("Saved. A message can go to this number now."))
    live.touch(event.pk)
    return redirect(_back(request, event, pk))


@require_POST
@event_page
def in_person(request: HttpRequest, event: Event, pk: int) -> HttpResponse:
    """The host invited them in person, or takes that back."""
    row = find(event, pk)
    is_so = request.POST.get("do") != "undo"
    editing.mark_in_person(row, is_so)
    live.touch(event.pk)
    if is_so:
        messages.success(
            request, _("%(name)s counts as invited. No invitation is sent.") % {"name": row.name}
        )
    return redirect(_back(request, event, pk))


@require_POST
@event_page
def answer(request: HttpRequest, event: Event, pk: int) -> HttpResponse:
    """What the guest told the host, entered for them."""
    row = find(event, pk)
    reply = request.POST.get("reply", "")
    if reply not in Reply.values:
        messages.error(request, _("Choose an answer."))
        return redirect(_back(request, event, pk))
    heads = min(max(whole(request.POST.get("heads")) or 1, 1), seats(row))
    user = user_of(request)
    by = (user.get_full_name() or user.get_username()) if user else ""
    note = clean_lines(request.POST.get("note", ""), 500)
    record_answer(row, reply, heads, note, clock_now(), entered_by=by)
    live.touch(event.pk)
    messages.success(request, _("The answer is noted."))
    return redirect(_back(request, event, pk))
