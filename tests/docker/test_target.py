"""A Docker target as a person meets it: registered, tested, and told what is wrong with it."""

from __future__ import annotations

import pytest

from compute.models import ComputeTarget
from compute.services import target_create, target_place, target_test, target_try
from compute.session import session_for
from studio.lib.refusal import Forbidden, Refused
from studio.models import User, Workspace
from tests.docker.engine import IMAGE, DockerEngine
from tests.factories import make_user


@pytest.fixture
def config(engine: DockerEngine) -> dict[str, str]:
    return {"address": engine.address, "image": IMAGE, "network": "none"}


def test_testing_it_runs_a_container_and_reports_the_engine(
    alice: User, workspace: Workspace, engine: DockerEngine, config: dict[str, str]
) -> None:
    target = target_create(
        user=alice,
        workspace=workspace,
        name="engine",
        kind="docker",
        config={**config, "memory": "64m", "cpus": "1", "pids": "100"},
    )
    facts = target_test(target=target)
    assert target.health == ComputeTarget.Health.READY, target.health_reason
    assert facts["engine"]["version"] == engine.api.version()["Version"]
    assert (facts["cores"], facts["memory_bytes"]) == (1, 64 << 20)
    assert facts["lacks"] == []
    info, told = engine.api.info(), facts["engine"]
    assert (told["cgroup"], told["storage"]) == (info["CgroupVersion"], info["Driver"])
    assert told["platform"].startswith("linux/")
    assert (told["live_restore"], told["rootless"]) == (False, False)
    assert "runc" in told["runtimes"]
    assert any("live-restore" in hint for hint in facts["hints"])
    assert facts["python_version"].startswith("3.")
    assert facts["disk_free_bytes"] > 0
    ours = {"label": "runyard=runyard"}
    roles = [found["Labels"]["runyard.role"] for found in engine.api.containers(filters=ours)]
    assert roles == ["helper"]
    assert len(engine.api.containers(all=True, filters=ours)) == 1


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"address": "unix:///no/such.sock"},
            r"does not answer: No such file or directory\. Check",
        ),
        ({"image": "no/such:1"}, "run 'docker pull no/such:1'"),
        ({"platform": "linux/s390x"}, "for linux/s390x on the engine: run 'docker pull --platform"),
        ({"python": "/opt/python"}, "/opt/python"),
        ({"network": "lab"}, "network lab not found"),
        ({"cpus": "64"}, "CPUs"),
    ],
)
def test_what_is_wrong_is_said_before_it_is_registered(
    alice: User,
    workspace: Workspace,
    config: dict[str, str],
    change: dict[str, str],
    sentence: str,
) -> None:
    with pytest.raises(Refused, match=sentence):
        target_try(user=alice, workspace=workspace, kind="docker", config=config | change)
    assert not ComputeTarget.objects.exists()


def test_only_the_owner_may_reach_for_an_engine(
    alice: User, workspace: Workspace, config: dict[str, str]
) -> None:
    admin = make_user("dora", workspace=workspace, role="admin")
    with pytest.raises(Forbidden, match="anything on its machine"):
        target_try(user=admin, workspace=workspace, kind="docker", config=config)
    with pytest.raises(Forbidden):
        target_create(user=admin, workspace=workspace, name="engine", kind="docker", config=config)


def test_what_it_answers_is_looked_up_in_the_container(
    alice: User, workspace: Workspace, config: dict[str, str]
) -> None:
    target = target_create(
        user=alice, workspace=workspace, name="engine", kind="docker", config=config
    )
    with session_for(target_place(target=target)) as session:
        assert session.interpreter("/usr/bin/python3").is_usable
        assert not session.interpreter("/opt/python").is_usable
