"""Which studio to talk to, and as whom."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence

from studio.client.errors import Refused
from studio.client.http import Connection
from studio.client.project import find_project, with_scheme


def find_login(url: str = "", project: tuple[str, str] | None = None) -> tuple[str, str]:
    """The address of the studio to use and the token for it.

    `url` comes first, then RUNYARD_URL with RUNYARD_TOKEN, the studio of the project, the
    last `runyard login`, and the studio that this command was installed with. A stored token
    is only ever sent to the address that it was stored with, and RUNYARD_TOKEN never to one
    that only a file in a folder names.

    Raises:
        Refused: none is known; the sentence says how to log in.
    """
    given, token = os.environ.get("RUNYARD_URL", ""), os.environ.get("RUNYARD_TOKEN", "")
    given = with_scheme(given) if given else ""
    known = [kept for path in (login_file(), owner_file()) if (kept := _read(path))]
    named = url or given or (project[0] if project else "")
    chosen = named or (known[0][0] if known else "")
    if not chosen:
        raise Refused(
            "No studio is known: run `runyard login URL --token T`, or set RUNYARD_URL and "
            "RUNYARD_TOKEN."
        )
    if named != given:
        token = ""
    token = token or dict(reversed(known)).get(chosen, "")
    if not token:
        raise Refused(
            f"No token is known for {chosen}: run `runyard login {chosen} --token T`, or set "
            "RUNYARD_URL and RUNYARD_TOKEN."
        )
    return chosen, token


def connect() -> Connection:
    """A connection to the studio of this folder, of the environment, or of the last login."""
    return Connection(*find_login(project=find_project()))


def find_workspace(project: tuple[str, str] | None) -> str:
    """The workspace of the project, unless RUNYARD_URL chooses another studio; "" for none."""
    given = os.environ.get("RUNYARD_URL", "")
    if project is None or (given and with_scheme(given) != project[0]):
        return ""
    return project[1]


def login_file() -> str:
    """Where `runyard login` keeps what it was given."""
    home = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    return os.path.join(home, "runyard", "login.json")


def owner_file() -> str:
    """Where the studio whose virtual environment we run in keeps its owner's token."""
    data = os.environ.get("RUNYARD_DATA_DIR") or os.path.join(os.path.dirname(sys.prefix), "data")
    return os.path.join(data, "owner.json")


def _read(path: str) -> tuple[str, str] | None:
    try:
        with open(path, encoding="utf-8") as file:
            kept = json.load(file)
        return with_scheme(kept["url"]), str(kept["token"])
    except (FileNotFoundError, PermissionError):
        return None  # none, or somebody else's
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refused(
            f"{path} cannot be read: remove it and run `runyard login URL --token T`."
        ) from error


def _write(path: str, url: str, token: str) -> None:
    """Keep a login so that only its owner can read it, whole or not at all."""
    folder = os.path.dirname(path)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    fresh = f"{path}.{os.getpid()}"
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        json.dump({"url": url, "token": token}, file)
    os.replace(fresh, path)


def run(argv: Sequence[str]) -> int:
    """`runyard login URL [--token T]`."""
    from studio.client.options import Parser

    parser = Parser("login", "Remember a studio and the token for it.")
    parser.add_argument("url", metavar="URL", help="its address, like http://127.0.0.1:8765")
    parser.add_argument("--token", metavar="T", help="an API token; asked for when left out")
    asked = parser.parse(argv)
    url, token = with_scheme(asked.url), (asked.token or _ask_token()).strip()
    me = Connection(url, token).json("GET", "/me")
    _write(login_file(), url, token)
    parser.answer(asked, me, f"Logged in to {url} as {me['user']}.")
    return 0


def _ask_token() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline()
    import getpass

    return getpass.getpass("Token: ")
