"""Finding files by a few letters of their path, as editors do."""

from __future__ import annotations

from collections.abc import Iterable

_SHOWN = 50


def find_paths(paths: Iterable[str], letters: str, *, shown: int = _SHOWN) -> list[str]:
    """The paths that hold the letters in that order, the best match first."""
    wanted = "".join(letters.lower().split())
    if not wanted:
        return []
    ranked = [(rank, path) for path in paths if (rank := _rank(path, wanted)) is not None]
    return [path for _, path in sorted(ranked)[:shown]]


def _rank(path: str, wanted: str) -> tuple[int, int, int] | None:
    """Smaller is better: in the name in one piece, in the path in one piece, scattered."""
    low = path.lower()
    name_at = low.rfind("/") + 1
    at = low.find(wanted, name_at)
    if at >= 0:
        return (0, at - name_at, len(path))
    if wanted in low:
        return (1, low.index(wanted), len(path))
    spread = _spread(low, wanted)
    return None if spread is None else (2, spread, len(path))


def _spread(low: str, wanted: str) -> int | None:
    """Over how many characters the letters lie, when each is taken as early as it can be."""
    start = at = low.find(wanted[0])
    for letter in wanted[1:]:
        at = low.find(letter, at + 1) if at >= 0 else -1
    return at - start if at >= 0 else None
