"""The parts of an environment's definition."""

from __future__ import annotations

import re
from typing import Any

from studio.client.sdk.checks import Fields

_DIGEST = re.compile(r"[0-9a-f]{64}")


class PythonSection(Fields):
    """Packages that the studio installs, or a Python that somebody else looks after.

    Packages are said in one way: as requirements, a pyproject.toml or an environment.yml.
    """

    _fields = (
        "user_managed_dependencies",
        "interpreter_path",
        "requirements",
        "pyproject",
        "groups",
        "conda",
        "version",
    )

    def __init__(self) -> None:
        self.user_managed_dependencies = False
        """Whether nothing is installed: the interpreter or image is used as it is."""
        self.interpreter_path = "python"
        """An absolute path on the target, or "python" for the one that the target uses."""
        self.requirements = ""
        """Packages as a requirements.txt has them."""
        self.pyproject = ""
        """The text of a pyproject.toml."""
        self.groups: list[str] = []
        """Optional and dependency groups of it that count too."""
        self.conda = ""
        """The text of an environment.yml."""
        self.version = ""
        """The wanted version, like "3.11"; empty: the target's own."""

    def packages(self) -> dict[str, str]:
        """What is said of packages, as REST calls it; {} without any."""
        names = ("requirements", "pyproject", "conda")
        return {name: getattr(self, name) for name in names if getattr(self, name)}

    def take(self, version: dict[str, Any]) -> None:
        """Be that part of a version as REST tells it."""
        self.user_managed_dependencies = version["kind"] in {"user-managed", "image", "dockerfile"}
        self.interpreter_path = version["interpreter_path"] or "python"
        self.pyproject, self.conda = version["pyproject"] or "", version["conda"] or ""
        is_translated = bool(self.pyproject or self.conda)
        self.requirements = "" if is_translated else version["requirements"] or ""
        self.groups, self.version = [*version["groups"]], version["python"]


class DockerSection(Fields):
    """An image, or the Dockerfile that makes one, on Docker targets."""

    _fields = ("base_image", "base_dockerfile", "build_context")

    def __init__(self) -> None:
        self.base_image = ""
        """What packages are installed into, or all there is when nothing is installed."""
        self.base_dockerfile = ""
        """The text of a Dockerfile."""
        self.build_context = ""
        """The folder that it may copy from; of a registered one the digest of its files."""

    @property
    def is_kept(self) -> bool:
        """Whether the build context lies in the studio already."""
        return bool(_DIGEST.fullmatch(self.build_context))

    def take(self, version: dict[str, Any]) -> None:
        """Be that part of a version as REST tells it."""
        self.base_image = version["image"] or ""
        self.base_dockerfile = version["dockerfile"] or ""
        self.build_context = version["context"]


class SparkSection(Fields):
    """What PySpark fetches when it starts."""

    _fields = ("packages", "repositories")

    def __init__(self) -> None:
        self.packages: list[str] = []
        """Maven coordinates, like "org.apache.spark:spark-avro_2.13:4.0.0"."""
        self.repositories: list[str] = []
        """Where they come from besides Maven Central."""

    def take(self, version: dict[str, Any]) -> None:
        """Be that part of a version as REST tells it."""
        self.packages = [*version["spark_packages"]]
        self.repositories = [*version["spark_repositories"]]
