"""Images of a Docker engine: found, tried out, made from a build's container, removed."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from docker.errors import APIError, ImageNotFound, NotFound
from docker.types import Mount

from compute.builtimages import BuiltStock, built_stock, verify_words
from compute.containers import CONFLICT, TASK, Site
from compute.image_names import BUILT, ENVIRONMENT, PASSING
from compute.transports.base import TargetRefused

_KEY_LABEL = "runyard.key"
_OLDEST_PYTHON = (3, 6)
_TRIES = 5
_LOOK = """
import json, os, sys
try:
    libc = os.confstr("CS_GNU_LIBC_VERSION") or ""
except (OSError, ValueError):
    libc = "musl" if sys.platform.startswith("linux") else ""
print(json.dumps({"version": list(sys.version_info[:3]), "python": sys.executable, "libc": libc,
                  "platform": sys.platform, "machine": os.uname()[4]}))
"""
_NOT_TOLD = frozenset({"PATH", "HOME", "HOSTNAME", "PWD"})


@dataclass(frozen=True)
class ImageFacts:
    """What an image is and has; equal for equal images, whatever they are called."""

    python: str
    """The path of the Python in it."""
    python_version: str
    platform: str
    machine: str
    libc: str
    variables: dict[str, str] = field(default_factory=dict)
    """What whoever made it wants to be set within, apart from paths of the system."""


@dataclass(frozen=True)
class EngineImages:
    """The images of a site's engine. Equal sites have the same ones.

    Every call may raise:
        TargetUnreachable: the engine does not answer.
        TargetRefused: it answered no, with its reason.
    """

    site: Site

    @property
    def default(self) -> str:
        """What runs execute in that want nothing else."""
        return self.site.image

    def find(self, reference: str) -> str:
        """The id of an image, which is the digest of what is in it; "" when it is not there."""
        found = self._inspect(reference)
        return str(found["Id"]) if found and self._fits(found) else ""

    def address(self, image: str) -> str:
        """Under which a registry has it, as name@sha256:…; "" when it came otherwise."""
        found = self._inspect(image) or {}
        return str(next(iter(found.get("RepoDigests") or []), ""))

    def examine(self, image: str, *, name: str, python: str) -> ImageFacts:
        """What an image has, tried out in a container of it; `name` is what people call it.

        Raises:
            TargetRefused: there is no Python 3.6 or newer in it.
        """
        said = self._say(image, [python, "-I", "-S", "-c", _LOOK])
        try:
            told = json.loads(said.splitlines()[-1])
            version = tuple(told["version"])
        except (ValueError, KeyError, TypeError, IndexError) as error:
            last = said.decode("utf-8", "replace").strip().splitlines()[-1:]
            why = f" {''.join(last).strip().rstrip('.')}." if last else ""
            raise TargetRefused(
                f"The image {name} has no Python that can keep a run: '{python}' could not be "
                f"started in it.{why} Use an image with Python 3.6 or newer."
            ) from error
        number = ".".join(map(str, version))
        if version < _OLDEST_PYTHON:
            raise TargetRefused(
                f"The Python of the image {name} is {number}, which is too old: Runyard needs 3.6 "
                "or newer to keep runs."
            )
        return ImageFacts(
            python=str(told["python"]),
            python_version=number,
            platform=str(told["platform"]),
            machine=str(told["machine"]),
            libc=str(told["libc"]),
            variables=self._variables(image),
        )

    # -- what we make

    def built(self, key: str) -> str:
        """The id of the image of a key; "" when there is none."""
        return self.find(f"{BUILT}:{key}")

    def commit(self, *, task: str, key: str) -> str:
        """Make the image of a key from the container of its build, which ended well: its id.

        Again changes nothing: there is one image for a key, whoever makes it how often.

        Raises:
            TargetRefused: there is neither image nor container.
        """
        for _ in range(_TRIES):
            if self.built(key):
                break
            self._commit(task, key)
        return self.built(key)

    def stock(self) -> BuiltStock:
        """What this site's builds made, and what it takes."""
        with self.site.engine.reached():
            return built_stock(self.site)

    def sweep(self) -> None:
        """Remove what was stored and has not its key's name: whoever did it was killed.

        A living one whose image goes before it has its name stores it again.
        """
        labels = [f"{name}={value}" for name, value in self.site.labels("environment").items()]
        with self.site.engine.reached():
            found = self.site.engine.api.images(PASSING, filters={"label": labels})
        for name in (name for image in found for name in image.get("RepoTags") or []):
            if name.startswith(f"{PASSING}:"):
                with suppress(TargetRefused):  # a container has it: somebody looks into it
                    self._remove(name)
        with self.site.engine.reached():
            try:
                self.site.engine.api.prune_images({"label": labels, "dangling": True})
            except APIError as error:  # somebody else's is going on: the next sweep comes
                if error.status_code != CONFLICT:
                    raise

    def verify(self, key: str, *, runner_sha: str) -> str:
        """Why the image of a key is not what was installed, by hashes of its files; "" if it is.

        What a Dockerfile made has no such list: the engine knows it by its digest alone.
        """
        image = self._inspect(f"{BUILT}:{key}")
        if image is None:
            return "Its image is not on the engine any more."
        python = f"{ENVIRONMENT}/bin/python"
        if (image.get("Config") or {}).get("Cmd") != [python]:
            return ""
        said = self._say(image["Id"], **verify_words(self.site, python, runner_sha))
        last = "".join(said.decode("utf-8", "replace").strip().splitlines()[-1:])
        return "" if last == "whole" else last or "It does not start any more."

    def remove(self, key: str) -> None:
        """Remove the image of a key; one that is gone is no error.

        Raises:
            TargetRefused: a container uses it.
        """
        self._remove(f"{BUILT}:{key}")

    def discard(self, reference: str) -> None:
        """Remove an image by its name or id; one that is gone is no error.

        Raises:
            TargetRefused: a container uses it.
        """
        self._remove(reference)

    def labels(self, key: str) -> dict[str, str]:
        """By what the image of a key is found again."""
        return {**self.site.labels("environment"), _KEY_LABEL: key, TASK: ""}

    # -- within

    def _inspect(self, reference: str) -> Mapping[str, Any] | None:
        with self.site.engine.reached():
            try:
                found: Mapping[str, Any] = self.site.engine.api.inspect_image(reference)
            except ImageNotFound:
                return None
        return found

    def _fits(self, found: Mapping[str, Any]) -> bool:
        """Whether an image is of the platform that the site wants."""
        wanted = self.site.platform.split("/")[:2]
        return wanted in ([""], [found.get("Os"), found.get("Architecture")])

    def _say(self, image: str, command: Sequence[str], mounts: Sequence[Mount] = ()) -> bytes:
        """What a command prints in a container of an image, contained like a run."""
        site = self.site
        with site.engine.reached():
            made = site.create(
                f"{site.volume}.look-{secrets.token_hex(4)}",
                image=image,
                command=list(command),
                host_config=site.run_config(mounts, ()),
                labels=site.labels("test"),
                user=site.user,
                stdin_open=False,
            )
            try:
                return site.output(made)
            except TargetRefused as error:  # the engine could not even start it
                return str(error).encode()
            finally:
                site.remove(made)

    def _variables(self, image: str) -> dict[str, str]:
        config = (self._inspect(image) or {}).get("Config") or {}
        pairs = [entry.partition("=") for entry in config.get("Env") or []]
        return {name: value for name, _, value in pairs if name not in _NOT_TOLD}

    def _commit(self, task: str, key: str) -> None:
        """Store the container under a name of its own, and give it the key's if that is free.

        With the name of its own goes the image, should another have been first: nobody has to
        look for doubles, among which may be one that is just being named.
        """
        conf = {"Labels": self.labels(key), "Cmd": [f"{ENVIRONMENT}/bin/python"], "Entrypoint": []}
        passing = secrets.token_hex(8)
        with self.site.engine.reached():
            try:
                self.site.engine.patient_api.commit(
                    self.site.container_name(task), repository=PASSING, tag=passing, conf=conf
                )
                if not self.built(key):
                    self.site.engine.api.tag(f"{PASSING}:{passing}", BUILT, key)
            except ImageNotFound:
                return  # a sweep took it for one that a killed worker left
            except NotFound as error:
                raise TargetRefused(
                    "The build's container was removed before its image was stored: the next run "
                    "builds it again."
                ) from error
        self._remove(f"{PASSING}:{passing}")

    def _remove(self, reference: str) -> None:
        with self.site.engine.reached():
            try:
                self.site.engine.api.remove_image(reference)
            except ImageNotFound:
                return
            except APIError as error:
                if error.status_code != CONFLICT:
                    raise
                raise TargetRefused(f"The image {reference} is in use by a container.") from error
