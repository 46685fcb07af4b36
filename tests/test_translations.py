"""What the host's pages say, in every language that they speak."""

from __future__ import annotations

import ast
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from django.contrib.auth.models import User
from django.template.base import Lexer, TokenType
from django.test import Client
from django.utils import translation
from translations.collecting import KEYWORDS, LANGUAGES, SOURCE, path_of, template_catalog

from cordially.dashboard import exporting
from cordially.dashboard.frames import GuestFrames, Reader
from cordially.dashboard.guestlist import Filter
from cordially.dashboard.shown import shown
from cordially.guests.phones import read_phone
from cordially.guests.reading import read_table
from cordially.invitations.hours import stop_of
from cordially.invitations.models import Review
from cordially.providers.twilio.codes import UNREACHABLE

from .people import a_campaign, a_guest, an_event

each_language = pytest.mark.parametrize("language", LANGUAGES)

_PLACES = re.compile(r"%\(\w+\)[.\d]*[sdf]|\{\w*\}|%%|</?\w+[^>]*>")
#: what is written the same everywhere
_NAMES = re.compile(
    r"\b(Cordially|WhatsApp|Twilio|CSV|XLSX|SID|API|MB|JPEG|PNG|WebP|F2|SK|AC|Esc)\b"
    r"|https?://\S+|\S+/\S+|\w+_\w+|Maya|Arjun|Ruth|Almog|The Orange Grove|HaNadiv Street|Binyamina|has-actionbar|amp"
)


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """What a page was spoken in stays with its thread; other tests read English."""
    yield
    translation.deactivate()


def forms(text: object) -> tuple[str, ...]:
    return text if isinstance(text, tuple) else (str(text),)


def messages(language: str) -> list[Message]:
    with path_of(language).open("rb") as file:
        return [message for message in read_po(file, locale=language) if message.id]


@each_language
def test_every_sentence_is_translated_and_nothing_else(language: str) -> None:
    """`make messages` says what is missing."""
    wanted = {(forms(message.id), message.context) for message in template_catalog() if message.id}
    kept = {(forms(message.id), message.context): forms(message.string) for message in messages(language)}
    assert set(kept) == wanted
    assert [ids for ids, said in kept.items() if not all(said)] == []


@each_language
def test_what_is_filled_in_is_the_same_in_every_language(language: str) -> None:
    for message in messages(language):
        for text, said in zip(forms(message.id), forms(message.string), strict=True):
            assert set(_PLACES.findall(said)) == set(_PLACES.findall(text)), text


@each_language
def test_the_server_reads_what_was_translated(language: str) -> None:
    written = io.BytesIO()
    with path_of(language).open("rb") as file:
        write_mo(written, read_po(file, locale=language))
    assert path_of(language).with_suffix(".mo").read_bytes() == written.getvalue(), "run `make messages`"


def _unmarked(path: Path) -> list[str]:
    """Words of a page that no translation would reach."""
    text, inside = "", False
    for token in Lexer(path.read_text(encoding="utf-8")).tokenize():
        if token.token_type == TokenType.BLOCK:
            inside = token.contents.startswith("blocktranslate") or (
                inside and token.contents != "endblocktranslate"
            )
            text += " ◦ "
        elif token.token_type == TokenType.TEXT and not inside:
            text += token.contents
    said = re.findall(r'\b(?:aria-label|placeholder|title|alt)="([^"]*)"', text)
    # a tag that holds `◦` may hold its end in quotes only
    bare = re.sub(r"<(script|style|svg)\b.*?</\1>|<!--.*?-->|<[^<>]*>|&\w+;", " ", text, flags=re.S)
    return re.findall(r"[A-Za-z]{3,}", _NAMES.sub(" ", " ".join([bare, *said])))


def test_no_page_says_a_word_that_can_t_be_translated() -> None:
    pages = sorted((SOURCE / "dashboard" / "templates").rglob("*.html"))
    found = {page.name: words for page in pages if page.name != "_sprite.html" and (words := _unmarked(page))}
    assert found == {}


#: words that a tag or a filter is given: `label="Pause"`, `default:"Empty"`; marked they are `_("Pause")`
_GIVEN = re.compile(
    r"""\b(?:label|title|say)=(?P<q>["'])[A-Za-z].*?(?P=q)|\b(?:default|yesno)[\w]*:["'][A-Za-z]"""
)


def test_no_tag_is_given_a_word_that_can_t_be_translated() -> None:
    found = [
        (page.name, token.contents)
        for page in sorted((SOURCE / "dashboard" / "templates").rglob("*.html"))
        for token in Lexer(page.read_text(encoding="utf-8")).tokenize()
        if token.token_type in (TokenType.BLOCK, TokenType.VAR)
        if _GIVEN.search(token.contents) or "|pluralize" in token.contents
    ]
    assert found == []


def test_no_script_says_a_word_of_its_own() -> None:
    """What a script writes stands on the page, in an attribute that was translated."""
    words = re.compile(r"""["'`]([A-Z][a-z]+(?: [^"'`]*)?)["'`]""")
    keys = {"Enter", "Escape", "Files", "Tab"}
    scripts = sorted((SOURCE / "dashboard" / "static").rglob("*.js"))
    assert scripts
    found = [
        (script.name, text)
        for script in scripts
        for text in words.findall(re.sub(r"^\s*//.*$", "", script.read_text(), flags=re.M))
        if text not in keys
    ]
    assert found == []


#: what is raised when a part of ours is used wrongly; the page of an address that leads nowhere doesn't quote it
_FOR_PROGRAMMERS = {
    "Http404",
    "ImproperlyConfigured",
    "KeyError",
    "LookupError",
    "RuntimeError",
    "TypeError",
    "ValueError",
}
#: answers to machines, keys of pieces, and English grammar for English readers
_NOBODY_S = {"Bad request.", "Sign in first.", "guest {}", "row {}", "the {}"}
_HEADER = re.compile(r"(?:attachment; |private, |default-src |data: |event: )")
_PLAIN_WORD = re.compile(r"[“(]?[A-Za-z’'-]*[a-z][A-Za-z’'-]*[”).,:;…?!]*")


def _called(node: ast.expr | None) -> str:
    made = node.func if isinstance(node, ast.Call) else node
    return made.attr if isinstance(made, ast.Attribute) else getattr(made, "id", "")


def _is_excused(node: ast.AST) -> bool:
    """Whether what stands within is marked, or is read by nobody but us."""
    if isinstance(node, ast.Call):
        owner = getattr(getattr(node.func, "value", None), "id", "")
        return _called(node) in KEYWORDS or owner in ("logger", "re")
    if isinstance(node, ast.Raise):
        return _called(node.exc) in _FOR_PROGRAMMERS
    if isinstance(node, ast.FunctionDef):
        return node.name in ("__str__", "__repr__")
    # docstrings
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_said(text: str, *, is_filled: bool) -> bool:
    """Three plain words, two that begin like a sentence, or one between what is filled in."""
    words = [word for word in text.split() if _PLAIN_WORD.fullmatch(word)]
    return len(words) >= (1 if is_filled else 2 if text[:1].isupper() else 3)


def _is_nobody_s(text: str) -> bool:
    return text in _NOBODY_S or _HEADER.match(text) is not None


def _unmarked_in(node: ast.AST) -> Iterator[tuple[int, str]]:
    if _is_excused(node):
        return
    if isinstance(node, ast.JoinedStr):
        parts = [str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values]
        said, is_filled = "".join(parts), True
    else:
        said, is_filled = getattr(node, "value", None) if isinstance(node, ast.Constant) else None, False
    if isinstance(said, str) and _is_said(said, is_filled=is_filled) and not _is_nobody_s(said):
        yield node.lineno, said
    for child in ast.iter_child_nodes(node):
        if not (is_filled and isinstance(child, ast.Constant)):
            yield from _unmarked_in(child)


def test_no_part_says_a_sentence_that_can_t_be_translated() -> None:
    parts = [
        path
        for part in ("accounts", "dashboard", "events", "team")
        for path in sorted((SOURCE / part).rglob("*.py"))
        if not {"tests", "migrations"} & set(path.parts)
    ]
    assert len(parts) > 50
    found = [
        (path.relative_to(SOURCE).as_posix(), *each)
        for path in parts
        for each in _unmarked_in(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert found == []


def test_what_workers_wrote_in_english_is_read_in_hebrew() -> None:
    stopped = stop_of(Review.PAUSED, "Our day", "Too many complaints")
    note = read_phone("054 55", "IL").note
    with translation.override("en"):
        assert shown(stopped) == stopped and shown(UNREACHABLE.sentence) == UNREACHABLE.sentence
    with translation.override("he"):
        assert shown(UNREACHABLE.sentence) != UNREACHABLE.sentence
        said = shown(stopped)
        assert "Our day" in said and "Too many complaints" in said and "paused the template" not in said
        assert "054 55" in shown(note) or "05455" in shown(note)
        assert not re.search("[a-z]{4}", shown(note))
        assert shown("Something that nobody marked.") == "Something that nobody marked."


@pytest.fixture
def host(db: None, client: Client) -> Client:
    client.force_login(User.objects.create_user("hadar", is_superuser=True))
    return client


def test_the_pages_speak_hebrew_from_right_to_left(host: Client) -> None:
    event = an_event()
    a_campaign([a_guest(event, "Sunita")])
    address = f"/e/{event.slug}/guests"
    page = host.get(address).content.decode()
    assert '<html lang="en" dir="ltr">' in page and "עברית" in page
    answer = host.post("/language", {"language": "he", "next": address})
    assert answer.status_code == 302 and answer["Location"] == address
    page = host.get(address).content.decode()
    assert '<html lang="he" dir="rtl">' in page and "<h1>אורחים</h1>" in page and "English" in page
    drawn = GuestFrames(event, Filter(), [event.guests.get().pk], Reader("he")).draw(None)
    assert "בתור" in drawn and "Queued" not in drawn
    assert "Queued" in GuestFrames(event, Filter(), [event.guests.get().pk]).draw(None)


def test_a_browser_that_reads_hebrew_is_spoken_to_in_it(client: Client) -> None:
    page = client.get("/signin", headers={"Accept-Language": "he-IL,he;q=0.9"}).content.decode()
    assert 'dir="rtl"' in page and "כניסה" in page


@pytest.mark.django_db
def test_a_list_that_was_written_out_in_hebrew_is_read_again() -> None:
    event = an_event()
    a_guest(event, "Sunita Deshpande", group="Family", party_size=3)
    with translation.override("he"):
        written = "".join(exporting.csv(event, event.guests.all()))
    assert "טלפון" in written
    table = read_table(io.BytesIO(written.encode()), "guests.csv")
    assert {"name", "phone", "party_size", "group", "language", "note"} <= set(table.arrange().roles)
