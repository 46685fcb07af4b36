"""The documents say what the code does."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from django.core.management import get_commands

import cordially
from cordially.cli import cordially as command_line
from cordially.invitations.lifecycle import ENDED, LIVE, MOVES, OPEN, State
from cordially.templating import rules, variables

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
PAGES = [README, ROOT / "CHANGELOG.md", *sorted(DOCS.glob("*.md"))]
SETTINGS = ROOT / "src" / "cordially" / "settings.py"

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def rows(text: str) -> list[list[str]]:
    """The cells of every table row, without titles and rules."""
    lines = [line.strip() for line in text.splitlines()]
    rules = {number for number, line in enumerate(lines) if re.fullmatch(r"\|[ |:-]+\|", line)}
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for number, line in enumerate(lines)
        if line.startswith("|") and not {number, number + 1} & rules
    ]


def section(page: Path, heading: str) -> str:
    """What stands under a heading, down to the next of its rank."""
    return re.split(rf"^## {re.escape(heading)}$", page.read_text(), flags=re.M)[1].split("\n## ")[0]


def quoted(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def code_lines(page: Path) -> Iterator[str]:
    """Each line of code: of the blocks, and what stands between backticks in the text."""
    for number, part in enumerate(re.split(r"^ *```.*$", page.read_text(), flags=re.M)):
        yield from part.splitlines() if number % 2 else quoted(part)


def named_after(word: str, page: Path) -> set[str]:
    """The first arguments in `word argument …`, wherever that is code."""
    found = (re.match(rf"\s*(?:\.venv/bin/)?{word} ([a-z][a-z-]*)", line) for line in code_lines(page))
    return {match[1] for match in found if match}


def read_in_settings() -> set[str]:
    """Names in `env.<type>("NAME", …)` and `_secret("NAME", …)`."""
    calls = [node for node in ast.walk(ast.parse(SETTINGS.read_text())) if isinstance(node, ast.Call)]
    names = set()
    for call in calls:
        of_env = isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) == "env"
        is_secret = isinstance(call.func, ast.Name) and call.func.id == "_secret"
        if (of_env or is_secret) and call.args and isinstance(call.args[0], ast.Constant):
            names.add(str(call.args[0].value))
    return names


# --- states


def test_the_moves_are_those_of_the_code() -> None:
    table = re.search(r"<!-- moves:.*?-->(.*?)<!-- /moves -->", (DOCS / "states.md").read_text(), re.S)
    assert table
    told: dict[str, list[str]] = {}
    for old, new, _ in rows(table[1]):
        told.setdefault(*quoted(old), []).extend(quoted(new))
    assert {old: sorted(new) for old, new in told.items()} == {old: sorted(new) for old, new in MOVES.items()}


def test_every_state_has_its_paragraph_and_its_word() -> None:
    told = dict(re.findall(r"^\*\*`(\w+)`\*\* \(“(.+?)”\)", section(DOCS / "states.md", "Each state"), re.M))
    assert told == {state.value: state.label for state in State}


def test_the_sets_of_states_are_those_of_the_code() -> None:
    told = {
        quoted(name)[0]: set(quoted(states))
        for name, states, _ in rows(section(DOCS / "states.md", "Three sets"))
    }
    assert told == {"LIVE": set(LIVE), "OPEN": set(OPEN), "ENDED": set(ENDED)}


# --- settings


def test_every_setting_has_its_heading_and_no_other_has() -> None:
    headings = re.findall(r"^### (\w+)$", (DOCS / "settings.md").read_text(), re.M)
    assert len(headings) == len(set(headings))
    assert set(headings) == read_in_settings()


def test_every_setting_has_a_default_and_an_example() -> None:
    parts = re.split(r"^### (\w+)$", (DOCS / "settings.md").read_text(), flags=re.M)[1:]
    for name, text in zip(parts[::2], parts[1::2], strict=True):
        assert text.strip().startswith("Default: "), name
        assert re.search(rf"^Example: `{name}=.+`$", text, re.M), name


@each_page
def test_no_page_names_a_setting_that_is_not_read(page: Path) -> None:
    named = set(re.findall(r"\b(?:CORDIALLY|TWILIO)_[A-Z_]+\b", page.read_text()))
    assert named <= read_in_settings()


# --- commands


@each_page
def test_the_commands_that_a_page_names_exist(page: Path) -> None:
    assert named_after("cordially", page) <= {*command_line.commands, *get_commands()}


@each_page
def test_the_make_targets_that_a_page_names_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.M))
    assert named_after("make", page) <= targets


def test_the_readme_names_the_two_commands() -> None:
    assert {"run", "test"} <= named_after("make", README)
    assert {"create-event", "import-guests", "send", "status", "sender"} <= named_after("cordially", README)


@each_page
def test_the_options_that_a_page_shows_exist(page: Path) -> None:
    for line in code_lines(page):
        if (match := re.match(r"\s*cordially ([a-z][a-z-]*)\b(.*)", line)) and match[
            1
        ] in command_line.commands:
            known = {name for param in command_line.commands[match[1]].params for name in param.opts}
            assert set(re.findall(r"(?<=\s)--[a-z-]+", match[2])) <= known | {"--help"}, line


@pytest.mark.parametrize("name", command_line.commands)
def test_the_help_of_every_command_has_an_example(name: str) -> None:
    result = CliRunner().invoke(command_line, [name, "--help"])
    assert result.exit_code == 0
    assert "Example:" in result.output


# --- the rest


def test_the_parts_stand_in_the_order_of_the_import_contract() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    told = [quoted(part) for part, _ in rows(section(DOCS / "architecture.md", "The parts"))]
    assert told == [[name.removeprefix("cordially.") for name in layer.split(" | ")] for layer in layers]


def test_the_newest_change_is_of_this_version() -> None:
    versions = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert versions[0] == cordially.__version__


def test_the_glossary_explains_the_words_in_order() -> None:
    words = re.findall(r"^\*\*(.+?)\*\*: \S", (DOCS / "glossary.md").read_text(), re.M)
    assert len(words) > 30
    assert words == sorted(words, key=str.casefold)


@each_page
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if not target.startswith(("https://", "http://")):
            path, _, anchor = target.partition("#")
            found = page.parent / path if path else page
            assert found.exists(), target
            assert not anchor or anchor in anchors(found), target


def anchors(page: Path) -> set[str]:
    """The names that a Markdown page's headings get."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.M)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_variable_and_limit_of_a_template_is_explained() -> None:
    text = (DOCS / "templates.md").read_text()
    for each in variables.BUILT_IN:
        assert f"| `{{{{{each.name}}}}}` | {each.of} | {each.means} | {each.sample} |" in text, each.name
    limits = [
        getattr(rules, name) for name in dir(rules) if name.startswith("MOST_") and name != "MOST_IN_NAME"
    ]
    assert len(limits) >= 9
    missing = [limit for limit in limits if not re.search(rf"(?<![\d,]){limit:,}(?![\d,])", text)]
    assert not missing
