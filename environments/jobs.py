"""Background doors: what workers are asked to do, by id. Each calls one service."""

from __future__ import annotations

from environments.services import (
    build_stop,
    build_store,
    order_walk,
    target_clean,
    update_resolve,
)


def stop(build_id: int) -> None:
    """Tell a build's target to end it."""
    build_stop(build_id=build_id)


def store(build_id: int) -> None:
    """Store the image that a build made, and remove what it left."""
    build_store(build_id=build_id)


def update(update_id: int) -> None:
    """Resolve the packages of a version anew."""
    update_resolve(update_id=update_id)


def order(order_id: int) -> None:
    """Take an order of a build as far as it goes."""
    order_walk(order_id=order_id)


def clean(target_id: int) -> None:
    """Look at what is built on a target, and remove what has no room."""
    target_clean(target_id=target_id)
