"""The `runyard` command. Each of its commands is a module that is imported only when asked for."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from studio.client.errors import Refused

COMMANDS = {
    "login": ("login", "remember a studio and the token for it"),
    "init": ("init", "note which studio this folder belongs to"),
    "submit": ("submit", "run a script or notebook of a folder, or any command in it"),
    "again": ("again", "run the same once more"),
    "runs": ("runs", "list runs"),
    "show": ("show", "everything about one run"),
    "logs": ("logs", "what a run printed, followed with --follow"),
    "cancel": ("cancel", "end a run"),
    "delete": ("delete", "put runs into the trash"),
    "restore": ("restore", "take runs out of the trash"),
    "download": ("download", "fetch what a run made"),
    "experiments": ("experiments", "how runs are grouped"),
    "sources": ("sources", "script directories by name"),
    "source": ("source", "save a source, bring it new files: source upload NAME …"),
    "targets": ("targets", "where runs can execute"),
    "target": ("target", "register, show, test, change, pause one, see what is built there"),
    "data": ("named_data", "data by name: list, add, remove"),
    "environments": ("environments", "what runs can execute in"),
    "env": ("env", "make an environment, look at its versions and locks: env ACTION NAME …"),
    "builds": ("builds", "environments as they are made on targets"),
    "link": ("link", "a new sign-in link for the browser"),
    "token": ("tokens", "your keys: token create NAME, token revoke ID"),
    "people": ("people", "your colleagues: people add NAME, role, remove"),
    "credentials": ("credentials", "what opens private git repositories"),
    "index": ("index", "where packages come from: index show, set URL, login URL, check"),
    "registry": ("registry", "what opens private registries of images"),
    "secrets": ("secrets", "names of the secrets that runs can be given"),
    "secret": ("secret", "keep or delete one: secret set NAME, secret delete NAME"),
}
_LISTS = {"env": "environments", "source": "sources", "target": "targets", "secret": "secrets"}
"""What changes one thing, and what lists them: `env list` is tried before `environments`."""
_USAGE, _INTERRUPTED, _PIPE_CLOSED = 2, 130, 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command: its exit code. What went wrong is one sentence on standard error."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        return _dispatch(words)
    except Refused as error:
        sys.stderr.write(f"runyard: {error}\n")
        return 1
    except BrokenPipeError:
        _forget_output()
        return _PIPE_CLOSED
    except KeyboardInterrupt:
        sys.stderr.write("runyard: interrupted\n")
        return _INTERRUPTED


def _dispatch(words: list[str]) -> int:
    if not words or words[0] in {"-h", "--help", "help"}:
        sys.stdout.write(_help() + "\n")
        return 0 if words else _USAGE
    if words[0] in {"-V", "--version"}:
        sys.stdout.write(f"runyard {_version()}\n")
        return 0
    if words[0] not in COMMANDS:
        sys.stderr.write(_no_such_command(words[0]))
        return _USAGE
    if words[0] in _LISTS and words[1:2] == ["list"]:
        words = [_LISTS[words[0]], *words[2:]]
    module = __import__(f"studio.client.{COMMANDS[words[0]][0]}", fromlist=["run"])
    code: int = module.run(words[1:])
    sys.stdout.flush()
    return code


def _no_such_command(word: str) -> str:
    import difflib

    near = difflib.get_close_matches(word, COMMANDS, n=1)
    if near:
        return f"runyard: there is no command '{word}': did you mean {near[0]}? --help lists all.\n"
    return f"runyard: there is no command '{word}'.\n\n{_help()}\n"


def _help() -> str:
    width = max(map(len, COMMANDS))
    rows = "\n".join(f"  {name:<{width}}  {summary}" for name, (_, summary) in COMMANDS.items())
    return (
        "usage: runyard COMMAND …\n\n"
        f"{rows}\n\n"
        "RUN is a number, the beginning of an id, a name, or `last`. `runyard COMMAND --help` says "
        "more.\nRUNYARD_URL and RUNYARD_TOKEN choose the studio. `runyard --version` is this one's."
    )


def _version() -> str:
    """The version of the checkout that this file lies in, else of the installed package."""
    import tomllib
    from importlib.metadata import version
    from pathlib import Path

    project = Path(__file__).resolve().parents[2] / "pyproject.toml"
    if not project.is_file():
        return version("runyard")
    return str(tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"])


def _forget_output() -> None:
    """Nobody reads any more: keep the interpreter from trying once more at its end."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
