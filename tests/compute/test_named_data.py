"""Naming data, saying where targets have it, and looking whether it is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError
from hypothesis import given
from hypothesis import strategies as st

from compute.data_names import data_filled_in, data_mentioned, data_variable
from compute.models import ComputeTarget, DataPath, NamedData
from compute.named_data import data_delete, data_save
from compute.selectors import data_get, data_known, data_list, data_paths, target_pick
from compute.services import target_create, target_test, target_update
from studio.lib.refusal import Forbidden, NotFound, Refused
from studio.models import AuditEvent, Role, User, Workspace
from tests.factories import make_user


@pytest.fixture
def adam(workspace: Workspace) -> User:
    """An admin of the workspace who does not own the instance."""
    return make_user("adam", workspace=workspace, role=Role.ADMIN)


def save(user: User, workspace: Workspace, name: str = "mnist", **more: Any) -> NamedData:
    return data_save(user=user, workspace=workspace, name=name, **more)


def test_a_name_becomes_a_variable() -> None:
    assert data_variable("mnist") == "RUNYARD_DATA_MNIST"
    assert data_variable("5k-Mnist_x") == "RUNYARD_DATA_5K_MNIST_X"


def test_mentions_in_a_command() -> None:
    words = ["--root=${data.mnist}/train", "${data.a}:${data.mnist}", "$${data.b}", "${datax.c}"]
    assert data_mentioned(words) == ["mnist", "a"]
    assert data_filled_in(words, {"mnist": "/m", "a": "/a"}) == [
        "--root=/m/train", "/a:/m", "${data.b}", "${datax.c}",
    ]  # fmt: skip
    with pytest.raises(KeyError):
        data_filled_in(["${data.a}"], {})


@given(st.lists(st.text(alphabet="${}data.mnist-\\ ")))
def test_words_without_a_mention_stay_as_they_are(words: list[str]) -> None:
    names = data_mentioned(words)
    filled = data_filled_in(words, dict.fromkeys(names, "/p"))
    assert len(filled) == len(words)
    assert [w for w in words if "${data." not in w] == [
        f for f, w in zip(filled, words, strict=True) if "${data." not in w
    ]
    assert not set(data_mentioned(filled)) - set(names)


def test_data_is_named_and_found(
    adam: User, bob: User, vera: User, workspace: Workspace, target: ComputeTarget
) -> None:
    save(adam, workspace, description=" digits ", paths={"local": " /data/mnist/ "})
    found = data_get(user=vera, workspace=workspace, name="mnist")
    assert (found.variable, found.description) == ("RUNYARD_DATA_MNIST", "digits")
    (at,) = found.paths.all()
    assert (at.target, at.path, at.checked_at) == (target, "/data/mnist", None)
    assert AuditEvent.objects.get(action="data.create").subject == "mnist"
    assert data_paths(target=target, names=["mnist"]) == {"mnist": "/data/mnist"}
    save(adam, workspace, paths={"local": ""})
    assert not DataPath.objects.exists()
    assert NamedData.objects.get().description == "digits"
    data_delete(user=adam, data=found)
    assert list(data_list(user=bob, workspace=workspace)) == []


@pytest.mark.parametrize("name", ["", "-x", "a b", "ä", "a/b", "x" * 65, "a.b", "a\n", "${a}"])
def test_what_cannot_be_a_variable_is_no_name(alice: User, workspace: Workspace, name: str) -> None:
    with pytest.raises(Refused) as refusal:
        save(alice, workspace, name)
    assert refusal.value.field == "name"
    assert not NamedData.objects.exists()


@pytest.mark.parametrize("other", ["mnist_5k", "MNIST-5K", "Mnist_5K"])
def test_names_that_become_one_variable_collide(
    alice: User, workspace: Workspace, charlie: User, other: str
) -> None:
    made = save(alice, workspace, "mnist-5k")
    with pytest.raises(Refused, match="would both be RUNYARD_DATA_MNIST_5K"):
        save(alice, workspace, other)
    save(charlie, Workspace.objects.get(slug="elsewhere"), other)
    with pytest.raises(IntegrityError):
        NamedData.objects.create(workspace=workspace, name=other, variable=made.variable)


@pytest.mark.parametrize(
    "path", ["data/mnist", "~/mnist", "/data/../etc", "/a\0b", "/" + "x" * 1000]
)
def test_a_path_that_cannot_work_is_refused_and_nothing_is_written(
    alice: User, workspace: Workspace, target: ComputeTarget, path: str
) -> None:
    with pytest.raises(Refused) as refusal:
        save(alice, workspace, paths={"local": path})
    assert refusal.value.field == "paths.local"
    assert not NamedData.objects.exists()
    with pytest.raises(NotFound, match="no target 'moon'"):
        save(alice, workspace, paths={"moon": "/x"})


def test_only_admins_write(
    bob: User, vera: User, charlie: User, workspace: Workspace, alice: User
) -> None:
    made = save(alice, workspace)
    for user, error in ((bob, Forbidden), (vera, Forbidden), (charlie, NotFound)):
        with pytest.raises(error):
            save(user, workspace, "more")
        with pytest.raises(error):
            data_delete(user=user, data=made)
    with pytest.raises(NotFound):
        data_get(user=charlie, workspace=workspace, name="mnist")
    with pytest.raises(NotFound):
        list(data_list(user=charlie, workspace=workspace))


def test_who_may_not_run_on_a_target_may_not_look_around_there(
    adam: User, alice: User, workspace: Workspace, target: ComputeTarget
) -> None:
    ComputeTarget.objects.update(open_to_members=False)
    with pytest.raises(Forbidden, match="ask the instance owner"):
        save(adam, workspace, paths={"local": "/root/.ssh"})
    save(alice, workspace, paths={"local": "/data/mnist"})
    save(adam, workspace, description="digits", paths={"local": "/data/mnist"})
    with pytest.raises(Forbidden):
        save(adam, workspace, paths={"local": ""})


def test_testing_a_target_looks_for_its_data(
    alice: User, workspace: Workspace, target: ComputeTarget, tmp_path: Path
) -> None:
    (tmp_path / "mnist").mkdir()
    (tmp_path / "one.csv").write_text("1")
    for name in ("mnist", "one.csv", "none"):
        save(alice, workspace, name.split(".")[0], paths={"local": str(tmp_path / name)})
    assert target_test(target=target)["cores"]
    seen = {at.data.name: at for at in DataPath.objects.all()}
    assert (seen["mnist"].kind, seen["one"].kind, seen["none"].kind) == ("folder", "file", "")
    assert seen["none"].complaint == f"There is no {tmp_path}/none."
    assert all(at.checked_at for at in seen.values())
    assert target.health == "ready"
    save(alice, workspace, "none", paths={"local": str(tmp_path / "mnist")})
    assert DataPath.objects.get(data__name="none").checked_at is None
    target_test(target=target)
    at = DataPath.objects.get(data__name="none")
    assert (at.kind, at.complaint) == ("folder", "")


def test_a_target_that_moves_has_to_be_looked_at_again(
    alice: User, workspace: Workspace, target: ComputeTarget, tmp_path: Path
) -> None:
    save(alice, workspace, paths={"local": str(tmp_path)})
    target_test(target=target)
    assert DataPath.objects.get().checked_at
    target_update(user=alice, target=target, config={"root": str(tmp_path / "new")})
    at = DataPath.objects.get()
    assert (at.path, at.kind, at.checked_at) == (str(tmp_path), "", None)


def test_what_is_lacking_is_told_with_what_mends_it(
    alice: User, bob: User, workspace: Workspace, target: ComputeTarget
) -> None:
    with pytest.raises(Refused, match="runyard data add mnist --target TARGET --path"):
        data_known(workspace=workspace, names=["mnist"])
    save(alice, workspace)
    save(alice, workspace, "cifar", paths={"local": "/c"})
    with pytest.raises(Refused, match="did you mean mnist"):
        data_known(workspace=workspace, names=["cifar", "mnits"])
    with pytest.raises(Refused) as refusal:
        target_pick(workspace=workspace, user=bob, name="local", data=["cifar", "mnist"])
    assert refusal.value.field == "data"
    assert "local does not have the data mnist" in refusal.value.sentence
    assert "runyard data add mnist --target local --path /path/there" in refusal.value.sentence


def test_a_run_that_names_no_target_goes_where_its_data_is(
    alice: User, bob: User, workspace: Workspace, target: ComputeTarget
) -> None:
    second = target_create(
        user=alice, workspace=workspace, name="second", kind="local", config={"root": "/x"},
        open_to_members=True,
    )  # fmt: skip
    save(alice, workspace, paths={"second": "/m"})
    assert target_pick(workspace=workspace, user=bob, name="") == target
    assert target_pick(workspace=workspace, user=bob, name="", data=["mnist"]) == second
