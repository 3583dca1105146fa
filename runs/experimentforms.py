"""The form of an experiment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms

from runs.models import Experiment
from runs.services.experiments import experiment_create, experiment_update
from studio.lib.refusal import Refused
from studio.models import User, Workspace


class ExperimentForm(forms.Form):
    """A name, what it is for, and how its runs are compared; the services check the values."""

    name = forms.CharField(help_text="letters, digits, spaces and - _ .")
    description = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 3}))
    primary_metric = forms.CharField(
        required=False,
        help_text="its last value ranks the runs; empty: none",
        widget=forms.TextInput(attrs={"list": "metric-names", "class": "mono"}),
    )
    direction = forms.ChoiceField(
        choices=Experiment.Direction.choices, initial=Experiment.Direction.MAXIMIZE
    )

    def __init__(
        self, *args: Any, experiment: Experiment | None, metrics: Sequence[str] = (), **kwargs: Any
    ) -> None:
        self.experiment = experiment
        self.metrics = metrics
        if experiment is not None:
            kwargs.setdefault(
                "initial", {name: getattr(experiment, name) for name in self.base_fields}
            )
        super().__init__(*args, **kwargs)

    def save(self, *, user: User, workspace: Workspace) -> Experiment | None:
        """The written experiment; None after a refusal, which the form then shows at its field."""
        try:
            if self.experiment is None:
                return experiment_create(user=user, workspace=workspace, **self.cleaned_data)
            return experiment_update(user=user, experiment=self.experiment, **self.cleaned_data)
        except Refused as error:
            self.add_error(error.field if error.field in self.fields else None, error.sentence)
            return None
