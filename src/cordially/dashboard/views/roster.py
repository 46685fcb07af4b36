"""Many guests at once: tags, groups, languages, removal with undo; saved views; the list as a file."""

from __future__ import annotations

from urllib.parse import urlencode

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from cordially.dashboard import exporting, guestlist, live
from cordially.dashboard.asked import wholes
from cordially.dashboard.guestlist import Filter
from cordially.dashboard.page import back_to, event_page, user_of
from cordially.events.models import Event
from cordially.guests import editing, removal
from cordially.guests.editing import Invalid
from cordially.guests.models import Guest, SavedView
from cordially.guests.texts import clean
from cordially.team.rights import Right

#: more ticks than a page holds boxes are no ticks
_MOST_IDS = 5000
#: removals that the session remembers, for the undo on the page
_UNDOABLE = 100_000
_MOST_VIEWS = 30


def _chosen(event: Event, params: QueryDict) -> QuerySet[Guest]:
    """The guests that were ticked, or everybody whom the filter finds."""
    if params.get("all"):
        return guestlist.chosen(event, Filter.read(params))
    return Guest.objects.filter(event=event, pk__in=wholes(params.getlist("id")[:_MOST_IDS]))


#: what can be done with many, and the words for it
ACTS = {
    "tag": gettext_lazy("Add the tag"),
    "untag": gettext_lazy("Take the tag away"),
    "group": gettext_lazy("Set the group"),
    "language": gettext_lazy("Set the language"),
    "remove": gettext_lazy("Take off the list"),
}


@require_http_methods(["GET", "POST"])
@event_page(sees=Right.EDIT)
def bulk(request: HttpRequest, event: Event) -> HttpResponse:
    """One thing for all who were selected (POST); without script it is asked first (GET)."""
    if request.method == "GET":
        do = request.GET.get("do", "")
        context = {
            "here": "guests",
            "do": do,
            "act": ACTS.get(do, ""),
            "value": request.GET.get("value", ""),
            "count": _chosen(event, request.GET).order_by().count(),
            "given": [
                (name, each) for name in request.GET if name != "do" for each in request.GET.getlist(name)
            ],
        }
        return render(request, "dashboard/guests_bulk.html", context)
    guests = _chosen(event, request.POST)
    value = request.POST.get("value", "")
    do = request.POST.get("do", "")
    try:
        told = _do(request, event, do, guests, value)
    except Invalid as invalid:
        messages.error(request, str(invalid))
    else:
        messages.success(request, told)
    live.touch(event.pk)
    return redirect(back_to(request, event))


def _do(request: HttpRequest, event: Event, do: str, guests: QuerySet[Guest], value: str) -> str:
    if do == "tag":
        count = editing.add_tags(event, guests, value)
        return ngettext("%(n)s guest has the tag.", "%(n)s guests have the tag.", count) % {"n": f"{count:,}"}
    if do == "untag":
        count = editing.take_tag(event, guests, value)
        return ngettext("Taken from %(n)s guest.", "Taken from %(n)s guests.", count) % {"n": f"{count:,}"}
    if do == "group":
        count = editing.set_group(guests, value)
        return ngettext("%(n)s guest is in the group.", "%(n)s guests are in the group.", count) % {
            "n": f"{count:,}"
        }
    if do == "language":
        count = editing.set_language(guests, value)
        return ngettext("Saved for %(n)s guest.", "Saved for %(n)s guests.", count) % {"n": f"{count:,}"}
    if do == "remove":
        ids = removal.take_off(guests, by=user_of(request))
        request.session["taken_off"] = {"event": event.pk, "ids": ids[:_UNDOABLE]}
        return ngettext(
            "%(n)s guest was taken off the list.", "%(n)s guests were taken off the list.", len(ids)
        ) % {"n": f"{len(ids):,}"}
    raise Invalid({"do": _("Choose what to do with them.")})


@require_POST
@event_page
def undo(request: HttpRequest, event: Event) -> HttpResponse:
    """Bring back whom this browser took off last."""
    kept = request.session.pop("taken_off", None) or {}
    ids = kept.get("ids", []) if kept.get("event") == event.pk else []
    count = removal.bring_back(event, ids)
    live.touch(event.pk)
    if count:
        messages.success(
            request,
            ngettext("%(n)s guest is back on the list.", "%(n)s guests are back on the list.", count)
            % {"n": f"{count:,}"},
        )
    else:
        messages.warning(request, _("There is nothing to bring back any more."))
    return redirect(back_to(request, event))


@require_POST
@event_page
def save_view(request: HttpRequest, event: Event) -> HttpResponse:
    """Keep this way to look at the list under a name; or forget one."""
    if request.POST.get("forget"):
        SavedView.objects.filter(event=event, pk__in=wholes([request.POST["forget"]])).delete()
        return redirect("guests", event.slug)
    wanted = Filter.read(request.POST)
    name = clean(request.POST.get("name", ""), 60)
    where = f"{reverse('guests', args=[event.slug])}?{urlencode(wanted.pairs)}"
    if not name or not wanted.narrows:
        messages.error(request, _("Narrow the list and write a name; then it can be saved."))
    elif SavedView.objects.filter(event=event).exclude(name=name).count() >= _MOST_VIEWS:
        messages.error(request, _("There are many saved views already. Forget one first."))
    elif len(wanted.query) > 500:
        messages.error(request, _("This search is too long to be saved."))
    else:
        SavedView.objects.update_or_create(event=event, name=name, defaults={"query": wanted.query})
        messages.success(request, _("Saved as “%(name)s”.") % {"name": name})
    return redirect(where)


@require_GET
@event_page
def export(request: HttpRequest, event: Event, kind: str) -> HttpResponseBase:
    """Whom the filter finds, as a file."""
    guests = guestlist.matching(event, Filter.read(request.GET))
    name = f"{event.slug}-guests.{kind}"
    if kind == "xlsx":
        response: HttpResponseBase = HttpResponse(
            exporting.xlsx(event, guests),
            content_type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        )
    else:
        response = StreamingHttpResponse(exporting.csv(event, guests), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@require_GET
@event_page
def narrow(request: HttpRequest, event: Event) -> HttpResponse:
    """The form by which the list is narrowed to a group, a tag or a language."""
    context = {"here": "guests", "wanted": Filter.read(request.GET), "choices": guestlist.choices(event)}
    return render(request, "dashboard/guests_narrow.html", context)
