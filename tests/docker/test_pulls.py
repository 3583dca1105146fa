"""Images that an engine lacks: brought from a real registry, or made by a Dockerfile."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from compute.docker_cli import docker_cli
from compute.fetching import fetches_due, image_fetch
from compute.image_names import BUILT
from compute.models import RegistryLogin
from compute.registries import registry_login_set
from compute.services import image_lacked, target_create, target_test
from compute.transports.base import ImageMissing
from environments.models import Build
from environments.services import Building, build_folder
from runs.stores import blob_store
from studio.models import AuditEvent, User
from tests.docker.engine import IMAGE, DockerEngine
from tests.docker.imageregistry import HOST, PASSWORD, ImageRegistry
from tests.docker.link import Link
from tests.docker.workshop import Workshop
from tests.waiting import eventually

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def registry(
    engine: DockerEngine, link: Link, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ImageRegistry]:
    with ImageRegistry(engine, tmp_path_factory.mktemp("reg")) as found:
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


def test_a_dockerfile_has_its_files_and_a_private_base_and_keeps_no_secret(
    workshop: Workshop,
    registry: ImageRegistry,
    alice: User,
    data_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not docker_cli("", os.environ.get("PATH", "")):
        pytest.skip("no docker command with BuildKit is installed")
    word = "word-of-the-index"
    monkeypatch.setenv("UV_DEFAULT_INDEX", f"https://robot:{word}@registry.example.org/simple")
    base = registry.push(
        workshop.image(IMAGE, {"opt/base": b"x"}, "private/base:1"), "team/image:base"
    )
    sha, size = blob_store().put(b"of the context")
    entry = {"path": "deep/words.txt", "mode": 0o644, "size": size, "sha": sha}
    context, _ = blob_store().put(json.dumps([entry]).encode())
    used = "print(len(open('/run/secrets/UV_DEFAULT_INDEX').read()), file=open('/opt/had', 'w'))"
    text = (
        f"FROM {base}\nCOPY deep/words.txt /opt/words\n"
        f'RUN --mount=type=secret,id=UV_DEFAULT_INDEX python3 -c "{used}"\n'
    )
    version = workshop.version("mine", kind="dockerfile", dockerfile=text, context=context)
    assert "may need a login for its registry" in workshop.failed(version)

    registry_login_set(
        user=alice, workspace=workshop.workspace, host=HOST, username="robot", password=PASSWORD
    )
    build = workshop.building(version)
    log = workshop.ended(build)
    assert build.status == Build.Status.READY, log.decode()
    ready, api = workshop.ready(version), workshop.engine.api
    read = "print(open('/opt/words').read(), open('/opt/had').read())"
    assert workshop.says(ready, read) == f"of the context {len(os.environ['UV_DEFAULT_INDEX'])}"
    exported = b"".join(api.get_image(ready.image))
    told = json.dumps([api.history(ready.image), api.inspect_image(ready.image)])
    assert b"of the context" in exported
    for secret in (word, PASSWORD):
        assert secret.encode() not in exported
        assert secret not in told
        assert secret.encode() not in log
        kept = [path for path in data_dir.rglob("*") if path.is_file()]
        assert not [path for path in kept if secret.encode() in path.read_bytes()]


def test_a_dockerfile_whose_command_is_killed_is_built_again_and_anew_when_asked(
    workshop: Workshop, data_dir: Path
) -> None:
    if not docker_cli("", os.environ.get("PATH", "")):
        pytest.skip("no docker command with BuildKit is installed")
    stamp = "import uuid; open('/stamp', 'w').write(uuid.uuid4().hex)"
    text = f'FROM {IMAGE}\nRUN sleep 1\nRUN python3 -c "{stamp}"\n'
    version = workshop.version("mine", kind="dockerfile", dockerfile=text)
    build = workshop.building(version)
    eventually(lambda: b"RUN sleep" in workshop.log(build), timeout_s=30, what="its first step")
    folder = f"{data_dir}/targets/studio/tasks/{build_folder(build)}/"
    (command,) = [pid for pid in processes_in(folder) if b"--progress=plain" in words_of(pid)]
    os.kill(command, signal.SIGKILL)
    assert workshop.finish(build).status == Build.Status.FAILED
    assert not workshop.engine.api.images(name=f"{BUILT}:{build.key}")

    first = workshop.ready(version)
    state = workshop.ensure(version, anew="Somebody asked for it to be made anew.")
    assert isinstance(state, Building)
    assert workshop.ready(version) == first, "until then runs are given what there is"
    assert workshop.finish(state.build).status == Build.Status.READY
    second, read = workshop.ready(version), "print(open('/stamp').read())"
    assert workshop.says(second, read) != workshop.says(first, read)

    name = f"{BUILT}:{state.build.key}"
    conf = workshop.engine.api.inspect_image(second.image)["Config"]
    workshop.image(second.image, {"stamp": b"forged"}, name, Labels=conf["Labels"])
    again = workshop.building(version)
    assert again.generation == state.build.generation + 1
    assert "Its name leads to another image" in again.cause


def words_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def processes_in(folder: str) -> list[int]:
    """The processes that work below a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if f"{(entry / 'cwd').readlink()}/".startswith(folder):
                found.append(int(entry.name))
    return found


def test_without_a_docker_command_a_dockerfile_is_refused(
    workshop: Workshop, settings: Any
) -> None:
    settings.DOCKER_CLI = "/no/docker"
    version = workshop.version("mine", kind="dockerfile", dockerfile=f"FROM {IMAGE}\n")
    assert "RUNYARD_DOCKER_CLI" in workshop.failed(version)
