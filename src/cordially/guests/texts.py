"""Cells of a list made fit to keep: names, remarks, small numbers, languages."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

#: Persian, Hindi and emoji are misspelt without these two (ZWNJ, ZWJ)
_JOINERS = "\u200c\u200d"
_NEVER_SHOWN = {"Cc", "Cf", "Cs"}


def clean(text: str, limit: int) -> str:
    """`text` on one line, single-spaced, without control characters and marks that turn text around.

    Otherwise it is text and stays as it is: `=SUM(A1)` and `<script>` too.
    """
    if not (text.isascii() and text.isprintable()):
        text = "".join(map(_clean_char, text))
    return " ".join(text.split())[:limit].strip(_JOINERS + " ")


def clean_lines(text: str, limit: int) -> str:
    """As `clean`, but lines stay lines."""
    lines = (clean(line, limit) for line in text.splitlines())
    return "\n".join(line for line in lines if line)[:limit]


@lru_cache(maxsize=8192)
def _clean_char(char: str) -> str:
    if char.isspace():
        return " "
    return "" if unicodedata.category(char) in _NEVER_SHOWN and char not in _JOINERS else char


def name_key(name: str) -> str:
    """A name as compared: the same for the same name in other case, width, spacing or invisible marks."""
    key = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    if not key.isascii():
        key = "".join(_key_char(char) for char in key)
    return " ".join(key.split())[:200]


@lru_cache(maxsize=8192)
def _key_char(char: str) -> str:
    return "" if unicodedata.category(char) in _NEVER_SHOWN and not char.isspace() else char


_PARTY = re.compile(r"(\d{1,2})(?:[.,]0+)?\s*[^\W\d_]*\.?")


def read_party_size(text: str) -> int | None:
    """1 to 50, from `3`, `٣`, `3.0` or `3 guests`; None for anything that is not plainly one of those."""
    match = _PARTY.fullmatch(clean(text, 40))
    size = int(match[1]) if match else 0
    return size if 1 <= size <= 50 else None


_YES = {
    *("yes", "y", "true", "1", "x", "v", "✓", "✔", "☑", "כן", "da", "да", "sí"),
    *(
        "si",
        "oui",
        "ja",
        "evet",
        "sim",
        "نعم",
        "हाँ",
        "हां",
        "tak",
        "так",
        "opted out",
        "unsubscribed",
        "stop",
        "הוסר",
    ),
}


def means_yes(text: str) -> bool:
    return clean(text, 40).casefold().removesuffix(".") in _YES


_LANGUAGES = {
    "en": "english anglais inglés inglês englisch inglese engels אנגלית الإنجليزية انجليزي английский अंग्रेज़ी ingilizce",
    "he": "hebrew iw עברית العبرية hébreu hebreo hebraico hebräisch ebraico иврит हिब्रू ibranice hebreeuws",
    "ar": "arabic ערבית العربية عربي عربية arabe árabe arabisch arabo арабский अरबी arapça",
    "es": "spanish español castellano espagnol espanhol spanisch spagnolo ספרדית испанский ispanyolca spaans",
    "pt": "portuguese português portugués portugais portugiesisch portoghese פורטוגזית portekizce portugees",
    "fr": "french français francés francês französisch francese צרפתית الفرنسية французский fransızca frans",
    "de": "german deutsch alemán alemão allemand tedesco גרמנית немецкий almanca duits",
    "ru": "russian русский ruso russo russe russisch רוסית الروسية rusça",
    "hi": "hindi हिन्दी हिंदी хинди",
    "it": "italian italiano italien italienisch איטלקית итальянский italyanca italiaans",
    "tr": "turkish türkçe turco turc türkisch турецкий turks",
    "nl": "dutch nederlands holandés néerlandais niederländisch olandese",
    "am": "amharic אמהרית አማርኛ",
    "uk": "ukrainian українська אוקראינית украинский",
    "pl": "polish polski",
    "ja": "japanese 日本語",
    "zh": "chinese 中文",
}
_CODES = {name: code for code, names in _LANGUAGES.items() for name in (code, *names.split())}
_CODE = re.compile(r"([a-z]{2})(?:[-_]([a-z]{2}|[a-z]{4}))?", re.I)


@lru_cache(maxsize=1024)
def read_language(text: str) -> str:
    """The code of a language given by its name or code; "" when it is neither."""
    text = clean(text, 40)
    if known := _CODES.get(text.casefold()):
        return known
    if code := _CODE.fullmatch(text):
        return code[1].lower() + (
            f"-{code[2].upper() if len(code[2]) == 2 else code[2].title()}" if code[2] else ""
        )
    return ""
