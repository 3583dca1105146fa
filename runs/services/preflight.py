"""A look at a submission before it is sent: two seconds, nothing is queued or forbidden."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence

from django.conf import settings

from compute.data_names import data_mentioned
from compute.models import ComputeTarget, DataPath
from compute.selectors import target_get, target_pick
from environments.modules import distribution_for
from environments.packages import Contents, contents_of, environment_with
from environments.requirements import requirements_read
from environments.selectors import version_get, version_misfit
from environments.services.environments import MINIMAL, NOTEBOOK
from runs.codelook import Look, Mistake, code_look, is_python, is_shell, script_of
from runs.findings import GOOD, UNKNOWN, WARNING, Finding
from runs.notebooks import is_notebook
from runs.selectors.outlook import target_outlooks
from runs.services.trees import Seen
from runs.submission import Submission
from runs.trees import Tree
from studio.client.folder import readable_size
from studio.lib.refusal import Refused
from studio.models import User, Workspace

SECONDS = 2.0
"""How long a look may take."""
_SHOWN = 6
_NEARLY_FULL = 0.8


def submission_preflight(
    *, user: User, workspace: Workspace, request: Submission, seen: Seen
) -> list[Finding]:
    """What may go wrong with a run of these files, as far as two seconds can tell."""
    until = time.monotonic() + SECONDS
    target = _target(user, workspace, request)
    findings = list(_files(seen))
    if seen.tree is not None:
        findings += _code(workspace, request, seen.tree, target, until)
    if target is not None:
        findings += _fit(workspace, request, target)
        findings += _data(request, target)
        findings.append(_place(user, workspace, request, target))
    return findings


def _target(user: User, workspace: Workspace, request: Submission) -> ComputeTarget | None:
    """The target that is meant, also one that would refuse the run."""
    try:
        if request.target:
            return target_get(workspace=workspace, user=user, name=request.target)
        return target_pick(workspace=workspace, user=user, name="", gpus=request.gpus)
    except Refused:
        return None


def _files(seen: Seen) -> Iterator[Finding]:
    tree = seen.tree
    if tree is None:
        yield Finding("files", WARNING if seen.refusal else UNKNOWN, seen.why_not)
        return
    count, size = len(tree.sizes), tree.size_bytes
    told = f"{count:,} file{'' if count == 1 else 's'}, {readable_size(size)}"
    most = settings.SNAPSHOT_MAX_BYTES
    if not count:
        yield Finding("files", WARNING, "There are no files: ignored ones are left out.")
    elif size > _NEARLY_FULL * most or count > _NEARLY_FULL * settings.SNAPSHOT_MAX_FILES:
        largest = max(tree.sizes, key=lambda path: tree.sizes[path])
        yield Finding(
            "files",
            WARNING,
            f"{told}: nearly the {readable_size(most)} and {settings.SNAPSHOT_MAX_FILES:,} files "
            f"allowed; the largest is {largest} ({readable_size(tree.sizes[largest])}).",
        )
    else:
        yield Finding("files", GOOD, f"{told}{f', {tree.note}' if tree.note else ''}.")


def _code(
    workspace: Workspace,
    request: Submission,
    tree: Tree,
    target: ComputeTarget | None,
    until: float,
) -> Iterator[Finding]:
    start = request.script.removeprefix("./") or script_of(request.command, tree.sizes)
    look = None
    if start in tree.places and (is_python(start) or is_shell(start)):
        left = max(0.2, until - time.monotonic())
        look = code_look(start, tree.places, seconds=left, python=_python(target))
        yield _syntax(start, look, target)
    elif request.command and not start:
        yield Finding("syntax", UNKNOWN, "The command starts no file that can be looked into.")
    contents, problem = _contents(workspace, request, tree)
    if contents is None:
        if problem:
            yield Finding("environment", WARNING, problem)
        return
    if look is not None and is_python(start):
        yield _imports(workspace, look, contents)
    yield from _requirements(request, tree, contents)


def _syntax(start: str, look: Look | None, target: ComputeTarget | None) -> Finding:
    if look is None:
        return Finding("syntax", UNKNOWN, f"{start} was not read within {SECONDS:.0f} s.")
    if look.mistakes:
        first = look.mistakes[0]
        where = f"{first.path}, line {first.line}" if first.line else first.path
        sentence = f"{where}: {first.message}."
        if newer := _newer_python(target):
            told = f"{sentence} The studio reads as Python {_ours()}, {newer} may read it."
            return Finding("syntax", UNKNOWN, told, first.picture)
        return Finding("syntax", WARNING, _with_more(sentence, look.mistakes), first.picture)
    if look.unfinished:
        return Finding(
            "syntax", UNKNOWN, f"{look.looked} files were read in time, others were not."
        )
    more = look.looked - 1
    beside = f" and {more} file{'' if more == 1 else 's'} that it imports" if more else ""
    return Finding("syntax", GOOD, f"{start}{beside} can be parsed.")


def _with_more(sentence: str, mistakes: Sequence[Mistake]) -> str:
    more = len({mistake.path for mistake in mistakes}) - 1
    return f"{sentence} And {more} more." if more else sentence


def _newer_python(target: ComputeTarget | None) -> str:
    """The target and its Python, when that understands more than ours."""
    numbers = _python(target)
    newer = numbers and numbers > sys.version_info[:2]
    return f"{target.name} with {numbers[0]}.{numbers[1]}" if target and newer else ""


def _python(target: ComputeTarget | None) -> tuple[int, ...]:
    """(major, minor) of the Python that the target builds environments with; () when not known."""
    version = str(target.facts.get("python_version", "")) if target else ""
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
    return numbers if len(numbers) == 2 else ()


def _ours() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _contents(workspace: Workspace, request: Submission, tree: Tree) -> tuple[Contents | None, str]:
    default = NOTEBOOK if is_notebook(request.script) else MINIMAL
    try:
        contents = contents_of(
            workspace=workspace,
            name=request.environment,
            requirements=tree.text("requirements.txt"),
            default=default,
        )
    except Refused as error:
        return None, "" if error.field == "environment" else error.sentence
    return contents, ""


def _imports(workspace: Workspace, look: Look, contents: Contents) -> Finding:
    wanted: dict[str, tuple[str, str, int]] = {}
    for module, path, line in look.imports:
        wanted.setdefault(distribution_for(module), (module.partition(".")[0], path, line))
    if contents.packages is None:
        return Finding(
            "imports",
            UNKNOWN,
            f"The environment {contents.called} brings a Python of its own: what that has is not "
            "known to the studio.",
        )
    missing = {name: at for name, at in wanted.items() if name not in contents.packages}
    if not missing:
        if look.mistakes:
            return Finding("imports", UNKNOWN, "Not all of it could be read.")
        has = f"{contents.called} has {_listed(sorted(wanted))}."
        return Finding("imports", GOOD, has if wanted else "Only modules of Python's own.")
    told = _listed([_missing(name, *at) for name, at in missing.items()])
    if not contents.is_locked:
        sentence = f"{contents.called} does not ask for {told}: perhaps they come with the rest."
        return Finding("imports", UNKNOWN, sentence)
    better = environment_with(workspace=workspace, packages=missing)
    advice = (
        f" {better} has {'it' if len(missing) == 1 else 'them'}."
        if better
        else " No environment here has all of it: name it in a requirements.txt."
    )
    sentence = f"{contents.called} lacks {told}.{advice}"
    return Finding("imports", WARNING, sentence, environment=better)


def _missing(distribution: str, module: str, path: str, line: int) -> str:
    name = module if module.lower() == distribution else f"{module} (of {distribution})"
    return f"{name}, {path} line {line}"


def _listed(names: list[str]) -> str:
    shown = names[:_SHOWN]
    more = len(names) - len(shown)
    joint = "; " if any("," in name for name in shown) else ", "
    return joint.join(shown) + (f" and {more} more" if more else "")


def _requirements(request: Submission, tree: Tree, contents: Contents) -> Iterator[Finding]:
    """The folder asks for packages, and an environment was named that may lack them."""
    text = tree.text("requirements.txt")
    if text is None or not request.environment.strip() or contents.packages is None:
        return
    try:
        asked = {line.name for line in requirements_read(text)}
    except Refused:
        asked = set()
    lacks = sorted(asked - contents.packages)
    if lacks:
        yield Finding(
            "environment",
            WARNING,
            f"requirements.txt asks for {_listed(lacks)}, which {contents.called} lacks: leave the "
            "choice to the studio to have it installed.",
        )
    else:
        yield Finding("environment", GOOD, f"{contents.called} has all of requirements.txt.")


def _fit(workspace: Workspace, request: Submission, target: ComputeTarget) -> Iterator[Finding]:
    """A named environment that the target cannot have: the run would be refused."""
    if not request.environment.strip():
        return
    try:
        version = version_get(workspace=workspace, reference=request.environment)
    except Refused:
        return
    if problem := version_misfit(version=version, target=target):
        yield Finding("environment", WARNING, problem)


def _data(request: Submission, target: ComputeTarget) -> Iterator[Finding]:
    mentioned = data_mentioned([*request.arguments, *request.command])
    names = list(dict.fromkeys([*request.data, *mentioned]))
    if not names:
        return
    rows = {row.data.name: row for row in _paths(target, names)}
    lacking = [name for name in names if name not in rows]
    if lacking:
        yield Finding("data", WARNING, f"{target.name} does not have {_listed(lacking)}.")
    bad = [row for row in rows.values() if row.complaint]
    if bad:
        yield Finding("data", WARNING, " ".join(row.complaint for row in bad))
    elif not lacking:
        yield Finding("data", GOOD, f"{target.name} has {_listed(names)}.")


def _paths(target: ComputeTarget, names: list[str]) -> list[DataPath]:
    rows = DataPath.objects.filter(target=target, data__name__in=names)
    return list(rows.select_related("data"))


def _place(user: User, workspace: Workspace, request: Submission, target: ComputeTarget) -> Finding:
    outlooks = target_outlooks(
        user=user, workspace=workspace, gpus=request.gpus, priority=request.priority
    )
    outlook = next(each for each in outlooks if each.target == target)
    state = GOOD if outlook.may_start else WARNING
    return Finding("target", state, f"{target.name}: {outlook.sentence}")
