"""What is the same for everyone who reads one text of a campaign, and one guest's words from it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from cordially.invitations.models import Campaign, CampaignText
from cordially.templating import variables
from cordially.templating.variables import Recipient, Slot

#: a campaign, and which of its texts
TextKey = tuple[int, str]


@dataclass(frozen=True)
class Wording:
    """As it was frozen when Send was pressed."""

    content_ref: str
    body: str
    slots: tuple[Slot, ...]
    shared: dict[str, str]

    def values(self, guest: Recipient) -> tuple[str, ...]:
        """What stands in the provider's numbers, in their order; empty where this guest has nothing."""
        values = variables.guest_values(self.shared, guest)
        return tuple(slot.value(values) for slot in self.slots)

    def missing(self, values: tuple[str, ...]) -> list[str]:
        """The names that would stay empty."""
        return [slot.name for slot, value in zip(self.slots, values, strict=True) if not value]

    def wrote(self, text: str, guest: Recipient) -> bool:
        """Whether a text that the provider lists is this guest's message: it holds the link, or the whole text."""
        in_body = {slot.name for slot in variables.slots(self.body)}
        if "rsvp_link" in in_body:
            return guest.token in text
        values = variables.guest_values(self.shared, guest)
        mine = variables.VARIABLE.sub(lambda match: variables.slot_of(match).value(values), self.body)
        return f" {' '.join(mine.split())} " in f" {' '.join(text.split())} "

    def is_of_this_kind(self, text: str) -> bool:
        """Whether it is this text filled in for anybody: a guest may have a new name since the request.

        Never for a text with the personal link, which tells whose it is.
        """
        if any(slot.name == "rsvp_link" for slot in variables.slots(self.body)):
            return False
        return self._shape.fullmatch(" ".join(text.split())) is not None

    @cached_property
    def _shape(self) -> re.Pattern[str]:
        fixed, end = [], 0
        body = self.body
        for match in variables.VARIABLE.finditer(body):
            fixed.append(body[end : match.start()])
            end = match.end()
        fixed.append(body[end:])
        return re.compile(".*?".join(r"\s*".join(map(re.escape, _words(piece))) for piece in fixed))


def _words(text: str) -> list[str]:
    """Cut at white space, so that it may differ."""
    return re.split(r"\s+", text)


def of_campaign(key: TextKey) -> Wording:
    """What the campaign froze under that key. Raises CampaignText.DoesNotExist."""
    campaign_id, name = key
    texts = CampaignText.objects.filter(campaign=campaign_id)
    # the invitations of older campaigns name no text: they had only one
    text = texts.get(key=name) if name else texts.order_by("pk")[:1].get()
    shared = text.event_values
    if not shared:
        event = Campaign.objects.select_related("event").get(pk=campaign_id).event
        shared = variables.event_values(event, event.language)
    return Wording(text.content_ref, text.body, text.slots, shared)
