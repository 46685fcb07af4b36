"""The languages that WhatsApp takes, and which text a guest reads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cordially.templating.languages import LANGUAGES, best, named, normal, same


@pytest.mark.parametrize(
    ("code", "own", "english", "direction"),
    [
        ("en", "English", "English", "ltr"),
        ("he", "עברית", "Hebrew", "rtl"),
        ("ar", "العربية", "Arabic", "rtl"),
        ("fr", "Français", "French", "ltr"),
        ("pt_BR", "Português (Brasil)", "Portuguese (Brazil)", "ltr"),
        ("hi", "हिन्दी", "Hindi", "ltr"),
        ("ur", "اردو", "Urdu", "rtl"),
        ("prs_AF", "دری", "Dari", "rtl"),
        ("en_QA", "English (Qatar)", "English (Qatar)", "ltr"),
        ("ka", "ქართული", "Georgian", "ltr"),
    ],
)
def test_a_language_has_its_own_name_and_a_direction(code: str, own: str, english: str, direction: str):
    language = LANGUAGES[code]
    assert (language.code, language.own_name, language.english_name, language.direction) == (
        code,
        own,
        english,
        direction,
    )


def test_every_language_that_whatsapp_takes_has_names():
    for code, language in LANGUAGES.items():
        assert language.own_name not in ("", code), code
        assert language.english_name not in ("", code), code
        assert normal(code) == code
    names = [language.english_name for language in LANGUAGES.values()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        # as written, in other spellings
        ("he", "he"),
        ("HE", "he"),
        (" he ", "he"),
        ("he-IL", "he"),
        ("he_il", "he"),
        ("iw", "he"),
        ("iw-IL", "he"),
        ("heb", "he"),
        ("pt-br", "pt_BR"),
        ("PT_BR", "pt_BR"),
        ("pt_PT", "pt_PT"),
        ("en_gb", "en_GB"),
        ("en-us", "en_US"),
        ("deu", "de"),
        # a country that WhatsApp has no texts for
        ("de_LI", "de"),
        ("es_GT", "es"),
        ("es_419", "es"),
        ("en_XX", "en"),
        ("pt_AO", "pt_PT"),
        ("fr_LU", "fr"),
        # a language that it takes only with a country
        ("pt", "pt_BR"),
        ("zh", "zh_CN"),
        ("be", "be_BY"),
        ("rw", "rw_RW"),
        ("ky", "ky_KG"),
        ("si", "si_LK"),
        ("ps_PK", "ps_AF"),
        ("prs", "prs_AF"),
        ("fa_AF", "prs_AF"),
        ("fa_IR", "fa"),
        # scripts
        ("zh_Hant", "zh_TW"),
        ("zh-Hant-HK", "zh_HK"),
        ("zh_MO", "zh_HK"),
        ("zh_SG", "zh_CN"),
        ("zh-Hans-CN", "zh_CN"),
        # what else people write
        ("no", "nb"),
        ("nn_NO", "nb"),
        ("tl", "fil"),
        # names
        ("Hebrew", "he"),
        ("hebrew", "he"),
        ("עברית", "he"),
        ("אנגלית", "en"),
        ("Français", "fr"),
        ("francais", "fr"),
        ("ESPAÑOL", "es"),
        ("espanol", "es"),
        ("Spanisch", "es"),
        ("हिन्दी", "hi"),
        ("العربية", "ar"),
        ("русский", "ru"),
        ("中文", "zh_CN"),
        ("日本語", "ja"),
        ("Brazilian  Portuguese", "pt_BR"),
        ("Portuguese (Brazil)", "pt_BR"),
        ("Farsi", "fa"),
        ("Dari", "prs_AF"),
        ("Bengali", "bn"),
        ("English (UK)", "en"),
        # nothing that it takes
        ("", ""),
        ("  ", ""),
        ("tlh", ""),
        ("Klingon", ""),
        ("xx", ""),
        ("la", ""),
        ("12", ""),
        ("he" * 200, ""),
        ("../../etc/passwd", ""),
        ("he;DROP TABLE", ""),
        ("—", ""),
    ],
)
def test_however_it_is_written_the_code_is_whatsapps(given: str, code: str):
    assert normal(given) == code


def test_a_language_that_whatsapp_does_not_take_has_a_name_all_the_same():
    assert named("iw").english_name == "Hebrew"
    unknown = named("xx-YY")
    assert (unknown.own_name, unknown.english_name, unknown.direction) == ("Xx-YY", "xx-YY", "ltr")


HAVE = ("en", "he", "es_AR", "es_ES", "pt_BR", "zh_CN", "zh_HK", "fr_CA")


@pytest.mark.parametrize(
    ("wanted", "read"),
    [
        ("he", "he"),
        ("he-IL", "he"),
        ("iw", "he"),
        ("HE", "he"),
        ("Hebrew", "he"),
        ("עברית", "he"),
        ("en_GB", "en"),
        ("en_US", "en"),
        # the same language of another country: the nearest
        ("pt_PT", "pt_BR"),
        ("pt", "pt_BR"),
        ("fr", "fr_CA"),
        ("fr_FR", "fr_CA"),
        ("es_AR", "es_AR"),
        ("es_ES", "es_ES"),
        ("es", "es_ES"),
        ("es_MX", "es_AR"),
        ("es_GT", "es_AR"),
        # the same script before the same country
        ("zh_TW", "zh_HK"),
        ("zh", "zh_CN"),
        ("zh_SG", "zh_CN"),
        # nothing near
        ("de", "en"),
        ("ar", "en"),
        ("", "en"),
        ("tlh", "en"),
        ("gibberish", "en"),
    ],
)
def test_a_guest_reads_the_nearest_text(wanted: str, read: str):
    assert best(wanted, HAVE, "en") == read
    assert best(wanted, HAVE[::-1], "en") == read


def test_without_a_country_comes_before_another_country():
    assert best("de_LI", ["de_CH", "de", "de_AT"], "") == "de"
    assert best("de_LI", ["de_CH", "de_AT"], "") in ("de_CH", "de_AT")


def test_the_fallback_counts_only_if_there_is_such_a_text():
    assert best("de", ["fr"], "en") == ""
    assert best("de", ["fr"], "fr") == "fr"
    assert best("de", [], "") == ""
    assert best("de", [""], "") == ""


@pytest.mark.parametrize(
    ("one", "other", "are_same"),
    [
        ("he", "iw-IL", True),
        ("en_GB", "en", True),
        ("Hebrew", "he", True),
        ("pt_PT", "pt_BR", True),
        ("no", "nb", True),
        ("zh_TW", "zh_HK", True),
        ("zh_TW", "zh_CN", False),
        ("he", "ar", False),
        ("tlh", "tlh", True),
        ("tlh", "en", False),
        ("", "en", False),
    ],
)
def test_countries_differ_and_the_language_stays_the_same(one: str, other: str, are_same: bool):
    assert same(one, other) is are_same
    assert same(other, one) is are_same


CODES = st.sampled_from([*LANGUAGES, "iw", "pt", "zh", "zh_Hant", "Hebrew", "xx", ""]) | st.text(max_size=80)


@given(CODES, st.lists(CODES.filter(bool), max_size=5), CODES)
def test_whatever_a_list_holds_there_is_an_answer(wanted: str, have: list[str], fallback: str):
    read = best(wanted, have, fallback)
    assert read == "" or read in have
    code = normal(wanted)
    assert code == "" or code in LANGUAGES
    assert normal(code) == code
    if fallback and fallback in have:
        assert read
    if wanted in have:
        assert read == wanted
    assert named(wanted).direction in ("ltr", "rtl")
    assert isinstance(named(wanted).own_name, str) and isinstance(named(wanted).english_name, str)
