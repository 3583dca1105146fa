"""A look at a run before it is submitted, over REST."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from compute.models import ComputeTarget, DataPath, NamedData
from environments.services import environment_bootstrap_curated, environment_create
from runs.models import Run
from runs.services.snapshots import blobs_claim, snapshot_create
from runs.stores import blob_store
from studio.models import User, Workspace
from tests.api.caller import Caller

Snapshot = Callable[..., str]


@pytest.fixture(autouse=True)
def place(target: ComputeTarget, workspace: Workspace) -> ComputeTarget:
    environment_bootstrap_curated(workspace=workspace)
    target.facts = {"python_version": "3.11.4"}
    target.save()
    return target


@pytest.fixture
def snapshot(workspace: Workspace) -> Snapshot:
    """Makes a snapshot of {path: text}."""

    def make(**files: str) -> str:
        entries = []
        for name, text in sorted(files.items()):
            path = name.replace("__", "/").replace("_py", ".py").replace("_txt", ".txt")
            sha, size = blob_store().put(text.encode())
            blobs_claim(workspace=workspace, blobs=[(sha, size)])
            entries.append(f'{{"mode":420,"path":"{path}","sha":"{sha}","size":{size}}}')
        made, missing = snapshot_create(
            workspace=workspace, manifest_json=f"[{','.join(entries)}]".encode()
        )
        assert missing == []
        return made

    return make


def findings(caller: Caller, digest: str, **asked: Any) -> dict[str, tuple[str, str, str]]:
    """What is said: {about: (state, sentence, detail)}."""
    body = {"source": {"snapshot": digest}, "script": "train.py", "environment": "minimal"} | asked
    answer = caller.post("/runs/preflight", body)
    assert answer.status == 200, answer.detail
    assert not Run.objects.exists()
    return {f["about"]: (f["state"], f["sentence"], f["detail"]) for f in answer.json["findings"]}


def test_all_is_well(member: Caller, snapshot: Snapshot) -> None:
    digest = snapshot(train_py="import items.near\n", items__near_py="import json\n")
    found = findings(member, digest)
    assert found["files"][:2] == ("good", "2 files, 30 B.")
    assert found["syntax"][:2] == ("good", "train.py and 1 file that it imports can be parsed.")
    assert found["imports"][0] == "good"
    assert set(found) == {"files", "syntax", "imports", "target"}


def test_a_syntax_error_is_shown(member: Caller, snapshot: Snapshot) -> None:
    state, sentence, detail = findings(member, snapshot(train_py="x = (1\ny = 2\n"))["syntax"]
    assert (state, sentence) == ("warning", "train.py, line 1: '(' was never closed.")
    assert detail == "x = (1\n    ^"


def test_a_newer_python_over_there_is_not_accused(
    member: Caller, snapshot: Snapshot, place: ComputeTarget
) -> None:
    ComputeTarget.objects.update(facts={"python_version": "3.99.1"})
    state, sentence, _ = findings(member, snapshot(train_py="type X = int = 3\n"))["syntax"]
    assert state == "unknown"
    assert "local with 3.99 may read it" in sentence


def test_what_the_environment_lacks_is_named_with_what_has_it(
    member: Caller, snapshot: Snapshot
) -> None:
    digest = snapshot(train_py="import os\nimport numpy\nfrom sklearn import svm\nimport yaml\n")
    state, sentence, _ = findings(member, digest)["imports"]
    assert state == "warning"
    assert "minimal lacks numpy, train.py line 2" in sentence
    assert "sklearn (of scikit-learn), train.py line 3" in sentence
    assert "notebook has them." in sentence  # the smallest that has PyYAML too
    alone = findings(member, snapshot(train_py="import numpy\n"))["imports"][1]
    assert alone.endswith("scikit-learn has it.")
    assert findings(member, digest, environment="notebook")["imports"][0] == "good"
    nowhere = findings(member, snapshot(train_py="import mxnet\n"))["imports"][1]
    assert "No environment here has all of it" in nowhere


def test_packages_without_a_lock_are_not_judged(
    member: Caller, snapshot: Snapshot, bob: User, workspace: Workspace
) -> None:
    environment_create(user=bob, workspace=workspace, name="own", requirements="numpy>=2")
    digest = snapshot(train_py="import numpy, pandas\n", requirements_txt="numpy\n")
    for environment in ("own", ""):
        state, sentence, _ = findings(member, digest, environment=environment)["imports"]
        assert (state, "pandas" in sentence) == ("unknown", True)
    environment_create(user=bob, workspace=workspace, name="theirs", interpreter_path="/opt/python")
    assert findings(member, digest, environment="theirs")["imports"][0] == "unknown"


def test_every_kind_of_environment_is_answered(
    member: Caller, snapshot: Snapshot, workspace: Workspace, alice: User, place: ComputeTarget
) -> None:
    def imports(**definition: Any) -> tuple[str, str, str]:
        environment_create(user=alice, workspace=workspace, name="it", **definition)
        return findings(member, digest, environment="it")["imports"]

    digest = snapshot(train_py="import torch, rpy2\n")
    for definition in ({"image": "python:3.12"}, {"dockerfile": "FROM a\n"},
                       {"interpreter_path": "python"}):  # fmt: skip
        assert imports(**definition)[:2] == (
            "unknown",
            "The environment it brings a Python of its own: what that has is not known to the "
            "studio.",
        )
    known = imports(conda="dependencies: [pytorch]\n")
    assert known[0] == "unknown"
    assert "it does not ask for rpy2" in known[1]
    assert "torch" not in known[1]
    place.facts |= {"conda": "/opt/micromamba"}
    place.save()
    assert imports(conda="dependencies: [pytorch, rpy2, r-base]\n")[0] == "good"


def test_an_environment_that_the_target_cannot_have_is_told(
    member: Caller, snapshot: Snapshot, workspace: Workspace, alice: User
) -> None:
    environment_create(user=alice, workspace=workspace, name="it", image="python:3.12")
    digest = snapshot(train_py="")
    state, sentence, _ = findings(member, digest, environment="it")["environment"]
    assert state == "warning"
    assert sentence.endswith("is an image, and local has no Docker: choose a Docker target.")
    body = {"source": {"snapshot": digest}, "script": "train.py", "environment": "it"}
    refused = member.post("/runs", body)
    assert (refused.status, refused.json["field"], refused.detail) == (422, "environment", sentence)


def test_requirements_beside_another_environment(member: Caller, snapshot: Snapshot) -> None:
    digest = snapshot(train_py="", requirements_txt="numpy\ntorch>=2\n")
    assert "environment" not in findings(member, digest, environment="")
    state, sentence, _ = findings(member, digest, environment="scikit-learn")["environment"]
    assert (state, sentence) == (
        "warning",
        "requirements.txt asks for torch, which scikit-learn lacks: leave the choice to the studio "
        "to have it installed.",
    )
    broken = snapshot(train_py="", requirements_txt="-r other.txt\n")
    assert "-r" in findings(member, broken, environment="")["environment"][1]


def test_data_that_the_target_lacks(
    member: Caller, snapshot: Snapshot, place: ComputeTarget, workspace: Workspace
) -> None:
    for name, complaint in (("mnist", ""), ("cifar", "There is nothing at /data/cifar.")):
        data = NamedData.objects.create(workspace=workspace, name=name, variable=name)
        DataPath.objects.create(data=data, target=place, path=f"/data/{name}", complaint=complaint)
    NamedData.objects.create(workspace=workspace, name="gone", variable="gone")
    digest = snapshot(train_py="")
    asked = findings(member, digest, arguments=["--in", "${data.mnist}"])
    assert asked["data"][:2] == ("good", "local has mnist.")
    assert findings(member, digest, data=["cifar"])["data"][:2] == (
        "warning",
        "There is nothing at /data/cifar.",
    )
    lacking = findings(member, digest, data=["gone"], target="local")["data"]
    assert "does not have the data gone" in lacking[1]


def test_what_would_be_refused_is_said_at_once(member: Caller, snapshot: Snapshot) -> None:
    digest = snapshot(train_py="")
    asked = {"script": "trian.py", "priority": 9999, "experiment": "<b>", "target": "gpu-9"}
    found = findings(member, digest, **asked)
    refused = {
        about: sentence for about, (state, sentence, _) in found.items() if state == "refused"
    }
    assert set(refused) == {"script", "priority", "experiment", "target"}
    assert "did you mean train.py?" in refused["script"]


def test_a_command_is_looked_into_where_it_can_be(member: Caller, snapshot: Snapshot) -> None:
    digest = snapshot(pkg__train_py="import numpy\n")
    told = {"script": "", "command": ["python", "-m", "pkg.train"]}
    assert findings(member, digest, **told)["imports"][0] == "warning"
    told["command"] = ["sleep", "1"]
    assert findings(member, digest, **told)["syntax"][0] == "unknown"


def test_a_target_that_cannot_start_it_is_told(
    member: Caller, snapshot: Snapshot, place: ComputeTarget
) -> None:
    from django.utils import timezone

    ComputeTarget.objects.update(unreachable_since=timezone.now())
    state, sentence, _ = findings(member, snapshot(train_py=""))["target"]
    assert (state, "Unreachable since" in sentence) == ("warning", True)


def test_who_may_look(
    member: Caller, viewer: Caller, stranger: Caller, nobody: Caller, snapshot: Snapshot
) -> None:
    body = {"source": {"snapshot": snapshot(train_py="")}, "script": "train.py"}
    assert member.post("/runs/preflight", body).status == 200
    assert viewer.post("/runs/preflight", body | {"workspace": "main"}).status == 403
    assert stranger.post("/runs/preflight", body | {"workspace": "main"}).status == 404
    theirs = stranger.post("/runs/preflight", body)
    assert (theirs.status, theirs.json["code"]) == (409, "snapshot_missing")
    assert nobody.post("/runs/preflight", body).status == 401
