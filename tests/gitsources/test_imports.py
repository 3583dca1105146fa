"""Imports: a submission that is fetched in the background and ends in a run or a sentence."""

from __future__ import annotations

import os
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core import serializers
from django.db import connection
from django.utils import timezone

from runs.jobs import import_source, prune
from runs.models import GitCredential, GitHost, Run, SourceImport
from runs.services import gitsources, imports
from runs.services.credentials import credential_add
from runs.services.imports import import_cancel, imports_due, submission_take
from runs.services.snapshots import source_freeze
from runs.services.submit import run_submit
from runs.submission import FolderSource, GitSource, Submission
from studio.lib.refusal import Forbidden, NotFound, Refused
from studio.lib.vault import decrypt
from studio.models import User, Workspace
from tests.gitsources.repositories import Repository
from tests.gitsources.servers import HttpsServer, SshServer
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("place")


def take(user: User, workspace: Workspace, url: object, **more: Any) -> SourceImport:
    source = GitSource(
        str(url), more.pop("ref", ""), more.pop("folder", ""), more.pop("credential", "")
    )
    request = Submission(source=source, **{"script": "train.py", **more})
    taken = submission_take(user=user, workspace=workspace, request=request)
    assert isinstance(taken, SourceImport)
    return taken


def done(found: SourceImport) -> Run:
    import_source(found.pk)
    found.refresh_from_db()
    assert found.status == "done", found.error
    assert found.run is not None
    return found.run


def failed(found: SourceImport) -> str:
    import_source(found.pk)
    found.refresh_from_db()
    assert (found.status, found.run) == ("failed", None)
    assert not Run.objects.exists()
    return found.error


def test_an_import_ends_in_a_run(bob: User, workspace: Workspace, repository: Repository) -> None:
    (repository.path / "sub").mkdir()
    (repository.path / "sub" / "go.py").write_text("print(2)\n")
    repository.commit()
    found = take(
        bob, workspace, repository.path, ref="main", folder="/sub/"[1:], script="go.py",
        arguments=["--x", "1"], variables={"A": "1", "API_TOKEN": "hush"}, tags={"k": "v"},
        priority=3, time_limit_s=60, name="from git",
    )  # fmt: skip
    assert not Run.objects.exists()
    run = done(found)
    assert run.command == ["python", "go.py", "--x", "1"]
    assert (run.submitted_by, run.name, run.tags, run.priority) == (bob, "from git", {"k": "v"}, 3)
    assert (run.experiment.name, run.time_limit_s) == ("ridge", 60)
    assert decrypt(run.secret_variables["API_TOKEN"]) == "hush"
    assert run.git == {
        "repository": str(repository.path), "branch": "main", "commit": repository.head,
        "dirty": False, "folder": "sub", "notes": [],
    }  # fmt: skip
    folder = run_submit(
        user=bob,
        workspace=workspace,
        request=Submission(source=FolderSource(str(repository.path / "sub")), script="go.py"),
    )
    assert folder.snapshot == run.snapshot


def test_what_is_written_down_holds_no_secret(
    bob: User, workspace: Workspace, repository: Repository
) -> None:
    take(bob, workspace, repository.path, variables={"API_TOKEN": "hush"})
    assert "hush" not in serializers.serialize("json", SourceImport.objects.all())


def test_what_was_left_out_is_noted_with_the_run(
    bob: User, workspace: Workspace, repository: Repository, tmp_path: Path
) -> None:
    other = Repository(tmp_path / "other")
    other.commit(a__py="1")
    repository.git("submodule", "--quiet", "add", str(other.path), "libs")
    repository.commit(w__bin="version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    run = done(take(bob, workspace, repository.path))
    assert run.git["notes"] == [
        "Submodules were left out: libs.",
        "These files are Git LFS pointers, not the contents: w.bin.",
    ]


def test_a_git_source_can_be_frozen_at_once(workspace: Workspace, repository: Repository) -> None:
    source = GitSource(repository.path.as_uri(), "main")
    snapshot, manifest, facts = source_freeze(workspace=workspace, source=source)
    assert (snapshot.digest, manifest.paths) == (manifest.digest, {"train.py"})
    assert facts["commit"] == repository.head
    with pytest.raises(Refused, match="did you mean main"):
        source_freeze(workspace=workspace, source=GitSource(str(repository.path), "mian"))


# refusals


@pytest.mark.parametrize(
    ("url", "more", "field", "words"),
    [
        ("ext::sh -c x", {}, "source", "are not used"),
        ("https://ada:hush@example.org/x", {}, "source", "under Git credentials"),
        ("file:///etc", {}, "source", "lies outside the allowed folders"),
        ("/etc", {}, "source", "lies outside the allowed folders"),
        ("{root}/../../x", {}, "source", "lies outside"),
        ("{root}", {"ref": "--upload-pack=x"}, "ref", "is an option"),
        ("{root}", {"folder": "a\nb"}, "folder", "control characters"),
        ("{root}", {"folder": "x" * 1001}, "folder", "longer than"),
        ("https://example.org/x", {"credential": "none"}, "credential", "no credential"),
        ("{root}", {"script": ""}, "script", "Give either"),
        ("{root}", {"target": "gpu-9"}, "target", "no target"),
        ("{root}", {"tags": {"": ""}}, "tags", "cannot be kept"),
    ],
)
def test_what_cannot_work_is_refused_at_once(
    url: str, more: Any, field: str, words: str, bob: User, workspace: Workspace,
    repository: Repository,
) -> None:  # fmt: skip
    with pytest.raises(Refused, match=words) as caught:
        take(bob, workspace, url.format(root=repository.path), **more)
    assert caught.value.field == field
    assert "hush" not in caught.value.sentence
    assert not SourceImport.objects.exists()


def test_without_roots_no_path_is_used(bob: User, workspace: Workspace, settings: Any) -> None:
    settings.LINK_ROOTS = []
    with pytest.raises(Refused, match="set RUNYARD_LINK_ROOTS"):
        take(bob, workspace, "/srv/code")


def test_viewers_and_strangers_import_nothing(
    vera: User, charlie: User, workspace: Workspace, repository: Repository
) -> None:
    with pytest.raises(Forbidden):
        take(vera, workspace, repository.path)
    with pytest.raises(NotFound):
        take(charlie, workspace, repository.path)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"ref": "mian"}, "did you mean main?"),
        ({"folder": "none"}, "There is no folder 'none'"),
        ({"script": "trian.py"}, "did you mean train.py?"),
        ({"environment": "minimall"}, "did you mean minimal"),
    ],
)
def test_what_turns_out_to_be_wrong_is_a_sentence(
    more: Any, words: str, bob: User, workspace: Workspace, repository: Repository
) -> None:
    assert words in failed(take(bob, workspace, repository.path, **more))


def test_a_mistake_of_ours_is_a_sentence_too(
    bob: User, workspace: Workspace, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**_: object) -> None:
        raise RuntimeError("hush")

    monkeypatch.setattr(imports, "source_freeze", broken)
    assert "The studio failed" in failed(take(bob, workspace, repository.path))


def test_a_link_that_leads_out_after_it_was_taken_is_refused(
    bob: User, workspace: Workspace, repository: Repository, tmp_path: Path
) -> None:
    found = take(bob, workspace, repository.path)
    outside = Repository(tmp_path / "outside")
    outside.commit(secret__py="1")
    repository.path.rename(tmp_path / "away")
    repository.path.symlink_to(outside.path)
    assert "outside the allowed folders" in failed(found)


# who does it, and when


def test_an_import_is_done_once(bob: User, workspace: Workspace, repository: Repository) -> None:
    found = take(bob, workspace, repository.path)
    done(found)
    import_source(found.pk)
    assert Run.objects.count() == 1


def test_one_goes_on_at_a_time(bob: User, workspace: Workspace, repository: Repository) -> None:
    first, second = (take(bob, workspace, repository.path) for _ in range(2))
    assert imports._claim(first.pk) is not None
    import_source(second.pk)
    second.refresh_from_db()
    assert second.status == "queued"
    assert imports_due() == []


def test_a_dead_worker_is_replaced(bob: User, workspace: Workspace, repository: Repository) -> None:
    found = take(bob, workspace, repository.path)
    lost = imports._claim(found.pk)
    assert lost is not None
    SourceImport.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert imports_due() == [found.pk]
    done(found)
    imports._fail(lost, "too late")
    found.refresh_from_db()
    assert (found.status, Run.objects.count()) == ("done", 1)


def test_a_lost_hint_is_repeated(bob: User, workspace: Workspace, repository: Repository) -> None:
    found = take(bob, workspace, repository.path)
    assert imports_due() == []
    SourceImport.objects.update(created_at=timezone.now() - timedelta(seconds=5))
    assert imports_due() == [found.pk]


@pytest.mark.django_db(transaction=True)
def test_a_canceled_import_ends_and_makes_no_run(
    bob: User, workspace: Workspace, repository: Repository
) -> None:
    os.mkfifo(repository.path / ".git" / "packed-refs")  # git waits for ever
    found = take(bob, workspace, repository.path)

    def work() -> None:
        import_source(found.pk)
        connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    eventually(lambda: SourceImport.objects.get(pk=found.pk).status == "running")
    import_cancel(user=bob, found=found)
    worker.join(10)
    assert not worker.is_alive()
    found.refresh_from_db()
    assert (found.status, Run.objects.count()) == ("canceled", 0)


def test_only_contributors_cancel(
    bob: User, vera: User, charlie: User, workspace: Workspace, repository: Repository
) -> None:
    found = take(bob, workspace, repository.path)
    for user, kind in ((vera, Forbidden), (charlie, NotFound)):
        with pytest.raises(kind):
            import_cancel(user=user, found=found)
    import_cancel(user=bob, found=found)
    import_source(found.pk)
    assert not Run.objects.exists()


def test_a_fetch_that_takes_too_long_is_a_sentence(
    bob: User, workspace: Workspace, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gitsources, "FETCH_S", -1)
    assert "took too long" in failed(take(bob, workspace, repository.path))


def test_old_imports_and_mirrors_go(
    bob: User, workspace: Workspace, repository: Repository
) -> None:
    done(take(bob, workspace, repository.path))
    prune()
    assert SourceImport.objects.count() == 1
    SourceImport.objects.update(ended_at=timezone.now() - timedelta(days=8))
    prune()
    assert SourceImport.objects.count() == 0
    assert Run.objects.count() == 1


# private ones


def test_a_token_of_the_workspace_is_used(
    alice: User, bob: User, workspace: Workspace, https: HttpsServer, repository: Repository
) -> None:
    url = https.url("ridge")
    assert "can add a token" in failed(take(bob, workspace, url))
    credential_add(
        user=alice, workspace=workspace, name="ci", kind="token", host=https.host, username="ada",
        secret="hush-token",
    )  # fmt: skip
    run = done(take(bob, workspace, url))
    assert run.git["repository"] == url
    assert run.git["commit"] == repository.head
    assert GitCredential.objects.get().last_used_at is not None
    named = done(take(bob, workspace, url, credential="ci"))
    assert named.snapshot == run.snapshot
    assert not list(gitsources.mirrors().glob("rooms/*"))


@pytest.mark.ssh
def test_a_deploy_key_of_the_workspace_is_used_and_the_host_is_pinned(
    alice: User, bob: User, workspace: Workspace, ssh_server: SshServer, repository: Repository
) -> None:
    credential_add(
        user=alice, workspace=workspace, name="deploy", kind="ssh_key", host=ssh_server.host,
        secret=ssh_server.deploy_key,
    )  # fmt: skip
    url = ssh_server.url(repository.path)
    run = done(take(bob, workspace, url))
    assert run.git["commit"] == repository.head
    host = GitHost.objects.get()
    assert host.name == f"[127.0.0.1]:{ssh_server.port}"
    ssh_server.change_host_key()
    found = take(bob, workspace, url)
    import_source(found.pk)
    found.refresh_from_db()
    assert "shows another host key" in found.error
    host.delete()
    assert done(take(bob, workspace, url)).snapshot == run.snapshot
    assert GitHost.objects.get().key != host.key
