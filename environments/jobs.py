"""Background doors: what workers are asked to do, by id. Each calls one service."""

from __future__ import annotations

from environments.services import build_stop


def stop(build_id: int) -> None:
    """Tell a build's target to end it."""
    build_stop(build_id=build_id)
