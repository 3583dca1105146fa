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

_OURS = frozenset({str(int(signal.SIGUSR1)), "SIGUSR1"})
"""With what we wake a keeper through the engine, which ends nothing."""
_SIGNALS = 128
"""An exit status above it tells of a signal."""
_LOST, _STOPPED, _RESTARTED = "keeper_lost", "stopped_outside", "host_restarted"


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

    def stranger_sent(self) -> str:
        """The last signal that somebody had the engine send; "" when none is known.

        An engine that finds a container alive as it starts ends it too, before it is up.
        """
        since = self.up_since
        sent = [number for at, number in self.kills if since is not None and at > since]
        return sent[-1] if sent else ""

    def is_restarted_since(self, state: Mapping[str, Any]) -> bool:
        """Whether the engine was started after the end of a container, which may go on yet."""
        if state["Running"] or self.began_at is None:
            return False
        return self.began_at > _moment(state["FinishedAt"])


def container_stopped(site: Site, task: str, found: Mapping[str, Any] | None) -> Witness:
    """Who told a task to end by a signal that was none of ours, which its keeper has obeyed."""
    evidence = _gather(site, task, found)
    if sent := evidence.stranger_sent():
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
    sent = evidence.stranger_sent()
    if found is None:
        return _removed(evidence, sent)
    state = found["State"]
    if sent:
        sentence = f"Somebody had the engine kill its container (signal {sent})"
        return Witness(_STOPPED, f"{sentence}; the engine itself went on.")
    if state["OOMKilled"]:
        return Witness("out_of_memory", "The container used more memory than it may.")
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


def _removed(evidence: _Evidence, sent: str) -> Witness:
    if sent and evidence.is_destroyed:
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
    kills, is_destroyed = [], False
    label = [f"{VOLUME_LABEL}={site.volume}", f"{TASK}={task}"]
    for event in _events(site, {"container": [found["Id"]]} if found else {"label": label}):
        if event["Action"] == "destroy":
            is_destroyed = True
        sent = event["Actor"]["Attributes"].get("signal", "")
        if event["Action"] == "kill" and sent not in _OURS:
            at = datetime.fromtimestamp(event["timeNano"] / 1e9).astimezone()
            kills.append((at, sent))
    return _Evidence(began_at, min(known, default=None), tuple(kills), is_destroyed)


def _events(site: Site, whose: Mapping[str, list[str]]) -> list[Mapping[str, Any]]:
    """What the engine remembers of a container: by its id, or when it is gone by its labels."""
    api = site.engine.api
    filters = {"type": "container", "event": ["kill", "destroy"], **whose}
    now = _moment(api.info()["SystemTime"]).timestamp()  # later than that, and it would wait
    return list(api.events(since="1", until=f"{now:.6f}", filters=filters, decode=True))


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
