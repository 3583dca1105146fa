"""The form that defines an environment; the service judges what it says."""

from __future__ import annotations

from typing import Any

from django import forms

from environments.models import EnvironmentVersion
from environments.services import environment_create
from environments.spec import REQUIREMENTS, USER_MANAGED
from studio.lib.refusal import Refused
from studio.models import User, Workspace

_MONO = {"class": "mono", "spellcheck": "false", "autocapitalize": "off"}
_FIELDS = {REQUIREMENTS: "requirements", USER_MANAGED: "interpreter_path"}


class EnvironmentForm(forms.Form):
    """A name and a definition: packages, or a Python that is there already."""

    name = forms.CharField(
        max_length=100,
        help_text="A name that exists gets another version, if the definition differs.",
    )
    kind = forms.ChoiceField(
        widget=forms.RadioSelect,
        initial=REQUIREMENTS,
        label="Made from",
        choices=[
            (REQUIREMENTS, "packages: resolved once, locked with hashes, installed by Runyard"),
            (USER_MANAGED, "a Python that somebody else looks after: nothing is installed there"),
        ],
    )
    requirements = forms.CharField(
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={**_MONO, "rows": 10, "placeholder": "numpy>=2\nscikit-learn"}),
        help_text="As in a requirements.txt.",
    )
    interpreter_path = forms.CharField(
        required=False,
        label="Interpreter",
        widget=forms.TextInput(attrs={**_MONO, "placeholder": "/opt/venv/bin/python"}),
        help_text="An absolute path on the target, or python for the one that the target uses.",
    )
    description = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}))

    def clean(self) -> dict[str, Any]:
        """Ask for the field that goes with the kind."""
        values = super().clean() or {}
        needed = _FIELDS.get(values.get("kind", ""))
        if needed and not values.get(needed, "").strip():
            self.add_error(
                needed,
                "Paste the requirements."
                if needed == "requirements"
                else "Give the path of a Python.",
            )
        return values

    def save(self, *, user: User, workspace: Workspace) -> EnvironmentVersion | None:
        """The version that now says this; None after a refusal, which the form then shows."""
        values = self.cleaned_data
        field = _FIELDS[values["kind"]]
        try:
            return environment_create(
                user=user,
                workspace=workspace,
                name=values["name"],
                description=values["description"],
                **{field: values[field]},
            )
        except Refused as error:
            self.add_error(error.field if error.field in self.fields else None, error.sentence)
            return None
