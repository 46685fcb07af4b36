"""Bytes of a text list into text, whatever program wrote them."""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterable

import charset_normalizer

from cordially.lib.marking import noop

from .problems import ListError

_BOMS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",  # before UTF-16, whose mark it begins with
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
#: in this order where two are equally plausible
_CODE_PAGES = ["cp1252", "cp1255", "cp1256", "cp1251", "cp1253", "cp1254", "cp1250"]
_EAST_ASIAN = ["cp932", "gb18030", "big5", "cp949"]
_SAMPLE_BYTES = 100_000
_UNREADABLE = noop("This doesn't look like a guest list. Choose a spreadsheet (.xlsx) or a CSV file.")


def decode(data: bytes) -> str:
    """The text in `data`, by its mark, by what it can only be, or by what reads best. Raises ListError."""
    for mark, encoding in _BOMS.items():
        if data.startswith(mark):
            return _checked(data[len(mark) :].decode(encoding, "replace"))
    if wide := _wide_encoding(data):
        return _checked(data.decode(wide, "replace"))
    data = data.replace(b"\0", b"")
    try:
        return _checked(data.decode("utf-8"))
    except UnicodeDecodeError:
        pass
    if _is_nearly_utf8(data):
        return _checked(data.decode("utf-8", "replace"))
    _check_control_bytes(data)
    return _checked(data.decode(_guess_encoding(data), "replace"))


def _checked(text: str) -> str:
    """`text` without NULs, unless it is no text at all."""
    text = text.removeprefix("\ufeff").replace("\0", "")
    sample = text[:_SAMPLE_BYTES]
    strange = sum(
        unicodedata.category(char) in {"Cc", "Cn", "Cs"} and char not in "\t\r\n\f\x1a" for char in sample
    )
    if strange > len(sample) * 0.02 or sample.count("\ufffd") > len(sample) * 0.1:
        raise ListError(_UNREADABLE)
    return text


def _check_control_bytes(data: bytes) -> None:
    sample = data[:_SAMPLE_BYTES]
    if len(re.findall(rb"[\x01-\x08\x0b\x0e-\x19\x1b-\x1f]", sample)) > len(sample) * 0.005:
        raise ListError(_UNREADABLE)


def _wide_encoding(data: bytes) -> str:
    """UTF-16 without a mark: its commas, digits and line ends have their zero bytes on one side only."""
    sample = data[: _SAMPLE_BYTES // 2 * 2]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if max(even, odd) < len(sample) * 0.02 or max(even, odd) < 10 * min(even, odd):
        return ""
    return "utf-16-le" if odd > even else "utf-16-be"


def _is_nearly_utf8(data: bytes) -> bool:
    """Whether only a few bytes got broken in what is UTF-8 otherwise."""
    sample = data[:1_000_000]
    broken = sample.decode("utf-8", "replace").count("\ufffd")
    whole = len(
        re.findall(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}", sample)
    )
    return whole >= 20 and whole > 20 * broken


# --- Windows code pages


def _guess_encoding(data: bytes) -> str:
    """The code page in which the words look most like words."""
    sample = _lines_with_letters(data)
    scores = {page: _plausibility(sample, page) for page in _CODE_PAGES}
    best = max(scores, key=lambda page: scores[page])
    if scores[best] >= 0.65:
        return best
    found = charset_normalizer.from_bytes(sample, cp_isolation=[*_EAST_ASIAN, *_CODE_PAGES]).best()
    return found.encoding if found else best


def _lines_with_letters(data: bytes) -> bytes:
    """Lines from all over the file that have bytes beyond ASCII: a long list may begin without any."""
    lines: Iterable[bytes] = re.findall(rb"[^\r\n]*[\x80-\xff][^\r\n]*", data)
    lines = list(lines)
    return b"\n".join(lines[:: max(1, len(lines) // 1500)])[:_SAMPLE_BYTES]


_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
#: marks that code pages put where others have letters
_NO_LETTERS = re.compile(
    r"[^\W\d_][²¿¡¢¤¦§¨©ª¬®°±´µ¶¸º»¼½¾×÷ƒ‚„…†‡ˆ‰‹›˜™]+[^\W\d_]|[£¥¯³¹][^\W\d_]|[^\W\d_][£¥¯³¹]"
)


def _plausibility(sample: bytes, page: str) -> float:
    """How many of the words beyond ASCII look like words in this code page, 0 to 1; less for stray bytes."""
    text = sample.decode(page, "replace")
    words = [word for word in _WORD.findall(text) if not word.isascii()]
    if not words:
        return 0.0
    good = sum(map(_is_plausible, words))
    bad_marks = text.count("\ufffd") + len(_NO_LETTERS.findall(text))
    return (good - 2 * bad_marks) / len(words) + _letters_bonus(words, page)


def _is_plausible(word: str) -> bool:
    """Whether a word is of one alphabet, and its capitals stand where capitals do."""
    beyond = [char for char in word if not char.isascii()]
    scripts = {_script(char) for char in word if char.isalpha()}
    if len(scripts) > 1:
        return False
    if scripts == {"LATIN"} and len(beyond) > max(1, len(word) * 0.5):
        return False
    return word.islower() or word.isupper() or word.istitle() or not _HAS_INNER_CAPITAL.search(word)


_HAS_INNER_CAPITAL = re.compile(r"[a-zß-öø-ÿа-яё][А-ЯЁÀ-ÖØ-ÝΑ-Ω]")


def _script(char: str) -> str:
    return unicodedata.name(char, "?").split(" ")[0]


#: letters that tell languages of one code page from those of another
_TELLING = {
    "cp1254": set("ışğİŞĞ"),
    "cp1250": set("łśżźąęćńŁŚŻŹĄĘĆŃčřěůďťňČŘĚŮĎŤŇőűŐŰ"),
}


def _letters_bonus(words: list[str], page: str) -> float:
    """A nudge towards Turkish and Central European where Western reading has only what is rare there."""
    telling = _TELLING.get(page, set())
    if not telling:
        return -0.1 * sum(any(char in "þðýÞÐÝ" for char in word) for word in words) / len(words)
    alien = sum(
        any(not char.isascii() and char not in telling and char not in _SHARED for char in word)
        for word in words
    )
    return -0.05 - 0.2 * alien / len(words)


_SHARED = set("äöüÄÖÜßáéíóúýÁÉÍÓÚÝçÇâêîôûÂÊÎÔÛšžŠŽăĂţŢ")
