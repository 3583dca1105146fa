"""The form that changes what people wrote on a run."""

from __future__ import annotations

from typing import Any

from django import forms

from runs.models import Run
from studio.forms import RefusableForm


class LabelForm(RefusableForm):
    """Name, description and tags."""

    name = forms.CharField(required=False, max_length=255)
    description = forms.CharField(
        required=False, label="Notes", widget=forms.Textarea(attrs={"rows": 4}), strip=False
    )
    tags = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
        help_text="one a line: paper, or dataset=mnist",
    )

    def labels(self, run: Run) -> dict[str, Any]:
        """What to change of a run: all of its tags, where None takes one away."""
        values = self.cleaned_data
        lines = (line.strip().partition("=") for line in values["tags"].splitlines())
        tags = {name.strip(): value.strip() for name, _, value in lines if name.strip()}
        gone = dict.fromkeys(run.tags.keys() - tags.keys())
        text = values["description"].replace("\r\n", "\n").strip()
        return {"name": values["name"], "description": text, "tags": {**gone, **tags}}


def initial_labels(run: Run) -> dict[str, str]:
    """What the form shows of a run."""
    return {
        "name": run.name,
        "description": run.description,
        "tags": "\n".join(f"{k}={v}" if v else k for k, v in run.tags.items()),
    }
