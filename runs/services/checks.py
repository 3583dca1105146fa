"""Holding a submission against what can work: all at once as one types, the first on submitting."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import PurePosixPath

from compute.data_names import data_mentioned
from compute.models import ComputeTarget
from compute.selectors import data_known, target_pick
from runs.services.experiments import experiment_name_check
from runs.services.labels import labels_check
from runs.services.sources import source_meant
from runs.submission import (
    Submission,
    command_words,
    instead_of_variable,
)
from studio.lib.refusal import Refused
from studio.models import Role, User, Workspace
from studio.selectors import require_role, secrets_known

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MAX_PRIORITY = 1000
_MAX_GPUS = 1000


def submission_check(
    *, user: User, workspace: Workspace, request: Submission
) -> tuple[ComputeTarget, list[str]]:
    """Refuse what cannot work whatever the files are: the target, and the names of its data."""
    require_role(user, workspace, Role.CONTRIBUTOR)
    for check in _WORDS:
        check(request)
    secrets_known(workspace=workspace, names=request.secrets)
    data = _data_names(workspace, request)
    target = target_pick(
        workspace=workspace, user=user, name=request.target, gpus=request.gpus, data=data
    )
    return target, data


def submission_refusals(
    *, user: User, workspace: Workspace, request: Submission, paths: Collection[str] | None
) -> Iterator[Refused]:
    """Everything for which a submission would be refused, as far as it can be known now.

    `paths` are the files that would run; None when they are not known yet. Nothing is written.
    """
    require_role(user, workspace, Role.CONTRIBUTOR)
    for check in _WORDS:
        yield from _refusal(check, request)
    yield from _refusal(lambda asked: source_meant(workspace=workspace, request=asked), request)
    yield from _refusal(
        lambda asked: secrets_known(workspace=workspace, names=asked.secrets), request
    )
    data: list[str] = []
    yield from _refusal(lambda asked: data.extend(_data_names(workspace, asked)), request)
    yield from _refusal(
        lambda asked: target_pick(
            workspace=workspace, user=user, name=asked.target, gpus=asked.gpus, data=data
        ),
        request,
    )
    if paths is not None and request.script and not request.command:
        yield from _refusal(lambda asked: script_words(asked, paths), request)


def _refusal(check: Callable[[Submission], object], request: Submission) -> Iterator[Refused]:
    try:
        check(request)
    except Refused as error:
        yield error


def script_words(request: Submission, paths: Collection[str]) -> list[str]:
    """The words that run what is asked for, when the script is among these files.

    Raises:
        Refused: it is not; the sentence says what is near, or what there is.
    """
    if request.command:
        return list(request.command)
    script = request.script.removeprefix("./")
    if script not in paths:
        near = difflib.get_close_matches(script, paths, n=3, cutoff=0.5)
        near += [p for p in sorted(paths) if p.endswith(f"/{script}")][:3]
        hint = (
            f"did you mean {' or '.join(dict.fromkeys(near))}?" if near else _what_is_there(paths)
        )
        raise Refused(
            f"There is no script '{request.script}' in the folder: {hint}", field="script"
        )
    return command_words(script, request.arguments)


def _what_is_there(paths: Collection[str]) -> str:
    scripts = sorted(p for p in paths if p.endswith((".py", ".sh", ".ipynb")))
    if not scripts:
        return "it holds no .py, .sh or .ipynb file at all (ignored files are left out)."
    return f"it holds {', '.join(scripts[:5])}" + (" and more." if len(scripts) > 5 else ".")


def _data_names(workspace: Workspace, request: Submission) -> list[str]:
    """What is listed and what is mentioned, each once; all of it known."""
    mentioned = data_mentioned([*request.arguments, *request.command])
    data_known(workspace=workspace, names=request.data)
    try:
        data_known(workspace=workspace, names=mentioned)
    except Refused as error:
        raise Refused(
            f"{error.sentence} (To pass words on as they are, double the dollar: $${{data.…}})",
            field="arguments" if request.arguments else "command",
        ) from error
    return list(dict.fromkeys([*request.data, *mentioned]))


def _check_words(request: Submission) -> None:
    if bool(request.script) == bool(request.command):
        raise Refused(
            "Give either a script or a command"
            + (", not both." if request.script else ": neither was given."),
            field="script",
        )
    for word in (*request.arguments, *request.command, request.script):
        if "\0" in word:
            raise Refused("A command cannot contain a NUL character: remove it.", field="arguments")


def _check_variables(request: Submission) -> None:
    for name, value in request.variables.items():
        if not _VARIABLE.fullmatch(name):
            raise Refused(
                f"'{name}' cannot be the name of an environment variable: use letters, digits "
                "and _, and do not begin with a digit.",
                field="variables",
            )
        if instead := instead_of_variable(name):
            raise Refused(
                f"The studio sets {name} itself: leave it out and {instead}.", field="variables"
            )
        if "\0" in value:
            raise Refused(f"The variable {name} contains a NUL character.", field="variables")


def _check_secrets(request: Submission) -> None:
    for name in request.secrets:
        if name in request.variables:
            raise Refused(
                f"{name} is asked for as a secret and set as a variable: leave one of them out.",
                field="secrets",
            )


def _check_experiment(request: Submission) -> None:
    if request.experiment:
        experiment_name_check(name=request.experiment.strip())


def _check_labels(request: Submission) -> None:
    labels_check(name=request.name, tags=request.tags)


def _check_gpus(request: Submission) -> None:
    if request.gpus is not None and not 0 <= request.gpus <= _MAX_GPUS:
        raise Refused(
            f"{request.gpus} GPUs cannot be lent: give a number from 0 to {_MAX_GPUS}, or all.",
            field="gpus",
        )


def _check_outputs(request: Submission) -> None:
    _check_patterns(request.outputs)


def _check_patterns(patterns: Sequence[str]) -> None:
    for pattern in patterns:
        parts = PurePosixPath(pattern).parts
        if not pattern.strip() or pattern.startswith("/") or ".." in parts:
            raise Refused(
                f"The output pattern '{pattern}' must be relative to the working directory and "
                "stay inside it, like outputs/**.",
                field="outputs",
            )


def _check_priority(request: Submission) -> None:
    if abs(request.priority) > _MAX_PRIORITY:
        raise Refused(
            f"The priority {request.priority} is out of range: choose from -{_MAX_PRIORITY} to "
            f"{_MAX_PRIORITY}.",
            field="priority",
        )


def _check_time_limit(request: Submission) -> None:
    if request.time_limit_s is not None and not 1 <= request.time_limit_s <= 10**9:
        raise Refused(
            f"A time limit of {request.time_limit_s} s cannot be kept: give at least 1 second, or "
            "none.",
            field="time_limit_s",
        )


_WORDS: tuple[Callable[[Submission], None], ...] = (
    _check_words,
    _check_variables,
    _check_secrets,
    _check_experiment,
    _check_labels,
    _check_gpus,
    _check_outputs,
    _check_priority,
    _check_time_limit,
)
"""What each looks at is told by the words alone."""
