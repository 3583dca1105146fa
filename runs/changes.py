"""What differs between two lists of files."""

from __future__ import annotations

from dataclasses import dataclass

from runs.snapshots import Entry, Manifest


@dataclass(frozen=True)
class Changes:
    """What became of the files from an older snapshot to a newer one, each by path."""

    added: list[Entry]
    removed: list[Entry]
    modified: list[tuple[Entry, Entry]]
    """(before, after): another content, mode or link under the same path."""

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.modified)


def manifest_changes(old: Manifest, new: Manifest) -> Changes:
    """The paths that only one of them has, and those that are something else in each."""
    pairs = [(old.get(entry.path), entry) for entry in new.entries]
    return Changes(
        added=[after for before, after in pairs if before is None],
        removed=[entry for entry in old.entries if new.get(entry.path) is None],
        modified=[(before, after) for before, after in pairs if before and before != after],
    )
