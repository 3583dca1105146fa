"""A Docker target as a person meets it: registered, tested, and told what is wrong with it."""

from __future__ import annotations

import pytest

from compute.launchers.docker import DockerLauncher
from compute.models import ComputeTarget
from compute.services import target_create, target_place, target_test, target_try
from compute.session import session_for
from studio.lib.refusal import Forbidden, Refused
from studio.models import User, Workspace
from studio.services import instance_key
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


def test_the_container_of_a_run_is_made_as_the_target_says(
    alice: User, workspace: Workspace, engine: DockerEngine, config: dict[str, str]
) -> None:
    settings = {
        "memory": "64m",
        "cpus": "0.5",
        "shm": "32m",
        "pids": "100",
        "user": "1001:1002",
        "platform": f"linux/{engine.api.version()['Arch']}",
        "volume": "as-told",
    }
    target = target_create(
        user=alice, workspace=workspace, name="engine", kind="docker", config=config | settings
    )
    with session_for(target_place(target=target)) as session:
        launcher = session.place.launcher(session)
        assert isinstance(launcher, DockerLauncher)
        session.prepare("t1", {"argv": ["true"]})
        made = launcher._site.create_task(
            "t1", role="run", runner_sha=session.runner_sha, gpus=["0", "GPU-7"], stop_s=15
        )
        found = engine.api.inspect_container(made)
        launcher.clear({"name": "t1"})
    told, host = found["Config"], found["HostConfig"]
    assert host["Memory"] == host["MemorySwap"] == 64 << 20
    assert (host["NanoCpus"], host["ShmSize"], host["PidsLimit"]) == (5 * 10**8, 32 << 20, 100)
    assert (host["NetworkMode"], host["LogConfig"]["Type"]) == ("none", "none")
    assert (host["CapDrop"], host["SecurityOpt"]) == (["ALL"], ["no-new-privileges"])
    assert not host["Privileged"]
    assert not host["PortBindings"]
    assert not host["PublishAllPorts"]
    (asked,) = host["DeviceRequests"]
    assert (asked["DeviceIDs"], asked["Capabilities"]) == (["0", "GPU-7"], [["gpu"]])
    assert (told["User"], told["StopTimeout"], told["Image"]) == ("1001:1002", 15, IMAGE)
    assert (found["Platform"], told["Entrypoint"] or []) == ("linux", [])
    mounted = {mount["Destination"]: mount["RW"] for mount in found["Mounts"]}
    runner = f"/runyard/runner/{session.runner_sha}"
    assert mounted == {"/runyard/tasks/t1": True, runner: False}
    assert told["Labels"]["runyard"] == "as-told"
    assert told["Labels"]["runyard.instance"] == instance_key()


def test_what_it_answers_is_looked_up_in_the_container(
    alice: User, workspace: Workspace, config: dict[str, str]
) -> None:
    target = target_create(
        user=alice, workspace=workspace, name="engine", kind="docker", config=config
    )
    with session_for(target_place(target=target)) as session:
        assert session.interpreter("/usr/bin/python3").is_usable
        assert not session.interpreter("/opt/python").is_usable
