from __future__ import annotations

import ast
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from compute.runner import runner
from compute.transports.loader import LOADER
from tests.runner.rig import NONCE, SOURCE, Target


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Target]:
    """A root that nobody was in touch with before."""
    target = Target(tmp_path / "root")
    yield target
    target.close()


def test_the_runner_is_sent_once_and_kept(target: Target) -> None:
    first = target.session()
    assert first.greeting == f"RUNYARD {NONCE} send\n".encode()
    assert first.ask("ping") == {"ok": True}
    sha = hashlib.sha256(SOURCE).hexdigest()
    assert (target.root / "runner" / sha / "runner.py").read_bytes() == SOURCE
    second = target.session()
    assert second.greeting == f"RUNYARD {NONCE} have\n".encode()
    assert second.ask("hello")["runner_sha"] == sha


def test_a_runner_with_another_hash_is_not_kept(tmp_path: Path) -> None:
    argv = [sys.executable, "-I", "-S", "-c", LOADER, str(tmp_path), "0" * 64, NONCE, "session"]
    process = subprocess.run(
        argv, input=len(SOURCE).to_bytes(8, "big") + SOURCE, capture_output=True, check=False
    )
    assert process.returncode != 0
    assert b"is not the one that was announced" in process.stderr
    assert not (tmp_path / "runner").exists()


def test_a_connection_that_ends_early_leaves_nothing(tmp_path: Path) -> None:
    argv = [sys.executable, "-I", "-S", "-c", LOADER, str(tmp_path), "0" * 64, NONCE, "session"]
    process = subprocess.run(
        argv, input=len(SOURCE).to_bytes(8, "big") + SOURCE[:100], capture_output=True, check=False
    )
    assert b"ended before the runner had arrived" in process.stderr
    assert not (tmp_path / "runner").exists()


def test_a_leading_tilde_is_the_home_folder(tmp_path: Path) -> None:
    sha = hashlib.sha256(SOURCE).hexdigest()
    argv = [sys.executable, "-I", "-S", "-c", LOADER, "~/yard", sha, NONCE, "session", "~/yard"]
    env = {**os.environ, "HOME": str(tmp_path)}
    process = subprocess.run(
        argv,
        input=len(SOURCE).to_bytes(8, "big") + SOURCE,
        env=env,
        capture_output=True,
        check=True,
    )
    assert process.stdout == f"RUNYARD {NONCE} send\n".encode()
    assert (tmp_path / "yard" / "runner" / sha / "runner.py").exists()


def test_a_request_right_behind_the_source_is_not_swallowed(target: Target) -> None:
    session = target.session()  # the rig sends source and request without waiting in between
    session.send({"op": "ping"})
    session.send({"op": "ping"})
    assert session.receive() == ({"ok": True}, b"")
    assert session.receive() == ({"ok": True}, b"")


def test_the_runner_is_written_for_python_3_6_and_alone() -> None:
    tree = ast.parse(SOURCE, feature_version=(3, 6))
    modules = {
        alias.name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    modules |= {
        (node.module or "").partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
    }
    assert modules <= sys.stdlib_module_names


def test_wrong_words_are_answered_with_the_usage() -> None:
    process = subprocess.run(
        [sys.executable, "-I", runner.__file__, "dance"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 2
    assert process.stderr.startswith("usage: runner session ROOT")
