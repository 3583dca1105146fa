"""Why a task's container ended without our doing, from what its engine can prove of it."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from docker.errors import NotFound

from compute.containers import TASK, VOLUME_LABEL, Site
from compute.launchers.base import Witness

_KILL = str(int(signal.SIGKILL))
_OBEYED = (str(int(signal.SIGTERM)), str(int(signal.SIGINT)))
"""On which a keeper ends its command."""
_SIGNALS = 128
"""An exit status above it tells of a signal."""
_LOST, _MEMORY = "keeper_lost", "out_of_memory"
_STOPPED, _RESTARTED = "stopped_outside", "host_restarted"


@dataclass(frozen=True)
class _Evidence:
    """What an engine that answers now knows of a container that has ended, by its own clock."""

    began_at: datetime | None
    """When the engine was last started: it makes its bridge anew then, unless containers live."""
    up_since: datetime | None
    """Since when at the latest it has been up without a break."""
    kills: tuple[tuple[datetime, str], ...]
    """When it sent the container which signal; it forgets that when it is started anew."""
    is_destroyed: bool
    is_updated: bool
    """Whether somebody changed its limits."""

    def stranger_sent(self, *signals: str) -> str:
        """The first of these signals that somebody had the engine send; "" when none is known.

        An engine that finds a container alive as it starts ends it too, before it is up.
        """
        since = self.up_since
        sent = [number for at, number in self.kills if since is not None and at > since]
        return next((number for number in sent if number in signals), "")

    def is_restarted_since(self, state: Mapping[str, Any]) -> bool:
        """Whether the engine was started after the end of a container, which may go on yet."""
        if state["Running"] or self.began_at is None:
            return False
        return self.began_at > _moment(state["FinishedAt"])


def container_stopped(site: Site, task: str, found: Mapping[str, Any] | None) -> Witness:
    """Who told a task to end by a signal that was none of ours, which its keeper has obeyed."""
    evidence = _gather(site, task, found)
    if sent := evidence.stranger_sent(*_OBEYED):
        sentence = (
            f"Somebody had the engine stop its container (signal {sent}, as by 'docker stop'); "
            "the engine itself went on."
        )
        return Witness(_STOPPED, sentence)
    if found is not None and evidence.is_restarted_since(found["State"]):
        return Witness(_RESTARTED, "")
    sentence = (
        "Its container was told to end from outside: somebody stopped it, or its engine or the "
        "machine was going down. The engine cannot tell which."
    )
    return Witness(_STOPPED, sentence)


def container_died(site: Site, task: str, found: Mapping[str, Any] | None) -> Witness:
    """Why a container is dead that left no record of how its command ended."""
    evidence = _gather(site, task, found)
    if found is None:
        return _removed(evidence)
    state = found["State"]
    if sent := evidence.stranger_sent(_KILL):
        sentence = f"Somebody had the engine kill its container (signal {sent})"
        return Witness(_STOPPED, f"{sentence}; the engine itself went on.")
    if state["OOMKilled"]:
        sentence = _memory_told(evidence, found) or "The container used more memory than it may."
        return Witness(_MEMORY, sentence)
    if evidence.is_restarted_since(state):
        return Witness(_RESTARTED, "")
    code = int(state["ExitCode"])
    if code <= _SIGNALS:
        sentence = f"The container ended before its command did (exit status {code})."
        return Witness(_LOST, sentence)
    sentence = (
        f"The container was killed (exit status {code}), and not through the engine as far as "
        "that knows: by its machine, as when memory is short, or by somebody there."
    )
    return Witness(_LOST, sentence)


def container_starved(site: Site, task: str, found: Mapping[str, Any] | None) -> Witness:
    """Whether what a task lacked in memory was taken from its container while it ran."""
    if found is None:
        return Witness(_MEMORY, "")
    return Witness(_MEMORY, _memory_told(_gather(site, task, found), found))


def _memory_told(evidence: _Evidence, found: Mapping[str, Any]) -> str:
    limit = found["HostConfig"]["Memory"]
    if not (evidence.is_updated and limit):
        return ""
    return (
        "Somebody changed the limits of its container while the command ran ('docker update'), "
        f"which may use {limit / (1 << 20):.0f} MiB of memory since, and needed more."
    )


def _removed(evidence: _Evidence) -> Witness:
    if evidence.is_destroyed and evidence.stranger_sent(_KILL):
        sentence = "Somebody removed its container from the engine while the command ran."
    else:
        sentence = (
            "Its container is gone from the engine: somebody removed it, while the command ran "
            "or after something else had ended it."
        )
    return Witness(_STOPPED, sentence)


def _gather(site: Site, task: str, found: Mapping[str, Any] | None) -> _Evidence:
    began_at, helper_at = _bridge_made_at(site), _helper_started_at(site)
    known = [at for at in (began_at, helper_at) if at is not None]
    kills, actions = [], set()
    label = [f"{VOLUME_LABEL}={site.volume}", f"{TASK}={task}"]
    for event in _events(site, {"container": [found["Id"]]} if found else {"label": label}):
        actions.add(event["Action"])
        if event["Action"] == "kill":
            at = datetime.fromtimestamp(event["timeNano"] / 1e9).astimezone()
            kills.append((at, event["Actor"]["Attributes"].get("signal", "")))
    return _Evidence(
        began_at=began_at,
        up_since=min(known, default=None),
        kills=tuple(kills),
        is_destroyed="destroy" in actions,
        is_updated="update" in actions,
    )


def _events(site: Site, whose: Mapping[str, list[str]]) -> list[Mapping[str, Any]]:
    """What the engine remembers of a container: by its id, or when it is gone by its labels."""
    api = site.engine.api
    filters = {"type": "container", "event": ["kill", "destroy", "update"], **whose}
    now = _moment(api.info()["SystemTime"]).timestamp()  # later than that, and it would wait
    told = list(api.events(since="1", until=f"{now:.6f}", filters=filters, decode=True))
    site.engine.greet()  # else its own signals, as it goes down, were taken for somebody's
    return told


def _bridge_made_at(site: Site) -> datetime | None:
    for network in site.engine.api.networks(names=["bridge"]):
        if network["Name"] == "bridge":
            return _moment(network["Created"])
    return None


def _helper_started_at(site: Site) -> datetime | None:
    """Since when our helper runs: an engine that ends containers as it goes down ends it too."""
    try:
        state = site.engine.api.inspect_container(site.helper_name)["State"]
    except NotFound:
        return None
    return _moment(state["StartedAt"]) if state["Running"] else None


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
