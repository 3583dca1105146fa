"""A place to run as plain data: how to get there and where things lie."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from compute.launchers.base import Launcher
from compute.traces import FolderTraces, Traces
from compute.transports.base import Transport

if TYPE_CHECKING:
    from compute.images import EngineImages
    from compute.session import Session


@dataclass(frozen=True)
class Place:
    """Everything that is needed to talk to a target. Equal places are the same place."""

    transport: Transport
    root: str
    """The folder over there under which all of ours lies."""
    python: str
    """The interpreter that runs the runner."""
    blobs: str
    """The content store over there."""
    launcher: Callable[[Session], Launcher]
    """Makes what starts runs so that they outlive us."""
    examine: Callable[[], Mapping[str, Any]] | None = None
    """Tries out what the place itself consists of: facts that overrule those of the runner."""
    images: EngineImages | None = None
    """Where environments are images; None where they are folders."""
    traces: Callable[[Session], Traces] = FolderTraces
    """Makes what finds and removes what was left there."""
