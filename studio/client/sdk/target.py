"""Where runs execute."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from studio.client.http import quote
from studio.client.sdk.checks import workspace_of

if TYPE_CHECKING:
    from studio.client.sdk.workspace import Workspace


class ComputeTarget:
    """A registered place to run; the bare name does wherever this object does."""

    def __init__(self, workspace: Workspace, name: str) -> None:
        """Look it up.

        Raises:
            NotFound: the workspace has no such target.
        """
        where = workspace_of(workspace, "ComputeTarget")
        self._take(where, where.get(f"/targets/{quote(str(name), '')}"))

    @classmethod
    def of(cls, workspace: Workspace, record: dict[str, Any]) -> ComputeTarget:
        """The target that REST answered with."""
        target = cls.__new__(cls)
        target._take(workspace, record)
        return target

    def _take(self, workspace: Workspace, record: dict[str, Any]) -> None:
        self.workspace = workspace
        self.name: str = record["name"]
        self.type: str = record["kind"]
        self.slots: int = record["slots"]

    def get_status(self) -> str:
        """How it is: "disabled", or its health at this moment."""
        record = self.workspace.get(f"/targets/{quote(self.name, '')}")
        return str(record["health"]) if record["enabled"] else "disabled"

    def __repr__(self) -> str:
        """For people."""
        return f"ComputeTarget({self.name!r}, {self.type}, {self.slots} slots)"
