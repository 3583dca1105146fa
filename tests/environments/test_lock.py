"""Resolution by the real uv, with packages from a folder."""

from __future__ import annotations

import io
import stat
import tarfile
from pathlib import Path

import pytest

from environments import lock
from environments.buildkey import KeyParts, build_key, key_parts
from environments.buildlog import build_error
from environments.interpreter import Interpreter, interpreter_from_facts, platform_name
from environments.lock import LockFailed, lock_pins, lock_resolve, pin_name, registry_variables
from tests.environments.registry import Registry
from tests.waiting import eventually


def resolve(text: str, interpreter: Interpreter, folder: Path, **options: object) -> str:
    wanted = {"may_build": False, "cache": folder / "cache"} | options
    return lock_resolve(text, interpreter, **wanted)


def test_a_lock_has_every_package_with_hashes_and_no_address(
    registry: Registry, interpreter: Interpreter, tmp_path: Path
) -> None:
    tool, core = registry.wheel("tool", requires=("core>=2",)), registry.wheel("core", "2.1")
    text = resolve("tool\n", interpreter, tmp_path)
    assert text == f"core==2.1 \\\n    --hash={core}\ntool==1.0 \\\n    --hash={tool}\n"
    assert lock_pins(text) == ["core==2.1", "tool==1.0"]


def test_markers_are_judged_for_the_target_not_for_the_studio(
    registry: Registry, interpreter: Interpreter, tmp_path: Path
) -> None:
    registry.wheel("tool")
    registry.wheel("apple")
    mac = Interpreter("/usr/bin/python3", "3.12.1", "aarch64-apple-darwin")
    text = "tool\napple; sys_platform == 'darwin' and python_version >= '3.12'\n"
    assert lock_pins(resolve(text, interpreter, tmp_path)) == ["tool==1.0"]
    assert lock_pins(resolve(text, mac, tmp_path)) == ["apple==1.0", "tool==1.0"]


def test_hashes_in_the_requirements_are_kept_to(
    registry: Registry, interpreter: Interpreter, tmp_path: Path
) -> None:
    right, wrong = registry.wheel("tool"), "sha256:" + "0" * 64
    text = resolve(f"tool==1.0 --hash={wrong} --hash={right}\n", interpreter, tmp_path)
    assert text == f"tool==1.0 \\\n    --hash={right}\n"
    with pytest.raises(LockFailed, match=r"None of the hashes given for tool==1.0"):
        resolve(f"tool==1.0 --hash={wrong}\n", interpreter, tmp_path)


def test_no_solution_is_told_in_the_words_of_uv(
    registry: Registry, interpreter: Interpreter, tmp_path: Path
) -> None:
    registry.wheel("tool")
    with pytest.raises(LockFailed, match="tool>=9") as failure:
        resolve("tool>=9\n", interpreter, tmp_path)
    assert "\n" not in str(failure.value)
    assert "error:" not in str(failure.value)


def test_without_leave_to_build_no_code_of_a_package_is_executed(
    registry: Registry, interpreter: Interpreter, tmp_path: Path
) -> None:
    marker = tmp_path / "executed"
    source_package(registry, f"open({str(marker)!r}, 'w').close()")
    with pytest.raises(LockFailed, match="source"):
        resolve("evil\n", interpreter, tmp_path)
    assert not marker.exists()


def source_package(registry: Registry, code: str) -> None:
    """A package published as source alone, whose own build backend runs `code`."""
    backend = f"{code}\ndef get_requires_for_build_wheel(*_):\n    return []\n"
    files = {
        "evil-1.0/pyproject.toml": (
            '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        ),
        "evil-1.0/backend.py": backend,
        "evil-1.0/PKG-INFO": "Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n",
    }
    with tarfile.open(registry.folder / "evil-1.0.tar.gz", "w:gz") as file:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            file.addfile(entry, io.BytesIO(text.encode()))


def test_a_resolution_ends_in_time_with_all_that_it_started(
    registry: Registry, interpreter: Interpreter, tmp_path: Path
) -> None:
    pid = tmp_path / "pid"
    source_package(
        registry,
        f"import os, time\nopen({str(pid)!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)",
    )
    with pytest.raises(LockFailed, match="not resolved within 3 s"):
        resolve("evil\n", interpreter, tmp_path, may_build=True, timeout_s=3)
    eventually(lambda: not alive(int(pid.read_text())), what="the package's build to be dead")


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_uv_sees_the_registry_but_nothing_else_of_the_studio(
    interpreter: Interpreter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "uv"
    fake.write_text('#!/bin/sh\nenv > "$HOME/seen"\npwd >> "$HOME/seen"\n')
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(lock, "find_uv_bin", lambda: str(fake))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RUNYARD_SECRET_KEY", "hunter2")
    monkeypatch.setenv("UV_CACHE_DIR", "/elsewhere")
    monkeypatch.setenv("UV_INDEX_TEAM_PASSWORD", "for-uv")
    resolve("tool\n", interpreter, tmp_path)
    seen = (tmp_path / "seen").read_text()
    assert "UV_INDEX_TEAM_PASSWORD=for-uv" in seen
    assert "hunter2" not in seen
    assert "/elsewhere" not in seen
    assert str(Path.cwd()) not in seen.splitlines()


def test_whoever_waits_for_a_resolution_is_called_meanwhile(
    interpreter: Interpreter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = tmp_path / "called"
    fake = tmp_path / "uv"
    fake.write_text(
        f"#!/bin/sh\nuntil [ -e {called} ]; do sleep 0.01; done\ncat requirements.txt\n"
    )
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(lock, "find_uv_bin", lambda: str(fake))
    monkeypatch.setattr(lock, "_TICK_S", 0.05)
    text = resolve("tool==1.0\n", interpreter, tmp_path, while_waiting=called.touch)
    assert text == "tool==1.0\n"


def test_registry_variables_are_those_that_say_where_packages_come_from() -> None:
    environ = {
        "UV_INDEX": "a",
        "UV_DEFAULT_INDEX": "b",
        "UV_INDEX_TEAM_USERNAME": "c",
        "UV_FIND_LINKS": "d",
        "UV_CACHE_DIR": "e",
        "UV_PYTHON": "f",
        "PATH": "g",
    }
    assert sorted(registry_variables(environ).values()) == ["a", "b", "c", "d"]


def test_names_of_pins_are_canonical() -> None:
    pins = ["Zope.Interface==1 ; extra == 'x'", "a_b[c]==2", "tool @ https://example.org/t.zip"]
    assert [pin_name(pin) for pin in pins] == ["zope-interface", "a-b", "tool"]


@pytest.mark.parametrize(
    ("facts", "platform"),
    [
        (("linux", "x86_64", "glibc 2.36"), "x86_64-manylinux_2_36"),
        (("linux", "x86_64", "glibc 2.30"), "x86_64-manylinux_2_28"),
        (("linux", "aarch64", "glibc 2.99"), "aarch64-manylinux_2_40"),
        (("linux", "x86_64", "glibc 2.12"), "x86_64-manylinux_2_17"),
        (("linux", "x86_64", "musl"), "x86_64-unknown-linux-musl"),
        (("linux", "x86_64", ""), "x86_64-unknown-linux-gnu"),
        (("darwin", "arm64", ""), "aarch64-apple-darwin"),
    ],
)
def test_platforms_are_named_as_uv_names_them(
    facts: tuple[str, str, str], platform: str, registry: Registry, tmp_path: Path
) -> None:
    assert platform_name(*facts) == platform
    registry.wheel("tool")
    here = Interpreter("/usr/bin/python3", "3.11.0", platform)
    assert lock_pins(resolve("tool\n", here, tmp_path)) == ["tool==1.0"]


def test_the_key_follows_lock_and_interpreter_alone() -> None:
    facts = {
        "python": "/usr/bin/python3.11",
        "python_version": "3.11.7",
        "platform": "linux",
        "machine": "x86_64",
        "libc": "glibc 2.36",
    }
    here = interpreter_from_facts(facts)
    key = build_key(key_parts("tool==1.0\n", here))
    assert len(key) == 32
    assert build_key(key_parts("tool==1.0\n", interpreter_from_facts(dict(facts)))) == key
    assert build_key(key_parts("tool==1.1\n", here)) != key
    for change in (
        {"python": "/opt/python3.11"},
        {"python_version": "3.11.8"},
        {"machine": "aarch64"},
    ):
        other = interpreter_from_facts(facts | change)
        assert build_key(key_parts("tool==1.0\n", other)) != key
    assert build_key(key_parts("tool==1.0\n", here, image="sha256:0")) != key
    assert build_key(key_parts("tool==1.0\n", here, steps="another way")) != key


def test_the_parts_of_a_key_are_stored_by_name(interpreter: Interpreter) -> None:
    parts = key_parts("tool==1.0\n", interpreter)
    stored = parts.to_json()
    assert stored["python_version"] == "3.11.7"
    assert "image" not in stored
    assert KeyParts.from_json(stored) == parts
    assert KeyParts.from_json({**stored, "weather": "fine"}) == parts
    assert KeyParts.from_json({}).lock == ""


def test_a_failed_build_is_summed_up_from_the_end_of_its_log() -> None:
    log = (
        b"Making the environment with /usr/bin/python3\nDone in 0.1 s\n"
        b"Installing the locked packages\n"
        b"error: Failed to download `tool==1.0`\n  cause: Hash mismatch for `tool==1.0`\n\n"
        b"         Expected:\n           sha256:00\n\n"
        b"Installing the locked packages failed: uv ended with 1. What it said stands above.\n"
    )
    assert build_error(log) == (
        "Failed to download `tool==1.0`. Hash mismatch for `tool==1.0`. Expected: sha256:00."
    )
    assert build_error(b"uv is not on this target.\n\n") == "uv is not on this target."
    assert build_error(b"") == ""
