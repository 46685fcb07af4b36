"""One guest, as the host looks at them: how they stand, what they were sent, what happened, what can be done."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from django.utils.translation import gettext as _

from cordially.events.models import Event
from cordially.guests.models import Guest
from cordially.invitations.lifecycle import State
from cordially.invitations.models import CampaignText, Invitation, Source, StatusEvent
from cordially.providers.errors import Mend
from cordially.rsvp.answers import seats
from cordially.rsvp.models import Answer, Reply
from cordially.templating import variables
from cordially.templating.variables import personal_link

from . import sets, words
from .bubble import Bubble, bubble
from .guestlist import ANSWERS, Row, rows
from .reckoning import place
from .shown import shown

#: the newest of a long story; the rest is counted
MOST_TOLD = 60


@dataclass(frozen=True)
class Told:
    """One thing that happened."""

    at: dt.datetime
    tone: str
    icon: str
    title: str
    said: str = ""


@dataclass(frozen=True)
class Message:
    """What the guest was sent, or would be."""

    bubble: Bubble
    language: str
    campaign: str
    state: str


def _happened(guest: Guest) -> list[Told]:
    """The newest first."""
    told: list[Told] = []
    found = StatusEvent.objects.filter(invitation__guest=guest).select_related("invitation__campaign")
    for each in found.order_by("-id")[:MOST_TOLD]:
        told.append(_of_event(each))
    for answer in Answer.objects.filter(guest=guest).order_by("-id")[:MOST_TOLD]:
        said = [answer.note] if answer.note else []
        if answer.entered_by:
            said.append(_("Entered by %(name)s.") % {"name": answer.entered_by})
        title = str(ANSWERS[answer.reply])
        if answer.heads:
            title = f"{title} · {answer.heads}"
        told.append(Told(answer.at, answer.reply, f"a-{answer.reply}", title, " ".join(said)))
    if guest.in_person_at:
        told.append(Told(guest.in_person_at, "delivered", "check", _("Invited in person")))
    told.append(Told(guest.created_at, "plain", "plus", _("Added to the list")))
    return sorted(told, key=lambda one: one.at, reverse=True)


def _of_event(each: StatusEvent) -> Told:
    try:
        state = State(each.status)
    except ValueError:
        return Told(each.at, "plain", "info", shown(each.note) or each.status)
    title = str(state.label)
    # Twilio's own word for a state is kept with it, and says nothing beside ours
    note = each.note if " " in each.note else ""
    if not note and each.code and each.code == each.invitation.code:
        note = each.invitation.reason
    said = words.with_code(note, each.code)
    if state == State.SENDING and each.attempt > 1:
        title = _("Sending, attempt %(n)s") % {"n": each.attempt}
    if state == State.QUEUED and each.source == Source.HOST and not said:
        said = each.invitation.campaign.name
    return Told(each.at, state.value, f"s-{state.value}", title, said)


def _message(event: Event, guest: Guest, invitation: Invitation | None) -> Message | None:
    """As it was frozen when Send was pressed, with what the guest's row says now."""
    if invitation is None or invitation.state in (State.SKIPPED, State.CANCELLED):
        return None
    texts = CampaignText.objects.filter(campaign=invitation.campaign)
    text = texts.filter(key=invitation.text).first() if invitation.text else texts.order_by("pk").first()
    if text is None:
        return None
    shared = text.event_values or variables.event_values(event, text.language)
    values = variables.guest_values(shared, variables.recipient(guest))
    return Message(
        bubble(text.components, values, event),
        words.language(text.language),
        invitation.campaign.name,
        str(State(invitation.state).label),
    )


@dataclass(frozen=True)
class Person:
    """Everything that the page of a guest shows."""

    event: Event
    row: Row
    message: Message | None
    happened: list[Told]

    @property
    def guest(self) -> Guest:
        return self.row.guest

    @property
    def failed(self) -> Invitation | None:
        current = self.row.current
        return current if current is not None and current.state == State.FAILED else None

    @property
    def trouble(self) -> str:
        """What keeps a message from reaching them; empty when nothing does."""
        if self.failed:
            return words.with_code(self.failed.reason, self.failed.code)
        return self.row.obstacle

    @property
    def is_about_the_number(self) -> bool:
        """Whether another number could help."""
        if self.guest.opted_out_at:
            return False
        if self.failed:
            return sets.mend_of(self.failed.code) in (Mend.NUMBER, Mend.NO_WHATSAPP, Mend.OTHER)
        return not self.guest.phone

    @property
    def link(self) -> str:
        return personal_link(self.guest.token)

    @property
    def chat(self) -> str:
        """Opens a chat on the host's own phone with the link in it; empty where that can't work."""
        on_whatsapp = not (self.failed and sets.mend_of(self.failed.code) == Mend.NO_WHATSAPP)
        if not self.guest.phone or self.guest.opted_out_at or not on_whatsapp:
            return ""
        return f"https://wa.me/{self.guest.phone.lstrip('+')}?text={quote(self.link)}"

    @property
    def clock(self) -> str:
        return place(self.event.zone)

    @property
    def language(self) -> str:
        return words.language(self.guest.language) if self.guest.language else ""

    @property
    def seats(self) -> int:
        return seats(self.guest)

    @property
    def replies(self) -> list[tuple[str, str]]:
        return [(reply.value, str(ANSWERS[reply.value])) for reply in Reply]


def person(event: Event, guest: Guest) -> Person:
    """A fixed number of queries, however long the story."""
    [row] = rows([guest])
    newest = (
        Invitation.objects.filter(guest=guest)
        .exclude(state__in=[State.SKIPPED, State.CANCELLED])
        .select_related("campaign")
        .order_by("-pk")
        .first()
    )
    return Person(event, row, _message(event, guest, newest), _happened(guest))


def form_of(guest: Guest) -> dict[str, Any]:
    """The fields of the form, as the guest is kept."""
    return {
        "name": guest.name,
        "phone": guest.phone or guest.phone_raw,
        "party_size": str(guest.party_size),
        "group": guest.group,
        "language": guest.language,
        "tags": ", ".join(guest.tags.values_list("name", flat=True)),
        "note": guest.note,
    }
