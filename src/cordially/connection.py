"""Which Twilio is used: the real one, one at TWILIO_API_URL, or the built-in simulator."""

from __future__ import annotations

from django.conf import settings

from cordially.delivery.webhooks import status_callback_url
from cordially.invitations import senders
from cordially.providers.twilio.address import checked_base, checked_callback
from cordially.providers.twilio.client import TwilioProvider
from cordially.providers.twilio.content import Credentials

SIMULATOR_PATH = "/simulator"
#: connections to Twilio; a drainer has fewer requests under way
MOST_AT_ONCE = 512


def auth_token() -> str:
    """The secret of the account in use."""
    return str(settings.SIMULATOR_TOKEN if settings.USE_SIMULATOR else settings.TWILIO_AUTH_TOKEN)


def api_url() -> str:
    """Where Twilio is: empty for the real one. The built-in simulator is reached at this process's own address."""
    return f"{settings.LOCAL_URL}{SIMULATOR_PATH}" if settings.USE_SIMULATOR else str(settings.TWILIO_API_URL)


def credentials() -> Credentials:
    """For the Content API."""
    return Credentials(senders.account(), auth_token(), api_url())


def check_addresses() -> None:
    """Raises Misconfigured for addresses that no request can be made with. Before anything is opened."""
    checked_base(api_url())
    checked_callback(status_callback_url())


def make_provider() -> TwilioProvider:
    """The account for messages. Inside the event loop that will use it."""
    return TwilioProvider(
        senders.account(),
        auth_token(),
        api_url=api_url(),
        status_callback=status_callback_url(),
        max_connections=MOST_AT_ONCE,
    )
