from __future__ import annotations

import pytest

from cordially.lib.sealing import Unreadable, is_by_first, seal, unseal

SECRET = "0123456789abcdef0123456789abcdef"


def test_what_was_sealed_comes_back() -> None:
    sealed = seal(SECRET, ["key"])
    assert SECRET not in sealed
    assert unseal(sealed, ["key"]) == SECRET
    assert seal(SECRET, ["key"]) != sealed, "two of the same can’t be told to be the same"


@pytest.mark.parametrize("broken", ["", "no box", "ü", lambda sealed: sealed[:-5] + "AAAA="])
def test_what_nobody_sealed_is_not_read(broken: object) -> None:
    sealed = broken(seal(SECRET, ["key"])) if callable(broken) else broken
    with pytest.raises(Unreadable):
        unseal(sealed, ["key"])


def test_another_key_opens_nothing() -> None:
    with pytest.raises(Unreadable):
        unseal(seal(SECRET, ["key"]), ["another"])


def test_a_changed_key_still_opens_what_the_former_sealed() -> None:
    old = seal(SECRET, ["old"])
    assert unseal(old, ["new", "old"]) == SECRET
    assert not is_by_first(old, ["new", "old"])
    anew = seal(SECRET, ["new", "old"])
    assert is_by_first(anew, ["new", "old"])
    assert unseal(anew, ["new"]) == SECRET
