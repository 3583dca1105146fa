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
from tests.runner.builds import UV, build_it, order, start_build
from tests.runner.rig import Target
from tests.waiting import eventually

CUT_OFF = {"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}
CUT_OFF |= {"NO_PROXY": "", "UV_HTTP_RETRIES": "0"}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("uv-cache")


def test_an_environment_is_built_once(target: Target, lock: str, cache: Path) -> None:
    session = target.session()
    assert session.ask("env", path="key-1")["ready"] is False
    exited, log = build_it(target, order(target, lock, cache), "build-1")
    assert exited["status"] == {"exited": 0}, log
    assert "Installing the locked packages" in log
    python = target.root / "envs" / "key-1" / "bin" / "python"
    script = "import six; print(six.__version__)"
    assert subprocess.check_output([python, "-c", script]) == b"1.17.0\n"
    assert session.ask("env", path="key-1") == {"ready": True, "why": "", "was_ready": True}
    exited, log = build_it(target, order(target, lock, cache), "build-2")
    assert exited["status"] == {"exited": 0}
    assert log == "The environment key-1 is already built.\n"
    [listed] = session.ask("envs")["envs"]
    assert listed["key"] == "key-1"
    assert listed["ready"] is True
    assert listed["bytes"] > 10_000
    assert session.ask("remove_env", key="key-1") == {"ok": True}
    assert session.ask("envs")["envs"] == []
    assert not python.exists()


def test_what_the_cache_has_is_built_without_asking_an_index(
    target: Target, lock: str, cache: Path, tmp_path: Path
) -> None:
    build_it(target, order(target, lock, cache), "build-1")
    again = order(target, lock, cache, path=str(target.root / "envs" / "key-2"))
    exited, log = build_it(target, again, "build-2", **CUT_OFF)
    assert exited["status"] == {"exited": 0}, log
    assert "+ six==1.17.0" in log
    other = {**again, "path": f"{again['path']}3", "cache": str(tmp_path)}
    exited, log = build_it(target, other, "build-3", **CUT_OFF)
    assert exited["status"] == {"exited": 2}, "so nothing could be fetched"
    assert "Connection refused" in log
    assert "was disabled" not in log, "of the look into the cache nothing is said"


def test_a_killed_build_is_begun_again(target: Target, lock: str, cache: Path) -> None:
    slow = target.root / "slow-uv"
    target.root.mkdir(exist_ok=True)
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
        "was_ready": False,
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
    target.root.mkdir(exist_ok=True)
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
    assert target.session().ask("env", path="key-1")["ready"] is True
    for number, text, said in (
        (2, "dependencies: [python, nonesuch]\n", "micromamba ended with 1. What it said stands"),
        (3, "dependencies: [r-base]\n", "brings no Python: add python=3.11 to it."),
    ):
        other = {**build, "path": f"{build['path']}{number}", "conda": text}
        exited, log = build_it(target, other, f"build-{number}")
        assert exited["status"] == {"exited": 2}
        assert said in log
        assert not target.session().ask("env", path=f"key-1{number}")["ready"]


def test_whoever_installs_into_it_is_told_in_a_sentence(
    target: Target, lock: str, cache: Path
) -> None:
    build_it(target, order(target, lock, cache), "build-1")
    bin_folder = target.root / "envs" / "key-1" / "bin"
    variables = {
        **os.environ,
        "PATH": f"{bin_folder}:{Path(UV).parent}:{os.environ['PATH']}",
        "VIRTUAL_ENV": str(bin_folder.parent),
    }

    def said(*argv: str) -> str:
        done = subprocess.run(argv, env=variables, capture_output=True, text=True, check=False)
        assert done.returncode == 1, done
        return done.stderr

    for argv in (
        ["pip", "install", "idna"],
        ["pip3", "install", "-q", "idna"],
        ["python", "-m", "pip", "install", "--index-url", "http://x.org", "idna"],
        ["uv", "pip", "install", "idna"],
        ["uv", "--quiet", "pip", "install", "--upgrade", "idna"],
    ):
        assert "is shared by runs and never changes" in said(*argv)
        assert "Add idna to its requirements and submit again.\n" in said(*argv)
    assert "Add what it lacks to its requirements" in said("pip", "install", "-r", "more.txt")
    assert "never changes" in said("pip", "uninstall", "-y", "six")
    listed = subprocess.check_output(["pip", "freeze"], env=variables, text=True)
    assert listed == "six==1.17.0\n"
    version = subprocess.check_output(["uv", "--version"], env=variables, text=True)
    assert version.startswith("uv "), "everything else goes to the real one"
    assert target.session().ask("env", path="key-1")["ready"] is True


def test_a_pip_of_its_own_is_told_too(target: Target, tmp_path: Path, cache: Path) -> None:
    asked = tmp_path / "requirements.in"
    asked.write_text("pip\n")
    compiled = [UV, "pip", "compile", "--generate-hashes", "--no-header", "--quiet", str(asked)]
    pip_lock = subprocess.check_output(compiled, text=True)
    exited, log = build_it(target, order(target, pip_lock, cache), "build-1")
    assert exited["status"] == {"exited": 0}, log
    pip = str(target.root / "envs" / "key-1" / "bin" / "pip")
    for words in (["install", "six"], ["uninstall", "-y", "pip"]):
        done = subprocess.run([pip, *words], capture_output=True, text=True, check=False)
        assert done.returncode != 0
        assert "is shared by runs and never changes" in done.stdout + done.stderr
    assert subprocess.run([pip, "list"], capture_output=True, check=False).returncode == 0
    assert target.session().ask("env", path="key-1")["ready"] is True


def test_what_was_added_is_noticed(target: Target, lock: str, cache: Path) -> None:
    build_it(target, order(target, lock, cache), "build-1")
    env = target.root / "envs" / "key-1"
    [packages] = env.glob("lib/python*/site-packages")
    (packages / "__pycache__").mkdir(exist_ok=True)
    assert target.session().ask("env", path="key-1")["ready"] is True
    (packages / "extra.py").touch()
    answer = target.session().ask("env", path="key-1")
    assert answer["why"].endswith("site-packages/extra.py was added to it since.")
    assert answer["was_ready"] is True


def spoil(env: Path, module: str) -> str:
    """Write into a file as no honest program does: size and time stay, and the cache has it too."""
    found = next(env.glob(f"lib/python*/site-packages/{module}"))
    row, text = found.stat(), found.read_bytes()
    with found.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(bytes([text[-1] ^ 1]))
    os.utime(found, ns=(row.st_atime_ns, row.st_mtime_ns))
    return str(found.relative_to(env))


def test_damage_that_only_hashes_show_is_found_and_mended(
    target: Target, lock: str, tmp_path: Path
) -> None:
    def build(key: str, **fields: object) -> str:
        path = str(target.root / "envs" / key)
        one = order(target, lock, tmp_path / "uv-cache", path=path, key=key, **fields)
        exited, log = build_it(target, one, f"build-{key}")
        assert exited["status"] == {"exited": 0}, log
        return log

    build("key-1")
    build("linked-1")
    session = target.session()
    assert session.ask("verify_env", key="linked-1") == {"fault": ""}
    for number, module in ((1, "six.py"), (2, "__pycache__/six.*.pyc")):
        damaged = spoil(target.root / "envs" / "linked-1", module)
        fault = session.ask("verify_env", key="linked-1")["fault"]
        assert fault.startswith(f"{number} of its files do not have the hash that was noted of")
        assert damaged in fault
    assert session.ask("env", path="linked-1")["ready"] is True

    log = build("key-2", fresh=True)
    assert "Forgetting what the cache has of six" in log
    build("linked-2")
    for key in ("key-2", "linked-2"):
        assert session.ask("verify_env", key=key) == {"fault": ""}


def test_sizes_count_what_is_shared_once(target: Target, lock: str) -> None:
    cache = target.root / "uv-cache"
    for number in (1, 2):
        path = str(target.root / "envs" / f"key-{number}")
        build_it(target, order(target, lock, cache, path=path), f"build-{number}")
    told = target.session().ask("envs")
    sizes = [env["bytes"] for env in told["envs"]]
    du = subprocess.check_output(["du", "-s", "-B1", "envs", "uv-cache"], cwd=target.root)
    expected = sum(int(line.split()[0]) for line in du.splitlines())
    assert abs(told["bytes"] - expected) <= 16 * 4096
    shared = sum(sizes) + told["cache_bytes"] - told["bytes"]
    [six] = (target.root / "envs" / "key-1").glob("lib/python*/site-packages/six.py")
    assert shared >= six.stat().st_size
    assert [env["used_by"] for env in told["envs"]] == [[], []]


def test_what_a_live_task_uses_is_not_removed(target: Target, lock: str, cache: Path) -> None:
    build_it(target, order(target, lock, cache), "build-1")
    bin_folder = str(target.root / "envs" / "key-1" / "bin")
    spec = target.spec("python", "-c", "input()", cwd=".", path=[bin_folder])
    spec["argv"] = ["python", "-c", "import time; time.sleep(600)"]
    session = target.session()
    assert "started" in session.ask("start", name="run-7", spec={**spec, "task": "run/7/1"})
    [env] = session.ask("envs")["envs"]
    assert env["used_by"] == ["run/7/1"]
    refused = session.ask("remove_env", key="key-1")
    assert refused["code"] == "used"
    assert refused["error"] == "Environment key-1 is in use by run/7/1."
    session.ask("stop", name="run-7", reason="canceled_by_user", grace_s=0)
    target.wait_for("run-7", "exited.json")
    assert session.ask("remove_env", key="key-1", unused_s=600)["code"] == "used"
    assert session.ask("remove_env", key="key-1") == {"ok": True}


def test_leftovers_of_cut_off_builds_and_removals_are_swept(target: Target, lock: str) -> None:
    cache = target.root / "uv-cache"
    build_it(target, order(target, lock, cache), "build-1")
    envs = target.root / "envs"
    (envs / "half" / "lib").mkdir(parents=True)
    (envs / "making").mkdir()
    (envs / ".removed-old.1" / "lib").mkdir(parents=True)
    held = runner.lock_file(str(envs / "making.lock"))
    session = target.session()
    assert session.ask("sweep_envs") == {"removed": 2}
    left = sorted(path.name for path in envs.iterdir() if path.is_dir())
    assert left == ["key-1", "making"]
    assert held is not None
    os.close(held)


def test_the_cache_gives_up_what_nobody_shares(target: Target, lock: str) -> None:
    cache = target.root / "uv-cache"
    build_it(target, order(target, lock, cache), "build-1")
    session = target.session()
    for archive in (cache / "archive-v0").iterdir():
        os.utime(archive, (1, 1))
    assert session.ask("trim_cache", bytes=1) == {"freed_bytes": 0}, "key-1 shares it"
    assert session.ask("remove_env", key="key-1") == {"ok": True}
    assert session.ask("trim_cache", bytes=1)["freed_bytes"] > 10_000
    exited, log = build_it(target, order(target, lock, cache), "build-2")
    assert exited["status"] == {"exited": 0}, log
    assert session.ask("env", path="key-1")["ready"] is True


@pytest.mark.chaos
def test_a_build_of_which_everything_is_killed_is_begun_again(
    target: Target, lock: str, cache: Path
) -> None:
    slow = target.root / "slow-uv"
    target.root.mkdir(exist_ok=True)
    slow.write_text(
        f'#!/bin/sh\n{UV} "$@" || exit\necho $$ > {target.root}/reached; exec sleep 600\n'
    )
    slow.chmod(0o755)
    start_build(target, order(target, lock, cache, uv=str(slow)), "build-1")
    eventually(
        lambda: (target.root / "reached").exists() and (target.root / "reached").read_text(),
        what="the middle of the build",
    )
    keeper, build = (target.read("build-1", f"{name}.json") for name in ("keeper", "started"))
    orphan = int((target.root / "reached").read_text())
    for pid in (keeper["sampler"]["pid"], keeper["pid"], build["pid"]):
        os.kill(pid, signal.SIGKILL)
    start_build(target, order(target, lock, cache), "build-2")
    waiting = target.folder("build-2") / "run.log"
    eventually(
        lambda: "Another build makes the same" in waiting.read_text(),
        what="the second build to find that uv still writes",
    )
    os.kill(orphan, signal.SIGKILL)
    assert target.wait_for("build-2", "exited.json", timeout_s=60)["status"] == {"exited": 0}
    assert target.session().ask("env", path="key-1")["ready"] is True
