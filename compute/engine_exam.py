"""Trying a Docker engine out: a container as runs get it, and what the engine says of itself."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from compute.containers import Site
from compute.transports.base import TargetRefused

_TRY = (
    "import json, os, sys\n"
    "print(json.dumps({'python': list(sys.version_info[:3]), 'user': os.getuid()}), flush=True)"
)
_OLDEST_PYTHON = [3, 6]
_LIMITS = {
    "MemoryLimit": ("memory", "memory_bytes"),
    "CpuCfsQuota": ("processors", "nano_cpus"),
    "PidsLimit": ("processes", "pids"),
}
"""What an engine calls its ability to limit something, and which limit of ours needs it."""
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm/v7"}
"""The machine's word for what images call otherwise."""
_SLOW_STORAGE = "vfs"


@dataclass(frozen=True)
class EngineExam:
    """Examines the engine of a site. Equal sites have equal exams."""

    site: Site

    def __call__(self) -> dict[str, Any]:
        """Facts that the engine knows better than the helper, with two lists of sentences.

        `lacks` is what keeps runs from being as they are asked for, `hints` what would make the
        engine a better one.

        Raises:
            TargetUnreachable: the engine does not answer.
            TargetRefused: a container like that of a run cannot be started there.
        """
        with self.site.engine.reached():
            info = self.site.engine.api.info()
            self._try_container()
        limits = self.site.limits
        cores = min(info["NCPU"], limits.nano_cpus / 1e9 or info["NCPU"])
        return {
            "hostname": info["Name"],
            "cores": int(cores) if cores >= 1 else cores,
            "memory_bytes": min(info["MemTotal"], limits.memory_bytes or info["MemTotal"]),
            "engine": {
                "version": info["ServerVersion"],
                "api": self.site.engine.api.api_version,
                "system": info["OperatingSystem"],
                "kernel": info.get("KernelVersion", ""),
                "platform": platform_of(info),
                "storage": info["Driver"],
                "folder": info.get("DockerRootDir", ""),
                "cgroup": info.get("CgroupVersion", "1"),
                "cgroup_driver": info.get("CgroupDriver", ""),
                "live_restore": bool(info.get("LiveRestoreEnabled")),
                "rootless": _is_rootless(info),
                "runtimes": _runtimes(info),
                "can_lend_gpus": "nvidia" in (info.get("Runtimes") or {}),
                "containers_running": info["ContainersRunning"],
                "images": info.get("Images", 0),
            },
            "lacks": [
                f"The engine cannot limit {what}: give its machine the control group, or leave "
                f"the target's limit of {what} empty."
                for name, (what, limit) in _LIMITS.items()
                if not info.get(name) and getattr(limits, limit)
            ],
            "hints": [*_emulation(self.site.platform, info), *_hints(info)],
        }

    def _try_container(self) -> None:
        """Let a container that is limited and connected as a run's say what it is."""
        site = self.site
        made = site.create(
            f"{site.volume}.test-{secrets.token_hex(4)}",
            command=[site.python, "-I", "-S", "-c", _TRY],
            host_config=site.run_config([], ()),
            labels=site.labels("test"),
            user=site.user,
            stdin_open=False,
        )
        try:
            said = site.output(made)
        finally:
            site.remove(made)
        try:
            version = json.loads(said)["python"]
        except (ValueError, KeyError, TypeError) as error:
            last = said.decode("utf-8", "replace").strip().splitlines()[-1:]
            raise TargetRefused(
                f"{site.python} cannot run in a container of {site.image}. {''.join(last)}"
            ) from error
        if version < _OLDEST_PYTHON:
            raise TargetRefused(
                f"The Python of {site.image} is {'.'.join(map(str, version))}, which is too old: "
                "Runyard needs 3.6 or newer to keep runs. Name another image or interpreter."
            )


def platform_of(info: Mapping[str, Any]) -> str:
    """What an engine runs, as images say it: linux/amd64."""
    machine = str(info.get("Architecture") or "")
    return f"{info.get('OSType') or 'linux'}/{_ARCHITECTURES.get(machine, machine)}"


def _runtimes(info: Mapping[str, Any]) -> list[str]:
    """Those with names that people give, not the shims behind them."""
    return sorted(name for name in info.get("Runtimes") or {} if not name.startswith("io."))


def _is_rootless(info: Mapping[str, Any]) -> bool:
    return any("name=rootless" in option for option in info.get("SecurityOptions") or [])


def _emulation(wanted: str, info: Mapping[str, Any]) -> list[str]:
    own = platform_of(info)
    if not wanted or wanted.split("/")[:2] == own.split("/")[:2]:
        return []
    return [f"Images for {wanted} are emulated on {own}, which is slow: leave the platform empty."]


def _hints(info: Mapping[str, Any]) -> list[str]:
    """What an admin of the machine could do better, each with how."""
    hints = []
    if not info.get("LiveRestoreEnabled"):
        hints.append(
            'Runs end when the engine is restarted: write "live-restore": true into its '
            "daemon.json and have it read that, and they go on."
        )
    if info.get("Driver") == _SLOW_STORAGE:
        hints.append(
            'Each container copies its whole image: write "storage-driver": "overlay2" into its '
            "daemon.json, if the file system there can do it."
        )
    return hints
