"""Source text in colours: one piece of HTML for each of its lines."""

from __future__ import annotations

from html import escape

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexer import Lexer
from pygments.lexers import TextLexer, get_lexer_by_name, get_lexer_for_filename
from pygments.util import ClassNotFound

_FORMATTER = HtmlFormatter(nowrap=True)


def text_lines(text: str) -> list[str]:
    """The lines of a text, without an empty one after the last line end."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def plain_lines(text: str) -> list[str]:
    """The lines of a text as HTML without colours."""
    return [escape(line) for line in text_lines(text)]


def code_lines(text: str, name: str) -> list[str]:
    """The lines of a file as HTML: as many as `text_lines`; every element ends on its line."""
    return _coloured(text, _lexer_for_file(name))


def language_lines(text: str, language: str) -> list[str]:
    """The same for a language that goes by its name, like "python"."""
    try:
        lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return plain_lines(text)
    return _coloured(text, lexer)


def _coloured(text: str, lexer: Lexer) -> list[str]:
    if isinstance(lexer, TextLexer):
        return plain_lines(text)
    known = text_lines(text)
    if not known:
        return []
    coloured = highlight("\n".join(known), lexer, _FORMATTER).split("\n")[: len(known)]
    # a lexer that swallows the last line end must not cost the line after it
    return coloured + [escape(line) for line in known[len(coloured) :]]


def _lexer_for_file(name: str) -> Lexer:
    lexer: Lexer
    try:
        lexer = get_lexer_for_filename(name, stripnl=False, ensurenl=False)
    except ClassNotFound:
        lexer = TextLexer(stripnl=False, ensurenl=False)
    return lexer
