"""Sources over REST, running again, and comparing."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from environments.services import environment_bootstrap_curated
from runs.models import Run, Snapshot, Source
from runs.services.again import OF_ONE_RUN
from runs.services.retention import studio_prune
from studio.client.folder import canonical
from studio.lib.vault import decrypt, encrypt
from studio.models import AuditEvent, Workspace
from tests.api.caller import Caller
from tests.api.conftest import MakeRun
from tests.api.test_snapshots import packed


@pytest.fixture(autouse=True)
def place(target: Any, workspace: Workspace) -> None:
    environment_bootstrap_curated(workspace=workspace)


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> Path:
    settings.LINK_ROOTS = [tmp_path / "scripts"]
    made = tmp_path / "scripts" / "ridge"
    made.mkdir(parents=True)
    (made / "train.py").write_text("print('linked')\n")
    return made


def brought(caller: Caller, **files: bytes) -> str:
    """The digest of a snapshot of these files."""
    entries: list[Any] = [
        {"path": f"{name}.py", "mode": 0o644, "size": len(text),
         "sha": hashlib.sha256(text).hexdigest()}
        for name, text in files.items()
    ]  # fmt: skip
    caller.post("/blobs", packed(*files.values()))
    answer = caller.post("/snapshots", canonical(entries)).json
    assert answer["missing"] == []
    return str(answer["digest"])


def submit(caller: Caller, source: dict[str, str], **more: object) -> Any:
    return caller.post("/runs", {"source": source, "script": "train.py", **more})


def test_an_uploaded_source_means_its_newest_snapshot(member: Caller) -> None:
    first = brought(member, train=b"1")
    made = member.post("/sources", {"name": "ridge", "snapshot": first})
    assert (made.status, made.json["kind"], made.json["snapshot"]) == (201, "upload", first)
    run = submit(member, {"saved": "ridge"}).json
    assert (run["snapshot"], run["source"], run["experiment"]) == (first, "ridge", "ridge")
    second = brought(member, train=b"2", more=b"")
    assert member.post("/sources/ridge/snapshots", {"snapshot": second}).status == 200
    assert submit(member, {"saved": "ridge"}).json["snapshot"] == second
    member.post("/sources/ridge/snapshots", {"snapshot": first})
    assert submit(member, {"saved": "ridge"}).json["snapshot"] == first
    states = member.get("/sources/ridge/snapshots").json
    assert [(s["snapshot"], s["files"], s["runs"]) for s in states] == [
        (first, 1, 2),
        (second, 2, 1),
    ]
    listed = member.get("/sources").json
    assert [(s["name"], s["snapshots"], s["runs"]) for s in listed] == [("ridge", 2, 3)]
    changed = member.get(f"/snapshots/{first}/changes?to={second}").json
    assert (changed["added"], changed["removed"], changed["modified"]) == (
        ["more.py"], [], ["train.py"],
    )  # fmt: skip


def test_a_linked_folder_is_read_anew_at_each_submit(member: Caller, folder: Path) -> None:
    made = member.post("/sources", {"name": "ridge", "folder": str(folder)}).json
    assert (made["kind"], made["location"], made["snapshot"]) == ("folder", str(folder), None)
    first = submit(member, {"saved": "ridge"}).json
    (folder / "train.py").write_text("print('changed')\n")
    second = submit(member, {"saved": "ridge"}).json
    assert first["snapshot"] != second["snapshot"]
    assert member.get("/sources/ridge").json["snapshots"] == 2
    changed = member.get(f"/runs/{first['id']}/changes").json
    assert (changed["modified"], changed["new"]) == (["train.py"], second["snapshot"])
    refused = member.post("/sources/ridge/snapshots", {"snapshot": first["snapshot"]})
    assert refused.status == 422
    assert f"is read from {folder} at each submit" in refused.detail


def test_a_submit_saves_its_source(member: Caller, folder: Path, digest: str) -> None:
    run = submit(member, {"folder": str(folder)}, save_as="linked").json
    assert (run["source"], run["origin"]) == ("linked", {"folder": str(folder)})
    assert submit(member, {"folder": f"{folder}/"}, save_as="linked").status == 201
    assert submit(member, {"snapshot": digest}, save_as="sent").json["experiment"] == "sent"
    assert submit(member, {"snapshot": run["snapshot"]}, save_as="sent").status == 201
    kinds = {s["name"]: (s["kind"], s["snapshots"], s["runs"]) for s in member.get("/sources").json}
    assert kinds == {"linked": ("folder", 1, 2), "sent": ("upload", 2, 2)}
    for source, name, words in (
        ({"snapshot": digest}, "linked", "is read from"),
        ({"folder": str(folder)}, "sent", "There is a source 'sent' already"),
        ({"saved": "sent"}, "other", "already: leave out the name"),
        ({"snapshot": digest}, "../x", "'../x' cannot name a source"),
        ({"saved": "none"}, "", "There is no source 'none'"),
    ):
        refused = submit(member, source, save_as=name)
        assert words in refused.detail
    assert Run.objects.count() == 4
    assert Source.objects.count() == 2


def test_a_refused_submit_saves_nothing(member: Caller, digest: str) -> None:
    answer = member.post(
        "/runs", {"source": {"snapshot": digest}, "script": "none.py", "save_as": "x"}
    )
    assert answer.status == 422
    assert not Source.objects.exists()


def test_one_source_is_named_and_no_other_way(member: Caller, digest: str, folder: Path) -> None:
    for source in ({}, {"snapshot": digest, "saved": "x"}, {"folder": str(folder), "saved": "x"}):
        assert "and only one of them" in submit(member, source).detail
    made = member.post("/sources", {"name": "x", "folder": "/etc"})
    assert "lies outside the allowed folders" in made.detail
    assert "not known here" in member.post("/sources", {"name": "x", "snapshot": "0" * 64}).detail
    assert not Source.objects.exists()


def test_a_source_without_files_says_so(member: Caller) -> None:
    assert member.post("/sources", {"name": "x"}).json["snapshot"] is None
    assert "has no files yet" in submit(member, {"saved": "x"}).detail


def test_renaming_and_deleting_leave_runs_and_snapshots(member: Caller) -> None:
    digest = brought(member, train=b"1")
    member.post("/sources", {"name": "ridge", "snapshot": digest})
    member.post("/sources", {"name": "other"})
    run = submit(member, {"saved": "ridge"}).json["id"]
    assert member.patch("/sources/ridge", {"name": "lasso"}).json["name"] == "lasso"
    assert member.get(f"/runs/{run}").json["source"] == "lasso"
    assert "already" in member.patch("/sources/lasso", {"name": "other"}).detail
    assert member.patch("/sources/lasso", {"name": "lasso"}).status == 200
    assert [row["name"] for row in member.get("/sources").json] == ["lasso", "other"]
    member.patch("/sources/lasso", {"name": "ridge"})
    assert [row["name"] for row in member.get("/sources").json] == ["other", "ridge"]
    member.patch("/sources/ridge", {"name": "lasso"})
    assert member.get("/sources/ridge").status == 404
    assert member.delete("/sources/lasso").status == 204
    assert member.get(f"/runs/{run}").json["source"] is None
    assert Snapshot.objects.filter(digest=digest).exists()
    assert set(AuditEvent.objects.values_list("action", "subject")) >= {
        ("source.rename", "ridge to lasso"),
        ("source.delete", "lasso"),
    }


def test_what_a_source_was_is_not_pruned(member: Caller) -> None:
    from datetime import timedelta

    from django.utils import timezone

    digest = brought(member, train=b"1")
    other = brought(member, train=b"2")
    member.post("/sources", {"name": "ridge", "snapshot": digest})
    Snapshot.objects.update(created_at=timezone.now() - timedelta(days=2))
    studio_prune()
    kept = set(Snapshot.objects.values_list("digest", flat=True))
    assert digest in kept
    assert other not in kept


def test_strangers_viewers_and_nobody(
    member: Caller, viewer: Caller, stranger: Caller, nobody: Caller, run: Run
) -> None:
    digest = brought(member, train=b"1")
    member.post("/sources", {"name": "ridge", "snapshot": digest})
    reads = ["/sources", "/sources/ridge", "/sources/ridge/snapshots",
             f"/snapshots/{digest}/changes?to={digest}"]  # fmt: skip
    assert [viewer.get(path).status for path in reads] == [200] * 4
    assert stranger.get("/sources").json == []
    assert [stranger.get(path).status for path in reads[1:]] == [404] * 3
    assert [nobody.get(path).status for path in reads] == [401] * 4
    writes = [
        ("/sources", {"name": "x"}),
        ("/sources/ridge/snapshots", {"snapshot": digest}),
        (f"/runs/{run.pk}/again", {}),
        ("/snapshots/plan", {"files": []}),
    ]
    assert [viewer.post(path, body).status for path, body in writes] == [403] * 4
    assert [nobody.post(path, body).status for path, body in writes] == [401] * 4
    assert [stranger.post(path, body).status for path, body in writes] == [201, 404, 404, 200]
    assert viewer.patch("/sources/ridge", {"name": "x"}).status == 403
    assert viewer.delete("/sources/ridge").status == 403
    assert stranger.patch("/sources/ridge", {"name": "x"}).status == 404
    assert stranger.delete("/sources/ridge").status == 404
    assert viewer.get(f"/runs/{run.pk}/changes").status == 403
    assert (
        stranger.post("/sources?workspace=main", {"name": "y", "workspace": "main"}).status == 404
    )


def test_a_submitting_token_brings_files_and_deletes_nothing(bob: Any, digest: str) -> None:
    submitter = Caller(bob, scope="submit")
    assert submitter.post("/sources", {"name": "x", "snapshot": digest}).status == 201
    assert submitter.post("/sources/x/snapshots", {"snapshot": digest}).status == 200
    assert submitter.delete("/sources/x").json["code"] == "scope"


def test_again_is_the_same_but_for_its_fate(member: Caller, make_run: MakeRun, vera: Any) -> None:
    secret = encrypt("hush")
    first = make_run(
        command=["python", "train.py", "--x", "a b"], variables={"A": "1"},
        secret_variables={"API_TOKEN": secret}, tags={"k": "v"}, time_limit_s=60, priority=3,
        status="failed", end_reason="exited_nonzero", exit_code=3, error="E", submitted_by=vera,
        git={"commit": "c"}, description="why",
    )  # fmt: skip
    answer = member.post(f"/runs/{first.pk}/again")
    assert answer.status == 201
    made = Run.objects.get(pk=answer.json["id"])
    for field in Run._meta.concrete_fields:
        if field.name not in OF_ONE_RUN:
            assert getattr(made, field.attname) == getattr(first, field.attname), field.name
    assert (made.status, made.end_reason, made.exit_code, made.error) == ("queued", "", None, "")
    assert made.submitted_by == member.user
    assert made.uid != first.uid
    assert decrypt(made.secret_variables["API_TOKEN"]) == "hush"
    assert made.attempts.get().number == 1
    assert made.events.get().text == f"Submitted: run {first.pk} again."


def test_again_is_refused_on_a_closed_target(
    member: Caller, owner: Caller, run: Run, target: Any
) -> None:
    target.open_to_members = False
    target.save()
    assert member.post(f"/runs/{run.pk}/again").status in {403, 422}
    assert owner.post(f"/runs/{run.pk}/again").status == 201


def test_files_from_elsewhere_cannot_be_compared_with_now(member: Caller, run: Run) -> None:
    assert "were brought from elsewhere" in member.get(f"/runs/{run.pk}/changes").detail


def test_a_plan_says_what_would_be_kept(member: Caller) -> None:
    files = [["train.py", 10], ["big.bin", 5000], ["x.log", 7], ["venv/a", 1], ["venv/b/c", 2],
             ["py/pyvenv.cfg", 1], [".git/HEAD", 3], [".gitignore", 5]]  # fmt: skip
    answer = member.post("/snapshots/plan", {"files": files, "rules": {".gitignore": "*.log"}}).json
    assert [files[number][0] for number in answer["kept"]] == ["train.py", "big.bin", ".gitignore"]
    assert [(each["path"], each["files"], each["size_bytes"]) for each in answer["left_out"]] == [
        (".git/", 1, 3), ("py/", 1, 1), ("venv/", 2, 3), ("x.log", 1, 7),
    ]  # fmt: skip
    assert answer["largest"][0] == ["big.bin", 5000]
    assert answer["size_bytes"] == 5015


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([["../x", 1]], "leads out"),
        ([["/x", 1]], "absolute"),
        ([["a\nb", 1]], "line break"),
        ([["a\ufffdb", 1]], "is not UTF-8"),
        ([["a", 1], ["a", 1]], "comes twice"),
        ([["a", 1], ["a/b", 1]], "which is a file"),
        ([["big.bin", 1 << 40]], "big.bin (1.0 TiB)"),
    ],
)
def test_a_plan_of_what_cannot_be_is_a_sentence(
    member: Caller, files: list[Any], words: str
) -> None:
    answer = member.post("/snapshots/plan", {"files": files})
    assert answer.status == 422
    assert words in answer.detail
