"""What of a listed tree would become a snapshot: said before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from runs.rules import TreeRules
from runs.snapshots import ManifestRefused, check_tree
from studio.client import folder as client
from studio.client.folder import FolderRefused

LARGEST = 10
_REPLACED = "\N{REPLACEMENT CHARACTER}"


@dataclass(frozen=True)
class LeftOut:
    """A file, or a folder by its name with a slash, that stays behind with all in it."""

    path: str
    files: int
    size_bytes: int


@dataclass(frozen=True)
class Plan:
    """What would be kept, and what not."""

    kept: list[int]
    """Their places in the list that was given."""
    left_out: list[LeftOut]
    largest: list[tuple[str, int]]
    """(path, size) of the biggest files that are kept."""
    size_bytes: int


def upload_plan(
    files: Sequence[tuple[str, int]], rules: Mapping[str, str], *, max_bytes: int, max_files: int
) -> Plan:
    """Sort (path, size) into kept and left out, by the text of the ignore files in `rules`.

    Raises:
        ManifestRefused: what is left cannot become a snapshot.
    """
    paths = {path for path, _ in files}
    tree = TreeRules(paths, lambda path: rules.get(path, "").encode())
    kept: list[int] = []
    left_out: dict[str, LeftOut] = {}
    for number, (path, size) in enumerate(files):
        why = tree.left_out(path)
        if why is None:
            kept.append(number)
        else:
            before = left_out.get(why, LeftOut(why, 0, 0))
            left_out[why] = LeftOut(why, before.files + 1, before.size_bytes + size)
    chosen = [files[number] for number in kept]
    _check(chosen, max_bytes, max_files)
    largest = sorted(chosen, key=lambda file: (-file[1], file[0]))[:LARGEST]
    stays = sorted(left_out.values(), key=lambda each: each.path)
    return Plan(kept, stays, largest, sum(size for _, size in chosen))


def _check(files: Sequence[tuple[str, int]], max_bytes: int, max_files: int) -> None:
    check_tree((path, "") for path, _ in files)
    for path, _ in files:
        if _REPLACED in path:  # a browser says no more of a name that it cannot read
            raise ManifestRefused(
                f"The name {path!a} is not UTF-8: rename it, or leave it out in .gitignore or "
                ".amlignore."
            )
    try:
        client.check_size(files, max_bytes, max_files)
    except FolderRefused as error:
        raise ManifestRefused(str(error)) from error
