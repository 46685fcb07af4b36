"""From a choice of guests to a campaign: who, what, check, send."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import AsyncIterator, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypedDict

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import connections
from django.db.models import Exists, Max, OuterRef, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, QueryDict, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods
from django_htmx.http import HttpResponseClientRedirect

from cordially import approvals
from cordially.dashboard import guestlist, live, preflight, words
from cordially.dashboard.asked import whole, wholes
from cordially.dashboard.bubble import bubble
from cordially.dashboard.guestlist import Filter
from cordially.dashboard.page import back_to, event_page, events_with_counts, ours, user_of
from cordially.dashboard.shown import shown
from cordially.dashboard.starting import read_start
from cordially.delivery.wake import wake
from cordially.events.models import Event
from cordially.guests.models import Guest
from cordially.guests.texts import clean
from cordially.invitations import campaigns as ledger
from cordially.invitations import flightcheck, hours, library, senders
from cordially.invitations.campaigns import AudienceChanged, CantStart
from cordially.invitations.flightcheck import Plan, Report
from cordially.invitations.lifecycle import LIVE, State
from cordially.invitations.models import Campaign, CampaignState, Invitation, MessageTemplate
from cordially.invitations.senders import NotReady
from cordially.team.rights import Right, rights_of, seen_by
from cordially.templating.variables import values_for

#: more ticks than a page holds boxes are no ticks
_MOST_IDS = 5000
#: up to so many are checked before the page is shown; more are checked while a bar tells how far it is
_AT_ONCE = 2000
#: people whom a finding names when all are asked for
_EVERYBODY = 100_000
#: seconds between two movements of the bar
_MOVES = 0.1


class Meant(TypedDict):
    """What the messages are for, and to whom they go besides those who had none."""

    purpose: str
    again: bool
    otherwise: bool


@dataclass(frozen=True)
class Selection:
    """Who was chosen: the guests that were ticked, everybody whom a filter finds, or else who had none yet."""

    ids: list[int]
    #: None when nothing was chosen
    wanted: Filter | None

    @classmethod
    def read(cls, params: QueryDict) -> Selection:
        if params.get("all"):
            return cls([], Filter.read(params))
        return cls(wholes(params.getlist("id")[:_MOST_IDS]), None)

    def guests(self, event: Event, meant: Meant) -> QuerySet[Guest]:
        if self.ids:
            return Guest.objects.filter(event=event, pk__in=self.ids)
        if self.wanted is not None:
            return guestlist.chosen(event, self.wanted)
        # who can't be sent to is among them: the check says who they are, and why. What failed is tried again
        earlier = Invitation.objects.filter(guest=OuterRef("pk"), campaign__purpose=meant["purpose"])
        failed = Exists(earlier.filter(state=State.FAILED, is_current=True))
        guests = Guest.objects.filter(~failed, event=event)
        return guests if meant["again"] else guests.filter(~Exists(earlier.filter(state__in=LIVE)))

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The same choice as fields of a form."""
        if self.wanted is not None:
            return [("all", "1"), *self.wanted.pairs]
        return [("id", str(pk)) for pk in self.ids]


@dataclass(frozen=True)
class Choice:
    """Everything that was chosen, as the address or the form says it."""

    event: Event
    selection: Selection
    template: MessageTemplate
    meant: Meant
    #: when it is to leave, as typed on the event's clock; empty for at once
    starts: str = ""

    @classmethod
    def read(cls, event: Event, params: QueryDict) -> Choice:
        """Raises Http404 for a template that there isn't: nobody is sent another one unasked."""
        purpose = params.get("purpose", "")
        meant: Meant = {
            "purpose": purpose if purpose in ledger.PURPOSES else ledger.INVITATION,
            "again": params.get("again") == "1",
            "otherwise": params.get("otherwise") == "1",
        }
        starts = clean(params.get("starts", ""), 40)
        return cls(event, Selection.read(params), _template(event, params), meant, starts)

    @property
    def guests(self) -> QuerySet[Guest]:
        return self.selection.guests(self.event, self.meant)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The same as fields of a form, or an address."""
        flags = [(name, "1") for name in ("again", "otherwise") if self.meant[name]]
        chosen = [("template", str(self.template.pk)), ("purpose", self.meant["purpose"])]
        starts = [("starts", self.starts)] if self.starts else []
        return [*self.selection.pairs, *chosen, *flags, *starts]

    @property
    def starts_at(self) -> dt.datetime | None:
        """None for at once. Raises ValidationError with a sentence."""
        return read_start(self.starts, self.event) if self.starts else None

    @property
    def wrong_start(self) -> str:
        """What is wrong with the time that was typed; empty when it can be used."""
        try:
            self.starts_at  # noqa: B018
        except ValidationError as error:
            return " ".join(error.messages)
        return ""

    @property
    def query(self) -> str:
        query = QueryDict(mutable=True)
        for name, value in self.pairs:
            query.appendlist(name, value)
        return query.urlencode()

    def check(self, people: int = flightcheck.PEOPLE) -> Report:
        return flightcheck.check(self.event, self.guests, self.template, people=people, **self.meant)

    def steps(self, people: int = flightcheck.PEOPLE) -> Generator[int, None, Report]:
        return flightcheck.in_steps(self.event, self.guests, self.template, people=people, **self.meant)


def _template(event: Event, params: QueryDict) -> MessageTemplate:
    """The one that was chosen, else the one of the last campaign, else the one that is always there."""
    ready = MessageTemplate.objects.filter(archived_at=None)
    if asked := params.get("template"):
        found = ready.filter(pk=whole(asked) or 0).first()
        if found is None:
            raise Http404("This template was put away. Choose another.")
        return found
    default = library.default_template()
    last = Campaign.objects.filter(event=event, template__archived_at=None).select_related("template").first()
    return last.template if last else default


def _had_one(choice: Choice) -> int:
    """How many of them had a message for this purpose, none of which is still under way."""
    chosen = choice.selection.ids or choice.selection.wanted is not None
    everybody = choice.guests if chosen else Guest.objects.filter(event=choice.event)
    settled = everybody.order_by().filter(~flightcheck.held_back("", True)).exclude(phone="")
    earlier = Invitation.objects.filter(
        guest=OuterRef("pk"), campaign__purpose=choice.meant["purpose"], state__in=LIVE
    )
    return settled.filter(Exists(earlier), opted_out_at=None).count()


def _page(
    request: HttpRequest, choice: Choice, params: QueryDict, status: int = 200, **more: Any
) -> HttpResponse:
    """The whole page; a long list is checked while it is looked at."""
    event, template = choice.event, choice.template
    approvals.look_again(template, senders.account_of(event))
    chosen = choice.guests.order_by().count()
    at_once = chosen <= _AT_ONCE or bool(more) or params.get("whole") == "1"
    context = {
        "here": "send",
        "choice": choice,
        "template": template,
        "templates": MessageTemplate.objects.filter(archived_at=None),
        "default": library.default_template(),
        **choice.meant,
        **preflight.words_of(choice.meant["purpose"]),
        "purposes": ledger.PURPOSES,
        "chosen": chosen,
        "had_one": _had_one(choice),
        "back": ours(params.get("back")),
        "event_guests": reverse("guests", args=[event.slug]),
        "again_query": _same_page(choice, params),
        # for the line that checks a long list
        "opened": params.get("show_all", ""),
        "at": params.get("at", ""),
        **more,
    }
    if at_once:
        context |= _checked(request, choice, choice.check(_people(params)), params)
    return render(request, "dashboard/send.html", context, status=status)


def _people(params: QueryDict) -> int:
    """How many a finding names."""
    return _EVERYBODY if params.get("show_all") else flightcheck.PEOPLE


def _same_page(choice: Choice, params: QueryDict) -> str:
    """The query of this very page, for its links: also how it is checked, and where it leads back to."""
    query = QueryDict(choice.query, mutable=True)
    if params.get("whole") == "1":
        query["whole"] = "1"
    if back := ours(params.get("back")):
        query["back"] = back
    return query.urlencode()


def _checked(request: HttpRequest, choice: Choice, report: Report, params: QueryDict) -> dict[str, Any]:
    """What the result of the check needs to be drawn."""
    return {
        **preflight.context(
            report,
            senders.known_sender(choice.event),
            params.get("show_all", ""),
            None if choice.wrong_start else choice.starts_at,
        ),
        **preflight.words_of(choice.meant["purpose"], report.ready),
        "latest": choice.event.campaigns.aggregate(latest=Max("pk"))["latest"] or 0,
        **_preview(choice, whole(params.get("at")) or 1),
    }


def _preview(choice: Choice, at: int) -> dict[str, Any]:
    """The message as the nth of those reads it whom one could be sent to; else as the nth who was chosen."""
    guests = choice.guests.order_by("pk").exclude(phone="").filter(opted_out_at=None)
    held = flightcheck.held_back(choice.meant["purpose"], choice.meant["again"])
    guests = guests.filter(~held)
    total = guests.count()
    if not total:
        guests = choice.guests.order_by("pk")
        total = guests.count()
    at = max(1, min(at, total or 1))
    guest = guests[at - 1 : at].first()
    seen: dict[str, Any] = {
        "guest": guest,
        "at": at,
        "of": total,
        "before": at - 1,
        "after": at + 1 if at < total else 0,
    }
    if guest is None:
        return seen
    plan = Plan(choice.event, choice.template, otherwise=choice.meant["otherwise"])
    report = choice.meant["otherwise"] and flightcheck.check(
        choice.event, Guest.objects.filter(pk=guest.pk), choice.template, **choice.meant
    )
    key = (report and report.moved.get(guest.pk)) or plan.key_for(guest.language)
    text = plan.every.get(key)
    if text is not None:
        values = values_for(choice.event, guest, text.language)
        seen |= {"bubble": bubble(text.components, values, choice.event), "read_in": text.language}
    return seen


@require_GET
@event_page
def preview(request: HttpRequest, event: Event) -> HttpResponse:
    """The next or the previous guest's message."""
    choice = Choice.read(event, request.GET)
    context = {
        "again_query": _same_page(choice, request.GET),
        **_preview(choice, whole(request.GET.get("at")) or 1),
    }
    return render(request, "dashboard/_send_preview.html", context)


@require_http_methods(["GET", "POST"])
@event_page(acts=Right.SEND)
def send(request: HttpRequest, event: Event) -> HttpResponse:
    """Look (GET), then confirm (POST) exactly what was checked."""
    if request.method == "GET":
        return _page(request, Choice.read(event, request.GET), request.GET)
    choice = Choice.read(event, request.POST)
    confirmed = whole(request.POST.get("confirmed")) or 0
    if choice.wrong_start:
        return _page(request, choice, request.POST, 422)
    try:
        campaign = ledger.start_campaign(
            event,
            choice.guests,
            template=choice.template,
            name=clean(request.POST.get("name", ""), 120),
            by=user_of(request),
            confirmed=confirmed,
            fingerprint=request.POST.get("fingerprint", ""),
            latest=whole(request.POST.get("latest")),
            starts_at=choice.starts_at,
            **choice.meant,
        )
    except AudienceChanged as error:
        return _page(request, choice, request.POST, 409, changed=_changed(confirmed, error.ready))
    except (CantStart, NotReady) as error:
        return _page(request, choice, request.POST, 422, cant=shown(error))
    return _on_its_way(request, event, campaign)


def _changed(confirmed: int, ready: int) -> str:
    if not ready:
        return _("The list changed while you read: nobody is left to send to.")
    if confirmed == ready:
        return _(
            "The list or the texts changed while you read, or somebody pressed Send meanwhile. It is "
            "{ready} still, but not the same messages. Look again before you send them."
        ).format(ready=f"{ready:,}")
    return _(
        "The list changed while you read: {ready} now, not {confirmed}. Look again, then send {ready}."
    ).format(ready=f"{ready:,}", confirmed=f"{confirmed:,}")


def _on_its_way(request: HttpRequest, event: Event, campaign: Campaign) -> HttpResponse:
    wake()
    live.wake()
    count = campaign.invitations.filter(state__in=LIVE).count()
    messages.success(request, _told(campaign, count))
    where = back_to(request, event)
    if request.htmx:  # type: ignore[attr-defined]
        return HttpResponseClientRedirect(where)
    return redirect(where)


def _told(campaign: Campaign, count: int) -> str:
    if campaign.state == CampaignState.SCHEDULED and campaign.starts_at:
        when = words.clock(hours.leaves_at(campaign.event, campaign.starts_at))
        return ngettext(
            "%(n)s invitation leaves %(when)s.", "%(n)s invitations leave from %(when)s on.", count
        ) % {"n": f"{count:,}", "when": when}
    if campaign.quiet_until:
        when = words.clock(campaign.quiet_until)
        return ngettext(
            "%(n)s invitation leaves when the quiet hours are over, %(when)s.",
            "%(n)s invitations leave when the quiet hours are over, %(when)s.",
            count,
        ) % {"n": f"{count:,}", "when": when}
    return ngettext("%(n)s invitation is on the way.", "%(n)s invitations are on the way.", count) % {
        "n": f"{count:,}"
    }


# a long list is checked while a bar tells how far it is


def _asked(request: HttpRequest, slug: str) -> Choice | None:
    """What is to be checked; None when nobody is there who may see it."""
    if not request.user.is_authenticated:
        return None
    event = seen_by(request.user, events_with_counts()).filter(slug=slug).first()
    if event is None:
        raise Http404("No event of yours")
    request.cordially_event = event  # type: ignore[attr-defined]
    request.cordially_rights = rights_of(request.user, event)  # type: ignore[attr-defined]
    return Choice.read(event, request.GET)


@require_GET
async def check_line(request: HttpRequest, slug: str) -> HttpResponseBase:
    """Server-sent events: `progress` with how many are done, then `result` with the pieces of the page."""
    choice = await sync_to_async(_asked)(request, slug)
    if choice is None:
        return HttpResponse("Sign in first.", status=401, content_type="text/plain")
    response = StreamingHttpResponse(
        _check_events(request, choice), content_type="text/event-stream; charset=utf-8"
    )
    response["X-Accel-Buffering"] = "no"
    response["Cache-Control"] = "private, no-cache, no-transform"
    return response


async def _check_events(request: HttpRequest, choice: Choice) -> AsyncIterator[bytes]:
    """One thread reads the list from beginning to end: a query can't change its thread."""
    loop = asyncio.get_running_loop()
    thread = ThreadPoolExecutor(1, thread_name_prefix="check")
    steps = choice.steps(_people(request.GET))
    try:
        while isinstance(found := await loop.run_in_executor(thread, _some_steps, steps), int):
            yield _event("progress", str(found))
        yield _event("result", await loop.run_in_executor(thread, _drawn, request, choice, found))
    finally:
        thread.submit(steps.close)
        thread.submit(connections.close_all)
        thread.shutdown(wait=False)


def _event(name: str, text: str) -> bytes:
    data = "".join(f"data: {line}\n" for line in text.split("\n"))
    return f"event: {name}\n{data}\n".encode()


def _some_steps(steps: Generator[int, None, Report]) -> int | Report:
    until = time.monotonic() + _MOVES
    try:
        while True:
            done = next(steps)
            if time.monotonic() >= until:
                return done
    except StopIteration as end:
        report: Report = end.value
        return report


def _drawn(request: HttpRequest, choice: Choice, report: Report) -> str:
    language = request.LANGUAGE_CODE
    with timezone.override(choice.event.zone), translation.override(language):
        context = {"choice": choice, **choice.meant, **preflight.words_of(choice.meant["purpose"])}
        context |= _checked(request, choice, report, request.GET)
        context |= {"back": ours(request.GET.get("back")), "again_query": _same_page(choice, request.GET)}
        return render_to_string("dashboard/_check.html", context, request)
