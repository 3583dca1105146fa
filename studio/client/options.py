"""The command line as we like it: exact option names, `--json` everywhere."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

_WIDTH = 100


class _Formatter(argparse.HelpFormatter):
    """Help of a fixed width: asking the terminal would import 13 ms worth of modules each time."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_WIDTH)


class Parser(argparse.ArgumentParser):
    """The parser of one command; each command has `--json`."""

    def __init__(self, command: str, summary: str, *, usage: str | None = None) -> None:
        super().__init__(
            prog=f"runyard {command}",
            description=summary,
            usage=usage,
            allow_abbrev=False,
            formatter_class=_Formatter,
        )
        self.add_argument("--json", action="store_true", help="answer in JSON")

    def parse(self, argv: Sequence[str]) -> argparse.Namespace:
        """The options of `argv`; exits with 2 and the usage when they cannot be."""
        asked = self.parse_args(list(argv))
        if getattr(asked, "workspace", "") is None:
            from studio.client.login import find_workspace
            from studio.client.project import find_project

            asked.workspace = find_workspace(find_project()) or None
        return asked

    def workspace(self) -> None:
        """Let the caller name a workspace; else the one that the project here belongs to."""
        self.add_argument("--workspace", metavar="W", help="when you belong to more than one")

    @staticmethod
    def answer(asked: argparse.Namespace, found: object, text: str) -> None:
        """Print what was found: as JSON if asked so, else `text`."""
        tell(json.dumps(found, indent=2, ensure_ascii=False) if asked.json else text)


def tell(text: str) -> None:
    """The answer, or a line of it, on standard output."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def say(text: str) -> None:
    """Something for the person that is no part of the answer, on standard error."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
