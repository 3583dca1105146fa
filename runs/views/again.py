"""A run as one would ask for it again: as a command line, and in Python."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from runs.models import Run
from runs.notebooks import is_notebook, notebook_arguments


def command_line(run: Run) -> str:
    """The `runyard submit` that asks for the same files, environment, words and variables.

    Secret variables stand in it by name alone: their values are taken from where it is typed.
    """
    words = ["runyard", "submit", *_options(run)]
    if not run.script:
        return shlex.join([*words, "--", *run.command])
    arguments = run_arguments(run)
    # the command takes a first "--" of a script for its own
    guard = ["--"] if arguments[:1] == ["--"] else []
    return shlex.join([*words, run.script, *guard, *arguments])


def python_line(run: Run) -> str:
    """How the Python client gets hold of it."""
    return f"run = Workspace.from_config().get_run({run.pk})"


def run_arguments(run: Run) -> list[str]:
    """The words behind its script."""
    if is_notebook(run.script):
        return notebook_arguments(run.command)
    position = run.command.index(run.script) if run.script in run.command else -1
    return list(run.command[position + 1 :])


def _options(run: Run) -> Iterator[str]:
    for name, value in _asked(run):
        # a value that looks like an option has to hold on to its name
        yield from ((f"{name}={value}",) if value.startswith("-") else (name, value))


def _asked(run: Run) -> Iterator[tuple[str, str]]:
    yield "--snapshot", run.snapshot.digest
    yield "--target", run.target.name
    yield "--environment", str(run.environment_version)
    yield "--experiment", run.experiment.name
    yield "--name", run.name
    if run.description:
        yield "--description", run.description
    if run.gpus != 0:
        yield "--gpus", "all" if run.gpus is None else str(run.gpus)
    if run.priority:
        yield "--priority", str(run.priority)
    if run.time_limit_s:
        yield "--time-limit", f"{run.time_limit_s}s"
    yield from (("--env", f"{name}={value}") for name, value in run.variables.items())
    yield from (("--env", name) for name in run.secret_variables)
    yield from (("--secret", name) for name in run.secrets)
    yield from (("--tag", f"{name}={value}" if value else name) for name, value in run.tags.items())
    yield from (("--data", name) for name in run.data)
    yield from (("--output", pattern) for pattern in run.outputs)
