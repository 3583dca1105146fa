"""The form that submits a run: it reads text into a Submission; the service decides."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any, cast

from django import forms
from django.conf import settings
from django.http import QueryDict

from compute.models import ComputeTarget
from runs.models import Run
from runs.notebooks import is_notebook, notebook_arguments
from runs.submission import (
    DEFAULT_OUTPUTS,
    FolderSource,
    SnapshotSource,
    Submission,
    ZipSource,
    is_secret_name,
    split_command,
)
from studio.lib.refusal import Refused

FOLDER, ZIP, SNAPSHOT = "folder", "zip", "snapshot"
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(s|sec|m|min|h|d)?", re.IGNORECASE)
_UNIT_S = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "": 1}
_MONO = {"class": "mono", "spellcheck": "false", "autocapitalize": "off"}


class SubmitForm(forms.Form):
    """Everything that decides what will run. What is left empty the studio chooses."""

    source = forms.ChoiceField(widget=forms.RadioSelect, label="Where are the files?")
    folder = forms.CharField(
        required=False,
        label="Server folder",
        max_length=4096,
        widget=forms.TextInput(attrs={**_MONO, "placeholder": "/home/me/project"}),
    )
    zip = forms.FileField(
        required=False,
        label="Zip file",
        allow_empty_file=True,
        widget=forms.FileInput(attrs={"accept": ".zip,application/zip"}),
    )
    snapshot = forms.CharField(required=False, widget=forms.HiddenInput)
    script = forms.CharField(
        required=False,
        max_length=1000,
        widget=forms.TextInput(attrs={**_MONO, "placeholder": "train.py"}),
        help_text="A path in the folder; Python and shell scripts start with their interpreter, "
        "a notebook is executed.",
    )
    arguments = forms.CharField(
        required=False,
        widget=forms.TextInput(attrs={**_MONO, "placeholder": "--epochs 10"}),
        help_text="As you would type them in a shell.",
    )
    command = forms.CharField(
        required=False,
        label="Or a command instead of a script",
        widget=forms.TextInput(attrs={**_MONO, "placeholder": "python -m pkg.train --epochs 10"}),
    )
    target = forms.ChoiceField(required=False)
    environment = forms.ChoiceField(required=False)
    experiment = forms.CharField(
        required=False,
        widget=forms.TextInput(attrs={"list": "experiments"}),
        help_text="Made when it does not exist; empty: the folder's name.",
    )
    name = forms.CharField(required=False, help_text="Empty: the script's name.")
    tags = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={**_MONO, "rows": 2, "placeholder": "model=ridge"}),
        help_text="One a line: name or name=value.",
    )
    description = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}))
    variables = forms.CharField(
        required=False,
        label="Environment variables",
        widget=forms.Textarea(attrs={**_MONO, "rows": 3, "placeholder": "OMP_NUM_THREADS=2"}),
        help_text="One a line: NAME=value. The value of a name with TOKEN, KEY, SECRET, PASSWORD "
        "or CREDENTIAL in it is stored encrypted, never shown again, and masked in the log.",
    )
    outputs = forms.CharField(
        required=False,
        label="Output patterns",
        initial="\n".join(DEFAULT_OUTPUTS),
        widget=forms.Textarea(attrs={**_MONO, "rows": 2}),
        help_text="Files to keep as artifacts, one pattern a line, from the working directory.",
    )
    priority = forms.IntegerField(
        required=False, initial=0, help_text="Higher goes first in the queue of its target."
    )
    time_limit = forms.CharField(
        required=False,
        widget=forms.TextInput(attrs={"placeholder": "90 s, 30 min, 2 h"}),
        help_text="The run is stopped after it. Empty: no limit.",
    )

    def __init__(
        self,
        *args: Any,
        targets: Sequence[ComputeTarget],
        environments: Sequence[str],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.has_folders = bool(settings.LINK_ROOTS)
        sources = [(FOLDER, "a folder on the studio's machine"), (ZIP, "a zip file")]
        if self["snapshot"].value():
            sources.insert(0, (SNAPSHOT, "the same files as before"))
        _choices(self, "source", sources, may_be_empty=False)
        _choices(self, "target", [(target.name, _target_label(target)) for target in targets])
        _choices(self, "environment", [(name, name) for name in environments])
        self.fields["folder"].help_text = _roots_hint()
        self.initial.setdefault("source", sources[0][0] if self.has_folders else sources[-1][0])
        if self["snapshot"].value():
            self.initial["source"] = SNAPSHOT

    def clean(self) -> dict[str, Any]:
        """Hold each text against its form; what it means the service judges."""
        values = super().clean() or {}
        needed = values.get("source", "")
        if needed in {FOLDER, ZIP} and not values.get(needed) and needed not in self.errors:
            self.add_error(needed, "Name the folder." if needed == FOLDER else "Choose a zip file.")
        for name, read in _READERS.items():
            try:
                values[name] = read(values.get(name) or "")
            except ValueError as error:
                self.add_error(name, str(error))
        return values

    def submission(self) -> Submission:
        """What the valid form asks for."""
        values = self.cleaned_data
        return Submission(
            source=self._source(),
            script=values["script"].strip(),
            arguments=values["arguments"],
            command=values["command"],
            target=values["target"],
            environment=values["environment"],
            experiment=values["experiment"],
            name=values["name"],
            description=values["description"],
            tags=values["tags"],
            priority=values["priority"] or 0,
            time_limit_s=values["time_limit"],
            variables=values["variables"],
            outputs=values["outputs"] or DEFAULT_OUTPUTS,
        )

    def refuse(self, error: Refused) -> None:
        """Show a refusal beside the field that it is about."""
        names = {"source": self.cleaned_data["source"], "time_limit_s": "time_limit"}
        name = names.get(error.field, error.field)
        shown = name in self.fields and name != SNAPSHOT
        self.add_error(name if shown else None, error.sentence)

    def forget_secrets(self) -> None:
        """Leave the values of secret variables out when the form is shown again."""
        shown = QueryDict(mutable=True)
        for name in self.data:
            shown[name] = self.data[name]
        shown["variables"] = without_secrets(shown.get("variables", ""))
        self.data = shown

    def _source(self) -> FolderSource | ZipSource | SnapshotSource:
        values = self.cleaned_data
        if values["source"] == FOLDER:
            return FolderSource(values["folder"].strip())
        if values["source"] == SNAPSHOT:
            return SnapshotSource(values["snapshot"])
        return ZipSource(values["zip"], values["zip"].name)


def initial_from_run(run: Run) -> dict[str, Any]:
    """The values that would submit the same again; secret variables by name only."""
    words = run.command
    position = words.index(run.script) if run.script in words else -1
    arguments = notebook_arguments(words) if is_notebook(run.script) else words[position + 1 :]
    secret = [f"{name}=" for name in sorted(run.secret_variables)]
    plain = [f"{name}={value}" for name, value in run.variables.items()]
    return {
        "snapshot": run.snapshot.digest,
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
        "outputs": "\n".join(run.outputs),
        "priority": run.priority,
        "time_limit": f"{run.time_limit_s} s" if run.time_limit_s else "",
    }


def without_secrets(text: str) -> str:
    """Variables as typed, the values of secret ones left out."""
    lines = []
    for line in text.splitlines():
        name, equals, _ = line.partition("=")
        lines.append(f"{name}=" if equals and is_secret_name(name) else line)
    return "\n".join(lines)


def _choices(
    form: forms.Form, name: str, choices: list[tuple[str, str]], *, may_be_empty: bool = True
) -> None:
    """Offer these; a value that is not among them stays, for the service's sentence says more."""
    field = cast("forms.ChoiceField", form.fields[name])
    if may_be_empty:
        value = str(form[name].value() or "")
        known = {key for key, _ in choices}
        extra = [(value, value)] if value and value not in known else []
        choices = [("", "choose for me"), *choices, *extra]
    field.choices = choices
    field.error_messages["invalid_choice"] = "'%(value)s' is not among the choices."


def _target_label(target: ComputeTarget) -> str:
    notes = [] if target.enabled else ["disabled"]
    if target.health == ComputeTarget.Health.UNREACHABLE:
        notes.append("unreachable")
    return f"{target.name} ({', '.join(notes)})" if notes else target.name


def _roots_hint() -> str:
    if not settings.LINK_ROOTS:
        return (
            "Switched off: RUNYARD_LINK_ROOTS names the folders under which scripts may lie, and "
            "it is empty."
        )
    return f"A folder under {', '.join(map(str, settings.LINK_ROOTS))}. Ignored files stay out."


def _typed(words: Sequence[str]) -> str:
    return shlex.join(words)


def _words(text: str) -> list[str]:
    try:
        return split_command(text)
    except ValueError:
        message = "A quotation mark is not closed: write it as you would in a shell."
        raise ValueError(message) from None


def _span(text: str) -> int | None:
    if not text.strip():
        return None
    match = _SPAN.fullmatch(text.strip())
    if match is None:
        message = f"'{text.strip()}' is no span of time: write it like 90 s, 30 min or 2 h."
        raise ValueError(message)
    return max(1, round(float(match[1]) * _UNIT_S[(match[2] or "").lower()]))


def _tags(text: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in _lines(text))
    return {name.strip(): value.strip() for name, _, value in pairs}


def _variables(text: str) -> Mapping[str, str]:
    found = {}
    for line in _lines(text):
        name, equals, value = line.partition("=")
        if not equals:
            message = f"'{line[:40]}' has no '=': write NAME=value, one a line."
            raise ValueError(message)
        found[name.strip()] = value
    return found


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


_READERS = {
    "arguments": _words,
    "command": _words,
    "time_limit": _span,
    "tags": _tags,
    "variables": _variables,
    "outputs": _lines,
}
