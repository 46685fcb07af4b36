"""Twilio's errors: the ones that answer a request, and the ones that a message ends with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

# code: (HTTP status, message). https://www.twilio.com/docs/api/errors/<code> (August 2026)
_ANSWERS: Final[dict[int, tuple[int, str]]] = {
    20001: (400, "Unknown parameters"),
    20003: (401, "Authenticate"),
    20004: (405, "Method not allowed"),
    20009: (400, "Cannot delete this resource before it has completed"),
    20404: (404, "The requested resource {0} was not found"),
    20429: (429, "Too Many Requests"),
    20500: (500, "An internal server error has occurred"),
    21211: (400, "Invalid 'To' Phone Number: {0}"),
    21602: (400, "Message body is required."),
    21603: (400, "A 'From' phone number is required."),
    21604: (400, "A 'To' phone number is required."),
    21606: (
        400,
        "The 'From' phone number provided ({0}) is not a valid message-capable Twilio phone number.",
    ),
    21609: (400, "The StatusCallback URL {0} is not a valid URL."),
    21610: (400, "Attempt to send to unsubscribed recipient"),
    21617: (400, "The concatenated message body exceeds the 1600 character limit"),
    21624: (400, "The Validity Period value is invalid"),
    21654: (400, "ContentSid Required"),
    21655: (400, "The ContentSid is Invalid"),
    21656: (400, "The Content Variables parameter is invalid"),
    21658: (400, "Parameter {0} exceeds the maximum length"),
    21701: (400, "The Messaging Service {0} does not exist"),
    21910: (400, "Invalid 'From' and 'To' pair. 'From' and 'To' should be of the same channel"),
    30400: (400, "The request is invalid"),
    30409: (409, "The message cannot be canceled"),
    35111: (400, "SendAt is missing"),
    35114: (400, "SendAt is not a valid date"),
    35115: (400, "SendAt is too soon"),
    35117: (400, "SendAt is too far in the future"),
    35118: (400, "MessagingServiceSid is required to schedule a message"),
    35126: (400, "ScheduleType is invalid"),
    63007: (400, "Twilio could not find a Channel with the specified From address"),
    63031: (400, "Channel message cannot have same From and To"),
    92001: (400, "Content types are required, each with all that belongs to it"),
    92002: (400, "Content variables are invalid"),
    92003: (400, "Content language is required"),
    92004: (400, "Content language is not supported"),
    92008: (400, "Content type {0} is not supported"),
    92009: (400, "Content has already been submitted for approval"),
}

# What the channel says of a message that it did not bring.
FAILURES: Final[dict[int, str]] = {
    63013: "This message send failed because it violates Channel provider's policy.",
    63016: "Failed to send freeform message because you are outside the allowed window. "
    "If you are using WhatsApp, please use a Message Template.",
    63018: "Rate limit exceeded for Channel",
    63021: "Channel invalid content error",
    63024: "Invalid message recipient",
    63027: "Template does not exist for a language and locale",
    63041: "Template paused by WhatsApp",
    63042: "Template disabled by WhatsApp",
}


class ApiError(Exception):
    """A request that Twilio answers with an error."""

    def __init__(self, code: int, detail: str = "", headers: Mapping[str, str] | None = None) -> None:
        self.code = code
        self.status, text = _ANSWERS[code]
        self.headers = dict(headers or {})
        if code == 20003:
            self.headers["WWW-Authenticate"] = 'Basic realm="Twilio API"'
        super().__init__(text.format(detail))

    def body(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "message": str(self),
            "more_info": f"https://www.twilio.com/docs/errors/{self.code}",
            "status": self.status,
        }
