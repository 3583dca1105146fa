"""Images that an engine lacks: brought from a real registry, or made by a Dockerfile."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from compute.docker_cli import docker_cli
from compute.fetching import fetches_due, image_fetch
from compute.models import RegistryLogin
from compute.registries import registry_login_set
from compute.services import image_lacked, target_create, target_test
from compute.transports.base import ImageMissing
from environments.models import Build
from studio.models import AuditEvent, User
from tests.docker.engine import IMAGE, DockerEngine
from tests.docker.imageregistry import HOST, PASSWORD, ImageRegistry
from tests.docker.link import Link
from tests.docker.workshop import Workshop

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def registry(
    engine: DockerEngine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ImageRegistry]:
    with Link(engine.holder_pid), ImageRegistry(engine, tmp_path_factory.mktemp("reg")) as found:
        yield found


@pytest.fixture
def workshop(
    workspace: Any, engine: DockerEngine, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> Workshop:
    for door in ("enqueue", "push", "hint_monitor"):
        monkeypatch.setattr(f"environments.services.builds.{door}", lambda *words: None)
    return Workshop(workspace, engine, data_dir)


def test_an_image_is_pulled_with_the_login_of_the_workspace(
    workshop: Workshop, registry: ImageRegistry, alice: User, data_dir: Path
) -> None:
    made = workshop.image(IMAGE, {"opt/noise": os.urandom(3 << 20)}, "pulled/image:1")
    reference = registry.push(made, "team/image:1")
    version = workshop.version("mine", kind="image", image=reference)
    assert f"{HOST} does not give {reference} away" in workshop.failed(version)

    registry_login_set(
        user=alice, workspace=workshop.workspace, host=HOST, username="robot", password=PASSWORD
    )
    build = workshop.building(version)
    log = workshop.ended(build).decode()
    assert build.status == Build.Status.READY, log
    assert "of 3.1 MB" in log
    assert "2 of 2 layers" in log
    assert workshop.ready(version).image == made
    absent = workshop.version("absent", kind="image", image=f"{HOST}/team/image:9")
    assert f"There is no image {HOST}/team/image:9" in workshop.failed(absent)

    workshop.engine.api.remove_image(reference, force=True)
    assert workshop.ready(version).image == made, "brought again by its digest"
    assert RegistryLogin.objects.get().last_used_at is not None
    assert AuditEvent.objects.filter(action="registry.used", subject=HOST).exists()
    kept = [path for path in data_dir.rglob("*") if path.is_file()]
    assert kept
    assert not [path for path in kept if PASSWORD.encode() in path.read_bytes()]


def test_the_image_of_a_target_is_fetched_when_it_is_registered(
    workshop: Workshop, registry: ImageRegistry, alice: User
) -> None:
    made = workshop.image(IMAGE, {"opt/noise": os.urandom(1 << 20)}, "own/image:1")
    reference = registry.push(made, "team/own:1")
    config = {"address": workshop.engine.address, "image": reference, "volume": "fresh"}
    target = target_create(
        user=alice, workspace=workshop.workspace, name="fresh", kind="docker", config=config
    )
    target_test(target=target)
    assert (target.is_fetching, target.fetching) == (True, "about to begin")
    assert "is not on the engine yet: it is being fetched" in target.health_reason
    assert fetches_due() == [target.pk]

    image_fetch(target_id=target.pk)
    target.refresh_from_db()
    assert (target.is_fetching, target.health) == (False, "faulty")
    assert f"{HOST} does not give {reference} away" in target.health_reason
    assert fetches_due() == []
    missing = ImageMissing("There is no such image.", reference)
    assert f"{HOST} does not give" in image_lacked(target=target, error=missing)
    assert not target.is_fetching, "only who tests it has it tried again"

    registry_login_set(
        user=alice, workspace=workshop.workspace, host=HOST, username="robot", password=PASSWORD
    )
    target_test(target=target)
    image_fetch(target_id=target.pk)
    target.refresh_from_db()
    assert (target.health, target.image_fetch) == ("ready", {}), target.health_reason
    assert AuditEvent.objects.filter(action="registry.used", subject=HOST).exists()
    image_fetch(target_id=target.pk)  # once more changes nothing


def test_a_registry_that_does_not_answer_is_named(
    workshop: Workshop, registry: ImageRegistry
) -> None:
    version = workshop.version("mine", kind="image", image="localhost:5999/x:1")
    assert "cannot reach localhost:5999" in workshop.failed(version)


def test_a_dockerfile_is_built_and_its_failing_line_is_the_reason(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not docker_cli("", os.environ.get("PATH", "")):
        pytest.skip("no docker command with BuildKit is installed")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://robot:word-of-the-index@pypi.lab/simple")
    mount = "--mount=type=secret,id=UV_DEFAULT_INDEX"
    text = f"FROM {IMAGE}\nENV FLAVOUR=mint\nRUN {mount} cat /run/secrets/UV_DEFAULT_INDEX\n"
    ready = workshop.ready(workshop.version("mine", kind="dockerfile", dockerfile=text))
    assert ready.variables["FLAVOUR"] == "mint"
    assert workshop.says(ready, "print('it runs')") == "it runs"
    broken = f"FROM {IMAGE}\nRUN cat /no/such/file\n"
    sentence = workshop.failed(workshop.version("other", kind="dockerfile", dockerfile=broken))
    assert "cat /no/such/file" in sentence


def test_without_a_docker_command_a_dockerfile_is_refused(
    workshop: Workshop, settings: Any
) -> None:
    settings.DOCKER_CLI = "/no/docker"
    version = workshop.version("mine", kind="dockerfile", dockerfile=f"FROM {IMAGE}\n")
    assert "RUNYARD_DOCKER_CLI" in workshop.failed(version)
