"""Forms that ask where files are: uploaded from the browser, saved, on the server, packed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

from django import forms
from django.conf import settings

from runs.submission import (
    ArchiveSource,
    Files,
    FolderSource,
    GitSource,
    SavedSource,
    SnapshotSource,
)
from studio.lib.refusal import Refused

UPLOAD, SAVED, FOLDER, ZIP, GIT, SNAPSHOT = "upload", "saved", "folder", "zip", "git", "snapshot"
NONE = "none"
MONO = {"class": "mono", "spellcheck": "false", "autocapitalize": "off"}

_LABELS = {
    UPLOAD: "Upload",
    SAVED: "Saved",
    FOLDER: "On the server",
    ZIP: "Zip or tar",
    GIT: "Git",
}
_FIELDS = {
    UPLOAD: "uploaded",
    SAVED: "saved",
    FOLDER: "folder",
    ZIP: "zip",
    GIT: "git",
    SNAPSHOT: "snapshot",
}
_READ_ANEW = frozenset({SAVED, FOLDER, GIT})
_MISSING = {
    UPLOAD: "Choose a folder or files, and let them be uploaded.",
    SAVED: "Choose a source.",
    FOLDER: "Name the folder.",
    ZIP: "Choose a zip or tar file.",
    GIT: "Name the repository.",
}


class FilesForm(forms.Form):
    """Where the files are; `kinds` are the ways that are offered."""

    kinds: ClassVar[Sequence[str]] = (UPLOAD, FOLDER, ZIP, GIT)

    source = forms.ChoiceField(widget=forms.RadioSelect, label="Where are the files?")
    uploaded = forms.CharField(required=False, widget=forms.HiddenInput)
    """The snapshot that the page has made of the files that were chosen there."""
    looked = forms.CharField(required=False, widget=forms.HiddenInput)
    """The snapshot that was made of the archive or repository to look into it."""
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
    git = forms.CharField(
        required=False,
        label="Repository",
        max_length=1000,
        widget=forms.TextInput(
            attrs={**MONO, "placeholder": "https://example.org/team/project.git"}
        ),
        help_text="By https, ssh, or a path on the studio's machine; never with a token in it.",
    )
    git_ref = forms.CharField(
        required=False,
        label="Branch, tag or commit",
        max_length=255,
        widget=forms.TextInput(attrs={**MONO, "placeholder": "main"}),
        help_text="Empty: the default branch.",
    )
    git_folder = forms.CharField(
        required=False,
        label="Sub-folder",
        max_length=1000,
        widget=forms.TextInput(attrs={**MONO, "placeholder": "experiments/ridge"}),
        help_text="Empty: the whole repository.",
    )
    git_credential = forms.ChoiceField(required=False, label="Credential")

    def __init__(self, *args: Any, credentials: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if GIT in self.kinds:
            self._offer_credentials(credentials)
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

    def _offer_credentials(self, names: Sequence[str]) -> None:
        """These; one that is not among them stays, for the service's sentence says more."""
        asked = str(self["git_credential"].value() or "")
        field = cast("forms.ChoiceField", self.fields["git_credential"])
        known = [*names, *([asked] if asked and asked not in names else [])]
        field.choices = [("", "choose for me"), *((name, name) for name in known)]

    def clean(self) -> dict[str, Any]:
        """Hold the chosen kind against its field; what it means the service judges."""
        values = super().clean() or {}
        kind = values.get("source", "")
        needed = _FIELDS.get(kind, "")
        if kind == ZIP and values.get("looked"):
            return values
        if kind in _MISSING and not values.get(needed) and needed not in self.errors:
            self.add_error(self.shown(needed), _MISSING[kind])
        return values

    def files_asked(self) -> Files:
        """What the valid form points at, when it is no saved source."""
        values = self.cleaned_data
        if values["source"] == FOLDER:
            return FolderSource(values["folder"].strip())
        if values["source"] == GIT:
            return GitSource(
                values["git"], values["git_ref"], values["git_folder"], values["git_credential"]
            )
        if values["source"] == ZIP and values["zip"]:
            return ArchiveSource(values["zip"], values["zip"].name)
        field = "looked" if values["source"] == ZIP else _FIELDS[values["source"]]
        return SnapshotSource(values[field])

    @property
    def brought(self) -> str:
        """How the files of a valid form were brought here: upload or zip; "" for other kinds."""
        kind = str(self.cleaned_data["source"])
        return kind if kind in {UPLOAD, ZIP} else ""

    def refuse(self, error: Refused) -> None:
        """Show a refusal beside the field that it is about."""
        chosen, name = self.cleaned_data.get("source", ""), error.field
        if name == "source" and chosen:
            name = _FIELDS[chosen]
        elif chosen == GIT and f"git_{name}" in self.fields:
            name = f"git_{name}"
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
    # so Django leaves an inherited field out
    folder = git = git_ref = git_folder = git_credential = None  # type: ignore[assignment]


class SavedOrFilesForm(FilesForm):
    """Files from anywhere, also those of a saved source or of an earlier run."""

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
        meant = dict(kwargs.get("initial") or {})
        super().__init__(*args, **kwargs)
        chosen = str(self["saved"].value() or "")
        names = [*saved, *([chosen] if chosen and chosen not in saved else [])]
        field = cast("forms.ChoiceField", self.fields["saved"])
        field.choices = [("", "choose one"), *((name, name) for name in names)]
        field.error_messages["invalid_choice"] = "'%(value)s' is not among the sources."
        self._offer_all(earlier, has_saved=bool(names))
        self.initial["source"] = self._first(meant)

    def _offer_all(self, earlier: str, *, has_saved: bool) -> None:
        kinds = [(kind, _LABELS[kind]) for kind in self.kinds]
        if has_saved:
            kinds.insert(0, (SAVED, _LABELS[SAVED]))
        if self["snapshot"].value():
            same = f"Files of run {earlier}" if earlier else "The same files"
            kinds = [(SNAPSHOT, same), *((kind, self._now(kind, label)) for kind, label in kinds)]
        self.offer(kinds)

    def _now(self, kind: str, label: str) -> str:
        """Where the earlier files came from can be read anew."""
        is_origin = kind in _READ_ANEW and self[_FIELDS[kind]].value()
        return f"{label}, as it is now" if is_origin else label

    def _first(self, initial: dict[str, Any]) -> str:
        """What is chosen when the page opens."""
        if self["snapshot"].value():
            return SNAPSHOT
        if initial.get("source"):
            return str(initial["source"])
        if initial.get("saved"):
            return SAVED
        if initial.get("git"):
            return GIT
        return FOLDER if self.has_folders else ZIP

    def source_asked(self) -> Files | SavedSource:
        """What the valid form points at."""
        values = self.cleaned_data
        return SavedSource(values["saved"]) if values["source"] == SAVED else self.files_asked()


class ContextForm(SavedOrFilesForm):
    """The files that a Dockerfile may copy, if it copies any; git comes as a saved source."""

    kinds = (UPLOAD, FOLDER, ZIP)
    # so Django leaves an inherited field out
    git = git_ref = git_folder = git_credential = save_as = None  # type: ignore[assignment]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["source"].required = False

    def offer(self, kinds: Sequence[tuple[str, str]]) -> None:
        """None at all is a choice too."""
        super().offer([(NONE, "No files"), *kinds])

    def _first(self, initial: dict[str, Any]) -> str:
        return SNAPSHOT if self["snapshot"].value() else NONE

    @property
    def has_files(self) -> bool:
        """Whether the valid form points at some."""
        return self.cleaned_data.get("source") not in {None, "", NONE}


def git_values(source: Mapping[str, str]) -> dict[str, str]:
    """The fields of a git source, from what is known of one."""
    names = {"git": "url", "git_ref": "ref", "git_folder": "folder", "git_credential": "credential"}
    return {field: source.get(name, "") for field, name in names.items()}


def _roots_hint() -> str:
    if not settings.LINK_ROOTS:
        return (
            "Switched off: RUNYARD_LINK_ROOTS names the folders under which scripts may lie, and "
            "it is empty."
        )
    return f"A folder under {', '.join(map(str, settings.LINK_ROOTS))}. Ignored files stay out."
