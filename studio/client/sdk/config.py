"""What to run, and where and in what."""

from __future__ import annotations

import os
import shlex
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from studio.client.errors import Refused
from studio.client.sdk.checks import Fields, unknown
from studio.client.sdk.environment import Environment
from studio.client.sdk.target import ComputeTarget

if TYPE_CHECKING:
    from studio.client.sdk.workspace import Workspace

    Words = str | Sequence[object] | None
_SHELL = frozenset({"&&", "||", "|", ";", ">", ">>", "<", "&"})


class RunConfiguration(Fields):
    """Where and in what: the part of a configuration that several scripts may share."""

    _fields = (
        "script",
        "arguments",
        "command",
        "target",
        "environment",
        "framework",
        "environment_variables",
        "secrets",
        "max_run_duration_seconds",
        "priority",
        "outputs",
        "gpus",
        "data",
    )

    def __init__(self) -> None:
        self.script: str | None = None
        self.arguments: Words = None
        self.command: Words = None
        self.target: str | ComputeTarget | None = None
        """A target or its name; None leaves the choice to the studio."""
        self.environment: str | Environment | None = None
        """An environment, or "name" or "name:3"; None leaves the choice to the studio."""
        self.framework = "Python"
        self.environment_variables: dict[str, str] = {}
        self.secrets: Sequence[str] = ()
        """Names of secrets of the workspace, which become variables of the same names."""
        self.max_run_duration_seconds: int | None = None
        self.priority = 0
        """Higher goes first in the queue of the target."""
        self.outputs: Sequence[str] = ()
        """Patterns of files to keep; without any, outputs/**."""
        self.gpus: int | str = 0
        """How many are lent to the run, or "all"; with 0 it sees none."""
        self.data: Sequence[str] = ()
        """Names of data that it needs."""


class ScriptRunConfig(Fields):
    """A folder, and the script or command to run in it.

    Instead of a folder of this machine `source` names what the studio has or fetches, as
    REST takes it: {"saved": name}, {"git": {"url": …}}, {"snapshot": digest}, {"folder": path}.

    With a `run_config`, what it holds decides where and in what, and a warning names what was
    given beside it; script, arguments and command given here come before its own.
    """

    _fields = ("source_directory", "source", "script", "arguments", "command", "run_config")

    def __init__(
        self,
        source_directory: str | os.PathLike[str] | None = None,
        script: str | os.PathLike[str] | None = None,
        arguments: Words = None,
        run_config: RunConfiguration | None = None,
        *,
        compute_target: str | ComputeTarget | None = None,
        environment: str | Environment | None = None,
        max_run_duration_seconds: int | None = None,
        command: Words = None,
        source: Mapping[str, Any] | None = None,
        **others: object,
    ) -> None:
        """Put it together; nothing is read or sent before it is submitted.

        Raises:
            Refused: an argument is not known, or there are two sources.
        """
        here = {
            "compute_target": compute_target,
            "environment": environment,
            "max_run_duration_seconds": max_run_duration_seconds,
        }
        for name in others:
            raise unknown("ScriptRunConfig", name, (*self._fields, *here))
        if source is not None and source_directory is not None:
            raise Refused("Give either a source_directory or a source, not both.")
        self.source_directory = os.fspath(source_directory or ".")
        self.source = dict(source) if source is not None else None
        self.script = os.fspath(script) if script is not None else None
        self.arguments, self.command = arguments, command
        self.run_config = run_config or RunConfiguration()
        given = [name for name, value in here.items() if value is not None]
        if run_config is None:
            self.run_config.target = compute_target
            self.run_config.environment = environment
            self.run_config.max_run_duration_seconds = max_run_duration_seconds
        elif given:
            warnings.warn(
                f"{' and '.join(given)} given beside run_config: ignored, for run_config decides.",
                stacklevel=2,
            )

    def __repr__(self) -> str:
        what = self.script if self.script is not None else self.command
        return f"ScriptRunConfig({what!r} of {self.source or self.source_directory!r})"

    def request(self, workspace: Workspace) -> dict[str, Any]:
        """What REST is asked for, without the files; registers an environment if need be.

        Raises:
            Refused: it cannot be meant so.
        """
        shared = self.run_config
        if not isinstance(shared, RunConfiguration):
            raise Refused(f"run_config must be a RunConfiguration, not {shared!r}.")
        if str(shared.framework).casefold() != "python":
            raise Refused(f"The framework '{shared.framework}' cannot be run: set it to 'Python'.")
        return {
            **self._what(),
            "target": _target(shared.target),
            "environment": _environment(shared.environment, workspace),
            "variables": {str(k): str(v) for k, v in shared.environment_variables.items()},
            "secrets": list(shared.secrets),
            "time_limit_s": shared.max_run_duration_seconds,
            "priority": shared.priority,
            "outputs": list(shared.outputs),
            "gpus": shared.gpus,
            "data": list(shared.data),
        }

    def _what(self) -> dict[str, Any]:
        named = next((c for c in (self, self.run_config) if c.script or c.command), None)
        if named is None:
            raise Refused("Nothing says what to run: give script='train.py', or a command.")
        if named.command:
            if named.script or named.arguments:
                raise Refused("Give a command, or a script and its arguments, not both.")
            return {"command": _command(named.command)}
        arguments = self.arguments if self.arguments is not None else self.run_config.arguments
        return {"script": named.script, "arguments": words("arguments", arguments)}


def words(name: str, given: Words) -> list[str]:
    """Words as a person gives them: one text as in a shell, or a list of texts and numbers.

    Raises:
        Refused: there is something else among them.
    """
    if isinstance(given, str):
        try:
            return shlex.split(given)
        except ValueError:
            raise Refused(f"A quotation mark is not closed in {name}: {given!r}.") from None
    if not isinstance(given, (list, tuple, type(None))):
        raise Refused(f"{name} must be a list or one text, not {given!r}.")
    for word in given or ():
        if not isinstance(word, (str, int, float, os.PathLike)):
            raise Refused(f"{name} can hold texts and numbers, but not {word!r}.")
    return [os.fspath(w) if isinstance(w, os.PathLike) else str(w) for w in given or ()]


def _command(given: Words) -> list[str]:
    found = words("command", given)
    for word in found:
        if isinstance(given, str) and word in _SHELL:
            raise Refused(
                f"'{word}' in the command means something to a shell only: give "
                f"['sh', '-c', {given!r}]."
            )
    return found


def _target(given: object) -> str:
    if isinstance(given, ComputeTarget):
        return given.name
    if given is None or isinstance(given, str):
        return given or ""
    raise Refused(f"A compute target is an object of ws.compute_targets or a name, not {given!r}.")


def _environment(given: object, workspace: Workspace) -> str:
    if isinstance(given, Environment):
        return given.reference(workspace)
    if given is None or isinstance(given, str):
        return given or ""
    raise Refused(f"An environment is an Environment or its name, not {given!r}.")
