"""Which number messages leave from, and at which account.

One sender can be configured in the environment (or is the simulator's); hosts add others, whose credentials
`vault.py` keeps. An event chooses among them.
"""

from __future__ import annotations

import re

from django.conf import settings
from django.db.models import Q

from cordially.events.models import Event
from cordially.lib.marking import noop

from .models import Account, EventSending, Sender

#: the account and number of the built-in simulator
SIMULATOR_ACCOUNT = "AC" + "0" * 32
SIMULATOR_PHONE = "+15550100000"


class NotReady(Exception):
    """Something must be set up before anything can be sent; the message says what and how."""


def account() -> str:
    """The account that the configuration names; empty when it names none."""
    return SIMULATOR_ACCOUNT if settings.USE_SIMULATOR else str(settings.TWILIO_ACCOUNT_SID)


def accounts() -> list[str]:
    """Every account of which there are credentials, the configured one first."""
    stored = Account.objects.values_list("sid", flat=True)
    return list(dict.fromkeys([*filter(None, [account()]), *stored]))


def sender_phone() -> str:
    """E.164 of the configured number. Raises NotReady when there is none, or when it is no number."""
    if settings.USE_SIMULATOR:
        return SIMULATOR_PHONE
    number = settings.TWILIO_WHATSAPP_FROM.removeprefix("whatsapp:").strip()
    if not re.fullmatch(r"\+[1-9]\d{6,14}", number):
        raise NotReady(
            noop(
                "TWILIO_WHATSAPP_FROM must hold your WhatsApp sender, like whatsapp:+14155238886; "
                "now it is not such a number."
            )
            if number
            else noop(
                "TWILIO_WHATSAPP_FROM must hold your WhatsApp sender, like whatsapp:+14155238886; now it is empty."
            )
        )
    return number


def current_sender() -> Sender:
    """The sender that the configuration names; its row is made at first need."""
    if not account():
        raise NotReady(noop("TWILIO_ACCOUNT_SID is empty: set it together with TWILIO_AUTH_TOKEN."))
    sender, _ = Sender.objects.get_or_create(
        account=account(),
        phone=sender_phone(),
        # nobody at the simulator is bothered by a fast first hour
        defaults={"per_hour": None, "name": "Simulator"} if settings.USE_SIMULATOR else {},
    )
    return sender


def is_configured(sender: Sender) -> bool:
    """Whether the configuration names this very number."""
    try:
        return (sender.account, sender.phone) == (account(), sender_phone())
    except NotReady:
        return False


def default_sender() -> Sender:
    """What an event uses that chose none: the configured sender, or the first that a host added.

    Raises NotReady.
    """
    try:
        return current_sender()
    except NotReady as error:
        added = _first_added()
        if added is None:
            raise NotReady(
                noop("{error} Or add a sender on the page “Senders”.").format(error=error)
            ) from error
        return added


def sender_for(event: Event) -> Sender:
    """The sender of an event's messages. Raises NotReady, also when its credentials were removed."""
    found = EventSending.objects.filter(event=event).select_related("sender").first()
    if found is None or found.sender is None:
        return default_sender()
    if not has_credentials(found.sender):
        raise NotReady(
            noop(
                "The credentials of {sender} were removed. Enter them anew on the page “Senders”, "
                "or choose another sender for this event."
            ).format(sender=found.sender)
        )
    return found.sender


def known_sender(event: Event | None = None) -> Sender | None:
    """The sender that `sender_for` would give, if its row is there; never made here. One query, seldom two."""
    chosen = Q(pk__in=EventSending.objects.filter(event=event).values("sender")) if event else Q(pk=None)
    configured = _named_by_configuration()
    found = list(Sender.objects.filter(chosen | configured if configured else chosen).order_by("pk")[:2])
    if found:
        return next((sender for sender in found if not is_configured(sender)), found[0])
    return None if configured else _first_added()


def _named_by_configuration() -> Q | None:
    try:
        return Q(account=account(), phone=sender_phone()) if account() else None
    except NotReady:
        return None


def _first_added() -> Sender | None:
    return Sender.objects.filter(account__in=Account.objects.values("sid")).first()


def account_of(event: Event | None) -> str:
    """The account at which an event's templates are handed in: that of its sender."""
    sender = known_sender(event)
    return sender.account if sender else account()


def has_credentials(sender: Sender) -> bool:
    """Whether its account can be used at all."""
    return sender.account == account() or Account.objects.filter(sid=sender.account).exists()


def is_simulated(of: str) -> bool:
    """Whether the built-in simulator plays this account."""
    return bool(settings.USE_SIMULATOR) and of == SIMULATOR_ACCOUNT


def is_real(of: str = "") -> bool:
    """Whether messages of this account (the configured one unless named) go to people's phones: neither the
    simulator nor another address plays Twilio."""
    return not (is_simulated(of or account()) or settings.TWILIO_API_URL)


def require_public_url(of: str = "") -> None:
    """Real guests get links to it, and Twilio reports to it. Raises NotReady when it isn't configured."""
    if is_real(of) and not settings.PUBLIC_URL:
        raise NotReady(
            noop(
                "CORDIALLY_PUBLIC_URL is not set: the guests' links would lead nowhere, and Twilio could not "
                "report back. Set it to the https address at which this server is reached."
            )
        )
