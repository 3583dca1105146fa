"""Requirements from a pyproject.toml."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from environments.pyproject import pyproject_groups, pyproject_read
from studio.lib.refusal import Refused

TEXT = """
[project]
name = "My.Project"
requires-python = ">=3.10"
dependencies = ["numpy >= 2", "torch; sys_platform == 'linux'"]
[project.optional-dependencies]
plot = ["matplotlib"]
all = ["my-project[plot]", "rich"]
[dependency-groups]
Dev = ["pytest", {include-group = "lint"}]
lint = ["ruff", "numpy >= 2"]
[tool.uv.sources]
private = {path = "../private"}
"""


def test_the_dependencies_and_the_chosen_groups() -> None:
    assert pyproject_read(TEXT).requirements.splitlines() == [
        "numpy >= 2",
        "torch; sys_platform == 'linux'",
    ]
    found = pyproject_read(TEXT, ["dev", "ALL"])
    assert found.requirements.splitlines()[2:] == ["pytest", "ruff", "matplotlib", "rich"]
    assert found.python == ">=3.10"
    assert pyproject_groups(TEXT) == ["all", "dev", "lint", "plot"]


@pytest.mark.parametrize(
    ("text", "groups", "said", "field"),
    [
        ("[project", [], "It is not TOML", "pyproject"),
        ("[tool.poetry]", [], "Poetry's own is not read", "pyproject"),
        ("", [], "It has no [project] table", "pyproject"),
        ("project = 1", [], "It has no [project] table", "pyproject"),
        ('[project]\ndynamic = ["dependencies"]', [], "Its dependencies are dynamic", "pyproject"),
        ('[project]\ndynamic = ["optional-dependencies"]', ["x"],
         "Its optional dependencies are dynamic", "groups"),
        (TEXT, ["tests"], "no group 'tests': there is all, dev, lint, plot", "groups"),
        ("[project]", ["tests"], "no group 'tests': there is none", "groups"),
        ('[project]\ndependencies = "numpy"', [], "not a list of texts", "pyproject"),
        ("[project]\ndependencies = [1]", [], "not a list of texts", "pyproject"),
        ('[project]\ndependencies = ["-r x"]', [], "The dependency ('-r x') uses the option",
         "pyproject"),
        ('[project]\ndependencies = ["x @ git+https://h/x"]', [], "installs from git", "pyproject"),
        ('[project]\nrequires-python = ">=x"', [], "is no version of Python", "pyproject"),
        ("[project]\nrequires-python = 3", [], "Its requires-python is no text", "pyproject"),
        ('[project]\ndependencies = ["private"]\n[tool.uv.sources]\nPrivate = {path = "x"}', [],
         "[tool.uv.sources] takes private from elsewhere", "pyproject"),
        ('[project]\n[dependency-groups]\na = [{include-group = "b"}]\nb = [{include-group = "a"}]',
         ["a"], "The group 'a' includes itself", "groups"),
        ('[project]\n[dependency-groups]\na = [{include-group = "z"}]', ["a"],
         "includes 'z', which there is not", "pyproject"),
        ('[project]\n[dependency-groups]\na = "x"', ["a"], "The group a is no list", "pyproject"),
        ('[project]\nname="p"\n[project.optional-dependencies]\na = ["p[a]"]', ["a"], "", ""),
        ("a = " + "[" * 5000, [], "It is not TOML", "pyproject"),
        ("#" * 300_000, [], "262,144 at most", "pyproject"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused(
    text: str, groups: list[str], said: str, field: str
) -> None:
    if not said:
        assert pyproject_read(text, groups).requirements == "", "a group that names itself ends"
        return
    with pytest.raises(Refused) as refusal:
        pyproject_read(text, groups)
    assert said in refusal.value.sentence
    assert refusal.value.field == field


@given(st.text(max_size=40), st.lists(st.text(max_size=5), max_size=2))
def test_any_text_is_read_or_refused(text: str, groups: list[str]) -> None:
    for written in (text, f"[project]\ndependencies = ['''{text}''']", f"[project]\n{text}"):
        try:
            said = pyproject_read(written, groups).python
        except Refused as refusal:
            said = refusal.sentence
        assert "\n" not in said
