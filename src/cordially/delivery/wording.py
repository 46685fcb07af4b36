"""What is the same for everyone in a campaign, and one guest's words from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cordially.invitations import rendering
from cordially.invitations.models import Campaign


@dataclass(frozen=True, slots=True)
class Wording:
    """As it was frozen when Send was pressed."""

    content_ref: str
    body: str
    variables: tuple[str, ...]
    shared: dict[str, str]

    def values(self, name: str, token: str, fields: Mapping[str, object]) -> dict[str, str]:
        """Name -> text for one guest."""
        return rendering.guest_values(self.shared, name, token, fields)

    def wrote(self, text: str, name: str, token: str, fields: Mapping[str, object]) -> bool:
        """Whether a text that the provider lists is this guest's message: it holds all that was filled in."""
        values = self.values(name, token, fields)
        if "rsvp_link" in self.variables:
            return token in text
        told = [values[name] for name in self.variables if values.get(name)]
        return all(value in text for value in told) if told else text.split() == self.body.split()


def of_campaign(campaign_id: int) -> Wording:
    campaign = Campaign.objects.select_related("event").get(pk=campaign_id)
    shared = campaign.event_values or rendering.event_values(campaign.event, campaign.event.language)
    return Wording(campaign.content_ref, campaign.body, tuple(campaign.variables), shared)
