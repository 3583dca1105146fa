"""The Python client and the `runyard` command: standard library only.

    Workspace, Experiment, Environment, ScriptRunConfig, ComputeTarget   from the outside
    Run                                                                  from a script

Only `Run` goes along with each run; the rest is imported when it is asked for.
"""

from studio.client.run_context import Run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from studio.client.errors import NotFound, Refused, RunFailed, Unreachable
    from studio.client.sdk.config import RunConfiguration, ScriptRunConfig
    from studio.client.sdk.environment import Environment
    from studio.client.sdk.experiment import Experiment
    from studio.client.sdk.target import ComputeTarget
    from studio.client.sdk.workspace import Workspace

_HOMES = {
    "ComputeTarget": "sdk.target",
    "Environment": "sdk.environment",
    "Experiment": "sdk.experiment",
    "NotFound": "errors",
    "Refused": "errors",
    "RunConfiguration": "sdk.config",
    "RunFailed": "errors",
    "ScriptRunConfig": "sdk.config",
    "Unreachable": "errors",
    "Workspace": "sdk.workspace",
}

__all__ = [
    "ComputeTarget",
    "Environment",
    "Experiment",
    "NotFound",
    "Refused",
    "Run",
    "RunConfiguration",
    "RunFailed",
    "ScriptRunConfig",
    "Unreachable",
    "Workspace",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'studio.client' has no attribute '{name}'")
    try:
        home = __import__("studio.client." + _HOMES[name], fromlist=[name])
    except ImportError as error:
        raise ImportError(
            "Inside a run studio.client has only Run: submit from outside of it."
        ) from error
    return getattr(home, name)
