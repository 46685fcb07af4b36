from __future__ import annotations

import re

import pytest

from cordially.providers.errors import ErrorClass
from cordially.providers.twilio import codes
from cordially.providers.twilio.codes import CODES, Code, fault_for

# Reference §9.1-9.3, typed in again on purpose: a changed class is a changed promise.
CLASSES = {
    "retry_soon": "20429 30500 63009 63010 63012",
    "retry_later": "20500 20503 20504 21611 30001 30008 30036 35125 63011 63017 63018 63023 63038 63049",
    # 30410 is "ambiguous" in the reference: it may have arrived, so nothing may repeat it by itself
    "guest": "21211 21610 21612 21614 30003 30004 30005 30006 30410 63003 63005 63014 63015 63024 63029"
    " 63031 63032 63033",
    "template": "21605 21617 21620 21623 21655 21656 21658 63006 63013 63016 63019 63021 63025 63027 63028"
    " 63030 63034 63040 63041 63042 63043 63044 63045 63047 92001 92002 92003 92004 92006 92007 92008 92009",
    "sender": "20001 20003 20004 20005 20006 20008 20403 20404 20422 21201 21212 21219 21408 21601 21602"
    " 21603 21604 21606 21608 21609 21619 21624 21654 21657 21659 21660 21661 21664 21666 21667 21701 21703"
    " 21704 21705 21910 30002 30007 30010 35111 35114 35115 35117 35118 35126 63001 63002 63007 63008 63020"
    " 63022 63026 63051 63059 63062 63101 63112 90010 92005",
}
EXPECTED = {int(code): ErrorClass(name) for name, row in CLASSES.items() for code in row.split()}

ROWS = [*CODES.values(), *(row for row in vars(codes).values() if isinstance(row, Code))]


def test_every_code_has_its_class():
    assert {code: row.error_class for code, row in CODES.items()} == EXPECTED


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.sentence)
def test_every_sentence_can_be_shown(row):
    assert row.sentence
    assert row.cure or row in (codes.UNKNOWN_CODE, codes.NO_CODE, codes.CANCELLED)
    for text in filter(None, (row.sentence, row.cure)):
        assert text.endswith(".")
        assert text[0].isupper()
        assert "!" not in text
        assert not re.search(r"\d{5}", text)
        assert not re.search(r"\b(his|her|he|she|SID|API|HTTP|payload)\b", text)


def test_a_fault_carries_the_code_and_reads_as_the_host_sees_it():
    fault = fault_for(20003, 401, "Authenticate")
    assert fault.detail == "Authenticate"
    assert fault.reason == (
        "Twilio refused the password of this sender. "
        "Put in the right one; then press Resume: everything that waits goes on. (20003)"
    )


def test_an_unknown_code_is_shown_with_its_number_and_never_retried():
    fault = fault_for(63999)
    assert fault.error_class is ErrorClass.GUEST
    assert fault.reason == "Twilio reported a problem that Cordially doesn’t know yet. (63999)"


@pytest.mark.parametrize(
    ("status", "code"), [(401, 20003), (403, 20403), (404, 20404), (405, 20004), (429, 20429)]
)
@pytest.mark.parametrize("as_the_sdk_fills_it_in", [True, False])
def test_a_bare_http_status_stands_for_a_code(status, code, as_the_sdk_fills_it_in):
    fault = fault_for(status if as_the_sdk_fills_it_in else None, status)
    assert (fault.code, fault.sentence) == (code, CODES[code].sentence)


def test_a_bare_status_that_is_not_twilios_stops_the_sender_rather_than_failing_every_guest():
    fault = fault_for(407, 407)
    assert (fault.error_class, fault.code) == (ErrorClass.SENDER, 407)


def test_no_code_at_all_is_a_failure_without_a_reason():
    fault = fault_for(None)
    assert (fault.error_class, fault.code) == (ErrorClass.GUEST, None)


def test_a_long_detail_is_cut():
    assert len(fault_for(21211, 400, "x" * 5000).detail) == 500
