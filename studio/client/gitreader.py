"""Asking git in the background."""

from __future__ import annotations

import threading

from studio.client.gitfacts import git_facts


class GitReader(threading.Thread):
    """What git says about a folder, read while other things go on."""

    def __init__(self, folder: str) -> None:
        super().__init__(daemon=True)
        self._folder = folder
        self._facts: dict[str, object] = {}
        self.start()

    def run(self) -> None:
        """Ask."""
        self._facts = git_facts(self._folder)

    def facts(self) -> dict[str, object]:
        """The answer, once it is there; nothing when git could not be asked."""
        self.join()
        return self._facts
