"""The form that submits a run: it reads text into a Submission; the service decides."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from django import forms
from django.http import QueryDict

from compute.models import ComputeTarget
from runs.fileforms import MONO, SavedOrFilesForm
from runs.prefill import form_list, without_secrets
from runs.submission import DEFAULT_OUTPUTS, SnapshotSource, Submission, split_command
from studio.lib.refusal import Refused

_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(s|sec|m|min|h|d)?", re.IGNORECASE)
_UNIT_S = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "": 1}


class SubmitForm(SavedOrFilesForm):
    """Everything that decides what will run. What is left empty the studio chooses."""

    script = forms.CharField(
        required=False,
        max_length=1000,
        widget=forms.TextInput(attrs={**MONO, "placeholder": "train.py", "autocomplete": "off"}),
        help_text="Python, shell or a notebook.",
    )
    arguments = forms.CharField(
        required=False,
        widget=forms.TextInput(attrs={**MONO, "placeholder": "--epochs 10"}),
        help_text="As you would type them in a shell.",
    )
    command = forms.CharField(
        required=False,
        label="Or a command instead of a script",
        widget=forms.TextInput(attrs={**MONO, "placeholder": "python -m pkg.train --epochs 10"}),
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
        widget=forms.Textarea(attrs={**MONO, "rows": 2, "placeholder": "model=ridge"}),
        help_text="One a line: name or name=value.",
    )
    description = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}))
    variables = forms.CharField(
        required=False,
        label="Environment variables",
        widget=forms.Textarea(attrs={**MONO, "rows": 3, "placeholder": "OMP_NUM_THREADS=2"}),
        help_text="One a line: NAME=value. The value of a name with TOKEN, KEY, SECRET, PASSWORD "
        "or CREDENTIAL in it is stored encrypted, never shown again, and masked in the log.",
    )
    secrets = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
        help_text="Each becomes a variable of its name, and is masked in the log.",
    )
    outputs = forms.CharField(
        required=False,
        label="Output patterns",
        initial="\n".join(DEFAULT_OUTPUTS),
        widget=forms.Textarea(attrs={**MONO, "rows": 2}),
        help_text="Files to keep as artifacts, one pattern a line, from the working directory.",
    )
    gpus = forms.CharField(
        required=False,
        label="GPUs",
        initial="0",
        help_text="How many are lent to it alone, or all. With 0 it sees none.",
    )
    data_names = forms.CharField(required=False, label="Data", widget=forms.TextInput(attrs=MONO))
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
        data_names: Sequence[str],
        secrets: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        _choices(self, "target", [(target.name, _target_label(target)) for target in targets])
        _choices(self, "environment", [(name, name) for name in environments])
        self._offer_secrets(secrets)
        self.fields["data_names"].help_text = _data_hint(data_names)
        if self.initial.get("snapshot"):
            self.fields["arguments"].widget.attrs |= {"autofocus": True, "data-select": True}

    def _offer_secrets(self, names: Sequence[str]) -> None:
        """Offer these, and those that were asked for: of one that is gone the service tells."""
        asked = form_list(self.data, "secrets") if self.is_bound else self.initial.get("secrets")
        field = cast("forms.MultipleChoiceField", self.fields["secrets"])
        field.choices = [(name, name) for name in dict.fromkeys([*names, *(asked or ())])]

    def clean(self) -> dict[str, Any]:
        """Hold each text against its form; what it means the service judges."""
        values = super().clean()
        for name, read in _READERS.items():
            try:
                values[name] = read(values.get(name) or "")
            except ValueError as error:
                self.add_error(name, str(error))
        return values

    def submission(self) -> Submission:
        """What the valid form asks for."""
        return self._submission(self.cleaned_data)

    def so_far(self) -> Submission:
        """What the form asks for as it stands; a field that cannot be read counts as empty."""
        self.is_valid()
        empty = {name: _READERS[name]("") if name in _READERS else "" for name in self.fields}
        self.cleaned_data = {**empty, **self.cleaned_data}
        return self._submission(self.cleaned_data)

    def _submission(self, values: dict[str, Any]) -> Submission:
        return Submission(
            source=self.source_asked() if values["source"] else SnapshotSource(""),
            save_as=values["save_as"].strip(),
            script=values["script"].strip(),
            arguments=values["arguments"],
            command=values["command"],
            target=values["target"],
            environment=values["environment"],
            experiment=values["experiment"],
            name=values["name"],
            description=values["description"],
            tags=values["tags"],
            gpus=values["gpus"],
            data=values["data_names"],
            priority=values["priority"] or 0,
            time_limit_s=values["time_limit"],
            variables=values["variables"],
            secrets=values["secrets"] or (),
            outputs=values["outputs"] or DEFAULT_OUTPUTS,
        )

    def refuse(self, error: Refused) -> None:
        """Show a refusal beside the field that it is about."""
        names = {"time_limit_s": "time_limit", "data": "data_names"}
        super().refuse(Refused(error.sentence, field=names.get(error.field, error.field)))

    def problems(self) -> dict[str, str]:
        """What is wrong, by field: the first sentence of each."""
        return {name: str(sentences[0]) for name, sentences in self.errors.items()}

    def forget_secrets(self) -> None:
        """Leave the values of secret variables out when the form is shown again."""
        shown = QueryDict(mutable=True)
        for name in self.data:
            shown.setlist(name, form_list(self.data, name))
        shown["variables"] = without_secrets(shown.get("variables", ""))
        self.data = shown


def _choices(form: forms.Form, name: str, choices: list[tuple[str, str]]) -> None:
    """Offer these; a value that is not among them stays, for the service's sentence says more."""
    field = cast("forms.ChoiceField", form.fields[name])
    value = str(form[name].value() or "")
    extra = [(value, value)] if value and value not in dict(choices) else []
    field.choices = [("", "choose for me"), *choices, *extra]
    field.error_messages["invalid_choice"] = "'%(value)s' is not among the choices."


def _target_label(target: ComputeTarget) -> str:
    notes = [] if target.enabled else ["disabled"]
    if target.health == ComputeTarget.Health.UNREACHABLE:
        notes.append("unreachable")
    return f"{target.name} ({', '.join(notes)})" if notes else target.name


def _data_hint(names: Sequence[str]) -> str:
    if not names:
        return "Nothing is named yet: an admin names data and says where each target has it."
    return (
        f"Names out of {', '.join(names)}. ${{data.{names[0]}}} may stand in arguments and "
        "command; then it need not be listed."
    )


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


def _gpus(text: str) -> int | None:
    word = text.strip().lower()
    if word == "all":
        return None
    if word and not re.fullmatch(r"-?[0-9]{1,9}", word):
        message = f"'{text.strip()}' is no number of GPUs: write a number, or all."
        raise ValueError(message)
    return int(word or 0)


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
    "gpus": _gpus,
    "data_names": lambda text: text.replace(",", " ").split(),
    "tags": _tags,
    "variables": _variables,
    "outputs": _lines,
}
