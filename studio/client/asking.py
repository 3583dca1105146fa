"""Values that are never words of a command: typed unseen, piped in, from a file or variable."""

from __future__ import annotations

import os
import sys

from studio.client.errors import Refused


def value_of(what: str, *, file: str | None = None, variable: str | None = None) -> str:
    """What is in a file or an environment variable, else piped in, else typed after a prompt.

    Raises:
        Refused: it cannot be read; `what` says what was asked for.
    """
    if variable:
        if variable not in os.environ:
            raise Refused(f"{what} cannot be read: there is no variable {variable} here.")
        return os.environ[variable]
    try:
        if file and file != "-":
            with open(os.path.expanduser(file), encoding="utf-8") as opened:
                return opened.read()
        if file or not sys.stdin.isatty():
            return sys.stdin.read()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not text"
        raise Refused(f"{what} cannot be read: {why}.") from error
    import getpass

    return getpass.getpass(f"{what}: ")
