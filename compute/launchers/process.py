"""Tasks as plain processes of the target, kept by the runner's keeper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from compute.launchers.base import Handle, LaunchSpec, Report, Witness

if TYPE_CHECKING:
    from compute.session import Session

_IDENTITY = ("pid", "start_time", "boot_id")


class ProcessLauncher:
    """A `Launcher` through an open session, which forks the keeper and forgets it.

    The folder finds a task again; the keeper's identity stands in the handle for people
    who look for it on the target.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def launch(self, spec: LaunchSpec) -> Handle:
        """As promised by `Launcher`."""
        session = self._session
        outcome = session.start(
            spec.name, spec.spec, secrets=spec.secrets, mask=spec.mask, build=spec.build
        )
        keeper = getattr(outcome, "keeper", {})
        return {
            "kind": "process",
            "name": spec.name,
            "root": session.place.root,
            "runner": session.runner_sha,
            **{key: keeper[key] for key in _IDENTITY if key in keeper},
        }

    def pending(self, handles: Sequence[Handle]) -> Mapping[str, Report]:
        """Nothing: processes of the target wait in no queue but ours."""
        del handles
        return {}

    def alive(self, handle: Handle) -> bool:
        """As promised by `Launcher`."""
        name = handle["name"]
        return self._session.look([name])[name].alive

    def stop(self, handle: Handle, *, grace_s: float, reason: str) -> None:
        """As promised by `Launcher`."""
        self._session.stop(handle["name"], reason=reason, grace_s=grace_s)

    def settle(self, handle: Handle) -> str:
        """Nothing: the runner sees the processes of its own machine itself."""
        del handle
        return ""

    def witness(self, handle: Handle, *, reason: str) -> Witness:
        """As promised by `Launcher`: a machine that went down has another boot id afterwards."""
        name = handle["name"]
        if reason != "host_shutdown":
            return Witness(reason, "")
        if self._session.look([name])[name].rebooted:
            return Witness("host_restarted", "")
        sentence = (
            "The run was told to end by a signal that Runyard did not send: somebody on the target "
            "stopped it, or the target was going down."
        )
        return Witness("stopped_outside", sentence)

    def release(self, handle: Handle) -> None:
        """Nothing: a process that has ended holds nothing."""
        del handle

    def clear(self, handle: Handle) -> None:
        """As promised by `Launcher`."""
        self._session.clear(handle["name"])
