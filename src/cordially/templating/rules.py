"""WhatsApp's and Twilio's rules for a text, each with its sentence and its place.

Nothing here asks anybody: what a reviewer or a phone would refuse is said while the text is written.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from cordially.lib.marking import noop, plural

from . import languages, markup
from .components import ButtonKind, Components
from .variables import LINK_TOKEN, VARIABLE, Slot, clean, slot_of, slots

# https://www.twilio.com/docs/content/content-types-overview, …/docs/content/using-variables-with-content-api,
# …/docs/whatsapp/tutorial/message-template-approvals-statuses (August 2026); of two that differ, the smaller.
MOST_IN_BODY: Final = 1024
MOST_IN_HEADER: Final = 60
MOST_IN_FOOTER: Final = 60
MOST_IN_BUTTON: Final = 20
MOST_IN_VALUE: Final = 1600
MOST_BUTTONS: Final = 10
MOST_LINKS: Final = 1
MOST_VARIABLES: Final = 100
MOST_IN_HEADER_VARIABLES: Final = 1
MOST_SPACES: Final = 4
CATEGORIES: Final = ("MARKETING", "UTILITY")
# our own
MOST_IN_FALLBACK: Final = 60
MOST_IN_NAME: Final = 80

_LINK_VARIABLE: Final = "rsvp_link"


#: rules that say: a guest would read braces
BRACES: Final = frozenset({"no_variable", "unclosed_braces", "unopened_braces", "stray_brace"})


class Level(StrEnum):
    ERROR = "error"  # can't be handed in
    WARNING = "warning"  # can, and will hardly be what was meant
    NOTE = "note"  # good to know


@dataclass(frozen=True, slots=True)
class Finding:
    level: Level
    #: stable key, like `body_ends_with_variable`
    rule: str
    #: `header`, `image`, `body`, `footer`, `buttons`, `button.0` …, `name`, `language`, `category`
    field: str
    #: place in that field's text, in code points; 0, 0 where the whole field is meant
    start: int
    end: int
    sentence: str
    cure: str
    #: what could stand at that place instead; empty when only the host can know
    fix: str = ""


def _error(rule: str, field: str, start: int, end: int, sentence: str, cure: str, fix: str = "") -> Finding:
    return Finding(Level.ERROR, rule, field, start, end, sentence, cure, fix)


_FIELDS: Final = ("header", "image", "body", "footer", "buttons", "button", "name", "language", "category")
_WORST_FIRST: Final = (Level.ERROR, Level.WARNING, Level.NOTE)


def needed_words(variables: int) -> int:
    """How many other words WhatsApp wants around so many different variables."""
    return 2 * variables + 1 if variables else 0


def check(components: Components, *, known: Collection[str], category: str, language: str) -> list[Finding]:
    """All that is to say about one text: the worst first, then by place.

    `known` are the names that may be used (see `variables.known_names`). A text without an error can be handed
    in; whether every guest has something to read there is not asked here.
    """
    found = [
        *_body(components.body),
        *_header(components.header),
        *_image(components),
        *_footer(components.footer),
        *_buttons(components),
        *_variables(components, frozenset(known) - {LINK_TOKEN}),
        *_personal_link(components),
        *_category(category),
        *_language(language),
    ]
    return sorted(found, key=_rank)


def _rank(finding: Finding) -> tuple[int, int, int, int, int]:
    kind, _, number = finding.field.partition(".")
    return (
        _WORST_FIRST.index(finding.level),
        _FIELDS.index(kind),
        int(number or 0),
        finding.start,
        finding.end,
    )


# -- the body --------------------------------------------------------------------------------------------------

# what says nothing of its own: spaces, punctuation, marks. A symbol like an emoji (So) does.
_SAYS_SOMETHING: Final = ("L", "N", "So")


def _body(body: str) -> Iterator[Finding]:
    if not body.strip():
        yield _error(
            "body_empty", "body", 0, 0, noop("The text is empty."), noop("Write what the guests read.")
        )
        return
    yield from _too_long("body", body, MOST_IN_BODY)
    matches = list(VARIABLE.finditer(body))
    if not matches:
        return
    first, last = matches[0], matches[-1]
    if not _says_something(body[: first.start()]):
        yield _error(
            "body_starts_with_variable",
            "body",
            *first.span(),
            noop("The text starts with a variable."),
            noop("WhatsApp rejects that; put a word before it."),
        )
    if not _says_something(body[last.end() :]):
        yield _error(
            "body_ends_with_variable",
            "body",
            *last.span(),
            noop("The text ends with a variable."),
            noop("WhatsApp rejects that; put a word after it."),
        )
    for before, after in pairwise(matches):
        if not _separates(body[before.end() : after.start()]):
            yield _error(
                "variables_adjacent",
                "body",
                before.start(),
                after.end(),
                noop("Two variables stand side by side."),
                noop("WhatsApp rejects that; put a word or a comma between them."),
            )
    yield from _few_words(body)


def _few_words(body: str) -> Iterator[Finding]:
    count = len(slots(body))
    words, needed = count_words(VARIABLE.sub(" ", body)), needed_words(count)
    if words < needed:
        yield _error(
            "too_few_words",
            "body",
            0,
            0,
            _counted_words(count, words),
            noop(
                "WhatsApp wants {needed} or more, so that the text can be understood; say a little more."
            ).format(needed=needed),
        )


def _counted_words(count: int, words: int) -> str:
    if words == 1:
        told = plural("{n} variable and only 1 other word.", "{n} variables and only 1 other word.", count)
    else:
        told = plural(
            "{n} variable and only {words} other words.", "{n} variables and only {words} other words.", count
        )
    return told.format(n=f"{count:,}", words=f"{words:,}")


def _says_something(text: str) -> bool:
    return any(unicodedata.category(char).startswith(_SAYS_SOMETHING) for char in text)


def _separates(text: str) -> bool:
    # invisible characters (C…) separate nothing
    return any(char not in "*_~`" and unicodedata.category(char)[0] not in "ZC" for char in text)


_NO_SPACES = re.compile(
    r"([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+)"  # Chinese, Japanese
    r"|([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]+)"  # Thai, Lao, Burmese, Khmer
)


def count_words(text: str) -> int:
    """Words as a reader counts them. Scripts without spaces are reckoned by the usual length of a word."""
    words = 0
    for match in _NO_SPACES.finditer(text):
        size, letters = (2, match[1]) if match[1] else (4, match[2])
        written = sum(unicodedata.category(char)[0] == "L" for char in letters)
        words += -(-written // size)
    return words + sum(
        any(char.isalnum() for char in word) for word in re.split(r"[\s/–—…]+", _NO_SPACES.sub(" ", text))
    )


# -- header, picture, footer, buttons --------------------------------------------------------------------------

# The characters that phones draw as emoji by themselves or when U+FE0F follows (Unicode emoji-data 16), without
# digits, # and *, which are emoji only before U+20E3, and without ©, ® and ™, which are letters unless U+FE0F follows
_EMOJI = re.compile(
    r"[\u203c\u2049\u2139\u2194-\u2199\u21a9\u21aa\u231a\u231b\u2328\u23cf\u23e9-\u23f3\u23f8-\u23fa\u24c2"
    r"\u25aa\u25ab\u25b6\u25c0\u25fb-\u25fe\u2600-\u2604\u260e\u2611\u2614\u2615\u2618\u261d\u2620\u2622\u2623"
    r"\u2626\u262a\u262e\u262f\u2638-\u263a\u2640\u2642\u2648-\u2653\u265f\u2660\u2663\u2665\u2666\u2668\u267b"
    r"\u267e\u267f\u2692-\u2697\u2699\u269b\u269c\u26a0\u26a1\u26a7\u26aa\u26ab\u26b0\u26b1\u26bd\u26be\u26c4"
    r"\u26c5\u26c8\u26ce\u26cf\u26d1\u26d3\u26d4\u26e9\u26ea\u26f0-\u26f5\u26f7-\u26fa\u26fd\u2702\u2705"
    r"\u2708-\u270d\u270f\u2712\u2714\u2716\u271d\u2721\u2728\u2733\u2734\u2744\u2747\u274c\u274e\u2753-\u2755"
    r"\u2757\u2763\u2764\u2795-\u2797\u27a1\u27b0\u27bf\u2934\u2935\u2b05-\u2b07\u2b1b\u2b1c\u2b50\u2b55\u3030"
    r"\u303d\u3297\u3299\U0001f000-\U0001faff]|.\ufe0f|.?\u20e3"
)
_BREAK = re.compile(r"[\n\r\v\f\x85\u2028\u2029]+")
_BRACES = re.compile(r"\{\{[^{}]*\}\}|\{\{|\}\}")


def _header(header: str) -> Iterator[Finding]:
    if not header:
        return
    yield from _blank("header", header)
    yield from _too_long("header", header, MOST_IN_HEADER)
    yield from _line_break("header", header)
    yield from _emoji("header", header)
    # variables may be named with `_`, and a fallback may hold a star as well
    masked = VARIABLE.sub(lambda match: "x" * len(match[0]), header)
    stars = [match.span() for match in re.finditer(r"\*+", masked)]
    for start, end in sorted({*stars, *markup.marks(masked)})[:1]:
        yield _error(
            "header_with_markup",
            "header",
            start,
            end,
            noop("“{short}” stands in the first line.").format(short=_short(header[start:end])),
            noop("WhatsApp takes no marks there: the whole line is bold already. Take it out."),
        )
    for match in list(VARIABLE.finditer(header))[MOST_IN_HEADER_VARIABLES:]:
        yield _error(
            "header_with_variables",
            "header",
            *match.span(),
            noop("The first line has more than one variable."),
            noop("WhatsApp takes one there; move the others into the text."),
        )


def _footer(footer: str) -> Iterator[Finding]:
    if not footer:
        return
    yield from _blank("footer", footer)
    yield from _too_long("footer", footer, MOST_IN_FOOTER)
    yield from _line_break("footer", footer)
    yield from _emoji("footer", footer)
    yield from _no_variable_here("footer", footer)


def _buttons(components: Components) -> Iterator[Finding]:
    buttons = components.buttons
    if len(buttons) > MOST_BUTTONS:
        yield _error(
            "too_many_buttons",
            "buttons",
            0,
            0,
            noop("There are {n} buttons.").format(n=len(buttons)),
            noop("WhatsApp takes {most}; take {by} out.").format(
                most=MOST_BUTTONS, by=len(buttons) - MOST_BUTTONS
            ),
        )
    seen: set[str] = set()
    links = misplaced = 0
    for number, button in enumerate(buttons):
        field, title = f"button.{number}", button.title
        yield from _button(field, title)
        same = " ".join(title.split()).casefold()
        if same and same in seen:
            yield _error(
                "buttons_alike",
                field,
                0,
                len(title),
                noop("Two buttons say “{short}”.").format(short=_short(title)),
                noop("WhatsApp rejects that; word one of them differently."),
            )
        seen.add(same)
        if button.kind is ButtonKind.LINK:
            links += 1
            if links > MOST_LINKS:
                yield _error(
                    "several_links",
                    field,
                    0,
                    0,
                    noop("A second button opens the personal page."),
                    noop("One is enough; take this one out."),
                )
        elif links and not misplaced:
            misplaced += 1
            yield _error(
                "reply_after_link",
                field,
                0,
                0,
                noop("An answer stands after the link."),
                noop("WhatsApp wants the answers together; put the link last."),
            )


def _button(field: str, title: str) -> Iterator[Finding]:
    if not title.strip():
        yield _error(
            "button_empty",
            field,
            0,
            0,
            noop("This button says nothing."),
            noop("Write a word, or take it out."),
        )
        return
    if len(title) > MOST_IN_BUTTON:
        yield _error(
            "button_too_long",
            field,
            MOST_IN_BUTTON,
            len(title),
            noop("This button has {n} characters.").format(n=len(title)),
            noop("WhatsApp shows {most}; shorten it by {by}.").format(
                most=MOST_IN_BUTTON, by=len(title) - MOST_IN_BUTTON
            ),
        )
    yield from _no_variable_here(field, title)
    yield from _line_break(field, title)
    yield from _emoji(field, title)


#: what is wrong with a part of the message, by its field
_BLANK: Final = {
    "header": noop("The first line has nothing but spaces."),
    "footer": noop("The last line has nothing but spaces."),
}
_TOO_LONG: Final = {
    "body": noop("The text has {n} characters."),
    "header": noop("The first line has {n} characters."),
    "footer": noop("The last line has {n} characters."),
}
_LINE_BREAK: Final = {
    "header": noop("The first line has a line break."),
    "footer": noop("The last line has a line break."),
    "button": noop("This button has a line break."),
}
_WITH_EMOJI: Final = {
    "header": noop("The first line has an emoji."),
    "footer": noop("The last line has an emoji."),
    "button": noop("This button has an emoji."),
}
_WITH_VARIABLE: Final = {
    "footer": noop("The last line has a variable."),
    "button": noop("This button has a variable."),
}


def _blank(field: str, text: str) -> Iterator[Finding]:
    if not text.strip():
        yield _error(
            f"{field}_blank",
            field,
            0,
            len(text),
            _BLANK[field],
            noop("Write something there, or leave it empty."),
        )


def _too_long(field: str, text: str, most: int) -> Iterator[Finding]:
    order = slots(text)
    place = length = 0
    over = len(text)
    for match in VARIABLE.finditer(text):
        length, place, over = _step(length, match.start() - place, place, over, most)
        # counted as Twilio keeps it: {{1}}
        number = len(str(order.index(slot_of(match)) + 1)) + 4
        if length <= most < length + number:
            over = min(over, match.start())
        length, place = length + number, match.end()
    length, place, over = _step(length, len(text) - place, place, over, most)
    if length > most:
        yield _error(
            f"{field}_too_long",
            field,
            over,
            len(text),
            _TOO_LONG[field].format(n=f"{length:,}"),
            noop("WhatsApp takes {most}; shorten it by {by}.").format(
                most=f"{most:,}", by=f"{length - most:,}"
            ),
        )


def _step(length: int, more: int, place: int, over: int, most: int) -> tuple[int, int, int]:
    """Counts literal text; `over` becomes the place at which `most` is exceeded."""
    if length <= most < length + more:
        over = min(over, place + most - length)
    return length + more, place + more, over


def _line_break(field: str, text: str) -> Iterator[Finding]:
    if match := _BREAK.search(text):
        yield _error(
            f"{_kind(field)}_with_line_break",
            field,
            *match.span(),
            _LINE_BREAK[_kind(field)],
            noop("WhatsApp takes one line there; join the lines."),
            " ",
        )


def _emoji(field: str, text: str) -> Iterator[Finding]:
    if match := _EMOJI.search(text):
        yield _error(
            f"{_kind(field)}_with_emoji",
            field,
            *match.span(),
            _WITH_EMOJI[_kind(field)],
            noop("WhatsApp takes none there; in the text it may stand."),
        )


def _no_variable_here(field: str, text: str) -> Iterator[Finding]:
    if match := _BRACES.search(text):
        yield _error(
            f"{_kind(field)}_with_variable",
            field,
            *match.span(),
            _WITH_VARIABLE[_kind(field)],
            noop("Everybody reads the same there; move it into the text."),
        )


def _kind(field: str) -> str:
    return field.partition(".")[0]


def _image(components: Components) -> Iterator[Finding]:
    image = components.image
    if not image:
        return
    if components.header:
        yield _error(
            "header_and_image",
            "image",
            0,
            len(image),
            noop("There is a first line and a picture."),
            noop("WhatsApp shows one of them above the text; choose which."),
        )
    if match := _BRACES.search(image):
        yield _error(
            "image_with_variable",
            "image",
            *match.span(),
            noop("The picture’s address has a variable."),
            noop("Everybody sees the same picture; write its whole address."),
        )
    elif problem := _unreachable(image):
        rule, sentence, cure = problem
        yield _error(rule, "image", 0, len(image), sentence, cure)


def _unreachable(address: str) -> tuple[str, str, str] | None:
    """Why WhatsApp can't fetch a picture from there: (rule, sentence, cure)."""
    no_address = (
        "image_no_address",
        noop("That is no address of a picture."),
        noop("It looks like https://example.com/picture.jpg."),
    )
    if re.search(r"[\s<>\"\\^`|\x00-\x20\x7f]", address):
        return no_address
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return no_address
    if parts.scheme not in ("http", "https") or not host:
        return no_address
    if not _is_public(host):
        return (
            "image_not_public",
            noop("The picture lies where only your own network sees it."),
            noop("WhatsApp must reach it; put it on a public https address."),
        )
    if parts.scheme == "http":
        return (
            "image_not_https",
            noop("The picture’s address doesn’t start with https://."),
            noop("WhatsApp must reach it over https."),
        )
    if parts.username is not None:
        return (
            "image_with_password",
            noop("The picture’s address holds a name or a password."),
            noop("WhatsApp must reach it without signing in."),
        )
    return None


_PRIVATE_NAMES: Final = (
    "localhost",
    "local",
    "localdomain",
    "internal",
    "intranet",
    "lan",
    "home",
    "test",
    "invalid",
)


def _is_public(host: str) -> bool:
    try:
        ip = ipaddress.ip_address(host)
        ip = getattr(ip, "ipv4_mapped", None) or ip
        return ip.is_global and not ip.is_multicast
    except ValueError:
        *rest, last = host.rstrip(".").split(".")
        # 127.1 and 0x7f000001 are addresses to some, and none to anybody else
        return bool(rest) and all(rest) and last not in _PRIVATE_NAMES and not last[:1].isdigit()


# -- variables -------------------------------------------------------------------------------------------------

_NAME = r"[^\W\d]\w*"
_BETWEEN = re.compile(
    rf"(?P<no_variable>\{{\{{(?P<inner>[^{{}}]*)\}}\}})"
    rf"|(?P<single>(?<!\{{)\{{\s*(?P<name>{_NAME})\s*(?P<fallback>\|[^{{}}|]*)?\}}(?!\}}))"
    rf"|(?P<unclosed>\{{\{{\s*(?P<begun>(?:{_NAME})?)(?P<bar>\s*\|)?\}}?)"
    r"|(?P<unopened>\}\})"
)
_WORD_BEFORE = re.compile(rf"{_NAME}\s*\Z")
_FARTHEST_BACK: Final = 60
_IN_BRACES: Final = noop(
    "Between double braces stands one name, like {{guest_name}} or {{guest_name|friend}}."
)


def _variables(components: Components, known: frozenset[str]) -> Iterator[Finding]:
    count = len(components.slots)
    if count > MOST_VARIABLES:
        yield _error(
            "too_many_variables",
            "body",
            0,
            0,
            noop("There are {n} variables.").format(n=count),
            noop("Twilio takes {most}; take {by} out.").format(
                most=MOST_VARIABLES, by=count - MOST_VARIABLES
            ),
        )
    texts = {"header": components.header, "body": components.body}
    for field, text in texts.items():
        yield from _braces(field, text, known)
        for match in VARIABLE.finditer(text):
            yield from _one_variable(field, match, known)
    yield from _two_fallbacks(texts)


def _one_variable(field: str, match: re.Match[str], known: frozenset[str]) -> Iterator[Finding]:
    name, written = match[1], match[2]
    tail = "" if written is None else f"|{clean(written)}"
    if name == LINK_TOKEN:
        yield _error(
            "unknown_variable",
            field,
            *match.span(),
            noop("“{short}” is not known.").format(short=_short(name)),
            noop("Did you mean “{link_variable}”?").format(link_variable=_LINK_VARIABLE),
            f"{{{{{_LINK_VARIABLE}}}}}",
        )
    elif name not in known:
        nearest = _nearest(name, known)
        yield _error(
            "unknown_variable",
            field,
            *match.span(),
            noop("“{short}” is not known.").format(short=_short(name)),
            noop("Did you mean “{short}”?").format(short=_short(nearest))
            if nearest
            else noop("Choose one that is offered, or add a column of this name to the guest list."),
            f"{{{{{nearest}{tail}}}}}" if nearest else "",
        )
    if written is None:
        return
    fallback = clean(written)
    if not fallback:
        yield _error(
            "fallback_empty",
            field,
            *match.span(),
            noop("After the bar of “{short}” stands nothing.").format(short=_short(name)),
            noop("Write what guests without a value read, or take the bar out."),
            f"{{{{{name}}}}}",
        )
    elif re.search(r"[\n\r\t\v\f\x85\u2028\u2029]", written):
        yield _error(
            "fallback_with_line_break",
            field,
            *match.span(2),
            noop("What stands for “{short}” has a line break or a tab.").format(short=_short(name)),
            noop("WhatsApp takes neither in a value; write it on one line."),
            fallback,
        )
    if len(fallback) > MOST_IN_FALLBACK:
        yield _error(
            "fallback_too_long",
            field,
            *match.span(2),
            noop("What stands for “{short}” has {n} characters.").format(
                short=_short(name), n=f"{len(fallback):,}"
            ),
            noop("Shorten it to {most}.").format(most=MOST_IN_FALLBACK),
        )


def _braces(field: str, text: str, known: frozenset[str]) -> Iterator[Finding]:
    """What looks like a variable and is none."""
    matches = list(VARIABLE.finditer(text))
    edges = [0, *(edge for match in matches for edge in match.span()), len(text)]
    for place, (start, end) in enumerate(zip(edges[::2], edges[1::2], strict=True)):
        between = text[start:end]
        marked: set[int] = set()
        for match in _BETWEEN.finditer(between):
            finding = _brace(field, between, match, start, known)
            if finding:
                marked.update(range(finding.start, finding.end))
                yield finding
        # {{{guest_name}}}: one brace too many on either side
        for is_next, at, brace in ((place > 0, start, "}"), (place < len(matches), end - 1, "{")):
            if is_next and start <= at < end and text[at] == brace and at not in marked:
                marked.add(at)
                yield _error(
                    "stray_brace",
                    field,
                    at,
                    at + 1,
                    noop("A brace too many: “{brace}”.").format(brace=brace),
                    noop("A variable stands between two on each side. {in_braces}").format(
                        in_braces=_IN_BRACES
                    ),
                )


def _brace(
    field: str, between: str, match: re.Match[str], offset: int, known: frozenset[str]
) -> Finding | None:
    start, end = offset + match.start(), offset + match.end()
    if match["no_variable"] is not None:
        inner = match["inner"].strip()
        return _error(
            "no_variable",
            field,
            start,
            end,
            noop("“{short}” is no variable.").format(short=_short(match[0])),
            _IN_BRACES,
            _meant(inner, known),
        )
    if match["single"] is not None:
        if match["name"] not in known:
            return None
        written = match["fallback"]
        return Finding(
            Level.WARNING,
            "single_braces",
            field,
            start,
            end,
            noop("“{short}” stands between single braces.").format(short=_short(match[0])),
            noop("Guests would read it as it is; a variable has two on each side."),
            f"{{{{{match['name']}{f'|{clean(written[1:])}' if written else ''}}}}}",
        )
    if match["unclosed"] is not None:
        return _error(
            "unclosed_braces",
            field,
            start,
            end,
            noop("“{short}” has no end.").format(short=_short(match[0])),
            noop("Close it with two braces: }}."),
            # who knows where the words after the bar should have ended
            "" if match["bar"] else _meant(match["begun"], known),
        )
    word = _WORD_BEFORE.search(between[max(match.start() - _FARTHEST_BACK, 0) : match.start()])
    begun = word[0] if word else ""
    return _error(
        "unopened_braces",
        field,
        start - len(begun),
        end,
        noop("“{short}}}}}” has no beginning.").format(short=_short(begun)),
        noop("Open it with two braces: {{."),
        _meant(begun.strip(), known),
    )


def _meant(inner: str, known: frozenset[str]) -> str:
    """`{{guest_name|friend}}` for `guest name|friend`; "" when nothing known is near."""
    name, _, fallback = inner.partition("|")
    nearest = _nearest(re.sub(r"\W+", "_", name.strip()).strip("_"), known)
    fallback = clean(fallback.replace("|", " "))
    return f"{{{{{nearest}{f'|{fallback}' if fallback else ''}}}}}" if nearest else ""


def _nearest(name: str, known: frozenset[str]) -> str:
    # nobody means a name that is ten times as long
    wanted = name[:_FARTHEST_BACK].casefold()
    by_folded = {each.casefold(): each for each in sorted(known)}
    if not wanted:
        return ""
    if wanted in by_folded:
        return by_folded[wanted]
    close = difflib.get_close_matches(wanted, by_folded, n=1, cutoff=0.6)
    return by_folded[close[0]] if close else ""


def _two_fallbacks(texts: Mapping[str, str]) -> Iterator[Finding]:
    first: dict[str, str] = {}
    found = [
        (field, match, slot_of(match)) for field, text in texts.items() for match in VARIABLE.finditer(text)
    ]
    for _, _, slot in found:
        if slot.fallback:
            first.setdefault(slot.name, slot.fallback)
    for field, match, slot in found:
        expected = first.get(slot.name, "")
        if slot.fallback != expected:
            told = (
                noop("For guests without “{short}” stands “{said}” here, and “{elsewhere}” elsewhere.")
                if slot.fallback
                else noop("For guests without “{short}” stands nothing here, and “{elsewhere}” elsewhere.")
            )
            yield Finding(
                Level.WARNING,
                "two_fallbacks",
                field,
                *match.span(),
                told.format(short=_short(slot.name), said=_short(slot.fallback), elsewhere=_short(expected)),
                noop("Write the same in both places."),
                f"{{{{{Slot(slot.name, expected).key}}}}}",
            )


def _personal_link(components: Components) -> Iterator[Finding]:
    in_text = any(slot.name == _LINK_VARIABLE for slot in slots(components.header, components.body))
    if in_text and components.has_link_button:
        yield Finding(
            Level.NOTE,
            "link_twice",
            "body",
            0,
            0,
            noop("The personal page is linked in the text and by a button."),
            noop("One of them is enough."),
        )
    elif not in_text and not components.has_link_button:
        yield Finding(
            Level.WARNING,
            "no_personal_link",
            "body",
            0,
            0,
            noop("Nothing leads to the guest’s own page."),
            noop(
                "Guests can’t answer there; put {variable} into the text, or add a button with the link."
            ).format(variable=f"{{{{{_LINK_VARIABLE}}}}}"),
        )


# -- what the text is handed in as -----------------------------------------------------------------------------


def _category(category: str) -> Iterator[Finding]:
    if category == "UTILITY":
        yield Finding(
            Level.NOTE,
            "utility",
            "category",
            0,
            0,
            noop("WhatsApp counts invitations as marketing."),
            noop(
                "It may move this text there, at the price of marketing, or reject it. "
                "Utility is for news about what a guest has already agreed to."
            ),
        )
    elif category not in CATEGORIES:
        yield _error(
            "category_refused",
            "category",
            0,
            0,
            noop("Codes for signing in can’t be sent from here.")
            if category == "AUTHENTICATION"
            else noop("The kind of message is missing.")
            if not category
            else noop("“{short}” is no kind of message.").format(short=_short(category)),
            noop("Choose marketing for an invitation, utility for news about it."),
        )


def _language(language: str) -> Iterator[Finding]:
    if language in languages.LANGUAGES:
        return
    near = languages.normal(language)
    yield _error(
        "language_refused",
        "language",
        0,
        len(language),
        noop("WhatsApp takes no texts in “{short}”.").format(short=_short(language))
        if language
        else noop("The language is missing."),
        noop("Did you mean {language} ({near})?").format(
            language=languages.LANGUAGES[near].english_name, near=near
        )
        if near
        else noop("Choose one from the list."),
        near,
    )


_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_-]+")


def check_name(name: str) -> list[Finding]:
    """What is to say about a template's name."""
    if not name:
        return [_error("name_empty", "name", 0, 0, noop("The name is empty."), noop("Write a short one."))]
    found = []
    # É as E
    latin = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    fix = _NOT_IN_A_NAME.sub("_", latin).strip("_")[:MOST_IN_NAME]
    if match := _NOT_IN_A_NAME.search(name):
        found.append(
            _error(
                "name_with_others",
                "name",
                *match.span(),
                noop("The name has a space.")
                if match[0].isspace()
                else noop("The name has “{short}”.").format(short=_short(match[0])),
                noop("Letters of the Latin alphabet, digits, _ and - may stand there: {fix}.").format(fix=fix)
                if fix
                else noop("Letters of the Latin alphabet, digits, _ and - may stand there."),
                "_" if match[0].isspace() else "",
            )
        )
    if len(name) > MOST_IN_NAME:
        found.append(
            _error(
                "name_too_long",
                "name",
                MOST_IN_NAME,
                len(name),
                noop("The name has {n} characters.").format(n=f"{len(name):,}"),
                noop("Shorten it to {most}.").format(most=MOST_IN_NAME),
            )
        )
    return found


def name_at_whatsapp(name: str) -> str:
    """As WhatsApp keeps it: lower case, `_` in place of all else."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


# -- one guest's message ---------------------------------------------------------------------------------------

_SPACES = re.compile(rf" {{{MOST_SPACES + 1},}}")
_BAD_IN_VALUE = re.compile(rf"[\n\r\t\v\f\x85\u2028\u2029]| {{{MOST_SPACES + 1}}}")


def check_value(slot: Slot, value: str) -> str:
    """What is wrong with the value of one guest, to stand after a colon: `it has a line break.`; "" when nothing is."""
    value = value or slot.fallback
    # in plain ASCII all that can't be seen is a space
    if not value.strip() or not (value.isascii() or clean(value)):
        return noop("it is empty, and WhatsApp takes no empty values.")
    if len(value) > MOST_IN_VALUE:
        return noop("it has {n} characters, and Twilio takes {most}.").format(
            n=f"{len(value):,}", most=f"{MOST_IN_VALUE:,}"
        )
    if not _BAD_IN_VALUE.search(value):
        return ""
    if _BREAK.search(value):
        return noop("it has a line break, and WhatsApp takes none in a value.")
    if "\t" in value:
        return noop("it has a tab, and WhatsApp takes none in a value.")
    spaces = max(len(run) for run in _SPACES.findall(value))
    return noop("it has {n} spaces in a row, and WhatsApp takes {most}.").format(n=spaces, most=MOST_SPACES)


class _Frame(NamedTuple):
    """What of a message is the same for everybody, and the slots in the order in which they stand."""

    body_length: int
    body: tuple[Slot, ...]
    header_length: int
    header: tuple[Slot, ...]


@lru_cache(maxsize=256)
def _frame(components: Components) -> _Frame:
    parts: list[tuple[int, tuple[Slot, ...]]] = []
    for text in (components.body, components.header):
        matches = list(VARIABLE.finditer(text))
        written = sum(match.end() - match.start() for match in matches)
        parts.append((len(text) - written, tuple(slot_of(match) for match in matches)))
    (body_length, body), (header_length, header) = parts
    return _Frame(body_length, body, header_length, header)


def check_message(components: Components, values: Mapping[str, str]) -> list[str]:
    """What is wrong with a message as one guest would read it, as sentences; empty when nothing is.

    The values themselves are `check_value`'s; one that is missing counts nothing here.
    """
    frame = _frame(components)
    body, header = frame.body_length, frame.header_length
    for name, fallback in frame.body:
        body += len(values.get(name) or fallback)
    for name, fallback in frame.header:
        header += len(values.get(name) or fallback)
    if body <= MOST_IN_BODY and header <= MOST_IN_HEADER:
        return []
    found = []
    for field, length, most, own in (
        ("body", body, MOST_IN_BODY, frame.body),
        ("header", header, MOST_IN_HEADER, frame.header),
    ):
        if length > most:
            longest = max(own, key=lambda slot: len(slot.value(values)), default=None)
            told, told_longest = _WOULD_BE_TOO_LONG[field]
            found.append(
                (told_longest if longest else told).format(
                    n=f"{length:,}",
                    most=f"{most:,}",
                    by=f"{length - most:,}",
                    name=longest.name if longest else "",
                )
            )
    return found


#: without values, and with the name of the longest
_WOULD_BE_TOO_LONG: Final = {
    "body": (
        noop("The text would have {n} characters, and WhatsApp takes {most}: shorten it by {by}."),
        noop(
            "The text would have {n} characters, and WhatsApp takes {most}: shorten it by {by}; "
            "the longest value is “{name}”."
        ),
    ),
    "header": (
        noop("The first line would have {n} characters, and WhatsApp takes {most}: shorten it by {by}."),
        noop(
            "The first line would have {n} characters, and WhatsApp takes {most}: shorten it by {by}; "
            "the longest value is “{name}”."
        ),
    ),
}


def _short(text: str) -> str:
    """Few enough characters to stand in a sentence."""
    line = " ".join(text.split())
    return line if len(line) <= 40 else f"{line[:39]}…"
