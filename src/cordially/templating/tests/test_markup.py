"""What WhatsApp makes of marks and links, and what stays text."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cordially.templating.markup import Piece, marks, pieces, plain


def drawn(text: str | list[tuple[str, bool]]) -> str:
    """The pieces in a form that is easy to compare: `a [b:x]` for a bold x."""
    shown = ""
    for piece in pieces(text):
        style = "".join(
            letter
            for letter, is_so in zip(
                "bism", (piece.bold, piece.italic, piece.strike, piece.mono), strict=True
            )
            if is_so
        )
        style += "l" * bool(piece.href) + "v" * piece.is_variable
        shown += f"[{style}:{piece.text}]" if style else piece.text
    return shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("come *soon*, please", "come [b:soon], please"),
        ("_soon_", "[i:soon]"),
        ("~soon~", "[s:soon]"),
        ("```soon```", "[m:soon]"),
        ("*two words*", "[b:two words]"),
        ("(*soon*)!", "([b:soon])!"),
        ("*_both_*", "[bi:both]"),
        ("_*both*_", "[bi:both]"),
        ("~*_all_*~", "[bis:all]"),
        ("*a _b_ c*", "[b:a ][bi:b][b: c]"),
        ("*a* *b*", "[b:a] [b:b]"),
        ("*a*🎉", "[b:a]🎉"),
        ("*नमस्ते* जी", "[b:नमस्ते] जी"),
        ("אל *החתונה*.", "אל [b:החתונה]."),
        ("**a**", "*[b:a]*"),
        # crossed: the one that is closed first counts
        ("*a _b* c_", "[b:a _b] c_"),
        # no borders of words
        ("2*3*4", "2*3*4"),
        ("a_b_c", "a_b_c"),
        ("*a*b", "*a*b"),
        ("नमस्ते*a*", "नमस्ते*a*"),
        # spaces inside
        ("* a*", "* a*"),
        ("*a *", "*a *"),
        ("5 * 3 * 2", "5 * 3 * 2"),
        ("*a *b* c*", "[b:a *b] c*"),
        # nothing inside
        ("**", "**"),
        ("***", "***"),
        ("``````", "``````"),
        ("``` ```", "``` ```"),
        # one line
        ("*a\nb*", "*a\nb*"),
        ("*a*\n_b_", "[b:a]\n[i:b]"),
        # alone
        ("*a", "*a"),
        ("a*", "a*"),
        ("```a", "```a"),
        ("`a`", "`a`"),
        # mono may span lines, and nothing counts inside
        ("```a\n *b* ```!", "[m:a\n *b* ]!"),
        ("```https://example.com```", "[m:https://example.com]"),
        ("*```a```*", "[bm:a]"),
        ("", ""),
    ],
)
def test_marks_are_drawn_as_whatsapp_draws_them(text: str, shown: str):
    assert drawn(text) == shown


@pytest.mark.parametrize(
    ("text", "shown", "href"),
    [
        ("see https://example.com/r/x.", "see [l:https://example.com/r/x].", "https://example.com/r/x"),
        ("(HTTP://Example.com)", "([l:HTTP://Example.com])", "HTTP://Example.com"),
        ("www.example.com, yes", "[l:www.example.com], yes", "https://www.example.com"),
        ("https://example.com/a_(b)?", "[l:https://example.com/a_(b)]?", "https://example.com/a_(b)"),
        ("https://example.com/?q=*a*&_b_=1", "[l:https://example.com/?q=*a*&_b_=1]", "https://example.com/?q=*a*&_b_=1"),
        ("*https://example.com/a*", "[bl:https://example.com/a]", "https://example.com/a"),
        ("_https://example.com/a_", "[il:https://example.com/a]", "https://example.com/a"),
        # a personal link may well end with the sign for italics
        ("https://example.com/r/_a-_", "[l:https://example.com/r/_a-_]", "https://example.com/r/_a-_"),
        ("בואו:https://example.com/r/x", "בואו:[l:https://example.com/r/x]", "https://example.com/r/x"),
    ],
)  # fmt: skip
def test_addresses_are_links(text: str, shown: str, href: str):
    assert drawn(text) == shown
    assert [piece.href for piece in pieces(text) if piece.href] == [href]


@pytest.mark.parametrize(
    "text",
    [
        "javascript:alert(1)",
        "JAVASCRIPT://example.com/%0aalert(1)",
        "data:text/html,<script>alert(1)</script>",
        "<script>alert(1)</script>",
        '<a href="https:">',
        "ftp://example.com",
        "xhttps://example.com",
        "https://",
        "http://…",
        "http://0[",
        "www.",
        "www. example",
        "&lt;b&gt; {{ 7*7 }} {% now %}",
    ],
)
def test_what_is_no_address_stays_text(text: str):
    assert pieces(text) == [Piece(text)]


def test_an_address_ends_before_what_could_break_out_of_it():
    assert [piece.href for piece in pieces('https://example.com/"onclick="x <b>')][
        0
    ] == "https://example.com/"
    assert pieces("https://example.com/<b>")[0].href == "https://example.com/"


def test_marks_count_across_variables_and_inside_them():
    parts = [
        ("to *", False),
        ("A*B", True),
        ("*, ", False),
        ("_x_", True),
        (" ~", False),
        ("y", True),
        (" z~", False),
    ]
    assert drawn(parts) == "to *[v:A*B]*, [iv:x] [sv:y][s: z]".replace("*[v:A*B]*", "[bv:A*B]")


def test_a_link_that_is_partly_a_variable_leads_to_the_whole():
    shown = pieces([("at https://example.com/", False), ("r/x", True), ("!", False)])
    assert [(piece.text, piece.is_variable, piece.href) for piece in shown] == [
        ("at ", False, ""),
        ("https://example.com/", False, "https://example.com/r/x"),
        ("r/x", True, "https://example.com/r/x"),
        ("!", False, ""),
    ]


def test_marks_are_told_by_their_places():
    assert marks("a *b* ```c``` _") == [(2, 3), (4, 5), (6, 9), (10, 13)]
    assert marks("2*3*4") == []


HOSTILE = st.lists(
    st.sampled_from(
        ["*", "_", "~", "`", "```", " ", "\n", "a", "ש", "े", "🎉", "<script>", "javascript:", "http://", "https://x.y/",
         "www.", ")", "(", '"', "'", "\x00", "\u202e", "&"]
    )
    | st.text(max_size=3),
    max_size=30,
).map("".join)  # fmt: skip


@given(st.lists(st.tuples(HOSTILE, st.booleans()), max_size=6))
def test_whatever_is_written_is_shown_and_leads_nowhere_else(parts: list[tuple[str, bool]]):
    shown = pieces(parts)
    text = "".join(part for part, _ in parts)
    hidden = {place for start, end in marks(text) for place in range(start, end)}
    assert plain(shown) == "".join(char for place, char in enumerate(text) if place not in hidden)
    assert all(text[place] in "*_~`" for place in hidden)
    for piece in shown:
        assert piece.text
        if piece.href:
            assert urlsplit(piece.href).scheme in ("http", "https")
            assert not set(piece.href) & set('<>"` \n\t\x00')


@given(st.lists(st.tuples(HOSTILE, st.booleans()), max_size=6))
def test_a_piece_knows_whether_it_came_from_a_variable(parts: list[tuple[str, bool]]):
    text = "".join(part for part, _ in parts)
    origin = [is_variable for part, is_variable in parts for _ in part]
    hidden = {place for start, end in marks(text) for place in range(start, end)}
    expected = [is_variable for place, is_variable in enumerate(origin) if place not in hidden]
    assert [piece.is_variable for piece in pieces(parts) for _ in piece.text] == expected


def test_a_long_and_hostile_text_is_drawn_quickly():
    start = time.perf_counter()
    for text in (
        "*a " * 10_000,
        "*" * 50_000,
        "```" * 10_000,
        "``` " * 10_000,
        "http://a" + ")" * 20_000,
        "_*~a~*_ " * 5_000,
    ):
        pieces(text)
    assert time.perf_counter() - start < 10
