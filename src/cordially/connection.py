"""Which Twilio is used for an account, and as whom: the real one, one at TWILIO_API_URL, or the simulator."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from django.conf import settings

from cordially.delivery.webhooks import status_callback_url
from cordially.invitations import senders, vault
from cordially.invitations.models import Account, Sender
from cordially.invitations.senders import NotReady
from cordially.invitations.vault import Unreadable
from cordially.lib.clock import now as clock_now
from cordially.lib.marking import noop
from cordially.providers.errors import Fault
from cordially.providers.twilio import account as twilio_account
from cordially.providers.twilio.account import Found
from cordially.providers.twilio.address import checked_base, checked_callback
from cordially.providers.twilio.client import TwilioProvider
from cordially.providers.twilio.content import ContentError, Credentials

SIMULATOR_PATH = "/simulator"
#: connections to Twilio for one account; a drainer has fewer requests under way
MOST_AT_ONCE = 512
#: how a number stands that Twilio doesn't have in this account; Twilio's own words are in capitals
NOT_REGISTERED = "unknown"


@dataclass(frozen=True, slots=True)
class Access:
    """How one account is used. `key_sid` is empty where requests are signed with the account's token."""

    account: str
    secret: str = field(repr=False)
    key_sid: str = ""
    #: what may have signed its reports, the newest first; none where only a key is known
    tokens: tuple[str, ...] = field(default=(), repr=False)
    api_url: str = ""

    @property
    def credentials(self) -> Credentials:
        """For the Content API."""
        return Credentials(self.account, self.secret, self.api_url, self.key_sid)


def auth_token() -> str:
    """The token of the account that the configuration names."""
    return str(settings.SIMULATOR_TOKEN if settings.USE_SIMULATOR else settings.TWILIO_AUTH_TOKEN)


def api_url(account: str = "") -> str:
    """Where Twilio is for an account (the configured one unless named): empty for the real one.

    The built-in simulator is reached at this process's own address.
    """
    if senders.is_simulated(account or senders.account()):
        return f"{settings.LOCAL_URL}{SIMULATOR_PATH}"
    return str(settings.TWILIO_API_URL)


def configured() -> Access | None:
    """The account that the configuration names, if it names one."""
    account, token = senders.account(), auth_token()
    return Access(account, token, "", (token,) if token else (), api_url(account)) if account else None


def accesses() -> tuple[dict[str, Access], list[str]]:
    """Every account that can be used, by its name; and those whose credentials can't be read. One query."""
    found: dict[str, Access] = {}
    unreadable: list[str] = []
    now = clock_now()
    for row in Account.objects.all():
        try:
            found[row.sid] = _access(row, vault.opened(row), vault.signers(row, now))
        except Unreadable:
            unreadable.append(row.sid)
    if (mine := configured()) is not None:
        found[mine.account] = mine
        unreadable = [account for account in unreadable if account != mine.account]
    return found, unreadable


def access(account: str = "") -> Access:
    """How this account (the configured one unless named) is used. Raises NotReady."""
    mine = configured()
    if mine is not None and account in ("", mine.account):
        return mine
    row = Account.objects.filter(sid=account).first()
    if row is None:
        raise NotReady(
            noop(
                "There are no credentials of the account {account}. Enter them on the page “Senders”."
            ).format(account=account)
            if account
            else noop("TWILIO_ACCOUNT_SID is empty: set it together with TWILIO_AUTH_TOKEN.")
        )
    try:
        return _access(row, vault.opened(row), vault.signers(row, clock_now()))
    except Unreadable as error:
        raise NotReady(vault.UNREADABLE) from error


def _access(row: Account, secrets: vault.Secrets, tokens: tuple[str, ...]) -> Access:
    return Access(row.sid, secrets.key_secret or secrets.token, secrets.key_sid, tokens, api_url(row.sid))


def credentials(account: str = "") -> Credentials:
    """For the Content API. Raises NotReady."""
    return access(account).credentials


def check_addresses() -> None:
    """Raises Misconfigured for addresses that no request can be made with. Before anything is opened."""
    checked_base(api_url())
    checked_callback(status_callback_url())


def make_provider(of: Access | None = None) -> TwilioProvider:
    """An account for messages, the configured one unless given. Inside the event loop that will use it."""
    of = of or access()
    return TwilioProvider(
        of.account,
        of.secret,
        key_sid=of.key_sid,
        api_url=of.api_url,
        status_callback=status_callback_url(),
        max_connections=MOST_AT_ONCE,
    )


def check(sid: str, secrets: vault.Secrets, phone: str) -> Found:
    """Whether Twilio takes these credentials, and what it says of the number. Nothing is kept.

    Raises CantUse, which says what Twilio refuses, or that it can't be asked.
    """
    found = None
    if secrets.token:
        found = _asked(Credentials(sid, secrets.token, api_url(sid)), phone, "token")
    if secrets.key_secret:
        by_key = _asked(Credentials(sid, secrets.key_secret, api_url(sid), secrets.key_sid), phone, "key")
        found = replace(by_key, account_name=found.account_name) if found else by_key
    if found is None:
        raise CantUse("token", None)
    return found


def look(account: str, phone: str) -> Found:
    """What Twilio says of a number, asked with the credentials that are kept. Raises CantUse and NotReady."""
    return _asked(access(account).credentials, phone, "token")


class CantUse(Exception):
    """`what` Twilio refused: the `token`, the `key`, or the `account`; empty when it can't be asked."""

    def __init__(self, what: str, fault: Fault | None) -> None:
        super().__init__(fault.reason if fault else "")
        self.what = what
        self.fault = fault


def _asked(credentials: Credentials, phone: str, what: str) -> Found:
    try:
        return twilio_account.look(credentials, phone)
    except ContentError as error:
        code = error.fault.code
        wrong = {20003: what, 20404: "account", 20005: "account", 20403: what}.get(code or 0, "")
        raise CantUse(wrong, error.fault) from error


def ask_about(sender: Sender) -> bool:
    """Ask Twilio how an account and its number are, and keep what it says. Returns whether all is well.

    Raises NotReady when there are no credentials.
    """
    trouble, found = "", None
    try:
        found = look(sender.account, sender.phone)
    except CantUse as error:
        trouble = str(error)
    keep_found(sender, found, trouble)
    return found is not None and found.registered is not False


def keep_found(sender: Sender, found: Found | None, trouble: str = "") -> None:
    """`trouble`: why nothing was found."""
    values = {"checked_at": clock_now(), "checked_trouble": trouble[:300]}
    if found is not None:
        values |= {
            "checked_ms": round(found.seconds * 1000),
            "registered_as": found.name,
            "standing": NOT_REGISTERED if found.registered is False else found.standing,
            "quality": found.quality,
        }
    Sender.objects.filter(pk=sender.pk).update(**values)
