"""Forms that ask where files are: uploaded from the browser, saved, on the server, packed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, cast

from django import forms
from django.conf import settings

from runs.submission import ArchiveSource, Files, FolderSource, SavedSource, SnapshotSource
from studio.lib.refusal import Refused

UPLOAD, SAVED, FOLDER, ZIP, SNAPSHOT = "upload", "saved", "folder", "zip", "snapshot"
MONO = {"class": "mono", "spellcheck": "false", "autocapitalize": "off"}

_LABELS = {
    UPLOAD: "this computer",
    SAVED: "a saved source",
    FOLDER: "a folder on the studio's machine",
    ZIP: "a zip or tar file",
}
_FIELDS = {UPLOAD: "uploaded", SAVED: "saved", FOLDER: "folder", ZIP: "zip", SNAPSHOT: "snapshot"}
_MISSING = {
    UPLOAD: "Choose a folder or files, and let them be uploaded.",
    SAVED: "Choose a source.",
    FOLDER: "Name the folder.",
    ZIP: "Choose a zip or tar file.",
}


class FilesForm(forms.Form):
    """Where the files are; `kinds` are the ways that are offered."""

    kinds: ClassVar[Sequence[str]] = (UPLOAD, FOLDER, ZIP)

    source = forms.ChoiceField(widget=forms.RadioSelect, label="Where are the files?")
    uploaded = forms.CharField(required=False, widget=forms.HiddenInput)
    """The snapshot that the page has made of the files that were chosen there."""
    folder = forms.CharField(
        required=False,
        label="Server folder",
        max_length=4096,
        widget=forms.TextInput(attrs={**MONO, "placeholder": "/home/me/project"}),
    )
    zip = forms.FileField(
        required=False,
        label="Zip or tar file",
        allow_empty_file=True,
        widget=forms.FileInput(attrs={"accept": ".zip,.tar,.tgz,.gz"}),
        help_text="Also tar.gz. Ignored files stay out.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.has_folders = bool(settings.LINK_ROOTS)
        self.offer([(kind, _LABELS[kind]) for kind in self.kinds])
        if FOLDER in self.kinds:
            self.fields["folder"].help_text = _roots_hint()
        self.initial.setdefault("source", self.kinds[0])

    def offer(self, kinds: Sequence[tuple[str, str]]) -> None:
        """Let people choose from these (kind, label)."""
        field = cast("forms.ChoiceField", self.fields["source"])
        field.choices = list(kinds)
        field.error_messages["invalid_choice"] = "'%(value)s' is not among the choices."

    def clean(self) -> dict[str, Any]:
        """Hold the chosen kind against its field; what it means the service judges."""
        values = super().clean() or {}
        kind = values.get("source", "")
        needed = _FIELDS.get(kind, "")
        if kind in _MISSING and not values.get(needed) and needed not in self.errors:
            self.add_error(self.shown(needed), _MISSING[kind])
        return values

    def files_asked(self) -> Files:
        """What the valid form points at, when it is no saved source."""
        values = self.cleaned_data
        if values["source"] == FOLDER:
            return FolderSource(values["folder"].strip())
        if values["source"] == ZIP:
            return ArchiveSource(values["zip"], values["zip"].name)
        return SnapshotSource(values[_FIELDS[values["source"]]])

    def refuse(self, error: Refused) -> None:
        """Show a refusal beside the field that it is about."""
        name = error.field
        if name == "source":
            name = _FIELDS[self.cleaned_data["source"]]
        self.add_error(self.shown(name), error.sentence)

    def shown(self, name: str) -> str | None:
        """The field, if people see it."""
        field = self.fields.get(name)
        return name if field and not field.widget.is_hidden else None


class SourceForm(FilesForm):
    """A source to save."""

    name = forms.CharField(
        max_length=255, help_text="The next submit picks it by this name.", label="Name"
    )


class BringForm(FilesForm):
    """New files for an uploaded source."""

    kinds = (UPLOAD, ZIP)
    folder = None  # type: ignore[assignment]  # so Django leaves an inherited field out


class SavedOrFilesForm(FilesForm):
    """Files from anywhere, also those of a saved source or of an earlier run."""

    kinds = (UPLOAD, FOLDER, ZIP)

    saved = forms.ChoiceField(
        required=False,
        label="Source",
        help_text="A linked folder is read anew; of an uploaded source, its newest files run.",
    )
    snapshot = forms.CharField(required=False, widget=forms.HiddenInput)
    save_as = forms.CharField(
        required=False,
        max_length=255,
        label="Save these files as a source",
        help_text="A name that the next submit picks them by. Empty: they are not saved.",
    )

    def __init__(self, *args: Any, saved: Sequence[str], earlier: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen = str(self["saved"].value() or "")
        names = [*saved, *([chosen] if chosen and chosen not in saved else [])]
        field = cast("forms.ChoiceField", self.fields["saved"])
        field.choices = [("", "choose one"), *((name, name) for name in names)]
        field.error_messages["invalid_choice"] = "'%(value)s' is not among the sources."
        self._offer_all(earlier, has_saved=bool(names))
        self.initial["source"] = self._first(kwargs.get("initial") or {})

    def _offer_all(self, earlier: str, *, has_saved: bool) -> None:
        kinds = [(kind, _LABELS[kind]) for kind in self.kinds]
        if has_saved:
            kinds.insert(0, (SAVED, _LABELS[SAVED]))
        if self["snapshot"].value():
            same = f"the files of run {earlier}" if earlier else "the same files as before"
            kinds = [(SNAPSHOT, same), *((k, f"{label} as it is now" if k in {SAVED, FOLDER} else
                                          label) for k, label in kinds)]  # fmt: skip
        self.offer(kinds)

    def _first(self, initial: dict[str, Any]) -> str:
        """What is chosen when the page opens."""
        if self["snapshot"].value():
            return SNAPSHOT
        if initial.get("saved"):
            return SAVED
        return FOLDER if self.has_folders else ZIP

    def source_asked(self) -> Files | SavedSource:
        """What the valid form points at."""
        values = self.cleaned_data
        return SavedSource(values["saved"]) if values["source"] == SAVED else self.files_asked()


def _roots_hint() -> str:
    if not settings.LINK_ROOTS:
        return (
            "Switched off: RUNYARD_LINK_ROOTS names the folders under which scripts may lie, and "
            "it is empty."
        )
    return f"A folder under {', '.join(map(str, settings.LINK_ROOTS))}. Ignored files stay out."
