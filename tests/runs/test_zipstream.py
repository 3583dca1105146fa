"""Zips that are written while they are sent."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from runs.zipstream import PIECE_BYTES, Packed, zip_size, zip_stream

AT = datetime(2026, 5, 4, 3, 2, 0, tzinfo=UTC)


def test_what_is_sent_is_a_zip_of_the_size_that_was_said(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a" * 1000)
    files = [
        Packed("grün/a.bin", 1000, tmp_path / "a", mode=0o755, at=AT),
        Packed("same", 10, link="grün/a.bin"),
        Packed("old", 1000, tmp_path / "a", at=datetime(1970, 1, 1, tzinfo=UTC)),
    ]
    files[1] = Packed("same", len(files[1].link.encode()), link=files[1].link)
    sent = b"".join(zip_stream(files))
    assert len(sent) == zip_size(files)
    with zipfile.ZipFile(io.BytesIO(sent)) as packed:
        assert packed.testzip() is None
        info = packed.getinfo("grün/a.bin")
        assert info.external_attr >> 16 == 0o100755
        assert info.date_time == (2026, 5, 4, 3, 2, 0)
        assert packed.read("same").decode() == "grün/a.bin"
        assert packed.getinfo("same").external_attr >> 28 == 0o12
        assert packed.getinfo("old").date_time[0] == 1980


def test_nothing_makes_an_empty_zip() -> None:
    assert len(b"".join(zip_stream([]))) == zip_size([]) == 22


def test_one_piece_is_in_memory(tmp_path: Path) -> None:
    big = tmp_path / "big"
    with big.open("wb") as file:
        file.truncate(40_000_000)
    files = [Packed(f"{n}.bin", 40_000_000, big) for n in range(2)]
    tracemalloc.start()
    lengths = [len(piece) for piece in zip_stream(files)]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sum(lengths) == zip_size(files)
    assert max(lengths) <= 2 * PIECE_BYTES
    assert peak < 8 * PIECE_BYTES


def test_a_zip_that_needs_larger_fields_has_no_length_before(tmp_path: Path) -> None:
    assert zip_size([Packed("x", 3_000_000_000, tmp_path / "x")]) is None


@pytest.mark.parametrize(
    ("path", "name"),
    [("../../x", "x"), ("/etc/x", "etc/x"), ("a\\..\\x", "a_.._x"), ("a//./b", "a/b"), ("..", "_")],
)
def test_no_name_leads_out_of_the_folder(path: str, name: str) -> None:
    assert Packed(path, 0).name == name
