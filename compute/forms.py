"""The forms of a compute target, made from the fields of its kind, and of named data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms

from compute.backends import Backend, backend_of
from compute.models import DEFAULT_ROOM_GIB, ComputeTarget, NamedData
from compute.named_data import data_save
from compute.services import target_create, target_try, target_update
from studio.lib.refusal import Refused
from studio.models import User, Workspace


class TargetForm(forms.Form):
    """Asks for what a target of one kind needs; the services check it and say what is wrong."""

    name = forms.CharField(help_text="letters, digits and - _ .")
    slots = forms.IntegerField(initial=1, help_text="how many runs may go on there at once")
    build_slots = forms.IntegerField(
        initial=1, help_text="how many environments may be built there at once"
    )
    gpus = forms.CharField(
        required=False,
        label="GPUs",
        help_text="each is lent to one run at a time: indexes like 0,1,2,3, UUIDs, or none; "
        "empty: those that nvidia-smi finds there",
    )
    environments_gib = forms.IntegerField(
        required=False,
        initial=DEFAULT_ROOM_GIB,
        label="Room for environments (GiB)",
        help_text="what was not used for the longest time is removed beyond it; 0: no bound",
    )
    open_to_members = forms.BooleanField(required=False, label="Open to members")
    enabled = forms.BooleanField(required=False, initial=True)

    def __init__(
        self, *args: Any, kind: str, target: ComputeTarget | None = None, **kwargs: Any
    ) -> None:
        self.backend: Backend = backend_of(kind)
        self.target = target
        if target is not None:
            kwargs.setdefault("initial", _values(target))
        super().__init__(*args, **kwargs)
        for field in self.backend.fields:
            self.fields[field.name] = forms.CharField(
                label=field.label, help_text=field.help, required=field.is_required
            )
        if target is None:
            del self.fields["enabled"]
        if not self.backend.has_studio_rights:
            del self.fields["open_to_members"]  # there is nothing to be careful about

    def save(self, *, user: User, workspace: Workspace) -> ComputeTarget | None:
        """The written target; None after a refusal, which the form then shows at its field."""
        try:
            return self._write(user, workspace)
        except Refused as error:
            self._show(error)
            return None

    def try_out(self, *, user: User, workspace: Workspace) -> dict[str, Any]:
        """The facts of the place that was filled in; {} after a refusal, which is then shown."""
        try:
            return target_try(
                user=user, workspace=workspace, kind=self.backend.kind, config=self._config()
            )
        except Refused as error:
            self._show(error)
            return {}

    def _show(self, error: Refused) -> None:
        self.add_error(error.field if error.field in self.fields else None, error.sentence)

    def _config(self) -> dict[str, Any]:
        return {field.name: self.cleaned_data[field.name] for field in self.backend.fields}

    def _write(self, user: User, workspace: Workspace) -> ComputeTarget:
        config = self._config()
        given = self.cleaned_data.items()
        values = {name: v for name, v in given if name not in config and v is not None}
        if self.target is None:
            return target_create(
                user=user, workspace=workspace, kind=self.backend.kind, config=config, **values
            )
        return target_update(user=user, target=self.target, config=config, **values)


def _values(target: ComputeTarget) -> dict[str, Any]:
    return {
        **target.config,
        "name": target.name,
        "slots": target.slots,
        "build_slots": target.build_slots,
        "gpus": target.gpus_declaration,
        "environments_gib": target.environments_gib,
        "open_to_members": target.open_to_members,
        "enabled": target.enabled,
    }


class DataForm(forms.Form):
    """A name, what it is, and a path for each target; the service checks them."""

    name = forms.CharField(
        help_text="letters, digits, - and _. A run finds mnist-5k at RUNYARD_DATA_MNIST_5K"
    )
    description = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}))

    def __init__(
        self,
        *args: Any,
        targets: Sequence[ComputeTarget],
        named: NamedData | None = None,
        **kwargs: Any,
    ) -> None:
        self.named = named
        self.targets = {f"path-{target.pk}": target.name for target in targets}
        if named is not None:
            paths = {f"path-{at.target_id}": at.path for at in named.paths.all()}
            kwargs.setdefault("initial", {"description": named.description, **paths})
        super().__init__(*args, **kwargs)
        if named is not None:
            del self.fields["name"]
        for field, target in self.targets.items():
            self.fields[field] = forms.CharField(
                required=False,
                label=f"Path on {target}",
                widget=forms.TextInput(
                    attrs={"class": "mono", "spellcheck": "false", "placeholder": "/data/mnist"}
                ),
            )

    def save(self, *, user: User, workspace: Workspace) -> NamedData | None:
        """The written data; None after a refusal, which the form then shows at its field."""
        values = self.cleaned_data
        try:
            return data_save(
                user=user,
                workspace=workspace,
                name=self.named.name if self.named else values["name"],
                description=values["description"],
                paths={target: values[field] for field, target in self.targets.items()},
            )
        except Refused as error:
            fields = {f"paths.{target}": field for field, target in self.targets.items()}
            field = fields.get(error.field, error.field)
            self.add_error(field if field in self.fields else None, error.sentence)
            return None

    @property
    def moved(self) -> list[str]:
        """The targets whose path the valid form changes or adds."""
        changed = [field for field in self.targets if field in self.changed_data]
        return [self.targets[field] for field in changed if self.cleaned_data[field]]
