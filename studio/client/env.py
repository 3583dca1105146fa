"""`runyard env ACTION NAME`: make an environment; everything else is in `env_versions`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from studio.client.errors import Refused
from studio.client.http import with_query
from studio.client.login import connect
from studio.client.options import Parser

_OTHERS = (
    "show",
    "lock",
    "diff",
    "label",
    "unlabel",
    "archive",
    "restore",
    "delete",
    "update",
    "build",
)
_USAGE = """runyard env create NAME -r FILE | --interpreter PATH
       runyard env show NAME[:VERSION]
       runyard env lock NAME[:VERSION] [-o FILE]
       runyard env diff NAME[:VERSION] OTHER[:VERSION]
       runyard env label NAME:VERSION LABEL
       runyard env unlabel NAME LABEL
       runyard env archive | restore | delete NAME[:VERSION]
       runyard env update NAME[:VERSION] [--yes]
       runyard env build NAME[:VERSION] --target T [--wait]"""


def run(argv: Sequence[str]) -> int:
    """Create it, the same definition again changes nothing; or do the other action."""
    if argv and argv[0] in _OTHERS:
        from studio.client import env_versions

        return env_versions.run(argv)
    parser = Parser(
        "env", "Make an environment; a changed definition is its next version.", usage=_USAGE
    )
    parser.add_argument("action", choices=["create"])
    parser.add_argument("name", metavar="NAME")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("-r", "--requirements", metavar="FILE", help="packages; - for standard input")
    what.add_argument("--interpreter", metavar="PATH", help="a Python that you look after yourself")
    parser.add_argument("--description", metavar="D", default="")
    parser.workspace()
    asked = parser.parse(argv)
    definition = (
        {"interpreter_path": asked.interpreter}
        if asked.interpreter
        else {"requirements": text_of(asked.requirements)}
    )
    body = {"name": asked.name, "description": asked.description, **definition}
    made = connect().json("POST", with_query("/environments", workspace=asked.workspace), body)
    parser.answer(asked, made, f"environment {made['name']}:{made['version']}")
    return 0


def text_of(path: str) -> str:
    """The requirements in a file; - is standard input.

    Raises:
        Refused: they cannot be read.
    """
    try:
        if path == "-":
            return sys.stdin.read()
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise Refused(f"The requirements '{path}' cannot be read: {why}.") from error
