"""Notebooks as scripts: papermill executes them, words become its parameters.

--alpha 0.5    --alpha=0.5    -p alpha 0.5      a parameter, read as a number, True, None or text
--verbose                                       True
-r alpha 0.5                                    a parameter that stays text
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from studio.lib.refusal import Refused

_EXECUTE = ("python", "-m", "papermill", "-k", "python3", "--log-output", "--no-progress-bar")
"""In the kernel of the run's own environment, whichever the notebook was written in."""


def is_notebook(script: str) -> bool:
    """Whether a script is one that papermill executes."""
    return PurePosixPath(script).suffix.lower() == ".ipynb"


def executed_notebook(script: str) -> str:
    """Where the executed notebook is kept, also when one of its cells failed."""
    return f"outputs/{PurePosixPath(script).stem}.ipynb"


def notebook_words(script: str, arguments: Sequence[str]) -> list[str]:
    """The words that execute a notebook.

    Raises:
        Refused: an argument is no parameter.
    """
    return [*_EXECUTE, script, executed_notebook(script), *_parameters(arguments)]


def is_notebook_words(words: Sequence[str]) -> bool:
    """Whether a command is one of `notebook_words`."""
    return tuple(words[: len(_EXECUTE)]) == _EXECUTE


def notebook_arguments(words: Sequence[str]) -> list[str]:
    """The arguments among `notebook_words`, as they can be given again."""
    return list(words[len(_EXECUTE) + 2 :])


def _parameters(arguments: Sequence[str]) -> Iterator[str]:
    words = list(arguments)
    while words:
        word = words.pop(0)
        name, equals, value = word.partition("=")
        if word in {"-p", "-r"} and len(words) >= 2:
            yield from (word, _name(words.pop(0)), words.pop(0))
        elif not word.startswith("--") or word == "--":
            raise _refused(word)
        elif equals:
            yield from ("-p", _name(name[2:]), value)
        elif words and not _is_option(words[0]):
            yield from ("-p", _name(name[2:]), words.pop(0))
        else:
            yield from ("-p", _name(name[2:]), "True")


def _is_option(word: str) -> bool:
    """Whether a word begins something new; a negative number does not."""
    return word in {"-p", "-r"} or word.startswith("--")


def _name(text: str) -> str:
    name = text.replace("-", "_")
    if not name.isidentifier():
        raise _refused(text)
    return name


def _refused(word: str) -> Refused:
    return Refused(
        f"'{word}' is no parameter of a notebook: give --alpha 0.5 or -p alpha 0.5, with a name "
        "that its cell tagged 'parameters' sets.",
        field="arguments",
    )
