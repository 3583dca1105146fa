"""What differs between two versions."""

from __future__ import annotations

from typing import Any

import pytest

from environments.differences import EVERYWHERE, Place, definition_changes, lock_changes
from environments.pins import Pin, PinChange, pin_changes, pin_read

HERE, THERE = Place("3.11", "x86_64-manylinux_2_36"), Place("3.12", "aarch64-apple-darwin")
ANY = Place("3.11", EVERYWHERE)


@pytest.mark.parametrize(
    ("text", "pin"),
    [
        ("numpy==2.4.6", Pin("numpy", "2.4.6")),
        ("Uvicorn[standard]==0.30 ; os_name == 'nt'", Pin("uvicorn", "0.30", "os_name == 'nt'")),
        ("six @ https://x.org/six.zip", Pin("six", "https://x.org/six.zip")),
        ("six", Pin("six", "any")),
        ("", Pin("", "")),
    ],
)
def test_a_pin_has_parts(text: str, pin: Pin) -> None:
    assert pin_read(text) == pin


def test_packages_are_added_removed_and_changed() -> None:
    changes = pin_changes(["a==1", "b==1", "c==1"], ["c==2", "b==1", "d==1"])
    assert [(c.kind, c) for c in changes] == [
        ("removed", PinChange("a", "1", "")),
        ("changed", PinChange("c", "1", "2")),
        ("added", PinChange("d", "", "1")),
    ]


def test_a_universal_lock_differs_from_another_by_its_versions() -> None:
    universal = ["a==1 ; os_name == 'posix'", "b==1 ; python_version < '3.12'", "b==2"]
    assert pin_changes(universal, ["a==1", "b==2"]) == [PinChange("b", "1, 2", "2")]
    assert pin_changes(universal, ["a==1 ; os_name == 'nt'", *universal[1:]]) == [
        PinChange("a", "1 ; os_name == 'posix'", "1 ; os_name == 'nt'")
    ]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ({"kind": "requirements"}, {"kind": "requirements"}, []),
        (
            {"requirements": "a\nb\n", "lock": "1"},
            {"requirements": "a\nc\n", "lock": "2"},
            ["Packages", "  a", "- b", "+ c"],
        ),
        (
            {"kind": "requirements", "requirements": "a\n"},
            {"kind": "user-managed", "interpreter_path": "/p"},
            ["Kind", "- requirements", "+ user-managed", "Packages", "- a", "Interpreter", "+ /p"],
        ),
        (
            {"variables": {"A": "1", "B": "1"}, "secrets": ["K"]},
            {"variables": {"A": "2", "B": "1"}, "spark": {"packages": ["g:a:1"]}},
            ["Variables", "- A=1", "+ A=2", "  B=1", "Secrets", "- K",
             "Spark", "+ packages: g:a:1"],
        ),
        ({}, {"color": "red"}, ["Color", "+ red"]),
    ],
)  # fmt: skip
def test_definitions_differ_part_by_part(
    old: dict[str, Any], new: dict[str, Any], said: list[str]
) -> None:
    found = []
    for part in definition_changes(old, new):
        found += [part.label, *(f"{line.sign} {line.text}" for line in part.lines)]
    assert found == said


def test_what_lies_far_apart_has_a_gap_between() -> None:
    lines = [str(n) for n in range(20)]
    (part,) = definition_changes(
        {"requirements": "\n".join(lines)}, {"requirements": "\n".join(["x", *lines, "y"])}
    )
    assert [line.text for line in part.lines] == ["x", "0", "1", "2", "", "17", "18", "19", "y"]
    assert part.lines[4].sign == "@"


def test_locks_are_compared_place_by_place() -> None:
    (only,) = lock_changes({THERE: "a==1\n", HERE: "a==1\n"}, {HERE: "a==2\nb==1\n"})
    assert (only.old, only.new) == (HERE, HERE)
    assert only.counts == {"added": 1, "removed": 0, "changed": 1}
    (other,) = lock_changes({ANY: "a==1\n"}, {THERE: "a==2\n", HERE: "a==1\n"})
    assert (str(other.old), str(other.new)) == (
        "Python 3.11 and newer on every platform",
        "Python 3.11 on x86_64-manylinux_2_36",
    )
    assert lock_changes({HERE: "a==1\n"}, {}) == []


def test_other_files_of_the_same_packages_are_told_apart() -> None:
    old, new = "a==1 \\\n    --hash=sha256:1\n", "a==1 \\\n    --hash=sha256:2\n"
    (change,) = lock_changes({HERE: old}, {HERE: new})
    assert (change.changes, change.is_identical) == ([], False)
    assert lock_changes({HERE: old}, {HERE: old})[0].is_identical
