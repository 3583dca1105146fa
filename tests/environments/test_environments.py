"""Defining environments and choosing one for a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from environments.catalog import templates
from environments.models import Environment, EnvironmentVersion, Lock
from environments.selectors import (
    environment_list,
    environment_remedy,
    module_advice,
    version_get,
)
from environments.services import (
    environment_bootstrap_curated,
    environment_create,
    environment_pick,
)
from studio.lib.refusal import Forbidden, NotFound, Refused
from studio.models import User, Workspace


@pytest.fixture
def curated(workspace: Workspace) -> Workspace:
    environment_bootstrap_curated(workspace=workspace)
    return workspace


def test_curated_environments_are_registered_once_with_their_locks(curated: Workspace) -> None:
    first = list(EnvironmentVersion.objects.values_list("pk", flat=True))
    environment_bootstrap_curated(workspace=curated)
    assert list(EnvironmentVersion.objects.values_list("pk", flat=True)) == first
    assert [e.name for e in environment_list(workspace=curated)] == [
        "gradient-boosting",
        "jax",
        "minimal",
        "nlp",
        "notebook",
        "pyspark",
        "pytorch-cpu",
        "pytorch-cuda",
        "scikit-learn",
        "tensorflow",
        "time-series",
    ]
    lock = Lock.objects.get(version__environment__name="scikit-learn")
    assert lock.platform == Lock.ANY_PLATFORM
    assert "scikit-learn==" in lock.text


def test_looking_that_all_curated_environments_are_there_costs_one_query(
    curated: Workspace, django_assert_num_queries: object
) -> None:
    with django_assert_num_queries(1):
        environment_bootstrap_curated(workspace=curated)


def test_a_workspace_gets_all_curated_environments_in_a_few_statements(
    workspace: Workspace, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    with django_assert_max_num_queries(7):
        environment_bootstrap_curated(workspace=workspace)
    assert Lock.objects.count() == len(templates())


def test_a_new_lock_of_a_template_is_a_new_version(
    curated: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    changed = tuple(replace(t, lock=f"{t.lock}added==1\n") for t in templates())
    monkeypatch.setattr("environments.services.environments.templates", lambda: changed)
    environment_bootstrap_curated(workspace=curated)
    version = version_get(workspace=curated, reference="scikit-learn")
    assert version.number == 2
    assert Lock.objects.get(version=version).text.endswith("added==1\n")
    older = version_get(workspace=curated, reference="scikit-learn:1")
    assert "added" not in Lock.objects.get(version=older).text


def test_a_curated_name_that_somebody_took_stays_theirs(member: User, workspace: Workspace) -> None:
    mine = environment_create(user=member, workspace=workspace, name="minimal", requirements="six")
    environment_bootstrap_curated(workspace=workspace)
    assert version_get(workspace=workspace, reference="minimal") == mine


def test_the_same_definition_is_the_same_version(member: User, workspace: Workspace) -> None:
    def create(requirements: str) -> EnvironmentVersion:
        return environment_create(
            user=member, workspace=workspace, name="mine", requirements=requirements
        )

    first = create("numpy\n")
    assert create("# arrays\nnumpy  \n") == first
    second = create("numpy>=2\n")
    assert (first.number, second.number) == (1, 2)
    assert create("numpy\n").number == 3, "what is newest counts, not what was once"
    assert str(second) == "mine:2"
    assert second.created_by == member


def test_a_description_can_be_given_later(member: User, workspace: Workspace) -> None:
    for description in ("", "for the demo", ""):
        environment_create(
            user=member,
            workspace=workspace,
            name="mine",
            requirements="six",
            description=description,
        )
    assert Environment.objects.get().description == "for the demo"


@pytest.mark.parametrize(
    ("given", "said", "field"),
    [
        ({"name": "no/slash", "requirements": "six"}, "cannot name an environment", "name"),
        ({"name": "a:1", "requirements": "six"}, "cannot name an environment", "name"),
        ({"name": "folder-1", "requirements": "six"}, "folder's requirements.txt", "name"),
        ({"name": "minimal", "requirements": "six"}, "choose another name", "name"),
        ({"name": "a"}, "none was given", "requirements"),
        ({"name": "a", "requirements": "", "interpreter_path": "/x"}, "not both", "requirements"),
        ({"name": "a", "requirements": "-e ."}, "Line 1", "requirements"),
        ({"name": "a", "interpreter_path": "python3"}, "absolute path", "interpreter_path"),
    ],
)
def test_what_cannot_work_is_refused_before_a_row_is_written(
    given: dict[str, str], said: str, field: str, member: User, curated: Workspace
) -> None:
    before = Environment.objects.count(), EnvironmentVersion.objects.count()
    with pytest.raises(Refused) as refusal:
        environment_create(user=member, workspace=curated, **given)
    assert said in refusal.value.sentence
    assert refusal.value.field == field
    assert (Environment.objects.count(), EnvironmentVersion.objects.count()) == before


def test_only_who_may_write_defines_environments(
    viewer: User, stranger: User, workspace: Workspace
) -> None:
    for user, refusal in ((viewer, Forbidden), (stranger, NotFound)):
        with pytest.raises(refusal):
            environment_create(user=user, workspace=workspace, name="mine", requirements="six")
    assert not Environment.objects.exists()


def test_environments_of_another_workspace_are_unknown(member: User, curated: Workspace) -> None:
    other = Workspace.objects.create(slug="other", name="other")
    environment_create(user=member, workspace=curated, name="mine", requirements="six")
    with pytest.raises(NotFound, match="there are none yet"):
        environment_pick(workspace=other, name="mine", folder_requirements=None)


def test_a_named_environment_comes_first(member: User, curated: Workspace) -> None:
    def pick(name: str) -> str:
        version, why = environment_pick(
            workspace=curated, name=name, folder_requirements="not a requirement"
        )
        assert why
        return str(version)

    for requirements in ("six", "six>1"):
        environment_create(user=member, workspace=curated, name="mine", requirements=requirements)
    assert [pick("mine"), pick(" mine:1 "), pick("mine:2")] == ["mine:2", "mine:1", "mine:2"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("sklearn", "did you mean scikit-learn?"),
        ("cobol", "there are gradient-boosting, jax, minimal, nlp, notebook, pyspark, pytorch-"),
        ("scikit", "did you mean scikit-learn?"),
        ("pytorch", "did you mean pytorch-cpu or pytorch-cuda?"),
        ("scikit-learn:7", "has no version 7: the newest is 1."),
        ("scikit-learn:0", "has no version 0: the newest is 1."),
        (
            "scikit-learn:prod",
            "no version or label 'prod': the newest is 1, and",
        ),
        ("sklearn:latest", "did you mean scikit-learn?"),
    ],
)
def test_an_unknown_name_is_refused_with_what_is_near(
    name: str, said: str, curated: Workspace
) -> None:
    with pytest.raises(NotFound) as refusal:
        environment_pick(workspace=curated, name=name, folder_requirements=None)
    assert said in refusal.value.sentence
    assert refusal.value.field == "environment"


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("AzureML-Minimal", "minimal:1"),
        ("azureml-minimal:1", "minimal:1"),
        ("AzureML-Scikit-learn-0.20.3", "scikit-learn:1"),
        ("AzureML-Tutorial", "notebook:1"),
    ],
)
def test_a_name_from_elsewhere_means_a_curated_environment_and_says_so(
    name: str, found: str, curated: Workspace
) -> None:
    version, why = environment_pick(workspace=curated, name=name, folder_requirements=None)
    assert str(version) == found
    assert why == f"named by the run: {name.removesuffix(':1')} is {found[:-2]} here"


def test_an_environment_of_ones_own_comes_before_an_alias(member: User, curated: Workspace) -> None:
    mine = environment_create(
        user=member, workspace=curated, name="AzureML-Minimal", requirements="six"
    )
    assert version_get(workspace=curated, reference="AzureML-Minimal") == mine


def test_a_notebook_gets_what_executes_it(curated: Workspace) -> None:
    def pick(requirements: str | None, name: str = "") -> tuple[EnvironmentVersion, str]:
        return environment_pick(
            workspace=curated, name=name, folder_requirements=requirements, is_notebook=True
        )

    version, why = pick(None)
    assert str(version) == "notebook:1"
    assert why.endswith("has no requirements.txt: this one executes notebooks")
    version, why = pick("numpy>=2 \\")
    assert version.spec["requirements"] == "numpy>=2\npapermill\nipykernel\n"
    assert why == "from the folder's requirements.txt, with papermill for the notebook"
    assert str(pick("numpy>=2", "minimal")[0]) == "minimal:1"


def test_without_a_name_the_folder_decides(curated: Workspace) -> None:
    version, why = environment_pick(
        workspace=curated, name="", folder_requirements="# mine\nnumpy >= 2\n"
    )
    assert why == "from the folder's requirements.txt"
    assert version.environment.origin == Environment.Origin.FOLDER
    assert version.environment.name.startswith("folder-")
    again, _ = environment_pick(workspace=curated, name="", folder_requirements="numpy  >=  2")
    assert again == version
    named, _ = environment_pick(
        workspace=curated, name=version.environment.name, folder_requirements=None
    )
    assert named == version
    other, _ = environment_pick(workspace=curated, name="", folder_requirements="numpy>=2.1")
    assert other.environment != version.environment
    assert Environment.objects.filter(origin=Environment.Origin.FOLDER).count() == 2


def test_a_folder_whose_requirements_cannot_be_used_is_refused(curated: Workspace) -> None:
    before = Environment.objects.count()
    with pytest.raises(Refused) as refusal:
        environment_pick(workspace=curated, name="", folder_requirements="six\n-r base.txt")
    assert refusal.value.sentence.startswith("The folder's requirements.txt cannot be used. Line 2")
    assert refusal.value.field == "environment"
    assert Environment.objects.count() == before


def test_without_name_and_requirements_it_is_minimal(curated: Workspace) -> None:
    version, why = environment_pick(workspace=curated, name=" ", folder_requirements=None)
    assert str(version) == "minimal:1"
    assert why == "no environment was named and the folder has no requirements.txt"


def test_a_missing_module_is_answered_with_package_and_environment(
    member: User, curated: Workspace
) -> None:
    assert module_advice(workspace=curated, missing="sklearn") == ("scikit-learn", "scikit-learn")
    assert module_advice(workspace=curated, missing="dateutil.tz") == (
        "python-dateutil",
        "scikit-learn",
    )
    assert module_advice(workspace=curated, missing="papermill") == ("papermill", "notebook")
    assert module_advice(workspace=curated, missing="bs4") == ("beautifulsoup4", None)
    assert module_advice(workspace=curated, missing="learn") == ("learn", None)
    mine = {"user": member, "workspace": curated, "name": "mine"}
    environment_create(**mine, requirements="six\nbeautifulsoup4>=4")
    assert module_advice(workspace=curated, missing="bs4") == ("beautifulsoup4", "mine")
    environment_create(**mine, requirements="six")
    assert module_advice(workspace=curated, missing="bs4") == ("beautifulsoup4", None)


def test_a_package_that_no_environment_has_is_added_where_its_person_can(
    member: User, curated: Workspace
) -> None:
    environment_create(user=member, workspace=curated, name="mine", requirements="six")
    asked: list[tuple[str, str | None]] = [("minimal", None), ("mine", None), ("", "six\n")]
    minimal, mine, folder = (
        environment_pick(workspace=curated, name=name, folder_requirements=lines)[0].environment
        for name, lines in asked
    )
    said = environment_remedy(environment=minimal)
    assert "requirements.txt with it into the folder" in said
    assert "an environment of your own from minimal" in said
    assert "requirements of mine" in environment_remedy(environment=mine)
    assert "the folder's requirements.txt" in environment_remedy(environment=folder)
