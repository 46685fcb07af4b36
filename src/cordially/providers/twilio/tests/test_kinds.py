from __future__ import annotations

from types import SimpleNamespace

import pytest

from cordially.providers.twilio.kinds import Approval, ApprovalStatus, ContentButton, listed

UNSUBMITTED = Approval(ApprovalStatus.UNSUBMITTED, "")
REPLY = {"type": "QUICK_REPLY", "title": "Yes", "id": "yes"}
LINK = {"type": "URL", "title": "Answer", "url": "https://x.example/r/{{2}}"}
CALL = {"type": "PHONE_NUMBER", "title": "Ring us", "phone": "+15005550006"}
PICTURE = "https://x.example/a.jpg"
BODY = "Dear {{1}}, please come."


def read(types, **given):
    row = {"sid": "HX1", "friendly_name": "n", "language": "he", "variables": {"1": "Ana", "2": "x"}} | given
    return listed(SimpleNamespace(types=types, **row), UNSUBMITTED)


@pytest.mark.parametrize(
    ("kind", "shape", "expected"),
    [
        ("twilio/text", {"body": BODY}, {"body": BODY, "samples": {"1": "Ana"}}),
        ("twilio/media", {"body": BODY, "media": [PICTURE]}, {"image": PICTURE}),
        ("twilio/media", {"body": BODY, "media": ["https://x.example/no-ending"]}, {"header": ""}),
        (
            "twilio/quick-reply",
            {"body": BODY, "actions": [REPLY, {"title": "No"}]},
            {"buttons": (ContentButton("reply", "Yes"), ContentButton("reply", "No"))},
        ),
        (
            "twilio/call-to-action",
            {"body": BODY, "actions": [LINK]},
            {
                "buttons": (ContentButton("link", "Answer", "https://x.example/r/{{2}}"),),
                "samples": {"1": "Ana", "2": "x"},
            },
        ),
        (
            "twilio/card",
            {"title": BODY, "subtitle": "f", "media": [PICTURE]},
            {"body": BODY, "footer": "f", "image": PICTURE},
        ),
        (
            "whatsapp/card",
            {"body": BODY, "header_text": "For {{ 2 }}", "footer": "f"},
            {"header": "For {{2}}", "footer": "f", "samples": {"1": "Ana", "2": "x"}},
        ),
        (
            "whatsapp/card",
            {"body": "Come, all.", "media": None, "actions": None, "footer": "f"},
            {"samples": {}},
        ),
    ],
)
def test_what_others_made_is_read(kind, shape, expected):
    found = read({kind: shape})
    assert (found.kind, found.usable) == (kind, "")
    assert {name: getattr(found, name) for name in expected} == expected


def test_the_richest_of_several_types_counts():
    types = {"twilio/text": {"body": "plain"}, "whatsapp/card": {"body": "rich", "footer": "f"}}
    assert (read(types).body, read(types).footer) == ("rich", "f")


def test_a_type_that_is_null_is_not_there():
    assert read({"twilio/text": {"body": "plain"}, "whatsapp/card": None}).body == "plain"


def test_a_broken_address_breaks_no_list():
    assert read({"twilio/media": {"body": BODY, "media": ["http://["]}}).image == "http://["


def test_samples_are_those_of_the_variables_in_their_order():
    body = "".join(f" and {{{{{number}}}}}" for number in (2, 1, *range(10, 2, -1))) + " come"
    found = read({"twilio/text": {"body": body}}, variables={"1": "Ana", "12": "unused"})
    assert list(found.samples) == [str(number) for number in range(1, 11)]
    assert found.samples["1"] == "Ana" and found.samples["2"] == "" and not found.usable


@pytest.mark.parametrize(
    ("kind", "shape", "says"),
    [
        ("twilio/list-picker", {"body": "x", "button": "b", "items": []}, "as an answer to a guest"),
        ("twilio/location", {"latitude": 1, "longitude": 2}, "as an answer to a guest"),
        ("twilio/carousel", {"body": "x", "cards": []}, "several cards"),
        ("twilio/catalog", {"body": "x"}, "catalogue"),
        ("whatsapp/flows", {"body": "x"}, "form inside WhatsApp"),
        ("twilio/flows", {"body": "x"}, "form inside WhatsApp"),
        ("twilio/schedule", {"id": "x"}, "times to choose"),
        ("twilio/pay", {"body": "x"}, "payment"),
        ("whatsapp/authentication", {"actions": []}, "one-time codes"),
        ("twilio/poem", {"body": "x"}, "doesn’t know this kind"),
        ("twilio/media", {"media": [PICTURE]}, "no text"),
        ("twilio/media", {"body": BODY, "media": [PICTURE, PICTURE]}, "more than one picture"),
        ("twilio/media", {"body": BODY, "media": ["https://x.example/a.pdf"]}, "no picture"),
        ("twilio/media", {"body": BODY, "media": ["https://x.example/a.mp4?x=1"]}, "no picture"),
        ("twilio/media", {"body": BODY, "media": ["https://x.example/{{2}}"]}, "in its picture’s address"),
        ("twilio/call-to-action", {"body": BODY, "actions": [CALL]}, "neither replies nor opens"),
        ("twilio/call-to-action", {"body": BODY, "actions": [LINK, LINK]}, "more than one button"),
        (
            "whatsapp/card",
            {"body": BODY, "actions": [{**LINK, "url": "https://x.example/"}]},
            "guest’s own page",
        ),
        (
            "whatsapp/card",
            {"body": BODY, "actions": [{**LINK, "url": "https://x.example/{{2}}/r"}]},
            "guest’s own page",
        ),
        ("whatsapp/card", {"body": BODY, "footer": "For {{1}}"}, "in its footer"),
        ("whatsapp/card", {"body": BODY, "actions": [{**REPLY, "title": "{{1}}"}]}, "in a button’s title"),
        ("twilio/text", {"body": "Dear {{name}}, please come."}, "have names"),
        ("twilio/text", {"body": "Dear {{guest name}}, please come."}, "have names"),
        ("twilio/text", {"body": "Dear {{1}} and {{3}}, please come."}, "A number is missing"),
        ("twilio/text", {"body": "Dear {{0}}, please come."}, "A number is missing"),
    ],
)
def test_what_cant_be_sent_says_why(kind, shape, says):
    found = read({kind: shape})
    assert says in found.usable
    assert found.usable.endswith(".") and found.usable[0].isupper()


@pytest.mark.parametrize("types", [None, [], {}, {"twilio/text": None}, {"twilio/text": {"body": 5}}])
def test_what_makes_no_sense_is_unusable_and_no_more(types):
    found = read(types, friendly_name=None, language=None, variables=None)
    assert found.usable
    assert (found.name, found.body, found.buttons) == ("", "", ())
