"""`runyard submit`: send what the studio lacks of a folder, and run a script or command in it."""

from __future__ import annotations

import json
import os
import re
from argparse import Namespace
from collections.abc import Sequence

from studio.client.errors import Refused
from studio.client.options import Parser, tell

TYPE_CHECKING = False  # importing typing would cost the command a tenth of its start
if TYPE_CHECKING:
    from typing import Any

    from studio.client.http import Connection

_VALUED = (
    ("--source", "DIR", "the folder to run in (default: this one)"),
    ("--git", "URL", "run a commit of this repository instead of a folder"),
    ("--ref", "REF", "with --git: a branch, tag or commit (default: the default branch)"),
    ("--folder", "SUB", "with --git: the sub-folder to run in"),
    ("--credential", "C", "with --git: what opens it (default: the one for its host)"),
    ("--save-as", "NAME", "keep the folder as a source of this name"),
    ("--saved", "NAME", "run a source that the studio has under this name, instead of a folder"),
    ("--snapshot", "DIGEST", "run a snapshot that the studio has, instead of a folder"),
    ("--target", "T", "where to run"),
    ("--environment", "E", "what to run in, as NAME or NAME:VERSION"),
    ("--experiment", "X", "the group it belongs to (default: the folder's name)"),
    ("--name", "N", "what to call the run"),
    ("--description", "D", "what it is for"),
    ("--gpus", "N", "how many GPUs are lent to it, or all (default: 0, it sees none)"),
    ("--priority", "N", "higher goes first (default: 0)"),
    ("--time-limit", "TIME", "end it after so long, like 90s, 30m, 2h or 1d"),
    ("--workspace", "W", "when you belong to more than one"),
)
_REPEATED = (
    ("--env", "K=V", "an environment variable; K alone takes its value from here; may be repeated"),
    ("--secret", "NAME", "a secret of the workspace, as a variable; may be repeated"),
    ("--tag", "K=V", "a tag; may be repeated"),
    ("--data", "NAME", "named data that it needs; may be repeated"),
    ("--output", "PATTERN", "files to keep (default: outputs/**); may be repeated"),
)
_USAGE = "runyard submit [options] SCRIPT [ARGS…]\n       runyard submit [options] -- COMMAND…"
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def run(argv: Sequence[str]) -> int:
    """Submit; with --wait stay to the end and answer with the run's exit code."""
    parser = _parser()
    options, rest, is_command = split(argv)
    asked = parser.parse(options)
    there = _there(parser, asked)
    if there and (asked.source or asked.dry_run):
        parser.error(f"--{next(iter(there))} takes the files from elsewhere: leave the rest out")
    if asked.saved and asked.save_as:
        parser.error("--saved takes the files of a source already: leave --save-as out")
    if not rest and not asked.dry_run:
        parser.error("give a SCRIPT, or -- and a COMMAND")
    folder = "" if there else asked.source or "."
    if folder and not os.path.isdir(folder):
        raise Refused(f"There is no folder '{folder}': --source names the folder to run in.")
    if asked.dry_run:
        return _tell_plan(folder, as_json=asked.json)
    body = _body(asked, folder)
    if is_command:
        body["command"] = rest
    else:
        body["script"] = rest[0]
        body["arguments"] = rest[2:] if rest[1:2] == ["--"] else rest[1:]
    if asked.check:
        from studio.client.check import check

        return check(folder, there, body, as_json=asked.json)
    return stay_with(asked, *_submitted(asked, folder, there, body))


def _submitted(
    asked: Namespace, folder: str, there: dict[str, Any], body: dict[str, Any]
) -> tuple[Connection, dict[str, Any]]:
    """The studio, and the run as it made it."""
    if there:
        from studio.client.gitsource import submit_there
        from studio.client.login import connect

        studio = connect()
        return studio, submit_there(studio, there, body)
    from studio.client.gitreader import GitReader

    # git answers while everything else is imported and the folder is read
    facts = GitReader(folder)
    from studio.client.login import connect
    from studio.client.upload import submit_folder

    studio = connect()
    return studio, submit_folder(studio, folder, body, facts, quiet=asked.json)


def stay_with(asked: Namespace, studio: Connection, made: dict[str, Any]) -> int:
    """Tell of the new run, and with --wait stay to its end."""
    if not asked.json:
        tell(f"submitted {made['name']} as run {made['id']}: {made['url']}")
    if not asked.wait:
        if asked.json:
            tell(json.dumps(made, indent=2))
        return 0
    from studio.client.follow import exit_code, stay

    ended = stay(studio, made["id"], quiet=asked.json)
    if ended is None:
        return 130
    if asked.json:
        tell(json.dumps({name: value for name, value in ended.items() if name != "t"}, indent=2))
    return exit_code(ended)


def _tell_plan(folder: str, *, as_json: bool) -> int:
    from studio.client.survey import survey, survey_json
    from studio.client.upload import Folder

    tell((survey_json if as_json else survey)(Folder(folder)))
    return 0


def split(words: Sequence[str]) -> tuple[list[str], list[str], bool]:
    """(our options, the script or command with its words, whether it is a command).

    From the script on every word is the script's, whatever it looks like.
    """
    valued = {name for name, _, _ in (*_VALUED, *_REPEATED)}
    at = 0
    while at < len(words) and words[at].startswith("-") and words[at] != "--":
        at += 2 if words[at] in valued else 1
    is_command = words[at : at + 1] == ["--"]
    return list(words[:at]), list(words[at + is_command :]), is_command


def _parser() -> Parser:
    parser = Parser(
        "submit", "Run a script or notebook of a folder, or any command in it.", usage=_USAGE
    )
    for name, metavar, text in _VALUED:
        kind = int if name == "--priority" else str
        parser.add_argument(name, metavar=metavar, help=text, type=kind)
    for name, metavar, text in _REPEATED:
        parser.add_argument(name, metavar=metavar, help=text, action="append", default=[])
    parser.add_argument("--wait", action="store_true", help="show its log, exit with its exit code")
    parser.add_argument(
        "--dry-run", action="store_true", help="only say what would be sent, and what is left out"
    )
    parser.add_argument(
        "--check", action="store_true", help="send the files, but only say what may go wrong"
    )
    return parser


def _there(parser: Parser, asked: Namespace) -> dict[str, Any]:
    """The source that the studio has or fetches, as REST takes it; {} for a folder of this machine.

    Ends with the usage when several are given.
    """
    found = {"saved": asked.saved, "git": _git(parser, asked), "snapshot": asked.snapshot}
    given = {name: value for name, value in found.items() if value}
    if len(given) > 1:
        parser.error(f"give only one of {' and '.join(f'--{name}' for name in given)}")
    return given


def _git(parser: Parser, asked: Namespace) -> dict[str, str]:
    """The git source that is asked for; {} for another one."""
    more = {"ref": asked.ref, "folder": asked.folder, "credential": asked.credential}
    git = {name: value for name, value in more.items() if value}
    if git and not asked.git:
        parser.error(f"--{next(iter(git))} belongs to --git URL")
    return {"url": asked.git, **git} if asked.git else {}


def _body(asked: Namespace, folder: str) -> dict[str, Any]:
    """What is asked for, without what is left to the studio."""
    body = {
        "target": asked.target,
        "environment": asked.environment,
        "save_as": asked.save_as,
        "experiment": asked.experiment or (_experiment_of(folder) if folder else ""),
        "name": asked.name,
        "description": asked.description,
        "gpus": _gpus(asked.gpus),
        "priority": asked.priority,
        "time_limit_s": seconds(asked.time_limit) if asked.time_limit else None,
        "variables": dict(map(_variable, asked.env)),
        "secrets": asked.secret,
        "tags": dict(map(_tag, asked.tag)),
        "data": asked.data,
        "outputs": asked.output,
        "workspace": asked.workspace,
    }
    return {name: value for name, value in body.items() if value not in (None, "", [], {})}


def seconds(text: str) -> int:
    """A time span like 90, 90s, 30m, 2h, 1h30m.

    Raises:
        Refused: it is none.
    """
    if text.isdigit():
        return int(text)
    if not re.fullmatch(r"(\d+[smhd])+", text):
        raise Refused(f"'{text}' is no time limit: give one like 90s, 30m, 2h or 1h30m.")
    return sum(int(count) * _SECONDS[unit] for count, unit in re.findall(r"(\d+)([smhd])", text))


def _gpus(text: str | None) -> int | str | None:
    if text is None or text == "all":
        return text
    if not text.isdecimal():
        raise Refused(f"'{text}' is no number of GPUs: give --gpus 2, or --gpus all.")
    return int(text)


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        if name not in os.environ:
            raise Refused(f"The variable {name} is not set here: write --env {name}=VALUE.")
        value = os.environ[name]
    return name, value


def _tag(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name, value


def _experiment_of(folder: str) -> str:
    """The folder's name, as far as an experiment can be called so."""
    name = re.sub(r"[^A-Za-z0-9_. -]+", "-", os.path.basename(os.path.abspath(folder)))
    return re.sub(r"^[^A-Za-z0-9]+", "", name)[:255].rstrip()
