"""What the submit page is filled in with, and what was changed of it since."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.http import QueryDict

from runs.fileforms import FOLDER, GIT, SAVED, git_values
from runs.models import Run
from runs.notebooks import is_notebook, notebook_arguments
from runs.submission import GitSource, SavedSource, Submission, is_secret_name

_COMPARED = {
    "script": "script",
    "arguments": "arguments",
    "command": "command",
    "target": "target",
    "environment": "environment",
    "experiment": "experiment",
    "name": "name",
    "gpus": "GPUs",
    "data_names": "data",
    "priority": "priority",
    "time_limit": "time limit",
    "variables": "variables",
    "secrets": "secrets",
    "outputs": "outputs",
    "tags": "tags",
    "description": "description",
}


@dataclass(frozen=True)
class Difference:
    """One field as it was in the earlier run, and as it stands now."""

    label: str
    old: str
    new: str


def initial_from_run(run: Run) -> dict[str, Any]:
    """The values that would submit the same again; secret variables by name only."""
    words = run.command
    position = words.index(run.script) if run.script in words else -1
    arguments = notebook_arguments(words) if is_notebook(run.script) else words[position + 1 :]
    secret = [f"{name}=" for name in sorted(run.secret_variables)]
    plain = [f"{name}={value}" for name, value in run.variables.items()]
    return {
        "snapshot": run.snapshot.digest,
        "saved": run.source.name if run.source else "",
        "folder": run.origin.get("folder", ""),
        **git_values(run.origin.get("git", {})),
        "script": run.script,
        "arguments": _typed(arguments) if run.script else "",
        "command": "" if run.script else _typed(words),
        "target": run.target.name,
        "environment": str(run.environment_version),
        "experiment": run.experiment.name,
        "name": run.name,
        "tags": "\n".join(f"{k}={v}" if v else k for k, v in run.tags.items()),
        "description": run.description,
        "variables": "\n".join(plain + secret),
        "secrets": run.secrets,
        "outputs": "\n".join(run.outputs),
        "gpus": "all" if run.gpus is None else run.gpus,
        "data_names": ", ".join(run.data),
        "priority": run.priority,
        "time_limit": f"{run.time_limit_s} s" if run.time_limit_s else "",
    }


def initial_from_import(request: Submission) -> dict[str, Any]:
    """The values that would ask for the same import again; secret variables by name only."""
    source = request.source
    git = asdict(source) if isinstance(source, GitSource) else {}
    saved = source.name if isinstance(source, SavedSource) else ""
    variables = "\n".join(f"{name}={value}" for name, value in request.variables.items())
    return {
        "source": SAVED if saved else GIT,
        "saved": saved,
        "save_as": request.save_as,
        **git_values(git),
        "script": request.script,
        "arguments": _typed(request.arguments),
        "command": _typed(request.command),
        "target": request.target,
        "environment": request.environment,
        "experiment": request.experiment,
        "name": request.name,
        "tags": "\n".join(f"{k}={v}" if v else k for k, v in request.tags.items()),
        "description": request.description,
        "variables": without_secrets(variables),
        "secrets": list(request.secrets),
        "outputs": "\n".join(request.outputs),
        "priority": request.priority,
        "time_limit": f"{request.time_limit_s} s" if request.time_limit_s else "",
    }


def without_secrets(text: str) -> str:
    """Variables as typed, the values of secret ones left out."""
    lines = []
    for line in text.splitlines():
        name, equals, _ = line.partition("=")
        lines.append(f"{name}=" if equals and is_secret_name(name) else line)
    return "\n".join(lines)


def initial_remembered(run: Run, *, whole: bool) -> dict[str, Any]:
    """What somebody most likely wants again who submitted this run last.

    Where the files come from ("" when they were brought), the target and the environment
    that was named; with `whole`, when the page was asked for more of the same, also the
    script and its words.
    """
    before = initial_from_run(run)
    named = run.environment_why.startswith("named by the run")
    kept = ["target"]
    if whole:
        kept += ["script", "arguments", "command", "outputs", "gpus", "data_names", "time_limit"]
        kept += ["experiment"]
    source = SAVED if run.source else next((k for k in (FOLDER, GIT) if k in run.origin), "")
    return {
        "source": source,
        "environment": run.environment_version.environment.name if named else "",
        **{name: before[name] for name in ("saved", "folder", *git_values({}), *kept)},
    }


def differences(run: Run, now: Mapping[str, Any]) -> list[Difference]:
    """What the form asks for otherwise than the run that it was filled in from."""
    before = initial_from_run(run)
    found = []
    for name, label in _COMPARED.items():
        if name == "secrets":  # several values
            old, new = ", ".join(run.secrets), ", ".join(sorted(form_list(now, name)))
        else:
            old, new = _plain(before[name]), _plain(now.get(name))
        if name == "variables":
            old, new = without_secrets(old), without_secrets(new)
        if old != new:
            found.append(Difference(label, old, new))
    return found


def form_list(data: Mapping[str, Any], name: str) -> list[str]:
    """All values of a field that has several, as posted or as given."""
    found = data.getlist(name) if isinstance(data, QueryDict) else data.get(name, [])
    return [str(value) for value in found]


def _plain(value: object) -> str:
    return "\n".join(str("" if value is None else value).split("\r\n")).strip()


def _typed(words: Sequence[str]) -> str:
    return shlex.join(words)
