"""`runyard target`: holding a queue back from a shell."""

from __future__ import annotations

from pathlib import Path

import pytest

from compute.models import ComputeTarget
from environments.models import Build, BuiltEnvironment
from runs.models import Run
from studio.services import instance_key
from tests.api.caller import Caller
from tests.api.conftest import owner  # noqa: F401
from tests.client.test_command import Here, here  # noqa: F401
from tests.runs.test_leftovers import lay

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def as_owner(
    url: str,
    owner: Caller,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The command line speaks for the owner."""
    monkeypatch.setenv("RUNYARD_URL", url)
    monkeypatch.setenv("RUNYARD_TOKEN", owner.token)


def test_an_admin_pauses_drains_and_resumes(
    here: Here,  # noqa: F811
    as_owner: None,
    target: ComputeTarget,
) -> None:
    said = here("target", "pause", "local")
    assert said.out == "local is paused: 0 running go on, 0 waiting stay in line\n"
    assert here("targets").out.splitlines()[1].split()[2] == "paused"
    said = here("target", "drain", "local")
    assert said.out == "local is drained: nothing runs there, 0 waiting\n"
    assert here("target", "resume", "local").out == "local starts runs again: 0 waiting\n"
    target.refresh_from_db()
    assert target.paused_at is None


def test_a_contributor_may_not(here: Here, as_bob: Caller, target: ComputeTarget) -> None:  # noqa: F811
    said = here("target", "pause", "local")
    assert said.code == 1
    assert "this needs an admin" in said.err


def test_leftovers_are_listed_and_cleaned(
    here: Here,  # noqa: F811
    as_owner: None,
    target: ComputeTarget,
) -> None:
    assert here("target", "leftovers", "local").out == "nothing is left there\n"
    names = [f"{instance_key()}-run-{number}-1" for number in (900, 901)]
    first, second = (lay(target, name) for name in names)
    listed = here("target", "leftovers", "local").out.splitlines()
    assert listed[1].split()[0] == f"folder:{first.name}"
    assert listed[1].endswith("Run 900 was deleted.")
    said = here("target", "leftovers", "local", "--clean", "--only", f"folder:{second.name}")
    assert said.out == "1 leftover removed\n"
    assert first.exists()
    assert here("target", "leftovers", "local", "--clean").out == "1 leftover removed\n"
    assert not first.exists()


def test_a_target_is_shown_and_changed(
    here: Here,  # noqa: F811
    as_owner: None,
    target: ComputeTarget,
    tmp_path: Path,
) -> None:
    assert here("target", "show", "local").out.splitlines()[-1].split() == [
        "machine", "not", "tested", "yet"]  # fmt: skip
    root = tmp_path / "elsewhere"
    moved = here("target", "change", "local", "--set", f"root={root}", "--slots", "5",
                 "--environments-gib", "7")  # fmt: skip
    assert moved.out.startswith("local is ready: ")
    target.refresh_from_db()
    assert (target.config, target.slots, target.environments_gib) == ({"root": str(root)}, 5, 7)
    told = here("target", "show", "local").out
    assert f"root          {root}\n" in told
    assert "environments  7 GiB at most\n" in told
    assert here("target", "change", "local", "--rename", "here").code == 0
    assert here("target", "disable", "here").out == "here is disabled: what runs there goes on\n"
    assert "disabled, ready" in here("target", "show", "here").out
    refused = here("target", "change", "here")
    assert (refused.code, "say what to change" in refused.err) == (2, True)


def test_what_is_built_is_listed_kept_and_removed(
    here: Here,  # noqa: F811
    as_bob: Caller,
    run: Run,
) -> None:
    assert here("target", "environments", "local").out == "nothing is built there\n"
    key, version = "ab12" * 16, run.environment_version
    Build.objects.create(target=run.target, version=version, key=key, status="ready")
    BuiltEnvironment.objects.create(target=run.target, key=key, size_bytes=2_000_000)
    [_, row] = here("target", "environments", "local").out.splitlines()
    assert row.split() == ["minimal:1", key[:12], "ready", "2.0", "MB"]
    [_, row] = here("target", "environments", "local", "--pin", "minimal:1").out.splitlines()
    assert row.split()[2:4] == ["ready", "pinned"]
    said = here("target", "environments", "local", "--remove", key[:12])
    assert said.out == f"{key[:12]} is removed from local\n"
    assert not BuiltEnvironment.objects.exists()


def test_what_may_be_set_is_told(here: Here, as_bob: Caller) -> None:  # noqa: F811
    told = here("target", "settings", "docker").out
    assert "\naddress   yes     its socket, unix:///var/run/docker.sock;" in told
    assert "\nplatform          which of an image's platforms" in told
    refused = here("target", "settings", "moon")
    assert refused.err == "runyard: 'moon' is no kind of target: there are local, docker.\n"
