"""What was asked of two runs, where it differs."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from html import escape

from django.utils.safestring import SafeString, mark_safe

from environments.lock import lock_pins
from environments.models import Lock
from environments.pins import PinChange, pin_changes
from runs.models import Run
from runs.selectors.secrets import run_secrets
from runs.templatetags.runyard import duration


@dataclass(frozen=True)
class Difference:
    """One thing that was asked for, in both runs."""

    label: str
    old: str | SafeString
    new: str | SafeString


def parameter_differences(old: Run, new: Run) -> list[Difference]:
    """Command, environment, target, variables and what else was asked for."""
    found = [Difference("Command", *_marked(old.command, new.command))]
    plain = zip(_asked(old), _asked(new), strict=True)
    found += [Difference(label, before, after) for (label, before), (_, after) in plain]
    found += _of_mapping("Variable", old.variables, new.variables)
    found += _of_mapping("Data", old.data, new.data)
    return [pair for pair in found if pair.old != pair.new]


def run_lock(run: Run) -> Lock | None:
    """The packages that a run had: its build's, or those its environment is made of."""
    if run.build is not None:
        return run.build.lock
    return run.environment_version.locks.order_by("-pk").first()


def lock_differences(old: Run, new: Run) -> list[PinChange]:
    """The packages that were not the same."""
    before, after = run_lock(old), run_lock(new)
    if before == after:
        return []
    return pin_changes(*(lock_pins(lock.text) if lock else [] for lock in (before, after)))


def _asked(run: Run) -> Iterable[tuple[str, str]]:
    lock = run_lock(run)
    yield "Environment", str(run.environment_version)
    yield "Python", lock.python_version if lock else ""
    yield "Target", run.target.name
    yield "GPUs", "all" if run.gpus is None else str(run.gpus)
    yield "Secret variables", ", ".join(sorted(run.secret_variables))
    yield "Secrets", ", ".join(run_secrets(run))
    yield "Outputs", " ".join(run.outputs)
    yield "Time limit", duration(run.time_limit_s) if run.time_limit_s else ""
    yield "Commit", str(run.git.get("commit", ""))[:12]


def _of_mapping(word: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterable[Difference]:
    for name in sorted(old.keys() | new.keys()):
        yield Difference(f"{word} {name}", old.get(name, ""), new.get(name, ""))


def _marked(old: Sequence[str], new: Sequence[str]) -> tuple[SafeString, SafeString]:
    """Both commands; the words that are not in the other are marked."""
    before: list[str] = []
    after: list[str] = []
    for what, old_from, old_to, new_from, new_to in SequenceMatcher(None, old, new).get_opcodes():
        is_same = what == "equal"
        before += [_word(word, is_same=is_same) for word in old[old_from:old_to]]
        after += [_word(word, is_same=is_same) for word in new[new_from:new_to]]
    old_html, new_html = (mark_safe(" ".join(side)) for side in (before, after))  # noqa: S308
    return old_html, new_html


def _word(word: str, *, is_same: bool) -> str:
    text = escape(shlex.quote(word))
    return text if is_same else f"<mark>{text}</mark>"
