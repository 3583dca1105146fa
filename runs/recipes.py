"""What a submission comes to: the command on the target, and how to ask for it from elsewhere.

Each text can be pasted as it stands. Values of secret variables are in none of them.
"""

from __future__ import annotations

import pprint
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict

from compute.data_names import data_filled_in
from runs.submission import (
    DEFAULT_OUTPUTS,
    Files,
    FolderSource,
    GitSource,
    SavedSource,
    SnapshotSource,
    Submission,
    is_secret_name,
)

_WIDTH = 88


def command_text(words: Sequence[str], data: Mapping[str, str]) -> str:
    """The command as the target runs it, the paths of data in place of their names."""
    try:
        return shlex.join(data_filled_in(words, data))
    except KeyError:
        return shlex.join(words)


def cli_text(request: Submission, *, experiment: str, is_own_folder: bool) -> str:
    """The line that submits the same from a shell; in their folder, when files were uploaded."""
    words = ["runyard submit"]
    for name, value in _options(request, experiment, is_own_folder=is_own_folder):
        quoted = shlex.quote(value)
        words.append(f"{name}={quoted}" if value.startswith("-") else f"{name} {quoted}")
    words.append(shlex.join(_run_words(request)))
    return _wrapped(words, " \\\n    ")


def python_text(request: Submission, *, experiment: str, is_own_folder: bool) -> str:
    """The lines that submit the same from Python."""
    config = "\n".join(f"    {line}," for line in _config(request, is_own_folder=is_own_folder))
    lines = [
        *(["import os", ""] if any(map(is_secret_name, request.variables)) else []),
        "from studio.client import Experiment, ScriptRunConfig, Workspace",
        "",
        "ws = Workspace.from_config()",
        f"config = ScriptRunConfig(\n{config}\n)",
        *(f"config.run_config.{name} = {value}" for name, value in _shared(request)),
        f"run = Experiment(ws, {experiment!r}).submit({', '.join(_submit(request))})",
        "print(run)",
    ]
    return "\n".join(lines)


def _options(
    request: Submission, experiment: str, *, is_own_folder: bool
) -> Iterator[tuple[str, str]]:
    yield from _files(request.source, is_own_folder=is_own_folder)
    yield from _given(
        save_as=request.save_as,
        target=request.target,
        environment=request.environment,
        experiment=experiment,
        name=request.name,
        description=request.description,
    )
    if request.gpus != 0:
        yield "--gpus", "all" if request.gpus is None else str(request.gpus)
    if request.priority:
        yield "--priority", str(request.priority)
    if request.time_limit_s:
        yield "--time-limit", f"{request.time_limit_s}s"
    for name, value in request.variables.items():
        yield "--env", name if is_secret_name(name) else f"{name}={value}"
    for name in request.secrets:
        yield "--secret", name
    for name, value in request.tags.items():
        yield "--tag", f"{name}={value}" if value else name
    for name in request.data:
        yield "--data", name
    for pattern in _outputs(request):
        yield "--output", pattern


def _files(source: Files | SavedSource, *, is_own_folder: bool) -> Iterator[tuple[str, str]]:
    if isinstance(source, SavedSource):
        yield "--saved", source.name
    elif isinstance(source, GitSource):
        yield "--git", source.url
        yield from _given(ref=source.ref, folder=source.folder, credential=source.credential)
    elif isinstance(source, SnapshotSource) and not is_own_folder:
        yield "--snapshot", source.digest
    else:
        yield "--source", source.path if isinstance(source, FolderSource) else "."


def _given(**options: str) -> Iterator[tuple[str, str]]:
    for name, value in options.items():
        if value:
            yield f"--{name.replace('_', '-')}", value


def _run_words(request: Submission) -> list[str]:
    if request.command:
        return ["--", *request.command]
    script = request.script if not request.script.startswith("-") else f"./{request.script}"
    between = ["--"] if request.arguments[:1] == ["--"] else []
    return [script, *between, *request.arguments]


def _wrapped(words: Sequence[str], joint: str) -> str:
    lines = [words[0]]
    for word in words[1:]:
        if len(lines[-1]) + len(word) >= _WIDTH:
            lines.append(word)
        else:
            lines[-1] += f" {word}"
    return joint.join(lines)


def _config(request: Submission, *, is_own_folder: bool) -> Iterator[str]:
    yield _where(request, is_own_folder=is_own_folder)
    if request.command:
        yield f"command={_shown(list(request.command))}"
    else:
        yield f"script={request.script!r}"
        if request.arguments:
            yield f"arguments={_shown(list(request.arguments))}"
    for name, value in (
        ("compute_target", request.target),
        ("environment", request.environment),
        ("max_run_duration_seconds", request.time_limit_s),
    ):
        if value:
            yield f"{name}={value!r}"


def _where(request: Submission, *, is_own_folder: bool) -> str:
    source = request.source
    if isinstance(source, SavedSource):
        return f"source={_shown({'saved': source.name})}"
    if isinstance(source, GitSource):
        given = {name: value for name, value in asdict(source).items() if value}
        return f"source={_shown({'git': given})}"
    if isinstance(source, SnapshotSource) and not is_own_folder:
        return f"source={_shown({'snapshot': source.digest})}"
    folder = source.path if isinstance(source, FolderSource) else "."
    return f"source_directory={folder!r}"


def _shared(request: Submission) -> Iterator[tuple[str, str]]:
    if request.variables:
        pairs = (
            f"{name!r}: os.environ[{name!r}]" if is_secret_name(name) else f"{name!r}: {value!r}"
            for name, value in request.variables.items()
        )
        yield "environment_variables", f"{{{', '.join(pairs)}}}"
    if request.secrets:
        yield "secrets", _shown(list(request.secrets))
    if request.gpus != 0:
        yield "gpus", repr("all" if request.gpus is None else request.gpus)
    if request.data:
        yield "data", _shown(list(request.data))
    if request.priority:
        yield "priority", repr(request.priority)
    if _outputs(request):
        yield "outputs", _shown(_outputs(request))


def _submit(request: Submission) -> Iterator[str]:
    yield "config"
    if request.tags:
        yield f"tags={_shown(dict(request.tags))}"
    for name in ("name", "description", "save_as"):
        if value := getattr(request, name):
            yield f"{name}={value!r}"


def _outputs(request: Submission) -> list[str]:
    given = list(request.outputs)
    return [] if given == list(DEFAULT_OUTPUTS) else given


def _shown(value: object) -> str:
    text = pprint.pformat(value, width=_WIDTH - 16, sort_dicts=False)
    return text.replace("\n", "\n    ")
