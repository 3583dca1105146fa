"""What of a script or a style has to travel: comments and rules that nothing uses stay here."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from pathlib import Path

_COMMENT = re.compile(r"^[ \t]*//.*\n", re.MULTILINE)
_WORD = re.compile(r"[A-Za-z][\w-]*")
_BLOCK = re.compile(r"([^{}]+)\{((?:[^{}]|\{[^{}]*\})*)\}")
_GROUPS = ("@media", "@supports")
_NEGATED = re.compile(r":not\([^()]*\)")
_CLASS = re.compile(r"\.(-?[A-Za-z_][\w-]*)")
_COMMA = re.compile(r",(?![^()]*\))")
_SPEAKERS = ("templates/**/*.html", "static/js/*.js", "studio/**/*.py", "compute/**/*.py",
             "environments/**/*.py", "runs/**/*.py")  # fmt: skip


def lean_script(script: str) -> str:
    """A script without the lines that are only comments."""
    return _COMMENT.sub("", script)


def lean_style(style: str, words: Container[str]) -> str:
    """The rules of a style sheet that can apply where every class is one of the words.

    Rules keep their order; a selector that names a class which is no word goes, and with its
    last selector a rule.
    """
    return "".join(_rules(style, words))


def words_of(folder: Path) -> frozenset[str]:
    """Every word of the product below a folder that could be a class."""
    files = speakers(folder)
    return frozenset(word for file in files for word in _WORD.findall(file.read_text()))


def speakers(folder: Path) -> list[Path]:
    """Templates, scripts and code: where a class can be named."""
    return sorted(file for pattern in _SPEAKERS for file in folder.glob(pattern))


def _rules(style: str, words: Container[str]) -> Iterator[str]:
    for head, body in _BLOCK.findall(style):
        if head.startswith(_GROUPS):
            inner = lean_style(body, words)
            if inner:
                yield f"{head}{{{inner}}}"
        elif head.startswith("@"):
            yield f"{head}{{{body}}}"
        elif kept := [each for each in _COMMA.split(head) if _can_apply(each, words)]:
            yield f"{','.join(kept)}{{{body}}}"


def _can_apply(selector: str, words: Container[str]) -> bool:
    return all(name in words for name in _CLASS.findall(_NEGATED.sub("", selector)))
