"""Kinds of compute targets: what each needs to be told, and how it becomes a place to run.

The fields stand here once: the form, the API and the help pages are made from them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from django.utils.module_loading import import_string

from compute import docker_fields
from compute.fields import Field, is_plain_absolute
from studio.lib.refusal import Refused

if TYPE_CHECKING:
    from compute.place import Place


@dataclass(frozen=True)
class Backend:
    """One kind of target."""

    kind: str
    label: str
    summary: str
    fields: tuple[Field, ...]
    maker: str
    """Dotted path of `make_place(config, *, studio_blobs) -> Place`, imported on first use."""
    has_studio_rights: bool
    """Whether a run there may do whatever the studio's own user may do."""
    owner_only: str
    """Why only the instance owner may register one, to go on after a colon."""
    advice: str
    """What to look at when it cannot be reached."""
    disagreement: Callable[[Mapping[str, str]], tuple[str, str] | None] = lambda config: None
    """Two settings that cannot stand together: the field to change, and a sentence."""

    def clean(self, config: Mapping[str, object]) -> dict[str, str]:
        """The settings that may be stored: trimmed, checked, without empty ones.

        Raises:
            Refused: a setting is unknown, missing or cannot work; `field` names it.
        """
        names = [field.name for field in self.fields]
        for name in config:
            if name not in names:
                raise Refused(
                    f"'{name}' is no setting of a {self.label} target: it has {', '.join(names)}.",
                    field=name,
                )
        given = {field.name: self._value(field, config.get(field.name)) for field in self.fields}
        values = {name: value for name, value in given.items() if value}
        if wrong := self.disagreement(values):
            raise Refused(wrong[1], field=wrong[0])
        return values

    def place(self, config: Mapping[str, str], *, studio_blobs: str) -> Place:
        """The place that this configuration leads to; nothing is contacted yet."""
        make_place: Callable[..., Place] = import_string(self.maker)
        return make_place(config, studio_blobs=studio_blobs)

    def _value(self, field: Field, given: object) -> str:
        if given is not None and not isinstance(given, str):
            raise Refused(f"{field.label} must be text, not {given!r}.", field=field.name)
        value = (given or "").strip()
        if not value and field.is_required:
            raise Refused(f"{field.label} is missing: {field.help}", field=field.name)
        complaint = field.check(value) if value else ""
        if complaint:
            raise Refused(complaint, field=field.name)
        return value


def _folder_complaint(text: str) -> str:
    """A folder of this machine that exists, or can be made, and takes our files."""
    if not is_plain_absolute(text):
        return f"'{text}' is not an absolute path: begin with / and use no '..'."
    folder = Path(text)
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not there.is_dir():
        return f"'{there}' is not a folder: choose another path."
    if not os.access(there, os.W_OK | os.X_OK):
        return (
            f"The studio's user may not write in '{there}': give it the right, or choose a "
            "folder where it has it."
        )
    return ""


def _interpreter_complaint(text: str) -> str:
    """An executable file of this machine."""
    if not is_plain_absolute(text):
        return f"'{text}' is not an absolute path: begin with /, or leave it empty."
    if not Path(text).is_file() or not os.access(text, os.X_OK):
        return (
            f"There is no interpreter at '{text}': give the path of a Python 3.6 or newer, or "
            "leave it empty to use the one that runs the studio."
        )
    return ""


LOCAL = Backend(
    kind="local",
    label="local",
    summary=(
        "Processes on the machine that runs the studio. A run there has the rights of the "
        "studio's own user, so only the instance owner registers it and opens it to others."
    ),
    fields=(
        Field(
            name="root",
            label="Folder",
            help="an absolute path under which runs and environments are kept on this machine.",
            is_required=True,
            check=_folder_complaint,
        ),
        Field(
            name="python",
            label="Interpreter",
            help="the Python (3.6 or newer) that keeps the runs; empty: the one under the studio.",
            is_required=False,
            check=_interpreter_complaint,
        ),
    ),
    maker="compute.transports.local.make_place",
    has_studio_rights=True,
    owner_only="a run there has the rights of the studio's own user",
    advice="Check its folder and interpreter",
)

DOCKER = Backend(
    kind="docker",
    label="Docker",
    summary=(
        "Containers of a Docker engine. A run there sees its own folder and the data it names, "
        "without rights beyond its container. Who reaches an engine can do anything on its "
        "machine, so only the instance owner registers one; members may run on it."
    ),
    fields=docker_fields.FIELDS,
    maker="compute.transports.docker.make_place",
    has_studio_rights=False,
    owner_only="who reaches a Docker engine can do anything on its machine",
    advice="Check its address, TLS folder and image",
    disagreement=docker_fields.disagreement,
)

KINDS: dict[str, Backend] = {backend.kind: backend for backend in (LOCAL, DOCKER)}


def backend_of(kind: str) -> Backend:
    """The backend of a kind.

    Raises:
        Refused: there is no such kind.
    """
    if kind not in KINDS:
        raise Refused(
            f"'{kind}' is no kind of compute target: choose from {', '.join(KINDS)}.", field="kind"
        )
    return KINDS[kind]
