"""The languages in which WhatsApp takes a template, and which text a guest reads."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final, Literal, NamedTuple

from babel import Locale, UnknownLocaleError
from babel.core import get_global, parse_locale

# https://developers.facebook.com/documentation/business-messaging/whatsapp/templates/supported-languages (May 2026)
_CODES: Final = """
af sq ar ar_EG ar_AE ar_LB ar_MA ar_QA az be_BY bn bn_IN bg ca zh_CN zh_HK zh_TW hr cs da prs_AF nl nl_BE
en en_GB en_US en_AE en_AU en_CA en_GH en_IE en_IN en_JM en_MY en_NZ en_QA en_SG en_UG en_ZA et fil fi
fr fr_BE fr_CA fr_CH fr_CI fr_MA ka de de_AT de_CH el gu ha he hi hu id ga it ja kn kk rw_RW ko ky_KG lo lv lt
mk ms ml mr nb ps_AF fa pl pt_BR pt_PT pa ro ru sr si_LK sk sl es es_AR es_CL es_CO es_CR es_DO es_EC es_HN
es_MX es_PA es_PE es_ES es_UY sw sv ta te th tr uk ur uz vi zu
""".split()

#: Babel's word for one of WhatsApp's codes, and the reverse
_AT_BABEL: Final = {"prs_AF": "fa_AF"}
_AT_WHATSAPP: Final = {theirs: code for code, theirs in _AT_BABEL.items()}

#: what people write and no list of Babel's has
_ALSO: Final = {
    "no": "nb",
    "nn": "nb",
    "farsi": "fa",
    "bengali": "bn",
    "mandarin": "zh_CN",
    "castellano": "es",
    "tagalog": "fil",
}
#: a guest list names languages in the host's own; these are looked through before all the others
_LISTS_ARE_WRITTEN_IN: Final = ("en", "he", "ar", "es", "pt", "fr", "de", "hi")
_LONGEST_NAME: Final = 60


@dataclass(frozen=True, slots=True)
class Language:
    code: str

    @property
    def own_name(self) -> str:
        """As its speakers write it: `Français`, `עברית`."""
        name = _name(self.code, locale(self.code))
        return name[:1].title() + name[1:]

    def name_in(self, reader: str) -> str:
        """As the reader calls it: `Französisch` for whom `de` is spoken to."""
        return _name(self.code, Locale.parse(reader.partition("-")[0]))

    @property
    def english_name(self) -> str:
        return _name(self.code, Locale("en"))

    @property
    def direction(self) -> Literal["ltr", "rtl"]:
        return "rtl" if locale(self.code).text_direction == "rtl" else "ltr"


#: code -> language, as WhatsApp writes the code: `he`, `pt_BR`
LANGUAGES: Final[dict[str, Language]] = {code: Language(code) for code in _CODES}


class _Tags(NamedTuple):
    """A language as Babel writes it; what isn't said is empty."""

    base: str
    country: str = ""
    script: str = ""

    @property
    def full(self) -> _Tags:
        """With the script and the country that most of its readers have."""
        likely = get_global("likely_subtags")
        for known in (self, self._replace(script=""), self._replace(country=""), _Tags(self.base)):
            if found := likely.get(known.key):
                full = _Tags.of(found)
                return _Tags(self.base, self.country or full.country, self.script or full.script)
        return self

    @property
    def parent(self) -> str:
        """What stands for it where it has no text of its own: `es_419` for `es_GT`."""
        parents = get_global("parent_exceptions")
        return parents.get(self.key) or parents.get(self.full.key) or self.base

    @property
    def key(self) -> str:
        return "_".join(filter(None, (self.base, self.script, self.country)))

    @classmethod
    def of(cls, code: str) -> _Tags:
        """Raises ValueError for what is no code."""
        base, country, script = (part or "" for part in parse_locale(code.replace("-", "_"))[:3])
        alias = get_global("language_aliases").get(base, base)
        base, _, its_country = alias.partition("_")
        return cls(_ALSO.get(base, base), country or its_country, script)


def normal(code: str) -> str:
    """The code as WhatsApp takes it: `pt_BR` for `pt-br`, `he` for `iw-IL` or `Hebrew`; "" where it takes none."""
    return _normal(code) if len(code) <= _LONGEST_NAME else ""


def named(code: str) -> Language:
    """The language of a code, also of one that WhatsApp doesn't take."""
    return LANGUAGES.get(normal(code)) or Language(code)


def same(one: str, other: str) -> bool:
    """Whether who reads the one reads the other: the country may differ, the script may not."""
    if one == other:
        return True
    first, second = _read(one), _read(other)
    if first is None or second is None:
        return False
    return first.base == second.base and first.full.script == second.full.script


def best(wanted: str, have: Collection[str], fallback: str) -> str:
    """Which of the languages in `have` somebody reads who asked for `wanted`, a code or a name.

    The same; else the same without a country or with another one; else `fallback`. Empty when there is none.
    """
    if wanted in have:
        return wanted
    if asked := _read(wanted):
        # sorted: the answer doesn't hang on the order in which the texts were written
        near = [code for code in sorted(have) if (tags := _read(code)) and tags.base == asked.base]
        if near:
            return min(near, key=lambda code: _distance(asked, code))
    return fallback if fallback in have else ""


def _distance(asked: _Tags, code: str) -> tuple[bool, ...]:
    tags = _read(code) or asked
    return (
        tags != asked,
        code != normal(asked.key),
        tags.full.script != asked.full.script,
        bool(tags.country),
        tags.parent != asked.parent,
        tags.full.country != _Tags(asked.base).full.country,
    )


@lru_cache(maxsize=4096)
def _normal(code: str) -> str:
    tags = _read(code)
    return next((found for found in _candidates(tags) if found in LANGUAGES), "") if tags else ""


def _candidates(tags: _Tags) -> Iterator[str]:
    """What WhatsApp may call it, the nearest first."""
    base = _Tags(tags.base)
    # the script before the country that most have: zh_Hant is Taiwan's, not China's
    for each in (tags, _Tags.of(tags.parent), base, base._replace(script=tags.full.script).full, base.full):
        plain = "_".join(filter(None, (each.base, each.country)))
        yield _AT_WHATSAPP.get(plain, plain)


@lru_cache(maxsize=4096)
def _read(code: str) -> _Tags | None:
    """A code or a language's name; None when it is neither, or no language that WhatsApp takes."""
    given = code.strip()
    if not given or len(given) > _LONGEST_NAME:
        return None
    try:
        tags = _Tags.of(given)
    except ValueError:
        pass
    else:
        if tags.base in _bases():
            return tags
    folded = _folded(given)
    for names in (_common_names, _own_names):
        if found := names().get(folded) or names().get(_folded(given.partition("(")[0])):
            return _Tags.of(found)
    return None


@cache
def _bases() -> frozenset[str]:
    return frozenset(_Tags.of(_AT_BABEL.get(code, code)).base for code in _CODES)


@cache
def _common_names() -> dict[str, str]:
    """Folded name -> code, in the languages in which lists are mostly written."""
    names = {_folded(name): code for name, code in _ALSO.items()}
    for written_in in _LISTS_ARE_WRITTEN_IN:
        for code, name in Locale(written_in).languages.items():
            if "_" in code or code in _bases():
                try:
                    if _Tags.of(code).base in _bases():
                        names.setdefault(_folded(name), code)
                except ValueError:
                    continue
    return names


@cache
def _own_names() -> dict[str, str]:
    """Folded name -> code, each language in itself."""
    names = {}
    for code in _CODES:
        own = locale(code)
        names[_folded(_name(code, own))] = code
        names.setdefault(_folded(own.languages.get(own.language, code)), own.language)
    return names


def _folded(name: str) -> str:
    """Without case, accents and marks: `espanol` for `Español`."""
    apart = unicodedata.normalize("NFKD", name.casefold())
    return re.sub(r"\s+", " ", "".join(char for char in apart if not unicodedata.combining(char))).strip()


@cache
def locale(code: str) -> Locale:
    """How days, hours and names are written in it; English for what is no language."""
    theirs = _AT_BABEL.get(code, code).replace("-", "_")
    for attempt in (theirs, theirs.partition("_")[0]):
        try:
            return Locale.parse(attempt)
        except (ValueError, UnknownLocaleError):
            continue
    return Locale("en", "GB")


@cache
def _name(code: str, written_in: Locale) -> str:
    theirs = _AT_BABEL.get(code, code)
    if theirs != code:
        return written_in.languages.get(theirs) or code
    own = locale(code)
    try:
        _, country, *_ = parse_locale(code.replace("-", "_"))
        is_known = own.language == _Tags.of(code).base
    except ValueError:
        return code
    if not is_known:
        return code
    name = own.get_display_name(written_in) or code
    if country and not own.territory:
        return f"{name} ({written_in.territories.get(country, country)})"
    return name
