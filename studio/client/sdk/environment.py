"""What runs execute in."""

from __future__ import annotations

import copy
import os
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from studio.client.errors import NotFound, Refused
from studio.client.http import quote, with_query
from studio.client.sdk.checks import Fields, workspace_of
from studio.client.sdk.sections import DockerSection, PythonSection, SparkSection

if TYPE_CHECKING:
    from studio.client.sdk.workspace import Workspace
    from studio.client.upload import Folder

    StrPath = str | os.PathLike[str]


class Environment(Fields):
    """A definition by name; registering gives it a version, submitting does so if need be."""

    _fields = ("name", "version", "python", "docker", "spark", "environment_variables", "secrets")

    def __init__(self, name: str) -> None:
        if not name:
            raise Refused('An environment needs a name: Environment("my-env").')
        self.name = name
        self.version: int | None = None
        """None until it is registered."""
        self.python = PythonSection()
        self.docker = DockerSection()
        self.spark = SparkSection()
        self.environment_variables: dict[str, str] = {}
        """What every run in it finds among its variables; everybody can read them."""
        self.secrets: list[str] = []
        """Names of secrets of the workspace, given as variables of those names."""
        self._registered: tuple[str, dict[str, Any]] | None = None

    @classmethod
    def get(cls, workspace: Workspace, name: str, version: int | str | None = None) -> Environment:
        """A registered or curated environment, newest unless a version or label is asked for.

        Azure ML's curated names are known where we have the like; a warning says what is used.

        Raises:
            NotFound: there is none of that name or version; the text names what is near.
        """
        found = workspace_of(workspace, "Environment").get(f"/environments/{quote(str(name), '')}")
        wanted = str(version if version is not None else found["version"])
        match = [v for v in found["versions"] if wanted in {str(v["number"]), *v["labels"]}]
        if not match:
            newest = found["versions"][0]["number"]
            raise NotFound(
                f"The environment {name} has no version {version}: the newest is {newest}."
            )
        if found["name"] != name:
            warnings.warn(f"{name} is {found['name']} here, with newer packages.", stacklevel=2)
        environment = cls(found["name"])
        environment._take(workspace, match[0])
        return environment

    @classmethod
    def list(cls, workspace: Workspace) -> dict[str, Environment]:
        """The environments in use, by name, each in its newest version."""
        found = workspace_of(workspace, "Environment").get("/environments")
        return {each["name"]: cls.get(workspace, each["name"]) for each in found}

    @classmethod
    def from_pip_requirements(cls, name: str, file_path: StrPath) -> Environment:
        """An environment of the packages that a requirements file names.

        Raises:
            Refused: the file cannot be read.
        """
        return cls._of(name, requirements=_text(file_path))

    @classmethod
    def from_pyproject(
        cls, name: str, file_path: StrPath, groups: Sequence[str] = ()
    ) -> Environment:
        """An environment of the dependencies of a pyproject.toml and of groups of them.

        Raises:
            Refused: the file cannot be read.
        """
        return cls._of(name, pyproject=_text(file_path), groups=[*groups])

    @classmethod
    def from_conda_specification(cls, name: str, file_path: StrPath) -> Environment:
        """An environment of an environment.yml, translated to packages of a Python index.

        Raises:
            Refused: the file cannot be read.
        """
        return cls._of(name, conda=_text(file_path))

    @classmethod
    def from_existing_interpreter(cls, name: str, path: str) -> Environment:
        """A Python on the target that somebody else looks after: nothing is installed."""
        return cls._of(name, user_managed_dependencies=True, interpreter_path=path)

    @classmethod
    def from_docker_image(cls, name: str, image: str) -> Environment:
        """An image as it is, on Docker targets: nothing is installed into it."""
        environment = cls._of(name, user_managed_dependencies=True)
        environment.docker.base_image = image
        return environment

    @classmethod
    def from_dockerfile(
        cls, name: str, dockerfile: StrPath, build_context: StrPath | None = None
    ) -> Environment:
        """The image that a Dockerfile makes, on Docker targets; it may copy from a folder here.

        Raises:
            Refused: the file cannot be read.
        """
        environment = cls._of(name, user_managed_dependencies=True)
        environment.docker.base_dockerfile = _text(dockerfile)
        environment.docker.build_context = os.fspath(build_context or "")
        return environment

    @classmethod
    def _of(cls, name: str, **python: object) -> Environment:
        environment = cls(name)
        for field, value in python.items():
            setattr(environment.python, field, value)
        return environment

    def clone(self, new_name: str) -> Environment:
        """The same definition under another name, not registered."""
        other = copy.deepcopy(self)
        other.name, other.version, other._registered = new_name, None, None
        return other

    def register(self, workspace: Workspace) -> Environment:
        """Keep it in the workspace, with its version; the same definition stays the same version.

        Warnings say what of it is not used, or only on some targets.

        Raises:
            Refused: it cannot be kept; the text names the line or field.
        """
        where, files = workspace_of(workspace, "Environment"), self._context()
        definition = self._definition(files)
        path = with_query("/environments", workspace=where.name)
        body = {"name": self.name, **definition}
        if files is None:
            made = where.connection.json("POST", path, body)
        else:
            from studio.client.upload import ask_with

            made = ask_with(where.connection, files, path, body, workspace=where.name, quiet=True)
        for note in made["notes"]:
            warnings.warn(note, stacklevel=2)
        self.version = made["version"]
        self._registered = (where.name, definition)
        return self

    def reference(self, workspace: Workspace) -> str:
        """How a run names it; what is not registered as it stands is registered."""
        if self._registered != (workspace.name, self._definition(self._context())):
            self.register(workspace)
        return f"{self.name}:{self.version}"

    def _take(self, workspace: Workspace, version: dict[str, Any]) -> None:
        """Be a version as REST tells it."""
        self.python.take(version)
        self.docker.take(version)
        self.spark.take(version)
        self.environment_variables = dict(version["variables"])
        self.secrets = [*version["secrets"]]
        self.version = version["number"]
        self._registered = (workspace.name, self._definition(self._context()))

    def _context(self) -> Folder | None:
        """The folder that a Dockerfile may copy from; None when it lies in the studio already."""
        folder = self.docker.build_context
        if not folder or self.docker.is_kept:
            return None
        from studio.client.upload import Folder

        return Folder(folder)

    def _definition(self, files: Folder | None) -> dict[str, Any]:
        """What REST is told; what is empty is left out."""
        told = {
            **self._made_from(),
            "image": self.docker.base_image,
            "context": files.digest if files else self.docker.build_context,
            "python": self.python.version,
            "groups": [*self.python.groups],
            "variables": {str(k): str(v) for k, v in self.environment_variables.items()},
            "secrets": [*self.secrets],
            "spark_packages": [*self.spark.packages],
            "spark_repositories": [*self.spark.repositories],
        }
        return {k: v for k, v in told.items() if v or k == "requirements"}

    def _made_from(self) -> dict[str, str]:
        python, docker = self.python, self.docker
        if docker.base_dockerfile:
            return {**python.packages(), "dockerfile": docker.base_dockerfile}
        if not python.user_managed_dependencies:
            return python.packages() or {"requirements": ""}
        if python.packages():
            raise Refused(
                f"The environment {self.name} is user-managed, so nothing is installed: leave its "
                "packages empty, or set python.user_managed_dependencies to False."
            )
        return {} if docker.base_image else {"interpreter_path": python.interpreter_path}

    def __repr__(self) -> str:
        """For people."""
        return f"Environment({self.name!r}, version {self.version})"


def _text(path: StrPath) -> str:
    from studio.client.env import text_of

    return text_of(os.fspath(path))
