"""One guest: a page of its own, and the same beside the list; what the host changes there."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from cordially.dashboard import live
from cordially.dashboard.asked import whole
from cordially.dashboard.page import event_page, ours, user_of
from cordially.dashboard.person import form_of, person
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


def _back(request: HttpRequest, event: Event, pk: int) -> str:
    return ours(request.POST.get("back")) or reverse("guest", args=[event.slug, pk])


def _show(request: HttpRequest, event: Event, guest: Guest, status: int = 200, **more: Any) -> HttpResponse:
    context = {
        "here": "guests",
        "person": person(event, guest),
        "guest": guest,
        "form": form_of(guest),
        "errors": {},
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
        return _show(request, event, row, 422, form=form, errors=invalid.errors, is_open=True)
    messages.success(request, _("Saved."))
    live.wake()
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
            errors, status = invalid.errors, 422
        else:
            messages.success(request, _("%(name)s is on the list.") % {"name": made.name})
            live.wake()
            return redirect("guest", event.slug, made.pk)
    context = {"here": "guests", "form": form, "errors": errors}
    return render(request, "dashboard/guest_new.html", context, status=status)


@require_POST
@event_page(acts=Right.SEND)
def number(request: HttpRequest, event: Event, pk: int) -> HttpResponse:
    """Correct the number; what failed goes out again to the new one."""
    row = find(event, pk)
    if not request.cordially_rights.edit:  # type: ignore[attr-defined]
        messages.error(request, _("You may look at this event, but not change it."))
        return redirect(_back(request, event, pk))
    typed = request.POST.get("phone", "")
    try:
        changed = editing.change(row, {"phone": typed}, seen=whole(request.POST.get("version")))
    except Stale as stale:
        return _show(request, event, stale.now, 409, number=typed, stale=True)
    except Invalid as invalid:
        wrong = " ".join(invalid.errors.values())
        return _show(request, event, row, 422, number=typed, wrong_number=wrong)
    failed = Invitation.objects.filter(guest=changed, is_current=True, state=State.FAILED)
    if failed.exists() and campaigns.retry(failed, by=user_of(request)):
        wake()
        messages.success(request, _("Saved. The invitation goes to the new number."))
    else:
        messages.success(request, _("Saved. A message can go to this number now."))
    live.wake()
    return redirect(_back(request, event, pk))


@require_POST
@event_page
def in_person(request: HttpRequest, event: Event, pk: int) -> HttpResponse:
    """The host invited them in person, or takes that back."""
    row = find(event, pk)
    is_so = request.POST.get("do") != "undo"
    editing.mark_in_person(row, is_so)
    live.wake()
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
    live.wake()
    messages.success(request, _("The answer is noted."))
    return redirect(_back(request, event, pk))
