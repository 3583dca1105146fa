"""What must hold for every manifest that anybody can send."""

from __future__ import annotations

import json
import random
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs.changes import manifest_changes
from runs.plans import upload_plan
from runs.snapshots import (
    Difference,
    Manifest,
    ManifestRefused,
    check_tree,
    read_difference,
)
from studio.client.folder import canonical, digest
from tests.runs.sources import one_sentence, sha

LIMITS = {"max_bytes": 1 << 40, "max_files": 1000}

letters = st.characters(exclude_categories=["Cs"], exclude_characters="/\x7f", min_codepoint=0x20)
names = st.text(letters, min_size=1, max_size=8).filter(lambda name: name not in (".", ".."))
paths = st.lists(names, min_size=1, max_size=4).map("/".join)
shas = st.binary(max_size=4).map(sha)


files = st.fixed_dictionaries(
    {"mode": st.sampled_from([0o644, 0o755]), "size": st.integers(0, 1 << 20), "sha": shas}
)
links = st.fixed_dictionaries({"link": names})
bodies: st.SearchStrategy[dict[str, Any]] = files | files | links


def items(path: str) -> st.SearchStrategy[dict[str, Any]]:
    return bodies.map(lambda body: {"path": path, **body})


def fits(listed: list[str]) -> bool:
    try:
        check_tree((path, "") for path in listed)
    except ManifestRefused:
        return False
    return True


# whole entries at once: a strategy made anew for each path costs more than all else here
trees = st.lists(
    st.tuples(paths, bodies).map(lambda drawn: {"path": drawn[0], **drawn[1]}),
    max_size=8,
    unique_by=lambda entry: entry["path"],
).filter(lambda entries: fits([entry["path"] for entry in entries]))


@given(entries=trees, seed=st.randoms())
def test_a_manifest_goes_round_and_its_order_does_not_count(
    entries: list[Any], seed: random.Random
) -> None:
    manifest = Manifest.from_json(json.dumps(entries).encode(), **LIMITS)
    assert Manifest.from_json(manifest.to_json(), **LIMITS) == manifest
    assert Manifest.trusted(manifest.to_json()) == manifest
    assert manifest.to_json() == canonical(entries)
    assert manifest.digest == digest(entries)
    seed.shuffle(entries)
    assert Manifest.from_json(json.dumps(entries).encode(), **LIMITS).digest == manifest.digest


@given(entries=trees, data=st.data())
def test_every_change_is_another_digest(entries: list[Any], data: st.DataObject) -> None:
    before = digest(entries)
    if not entries:
        return
    at = data.draw(st.integers(0, len(entries) - 1))
    entry = entries[at]
    field = data.draw(st.sampled_from(sorted(entry)))
    changed = entry[field] + 1 if isinstance(entry[field], int) else entry[field] + "x"
    assert digest([*entries[:at], {**entry, field: changed}, *entries[at + 1 :]]) != before
    assert digest(entries[:at] + entries[at + 1 :]) != before


@given(old=trees, new=trees)
def test_changes_lead_from_one_manifest_to_the_other(old: list[Any], new: list[Any]) -> None:
    before, after = (Manifest.from_json(json.dumps(e).encode(), **LIMITS) for e in (old, new))
    found = manifest_changes(before, after)
    assert bool(found) == (before.digest != after.digest)
    result = {entry.path: entry for entry in before.entries}
    for entry in found.removed:
        del result[entry.path]
    result |= {entry.path: entry for entry in found.added}
    result |= {entry.path: entry for _, entry in found.modified}
    assert Manifest.of(result.values()) == after
    told = [entry.as_client_entry() for entry in (*found.added, *(e for _, e in found.modified))]
    difference = Difference(before.digest, list(told), [e.path for e in found.removed])
    text = json.dumps(
        {"base": difference.base, "changed": told, "removed": difference.removed}
    ).encode()
    assert read_difference(text) == difference
    assert Manifest.from_items(difference.items(before), **LIMITS) == after


bad_paths = st.sampled_from(
    ["", "/", "/a", "a/", "a//b", ".", "..", "./a", "a/..", "a/./b", "../a", "a\nb", "a\0", "\x1f",
     "a\x7f", "\ud800", "a/\udcff"]
)  # fmt: skip


@given(entries=trees, bad=bad_paths, data=st.data())
def test_one_bad_path_refuses_all(entries: list[Any], bad: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(entries)))
    entries.insert(at, data.draw(items(bad)))
    with pytest.raises(ManifestRefused) as caught:
        Manifest.from_json(json.dumps(entries).encode(), **LIMITS)
    assert one_sentence(caught.value)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["path", "link", "sha", "size", "mode", "base"]), inner)
    ),
    max_leaves=8,
)


@given(thing=anything)
def test_what_is_no_manifest_is_refused_in_a_sentence(thing: object) -> None:
    text = json.dumps(thing).encode()
    if thing == []:
        return
    with suppress(ManifestRefused):
        manifest = Manifest.from_json(text, **LIMITS)
        assert Manifest.from_json(manifest.to_json(), **LIMITS) == manifest
    assert read_difference(text) is None or isinstance(thing, dict)


def readable(listed: list[str]) -> bool:
    """Whether a browser could read each name: for what it could not it says U+FFFD."""
    return fits(listed) and not any("\ufffd" in path for path in listed)


@given(listed=st.lists(paths, max_size=8, unique=True).filter(readable), rules=st.text(max_size=12))
def test_a_plan_sorts_every_file_once(listed: list[str], rules: str) -> None:
    files = [(path, 1) for path in listed if path != ".gitignore"]
    files.append((".gitignore", 1))
    if not fits([path for path, _ in files]):
        return
    plan = upload_plan(files, {".gitignore": rules}, **LIMITS)
    assert len(plan.kept) + sum(each.files for each in plan.left_out) == len(files)
    assert plan.size_bytes == len(plan.kept)
    kept = {files[at][0] for at in plan.kept}
    for each in plan.left_out:
        inside = {path for path in kept if (path + "/").startswith(each.path.rstrip("/") + "/")}
        assert not inside
