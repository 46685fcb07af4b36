"""What happens now: the newest status events and answers of an event, in plain sentences."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from itertools import groupby

from django.db.models import F, Max
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from cordially.events.models import Event
from cordially.invitations.lifecycle import State
from cordially.invitations.models import StatusEvent
from cordially.rsvp.models import Answer, Reply

LISTED = 12
#: looked at to fill them: many of a kind in a row become one line
_LOOKED_AT = 240
#: of all that happened in this installation, so that a quiet event costs no walk through a large history
_WINDOW = 10_000
#: so many of a kind in a row are told as one
_MANY = 3
#: what a host wants to hear of; the steps between are on the campaign's own page
_TOLD = (State.DELIVERED, State.READ, State.FAILED, State.UNSURE, State.CANCELLED)
_LONGEST_NOTE = 80


@dataclass(frozen=True)
class Line:
    """One line: `key` names it on the page, `what` is its sentence with the names marked."""

    key: str
    at: dt.datetime
    tone: str
    icon: str
    what: SafeString


def lines(event: Event, campaigns: Collection[int]) -> list[Line]:
    """The newest first; `campaigns` are the event's. Two queries and two look-ups of the newest number."""
    listed = [*_statuses(campaigns), *_answers(event)]
    return sorted(listed, key=lambda line: (line.at, line.key), reverse=True)[:LISTED]


def _statuses(campaigns: Collection[int]) -> list[Line]:
    if not campaigns:
        return []
    newest = StatusEvent.objects.aggregate(n=Max("pk"))["n"] or 0
    # an expression in place of the column: no database shall begin with the campaigns, and so with every message
    found = StatusEvent.objects.annotate(of=F("invitation__campaign") + 0).filter(
        pk__gt=newest - _WINDOW, of__in=campaigns, status__in=_TOLD
    )
    rows = found.order_by("-pk").values_list(
        "pk", "at", "status", "invitation__guest", "invitation__guest__name"
    )[:_LOOKED_AT]
    listed: list[Line] = []
    for status, run in groupby(rows, key=lambda row: row[2]):
        happened = list(run)
        state = State(status)
        if len(happened) > _MANY and state in (State.DELIVERED, State.READ):
            listed.append(_line(happened, state))
        else:
            listed.extend(_line([one], state) for one in happened)
    return listed


def _line(happened: list[tuple[int, dt.datetime, str, int, str]], state: State) -> Line:
    pk, at, _status, _guest, name = happened[0]
    others = len({guest for _pk, _at, _s, guest, _name in happened}) - 1
    return Line(f"s{pk}", at, state.value, f"s-{state.value}", _said_of(state, _name_of(name), others))


def _said_of(state: State, name: SafeString, others: int) -> SafeString:
    if state == State.READ and others:
        words_ = ngettext("{name} and {n} other read theirs", "{name} and {n} others read theirs", others)
        return format_html(words_, name=name, n=f"{others:,}")
    if state == State.DELIVERED and others:
        words_ = ngettext("Delivered to {name} and {n} other", "Delivered to {name} and {n} others", others)
        return format_html(words_, name=name, n=f"{others:,}")
    sentences: dict[State, str] = {
        State.READ: _("{name} read the message"),
        State.DELIVERED: _("Delivered to {name}"),
        State.FAILED: _("Not delivered to {name}"),
        State.UNSURE: _("Checking {name} with Twilio: the line broke"),
        State.CANCELLED: _("Called back before it went to {name}"),
    }
    return format_html(sentences[state], name=name)


def _answers(event: Event) -> list[Line]:
    newest = Answer.objects.aggregate(n=Max("pk"))["n"] or 0
    found = Answer.objects.annotate(of=F("event") + 0).filter(pk__gt=newest - _WINDOW, of=event.pk)
    rows = found.order_by("-pk").values_list("pk", "at", "reply", "heads", "note", "guest__name")[:LISTED]
    return [
        Line(f"a{pk}", at, reply, f"a-{reply}", _said(reply, heads, note, _name_of(name)))
        for pk, at, reply, heads, note, name in rows
    ]


def _said(reply: str, heads: int, note: str, name: SafeString) -> SafeString:
    more = heads - 1
    if reply == Reply.YES and more > 0:
        said = format_html(
            ngettext("{name} is coming, with {n} more", "{name} is coming, with {n} more", more),
            name=name,
            n=f"{more:,}",
        )
    else:
        sentences: dict[str, str] = {
            Reply.YES: _("{name} is coming"),
            Reply.NO: _("{name} can’t come"),
            Reply.MAYBE: _("{name} may come"),
        }
        said = format_html(sentences[reply], name=name)
    if not note:
        return said
    short = note if len(note) <= _LONGEST_NOTE else f"{note[: _LONGEST_NOTE - 1]}…"
    return format_html("{}: “<bdi>{}</bdi>”", said, " ".join(short.split()))


def _name_of(name: str) -> SafeString:
    return format_html("<b><bdi>{}</bdi></b>", name)
