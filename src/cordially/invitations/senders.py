"""Which number messages leave from, and at which account."""

from __future__ import annotations

import re

from django.conf import settings

from .models import Sender

#: the account and number of the built-in simulator
SIMULATOR_ACCOUNT = "AC" + "0" * 32
SIMULATOR_PHONE = "+15550100000"


class NotReady(Exception):
    """Something must be set up before anything can be sent; the message says what and how."""


def account() -> str:
    """The provider account in use."""
    return SIMULATOR_ACCOUNT if settings.USE_SIMULATOR else str(settings.TWILIO_ACCOUNT_SID)


def sender_phone() -> str:
    """E.164 of the configured number. Raises NotReady when there is none, or when it is no number."""
    if settings.USE_SIMULATOR:
        return SIMULATOR_PHONE
    number = settings.TWILIO_WHATSAPP_FROM.removeprefix("whatsapp:").strip()
    if not re.fullmatch(r"\+[1-9]\d{6,14}", number):
        raise NotReady(
            "TWILIO_WHATSAPP_FROM must hold your WhatsApp sender, like whatsapp:+14155238886; "
            f"now it is {'empty' if not number else 'not such a number'}."
        )
    return number


def current_sender() -> Sender:
    """The sender that the configuration names; its row is made at first need."""
    if not account():
        raise NotReady("TWILIO_ACCOUNT_SID is empty: set it together with TWILIO_AUTH_TOKEN.")
    sender, _ = Sender.objects.get_or_create(
        account=account(),
        phone=sender_phone(),
        # nobody at the simulator is bothered by a fast first hour
        defaults={"per_hour": None, "name": "Simulator"} if settings.USE_SIMULATOR else {},
    )
    return sender


def is_real() -> bool:
    """Whether messages go to people's phones: neither the simulator nor another address plays Twilio."""
    return not (settings.USE_SIMULATOR or settings.TWILIO_API_URL)


def require_public_url() -> None:
    """Real guests get links to it, and Twilio reports to it. Raises NotReady when it isn't configured."""
    if is_real() and not settings.PUBLIC_URL:
        raise NotReady(
            "CORDIALLY_PUBLIC_URL is not set: the guests' links would lead nowhere, and Twilio could not "
            "report back. Set it to the https address at which this server is reached."
        )
