"""Environments as images of a real engine: built, pinned, shared, stored once."""

from __future__ import annotations

import io
import json
import os
import ssl
import subprocess
import sys
import tarfile
import threading
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from compute.containers import OWNER
from compute.image_names import BUILT, PASSING
from compute.images import EngineImages
from compute.models import ComputeTarget
from compute.services import target_place
from environments.models import BaseImage, Build, BuiltEnvironment, EnvironmentVersion
from environments.services import (
    Failed,
    Ready,
    build_cancel,
    build_folder,
    build_settle,
    build_stop,
    build_store,
    built_get,
    built_remove,
    index_credentials,
    index_set,
    target_clean,
)
from studio.lib.refusal import Refused
from studio.models import User
from studio.services import instance_key
from tests.docker.engine import IMAGE, DockerEngine
from tests.docker.link import Link
from tests.docker.workshop import Workshop, tar_of
from tests.environments.registry import Registry
from tests.gitsources.servers import make_certificate
from tests.waiting import eventually

pytestmark = pytest.mark.django_db

SECRET = "word-of-the-index"
HOLDER = "from studio.lib.holder import holder_token; print(holder_token())"
PYTHON = "/opt/runyard/env/bin/python"
CLEANING = "environments.services.cleaning"
STORING = """
import sys
from compute.engine import Engine
from compute.containers import Limits, Site
from compute.images import EngineImages
address, volume, task, key, owner = sys.argv[1:]
site = Site(Engine(address), "", volume, "1000:1000", "python3", "none", Limits(), (), owner)
EngineImages(site).commit(task=task, key=key)
"""
OLD_PYTHON = b"""#!/bin/sh
echo '{"version": [3, 5, 9], "python": "", "libc": "", "platform": "", "machine": ""}'
"""


class Index(SimpleHTTPRequestHandler):
    """A package index that wants a password, and keeps containers that ask for `slow` waiting."""

    known = "Basic " + b64encode(f"robot:{SECRET}".encode()).decode()
    may_go_on = threading.Event()

    def do_GET(self) -> None:
        if self.headers.get("Authorization") != self.known:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="test"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        is_from_container = self.client_address[0] != self.server.server_address[0]
        if is_from_container and self.path.endswith("slow-1.0-py3-none-any.whl"):
            self.may_go_on.wait(60)
        super().do_GET()

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, link: Link) -> Iterator[tuple[Path, str]]:
    """The folder of a package index that containers reach, and its address."""
    folder = tmp_path_factory.mktemp("index")
    handler = partial(Index, directory=str(folder))
    with ThreadingHTTPServer((link.here, 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f"http://robot:{SECRET}@{link.here}:{server.server_port}/simple"
        Index.may_go_on.set()
        server.shutdown()


@pytest.fixture
def packages(index: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the index from which everything comes here."""
    monkeypatch.setenv("UV_DEFAULT_INDEX", index[1])
    return index[0] / "simple"


@pytest.fixture
def messages(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was asked of workers; no Redis is needed."""
    said: list[str] = []
    doors = "environments.services.builds"
    monkeypatch.setattr(f"{doors}.enqueue", lambda name, *args: said.append(f"{name} {args[0]}"))
    monkeypatch.setattr(f"{doors}.push", lambda *words: None)
    monkeypatch.setattr(f"{doors}.hint_monitor", lambda text: said.append(f"hint {text}"))
    return said


@pytest.fixture
def workshop(workspace: Any, engine: DockerEngine, data_dir: Path, messages: list[str]) -> Workshop:
    return Workshop(workspace, engine, data_dir)


@pytest.fixture
def images(workshop: Workshop) -> EngineImages:
    found = target_place(target=workshop.target).images
    assert found is not None
    return found


def publish(packages: Path, name: str, version: str = "1.0") -> None:
    Registry(packages / name).wheel(name, version)


def layer(engine: DockerEngine, image: str) -> dict[str, bytes]:
    """The files that an image has beyond its base, with what is in them."""
    with tarfile.open(fileobj=io.BytesIO(b"".join(engine.api.get_image(image)))) as tar:
        manifest = tar.extractfile("manifest.json")
        assert manifest is not None
        (entry,) = json.load(manifest)
        top = tar.extractfile(entry["Layers"][-1])
        config = tar.extractfile(entry["Config"])
        assert top is not None
        assert config is not None
        with tarfile.open(fileobj=top) as files:
            found = {m.name: files.extractfile(m).read() for m in files if m.isfile()}  # type: ignore[union-attr]
        return {**found, "config of the image": config.read()}


def test_an_environment_becomes_one_image_that_holds_no_secret(
    workshop: Workshop, packages: Path, messages: list[str], engine: DockerEngine
) -> None:
    publish(packages, "tool", "2.1")
    version = workshop.version("mine", kind="requirements", requirements="tool\n")
    build = workshop.building(version)
    assert workshop.building(version) == build
    (container,) = workshop.containers("build")
    assert SECRET not in json.dumps(engine.api.inspect_container(container["Id"]))
    log = workshop.ended(build)
    assert build.status == Build.Status.RUNNING, "its image has to be stored first"
    assert messages[-1] == f"environments.jobs.store {build.pk}"
    assert SECRET.encode() not in log

    build_store(build_id=build.pk)
    build.refresh_from_db()
    assert (build.status, build.error) == (Build.Status.READY, "")
    assert not workshop.containers("build")
    ready = workshop.ready(version)
    assert workshop.says(ready, "import sys, tool; print(tool.version, sys.prefix)") == (
        "2.1 /opt/runyard/env"
    )
    found = layer(engine, ready.image)
    ours = [name for name in found if name.startswith("opt/runyard/env")]
    assert {*found} - {*ours} == {"config of the image"}, "nothing else went into it"
    assert not [name for name, content in found.items() if SECRET.encode() in content]

    same = workshop.version("other", kind="requirements", requirements="tool==2.1\n")
    assert workshop.ready(same).image == ready.image
    assert Build.objects.count() == 1


def test_an_index_of_the_workspace_is_asked_from_within_the_container(
    workshop: Workshop, link: Link, tmp_path: Path, alice: User, engine: DockerEngine
) -> None:
    authority, pair = make_certificate(tmp_path, link.here)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair)
    folder = tmp_path / "index"
    Registry(folder / "simple" / "inhouse").wheel("inhouse")
    handler = partial(Index, directory=str(folder))
    with ThreadingHTTPServer((link.here, 0), handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"https://{link.here}:{server.server_port}/simple"
        asked = {"user": alice, "workspace": workshop.workspace, "url": url}
        index_set(**asked, authority=authority.read_text())
        index_credentials(**asked, username="robot", password=SECRET)
        version = workshop.version("mine", kind="requirements", requirements="inhouse\n")
        build = workshop.building(version)
        (container,) = workshop.containers("build")
        assert SECRET not in json.dumps(engine.api.inspect_container(container["Id"]))
        log = workshop.ended(build)
        build_store(build_id=build.pk)
        server.shutdown()
    build.refresh_from_db()
    assert (build.status, build.error) == (Build.Status.READY, ""), log
    ready = workshop.ready(version)
    assert workshop.says(ready, "import inhouse; print(inhouse.version)") == "1.0"
    found = layer(engine, ready.image)
    holds = [name for name, content in found.items() if SECRET.encode() in content]
    assert (holds, SECRET.encode() in log) == ([], False)
    assert not [name for name in found if name.endswith("authorities.pem")]


def test_whoever_stores_it_how_often_makes_one_image(
    workshop: Workshop, images: EngineImages, packages: Path, engine: DockerEngine
) -> None:
    publish(packages, "twice")
    build = workshop.building(workshop.version("mine", kind="requirements", requirements="twice\n"))
    workshop.ended(build)
    store = partial(images.commit, task=build_folder(build), key=build.key)
    threads = [threading.Thread(target=store) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store() == images.built(build.key)
    assert len(engine.api.images(filters={"label": f"runyard.key={build.key}"})) == 1
    assert [found.key for found in images.stock().images] == [build.key]
    assert not engine.api.images(PASSING)
    images.remove(build.key)
    assert store()
    assert not EngineImages(replace(images.site, owner="another")).stock().images

    dead = subprocess.run(
        [sys.executable, "-c", HOLDER], check=True, capture_output=True, text=True
    ).stdout.strip()
    Build.objects.filter(pk=build.pk).update(lease_token=dead, lease_until="2999-01-01T00:00Z")
    build_store(build_id=build.pk)
    build.refresh_from_db()
    assert build.status == Build.Status.READY, "who held it is dead"
    images.remove(build.key)
    assert not images.built(build.key)


def test_images_keep_to_their_room_and_are_what_was_built(
    workshop: Workshop,
    images: EngineImages,
    packages: Path,
    engine: DockerEngine,
    alice: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ready, keys = {}, {}
    for name in ("lately", "longest"):
        publish(packages, name)
        version = workshop.version(name, kind="requirements", requirements=f"{name}\n")
        ready[name] = workshop.ready(version)
        keys[name] = Build.objects.get(version=version).key
    foreign = {**images.labels("f" * 64), OWNER: "another"}
    workshop.image(IMAGE, {"x": b"x"}, f"{BUILT}:{'f' * 64}", Labels=foreign)
    target_clean(target_id=workshop.target.pk)
    rows = {row.key: row for row in BuiltEnvironment.objects.filter(kind="image")}
    assert set(rows) == set(keys.values())
    assert [row.fault for row in rows.values()] == ["", ""]
    assert all(row.size_bytes and row.verified_at for row in rows.values())
    workshop.target.refresh_from_db()
    stock = workshop.target.environments_stock["image"]
    base = engine.api.inspect_image(IMAGE)["Size"]
    own = sum(row.size_bytes or 0 for row in rows.values())
    assert own <= stock["bytes"] - stock["cache_bytes"] < base, "their base is no part of them"

    ComputeTarget.objects.update(environments_gib=1)
    lately = BuiltEnvironment.objects.filter(key=keys["lately"])
    lately.update(used_at=timezone.now())
    monkeypatch.setattr(f"{CLEANING}.GIB", 1)
    target_clean(target_id=workshop.target.pk)
    assert all(map(images.built, keys.values())), "they were used a moment ago"
    monkeypatch.setattr(f"{CLEANING}._UNUSED_S", 0)
    monkeypatch.setattr(f"{CLEANING}.GIB", stock["bytes"] - 1)
    target_clean(target_id=workshop.target.pk)
    assert [name for name, key in keys.items() if images.built(key)] == ["lately"]

    other = ComputeTarget.objects.create(
        workspace=workshop.workspace, name="other", kind="docker", config=workshop.target.config
    )
    pinned = {"key": keys["lately"], "kind": "image", "is_pinned": True}
    BuiltEnvironment.objects.create(target=other, **pinned)
    with pytest.raises(Refused, match="pinned on other"):
        built_remove(user=alice, built=lately.get(target=workshop.target))
    other.delete()

    monkeypatch.setattr(f"{CLEANING}.GIB", 1)
    labels = {"runyard.task": "run/7/1"}
    holder = engine.api.create_container(ready["lately"].image, ["true"], labels=labels)
    target_clean(target_id=workshop.target.pk)
    built = built_get(target=workshop.target, key=keys["lately"])
    with pytest.raises(Refused, match=r"in use by run/7/1"):
        built_remove(user=alice, built=built)

    version = EnvironmentVersion.objects.get(environment__name="lately")
    path = workshop.says(ready["lately"], "import lately; print(lately.__file__)").lstrip("/")
    name, conf = f"{BUILT}:{built.key}", {"Labels": images.labels(built.key), "Cmd": [PYTHON]}
    spoilt = workshop.image(ready["lately"].image, {path: b"version = 'evil'\n"}, name, **conf)
    holder = engine.api.create_container(spoilt, ["true"])
    lately.update(verified_at=None)
    target_clean(target_id=workshop.target.pk)
    assert lately.get().fault.startswith("Its name leads to another image: ")
    lately.update(verified_at=None, fault="", image=spoilt)  # as if its bytes had changed
    monkeypatch.setattr("compute.builtimages._SAYS_S", 0)
    target_clean(target_id=workshop.target.pk)
    fault = lately.get().fault
    assert "do not have the hash" in fault
    again = workshop.building(version)
    assert (again.generation, fault in again.cause) == (1, True)
    workshop.finish(again)
    assert workshop.says(workshop.ready(version), "import lately; print(lately.version)") == "1.0"
    engine.api.remove_container(holder)
    target_clean(target_id=workshop.target.pk)
    assert not images.built(keys["lately"]), "it was of no use any more"
    assert images.built("f" * 64), "another instance made it"


def test_a_worker_that_is_killed_while_it_stores_an_image_leaves_no_half_one(
    workshop: Workshop, images: EngineImages, packages: Path, engine: DockerEngine
) -> None:
    publish(packages, "killed")
    version = workshop.version("mine", kind="requirements", requirements="killed\n")
    build = workshop.building(version)
    workshop.ended(build)
    container = images.site.container_name(build_folder(build))
    engine.api.put_archive(container, "/opt", tar_of({"noise": os.urandom(64 << 20)}))
    words = [engine.address, images.site.volume, build_folder(build), build.key, instance_key()]
    worker = subprocess.Popen([sys.executable, "-c", STORING, *words])
    begun = "data/image/overlay2/layerdb/tmp/write-set-*"
    eventually(lambda: [*engine.folder.glob(begun)], timeout_s=30, what="the layer to be written")
    worker.kill()
    worker.wait()
    assert not images.built(build.key), "it was killed before the end"
    build_store(build_id=build.pk)
    build.refresh_from_db()
    assert (build.status, build.error) == (Build.Status.READY, "")

    def is_alone() -> bool:
        images.sweep()
        return len(engine.api.images(filters={"label": f"runyard.key={build.key}"})) == 1

    eventually(is_alone, what="what the engine went on with to be removed")
    assert workshop.says(workshop.ready(version), "import killed; print(killed.version)") == "1.0"


def test_a_container_that_was_removed_before_it_was_stored_fails_the_build(
    workshop: Workshop, packages: Path, engine: DockerEngine
) -> None:
    publish(packages, "gone")
    version = workshop.version("mine", kind="requirements", requirements="gone\n")
    build = workshop.building(version)
    workshop.ended(build)
    for container in workshop.containers("build"):
        engine.api.remove_container(container["Id"], force=True)
    build_store(build_id=build.pk)
    build.refresh_from_db()
    assert build.status == Build.Status.FAILED
    assert "removed before its image was stored" in build.error


def test_a_build_that_fails_says_which_line_failed_and_leaves_nothing(
    workshop: Workshop, packages: Path
) -> None:
    publish(packages, "moving")
    version = workshop.version("mine", kind="requirements", requirements="moving\n")
    workshop.ready(version)
    locked = version.locks.get()
    locked.text = locked.text.replace("moving==1.0", "moving==1.7")
    locked.save()
    sentence = workshop.failed(version)
    assert "moving==1.7" in sentence
    assert "there is no version of moving" in sentence
    assert not workshop.containers("build")


def test_a_paused_build_says_so_and_ends_with_its_container_when_canceled(
    workshop: Workshop, packages: Path, alice: User, engine: DockerEngine
) -> None:
    publish(packages, "slow")
    version = workshop.version("mine", kind="requirements", requirements="slow\n")
    build = workshop.building(version)
    eventually(lambda: b"Installing" in workshop.log(build), timeout_s=30)
    (container,) = workshop.containers("build")
    engine.api.pause(container["Id"])
    assert build_settle(build_id=build.pk)
    assert not build_settle(build_id=build.pk), "it is said once"
    name = container["Names"][0].lstrip("/")
    paused = f"Its container is paused on the engine: 'docker unpause {name}' there lets it go on."
    assert Build.objects.get(pk=build.pk).held_up == paused
    build_cancel(user=alice, build=build)
    build_stop(build_id=build.pk)
    assert workshop.finish(build).status == Build.Status.CANCELED
    assert build.held_up == ""
    assert not workshop.containers("build")


def test_a_build_whose_container_somebody_stopped_says_so(
    workshop: Workshop, packages: Path, engine: DockerEngine
) -> None:
    publish(packages, "tooslow")
    version = workshop.version("mine", kind="requirements", requirements="tooslow\n")
    build = workshop.building(version)
    eventually(lambda: b"Installing" in workshop.log(build), timeout_s=30)
    engine.api.stop(workshop.containers("build")[0]["Id"])
    assert workshop.finish(build).status == Build.Status.FAILED
    assert build.error.startswith("Somebody had the engine stop its container (signal 15")
    assert not workshop.containers("build")


def test_an_own_image_is_used_as_it_is_and_stays_the_same(
    workshop: Workshop, engine: DockerEngine
) -> None:
    first = workshop.image(
        IMAGE, {"opt/note": b"first"}, "own/image:1", Env=["FLAVOUR=mint"], Entrypoint=["false"]
    )
    version = workshop.version("mine", kind="image", image="own/image:1")
    ready = workshop.ready(version)
    assert (ready.image, ready.variables["FLAVOUR"]) == (first, "mint")
    assert ready.python == ready.keeper == "/usr/bin/python3"
    workshop.image(IMAGE, {"opt/note": b"second"}, "own/image:1")
    assert workshop.ready(version).image == first, "the name moved, the version did not"
    assert BaseImage.objects.get(version=version).facts["python_version"].startswith("3.")
    other = workshop.version("newer", kind="image", image="own/image:1")
    assert workshop.ready(other).image != first
    engine.api.remove_image(first, force=True)
    assert "not on the engine any more" in workshop.failed(version)


def test_what_a_base_image_has_can_be_imported_beside_what_is_installed(
    workshop: Workshop, packages: Path
) -> None:
    publish(packages, "beside", "2.1")
    library = f"usr/lib/python{sys.version_info[0]}/dist-packages/inherited.py"
    workshop.image(IMAGE, {library: b"word = 'kept'\n"}, "own/base:1")
    version = workshop.version(
        "mine", kind="requirements", requirements="beside\n", image="own/base:1"
    )
    ready = workshop.ready(version)
    assert workshop.says(
        ready, "import beside, inherited; print(inherited.word, beside.version)"
    ) == ("kept 2.1")


def test_an_image_that_cannot_keep_runs_is_refused_with_its_reason(
    workshop: Workshop, engine: DockerEngine
) -> None:
    engine.api.import_image_from_data(b"\0" * 10240, "own/empty", "1")
    workshop.image(IMAGE, {"usr/bin/python3": OLD_PYTHON}, "own/old:1")
    for name, reason in (("own/empty:1", "has no Python"), ("own/old:1", "is 3.5.9, which is too")):
        state = workshop.ensure(
            workshop.version(name.partition(":")[0][4:], kind="image", image=name)
        )
        assert isinstance(state, Failed)
        assert reason in state.sentence
        assert name in state.sentence
        assert "3.6" in state.sentence
    assert not workshop.containers("test")


def test_a_python_that_the_image_does_not_have_is_named(workshop: Workshop) -> None:
    version = workshop.version("mine", kind="requirements", requirements="", python="3.6")
    assert "needs Python 3.6, and the image runyard-tests:python has 3." in workshop.failed(version)


def test_an_interpreter_of_the_target_needs_no_image_of_its_own(workshop: Workshop) -> None:
    version = workshop.version("mine", kind="user-managed", interpreter_path="python")
    state = workshop.ensure(version)
    assert isinstance(state, Ready)
    assert state.image == ""
