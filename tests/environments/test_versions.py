"""Versions: what a reference means, labels, taking out of use, deleting."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from compute.models import ComputeTarget
from environments.models import Build, Environment, EnvironmentVersion, Lock
from environments.packages import environment_cards
from environments.selectors import environments_used, version_find, version_get
from environments.services import (
    environment_archive,
    environment_bootstrap_curated,
    environment_create,
    environment_delete,
    environment_pick,
    label_remove,
    label_set,
    version_archive,
    version_delete,
)
from environments.usage import experiments_using
from runs.models import Run
from runs.services.again import run_again
from studio.lib.refusal import Forbidden, NotFound, Refused
from studio.models import AuditEvent, User, Workspace
from tests.compute.records import make_run

Make = Callable[[str], EnvironmentVersion]


@pytest.fixture
def make(member: User, workspace: Workspace) -> Make:
    """The version of `mine` with these requirements."""

    def make_version(requirements: str) -> EnvironmentVersion:
        return environment_create(
            user=member, workspace=workspace, name="mine", requirements=requirements
        )

    return make_version


@pytest.fixture
def versions(make: Make) -> list[EnvironmentVersion]:
    return [make(f"six>={n}") for n in (1, 2, 3)]


def found(workspace: Workspace, reference: str) -> str:
    return str(version_get(workspace=workspace, reference=reference))


def use(target: ComputeTarget, version: EnvironmentVersion, **more: object) -> Run:
    run = make_run(target)
    Run.objects.filter(pk=run.pk).update(environment_version=version, **more)
    run.environment_version.environment.delete()
    return Run.objects.get(pk=run.pk)


def test_a_reference_is_a_name_a_number_or_a_label(
    versions: list[EnvironmentVersion], member: User, workspace: Workspace
) -> None:
    label_set(user=member, version=versions[0], label="prod")
    meant = {r: found(workspace, r) for r in ("mine", "mine:latest", "mine:2", "mine:prod")}
    assert meant == {
        "mine": "mine:3", "mine:latest": "mine:3", "mine:2": "mine:2", "mine:prod": "mine:1"
    }  # fmt: skip
    with pytest.raises(NotFound, match="its labels are latest, prod"):
        version_get(workspace=workspace, reference="mine:staging")
    version, why = environment_pick(workspace=workspace, name="mine:prod", folder_requirements=None)
    assert (version, why) == (versions[0], "named by the run")


def test_a_label_moves_and_that_is_written_down(
    versions: list[EnvironmentVersion], member: User, workspace: Workspace
) -> None:
    for version in (versions[0], versions[0], versions[1]):
        label_set(user=member, version=version, label="prod")
    assert found(workspace, "mine:prod") == "mine:2"
    label_remove(user=member, environment=versions[0].environment, label="prod")
    with pytest.raises(NotFound, match="has no label 'prod'"):
        label_remove(user=member, environment=versions[0].environment, label="prod")
    events = AuditEvent.objects.order_by("pk").values_list("action", "subject", "user__username")
    assert list(events) == [
        ("environment.label", "mine:prod to 1", "ada"),
        ("environment.label", "mine:prod from 1 to 2", "ada"),
        ("environment.unlabel", "mine:prod", "ada"),
    ]


@pytest.mark.parametrize("label", ["latest", "Latest", "", "3", "3a", "a b", "a:b", "a" * 51])
def test_what_cannot_be_a_label_is_refused(
    label: str, versions: list[EnvironmentVersion], member: User
) -> None:
    with pytest.raises(Refused) as refusal:
        label_set(user=member, version=versions[0], label=label)
    assert refusal.value.field == "label"
    assert not AuditEvent.objects.exists()


def test_an_archived_version_takes_no_new_runs(
    versions: list[EnvironmentVersion],
    member: User,
    workspace: Workspace,
    target: ComputeTarget,
    make: Make,
) -> None:
    run = use(target, versions[2])
    version_archive(user=member, version=versions[2], is_archived=True)
    assert found(workspace, "mine") == "mine:2"
    assert [card.version_id for card in environment_cards(workspace=workspace)] == [versions[1].pk]
    assert environments_used(workspace=workspace).get().newest == 2
    said = "mine:3 is archived and takes no new runs: restore it, or choose mine:2."
    with pytest.raises(Refused, match=said):
        version_get(workspace=workspace, reference="mine:3")
    run.refresh_from_db()
    with pytest.raises(Refused, match=said):
        run_again(user=member, run=run)
    assert version_find(workspace=workspace, reference="mine:3") == versions[2]
    ComputeTarget.objects.update(open_to_members=True)
    version_archive(user=member, version=versions[2], is_archived=False)
    assert found(workspace, "mine:3") == "mine:3"
    assert run_again(user=member, run=Run.objects.get(pk=run.pk)).environment_version == versions[2]


def test_what_an_archived_version_says_can_be_registered_anew(
    versions: list[EnvironmentVersion], member: User, make: Make
) -> None:
    version_archive(user=member, version=versions[2], is_archived=True)
    assert [make(f"six>={n}").number for n in (2, 3, 3, 1)] == [2, 4, 4, 5]


def test_an_archived_environment_is_not_offered(
    versions: list[EnvironmentVersion], member: User, workspace: Workspace, make: Make
) -> None:
    environment = versions[0].environment
    environment_archive(user=member, environment=environment, is_archived=True)
    assert not environments_used(workspace=workspace).exists()
    assert environments_used(workspace=workspace, is_archived=True).get() == environment
    for reference in ("mine", "mine:1"):
        with pytest.raises(Refused, match="The environment mine is archived"):
            version_get(workspace=workspace, reference=reference)
    with pytest.raises(Refused, match="is archived: restore it, or choose another name"):
        make("numpy")
    for _ in range(2):
        environment_archive(user=member, environment=environment, is_archived=False)
    assert found(workspace, "mine") == "mine:3"
    assert list(AuditEvent.objects.values_list("action", flat=True)) == [
        "environment.archive",
        "environment.restore",
    ]


def test_a_folder_brings_its_own_environment_back(member: User, workspace: Workspace) -> None:
    picked = {"workspace": workspace, "name": "", "folder_requirements": "six"}
    version, _ = environment_pick(**picked)  # type: ignore[arg-type]
    environment_archive(user=member, environment=version.environment, is_archived=True)
    again, _ = environment_pick(**picked)  # type: ignore[arg-type]
    assert again == version
    assert found(workspace, str(version)) == str(version)


def test_what_runs_use_is_not_deleted(
    versions: list[EnvironmentVersion], member: User, target: ComputeTarget
) -> None:
    use(target, versions[1])
    trashed = use(target, versions[1])
    Run.objects.filter(pk=trashed.pk).update(deleted_at=trashed.created_at)
    said = r"2 runs use it \(1 of them in the trash\). Archive it instead"
    with pytest.raises(Refused, match=f"mine:2 cannot be deleted: {said}"):
        version_delete(user=member, version=versions[1])
    with pytest.raises(Refused, match=f"mine cannot be deleted: {said}"):
        environment_delete(user=member, environment=versions[1].environment)
    version_delete(user=member, version=versions[0])
    assert Environment.objects.get(name="mine").versions.count() == 2


def test_what_was_built_for_a_version_and_used_by_another_is_not_deleted(
    versions: list[EnvironmentVersion], member: User, target: ComputeTarget
) -> None:
    lock = Lock.objects.create(version=versions[0], python_version="3.11", platform="linux")
    build = Build.objects.create(target=target, version=versions[0], lock=lock, key="k")
    with pytest.raises(Refused, match=f"mine:1 is being built: cancel build {build.pk} first"):
        version_delete(user=member, version=versions[0])
    Build.objects.update(status="ready")
    run = use(target, versions[1], build=build)
    with pytest.raises(Refused, match="1 run uses it"):
        version_delete(user=member, version=versions[0])
    run.delete()
    version_delete(user=member, version=versions[0])
    assert not Lock.objects.exists()
    assert not Build.objects.exists()


def test_a_number_is_not_given_twice(
    versions: list[EnvironmentVersion], member: User, make: Make
) -> None:
    version_delete(user=member, version=versions[2])
    assert [make(f"six>={n}").number for n in (2, 3)] == [2, 4]


def test_the_last_version_goes_with_its_environment(make: Make, member: User) -> None:
    version = make("six")
    with pytest.raises(Refused, match="is the only version: delete the environment mine"):
        version_delete(user=member, version=version)
    environment_delete(user=member, environment=version.environment)
    assert not Environment.objects.exists()
    assert AuditEvent.objects.get().subject == "mine"


def test_a_curated_one_is_archived_for_good_but_not_deleted(
    member: User, workspace: Workspace
) -> None:
    environment_bootstrap_curated(workspace=workspace)
    environment = Environment.objects.get(name="minimal")
    with pytest.raises(Refused, match="is curated and would come back"):
        environment_delete(user=member, environment=environment)
    environment_archive(user=member, environment=environment, is_archived=True)
    environment_bootstrap_curated(workspace=workspace)
    environment.refresh_from_db()
    assert environment.archived_at is not None
    with pytest.raises(Refused, match="is archived"):
        environment_pick(workspace=workspace, name="", folder_requirements=None)


def test_a_viewer_and_a_stranger_change_nothing(
    versions: list[EnvironmentVersion], viewer: User, stranger: User
) -> None:
    version, environment = versions[0], versions[0].environment
    for user, refusal in ((viewer, Forbidden), (stranger, NotFound)):
        for change in (
            lambda user=user: label_set(user=user, version=version, label="prod"),
            lambda user=user: label_remove(user=user, environment=environment, label="prod"),
            lambda user=user: version_archive(user=user, version=version, is_archived=True),
            lambda user=user: environment_archive(
                user=user, environment=environment, is_archived=True
            ),
            lambda user=user: version_delete(user=user, version=version),
            lambda user=user: environment_delete(user=user, environment=environment),
        ):
            with pytest.raises(refusal):
                change()
    assert not AuditEvent.objects.exists()


def test_experiments_tell_how_much_they_use_a_version(
    versions: list[EnvironmentVersion], target: ComputeTarget
) -> None:
    for _ in range(2):
        use(target, versions[0])
    (only,) = experiments_using(version=versions[0])
    assert (only.name, only.runs) == ("default", 2)
    assert experiments_using(version=versions[1]) == []
