"""Names of data: the variable that each becomes, and where `${data.name}` stands in a command."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

PREFIX = "RUNYARD_DATA_"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_MENTION = re.compile(r"(\$?)\$\{data\.([^{}]*)\}")


def data_variable(name: str) -> str:
    """The environment variable that holds its path: mnist-5k becomes RUNYARD_DATA_MNIST_5K."""
    return PREFIX + name.upper().replace("-", "_")


def data_mentioned(words: Iterable[str]) -> list[str]:
    """The names in `${data.name}`, each once; `$${data.name}` is meant as it stands."""
    found = (match for word in words for match in _MENTION.finditer(word))
    return list(dict.fromkeys(match[2] for match in found if not match[1]))


def data_filled_in(words: Iterable[str], paths: Mapping[str, str]) -> list[str]:
    """The words with the paths in place of the names; a doubled `$` becomes one.

    Raises:
        KeyError: a name has no path.
    """
    return [_MENTION.sub(lambda m: m[0][1:] if m[1] else paths[m[2]], word) for word in words]
