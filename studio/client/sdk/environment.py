"""What runs execute in."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Any

from studio.client.errors import NotFound, Refused
from studio.client.http import quote, with_query
from studio.client.sdk.checks import Fields, workspace_of

if TYPE_CHECKING:
    from studio.client.sdk.workspace import Workspace


class PythonSection(Fields):
    """Packages that the studio installs, or a Python that somebody else looks after."""

    _fields = ("user_managed_dependencies", "interpreter_path", "requirements")

    def __init__(self) -> None:
        self.user_managed_dependencies = False
        """Whether nothing is installed: `interpreter_path` is used as it is."""
        self.interpreter_path = "python"
        """An absolute path on the target, or "python" for the one that the target uses."""
        self.requirements = ""
        """Packages as a requirements.txt has them."""


class Environment(Fields):
    """A definition by name; registering gives it a version, submitting does so if need be."""

    _fields = ("name", "version", "python")

    def __init__(self, name: str) -> None:
        if not name:
            raise Refused('An environment needs a name: Environment("my-env").')
        self.name = name
        self.version: int | None = None
        """None until it is registered."""
        self.python = PythonSection()
        self._registered: tuple[str, dict[str, str]] | None = None

    @classmethod
    def get(cls, workspace: Workspace, name: str, version: int | str | None = None) -> Environment:
        """A registered or curated environment, in its newest version unless one is asked for.

        Azure ML's curated names are known where we have the like; a warning says what is used.

        Raises:
            NotFound: there is none of that name or version; the text names what is near.
        """
        found = workspace_of(workspace, "Environment").get(f"/environments/{quote(str(name), '')}")
        match = [
            v for v in found["versions"] if version is None or str(v["number"]) == str(version)
        ]
        if not match:
            newest = found["versions"][0]["number"]
            raise NotFound(
                f"The environment {name} has no version {version}: the newest is {newest}."
            )
        if found["name"] != name:
            warnings.warn(f"{name} is {found['name']} here, with newer packages.", stacklevel=2)
        environment = cls(found["name"])
        environment._take(workspace, match[0]["number"], match[0])
        return environment

    @classmethod
    def from_pip_requirements(cls, name: str, file_path: str | os.PathLike[str]) -> Environment:
        """An environment of the packages that a requirements file names.

        Raises:
            Refused: the file cannot be read.
        """
        from studio.client.env import text_of

        environment = cls(name)
        environment.python.requirements = text_of(os.fspath(file_path))
        return environment

    def register(self, workspace: Workspace) -> Environment:
        """Keep it in the workspace, with its version; the same definition stays the same version.

        Raises:
            Refused: it cannot be kept; the text names the line or field.
        """
        where, definition = workspace_of(workspace, "Environment"), self._definition()
        path = with_query("/environments", workspace=where.name)
        made = where.connection.json("POST", path, {"name": self.name, **definition})
        self.version = made["version"]
        self._registered = (where.name, definition)
        return self

    def reference(self, workspace: Workspace) -> str:
        """How a run names it; what is not registered as it stands is registered."""
        if self._registered != (workspace.name, self._definition()):
            self.register(workspace)
        return f"{self.name}:{self.version}"

    def _take(self, workspace: Workspace, version: int, spec: dict[str, Any]) -> None:
        if spec["interpreter_path"]:
            self.python.user_managed_dependencies = True
            self.python.interpreter_path = spec["interpreter_path"]
        self.python.requirements = spec["requirements"] or ""
        self.version = version
        self._registered = (workspace.name, self._definition())

    def _definition(self) -> dict[str, str]:
        if not self.python.user_managed_dependencies:
            return {"requirements": self.python.requirements}
        if self.python.requirements:
            raise Refused(
                f"The environment {self.name} is user-managed, so nothing is installed: leave its "
                "requirements empty, or set python.user_managed_dependencies to False."
            )
        return {"interpreter_path": self.python.interpreter_path}

    def __repr__(self) -> str:
        """For people."""
        return f"Environment({self.name!r}, version {self.version})"
