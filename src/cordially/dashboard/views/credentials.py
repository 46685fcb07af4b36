"""Credentials at Twilio: entered, checked there before they are kept, replaced, removed. Never shown."""

from __future__ import annotations

import datetime as dt
import re
from contextlib import suppress
from dataclasses import dataclass, field

from django.contrib import messages
from django.db import transaction
from django.db.models import ProtectedError
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from cordially import connection
from cordially.connection import CantUse
from cordially.dashboard import live, numbers
from cordially.dashboard.page import of_installation, user_of
from cordially.dashboard.shown import shown
from cordially.delivery.wake import wake
from cordially.guests.phones import format_phone
from cordially.guests.texts import clean
from cordially.invitations import senders, vault
from cordially.invitations.models import Account, EventSending, Sender
from cordially.invitations.vault import Secrets
from cordially.providers.errors import Misconfigured
from cordially.providers.twilio.account import Found

_ACCOUNT = re.compile(r"AC[0-9a-fA-F]{32}")
_KEY = re.compile(r"SK[0-9a-fA-F]{32}")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
#: what people write between digits, direction marks among it
_BETWEEN = re.compile(r"[\s().\-‐‑–/\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_SECRET = re.compile(r"[!-~]{8,100}")
_SECRETS = ("token", "key_secret")
#: the choice of an account that isn't here yet
NEW = "new"


@dataclass
class Sheet:
    """The form as it is shown. What is secret is read and never shown again, not even beside a mistake."""

    account: str = NEW
    number: str = ""
    name: str = ""
    sid: str = ""
    key_sid: str = ""
    secrets: Secrets = field(default_factory=Secrets, repr=False)
    phone: str = ""
    errors: dict[str, str] = field(default_factory=dict)
    #: why nothing was kept, where no field is at fault
    problem: str = ""
    #: which credentials were looked at
    seen: str = ""

    @classmethod
    def read(cls, form: QueryDict) -> Sheet:
        def plain(name: str, most: int = 100) -> str:
            return form.get(name, "").strip()[:most]

        secrets = Secrets(plain("token"), plain("key_sid"), plain("key_secret"))
        return cls(
            account=plain("account") or NEW,
            number=plain("number", 60),
            name=clean(form.get("name", ""), 80),
            sid=plain("sid"),
            key_sid=secrets.key_sid,
            secrets=secrets,
            seen=plain("seen"),
        )

    def check_number(self) -> None:
        # only its shape: whether it is a sender Twilio knows, and no list of the world's numbers does
        plain = _BETWEEN.sub("", self.number.removeprefix("whatsapp:"))
        if not self.number:
            self.errors["number"] = _("Write the number that messages leave from.")
        elif not _E164.fullmatch(plain):
            self.errors["number"] = _("Write it with + and the country code, like +1 415 523 8886.")
        else:
            self.phone = plain

    def check_account(self) -> None:
        if not _ACCOUNT.fullmatch(self.sid):
            self.errors["sid"] = _(
                "An Account SID is AC and 32 hexadecimal digits. Twilio’s console shows it."
            )
        elif self.sid == senders.account():
            self.errors["sid"] = _("This account comes from the environment. Choose it above.")
        elif Account.objects.filter(sid=self.sid).exists():
            self.errors["sid"] = _("This account is here already. Choose it above.")

    def check_secrets(self, kept: Account | None = None) -> None:
        """Their shapes; whether they are right only Twilio knows. What is `kept` needs no second typing."""
        given = self.secrets
        is_same_key = kept is not None and given.key_sid == kept.key_sid
        if not given.token and not given.key_secret and (kept is None or is_same_key):
            self.errors["token"] = (
                _("Nothing was typed. Enter what is to be replaced.")
                if kept
                else _("Enter the Auth Token; without it Twilio’s reports can’t be checked.")
            )
        if given.token and not _SECRET.fullmatch(given.token):
            self.errors["token"] = _(
                "This doesn’t look like an Auth Token. Copy it once more from Twilio’s console."
            )
        if not given.key_sid and not given.key_secret:
            return
        if not _KEY.fullmatch(given.key_sid):
            self.errors["key_sid"] = _("The name of an API key is SK and 32 hexadecimal digits.")
        if not _SECRET.fullmatch(given.key_secret) and (given.key_secret or not is_same_key):
            self.errors["key_secret"] = _("Enter the secret that Twilio showed when the key was made.")

    def refused(self, error: CantUse) -> None:
        """What Twilio says, beside the field that it is about."""
        said = {
            "token": _("Twilio doesn’t accept this Auth Token for this account. Nothing was kept."),
            "key": _("Twilio doesn’t accept this key and secret for this account. Nothing was kept."),
            "account": _("Twilio knows no such account, or it is closed. Nothing was kept."),
        }
        place = {"token": "token", "key": "key_secret", "account": "sid"}
        if error.what in said:
            self.errors[place[error.what]] = said[error.what]
        else:
            why = shown(error.fault.sentence) if error.fault else ""
            self.problem = _("Nothing could be checked, so nothing was kept. %(why)s Try again.") % {
                "why": why
            }

    def told(self, found: Found) -> None:
        """What Twilio says of the number."""
        if found.registered is not False:
            return
        listed = ", ".join(map(format_phone, found.numbers[:5]))
        self.errors["number"] = (
            _("This account has no such WhatsApp sender. It has: %(numbers)s.") % {"numbers": listed}
            if listed
            else _("This account has no WhatsApp sender yet. Register the number in Twilio’s console first.")
        )


@sensitive_variables("sheet")
@sensitive_post_parameters(*_SECRETS)
@never_cache
@require_http_methods(["GET", "POST"])
@of_installation
def add(request: HttpRequest) -> HttpResponse:
    """A number, at an account that is known or with the credentials of a new one."""
    known = _known()
    if request.method == "GET":
        return _add_page(request, Sheet(account=known[-1][0] if known else NEW), known)
    sheet = Sheet.read(request.POST)
    is_new = sheet.account not in dict(known)
    sheet.check_number()
    if is_new:
        sheet.account = NEW
        sheet.check_account()
        sheet.check_secrets()
    sid = sheet.sid if is_new else sheet.account
    taken = Sender.objects.filter(account=sid, phone=sheet.phone).first() if sheet.phone else None
    if taken is not None and not is_new:
        sheet.errors["number"] = _("This number is here already.")
    found = None if sheet.errors else _ask(sheet, sid, is_new)
    if found is None or sheet.errors:
        return _add_page(request, sheet, known, 422)
    made = _keep(request, sheet, sid, is_new, found)
    wake()
    live.wake()
    _say(request, found)
    return redirect("sender_one", made.pk)


def _known() -> list[tuple[str, str]]:
    """Accounts with credentials: (SID, words)."""
    rows = [(row.sid, f"{row} · …{row.sid[-4:]}") for row in Account.objects.all()]
    if mine := senders.account():
        words = _("The built-in simulator") if senders.is_simulated(mine) else _("From the environment")
        rows.insert(0, (mine, f"{words} · …{mine[-4:]}"))
    return rows


def _ask(sheet: Sheet, sid: str, is_new: bool) -> Found | None:
    """What Twilio says; None with the reason in the sheet."""
    try:
        phone = sheet.phone
        found = connection.check(sid, sheet.secrets, phone) if is_new else connection.look(sid, phone)
    except CantUse as error:
        if not is_new:
            sheet.problem = _("The credentials of this account don’t work: %(why)s") % {"why": shown(error)}
        else:
            sheet.refused(error)
    except (Misconfigured, senders.NotReady) as error:
        sheet.problem = shown(error)
    else:
        sheet.told(found)
        return found
    return None


@transaction.atomic
def _keep(request: HttpRequest, sheet: Sheet, sid: str, is_new: bool, found: Found) -> Sender:
    if is_new:
        vault.keep(sid, sheet.secrets, name=found.account_name, by=user_of(request))
    named = sheet.name or found.name
    made, _new = Sender.objects.get_or_create(account=sid, phone=sheet.phone, defaults={"name": named})
    connection.keep_found(made, found)
    return made


def _say(request: HttpRequest, found: Found) -> None:
    if found.registered is None:
        messages.warning(
            request,
            _(
                "It is here now. Twilio doesn’t tell whether the account has this number: send yourself a test first."
            ),
        )
    else:
        messages.success(
            request, _("It is here now. Send yourself a test message before your guests get one.")
        )


def _add_page(
    request: HttpRequest, sheet: Sheet, known: list[tuple[str, str]], status: int = 200
) -> HttpResponse:
    context = {"here": "sender", "sheet": sheet, "errors": sheet.errors, "known": known, "new": NEW}
    return render(request, "dashboard/sender_add.html", context, status=status)


@sensitive_variables("sheet", "secrets")
@sensitive_post_parameters(*_SECRETS)
@never_cache
@require_http_methods(["GET", "POST"])
@of_installation
def replace(request: HttpRequest, pk: int) -> HttpResponse:
    """Other credentials for the account of this sender: checked, then used from the next request on."""
    sender = numbers.find(request.user, pk)
    if sender.account == senders.account():
        messages.warning(
            request, _("The environment names these credentials. Change them there, and start again.")
        )
        return redirect("sender_one", pk)
    row = Account.objects.filter(sid=sender.account).first()
    if request.method == "GET":
        key = row.key_sid if row else ""
        return _replace_page(request, sender, row, Sheet(key_sid=key, seen=_version(row)))
    sheet = Sheet.read(request.POST)
    sheet.check_secrets(row)
    status = 422
    if not sheet.errors:
        try:
            secrets = vault.with_kept(row, sheet.secrets) if row else sheet.secrets
            found = connection.check(sender.account, secrets, sender.phone)
            vault.keep(
                sender.account, secrets,
                name=found.account_name or (row.name if row else ""), by=user_of(request), seen=_seen(sheet),
            )  # fmt: skip
        except CantUse as error:
            sheet.refused(error)
            if error.what == "account":
                sheet.problem = sheet.errors.pop("sid")
        except vault.Unreadable:
            sheet.problem = _("What is kept can’t be read any more. Enter all of it anew.")
        except Misconfigured as error:
            sheet.problem = shown(error)
        except vault.Stale:
            sheet.problem = _("Somebody changed these credentials meanwhile. Nothing was kept; look again.")
            sheet.seen, status = _version(Account.objects.filter(sid=sender.account).first()), 409
        else:
            connection.keep_found(sender, found)
            wake()
            live.wake()
            messages.success(request, _("Replaced. The next request is made with them; what waited goes on."))
            return redirect("sender_one", pk)
    return _replace_page(request, sender, row, sheet, status)


def _version(row: Account | None) -> str:
    return row.changed_at.isoformat() if row else ""


def _seen(sheet: Sheet) -> dt.datetime | None:
    try:
        return dt.datetime.fromisoformat(sheet.seen)
    except ValueError:
        return None


def _replace_page(
    request: HttpRequest, sender: Sender, row: Account | None, sheet: Sheet, status: int = 200
) -> HttpResponse:
    others = Sender.objects.filter(account=sender.account).exclude(pk=sender.pk)
    context = {
        "here": "sender",
        "sender": sender,
        "account": row,
        "sheet": sheet,
        "errors": sheet.errors,
        "others": others,
    }
    return render(request, "dashboard/sender_credentials.html", context, status=status)


@never_cache
@require_http_methods(["GET", "POST"])
@of_installation
def remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask with the figures (GET), then forget the credentials, or the number with them (POST)."""
    sender = numbers.find(request.user, pk)
    why_not = _why_it_stays(sender)
    is_kept = Account.objects.filter(sid=sender.account).exists()
    if request.method == "POST" and request.POST.get("do") == "credentials":
        if vault.remove(sender.account):
            wake()
            live.wake()
            messages.success(request, _("The credentials are removed. What waits for this account waits."))
        else:
            messages.warning(request, _("They were removed already."))
        return redirect("sender_one", pk)
    if request.method == "POST" and request.POST.get("do") == "number" and not why_not:
        # a campaign may begin at this moment: then it stays, as when it had begun before
        with suppress(ProtectedError):
            _forget(sender)
            wake()
            live.wake()
            messages.success(request, _("%(number)s is removed.") % {"number": format_phone(sender.phone)})
            return redirect("sender")
    context = {
        "here": "sender",
        "sender": sender,
        "why_not": why_not,
        "is_kept": is_kept,
        "others": Sender.objects.filter(account=sender.account).exclude(pk=pk),
        "waiting": numbers.waiting(sender),
    }
    status = 409 if request.method == "POST" else 200
    return render(request, "dashboard/sender_remove.html", context, status=status)


@transaction.atomic
def _forget(sender: Sender) -> None:
    """With the credentials of its account, unless another number needs them. Raises ProtectedError."""
    Sender.objects.filter(pk=sender.pk).delete()
    if not Sender.objects.filter(account=sender.account).exists():
        vault.remove(sender.account)


def _why_it_stays(sender: Sender) -> str:
    """Why the number itself can't be removed; empty when it can."""
    if senders.is_configured(sender):
        return _("The environment names it. It goes when it is named there no more.")
    if sender.campaigns.exists():
        return _(
            "Campaigns were sent from it, and their history stays. Without credentials nothing leaves from it."
        )
    if EventSending.objects.filter(sender=sender).exists():
        return _("An event uses it. Choose another sender for the event first.")
    return ""
