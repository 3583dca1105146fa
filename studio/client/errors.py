"""What the client has to tell its user, as one sentence each.

Refused             the studio, or the client itself, will not do what was asked
 ├─ Unreachable     no answer, or the connection broke: trying again may help
 ├─ NotFound        there is no such thing, or it is not yours to see
 └─ RunFailed       a run that was waited for failed
"""

from __future__ import annotations


class Refused(Exception):
    """The studio, or the client itself, will not do what was asked; the text says why."""

    def __init__(self, sentence: str, *, status: int = 0, code: str = "", field: str = "") -> None:
        super().__init__(sentence)
        self.status, self.code, self.field = status, code, field


class Unreachable(Refused):
    """The studio cannot be reached, or the connection to it broke: trying again may help."""


class NotFound(Refused):
    """There is no such thing, or it is not the caller's to see; the text names what is near."""


class RunFailed(Refused):
    """A run that was waited for failed; the text says why."""
