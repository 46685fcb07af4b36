"""The texts that are there from the beginning keep every rule."""

from __future__ import annotations

import re

import pytest

from cordially.templating import rules, shipped
from cordially.templating.languages import LANGUAGES
from cordially.templating.markup import marks, pieces
from cordially.templating.variables import NAMES, SAMPLES, VARIABLE, fill, parts, slots

LATIN = "A-Za-z\u00c0-\u00ffœ"
#: the letters that a text of this language is mostly written in
SCRIPTS = {"he": "\u05d0-\u05ea", "ar": "\u0621-\u064a", "hi": "\u0900-\u097f"}


def test_the_languages_are_those_that_were_promised():
    assert list(shipped.TEXTS) == ["en", "he", "ar", "es", "pt_BR", "fr", "de", "hi"]
    assert shipped.FALLBACK in shipped.TEXTS
    assert shipped.TEXTS.keys() <= LANGUAGES.keys()
    assert rules.check_name(shipped.NAME) == []
    assert shipped.CATEGORY in rules.CATEGORIES


@pytest.mark.parametrize("language", shipped.TEXTS)
def test_nothing_is_to_be_said_about_a_shipped_text(language: str):
    components = shipped.TEXTS[language]
    assert rules.check(components, known=NAMES, category=shipped.CATEGORY, language=language) == []
    assert rules.check_message(components, SAMPLES) == []


@pytest.mark.parametrize("language", shipped.TEXTS)
def test_all_say_the_same(language: str):
    components = shipped.TEXTS[language]
    names = {slot.name for slot in slots(components.body)}
    assert names == {"guest_name", "event_name", "event_date", "event_time", "event_location", "rsvp_link"}
    assert not (components.header or components.image or components.footer or components.buttons)
    # the name of the event is bold, the link is one
    shown = pieces(parts(components.body, SAMPLES))
    assert [piece.text for piece in shown if piece.bold] == [SAMPLES["event_name"]]
    assert [piece.href for piece in shown if piece.href] == [SAMPLES["rsvp_link"]]
    assert len(marks(fill(components.body, SAMPLES))) == 2


@pytest.mark.parametrize("language", shipped.TEXTS)
def test_each_is_written_in_its_own_script(language: str):
    letters = [char for char in VARIABLE.sub("", shipped.TEXTS[language].body) if char.isalpha()]
    own = re.compile(f"[{SCRIPTS.get(language, LATIN)}]")
    assert all(own.match(letter) for letter in letters)


@pytest.mark.parametrize("language", shipped.TEXTS)
def test_no_gender_is_guessed_with_a_slash(language: str):
    body = VARIABLE.sub("", shipped.TEXTS[language].body)
    assert not re.search(r"\w[/·(*]\w|@", body)
