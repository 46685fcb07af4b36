"""What a message consists of, in WhatsApp's own words: header, body, footer, buttons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from .variables import LINK_TOKEN, Slot, numbered, slots


class ButtonKind(StrEnum):
    REPLY = "reply"  # the guest answers with its title
    LINK = "link"  # opens the guest's own page


@dataclass(frozen=True, slots=True)
class Button:
    kind: ButtonKind
    title: str


@dataclass(frozen=True, slots=True)
class Components:
    """One text of a template, as the host wrote it. A message has a line or a picture above it, not both."""

    body: str
    header: str = ""
    #: public address of a picture above the text
    image: str = ""
    footer: str = ""
    buttons: tuple[Button, ...] = ()

    @property
    def slots(self) -> tuple[Slot, ...]:
        """All that must be filled, in the order of the provider's numbers."""
        found = slots(self.header, self.body)
        return (*found, Slot(LINK_TOKEN)) if self.has_link_button else found

    @property
    def has_link_button(self) -> bool:
        return any(button.kind is ButtonKind.LINK for button in self.buttons)

    def numbered(self) -> Self:
        """With the provider's numbers in place of the names."""
        order = self.slots
        return type(self)(
            numbered(self.body, order), numbered(self.header, order), self.image, self.footer, self.buttons
        )

    @property
    def buttons_json(self) -> list[dict[str, str]]:
        """As a row of the database keeps them."""
        return [{"kind": button.kind.value, "title": button.title} for button in self.buttons]


def buttons_of(stored: Sequence[Mapping[str, Any]]) -> tuple[Button, ...]:
    """The reverse of `buttons_json`."""
    return tuple(Button(ButtonKind(each["kind"]), str(each["title"])) for each in stored)
