"""Every sentence that is marked for translation, in Python and in templates."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from django.template import Engine, Template
from django.template.base import Node, NodeList
from django.templatetags.i18n import BlockTranslateNode, TranslateNode
from django.utils.translation import trim_whitespace

SOURCE = Path(__file__).parents[1] / "src" / "cordially"
LOCALE = SOURCE / "locale"
LANGUAGES = ("he",)

#: `_("…")` as an argument in a tag or of a filter
_IN_EXPRESSION = re.compile(r"""[=:\s]_\("([^"]+)"\)""")

#: the functions that mark, and which of their arguments is what
KEYWORDS: dict[str, Any] = {
    "_": None, "gettext": None, "gettext_lazy": None, "gettext_noop": None, "noop": None, "plural": (1, 2),
    "ngettext": (1, 2), "ngettext_lazy": (1, 2), "pgettext": ((1, "c"), 2), "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
}  # fmt: skip


class Marked(NamedTuple):
    """One sentence: `forms` is it alone, or its singular and plural."""

    forms: tuple[str, ...]
    context: str | None
    where: str


def _of_python(path: Path) -> Iterator[Marked]:
    for _line, message, _comments, context in extract_from_file("python", path, keywords=KEYWORDS):
        yield Marked((message,) if isinstance(message, str) else tuple(message), context, _place(path))


def _place(path: Path) -> str:
    return path.relative_to(SOURCE.parent).as_posix()


def _literal(expression: Any) -> str | None:
    """The text of `"…"` in a tag; None for a variable, which has no sentence."""
    literal = getattr(expression.var, "literal", expression.var)
    return str(literal) if isinstance(literal, str) else None


def _nodes(nodes: NodeList) -> Iterator[Node]:
    for node in nodes:
        yield node
        for name in node.child_nodelists:
            yield from _nodes(getattr(node, name, None) or NodeList())


def _of_template(engine: Engine, path: Path) -> Iterator[Marked]:
    source = path.read_text(encoding="utf-8")
    for text in _IN_EXPRESSION.findall(source):
        yield Marked((text,), None, _place(path))
    for node in _nodes(Template(source, engine=engine).nodelist):
        context = _literal(node.message_context) if getattr(node, "message_context", None) else None
        if isinstance(node, TranslateNode) and (text := _literal(node.filter_expression)) is not None:
            yield Marked((text.replace("%", "%%"),), context, _place(path))
        elif isinstance(node, BlockTranslateNode):
            forms = [node.render_token_list(tokens)[0] for tokens in (node.singular, node.plural) if tokens]
            yield Marked(tuple(map(trim_whitespace, forms) if node.trimmed else forms), context, _place(path))


def marked() -> Iterator[Marked]:
    """All of them, file by file. Django must be set up."""
    engine = Engine.get_default()
    for path in sorted(SOURCE.rglob("*.py")):
        if "tests" not in path.parts and "migrations" not in path.parts:
            yield from _of_python(path)
    for path in sorted(SOURCE.rglob("*.html")):
        yield from _of_template(engine, path)


def template_catalog() -> Catalog:
    """What there is to translate, each sentence once with the files that say it."""
    catalog = Catalog(charset="utf-8", fuzzy=False)
    for forms, context, where in marked():
        flags = {"python-format"} if any("%(" in form for form in forms) else set()
        if any("{" in form for form in forms):
            flags.add("python-brace-format")
        catalog.add(
            forms if len(forms) > 1 else forms[0], locations=[(where, None)], flags=flags, context=context
        )
    return catalog


def path_of(language: str) -> Path:
    return LOCALE / language / "LC_MESSAGES" / "django.po"
