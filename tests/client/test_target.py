"""`runyard target`: holding a queue back from a shell."""

from __future__ import annotations

import pytest

from compute.models import ComputeTarget
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
