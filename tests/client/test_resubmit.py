"""A second submit of a changed folder sends little more than what changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runs.models import Run, Snapshot
from studio.client.folder import digest, scan
from studio.client.lastsent import LastSent
from tests.api.caller import Caller
from tests.client.conftest import Command
from tests.relay import relayed

pytestmark = pytest.mark.django_db(transaction=True)

FILES, BYTES = 300, 20_000


@pytest.fixture
def source(tmp_path: Path, run: Run) -> Path:
    top = tmp_path / "many"
    for number in range(FILES):
        path = top / f"package_{number % 10}" / f"module_{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(BYTES))
    (top / "train.py").write_text("print(1)\n")
    return top


def submit(runyard: Command, source: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """Submit through a relay: how many bytes went to the studio."""
    with relayed(url) as relay:
        monkeypatch.setenv("RUNYARD_URL", relay.url)
        process = runyard("submit", "--source", str(source), "train.py")
        _, said = process.communicate(timeout=30)
        assert process.returncode == 0, said
    return relay.sent_bytes


def test_one_changed_file_is_nearly_all_that_travels(
    runyard: Command,
    as_bob: Caller,
    url: str,
    source: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = submit(runyard, source, url, monkeypatch)
    assert FILES * BYTES < first < 1.05 * FILES * BYTES
    changed = source / "package_3/module_3.py"
    changed.write_bytes(os.urandom(150_000))
    assert 150_000 < submit(runyard, source, url, monkeypatch) < 1.1 * 150_000
    (source / "package_4/module_4.py").unlink()
    changed.rename(source / "moved.py")
    assert submit(runyard, source, url, monkeypatch) < 5_000
    assert Run.objects.latest("pk").snapshot.digest == digest(scan(source))
    assert submit(runyard, source, url, monkeypatch) < 2_000


def test_a_studio_that_forgot_is_told_everything(
    runyard: Command,
    as_bob: Caller,
    url: str,
    source: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    submit(runyard, source, url, monkeypatch)
    Run.objects.all().delete()
    Snapshot.objects.all().delete()
    (source / "train.py").write_text("print(2)\n")
    assert submit(runyard, source, url, monkeypatch) < FILES * 300  # the contents are still there
    assert Run.objects.get().snapshot.digest == digest(scan(source))


@pytest.mark.parametrize("text", [b"", b"{", b"[1]", b'{"path": 1}', b"\xff", b'[{"no": 1}]'])
def test_a_broken_memory_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: bytes
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    last = LastSent(str(tmp_path))
    assert last.difference([]) is None
    last.keep([{"path": "a", "link": "b"}])
    assert b'"removed": ["a"]' in (LastSent(str(tmp_path)).difference([]) or b"")
    (file,) = (tmp_path / "runyard/sent").iterdir()
    file.write_bytes(text)
    assert LastSent(str(tmp_path)).difference([]) is None
