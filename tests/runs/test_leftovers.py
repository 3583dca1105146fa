"""What lies on a target and belongs to nothing any more, and nothing else, is shown and removed."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from compute.answers import Started
from compute.models import ComputeTarget
from compute.services import target_place
from compute.session import session_for
from runs.models import Attempt
from runs.services.leftovers import leftovers_clean, leftovers_find
from runs.states import Status
from studio.lib.refusal import Forbidden, NotFound, Refused
from studio.models import AuditEvent, User
from studio.services import instance_key
from tests.compute.records import make_build, make_run
from tests.waiting import eventually

HOUR_AGO = timedelta(hours=1)


def lay(target: ComputeTarget, name: str) -> Path:
    """The folder of a task as a target has it, an hour old."""
    folder = Path(target.config["root"], "tasks", name)
    folder.mkdir(parents=True)
    (folder / "run.log").write_bytes(b"x" * 100_000)
    os.utime(folder, (time.time() - 3600,) * 2)
    return folder


def an_attempt(target: ComputeTarget, status: str, *, cleared: bool) -> Path:
    """The folder of a run that has a record."""
    run = make_run(target, status=status)
    folder = lay(target, f"{instance_key()}-run-{run.pk}-1")
    over = timezone.now() - HOUR_AGO
    Attempt.objects.create(
        run=run,
        folder=folder.name,
        ended_at=over if status in {"completed", "failed"} else None,
        folder_cleared_at=over if cleared else None,
    )
    return folder


def test_folders_that_belong_to_nothing_are_named_and_removed(
    alice: User, target: ComputeTarget
) -> None:
    ours = instance_key()
    deleted = lay(target, f"{ours}-run-900-1")
    begun = lay(target, f".clear-{ours}-run-901-1.{'0' * 12}.part")
    cleared = an_attempt(target, Status.FAILED, cleared=True)
    build = make_build(target, status="ready", ended_at=timezone.now() - HOUR_AGO)
    built = lay(target, f"{ours}-build-{build.pk}")
    young = lay(target, f"{ours}-run-902-1")
    os.utime(young)
    stay = [
        young,
        lay(target, "deadbeef-run-900-1"),
        lay(target, f"{ours}-notes"),
        an_attempt(target, Status.RUNNING, cleared=False),
        an_attempt(target, Status.COMPLETED, cleared=False),
        lay(target, f"{ours}-build-{make_build(target, status='running').pk}"),
    ]

    found = {one.name: one for one in leftovers_find(user=alice, target=target)}
    assert {name: one.why for name, one in found.items()} == {
        deleted.name: "Run 900 was deleted.",
        f"{ours}-run-901-1": "Run 901 was deleted.",
        cleared.name: f"The folder of run {cleared.name.split('-')[2]} was to be removed.",
        built.name: f"Build {build.pk} has ended.",
    }
    assert all(one.bytes is not None and one.bytes >= 100_000 for one in found.values())

    one = found[deleted.name]
    cleaned = leftovers_clean(user=alice, target=target, marks=[one.mark])
    assert [gone.name for gone in cleaned.removed] == [deleted.name]
    assert not deleted.exists()
    assert begun.exists()
    with pytest.raises(Refused, match="is no leftover of local"):
        leftovers_clean(user=alice, target=target, marks=[one.mark])
    leftovers_clean(user=alice, target=target)
    assert not [path for path in (begun, cleared, built) if path.exists()]
    assert all(path.exists() for path in stay)
    assert leftovers_find(user=alice, target=target) == []
    assert AuditEvent.objects.filter(action="target.clean").count() == 4


def test_what_belongs_to_something_in_the_moment_of_removal_stays(
    alice: User, target: ComputeTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    from runs.services import leftovers

    folder, judged = lay(target, f"{instance_key()}-run-900-1"), leftovers._judged
    rounds: list[int] = []

    def and_then_it_is_restored(*words: object) -> object:
        answer = judged(*words)  # type: ignore[arg-type]
        rounds.append(1)
        if len(rounds) == 1:
            run = make_run(target, status=Status.COMPLETED)
            Attempt.objects.create(run=run, folder=folder.name)
        return answer

    monkeypatch.setattr(leftovers, "_judged", and_then_it_is_restored)
    cleaned = leftovers_clean(user=alice, target=target)
    assert (cleaned.removed, cleaned.kept, folder.exists()) == ([], [], True)


def test_what_still_runs_stays(alice: User, target: ComputeTarget, tmp_path: Path) -> None:
    name, go_on = f"{instance_key()}-run-900-1", tmp_path / "go-on"
    folder = Path(target.config["root"], "tasks", name)
    os.mkfifo(go_on)
    argv = ["/bin/sh", "-c", f"read word < {go_on}"]
    with session_for(target_place(target=target)) as session:
        spec = {"protocol": 1, "task": "run/900/1", "argv": argv, "cwd": ".", "cookie": name}
        started = session.start(name, spec)
        assert isinstance(started, Started)

        def kept() -> list[str]:
            # The keeper writes its first files meanwhile, and a folder just written to is young.
            os.utime(folder, (1, 1))
            cleaned = leftovers_clean(user=alice, target=target)
            assert cleaned.removed == []
            return [why.partition(":")[0] for _, why in cleaned.kept]

        eventually(lambda: kept() == ["It still runs"], what="the folder being old")
        go_on.write_text("go")
        eventually(lambda: not session.look([name])[name].alive, what="its end")

    def removed() -> int:
        os.utime(folder, (1, 1))
        return len(leftovers_clean(user=alice, target=target).removed)

    eventually(lambda: removed() == 1, what="its removal")


def test_members_look_and_admins_clean(
    bob: User, vera: User, charlie: User, target: ComputeTarget
) -> None:
    folder = lay(target, f"{instance_key()}-run-900-1")
    for user in (bob, vera):
        assert len(leftovers_find(user=user, target=target)) == 1
        with pytest.raises(Forbidden):
            leftovers_clean(user=user, target=target)
    for service in (leftovers_find, leftovers_clean):
        with pytest.raises(NotFound):
            service(user=charlie, target=target)
    assert folder.exists()


def test_a_target_that_does_not_answer_says_so(
    alice: User, target: ComputeTarget, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    target.config = {"root": str(tmp_path / "file" / "below")}
    with pytest.raises(Refused, match="What was left on local cannot be looked at"):
        leftovers_find(user=alice, target=target)
