"""The parameters among the words of a command: what people filter, sort and compare runs by.

--lr 0.1    --lr=0.1    lr=0.1    -p lr 0.1 (a notebook's)    lr is 0.1
--verbose                                                     verbose is true
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence

from runs.notebooks import is_notebook_words, notebook_arguments

NAME_LENGTH = 255
VALUE_LENGTH = 1000
"""Of longer values so many characters are kept: enough to tell them apart."""

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_ASSIGNMENT = re.compile(r"\+{0,2}([A-Za-z_][\w./-]*)=(.*)", re.DOTALL)


def params_of(words: Sequence[str]) -> Mapping[str, str]:
    """The parameters by name, each as the text that was given; the last one of a name counts."""
    pairs = _notebook(words) if is_notebook_words(words) else _options(words[1:])
    return {
        name: value[:VALUE_LENGTH]
        for name, value in pairs
        if 0 < len(name) <= NAME_LENGTH and "\0" not in name + value
    }


def number_of(text: str) -> float | None:
    """The finite number that a text writes; None for any other text."""
    if not _NUMBER.fullmatch(text):
        return None
    value = float(text)
    return value if math.isfinite(value) else None


def _notebook(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    arguments = notebook_arguments(words)
    for at in range(0, len(arguments) - 2, 3):
        yield arguments[at + 1], arguments[at + 2]


def _options(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    taken = False
    for at, word in enumerate(words):
        after = words[at + 1] if at + 1 < len(words) else ""
        if taken:
            taken = False
            continue
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            taken = not equals and _is_value(after)
            yield name, value if equals else after if taken else "true"
        elif found := _ASSIGNMENT.fullmatch(word):
            yield found[1], found[2]


def _is_value(word: str) -> bool:
    """Whether a word after an option belongs to it: no option, unless it is a negative number."""
    return word != "" and (not word.startswith("-") or number_of(word) is not None)
