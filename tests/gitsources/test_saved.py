"""Repositories as saved sources: named while submitting or before, fetched anew at each submit."""

from __future__ import annotations

from typing import Any

import pytest

from runs.jobs import import_source
from runs.models import Run, Source, SourceImport
from runs.services import sources
from tests.api.caller import Caller
from tests.gitsources.repositories import Repository

pytestmark = pytest.mark.usefixtures("place")


def fetched(caller: Caller, source: dict[str, Any], **more: Any) -> Run:
    """Submit, do the import, and answer with the run."""
    taken = caller.post("/runs", {"source": source, "script": "train.py", **more})
    assert taken.status == 202, taken.json
    import_source(taken.json["id"])
    found = SourceImport.objects.get(pk=taken.json["id"])
    assert found.run is not None, found.error
    return found.run


def test_one_is_named_while_submitting_and_means_the_branch_as_it_is(
    member: Caller, repository: Repository
) -> None:
    git = {"url": str(repository.path), "ref": "main"}
    first = fetched(member, {"git": git}, save_as="ridge")
    saved = Source.objects.get()
    assert (saved.name, saved.kind, saved.location) == ("ridge", "git", str(repository.path))
    assert saved.git == {"ref": "main", "folder": "", "credential": ""}
    assert first.source == saved
    repository.commit(train__py="print('second')\n")
    second = fetched(member, {"saved": "ridge"})
    assert second.source == saved
    assert second.git["commit"] == repository.head != first.git["commit"]
    assert second.snapshot != first.snapshot
    assert second.experiment.name == "ridge"
    states = [state["snapshot"] for state in member.get("/sources/ridge/snapshots").json]
    assert states == [second.snapshot.digest, first.snapshot.digest]


def test_one_is_saved_before_it_is_fetched(member: Caller, repository: Repository) -> None:
    git = {"url": str(repository.path), "folder": "sub"}
    made = member.post("/sources", {"name": "later", "git": git})
    assert (made.status, made.json["kind"], made.json["snapshot"]) == (201, "git", None)
    refused = member.post("/runs", {"source": {"git": git}, "script": "x.py", "save_as": "later"})
    assert refused.status == 202  # the same again is that source
    other = {"url": str(repository.path), "ref": "other"}
    refused = member.post("/runs", {"source": {"git": other}, "script": "x.py", "save_as": "later"})
    assert (refused.status, refused.json["field"]) == (422, "save_as")
    assert "is read from" in refused.detail


def test_what_cannot_be_fetched_is_not_saved(member: Caller) -> None:
    for url in ("ext::sh -c x", "https://me:secret@host/x", "/elsewhere"):
        made = member.post("/sources", {"name": "x", "git": {"url": url}})
        assert (made.status, made.json["field"]) == (422, "source"), url
        assert "secret" not in made.detail
    assert not Source.objects.exists()


def test_a_run_is_compared_with_its_branch_as_it_is_now(
    member: Caller, repository: Repository
) -> None:
    run = fetched(member, {"git": {"url": str(repository.path), "ref": "main"}})
    assert run.origin == {
        "git": {"url": str(repository.path), "ref": "main", "folder": "", "credential": ""}
    }
    repository.commit(train__py="print('second')\n", more__py="")
    changes = member.get(f"/runs/{run.pk}/changes").json
    found = {what: changes[what] for what in ("added", "removed", "modified")}
    assert found == {"added": ["more.py"], "removed": [], "modified": ["train.py"]}


def test_a_page_does_not_wait_for_a_slow_fetch(
    member: Caller, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = fetched(member, {"git": {"url": str(repository.path), "ref": "main"}})
    repository.commit(train__py="print('second')\n")
    monkeypatch.setattr(sources, "FETCHED_WITHIN_S", -1.0)
    answer = member.get(f"/runs/{run.pk}/changes")
    assert answer.status == 422
    assert "compare the two runs afterwards" in answer.detail
