"""What the client has to tell its user, as one sentence each."""

from __future__ import annotations


class Refused(Exception):
    """The studio, or the client itself, will not do what was asked; the text says why."""

    def __init__(self, sentence: str, *, status: int = 0, code: str = "", field: str = "") -> None:
        super().__init__(sentence)
        self.status, self.code, self.field = status, code, field


class Unreachable(Refused):
    """The studio cannot be reached, or the connection to it broke: trying again may help."""
