"""`runyard env ACTION NAME[:VERSION]`: versions shown, compared, labelled, brought up to date."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Callable, Sequence

from studio.client.errors import Refused
from studio.client.http import Connection, quote, with_query
from studio.client.login import connect
from studio.client.options import Parser, say
from studio.client.table import facts, moment, table

TYPE_CHECKING = False  # importing typing would cost the command a tenth of its start
if TYPE_CHECKING:
    from typing import Any

_PAUSE_S = 0.5


def run(argv: Sequence[str]) -> int:
    """Do it; `update` and `build --wait` wait for the studio."""
    action, *words = argv
    parser = Parser(f"env {action}", _SUMMARIES[action])
    parser.add_argument("name", metavar="NAME", help="name, name:3 or name:label")
    for names, options in _OPTIONS.get(action, ()):
        parser.add_argument(*names, **options)
    parser.workspace()
    asked = parser.parse(words)
    return _ACTIONS[action](connect(), asked, parser)


def _address(asked: Namespace, more: str = "", **query: object) -> str:
    path = f"/environments/{quote(asked.name, '')}{more}"
    return with_query(path, workspace=asked.workspace, **query)


def _show(studio: Connection, asked: Namespace, parser: Parser) -> int:
    found = studio.json("GET", _address(asked))
    shown = next(v for v in found["versions"] if v["number"] == found["version"])
    about = [
        ("environment", f"{found['name']}:{found['version']}"),
        ("labels", ", ".join(shown["labels"])),
        ("description", found["description"]),
        ("origin", found["origin"]),
        ("archived", moment(found["archived_at"] or shown["archived_at"])),
        ("made", f"{moment(shown['created_at'])} by {shown['created_by'] or 'the studio'}"),
        ("interpreter", shown["interpreter_path"]),
        ("packages", (shown["requirements"] or "").strip()),
        ("locks", "\n".join(map(_lock_line, shown["locks"]))),
        ("runs", shown["runs"]),
    ]
    rows = [
        (v["number"], ", ".join(v["labels"]), v["kind"], v["runs"], moment(v["created_at"]))
        for v in found["versions"]
    ]
    header = ("version", "labels", "kind", "runs", "made")
    parser.answer(asked, found, f"{facts(about)}\n\n{table(header, rows)}")
    return 0


def _lock_line(lock: dict[str, Any]) -> str:
    return f"{lock['packages']} packages, Python {lock['python_version']}, {lock['platform']}"


def _lock(studio: Connection, asked: Namespace, parser: Parser) -> int:
    wanted = {"python": asked.python, "platform": asked.platform}
    path = _address(asked, "/lock", **wanted)
    text = studio.all_of(studio.request("GET", path)).decode()
    if asked.output:
        try:
            with open(asked.output, "w", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise Refused(f"'{asked.output}' cannot be written: {error.strerror}.") from error
        say(f"wrote {asked.output}")
    else:
        parser.answer(asked, {"lock": text}, text.rstrip("\n"))
    return 0


def _diff(studio: Connection, asked: Namespace, parser: Parser) -> int:
    found = studio.json("GET", _address(asked, "/diff", to=asked.other))
    lines = [f"from {found['old']} to {found['new']}"]
    for part in found["definition"]:
        lines += ["", part["label"], *(f"{line['sign']} {line['text']}" for line in part["lines"])]
    for lock in found["locks"]:
        lines += ["", *_lock_diff(lock)]
    if not found["locks"]:
        lines += ["", "Packages: not known, for one of them has no lock."]
    parser.answer(asked, found, "\n".join(lines))
    return 0


def _lock_diff(lock: dict[str, Any]) -> list[str]:
    place = lock["old"] if lock["old"] == lock["new"] else f"{lock['old']}, {lock['new']}"
    rows = [(p["name"], p["old"], p["new"], p["kind"]) for p in lock["packages"]]
    if not rows:
        return [f"Packages ({place}): the same."]
    return [f"Packages ({place})", table(("package", "from", "to", "what"), rows)]


def _label(studio: Connection, asked: Namespace, parser: Parser) -> int:
    name, _, number = asked.name.partition(":")
    if not number.isdigit():
        raise Refused(f"'{asked.name}' names no version: write {name}:3 to label version 3.")
    asked.name = name
    told = studio.json(
        "PUT", _address(asked, f"/labels/{quote(asked.label, '')}"), {"version": int(number)}
    )
    parser.answer(asked, told, f"{name}:{told['label']} means version {told['version']}")
    return 0


def _unlabel(studio: Connection, asked: Namespace, parser: Parser) -> int:
    studio.json("DELETE", _address(asked, f"/labels/{quote(asked.label, '')}"))
    parser.answer(asked, None, f"{asked.name} has no label {asked.label} any more")
    return 0


def _archive(studio: Connection, asked: Namespace, parser: Parser) -> int:
    studio.json("POST", _address(asked, "/archive"))
    parser.answer(asked, None, f"{asked.name} is archived: new runs are refused")
    return 0


def _restore(studio: Connection, asked: Namespace, parser: Parser) -> int:
    studio.json("POST", _address(asked, "/restore"))
    parser.answer(asked, None, f"{asked.name} is in use again")
    return 0


def _delete(studio: Connection, asked: Namespace, parser: Parser) -> int:
    studio.json("DELETE", _address(asked))
    parser.answer(asked, None, f"{asked.name} is deleted")
    return 0


def _update(studio: Connection, asked: Namespace, parser: Parser) -> int:
    """Show what would change; a version is made only with --yes."""
    update = studio.json("POST", _address(asked, "/updates"))
    path = _address(asked, f"/updates/{update['id']}")
    if update["status"] in {"queued", "running"}:
        say(f"resolving the packages of {update['version']} anew")
    while update["status"] in {"queued", "running"}:
        time.sleep(_PAUSE_S)
        update = studio.json("GET", path)
    if update["status"] == "failed":
        raise Refused(f"The packages of {update['version']} are not resolved. {update['error']}")
    changed = any(lock["packages"] for lock in update["locks"])
    lines = [line for lock in update["locks"] for line in _lock_diff(lock)]
    if changed and asked.yes:
        locks = update["locks"]
        made = studio.json("POST", _address(asked, f"/updates/{update['id']}/apply"))
        update = {**made, "locks": locks}
        lines.append(f"environment {made['made']} has exactly these packages")
    elif changed:
        lines.append(f"nothing has changed: runyard env update {asked.name} --yes makes a version")
    parser.answer(asked, update, "\n".join(lines))
    return 0


def _build(studio: Connection, asked: Namespace, parser: Parser) -> int:
    body = {"target": asked.target, "rebuild": asked.rebuild}
    order = studio.json("POST", _address(asked, "/build"), body)
    say(f"{order['environment']} is to be built on {order['target']}")
    while asked.wait and order["status"] not in _ENDED:
        time.sleep(_PAUSE_S)
        order = studio.json("GET", f"/environments/orders/{order['id']}")
    built = f", build {order['build']}" if order["build"] else ""
    said = f"{order['environment']} on {order['target']}: {order['status']}{built}"
    parser.answer(asked, order, f"{said}\n{order['error']}" if order["error"] else said)
    return 1 if order["status"] in {"failed", "canceled"} else 0


_ENDED = frozenset({"ready", "failed", "canceled"})
_SUMMARIES = {
    "show": "Show an environment with its versions.",
    "lock": "Print a version's lock with hashes.",
    "diff": "What another version has otherwise.",
    "label": "Let a label mean a version.",
    "unlabel": "Remove a label.",
    "archive": "Take an environment or a version out of use.",
    "restore": "Bring an archived environment or version back into use.",
    "delete": "Delete an environment or a version that no run uses.",
    "update": "Resolve packages anew and show what would change.",
    "build": "Build a version on a target before any run needs it.",
}
_OPTIONS: dict[str, tuple[tuple[tuple[str, ...], dict[str, Any]], ...]] = {
    "lock": (
        (("-o", "--output"), {"metavar": "FILE", "help": "write it there"}),
        (("--python",), {"metavar": "V", "help": "the one for this Python, like 3.12"}),
        (("--platform",), {"metavar": "P", "help": "the one for this platform"}),
    ),
    "diff": ((("other",), {"metavar": "OTHER", "help": "name, name:3 or name:label"}),),
    "label": ((("label",), {"metavar": "LABEL"}),),
    "unlabel": ((("label",), {"metavar": "LABEL"}),),
    "update": ((("--yes",), {"action": "store_true", "help": "make the next version of it"}),),
    "build": (
        (("--target",), {"metavar": "T", "required": True}),
        (("--rebuild",), {"action": "store_true", "help": "also when it is ready"}),
        (("--wait",), {"action": "store_true", "help": "until it is ready or failed"}),
    ),
}
_ACTIONS: dict[str, Callable[[Connection, Namespace, Parser], int]] = {
    "show": _show,
    "lock": _lock,
    "diff": _diff,
    "label": _label,
    "unlabel": _unlabel,
    "archive": _archive,
    "restore": _restore,
    "delete": _delete,
    "update": _update,
    "build": _build,
}
