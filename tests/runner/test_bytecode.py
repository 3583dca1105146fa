"""Bytecode of environments: what runs import is compiled once, and shared by the cache."""

from __future__ import annotations

import compileall
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from compute.runner import runner
from tests.environments.registry import Registry
from tests.runner.builds import build_it, order
from tests.runner.rig import Target

TAG = sys.implementation.cache_tag


def test_modules_are_compiled_once_for_all_environments(target: Target, lock: str) -> None:
    """The cache keeps the bytecode beside the sources; a fresh build trusts none of it."""
    cache = target.root / "uv-cache"
    first, second = (target.root / "envs" / name for name in ("key-1", "key-2"))

    def compiled(env: Path) -> Path:
        [found] = env.glob("lib/python*/site-packages/__pycache__/six.*.pyc")
        return found

    _, log = build_it(target, order(target, lock, cache), "build-1")
    assert "Compiling their modules" in log
    again = order(target, lock, cache, path=str(second), key="key-2")
    exited, log = build_it(target, again, "build-2")
    assert exited["status"] == {"exited": 0}, log
    assert "Compiling" not in log
    assert compiled(second).samefile(compiled(first))
    python, script = second / "bin" / "python", "import six; print(six.__cached__)"
    assert subprocess.check_output([python, "-c", script], text=True).strip() == str(
        compiled(second)
    )
    shutil.rmtree(second)
    exited, log = build_it(target, {**again, "fresh": True}, "build-3")
    assert exited["status"] == {"exited": 0}, log
    assert "Compiling their modules" in log
    assert not compiled(second).samefile(compiled(first))
    assert target.session().ask("env", path="key-1")["ready"] is True


def test_the_cache_gets_the_bytecode_of_what_runs_import_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as it is not fresh: then it gets all anew. What is packed as tests is left alone.

    Nothing is made among the packages that goes again: another build may be installing them.
    """
    link, passing = os.link, []

    def linked(path: str, name: str) -> None:
        link(path, name)
        if str(name).endswith(".part"):
            passing.append(Path(name).parent)

    monkeypatch.setattr(runner.os, "link", linked)
    archive = tmp_path / "cache" / "archive-v0" / "x"
    record = "x.py,sha256=0,0\npack/tests/test_x.py,sha256=0,0\n../../../bin/y.py,sha256=0,0\n"
    sources = {"x.py": "", "pack/tests/test_x.py": "", "x-1.dist-info/RECORD": record}

    def environment(name: str) -> None:
        env = tmp_path / name
        packages = env / "lib" / "python3" / "site-packages"
        (env / "bin").mkdir(parents=True)
        (env / "bin" / "python").symlink_to(sys.executable)
        for path in sources:
            (packages / path).parent.mkdir(parents=True, exist_ok=True)
            (packages / path).hardlink_to(archive / path)
        compileall.compile_dir(packages, quiet=1)
        bytecode = runner.Bytecode(str(env), str(tmp_path / "cache"))
        (tmp_path / "cache" / "bytecode.0123.part").touch()  # of a build that was killed
        lacking = bytecode.lacking()
        assert bytecode.modules_of(lacking) == [str(packages / "x.py")]
        bytecode.keep(lacking, fresh=name == "fresh")
        assert not list((tmp_path / "cache").glob("*.part"))
        assert not bytecode.lacking()

    def shares(packages: Path, pattern: str) -> bool:
        (ours,), (theirs,) = packages.glob(pattern), archive.glob(pattern)
        return ours.samefile(theirs)

    for path, text in sources.items():
        (archive / path).parent.mkdir(parents=True, exist_ok=True)
        (archive / path).write_text(text)
    kept = ("__pycache__/x.*.pyc", "x-1.dist-info/BYTECODE.*")
    for name, sharing in (("first", "first"), ("second", "first"), ("fresh", "fresh")):
        environment(name)
        packages = tmp_path / sharing / "lib" / "python3" / "site-packages"
        assert all(shares(packages, pattern) for pattern in kept), name
    listed = next(archive.glob("x-1.dist-info/BYTECODE.*")).read_text().splitlines()
    assert [row.split(",")[0] for row in listed] == [f"__pycache__/x.{TAG}.pyc"]
    assert not list(archive.glob("pack/tests/__pycache__"))
    assert set(passing) == {tmp_path / "cache"}


def test_only_what_runs_import_and_nobody_compiled_is_compiled(
    target: Target, tmp_path: Path
) -> None:
    """By as many processes as there is work for; a module that is none is no obstacle."""
    registry = Registry(tmp_path / "registry")
    many = {f"many/m{number}.py": "x = 1\n" for number in range(250)}
    odd = {
        "many/template.py": "def {{ name }}():\n",
        "many/tests/test_m.py": "",
        "many/nul.py": "\0",
    }
    hashes = {"many": registry.wheel("many", more={**many, **odd}), "few": registry.wheel("few")}
    locks = {name: f"{name}==1.0 --hash={found}\n" for name, found in hashes.items()}
    cache = target.root / "uv-cache"

    def compiled(key: str, lock: str) -> dict[str, Path]:
        made = order(target, lock, cache, path=str(target.root / "envs" / key), key=key)
        exited, log = build_it(target, made, f"build-{key}", **registry.variables)
        assert exited["status"] == {"exited": 0}, log
        assert "template" not in log
        [packages] = (target.root / "envs" / key).glob("lib/python*/site-packages")
        found = {str(path.relative_to(packages)): path for path in packages.rglob("*.pyc")}
        return {path: file for path, file in found.items() if path.split("/")[0] != "pip"}

    def names(*modules: str) -> set[str]:
        return {f"{folder}__pycache__/{name}.{TAG}.pyc" for folder, name in map(_split, modules)}

    first = compiled("key-1", locks["many"])
    assert set(first) == names("many.py", *many)
    time_of = {path: file.stat().st_mtime_ns for path, file in first.items()}
    both = compiled("key-2", "".join(locks.values()))
    assert set(both) == names("few.py", "many.py", *many)
    assert {path: both[path].stat().st_mtime_ns for path in first} == time_of

    (shared,) = cache.glob(f"archive-v0/*/many/__pycache__/m7.{TAG}.pyc")
    shared.unlink()  # as a build finds it that installs while another one shares
    assert set(compiled("key-3", locks["many"])) == set(first)
    assert shared.exists()


def test_bytecode_that_cannot_be_written_fails_whoever_of_the_processes_it_is(
    tmp_path: Path,
) -> None:
    modules = [tmp_path / f"m{number}.py" for number in range(100)]
    for module in modules:
        module.write_text("")
    (tmp_path / "names").write_bytes(b"\0".join(map(os.fsencode, modules)))
    command = [sys.executable, "-I", "-S", "-c", runner.COMPILE, str(tmp_path / "names"), "2"]
    assert subprocess.run(command, check=False).returncode == 0
    assert len(list(tmp_path.glob("__pycache__/*"))) == 100
    for number in (0, 1):  # the first process compiles even ones, the second odd ones
        in_the_way = tmp_path / "__pycache__" / f"m{number}.{TAG}.pyc"
        in_the_way.unlink()
        in_the_way.mkdir()
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert done.returncode == 1
        assert "FileExistsError" in done.stderr
        in_the_way.rmdir()


def _split(module: str) -> tuple[str, str]:
    """The folder of a module, and what its bytecode's name begins with."""
    folder, _, name = module.rpartition("/")
    return f"{folder}/" if folder else "", name.removesuffix(".py")
