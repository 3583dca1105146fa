"""Blobs, snapshots on the target, and what a run leaves behind."""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from compute.runner import runner
from tests.runner.rig import Header, Session, Target, put_blob


def entry(path: str, data: bytes, mode: int = 0o644) -> Header:
    return {"path": path, "mode": mode, "size": len(data), "sha": hashlib.sha256(data).hexdigest()}


def lay_out(session: Session, entries: list[Header], name: str = "t-1") -> Header:
    return session.ask("materialise", json.dumps(entries).encode(), task=name)


def age(path: Path, seconds: float) -> None:
    os.utime(path, (time.time() - seconds,) * 2)


# -- blobs


def test_only_missing_blobs_are_asked_for(target: Target) -> None:
    session = target.session()
    here = put_blob(session, b"here")
    absent = hashlib.sha256(b"absent").hexdigest()
    assert session.ask("have", json.dumps([here, absent]).encode())["payload"] == [absent]
    assert (target.root / "blobs" / here[:2] / here).read_bytes() == b"here"


def test_a_blob_of_any_size_arrives_in_pieces(target: Target) -> None:
    data = os.urandom(5 << 20)
    sha = hashlib.sha256(data).hexdigest()
    session = target.session()
    for offset in range(0, len(data), 1 << 20):
        more = offset + (1 << 20) < len(data)
        session.send(
            {"op": "receive", "sha": sha, "size": len(data), "more": more},
            data[offset : offset + (1 << 20)],
        )
    assert session.receive()[0] == {"ok": True}
    assert (target.root / "blobs" / sha[:2] / sha).read_bytes() == data


def test_a_blob_with_another_hash_is_not_kept(target: Target) -> None:
    session = target.session()
    sha = hashlib.sha256(b"right").hexdigest()
    session.send({"op": "receive", "sha": sha, "size": 5, "more": True}, b"wr")
    session.send({"op": "receive", "sha": sha, "size": 5, "more": False}, b"ong")
    assert session.receive()[0]["code"] == "hash"
    session.send({"op": "receive", "sha": "nonsense", "size": 5, "more": True}, b"wr")
    session.send({"op": "receive", "sha": "nonsense", "size": 5, "more": False}, b"ong")
    assert session.receive()[0]["code"] == "request"
    assert session.ask("have", json.dumps([sha]).encode())["payload"] == [sha]
    assert not [path for path in (target.root / "blobs").rglob("*") if path.is_file()]


def test_the_studios_own_store_may_be_the_store(target: Target, tmp_path: Path) -> None:
    session = target.session("--blobs", str(tmp_path / "store"))
    sha = put_blob(session, b"shared")
    assert (tmp_path / "store" / sha[:2] / sha).exists()
    assert lay_out(session, [entry("a", b"shared")]) == {"ok": True}


# -- materialise


def test_a_snapshot_is_laid_out_as_its_manifest_says(target: Target) -> None:
    session = target.session()
    big = os.urandom(3 << 20)
    for data in (b"print('hi')", b"", big):
        put_blob(session, data)
    entries = [
        {"path": "latest", "link": "src/deep/run.py"},
        entry("src/deep/run.py", b"print('hi')", 0o755),
        entry("src/__init__.py", b""),
        entry("weights.bin", big),
        {"path": "src/out", "link": "/data/elsewhere"},
    ]
    assert lay_out(session, entries) == {"ok": True}
    code = target.folder("t-1") / "code"
    assert (code / "src/deep/run.py").read_bytes() == b"print('hi')"
    assert (code / "src/deep/run.py").stat().st_mode & 0o777 == 0o755
    assert (code / "src/__init__.py").stat().st_mode & 0o777 == 0o644
    assert (code / "weights.bin").read_bytes() == big
    assert (code / "weights.bin").stat().st_nlink == 1
    assert (code / "latest").read_bytes() == b"print('hi')"
    assert (code / "src/out").readlink() == Path("/data/elsewhere")
    assert json.loads((target.folder("t-1") / "manifest.json").read_text()) == entries


@pytest.mark.parametrize(
    ("paths", "word"),
    [
        ([{"path": "/etc/passwd"}], "/etc/passwd"),
        ([{"path": "a/../../b"}], "leave the folder"),
        ([{"path": "a//b"}], "a//b"),
        ([{"path": "."}], "leave the folder"),
        ([{"path": "a\0b"}], "object with a path"),
        ([{"path": "a"}, {"path": "a"}], "twice"),
        ([{"path": "a"}, {"path": "a/b"}], "a file in the manifest"),
        ([{"path": "out", "link": "/tmp"}, {"path": "out/x"}], "a link in the manifest"),
        ([{"path": "out/x"}, {"path": "out", "link": "/tmp"}], "a link in the manifest"),
        ([{"path": "l", "link": ""}], "no usable target"),
        ([{"path": "f", "sha": "abc"}], "needs sha"),
        ([7], "must be an object"),
    ],
)
def test_a_manifest_that_is_not_safe_is_refused(
    target: Target, paths: list[Any], word: str
) -> None:
    session = target.session()
    put_blob(session, b"data")
    whole = entry("", b"data")
    entries = [
        {**whole, **one} if isinstance(one, dict) and "link" not in one else one for one in paths
    ]
    answer = lay_out(session, entries)
    assert answer["code"] == "manifest"
    assert word in answer["error"]
    assert not (target.folder("t-1") / "code").exists()


def test_names_that_differ_in_case_alone_collide_where_case_does_not_count() -> None:
    entries = [entry("src/A.py", b"1"), entry("SRC/b.py", b"2")]
    assert runner.check_manifest(entries, folding=False) == entries
    with pytest.raises(runner.Refusal, match="would be one file"):
        runner.check_manifest(entries, folding=True)


def test_missing_and_damaged_blobs_are_named_to_be_sent_again(target: Target) -> None:
    session = target.session()
    good, bad = put_blob(session, b"good"), put_blob(session, b"fine")
    absent = hashlib.sha256(b"absent").hexdigest()
    answer = lay_out(session, [entry("a", b"good"), entry("b", b"absent")])
    assert (answer["code"], answer["payload"]) == ("missing", [absent])
    blob = target.root / "blobs" / bad[:2] / bad
    blob.chmod(0o644)
    blob.write_bytes(b"evil")
    answer = lay_out(session, [entry("a", b"good"), entry("b", b"fine")])
    assert (answer["code"], answer["payload"]) == ("missing", [bad])
    assert not (target.folder("t-1") / "code").exists()
    put_blob(session, b"fine")
    assert lay_out(session, [entry("a", b"good"), entry("b", b"fine")]) == {"ok": True}
    assert good != bad


def test_a_half_laid_out_folder_is_done_again(target: Target) -> None:
    session = target.session()
    put_blob(session, b"new")
    half = target.folder("t-1") / "code" / "sealed"
    half.mkdir(parents=True)
    (half / "left over").write_text("old")
    half.chmod(0o500)
    assert lay_out(session, [entry("new", b"new")]) == {"ok": True}
    assert [path.name for path in (target.folder("t-1") / "code").iterdir()] == ["new"]


def test_the_files_of_a_started_task_stay(target: Target) -> None:
    target.start("true")
    session = target.session()
    assert lay_out(session, [])["code"] == "claimed"
    assert (target.folder("t-1") / "code").exists()


# -- collect and fetch


@pytest.fixture
def finished(target: Target) -> Target:
    session = target.session()
    put_blob(session, b"x = 1")
    lay_out(session, [entry("train.py", b"x = 1"), entry("outputs/seed.txt", b"x = 1")])
    script = (
        "mkdir -p outputs/deep data __pycache__ logs; echo model > outputs/deep/model.bin;"
        "ln -s deep/model.bin outputs/best; ln -s /etc/hostname outputs/leak;"
        "ln -s deep outputs/folder; mkfifo outputs/pipe; echo rows > data/rows.csv;"
        "echo c > __pycache__/x.pyc; echo l > logs/l.txt; echo 'x = 2' > train.py"
    )
    target.start("sh", "-c", script)
    target.wait_for("t-1", "sealed.json")
    return target


def test_outputs_are_collected_by_hash_and_the_rest_is_listed(finished: Target) -> None:
    answer = finished.session().ask("collect", name="t-1", patterns=["outputs/**"])["payload"]
    files = {one["path"]: one for one in answer["files"]}
    model = {"size": 6, "sha": hashlib.sha256(b"model\n").hexdigest()}
    assert set(files) == {"outputs/deep/model.bin", "outputs/best", "outputs/seed.txt"}
    assert files["outputs/deep/model.bin"].items() >= model.items()
    assert files["outputs/best"].items() >= model.items()
    assert answer["extra"] == [{"path": "data/rows.csv", "size": 5}]
    assert answer["extra_count"] == 1
    assert {one["path"]: one["why"] for one in answer["skipped"]} == {
        "outputs/leak": "a link out of the working directory",
        "outputs/folder": "a link to a folder",
        "outputs/pipe": "not a regular file",
    }
    assert answer["skipped_count"] == 3


def test_outputs_that_lie_behind_a_link_are_not_passed_over_in_silence(finished: Target) -> None:
    session = finished.session()
    answer = session.ask("collect", name="t-1", patterns=["outputs/folder/**"])["payload"]
    assert answer["files"] == []
    assert answer["skipped"] == [{"path": "outputs/folder", "why": "a link to a folder"}]


def test_a_log_whose_name_is_no_text_is_a_new_file_and_no_stream(finished: Target) -> None:
    logs = finished.folder("t-1") / "code" / "logs"
    (logs / os.fsdecode(b"\xff.txt")).write_bytes(b"odd")
    answer = finished.session().ask("collect", name="t-1", patterns=["outputs/**"])["payload"]
    assert {"path": "logs/\udcff.txt", "size": 3} in answer["extra"]


def test_only_what_stands_still_is_collected_meanwhile(finished: Target) -> None:
    session = finished.session()

    def collected() -> set[str]:
        answer = session.ask("collect", name="t-1", patterns=["outputs/**"], settled_s=0.2)[
            "payload"
        ]
        assert answer["extra"] == []
        return {one["path"] for one in answer["files"]}

    deadline = time.monotonic() + 10
    while "outputs/deep/model.bin" not in collected() and time.monotonic() < deadline:
        time.sleep(0.02)
    fresh = finished.folder("t-1") / "code" / "outputs" / "fresh"
    fresh.write_text("still growing")
    age(fresh, 3600)  # as an archive would: the change time still tells
    assert "outputs/fresh" not in collected()
    assert "outputs/deep/model.bin" in collected()


def test_a_changed_file_gets_its_new_hash(finished: Target) -> None:
    session = finished.session()
    model = finished.folder("t-1") / "code" / "outputs" / "deep" / "model.bin"

    def sha() -> str:
        answer = session.ask("collect", name="t-1", patterns=["outputs/deep"])["payload"]
        return str(answer["files"][0]["sha"])

    first = sha()
    assert sha() == first
    model.write_text("MODEL\n")
    assert sha() == hashlib.sha256(b"MODEL\n").hexdigest()


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("outputs/**", ["outputs/a", "outputs/b/c"], ["outputs", "out", "x/outputs/a"]),
        ("outputs", ["outputs/a", "outputs/b/c", "outputs"], ["outputs2/a"]),
        ("*.pt", ["a.pt"], ["d/a.pt", "apt"]),
        ("**/*.pt", ["a.pt", "d/a.pt", "d/e/a.pt"], ["a.ptx"]),
        ("run-?/[ab]*.txt", ["run-1/a.txt", "run-2/bcd.txt"], ["run-10/a.txt", "run-1/c.txt"]),
        ("[!a].x", ["b.x"], ["a.x", "/.x"]),
        ("a/**/z", ["a/z", "a/b/z", "a/b/c/z", "a/z/deeper"], ["a/b", "z"]),
        ("odd(name)+.txt", ["odd(name)+.txt"], ["oddname.txt"]),
        ("*b*c", ["abbcc", "bc"], ["abcb", "cb"]),
        ("[z-a]*", [], ["z", "a", "-"]),
        ("[]a-]x[", ["]x[", "ax[", "-x["], ["bx[", "x["]),
        ("[!]", ["[!]"], ["a", "!"]),
        ("[!]]", ["a", "\n"], ["]", "ab"]),
        ("a/**/b/**", ["a/b/c", "a/b/b/b"], ["a/b", "a/c/c"]),
        # in time, too: as regular expressions these take longer than there is
        ("*a" * 20 + "*b", ["a" * 20 + "b"], ["a" * 240]),
        ("**/" * 12 + "q", ["a/" * 60 + "q"], ["a/" * 60 + "z"]),
    ],
)
def test_patterns(pattern: str, yes: list[str], no: list[str]) -> None:
    globs = runner.Globs([pattern])
    assert [path for path in yes if not globs.match(path)] == []
    assert [path for path in no if globs.match(path)] == []


@pytest.mark.parametrize("pattern", ["/etc/*", "../*", "a/../../b"])
def test_patterns_stay_inside(target: Target, pattern: str) -> None:
    target.folder("t-1").mkdir(parents=True)
    answer = target.session().ask("collect", name="t-1", patterns=[pattern])
    assert answer["code"] == "request"


def test_fetch_streams_a_file_from_any_offset(target: Target) -> None:
    code = target.folder("t-1") / "code"
    code.mkdir(parents=True)
    data = os.urandom((3 << 20) + 17)
    (code / "big").write_bytes(data)
    session = target.session()
    for offset in (0, 5, 1 << 20, len(data), len(data) + 5):
        header, content = session.ask_payload("fetch", name="t-1", path="big", offset=offset)
        assert (header, content) == ({"more": False}, data[offset:])


@pytest.mark.parametrize("path", ["../spec.json", "/etc/hostname", "leak", "folder/../../claim"])
def test_fetch_does_not_leave_the_folder(target: Target, path: str) -> None:
    code = target.folder("t-1") / "code"
    code.mkdir(parents=True)
    (code / "leak").symlink_to("/etc/hostname")
    answer = target.session().ask("fetch", name="t-1", path=path, offset=0)
    assert answer["code"] == "request"


def test_fetch_of_a_file_that_is_gone(target: Target) -> None:
    assert target.session().ask("fetch", name="t-1", path="x", offset=0)["code"] == "gone"


# -- seal and clear


def test_a_living_task_is_neither_sealed_nor_cleared(target: Target) -> None:
    target.start("sleep", "600")
    session = target.session()
    assert session.ask("seal", name="t-1", mask=[])["code"] == "alive"
    assert session.ask("clear", name="t-1")["code"] == "alive"
    assert target.folder("t-1").exists()


def test_clear_removes_all_of_it_again_and_again(target: Target) -> None:
    target.start("sh", "-c", "mkdir closed; touch closed/x; chmod 500 closed")
    target.wait_for("t-1", "sealed.json")
    target.wait_gone("t-1")
    (target.root / "tasks" / ".clear-t-1.99").mkdir()
    session = target.session()
    assert session.ask("clear", name="t-1") == {"ok": True}
    assert session.ask("clear", name="t-1") == {"ok": True}
    assert list((target.root / "tasks").iterdir()) == []


def test_a_shared_copy_is_verified_once_a_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the file system shares bytes between files, its copies cost no second reading."""
    data = os.urandom(2 << 20)
    sha = hashlib.sha256(data).hexdigest()
    blobs = runner.Blobs(str(tmp_path), own=True)
    blobs.receive(sha, len(data), [data])
    clones: list[int] = []

    def clone(source: int, fd: int) -> bool:
        clones.append(os.write(fd, os.pread(source, len(data), 0)))
        return True

    monkeypatch.setattr(blobs, "_clone", clone)
    reads: list[int] = []
    for name in ("first", "second"):
        with (tmp_path / name).open("wb") as file:
            blobs.copy(sha, len(data), file.fileno(), lambda: reads.append(1))
        assert (tmp_path / name).read_bytes() == data
    assert len(clones) == 2
    assert len(reads) == 2  # two pieces of 1 MiB, at the first copy alone
