"""Phone numbers as people write them in lists, read into E.164 or explained. Nothing is ever guessed."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import phonenumbers
from phonenumbers import (
    NumberParseException,
    PhoneNumber,
    PhoneNumberFormat,
    PhoneNumberType,
    ValidationResult,
)

from cordially.lib.marking import noop

from .models import PhoneProblem

TOO_SHORT = noop("too short")
TOO_LONG = noop("too long")
NOT_A_NUMBER = noop("not a number")
NO_SUCH_NUMBER = noop("no such number")
TWO_NUMBERS = noop("two numbers in one cell")
TWO_READINGS = noop("more than one reading")
NO_COUNTRY = noop("no country to read it with")
SCIENTIFIC = noop("spreadsheet turned it into scientific notation")

_AMBIGUOUS = {TWO_NUMBERS, TWO_READINGS, NO_COUNTRY}
_NOTES = {
    TOO_SHORT: noop("A digit or more is missing: {number}. Ask for the whole number."),
    TOO_LONG: noop("There are too many digits: {number}. Check the number."),
    NOT_A_NUMBER: noop("“{number}” is not a phone number. Ask for one."),
    NO_SUCH_NUMBER: noop("No phone can have this number: {number}. Check its digits."),
    TWO_NUMBERS: noop("There is more than one number here: {number}. Keep the one to write to."),
    TWO_READINGS: noop(
        "This can be read in more than one way: {number}. Write it with + and the country code."
    ),
    NO_COUNTRY: noop(
        "No country is known for this number: {number}. Import the list again with its country, "
        "or write the number with + and the country code."
    ),
    SCIENTIFIC: noop(
        "The spreadsheet shortened this number to {number} and lost digits. "
        "Set the column to text and enter it again."
    ),
}
_NO_PHONE_NOTE = noop("There is no phone number. Add one when you have it.")

#: fewer digits than this in all are no one's attempt at a phone number
_FEWEST_DIGITS = 6
#: and more than this are nobody's (E.164)
_MOST_DIGITS = 15
#: a longer text is a remark, whatever it holds
_LONGEST_TEXT = 120


@dataclass(frozen=True)
class Phone:
    """What a cell says: `e164`, or else a `problem` with its `why` in short words and a `note` for a host."""

    e164: str = ""
    problem: PhoneProblem = PhoneProblem.NONE
    why: str = ""
    note: str = ""


@dataclass(frozen=True)
class _Reading:
    """One number of a cell: its E.164, or why it has none."""

    digits: str
    e164: str = ""
    why: str = ""


def read_phone(raw: str, country: str) -> Phone:
    """The number in `raw`; national numbers are read as numbers of `country` (ISO 3166). Never raises.

    Without a country ("") every national number is ambiguous.
    """
    text = _plain(raw)
    if not text:
        return Phone(problem=PhoneProblem.NO_PHONE, note=_NO_PHONE_NOTE)
    reading = _read_cell(text, country.upper())
    if reading.e164:
        return Phone(reading.e164)
    problem = PhoneProblem.AMBIGUOUS if reading.why in _AMBIGUOUS else PhoneProblem.INVALID
    return Phone(problem=problem, why=reading.why, note=_NOTES[reading.why].format(number=_shown(raw)))


def candidates(raw: str, country: str) -> list[str]:
    """The numbers that an ambiguous cell may mean, as E.164, at most four: for a person to choose from."""
    text = _without_labels(_plain(raw)[:_LONGEST_TEXT])
    if _SCIENTIFIC_NOTATION.fullmatch(text) or _DATE.fullmatch(text) or _LETTER_AT_DIGIT.search(text):
        return []
    found: list[str] = []
    for group in _with_digits(_APART.split(_PLUS_AFTER_DIGIT.sub(r"\1;+", text))):
        parts = _with_digits(_PERHAPS_APART.split(group))
        for part in dict.fromkeys([*parts, group, *_halves(group, country.upper())]):
            digits = _NOT_DIGITS.sub("", part)
            if not _FEWEST_DIGITS < len(digits) <= _MOST_DIGITS:
                continue
            at_home = "" if _is_international(part) or not country else _valid(digits, country.upper())
            found += [at_home, _valid(f"+{digits}", None)]
    return list(dict.fromkeys(filter(None, found)))[:4]


@lru_cache(maxsize=20_000)
def format_phone(e164: str) -> str:
    """`+972502281948` as people read it: `+972 50-228-1948`. Anything else comes back as it is."""
    number = _parse(e164, None)
    if number is None:
        return e164
    return phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)


def is_country(code: str) -> bool:
    """Whether numbers can be read for this ISO 3166 code."""
    return code.upper() in phonenumbers.SUPPORTED_REGIONS


# --- the text of a cell


def _plain(raw: str) -> str:
    """`raw` with Latin digits and plain separators, without invisible marks and spreadsheet wrapping."""
    text = raw if raw.isascii() and raw.isprintable() else "".join(map(_plain_char, raw))
    text = text.strip()
    # ="050…" and '050…' are how people keep a spreadsheet from touching a number
    return text.removeprefix("=").strip("'`\"’‘“” \n\t") if text[:1] in "='`\"’‘“”" else text


@lru_cache(maxsize=4096)
def _plain_char(char: str) -> str:
    category = unicodedata.category(char)
    if char in "\n\r\u2028\u2029":
        return "\n"
    if category == "Zs" or char == "\t":
        return " "
    if category == "Nd":
        return str(unicodedata.decimal(char))
    if category in {"Cf", "Cc", "Cs", "Mn", "Me"}:
        return ""
    if category == "Pd" or char in "−ー":
        return "-"
    if "\uff01" <= char <= "\uff5e":
        return chr(ord(char) - 0xFEE0)
    return {"﹢": "+", "،": ",", "、": ",", "؛": ";", "⁄": "/"}.get(char, char)


def _shown(raw: str) -> str:
    """`raw` for a sentence: on one line, without marks that would turn the sentence around, not too long."""
    text = " ".join("".join(c if c.isprintable() else " " for c in raw).split())
    return text if len(text) <= 40 else f"{text[:39]}…"


_SCIENTIFIC_NOTATION = re.compile(r"[+-]?\d+(?:[.,]\d*)?\s*[eE]\s*\+?\d{1,3}")
_DATE = re.compile(
    r"(?:\d{1,2}([./-])\d{1,2}\1(?:19|20)\d\d|(?:19|20)\d\d-\d\d-\d\d)(?:[ T]\d\d?:\d\d(?::\d\d)?)?"
)
_FLOAT = re.compile(r"(\+?\d{6,})[.,]0{1,2}")
_LINK = re.compile(
    r"(?:https?://)?(?:www\.)?(?:wa\.me/|api\.whatsapp\.com/send/?\?phone=)|whatsapp://send\?phone=", re.I
)
_LABEL = re.compile(
    r"(?:tel|phone|mobile|cell|whatsapp|wa|callto|sms|טל|נייד)\s*[:.]?(?://)?\s*(?=[+(\d])", re.I
)
_EXTENSION = re.compile(
    r"(?<=[\d)])\s*[,;]?\s*(?:ext(?:n|ension)?|x|#|שלוחה|доб|ramal|poste|durchwahl)\.?\s*[:=]?\s*\d{1,6}\s*$",
    re.I,
)
_LETTER = r"[^\W\d_]"
_LETTER_AT_DIGIT = re.compile(rf"\d{_LETTER}|{_LETTER}\d")
_PLUS_AFTER_DIGIT = re.compile(r"(?<=\d)([^\d+]*)\+(?=[\s(]*\d)")
#: what stands between two numbers and never inside one
_APART = re.compile(rf"[;&]|:{{2,}}|{_LETTER}+")
#: what may stand between two numbers or inside one: 0151/2347104
_PERHAPS_APART = re.compile(r"[/,|\\\n]")
_NOT_DIGITS = re.compile(r"\D+")
_SIMPLE = re.compile(r"\+?[\d\s().-]+", re.ASCII)


def _read_cell(text: str, country: str) -> _Reading:
    if _SCIENTIFIC_NOTATION.fullmatch(text):
        return _Reading(text, why=SCIENTIFIC)
    if _DATE.fullmatch(text) or len(text) > _LONGEST_TEXT:
        return _Reading(text, why=NOT_A_NUMBER)
    if float_ := _FLOAT.fullmatch(text):
        text = float_[1]
    if _SIMPLE.fullmatch(text):
        return _read_one(text, country)
    text = _without_labels(text)
    if _LETTER_AT_DIGIT.search(text):
        return _Reading(text, why=NOT_A_NUMBER)
    return _settle(list(_read_many(text, country)))


def _without_labels(text: str) -> str:
    """`text` without the words of links, labels and extensions."""
    if link := _LINK.match(text):
        # what follows wa.me/ is always in international form
        return "+" + re.split(r"[?&/]", text[link.end() :])[0].lstrip("+ ")
    if label := _LABEL.match(text):
        text = text[label.end() :]
    return _EXTENSION.sub("", text)


def _read_many(text: str, country: str) -> Iterator[_Reading]:
    """Every number of a cell."""
    text = _PLUS_AFTER_DIGIT.sub(r"\1;+", text)
    for group in _with_digits(_APART.split(text)):
        parts = _with_digits(_PERHAPS_APART.split(group))
        if len(parts) == 1:
            yield _read_one(parts[0], country)
            continue
        whole = _read_one(group, country)
        each = [_read_one(part, country) for part in parts]
        starts = ("".join(parts[:count]) for count in range(1, len(parts)))
        # 030 1234567/8: the same number with another last digit
        has_other_ending = len(each[-1].digits) <= 2 and len(each[-2].digits) > 4
        if (
            whole.e164
            and not has_other_ending
            and not any(_read_one(start, country).e164 for start in starts)
        ):
            yield whole
        elif any(one.e164 for one in each) or sum(len(one.digits) > _FEWEST_DIGITS for one in each) > 1:
            yield from each
        else:
            yield whole


def _with_digits(parts: list[str]) -> list[str]:
    return [part for part in parts if any(map(str.isdigit, part))]


def _settle(readings: list[_Reading]) -> _Reading:
    """The one number that all readings agree on, or why there is none."""
    if not readings:
        return _Reading("", why=NOT_A_NUMBER)
    if len({one.e164 or one.digits for one in readings}) == 1:
        return readings[0]
    numbers = sum(len(one.digits) >= _FEWEST_DIGITS for one in readings)
    if numbers == 0:
        return _Reading("", why=NOT_A_NUMBER)
    return _Reading("", why=TWO_NUMBERS if numbers > 1 else TWO_READINGS)


# --- one number


def _read_one(text: str, country: str) -> _Reading:
    """The number in a text that holds one."""
    digits = _NOT_DIGITS.sub("", text)
    if not digits:
        return _Reading("", why=NOT_A_NUMBER)
    reading = _read_digits(digits, _is_international(text), country)
    if reading.why == TOO_LONG and _are_two(text, country):
        return _Reading(digits, why=TWO_NUMBERS)
    return reading


def _is_international(text: str) -> bool:
    """Whether a + leads the number; right-to-left lists often have it at the end."""
    before = text[: next(i for i, char in enumerate(text) if char.isdigit())]
    return "+" in before or text.rstrip().endswith("+")


def _read_digits(digits: str, is_international: bool, country: str) -> _Reading:
    if is_international:
        # Mexico's mobile numbers had a 1 after +52 until 2019; WhatsApp still shows it
        current = f"52{digits[3:]}" if digits.startswith("521") and len(digits) == 13 else digits
        return _judge(digits, _parse(f"+{current}", None))
    if digits.startswith("00") and (abroad := _valid(f"+{digits[2:]}", None)):
        return _Reading(digits, abroad)
    if not country and _FEWEST_DIGITS <= len(digits) <= _MOST_DIGITS:
        return _Reading(digits, why=NO_COUNTRY)
    national = _parse(digits, country)
    at_home = _e164(national)
    if digits.startswith("0") or (national and at_home and _is_written_in_full(national, digits)):
        return _Reading(digits, at_home) if at_home else _judge(digits, national)
    return _read_with_something_lost(digits, at_home) or _judge(digits, national)


def _read_with_something_lost(digits: str, at_home: str) -> _Reading | None:
    """The reading of digits that lost a 0 or a + (spreadsheets do that): two readings, if both make a number.

    `at_home` is the number with the 0 put back. A + is put back without asking only where it makes a number
    that may be a mobile: ten digits of a US number also make an Egyptian landline.
    """
    international = _parse(f"+{digits}", None)
    abroad = _e164(international)
    if at_home in {abroad, ""} and international and abroad:
        may_be_mobile = at_home or phonenumbers.number_type(international) in _MOBILE
        return _Reading(digits, abroad) if may_be_mobile else _Reading(digits, why=TWO_READINGS)
    if at_home and abroad:
        return _Reading(digits, why=TWO_READINGS)
    return _Reading(digits, at_home) if at_home else None


def _is_written_in_full(number: PhoneNumber, digits: str) -> bool:
    """Whether people of the country write the number with just these digits (no 0 is missing)."""
    return _NOT_DIGITS.sub("", phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)) == digits


def _are_two(text: str, country: str) -> bool:
    """Whether a text that is too long for one number is two of them with only a space or dash between."""
    return bool(_halves(text, country))


def _halves(text: str, country: str) -> tuple[str, ...]:
    """The two numbers that such a text is, or nothing."""
    for gap in _NOT_DIGITS.finditer(text):
        before, after = text[: gap.end()], text[gap.end() - 1 :]
        if _is_valid(before, country) and _is_valid(after, country):
            return before, after
    return ()


def _is_valid(text: str, country: str) -> bool:
    digits = _NOT_DIGITS.sub("", text)
    return 8 <= len(digits) <= 17 and bool(_read_digits(digits, _is_international(text), country).e164)


def _parse(text: str, country: str | None) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(text, country)
    except NumberParseException:
        return None


def _e164(number: PhoneNumber | None) -> str:
    if number is None or not phonenumbers.is_valid_number(number):
        return ""
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def _valid(text: str, country: str | None) -> str:
    return _e164(_parse(text, country))


def _judge(digits: str, number: PhoneNumber | None) -> _Reading:
    """The reading of a number that may turn out wrong."""
    if e164 := _e164(number):
        return _Reading(digits, e164)
    if len(digits) < _FEWEST_DIGITS:
        return _Reading(digits, why=NOT_A_NUMBER)
    if number is None:
        return _Reading(digits, why=TOO_LONG if len(digits) > _MOST_DIGITS else NO_SUCH_NUMBER)
    return _Reading(digits, why=_wrong_length(number) or NO_SUCH_NUMBER)


def _wrong_length(number: PhoneNumber) -> str:
    """Whether an invalid number has too few digits, or too many; "" when its length is fine."""
    possible = phonenumbers.is_possible_number_with_reason(number)
    if possible in {ValidationResult.TOO_SHORT, ValidationResult.IS_POSSIBLE_LOCAL_ONLY}:
        return TOO_SHORT
    if possible == ValidationResult.TOO_LONG:
        return TOO_LONG
    # Some plans (Germany) allow nearly every length: there, see what a few digits more or fewer would make.
    mobile = phonenumbers.is_possible_number_for_type_with_reason(number, PhoneNumberType.MOBILE)
    text = f"+{number.country_code}{phonenumbers.national_significant_number(number)}"
    more_digits = _MORE[:2] if mobile == ValidationResult.IS_POSSIBLE else _MORE
    if mobile != ValidationResult.TOO_LONG and any(_valid(text + more, None) for more in more_digits):
        return TOO_SHORT
    if mobile == ValidationResult.TOO_LONG and any(_valid(text[:-fewer], None) for fewer in range(1, 5)):
        return TOO_LONG
    return ""


_MOBILE = {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}
_MORE = [digit * count for count in range(1, 5) for digit in "05"]
