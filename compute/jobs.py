"""Background doors: what workers are asked to do, by id. Each calls one service."""

from __future__ import annotations

from compute.fetching import image_fetch


def fetch(target_id: int) -> None:
    """Bring the image of a target to its engine."""
    image_fetch(target_id=target_id)
