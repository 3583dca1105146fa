"""Writing about environments and their builds."""

from environments.services.builds import (
    build_cancel,
    build_finished,
    build_folder,
    build_settle,
    build_stop,
    builds_to_stop,
)
from environments.services.ensure import Building, EnvironmentState, Failed, Ready, build_ensure
from environments.services.environments import (
    environment_bootstrap_curated,
    environment_create,
    environment_pick,
)

__all__ = [
    "Building",
    "EnvironmentState",
    "Failed",
    "Ready",
    "build_cancel",
    "build_ensure",
    "build_finished",
    "build_folder",
    "build_settle",
    "build_stop",
    "builds_to_stop",
    "environment_bootstrap_curated",
    "environment_create",
    "environment_pick",
]
