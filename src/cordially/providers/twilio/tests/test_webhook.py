from __future__ import annotations

import contextlib
import random
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from cordially.providers.errors import ErrorClass
from cordially.providers.events import Delivery
from cordially.providers.twilio import statuses
from cordially.providers.twilio.webhook import (
    MOST_PARAMS,
    Malformed,
    explain_mismatch,
    read_form,
    read_status,
    verify,
)

from .server import SID

TOKEN = "12345"
BASE = "https://mycompany.com"
TARGET = "/myapp.php?foo=1&bar=2"
CALL = [
    ("CallSid", "CA1234567890ABCDE"),
    ("Digits", "1234"),
    ("From", "+14158675309"),
    ("To", "+18005551212"),
    ("Caller", "+14158675309"),
]
HASH = "bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"
WHATSAPP = [
    ("SmsSid", "SM00000000000000000000000000000001"),
    ("MessageSid", "SM00000000000000000000000000000001"),
    ("SmsStatus", "delivered"),
    ("MessageStatus", "delivered"),
    ("To", "whatsapp:+15005550006"),
    ("From", "whatsapp:+14155238886"),
    ("AccountSid", "AC" + "0" * 32),
    ("ApiVersion", "2010-04-01"),
    ("ChannelPrefix", "whatsapp"),
    ("ChannelToAddress", "+1500555XXXX"),
    ("ChannelInstallSid", "XE" + "0" * 32),
    ("EventType", "DELIVERED"),
]

# Reference §6.2, in its order: base, target, params, signature. Two were misprinted there and are corrected
# by the SDK itself: the docs' example has Caller and From alike, and "blank" begins with PKkL.
VECTORS = {
    "1": (BASE, TARGET, CALL, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
    "2 port 443": (BASE + ":443", TARGET, CALL, "kvajT1Ptam85bY51eRf/AJRuM3w="),
    "3 port 80": ("http://mycompany.com:80", TARGET, CALL, "0ZXoZLH/DfblKGATFgpif+LLRf4="),
    "4 port 1234": ("http://mycompany.com:1234", TARGET, CALL, "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="),
    "5 user": ("https://user:pass@mycompany.com", TARGET, CALL, "CukzLTc1tT5dXEDIHm/tKBanW10="),
    "6 duplicates": (
        BASE,
        TARGET,
        [
            ("Sid", "CA123"),
            ("SidAccount", "AC123"),
            ("Digits", "5678"),
            ("Digits", "1234"),
            ("Digits", "1234"),
        ],
        "IK+Dwps556ElfBT0I3Rgjkr1wJU=",
    ),
    "7 JSON": (BASE, f"{TARGET}&{HASH}", [], "a9nBmqA0ju/hNViExpshrM61xv4="),
    "8 JSON, hash alone": (BASE, f"/myapp.php?{HASH}", [], "y77kIzt2vzLz71DgmJGsen2scGs="),
    "9 array": (
        BASE,
        TARGET,
        [("MessagingBinding.Address", "+1325xxxxxxx"), ("MessagingBinding.Address", "+1415xxxxxxx")],
        "83O6e2vORAoJHUNzJjDWN1jz+BA=",
    ),
    "10 quote": (BASE, f"{TARGET}&Body=It%27s+amazing", CALL, "TfZzewPq8wqrGlMfyAud8+/IvJ0="),
    "11 order of names": (
        BASE,
        TARGET,
        [*CALL, ("ReasonConferenceEnded", "test"), ("Reason", "Participant")],
        "vOEb5UThFn24KEfnOFLQY2AE5FY=",
    ),
    "12 docs": (
        "https://example.com",
        TARGET,
        [
            ("CallSid", "CA1234567890ABCDE"),
            ("Digits", "1234"),
            ("Caller", "+14158675310"),
            ("From", "+14158675310"),
            ("To", "+18005551212"),
        ],
        "L/OH5YylLD5NRKLltdqwSvS0BnU=",
    ),
    "blank": (BASE, TARGET, [("Body", ""), ("From", "+1")], "PKkL783JzJidCLAVMHZLGGtjU1g="),
    "no blank": (BASE, TARGET, [("From", "+1")], "LETQeaPIBcyDFeM/en/73UMs0cI="),
    "whatsapp": ("https://app.example.com", "/twilio/status?g=42", WHATSAPP, "/HfljulF+OWs18vValsKWH7W+nA="),
}


class Form:
    """The kind of multi-valued mapping that the SDK's validator accepts."""

    def __init__(self, pairs):
        self.pairs = pairs

    def __iter__(self):
        return iter([name for name, _ in self.pairs])

    def __bool__(self):
        return bool(self.pairs)

    def getall(self, wanted):
        return [value for name, value in self.pairs if name == wanted]


class TestVerifying:
    @pytest.mark.parametrize("vector", VECTORS.values(), ids=VECTORS.keys())
    def test_twilios_vectors_hold(self, vector):
        base, target, params, signature = vector
        assert verify(base, [TOKEN], target, params, signature)
        assert RequestValidator(TOKEN).validate(base + target, Form(params), signature)
        shuffled = random.Random(1).sample(params, len(params))
        assert verify(base, [TOKEN], target, shuffled, signature)

    @pytest.mark.parametrize("vector", VECTORS.values(), ids=VECTORS.keys())
    def test_any_change_breaks_them(self, vector):
        base, target, params, signature = vector
        assert not verify(base, ["12346"], target, params, signature)
        assert not verify(base, [TOKEN], target + "&x=", params, signature)
        assert not verify(base, [TOKEN], target, [*params, ("Body", "")], signature) or ("Body", "") in params
        assert not verify(base, [TOKEN], target, params, signature.lower())
        assert not verify(base, [TOKEN], target, params, signature[:-1])
        assert not verify(
            base.replace("https:", "ftp:").replace("http:", "ftp:"), [TOKEN], target, params, signature
        )

    def test_the_quote_as_it_stands_does_not_pass(self):
        signature = VECTORS["10 quote"][3]
        assert not verify(BASE, [TOKEN], f"{TARGET}&Body=It's+amazing", CALL, signature)

    def test_the_wrong_order_of_names_does_not_pass(self):
        base, target, params, _ = VECTORS["11 order of names"]
        assert not verify(base, [TOKEN], target, params, "95+Bu0JVPi0r/SsESZCVf0dWAjw=")

    @pytest.mark.parametrize("signed_for", ["https://a.example:443", "https://a.example"])
    @pytest.mark.parametrize(
        "configured", ["https://a.example:443", "https://a.example", "https://a.example/"]
    )
    def test_the_default_port_may_be_on_one_side_only(self, signed_for, configured):
        signature = RequestValidator(TOKEN).compute_signature(signed_for + TARGET, dict(CALL))
        assert verify(configured, [TOKEN], TARGET, CALL, signature)

    def test_two_tokens_count_while_one_is_rotated(self):
        base, target, params, signature = VECTORS["whatsapp"]
        assert verify(base, ["old", TOKEN], target, params, signature)
        assert verify(base, [TOKEN, "new"], target, params, signature)
        assert not verify(base, [], target, params, signature)

    def test_an_empty_token_signs_nothing(self):
        signature = RequestValidator("").compute_signature(BASE + TARGET, dict(CALL))
        assert not verify(BASE, [""], TARGET, CALL, signature)

    @pytest.mark.parametrize("signature", [None, "", "é", "\ud800", "=" * 10_000])
    def test_a_signature_that_is_none(self, signature):
        assert not verify(BASE, [TOKEN], TARGET, CALL, signature)

    @pytest.mark.parametrize("target", ["", "x", "http://evil/", "@evil/x"])
    def test_a_target_that_is_none(self, target):
        signature = RequestValidator(TOKEN).compute_signature(BASE + target, dict(CALL))
        assert not verify(BASE, [TOKEN], target, CALL, signature)

    def test_what_cannot_be_encoded_passes_for_wrong(self):
        assert not verify(BASE, [TOKEN], TARGET, [("Body", "\ud800")], "RSOYDt4T1cUTdK1PDd93/VVr8B8=")

    BASES = st.sampled_from(
        [
            "https://a.example",
            "http://a.example",
            "https://a.example:443",
            "https://a.example:8443",
            "http://a.example:80",
            "http://127.0.0.1:8000",
            "https://a.example/cordially",
            "https://user:pass@a.example",
            "http://[::1]:8000",
            "HTTPS://A.example",
        ]
    )
    PIECES = st.text(st.sampled_from("abzAZ09-_.~%/?=&+,;:@!$'()*#[]|\\ \"<>é🥂\t"), max_size=20)
    PARAMS = st.lists(
        st.tuples(
            st.sampled_from(["", "A", "AA", "a", "B", "Body", "é"]) | st.text(max_size=4),
            st.sampled_from(["", "1", "A"]) | st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
        ),
        max_size=8,
    )

    @settings(max_examples=300, deadline=None)
    @given(
        base=BASES,
        piece=PIECES,
        params=PARAMS,
        signed_with=st.sampled_from(["as is", "with port", "without port", "wrong"]),
    )
    def test_it_says_what_the_sdk_says(self, base, piece, params, signed_with):
        validator = RequestValidator(TOKEN)
        url = f"{base}/{piece}"
        scheme, _, rest = url.partition("://")
        host, slash, path = rest.partition("/")
        signed = {
            "as is": url,
            "with port": f"{scheme}://{host}:{443 if scheme.lower() == 'https' else 80}{slash}{path}",
            "without port": f"{scheme}://{host.rpartition(':')[0] or host}{slash}{path}",
            "wrong": url + "x",
        }[signed_with]
        try:
            signature = validator.compute_signature(signed, Form(params))
            expected = validator.validate(url, Form(params), signature)
        except ValueError:  # lone surrogates, or a URL that urlparse refuses
            signature, expected = "x", False
        assert verify(base, [TOKEN], f"/{piece}", params, signature) is expected


class TestReadingTheForm:
    def test_blanks_and_repetitions_stay(self):
        pairs = [("Body", ""), ("A", "1"), ("A", "1"), ("To", "whatsapp:+1"), ("Name", "נועם 🥂")]
        body = urlencode(pairs).encode()
        assert read_form(body, "application/x-www-form-urlencoded; charset=UTF-8") == pairs
        assert read_form(b"", "APPLICATION/X-WWW-FORM-URLENCODED") == []

    @pytest.mark.parametrize("content_type", ["", "application/json", "text/plain", "multipart/form-data"])
    def test_nothing_but_a_form(self, content_type):
        with pytest.raises(Malformed, match="not a form"):
            read_form(b"a=1", content_type)

    @pytest.mark.parametrize("body", [b"a=%ff", b"a=\xff", b"%c3%28=1"])
    def test_undecodable(self, body):
        with pytest.raises(Malformed, match="undecodable"):
            read_form(body, "application/x-www-form-urlencoded")

    def test_too_many(self):
        form = "application/x-www-form-urlencoded"
        assert len(read_form(b"&".join([b"a=1"] * MOST_PARAMS), form)) == MOST_PARAMS
        with pytest.raises(Malformed, match="too many"):
            read_form(b"&".join([b"a=1"] * (MOST_PARAMS + 1)), form)

    @given(st.binary(max_size=200))
    def test_anything_is_read_or_refused(self, body):
        try:
            read_form(body, "application/x-www-form-urlencoded")
        except Malformed as refusal:
            assert str(refusal) in ("undecodable", "too many parameters")


def posted(status, **more):
    return [("MessageSid", SID), ("MessageStatus", status), *more.items()]


class TestReadingTheStatus:
    @pytest.mark.parametrize(
        ("word", "delivery"),
        [
            ("queued", Delivery.ACCEPTED),
            ("sending", Delivery.ACCEPTED),
            ("accepted", Delivery.ACCEPTED),
            ("scheduled", Delivery.ACCEPTED),
            ("sent", Delivery.SENT),
            ("delivered", Delivery.DELIVERED),
            ("read", Delivery.READ),
            ("failed", Delivery.FAILED),
            ("undelivered", Delivery.FAILED),
            ("canceled", Delivery.FAILED),
            ("READ", Delivery.READ),
            ("receiving", Delivery.UNKNOWN),
            ("received", Delivery.UNKNOWN),
            ("partially_delivered", Delivery.UNKNOWN),
            ("levitated", Delivery.UNKNOWN),
        ],
    )
    def test_twilios_word_becomes_ours(self, word, delivery):
        update = read_status(posted(word), "k=abc")
        assert (update.message_id, update.delivery, update.raw, update.key) == (SID, delivery, word, "abc")
        assert (update.fault is not None) is (delivery is Delivery.FAILED)

    def test_every_word_of_the_table_was_tried(self):
        assert len(statuses.DELIVERIES) == 10

    def test_a_failure_says_why(self):
        fault = read_status(posted("undelivered", ErrorCode="63024", ErrorMessage="no"), "").fault
        assert (fault.code, fault.error_class, fault.detail) == (63024, ErrorClass.GUEST, "no")

    def test_the_channels_own_words_stand_in_for_twilios(self):
        fault = read_status(posted("failed", ErrorCode="63018", ChannelStatusMessage="pair rate"), "").fault
        assert (fault.error_class, fault.detail) == (ErrorClass.RETRY_LATER, "pair rate")

    @pytest.mark.parametrize("code", ["", "0"])
    def test_a_failure_without_code(self, code):
        fault = read_status(posted("failed", ErrorCode=code), "").fault
        assert (fault.code, fault.sentence) == (None, "Twilio reported a failure and gave no reason.")

    def test_a_message_cancelled_at_twilio(self):
        fault = read_status(posted("canceled"), "").fault
        assert fault.error_class is ErrorClass.GUEST
        assert fault.sentence.startswith("The message was cancelled")

    def test_an_error_on_the_way_is_no_failure(self):
        assert read_status(posted("sent", ErrorCode="63018"), "").fault is None

    @pytest.mark.parametrize(
        ("query", "key"),
        [
            ("", ""),
            ("k=", ""),
            ("x=1&k=a-B_9&k=other", "a-B_9"),
            ("k=a%26b", "a&b"),
            ("k=" + "x" * 101, ""),
            ("%ff", ""),
        ],
    )
    def test_the_key_comes_back_in_the_query(self, query, key):
        assert read_status(posted("sent"), query).key == key

    @pytest.mark.parametrize("sid", ["MM" + "aB" * 16, "SM" + "0" * 32])
    def test_both_kinds_of_sid(self, sid):
        assert read_status([("MessageStatus", "read"), ("MessageSid", sid)], "").message_id == sid

    @pytest.mark.parametrize(
        ("params", "reason"),
        [
            ([], "no MessageSid"),
            ([("MessageStatus", "sent")], "no MessageSid"),
            ([("MessageSid", ""), ("MessageStatus", "sent")], "no MessageSid"),
            ([("MessageSid", SID)], "no MessageStatus"),
            ([("MessageSid", SID), ("MessageStatus", "")], "no MessageStatus"),
            ([("MessageSid", SID), ("MessageStatus", "x" * 41)], "MessageStatus too long"),
            ([("MessageSid", SID), ("MessageStatus", "re\0ad")], "MessageStatus of an unknown shape"),
            ([("MessageSid", SID + "0"), ("MessageStatus", "sent")], "unknown shape"),
            ([("MessageSid", SID + "\n"), ("MessageStatus", "sent")], "unknown shape"),
            ([("MessageSid", "CA" + "0" * 32), ("MessageStatus", "sent")], "unknown shape"),
            (posted("failed", ErrorCode="many"), "not a number"),
            (posted("failed", ErrorCode="-1"), "not a number"),
            (posted("failed", ErrorCode="٣"), "not a number"),
            (posted("failed", ErrorCode="9" * 10), "not a number"),
            (posted("sent") * 101, "too many"),
        ],
    )
    def test_what_no_report_looks_like(self, params, reason):
        with pytest.raises(Malformed, match=reason):
            read_status(params, "")

    @given(
        st.lists(st.tuples(st.sampled_from(["MessageSid", "MessageStatus", "ErrorCode", "x"]), st.text())),
        st.text(),
    )
    def test_anything_is_read_or_refused(self, params, query):
        with contextlib.suppress(Malformed):
            read_status(params, query)


class TestExplaining:
    HEADERS = {"X-Twilio-Signature": "RSOYDt4T1cUTdK1PDd93/VVr8B8=", "Host": "a.example"}

    def test_another_host(self):
        text = explain_mismatch(
            "https://user:pass@a.example",
            "/webhooks/twilio/status?k=secret-key",
            {**self.HEADERS, "Host": "10.0.0.15:8000", "X-Forwarded-Proto": "http"},
        )
        assert text == (
            "Signed for another address? The request for /webhooks/twilio/status came as host 10.0.0.15:8000 "
            "with proto http, while CORDIALLY_PUBLIC_URL is https://a.example."
        )

    def test_another_scheme(self):
        headers = {"x-twilio-signature": "x", "host": "inner", "x-forwarded-host": "a.example, inner"}
        assert "proto http," in explain_mismatch(
            "https://a.example", "/x", {**headers, "x-forwarded-proto": "http"}
        )
        assert "token differs" in explain_mismatch(
            "https://a.example", "/x", {**headers, "x-forwarded-proto": "https"}
        )

    def test_the_port_alone_is_no_difference(self):
        assert "token differs" in explain_mismatch(
            "https://a.example", "/x", {**self.HEADERS, "Host": "A.example:443"}
        )

    def test_no_signature(self):
        assert explain_mismatch("https://a.example", "/x", {}).startswith("No X-Twilio-Signature came")

    @pytest.mark.parametrize("host", ["[", "a\r\nSet-Cookie: b", "x" * 500, ""])
    def test_odd_hosts_make_one_short_line(self, host):
        text = explain_mismatch("https://a.example", "/x", {**self.HEADERS, "Host": host})
        assert text.isprintable()
        assert len(text) < 400

    def test_it_gives_nothing_away(self):
        text = explain_mismatch("https://u:p4ss@a.example", "/w/+15005550006?k=abc&To=1", self.HEADERS)
        for secret in ("p4ss", "5005550006", "abc", "RSOY"):
            assert secret not in text
