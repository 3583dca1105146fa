"""`runyard env`, `builds` and `environments` against a real web server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest
from django.db import connection

from environments.models import Build, Environment, EnvironmentVersion, LockUpdate
from runs.models import Run, Snapshot
from tests.api.caller import Caller
from tests.client.test_command import Here, here
from tests.waiting import eventually

__all__ = ["here"]

pytestmark = pytest.mark.django_db(transaction=True)
PLACE = {"python_version": "3.11", "platform": "linux"}


@pytest.fixture
def mine(as_bob: Caller, here: Here, run: Run, tmp_path: Path) -> Environment:
    """Two versions, each locked."""
    file = tmp_path / "requirements.txt"
    for text, lock in (("six", "six==1\n"), ("six\nnumpy", "numpy==2\nsix==1\n")):
        file.write_text(text)
        assert here("env", "create", "mine", "-r", str(file)).code == 0
        made = Environment.objects.get(name="mine")
        made.versions.order_by("-number")[0].locks.create(text=lock, **PLACE)
    return made


def meanwhile(act: Callable[[], object]) -> Thread:
    """Another hand, which does this once it can."""

    def hand() -> None:
        try:
            eventually(act, timeout_s=20, what="something to do")
        finally:
            connection.close()

    thread = Thread(target=hand)
    thread.start()
    return thread


def test_a_version_is_shown_with_its_labels_and_locks(mine: Environment, here: Here) -> None:
    assert here("env", "label", "mine:1", "prod").out == "mine:prod means version 1\n"
    said = here("env", "show", "mine:prod").out
    assert "mine:1" in said
    assert "1 packages, Python 3.11, linux" in said
    assert ["2", "latest", "requirements", "0"] in [line.split()[:4] for line in said.splitlines()]
    assert here("env", "show", "mine", "--json").json["version"] == 2
    assert here("env", "unlabel", "mine", "prod").out == "mine has no label prod any more\n"
    assert "no version or label 'prod'" in here("env", "show", "mine:prod").err
    assert "write mine:3 to label version 3" in here("env", "label", "mine", "prod").err


def test_a_lock_is_printed_or_written(mine: Environment, here: Here, tmp_path: Path) -> None:
    assert here("env", "lock", "mine").out == "numpy==2\nsix==1\n"
    file = tmp_path / "lock.txt"
    said = here("env", "lock", "mine:1", "-o", str(file))
    assert (said.out, file.read_text()) == ("", "six==1\n")
    assert "no such lock" in here("env", "lock", "mine", "--python", "3.9").err
    assert "cannot be written" in here("env", "lock", "mine", "-o", str(tmp_path)).err


def test_versions_are_compared(mine: Environment, here: Here) -> None:
    said = here("env", "diff", "mine:1", "mine").out
    assert "from mine:1 to mine:2" in said
    assert "+ numpy" in said
    assert ["numpy", "2", "added"] in [line.split() for line in said.splitlines()]
    assert here("env", "diff", "mine", "minimal", "--json").json["new"] == "minimal:1"


def test_out_of_use_back_and_gone(mine: Environment, here: Here) -> None:
    assert here("env", "archive", "mine").code == 0
    assert "mine" not in here("environments").out
    assert "mine" in here("environments", "--archived").out
    assert here("env", "restore", "mine").out == "mine is in use again\n"
    Run.objects.update(environment_version=mine.versions.get(number=1))
    assert "1 run uses it" in here("env", "delete", "mine:1").err
    assert here("env", "delete", "mine:2").out == "mine:2 is deleted\n"


def test_newer_packages_are_shown_and_made_on_demand(mine: Environment, here: Here) -> None:
    def resolve() -> bool:
        found = [{**PLACE, "text": "numpy==3\nsix==1\n"}]
        live = LockUpdate.objects.filter(status="queued")
        return bool(live.update(status="ready", locks=found))

    for words, last in (
        ((), "nothing has changed: runyard env update mine --yes makes a version"),
        (("--yes",), "environment mine:3 has exactly these packages"),
    ):
        worker = meanwhile(resolve)
        said = here("env", "update", "mine", *words)
        worker.join()
        assert ["numpy", "2", "3", "changed"] in [line.split() for line in said.out.splitlines()]
        assert said.out.splitlines()[-1] == last
    assert mine.versions.count() == 3


def test_builds_are_listed_and_ordered(mine: Environment, here: Here, run: Run) -> None:
    version = mine.versions.get(number=1)
    build = Build.objects.create(
        target=run.target, version=version, lock=version.locks.get(), key="k", status="failed"
    )
    header, only = here("builds").out.splitlines()
    assert header.split()[:4] == ["ID", "STATUS", "ENVIRONMENT", "TARGET"]
    assert only.split()[:4] == [str(build.pk), "failed", "mine:1", "local"]
    assert here("builds", "--status", "ready", "--json").json == []
    said = here("env", "build", "mine:2", "--target", "local")
    assert (said.code, "mine:2 on local" in said.out) == (0, True)
    assert here("env", "build", "mine").code == 2


def test_a_dockerfile_is_sent_with_its_folder(as_bob: Caller, here: Here, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM a\nCOPY . /x\n")
    (tmp_path / "seed.txt").write_text("7")
    dockerfile = ["--dockerfile", str(tmp_path / "Dockerfile")]
    assert "there is no build context" in here("env", "create", "mine", *dockerfile).err
    said = here("env", "create", "mine", *dockerfile, "--context", str(tmp_path), "--json")
    assert (said.code, said.json["kind"]) == (0, "dockerfile"), said.err
    context = EnvironmentVersion.objects.get(environment__name="mine").spec["context"]
    assert Snapshot.objects.get(digest=context).file_count == 2
    none = here("env", "create", "mine", *dockerfile, "--context", str(tmp_path / "none"))
    assert (none.code, "none" in none.err) == (1, True)


def test_secrets_spark_and_what_is_not_used(as_bob: Caller, here: Here, tmp_path: Path) -> None:
    file = tmp_path / "e.yml"
    file.write_text("channels: [conda-forge]\ndependencies: [pyspark]\n")
    said = here("env", "create", "mine", "--conda", str(file), "--image", "python:3.12",
                "--secret", "HUB_TOKEN", "--spark-package", "a:b:1",
                "--spark-repository", "https://repo.example.org")  # fmt: skip
    assert said.out == "environment mine:1\n", said.err
    assert "Channels are ignored (conda-forge)" in said.err
    assert "the base image python:3.12 is not used" in said.err
    spec = EnvironmentVersion.objects.get(environment__name="mine").spec
    assert (spec["secrets"], spec["requirements"]) == (["HUB_TOKEN"], "pyspark\n")
    assert spec["spark"] == {"packages": ["a:b:1"], "repositories": ["https://repo.example.org"]}
    missing = here("env", "create", "mine", "-r", str(tmp_path / "none.txt"))
    assert "none.txt' cannot be read: No such file" in missing.err
