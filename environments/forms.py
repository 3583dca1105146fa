"""The form that defines an environment; the service judges what it says."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from django import forms
from django.http import QueryDict

from environments.models import Environment, EnvironmentVersion
from environments.requirements import MAX_CHARACTERS
from environments.services import environment_create
from environments.spec import (
    CONDA,
    DOCKERFILE,
    IMAGE,
    REQUIREMENTS,
    USER_MANAGED,
    Definition,
    definition_of,
)
from studio.lib.refusal import Refused
from studio.models import User, Workspace

PYPROJECT = "pyproject"
KINDS = {
    REQUIREMENTS: ("Packages", "A requirements.txt: locked with hashes, then installed."),
    PYPROJECT: ("pyproject.toml", "A project's dependencies, with the groups you choose."),
    CONDA: ("environment.yml", "Conda's file, translated to packages of a Python index."),
    USER_MANAGED: ("An existing Python", "Somebody else looks after it: nothing is installed."),
    IMAGE: ("A Docker image", "Used as it is, on Docker targets: nothing is installed."),
    DOCKERFILE: ("A Dockerfile", "Built into an image, on Docker targets."),
}
_MONO = {"class": "mono", "spellcheck": "false", "autocapitalize": "off"}
_MAIN = {
    REQUIREMENTS: ("requirements", "Paste the requirements, or choose a file."),
    PYPROJECT: ("pyproject", "Paste the pyproject.toml, or choose it."),
    CONDA: ("conda", "Paste the environment.yml, or choose it."),
    USER_MANAGED: ("interpreter_path", "Give the path of a Python."),
    IMAGE: ("image", "Name the image."),
    DOCKERFILE: ("dockerfile", "Paste the Dockerfile, or choose it."),
}
"""By kind the field that it is made from, and what to do when that is empty."""
_OWN_PARTS = {
    REQUIREMENTS: ("python", "base_image"),
    PYPROJECT: ("groups", "python", "base_image"),
    CONDA: ("base_image",),
}
"""Further fields that a kind has a use for; what is left in those of others does not count."""
_TEXTS = (REQUIREMENTS, PYPROJECT, CONDA, DOCKERFILE)
_FOLDED = ("variables", "secrets", "spark_packages", "spark_repositories", "python", "base_image")


def _area(rows: int, placeholder: str) -> forms.Textarea:
    return forms.Textarea(attrs={**_MONO, "rows": rows, "placeholder": placeholder})


def _line(placeholder: str) -> forms.TextInput:
    return forms.TextInput(attrs={**_MONO, "placeholder": placeholder})


class EnvironmentForm(forms.Form):
    """A name and a definition of one kind; `based_on` names what it was filled in from."""

    name = forms.CharField(
        max_length=100,
        help_text="A name that exists gets another version, if the definition differs.",
    )
    based_on = forms.CharField(required=False, max_length=120, widget=forms.HiddenInput)
    kind = forms.ChoiceField(
        widget=forms.RadioSelect,
        initial=REQUIREMENTS,
        label="Made from",
        choices=[(kind, title) for kind, (title, _) in KINDS.items()],
    )
    requirements = forms.CharField(
        required=False,
        strip=False,
        widget=_area(10, "numpy>=2\nscikit-learn"),
        help_text="One package a line.",
    )
    pyproject = forms.CharField(
        required=False,
        strip=False,
        label="pyproject.toml",
        widget=_area(12, '[project]\ndependencies = ["numpy>=2"]'),
        help_text="Dependencies and requires-python count; the project itself is not installed.",
    )
    groups = forms.CharField(
        required=False,
        label="Groups",
        widget=_line("plot, dev"),
        help_text="Optional dependencies and dependency groups that count too.",
    )
    conda = forms.CharField(
        required=False,
        strip=False,
        label="environment.yml",
        widget=_area(12, "dependencies:\n  - python=3.11\n  - pytorch=2.6\n  - pip:\n    - einops"),
        help_text="Channels are ignored. What no Python index has is refused by name, unless a "
        "target has micromamba or conda.",
    )
    interpreter_path = forms.CharField(
        required=False,
        label="Interpreter",
        widget=_line("/opt/venv/bin/python"),
        help_text="An absolute path on the target, or python for the one that the target uses.",
    )
    image = forms.CharField(
        required=False,
        widget=_line("registry.example.org/team/torch:24.5"),
        help_text="With its tag or digest; it needs Python 3.6 or newer.",
    )
    dockerfile = forms.CharField(
        required=False,
        strip=False,
        label="Dockerfile",
        widget=_area(10, "FROM python:3.12-slim\nRUN pip install numpy"),
    )
    file = forms.FileField(
        required=False, label="Or a file", allow_empty_file=True, widget=forms.FileInput
    )
    python = forms.CharField(
        required=False,
        label="Python",
        widget=_line("3.12"),
        help_text="A version, or a range like >=3.10,<3.13. Empty: the target's own.",
    )
    base_image = forms.CharField(
        required=False,
        label="Base image",
        widget=_line("python:3.12-slim"),
        help_text="What packages are installed into on Docker targets; others do not use it.",
    )
    variables = forms.CharField(
        required=False,
        label="Environment variables",
        widget=_area(3, "OMP_NUM_THREADS=1"),
        help_text="NAME=value, one a line; everybody here can read them. A run's own come first.",
    )
    secrets = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
        help_text="Every run in it gets them as variables of their names, masked in its log.",
    )
    spark_packages = forms.CharField(
        required=False,
        label="Spark packages",
        widget=_area(2, "org.apache.spark:spark-avro_2.13:4.0.0"),
        help_text="Maven coordinates, one a line; PySpark fetches them.",
    )
    spark_repositories = forms.CharField(
        required=False,
        label="Spark repositories",
        widget=_area(2, "https://repo.example.org/maven"),
        help_text="Where they come from besides Maven Central.",
    )
    description = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}))

    def __init__(
        self, *args: Any, secrets: Sequence[str] = (), pythons: str = "", **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        asked = self["secrets"].value() or ()
        field = cast("forms.MultipleChoiceField", self.fields["secrets"])
        field.choices = [(name, name) for name in dict.fromkeys([*secrets, *asked])]
        if pythons:
            self.fields["python"].help_text += f" Targets have {pythons}."

    def clean(self) -> dict[str, Any]:
        """Take the text of a file, and ask for the field that goes with the kind."""
        values = super().clean() or {}
        if values.get("file") and values.get("kind") in _TEXTS:
            self._take_file(values)
        needed, sentence = _MAIN.get(values.get("kind", ""), ("", ""))
        if needed and not values.get(needed, "").strip() and needed not in self.errors:
            self.add_error(needed, sentence)
        return values

    def _take_file(self, values: dict[str, Any]) -> None:
        """Let a file's text stand in its field, where it stays if something else is wrong."""
        name, file = _MAIN[values["kind"]][0], values["file"]
        try:
            text = file.read(4 * MAX_CHARACTERS).decode("utf-8-sig")
        except UnicodeDecodeError:
            self.add_error("file", f"{file.name} is not UTF-8 text: save it as UTF-8.")
            return
        shown = QueryDict(mutable=True)
        for key in self.data:
            shown.setlist(key, cast("QueryDict", self.data).getlist(key))
        shown[name] = values[name] = text
        self.data = shown

    @property
    def more_is_open(self) -> bool:
        """Whether something is said below the fold."""
        return any(self[name].value() or self[name].errors for name in _FOLDED)

    def kinds(self) -> list[tuple[forms.boundfield.BoundWidget, str]]:
        """The radio button of each kind, with what it means."""
        return [(radio, KINDS[radio.data["value"]][1]) for radio in self["kind"]]

    def is_begun(self) -> bool:
        """Whether the field that the chosen kind is made from says anything."""
        name, _ = _MAIN[self.cleaned_data["kind"]]
        return bool(str(self[name].value() or "").strip())

    def asks_for_files(self) -> bool:
        """Whether the files beside the form belong to what was chosen."""
        return bool(self.cleaned_data.get("kind") == DOCKERFILE)

    def definition(self, *, context: str = "") -> Definition:
        """What the fields of the chosen kind say; those that cannot be read count as empty.

        Every part is said, also what is empty: it shall not be taken from another environment.

        Raises:
            Refused: a variable has no value.
        """
        values, kind = self.cleaned_data, self.cleaned_data["kind"]
        own = {name: values.get(name, "") for name in _OWN_PARTS.get(kind, ())}
        base = own.pop("base_image", "")
        main = _MAIN[kind][0]
        said: dict[str, Any] = {
            main: values.get(main, ""),
            "python": own.get("python", ""),
            "groups": _words(own.get("groups", "")),
            "context": context,
            "variables": _variables(values.get("variables", "")),
            "secrets": values.get("secrets", []),
            "spark_packages": values.get("spark_packages", "").split(),
            "spark_repositories": values.get("spark_repositories", "").split(),
        }
        return cast("Definition", {"image": base, **said})

    def origin(self) -> str:
        """The version that it was made from, if something of that can be left in it."""
        values = self.cleaned_data
        earlier = str(values.get("based_on", ""))
        is_other = earlier.partition(":")[0] != values.get("name")
        return earlier if is_other and values["kind"] != IMAGE else ""

    def save(
        self, *, user: User, workspace: Workspace, context: str = ""
    ) -> EnvironmentVersion | None:
        """The version that now says this; None after a refusal, which the form then shows."""
        try:
            return environment_create(
                user=user,
                workspace=workspace,
                name=self.cleaned_data["name"],
                description=self.cleaned_data["description"],
                based_on=self.origin(),
                **self.definition(context=context),
            )
        except Refused as error:
            self.refuse(error)
            return None

    def refuse(self, error: Refused) -> None:
        """Show a refusal beside the field that it is about."""
        is_base = error.field == "image" and self.cleaned_data["kind"] != IMAGE
        name = "base_image" if is_base else error.field
        self.add_error(name if name in self.fields else None, error.sentence)


def environment_initial(version: EnvironmentVersion) -> dict[str, Any]:
    """What the form begins with when it goes on from a version, or copies one."""
    environment, said = version.environment, cast("dict[str, Any]", definition_of(version.spec))
    kind = next((kind for kind in (PYPROJECT, CONDA) if said.get(kind)), version.spec["kind"])
    is_own = environment.origin == Environment.Origin.OWN
    is_used = version.archived_at is None and environment.archived_at is None
    return {
        **said,
        "kind": kind,
        "name": environment.name if is_own else "",
        "description": environment.description if is_own else "",
        "based_on": str(version) if is_used else "",
        "base_image": "" if kind == IMAGE else said.get("image"),
        "groups": ", ".join(said["groups"]),
        "variables": "\n".join(f"{name}={value}" for name, value in said["variables"].items()),
        "spark_packages": "\n".join(said["spark_packages"]),
        "spark_repositories": "\n".join(said["spark_repositories"]),
    }


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[\s,]+", text) if word]


def _variables(text: str) -> Mapping[str, str]:
    pairs: dict[str, str] = {}
    for line in filter(str.strip, text.splitlines()):
        name, equals, value = line.partition("=")
        if not equals:
            raise Refused(
                f"'{line.strip()[:80]}' has no '=': write NAME=value, one a line.",
                field="variables",
            )
        pairs[name.strip()] = value
    return pairs
