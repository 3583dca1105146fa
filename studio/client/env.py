"""`runyard env ACTION NAME`: make an environment; everything else is in `env_versions`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from studio.client.errors import Refused
from studio.client.http import with_query
from studio.client.login import connect
from studio.client.options import Parser, say

_FILES = ("requirements", "pyproject", "conda", "dockerfile")
_REPEATED = (
    ("--secret", "NAME", "a secret of the workspace, given as a variable of that name"),
    ("--spark-package", "P", "Maven coordinates that PySpark fetches"),
    ("--spark-repository", "URL", "where they come from besides Maven Central"),
)
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
_USAGE = """runyard env create NAME -r FILE | --pyproject FILE [--group G] | --conda FILE |
                          --interpreter PATH | --dockerfile FILE | --image REFERENCE
                          [--context DIR] [--based-on OTHER] [--python V] [--env K=V]
                          [--secret NAME] [--spark-package P] [--spark-repository URL]
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
    parser.add_argument("action", choices=["create", *_OTHERS])
    parser.add_argument("name", metavar="NAME")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("-r", "--requirements", metavar="FILE", help="packages; - for standard input")
    what.add_argument("--pyproject", metavar="FILE", help="the dependencies of a pyproject.toml")
    what.add_argument("--conda", metavar="FILE", help="a conda environment.yml")
    what.add_argument("--dockerfile", metavar="FILE", help="for Docker targets alone")
    what.add_argument("--interpreter", metavar="PATH", help="a Python that you look after yourself")
    parser.add_argument("--context", metavar="DIR", help="the files that the Dockerfile copies")
    parser.add_argument("--image", metavar="REF", help="alone, or what packages are installed into")
    parser.add_argument("--group", metavar="G", action="append", help="of the pyproject.toml, too")
    parser.add_argument("--python", metavar="V", help="the wanted version, like 3.11")
    parser.add_argument("--env", metavar="K=V", action="append", default=[], help="a variable")
    for name, metavar, text in _REPEATED:
        parser.add_argument(name, metavar=metavar, action="append", help=text)
    parser.add_argument("--based-on", metavar="OTHER", help="what is not said here is as there")
    parser.add_argument("--description", metavar="D", default="")
    parser.workspace()
    asked = parser.parse(argv)
    definition = _definition(asked)
    body = {"name": asked.name, "description": asked.description, **definition}
    made = _made(asked, body)
    for note in made["notes"]:
        say(note)
    parser.answer(asked, made, f"environment {made['name']}:{made['version']}")
    return 0


def _made(asked: argparse.Namespace, body: dict[str, Any]) -> Any:
    """The studio's answer; the files of a build context are sent as far as it lacks them."""
    path = with_query("/environments", workspace=asked.workspace)
    if not asked.context:
        return connect().json("POST", path, body)
    from studio.client.upload import Folder, ask_with

    files = Folder(asked.context)
    body["context"] = files.digest
    return ask_with(connect(), files, path, body, workspace=asked.workspace, quiet=asked.json)


def _definition(asked: argparse.Namespace) -> dict[str, Any]:
    """What was said; what was not is left out."""
    files = {name: getattr(asked, name) for name in _FILES}
    variables = dict(pair.partition("=")[::2] for pair in asked.env)
    said = {
        **{name: text_of(path) for name, path in files.items() if path},
        "interpreter_path": asked.interpreter,
        "image": asked.image,
        "groups": asked.group,
        "secrets": asked.secret,
        "spark_packages": asked.spark_package,
        "spark_repositories": asked.spark_repository,
        "python": asked.python,
        "variables": variables or None,
        "based_on": asked.based_on,
    }
    return {name: value for name, value in said.items() if value is not None}


def text_of(path: str) -> str:
    """What a file says; - is standard input.

    Raises:
        Refused: it cannot be read.
    """
    try:
        if path == "-":
            return sys.stdin.read()
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise Refused(f"The file '{path}' cannot be read: {why}.") from error
