"""Twilio's error codes as data: whose fault it is, what to tell the host, what to do next.

Classes are our own judgement of what Twilio's pages say (https://www.twilio.com/docs/api/errors/<code>, seen
August 2026). What is absent here hits neither a message nor an account, or is a mere warning.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cordially.lib.marking import noop
from cordially.providers.errors import ErrorClass, Fault, Mend

_DETAIL_LIMIT = 500

_SOON = ErrorClass.RETRY_SOON
_LATER = ErrorClass.RETRY_LATER
_GUEST = ErrorClass.GUEST
_TEMPLATE = ErrorClass.TEMPLATE
_SENDER = ErrorClass.SENDER


@dataclass(frozen=True, slots=True)
class Code:
    """One row: `sentence` says what happened, `cure` what to do next (empty when there is nothing to do)."""

    error_class: ErrorClass
    sentence: str
    cure: str = ""
    # what these do is said at Fault
    slows: bool = False
    rests: float = 0.0
    one_guest: bool = False
    unclear: bool = False
    tries: int | None = None
    first_wait: float | None = None
    never_for: str = ""


_SHARE_LINK = noop("Copy the personal link and send it another way.")
_CHECK_NUMBER = noop("Check the number, or copy the personal link and send it another way.")
_BY_ITSELF = noop("Nothing to do: Cordially tries again by itself.")
_TELL_US = noop("Nothing on your side is wrong; please report this to whoever runs Cordially.")
_CONSOLE = noop("Look at the account in Twilio’s console; then press Resume: everything that waits goes on.")
_SENDERS = noop("Check the sender in Twilio’s console; then press Resume: everything that waits goes on.")
_FIX_TEMPLATE = noop("Correct the template and ask for approval again.")
_NEW_TEMPLATE = noop("Choose another approved template, or ask for approval of this one again.")

UNREACHABLE: Final = Code(_SOON, noop("Twilio can’t be reached."), _BY_ITSELF)
UNKNOWN_CODE: Final = Code(
    _GUEST, noop("Twilio reported a problem that Cordially doesn’t know yet."), unclear=True
)
NO_CODE: Final = Code(_GUEST, noop("Twilio reported a failure and gave no reason."), unclear=True)
CANCELLED: Final = Code(_GUEST, noop("The message was cancelled at Twilio before it went out."))
UNSENDABLE: Final = Code(
    _GUEST,
    noop("This message holds signs that can’t be sent."),
    noop("Check the guest’s name for odd characters."),
)
GATEWAY: Final = Code(
    _SENDER,
    noop("Something between Cordially and Twilio refused the message."),
    noop("Check the proxy and TWILIO_API_URL; then press Resume: everything that waits goes on."),
)

_BAD_PASSWORD = Code(
    _SENDER,
    noop("Twilio refused the password of this sender."),
    noop("Put in the right one; then press Resume: everything that waits goes on."),
)
_ACCOUNT_INACTIVE = Code(_SENDER, noop("This Twilio account is not active."), _CONSOLE)
_ACCESS_DENIED = Code(_SENDER, noop("Twilio does not allow this account to send the message."), _CONSOLE)
_ACCOUNT_UNKNOWN = Code(
    _SENDER,
    noop("Twilio does not know this account."),
    noop("Check the account’s identifier; then press Resume: everything that waits goes on."),
)
_BAD_REQUEST = Code(_SENDER, noop("Twilio did not understand Cordially’s request."), _TELL_US)
_TWILIO_TROUBLE = Code(_LATER, noop("Twilio had a problem of its own."), _BY_ITSELF)
_NO_SUCH_SENDER = Code(_SENDER, noop("Twilio does not accept this sender’s number."), _SENDERS)
_OTHER_ACCOUNT = Code(_SENDER, noop("This sender’s number belongs to another Twilio account."), _SENDERS)
_TRIAL_NUMBER = Code(
    _SENDER,
    noop("A Twilio trial account may only write to numbers that were verified with it."),
    noop("Upgrade the account; then press Resume: everything that waits goes on."),
    one_guest=True,
)
_NO_BODY = Code(_SENDER, noop("The message reached Twilio without any content."), _TELL_US)
_TOO_LONG = Code(
    _TEMPLATE, noop("The message is too long."), noop("Shorten the template and ask for approval again.")
)
_MEDIA_URL = Code(_TEMPLATE, noop("Twilio can’t use the picture or file of this template."), _FIX_TEMPLATE)
_NO_TEMPLATE = Code(_TEMPLATE, noop("Twilio does not have this template in this account."), _NEW_TEMPLATE)
_LONE_VARIABLES = Code(_SENDER, noop("The message reached Twilio without its template."), _TELL_US)
_BAD_VARIABLES = Code(
    _TEMPLATE,
    noop("Twilio refused what was filled into the template."),
    noop("Look for an empty field or a line break in what is filled in, then send again."),
    one_guest=True,
)
_SERVICE = Code(_SENDER, noop("Twilio does not know the messaging service of this sender."), _SENDERS)
_EMPTY_SERVICE = Code(_SENDER, noop("The messaging service at Twilio has no sender that fits."), _SENDERS)
_SCHEDULING = Code(_SENDER, noop("Twilio refused the time at which the message was to go out."), _TELL_US)
_CONTENT_INPUT = Code(_TEMPLATE, noop("Twilio refused this template."), _FIX_TEMPLATE)
_REPORTED_BLOCK = Code(_GUEST, noop("This guest does not accept messages from this sender."), _SHARE_LINK)
_NO_WHATSAPP = Code(_GUEST, noop("This number is not on WhatsApp."), _SHARE_LINK)
_UNREACHABLE_PHONE = Code(
    _GUEST, noop("This phone could not be reached."), noop("Try again later, or copy the personal link.")
)
_WHATSAPP_TROUBLE = Code(_SOON, noop("WhatsApp had a short hiccup."), _BY_ITSELF)
_WHATSAPP_UNCLEAR = Code(
    _LATER, noop("WhatsApp did not deliver the message and gave no reason."), _BY_ITSELF, tries=2
)
_SLOW_DOWN = Code(_LATER, noop("WhatsApp asked to slow down."), _BY_ITSELF, slows=True)
_MEDIA_SAMPLE = Code(_TEMPLATE, noop("WhatsApp can’t use the sample file of this template."), _FIX_TEMPLATE)
_BUSINESS_ACCOUNT = Code(
    _SENDER,
    noop("The WhatsApp business account of this sender is not in order."),
    noop("Look at it in Meta’s business manager; then press Resume: everything that waits goes on."),
)

CODES: Final[dict[int, Code]] = {
    # --- account, API, request -------------------------------------------------------------------------
    20001: _BAD_REQUEST,
    20003: _BAD_PASSWORD,
    20004: _BAD_REQUEST,
    20005: _ACCOUNT_INACTIVE,
    20006: _ACCESS_DENIED,
    20008: Code(
        _SENDER,
        noop("These are Twilio’s test credentials, and they can’t send."),
        noop("Put in the live ones; then press Resume: everything that waits goes on."),
    ),
    20403: _ACCESS_DENIED,
    20404: _ACCOUNT_UNKNOWN,
    20422: _BAD_REQUEST,
    20429: Code(_SOON, noop("Twilio asked to slow down."), _BY_ITSELF, slows=True),
    20500: _TWILIO_TROUBLE,  # in an answer to a send, a 5xx: the client calls that unknown before asking here
    20503: _TWILIO_TROUBLE,
    20504: _TWILIO_TROUBLE,
    21201: Code(_SENDER, noop("The message reached Twilio without a number to send it to."), _TELL_US),
    21211: Code(
        _GUEST, noop("This phone number can’t be right."), noop("Correct the number, then send again.")
    ),
    21212: _NO_SUCH_SENDER,
    21219: _TRIAL_NUMBER,
    21408: Code(
        _SENDER,
        noop("This Twilio account may not send to that country."),
        noop("Allow the country in Twilio’s console; then press Resume: everything that waits goes on."),
        one_guest=True,
    ),
    21601: Code(_SENDER, noop("This sender’s number can’t send messages."), _SENDERS),
    21602: _NO_BODY,
    21603: Code(_SENDER, noop("The message reached Twilio without a sender."), _SENDERS),
    21604: Code(_SENDER, noop("The message reached Twilio without a number to send it to."), _TELL_US),
    21605: _TOO_LONG,
    21606: _NO_SUCH_SENDER,
    21608: _TRIAL_NUMBER,
    21609: Code(
        _SENDER,
        noop("Twilio does not accept the address that its reports should go to."),
        noop("Check CORDIALLY_PUBLIC_URL; then press Resume: everything that waits goes on."),
    ),
    21610: Code(
        _GUEST,
        noop("This guest asked for no more messages."),
        noop("Share the personal link in person, if at all."),
    ),
    21611: Code(_LATER, noop("Twilio’s queue for this sender is full."), _BY_ITSELF, slows=True, rests=60.0),
    21612: Code(_GUEST, noop("This number can’t be reached from this sender."), _SHARE_LINK, unclear=True),
    21614: Code(_GUEST, noop("This is not a mobile number."), _CHECK_NUMBER),
    21617: _TOO_LONG,
    21619: _NO_BODY,
    21620: _MEDIA_URL,
    21623: _MEDIA_URL,
    21624: _BAD_REQUEST,
    21654: _LONE_VARIABLES,
    21655: _NO_TEMPLATE,
    21656: _BAD_VARIABLES,
    21657: _NO_SUCH_SENDER,
    21658: _TOO_LONG,
    21659: _NO_SUCH_SENDER,
    21660: _OTHER_ACCOUNT,
    21661: _OTHER_ACCOUNT,
    21664: _BAD_REQUEST,
    21666: _BAD_REQUEST,
    21667: _BAD_REQUEST,
    21701: _SERVICE,
    21703: _EMPTY_SERVICE,
    21704: _EMPTY_SERVICE,
    21705: _SERVICE,
    21910: Code(_SENDER, noop("Sender and guest were not both addressed on WhatsApp."), _TELL_US),
    35111: _SCHEDULING,
    35114: _SCHEDULING,
    35115: _SCHEDULING,
    35117: _SCHEDULING,
    35118: _SCHEDULING,
    35125: Code(_LATER, noop("Too many messages wait at Twilio for their time."), _BY_ITSELF),
    35126: _SCHEDULING,
    90010: _ACCOUNT_INACTIVE,
    92001: _CONTENT_INPUT,
    92002: Code(_TEMPLATE, noop("Twilio refused the fields of this template."), _FIX_TEMPLATE),
    92003: Code(_TEMPLATE, noop("Twilio needs the template’s language."), _FIX_TEMPLATE),
    92004: Code(_TEMPLATE, noop("Twilio does not know the template’s language."), _FIX_TEMPLATE),
    92005: _LONE_VARIABLES,
    92006: _NO_TEMPLATE,
    92007: _BAD_VARIABLES,
    92008: Code(_TEMPLATE, noop("Twilio does not know this kind of template."), _FIX_TEMPLATE),
    92009: Code(
        _TEMPLATE,
        noop("This template was sent for approval before."),
        noop("Wait for the answer, or make a copy and send that."),
    ),
    # --- queue and generic delivery ----------------------------------------------------------------------
    30001: Code(_LATER, noop("The message waited too long in Twilio’s queue."), _BY_ITSELF),
    30002: Code(_SENDER, noop("Twilio suspended this account."), _CONSOLE),
    30003: _UNREACHABLE_PHONE,
    30004: _REPORTED_BLOCK,
    30005: Code(_GUEST, noop("This number does not exist."), _CHECK_NUMBER),
    30006: Code(_GUEST, noop("This number can’t take messages."), _CHECK_NUMBER),
    30007: Code(
        _SENDER,
        noop("The message was held back as unwanted mail."),
        noop("Look at the wording of the template before you go on."),
    ),
    30008: Code(_LATER, noop("The message was not delivered, and nobody said why."), _BY_ITSELF, tries=2),
    30010: Code(_SENDER, noop("The message would have cost more than was allowed."), _TELL_US),
    30036: Code(_LATER, noop("The message grew too old before it could be sent."), _BY_ITSELF),
    # It may have arrived: the one place where trying again by itself could invite somebody twice.
    30410: Code(
        _GUEST,
        noop("WhatsApp did not answer in time, so the message may or may not have arrived."),
        noop("Ask the guest before you send it again."),
    ),
    30500: Code(_SOON, noop("Twilio had a short hiccup."), _BY_ITSELF),
    # --- WhatsApp ------------------------------------------------------------------------------------------
    63001: Code(_SENDER, noop("WhatsApp no longer accepts this sender."), _SENDERS),
    63002: Code(_SENDER, noop("WhatsApp does not know this sender."), _SENDERS),
    63003: _NO_WHATSAPP,
    63005: Code(
        _GUEST, noop("WhatsApp did not accept the message for this number."), _SHARE_LINK, unclear=True
    ),
    63006: Code(_TEMPLATE, noop("This template can’t be shown on WhatsApp."), _FIX_TEMPLATE),
    63007: Code(_SENDER, noop("This sender’s number is not set up for WhatsApp at Twilio."), _SENDERS),
    63008: Code(_SENDER, noop("WhatsApp is not set up rightly for this sender."), _SENDERS),
    63009: _WHATSAPP_TROUBLE,
    63010: Code(_SOON, noop("Twilio had a short hiccup."), _BY_ITSELF),
    63011: _WHATSAPP_UNCLEAR,
    63012: _WHATSAPP_TROUBLE,
    63013: Code(
        _TEMPLATE,
        noop("WhatsApp refused the message for its content."),
        noop(
            "Check the template and what is filled in: no empty field, no line break, no long row of spaces."
        ),
        one_guest=True,
    ),
    63014: _REPORTED_BLOCK,
    63015: Code(
        _GUEST,
        noop("This number has not joined Twilio’s test sender."),
        noop("Send the join word from that phone, or use a real sender."),
    ),
    63016: Code(_TEMPLATE, noop("WhatsApp takes this message only as an approved template."), _NEW_TEMPLATE),
    63017: _SLOW_DOWN,
    63018: _SLOW_DOWN,
    63019: Code(
        _TEMPLATE, noop("WhatsApp could not fetch the picture or file of this template."), _FIX_TEMPLATE
    ),
    63020: _BUSINESS_ACCOUNT,
    63021: Code(
        _TEMPLATE,
        noop("WhatsApp refused the content; most often it is too long once it is filled in."),
        noop("Shorten the template or what is filled in."),
        one_guest=True,
    ),
    63022: Code(_SENDER, noop("WhatsApp has not confirmed the name of this sender."), _SENDERS),
    63023: _WHATSAPP_UNCLEAR,
    63024: _NO_WHATSAPP,
    63025: _MEDIA_URL,
    63026: Code(
        _SENDER,
        noop("WhatsApp marked this sender as unwanted mail."),
        noop("Stop for a day and look at the wording; then go on slowly."),
    ),
    63027: Code(_TEMPLATE, noop("This template does not exist in that language."), _NEW_TEMPLATE),
    63028: Code(_TEMPLATE, noop("The template has more or fewer fields than were filled in."), _FIX_TEMPLATE),
    63029: Code(_GUEST, noop("This phone could not load the template."), _SHARE_LINK),
    63030: Code(
        _TEMPLATE, noop("The template asks for something that WhatsApp does not offer."), _FIX_TEMPLATE
    ),
    63031: Code(
        _GUEST, noop("This is the sender’s own number."), noop("Correct the number, then send again.")
    ),
    63032: Code(_GUEST, noop("WhatsApp does not deliver invitations to this person for now."), _SHARE_LINK),
    63033: _REPORTED_BLOCK,
    63034: Code(
        _TEMPLATE, noop("The picture or file of this template is too large for WhatsApp."), _FIX_TEMPLATE
    ),
    63038: Code(
        _LATER, noop("This Twilio account has used up its messages for today."), _BY_ITSELF, rests=3600.0
    ),
    63040: Code(_TEMPLATE, noop("WhatsApp rejected this template."), _FIX_TEMPLATE),
    63041: Code(
        _TEMPLATE,
        noop("WhatsApp paused this template after complaints."),
        noop("Wait until it is released, or choose another."),
    ),
    63042: Code(
        _TEMPLATE,
        noop("WhatsApp disabled this template for good."),
        noop("Choose another approved template."),
    ),
    63043: _MEDIA_SAMPLE,
    63044: _MEDIA_SAMPLE,
    63045: _MEDIA_SAMPLE,
    63047: _MEDIA_SAMPLE,
    63049: Code(
        _LATER,
        noop("WhatsApp holds this message back to spare this person too many offers."),
        noop("Cordially tries again later; the personal link can be shared at any time."),
        tries=5,
        first_wait=3600.0,
        never_for="+1",  # such templates are blocked there
    ),
    63051: Code(
        _SENDER, noop("WhatsApp locked the business account of this sender."), _BUSINESS_ACCOUNT.cure
    ),
    63059: Code(_SENDER, noop("This sender’s number was moved to another account."), _SENDERS),
    63062: Code(
        _SENDER,
        noop("Meta’s terms for marketing messages have not been accepted yet."),
        noop("Accept them in Meta’s business manager; then press Resume: everything that waits goes on."),
    ),
    63101: _BUSINESS_ACCOUNT,
    63112: _BUSINESS_ACCOUNT,
}

#: codes of failures that are mended in the same way; every other code is `Mend.OTHER`
MENDED: Final[dict[Mend, frozenset[int]]] = {
    Mend.NUMBER: frozenset({21211, 21614, 30005, 30006, 63031}),
    Mend.NO_WHATSAPP: frozenset({63003, 63024}),
    Mend.UNWANTED: frozenset({21610, 30004, 63014, 63032, 63033}),
}

# What a bare HTTP status means when no Twilio code came with it.
_STATUSES: Final[dict[int, int]] = {401: 20003, 403: 20403, 404: 20404, 405: 20004, 429: 20429}


def fault_for(code: int | None, http_status: int | None = None, detail: str = "") -> Fault:
    """The fault behind Twilio's code; where no code came, the one behind the HTTP status."""
    if code is not None and code < 1000:  # the SDK puts the HTTP status there when the answer held no code
        code, http_status = None, http_status or code
    if code is None and http_status is not None:
        code = _STATUSES.get(http_status)
        row = CODES[code] if code else GATEWAY
        return fault(row, code or http_status, detail)
    if code is None:
        return fault(NO_CODE, None, detail)
    return fault(CODES.get(code, UNKNOWN_CODE), code, detail)


def fault_in(error: object, http_status: int | None) -> Fault:
    """The fault in an exception of the SDK: it has two kinds that share no base with fields."""
    code = getattr(error, "code", None)
    if isinstance(code, str) and code.isascii() and code.isdigit():
        code = int(code)
    words = (getattr(error, name, None) for name in ("msg", "detail", "title"))
    return fault_for(code if isinstance(code, int) else None, http_status, str(next(filter(None, words), "")))


def fault(row: Code, code: int | None = None, detail: str = "") -> Fault:
    return Fault(
        row.error_class,
        row.sentence,
        code,
        row.cure,
        detail[:_DETAIL_LIMIT],
        slows=row.slows,
        rests=row.rests,
        one_guest=row.one_guest,
        unclear=row.unclear,
        tries=row.tries,
        first_wait=row.first_wait,
        never_for=row.never_for,
    )
