"""Environments: made once, whole or not at all, by the real uv."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from compute.runner import runner
from tests.runner.rig import Header, Target
from tests.waiting import eventually

UV = str(Path(sys.executable).parent / "uv")


@pytest.fixture(scope="module")
def lock(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("lock")
    (folder / "requirements.in").write_text("six==1.17.0\n")
    command = [
        UV,
        "pip",
        "compile",
        "--generate-hashes",
        "--quiet",
        "--no-header",
        "requirements.in",
    ]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("uv-cache")


def order(target: Target, lock: str, cache: Path, **fields: object) -> Header:
    return {
        "path": str(target.root / "envs" / "key-1"),
        "key": "key-1",
        "python": sys.executable,
        "uv": UV,
        "cache": str(cache),
        "requirements": lock,
        **fields,
    }


def start_build(target: Target, build: Header, name: str) -> None:
    """As the studio does: a task whose command is the runner itself."""
    folder = target.folder(name)
    argv = [sys.executable, "-I", "-S", runner.__file__, "build", str(folder)]
    # the indexes that this machine is set up with reach uv by its variables
    env = {name: value for name, value in os.environ.items() if name.startswith(("UV_", "PIP_"))}
    spec = target.spec(*argv, cwd=".", env=env)
    answer = target.session().ask("start", name=name, spec=spec, build=build)
    assert "started" in answer, answer


def build_it(target: Target, build: Header, name: str) -> tuple[Header, str]:
    start_build(target, build, name)
    exited = target.wait_for(name, "exited.json", timeout_s=60)
    return exited, (target.folder(name) / "run.log").read_text()


def test_an_environment_is_built_once(target: Target, lock: str, cache: Path) -> None:
    session = target.session()
    assert session.ask("env", path="key-1")["ready"] is False
    exited, log = build_it(target, order(target, lock, cache), "build-1")
    assert exited["status"] == {"exited": 0}, log
    assert "Installing the locked packages" in log
    python = target.root / "envs" / "key-1" / "bin" / "python"
    script = "import six; print(six.__version__)"
    assert subprocess.check_output([python, "-c", script]) == b"1.17.0\n"
    assert session.ask("env", path="key-1") == {"ready": True, "why": ""}
    exited, log = build_it(target, order(target, lock, cache), "build-2")
    assert exited["status"] == {"exited": 0}
    assert log == "The environment key-1 is already built.\n"
    [listed] = session.ask("envs")["envs"]
    assert listed["key"] == "key-1"
    assert listed["ready"] is True
    assert listed["bytes"] > 10_000
    assert session.ask("remove_env", key="key-1") == {"ok": True}
    assert session.ask("envs") == {"envs": []}
    assert not python.exists()


def test_a_killed_build_is_begun_again(target: Target, lock: str, cache: Path) -> None:
    slow = target.root / "slow-uv"
    target.root.mkdir()
    slow.write_text(f'#!/bin/sh\n{UV} "$@" || exit\ntouch {target.root}/reached; sleep 600\n')
    slow.chmod(0o755)
    start_build(target, order(target, lock, cache, uv=str(slow)), "build-1")
    eventually((target.root / "reached").exists, what="the middle of the build")
    os.kill(target.read("build-1", "started.json")["pid"], signal.SIGKILL)
    assert target.wait_for("build-1", "exited.json")["status"] == {"signaled": 9}
    env = target.root / "envs" / "key-1"
    assert env.exists()
    session = target.session()
    assert session.ask("env", path="key-1") == {
        "ready": False,
        "why": "It has not been built to the end.",
    }
    exited, log = build_it(target, order(target, lock, cache), "build-2")
    assert exited["status"] == {"exited": 0}
    assert "Removing what an earlier build left" in log
    assert session.ask("env", path=str(env))["ready"] is True


def test_two_builds_of_one_key_make_it_once(target: Target, lock: str, cache: Path) -> None:
    for name in ("build-1", "build-2"):
        start_build(target, order(target, lock, cache), name)
    logs = []
    for name in ("build-1", "build-2"):
        assert target.wait_for(name, "exited.json", timeout_s=60)["status"] == {"exited": 0}
        logs.append((target.folder(name) / "run.log").read_text())
    assert sum("Installing the locked packages" in log for log in logs) == 1
    assert sum("already built" in log for log in logs) == 1


def test_a_changed_environment_is_noticed(target: Target, lock: str, cache: Path) -> None:
    build_it(target, order(target, lock, cache), "build-1")
    session = target.session()
    env = target.root / "envs" / "key-1"
    six = next(env.glob("lib/python*/site-packages/six.py"))
    six.unlink()
    six.write_text("broken = True")
    assert "1 of its files were changed" in session.ask("env", path="key-1")["why"]
    build_it(target, order(target, lock, cache), "build-2")
    assert session.ask("env", path="key-1")["ready"] is True
    shutil.rmtree(env / "bin")
    assert "Python that it was made with is gone" in session.ask("env", path="key-1")["why"]


def test_a_lock_with_a_wrong_hash_fails_with_a_sentence(
    target: Target, lock: str, cache: Path
) -> None:
    wrong = lock.replace("sha256:4", "sha256:5").replace("sha256:f", "sha256:e")
    assert wrong != lock
    exited, log = build_it(target, order(target, wrong, cache), "build-1")
    assert exited["status"] == {"exited": 2}
    assert "Hash mismatch" in log
    assert log.splitlines()[-1].startswith("Installing the locked packages failed")
    assert target.session().ask("env", path="key-1")["ready"] is False


def test_an_environment_without_packages(target: Target, cache: Path) -> None:
    exited, log = build_it(target, order(target, "", cache), "build-1")
    assert exited["status"] == {"exited": 0}, log


def test_an_interpreter_that_is_not_there(target: Target, lock: str, cache: Path) -> None:
    exited, log = build_it(target, order(target, lock, cache, python="/no/python"), "build-1")
    assert exited["status"] == {"exited": 2}
    assert "Making the environment with /no/python failed" in log


def test_an_environment_being_built_is_not_removed(target: Target) -> None:
    env = target.root / "envs" / "key-1"
    env.mkdir(parents=True)
    lock = runner.lock_file(str(env) + ".lock")
    assert lock is not None
    session = target.session()
    assert session.ask("remove_env", key="key-1")["code"] == "busy"
    os.close(lock)
    assert session.ask("remove_env", key="key-1") == {"ok": True}
    assert session.ask("remove_env", key="key-1") == {"ok": True}
    assert session.ask("remove_env", key="../key")["code"] == "name"


CONDA = f"""#!/bin/sh
# stands where micromamba would: the same words, the same result on disk
[ "$1 $2 $3 $5" = "create --yes --prefix --file" ] || exit 64
echo "installing $(grep -c . "$6") lines into $4, packages under $CONDA_PKGS_DIRS"
grep -q python "$6" || {{ mkdir -p "$4"; exit 0; }}
grep -q nonesuch "$6" && {{ echo "error    nonesuch does not exist (perhaps a typo)" >&2; exit 1; }}
exec {sys.executable} -m venv --without-pip "$4"
"""


def test_conda_makes_an_environment_from_its_own_file(target: Target) -> None:
    tool = target.root / "micromamba"
    target.root.mkdir()
    tool.write_text(CONDA)
    tool.chmod(0o755)
    build = {
        "path": str(target.root / "envs" / "key-1"),
        "key": "key-1",
        "cache": str(target.root / "uv-cache"),
        "conda": "dependencies: [python=3.11, r-base]\n",
        "tool": str(tool),
    }
    exited, log = build_it(target, build, "build-1")
    assert exited["status"] == {"exited": 0}, log
    assert "Installing the environment.yml with micromamba" in log
    assert f"packages under {target.root}/conda-pkgs" in log
    assert target.session().ask("env", path="key-1") == {"ready": True, "why": ""}
    for number, text, said in (
        (2, "dependencies: [python, nonesuch]\n", "micromamba ended with 1. What it said stands"),
        (3, "dependencies: [r-base]\n", "brings no Python: add python=3.11 to it."),
    ):
        other = {**build, "path": f"{build['path']}{number}", "conda": text}
        exited, log = build_it(target, other, f"build-{number}")
        assert exited["status"] == {"exited": 2}
        assert said in log
        assert not target.session().ask("env", path=f"key-1{number}")["ready"]
