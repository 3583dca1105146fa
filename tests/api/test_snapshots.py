"""Bringing files over REST and reading them back."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from runs.models import Snapshot
from studio.client.folder import canonical
from tests.api.caller import Caller

TEXT = b"print(1)\n"
SHA = hashlib.sha256(TEXT).hexdigest()
ENTRIES: list[Any] = [{"path": "src/train.py", "mode": 0o644, "size": len(TEXT), "sha": SHA}]


def packed(*contents: bytes) -> bytes:
    return b"".join(
        hashlib.sha256(data).hexdigest().encode() + len(data).to_bytes(8, "big") + data
        for data in contents
    )


def test_only_what_is_missing_is_asked_for(member: Caller) -> None:
    asked = member.post("/snapshots", canonical(ENTRIES)).json
    assert asked["missing"] == [SHA]
    assert Snapshot.objects.count() == 0
    assert member.post("/blobs", packed(TEXT)).json == {"stored": 1}
    done = member.post("/snapshots", canonical(ENTRIES)).json
    assert done == {"digest": hashlib.sha256(canonical(ENTRIES)).hexdigest(), "missing": []}
    digest = done["digest"]
    assert json.loads(member.get(f"/snapshots/{digest}").content) == ENTRIES
    file = member.get(f"/snapshots/{digest}/files/src/train.py")
    assert file.content == TEXT
    assert file.headers["Content-Disposition"] == 'attachment; filename="train.py"'
    assert member.get(f"/snapshots/{digest}/files/src/none.py").status == 404


def test_a_workspace_does_not_learn_what_another_one_has(
    member: Caller, stranger: Caller, digest: str
) -> None:
    manifest = member.get(f"/snapshots/{digest}").content
    assert stranger.get(f"/snapshots/{digest}").status == 404
    assert stranger.get(f"/snapshots/{digest}/files/train.py").status == 404
    assert stranger.get(f"/snapshots/{digest}?workspace=main").status == 404
    assert len(stranger.post("/snapshots", manifest).json["missing"]) == 1
    assert stranger.post("/snapshots?workspace=main", manifest).status == 404
    assert stranger.post("/blobs?workspace=main", packed(TEXT)).status == 404


def test_viewers_and_nobody_bring_nothing(viewer: Caller, nobody: Caller) -> None:
    for path in ("/snapshots", "/blobs"):
        assert viewer.post(path, b"[]").status == 403
        assert nobody.post(path, b"[]").status == 401


def test_what_is_no_manifest_is_refused(member: Caller) -> None:
    bad = [
        b"", b"{", b"\xff", b"{}", b"[1]", b'[{"path": "../x", "link": "y"}]',
        b'[{"path": "/etc/x", "mode": 420, "size": 1, "sha": "0"}]',
        json.dumps(ENTRIES * 2).encode(),
    ]  # fmt: skip
    for text in bad:
        answer = member.post("/snapshots", text)
        assert answer.status == 422, text
        assert answer.detail
    assert Snapshot.objects.count() == 0


def test_a_manifest_beyond_all_limits_is_not_read(member: Caller, settings: Any) -> None:
    settings.SNAPSHOT_MAX_FILES = 1
    answer = member.post("/snapshots", b"[" + b" " * 5000 + b"]")
    assert (answer.status, answer.json["code"]) == (413, "too_big")


def test_a_broken_pack_is_refused_and_what_was_whole_is_kept(member: Caller) -> None:
    whole, other = packed(TEXT), packed(b"other")
    for broken in (whole + other[:-1], whole + other[:30], whole + b"x" * 64 + other[64:]):
        assert member.post("/blobs", broken).status == 422
    assert member.post("/snapshots", canonical(ENTRIES)).json["missing"] == []


def test_a_difference_stands_for_the_whole_list(
    member: Caller, stranger: Caller, viewer: Caller
) -> None:
    member.post("/blobs", packed(TEXT, b"more"))
    base = member.post("/snapshots", canonical(ENTRIES)).json["digest"]
    added = {"path": "b.txt", "mode": 0o644, "size": 4, "sha": hashlib.sha256(b"more").hexdigest()}
    whole = canonical([*ENTRIES, added])
    told = {"base": base, "changed": [added], "removed": []}
    answer = member.post("/snapshots", told).json
    assert answer == {"digest": hashlib.sha256(whole).hexdigest(), "missing": []}
    back = {"base": answer["digest"], "changed": [], "removed": ["b.txt"]}
    assert member.post("/snapshots", back).json == {"digest": base, "missing": []}
    moved = {"base": base, "changed": [{**ENTRIES[0], "mode": 0o755}], "removed": ["none"]}
    assert member.post("/snapshots", moved).json["missing"] == []
    unknown = member.post("/snapshots", {**told, "base": "0" * 64})
    assert (unknown.status, unknown.json["code"]) == (409, "base_missing")
    assert stranger.post("/snapshots", told).json["code"] == "base_missing"
    assert viewer.post("/snapshots", told).status == 403


def test_a_difference_is_held_to_the_same_rules(member: Caller, digest: str) -> None:
    file = {"path": "x", "mode": 0o644, "size": 1, "sha": SHA}
    for changed, removed in (
        ([{**file, "path": "../x"}], []),
        ([{**file, "path": "train.py/x"}], []),
        ([file, file], []),
        ([3], []),
        ([{"path": "l", "link": "/etc"}], []),
        ([], [3]),
        ("x", []),
    ):
        answer = member.post("/snapshots", {"base": digest, "changed": changed, "removed": removed})
        assert answer.status == 422, changed
        assert answer.detail
    assert Snapshot.objects.count() == 1
