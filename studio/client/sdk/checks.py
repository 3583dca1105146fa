"""What callers hand in: refused in a sentence when it cannot be meant."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from studio.client.errors import Refused

if TYPE_CHECKING:
    from studio.client.sdk.workspace import Workspace


class Fields:
    """Takes only the attributes that its class names; others would mean nothing."""

    _fields: tuple[str, ...] = ()

    def __setattr__(self, name: str, value: object) -> None:
        """Keep a known field.

        Raises:
            Refused: there is no such field.
        """
        if not name.startswith("_") and name not in self._fields:
            raise unknown(type(self).__name__, name, self._fields)
        super().__setattr__(name, value)


def unknown(owner: str, name: str, known: tuple[str, ...]) -> Refused:
    """The sentence for a field that there is not."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.7)
    hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(known)}."
    return Refused(f"{owner} has no '{name}': {hint}")


def workspace_of(given: object, asker: str) -> Workspace:
    """The workspace that something is made with.

    Raises:
        Refused: it is none.
    """
    from studio.client.sdk.workspace import Workspace

    if not isinstance(given, Workspace):
        raise Refused(f"{asker} needs a workspace: workspace=Workspace.from_config().")
    return given
