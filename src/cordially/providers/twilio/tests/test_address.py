from __future__ import annotations

import pytest

from cordially.providers.errors import Misconfigured
from cordially.providers.twilio.address import checked_base, checked_callback, is_loopback, rewritten


@pytest.mark.parametrize(
    ("url", "base", "expected"),
    [
        ("https://api.twilio.com/2010-04-01/A.json", "", "https://api.twilio.com/2010-04-01/A.json"),
        (
            "https://api.twilio.com/2010-04-01/A.json?x=1",
            "http://[::1]:81",
            "http://[::1]:81/2010-04-01/A.json?x=1",
        ),
        ("https://content.dublin.ie1.twilio.com/v1/Content", "http://sim/t", "http://sim/t/v1/Content"),
    ],
)
def test_it_moves_a_url_to_the_base(url, base, expected):
    assert rewritten(url, base) == expected


@pytest.mark.parametrize(
    "url", ["localhost:8081", "ftp://x", "http://", "http://x:y", "http://x?", "http://x#", "http://a..b"]
)
def test_it_refuses_what_is_no_address(url):
    with pytest.raises(Misconfigured, match="TWILIO_API_URL"):
        checked_base(url)
    with pytest.raises(Misconfigured, match="CORDIALLY_PUBLIC_URL"):
        checked_callback(url)


def test_it_takes_a_base_with_or_without_a_slash():
    assert checked_base("") == ""
    assert (
        checked_base("http://127.0.0.1:8081/")
        == checked_base("http://127.0.0.1:8081")
        == "http://127.0.0.1:8081"
    )


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://127.0.0.2:1", True),
        ("http://[::1]", True),
        ("http://sim.localhost", True),
        ("http://10.0.0.1", False),
    ],
)
def test_it_knows_what_stays_on_this_machine(url, loopback):
    assert is_loopback(url) is loopback
