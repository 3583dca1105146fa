"""Keeping the studio's processes alive: what dies is started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from studio.up.process import Identity, end, identify, spawn

_FIRST_PAUSE_S, _LAST_PAUSE_S = 0.2, 10.0
_PROVEN_S = 30.0
"""After so long a life a child's next death is a new story."""
_LOOK_S = 0.1


@dataclass
class Child:
    """One process of the studio and how it has fared."""

    name: str
    argv: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    pause_s: float = _FIRST_PAUSE_S
    due_at: float = 0.0

    @property
    def identity(self) -> Identity | None:
        """Who it is now; None while it waits to be started again."""
        return identify(self.process.pid) if self.process else None


@dataclass
class Supervisor:
    """Starts children in order, starts again what dies, ends them in reverse order."""

    log_dir: Path
    env: Mapping[str, str]
    on_change: Callable[[dict[str, Identity]], None]
    say: Callable[[str], None]
    children: list[Child] = field(default_factory=list)
    _stopping: bool = False

    def add(self, name: str, argv: Sequence[str]) -> None:
        """Start one more child and keep it alive from now on."""
        child = Child(name, argv)
        self.children.append(child)
        self._start(child)

    def watch(self) -> None:
        """Keep everything alive until SIGTERM, SIGINT or SIGHUP, then end it all."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._stop)
        try:
            while not self._stopping:
                self.look()
                time.sleep(_LOOK_S)
        finally:
            self.end()

    def look(self) -> None:
        """One round: notice who died, start who is due."""
        now = time.monotonic()
        for child in self.children:
            if child.process is not None and child.process.poll() is not None:
                self._note_death(child, now)
            if child.process is None and now >= child.due_at:
                self._start(child)

    def end(self) -> None:
        """End all children, the last one first."""
        for child in reversed(self.children):
            who = child.identity
            if who is not None:
                end(who)
            if child.process is not None:
                child.process.wait()
                child.process = None
        self.on_change({})

    def _note_death(self, child: Child, now: float) -> None:
        assert child.process is not None  # noqa: S101  (the caller checked)
        if now - child.started_at > _PROVEN_S:
            child.pause_s = _FIRST_PAUSE_S
        self.say(f"{child.name} ended ({child.process.returncode}), starting it again")
        child.process, child.due_at = None, now + child.pause_s
        child.pause_s = min(child.pause_s * 2, _LAST_PAUSE_S)

    def _start(self, child: Child) -> None:
        child.process = spawn(child.argv, log=self.log_dir / f"{child.name}.log", env=self.env)
        child.started_at = time.monotonic()
        identities = {c.name: c.identity for c in self.children}
        self.on_change({name: who for name, who in identities.items() if who is not None})

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True


def studio_children(*, host: str, port: int, workers: int) -> dict[str, list[str]]:
    """The commands of web, workers and monitor."""
    manage = [sys.executable, str(Path(__file__).resolve().parents[2] / "manage.py")]
    web = [
        sys.executable, "-m", "uvicorn", "studio.asgi:application",
        "--host", host, "--port", str(port),
        "--log-level", "warning", "--no-access-log", "--timeout-graceful-shutdown", "2",
    ]
    children = {"web": web, "monitor": [*manage, "monitor"]}
    for number in range(1, workers + 1):
        children[f"worker-{number}"] = [*manage, "rqworker", "default", "--verbosity", "0"]
    return children


def child_env(**extra: str) -> dict[str, str]:
    """This process's environment with what the children need to know."""
    return {**os.environ, "DJANGO_SETTINGS_MODULE": "studio.settings", **extra}
