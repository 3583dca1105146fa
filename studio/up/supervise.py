"""Keeping the studio's processes alive: what dies is started again."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen

from studio.up.fork import CAN_FORK, Forked, fork
from studio.up.process import Identity, end_all, identify, spawn

_FIRST_PAUSE_S, _LAST_PAUSE_S = 0.2, 10.0
_PROVEN_S = 30.0
"""After so long a life a child's next death is a new story."""
_LOOK_S = 0.1
_GOODBYE_S = 10.0


@dataclass
class Child:
    """One process of the studio and how it has fared."""

    name: str
    argv: Sequence[str]
    keep: Collection[int] = ()
    work: Callable[[], object] | None = None
    process: Popen[bytes] | Forked | None = None
    started_at: float = 0.0
    pause_s: float = _FIRST_PAUSE_S
    due_at: float = 0.0

    @property
    def identity(self) -> Identity | None:
        """Who it is now; None while it waits to be started again."""
        return identify(self.process.pid) if self.process else None


@dataclass
class Supervisor:
    """Starts children, starts again what dies, and ends them all, those added first last."""

    folder: Path
    log_dir: Path
    env: Mapping[str, str]
    on_change: Callable[[Mapping[str, Identity]], None]
    say: Callable[[str], None]
    children: list[Child] = field(default_factory=list)
    stopping: bool = False

    def obey_signals(self) -> None:
        """From now on SIGTERM, SIGINT and SIGHUP are wishes to stop."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._stop)

    def add(
        self,
        name: str,
        argv: Sequence[str],
        *,
        keep: Collection[int] = (),
        work: Callable[[], object] | None = None,
    ) -> None:
        """Start one more child and keep it alive from now on.

        With `work`, which does what `argv` does, it is forked from here where that is sound.
        """
        child = Child(name, argv, keep, work if CAN_FORK else None)
        self.children.append(child)
        self._start(child)

    def watch(self) -> None:
        """Keep everything alive until it is time to stop."""
        while not self.stopping:
            self.look()
            time.sleep(_LOOK_S)

    def look(self) -> None:
        """One round: notice who died, start who is due."""
        now = time.monotonic()
        for child in self.children:
            code = child.process.poll() if child.process else None
            if code is not None:
                self._note_death(child, code, now)
            if child.process is None and now >= child.due_at:
                self._start(child)

    def end(self) -> None:
        """End all children: together, but for the first, which serves the others."""
        for group in (self.children[1:], self.children[:1]):
            end_all([who for child in group if (who := child.identity)], patience_s=_GOODBYE_S)
            for child in group:
                if child.process is not None:
                    child.process.wait()
                    child.process = None
        self.on_change({})

    def _note_death(self, child: Child, code: int, now: float) -> None:
        if now - child.started_at > _PROVEN_S:
            child.pause_s = _FIRST_PAUSE_S
        how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
        self.say(f"{child.name} {how} and is started again; {self.log_of(child.name)} may say why")
        child.process, child.due_at = None, now + child.pause_s
        child.pause_s = min(child.pause_s * 2, _LAST_PAUSE_S)

    def log_of(self, name: str) -> Path:
        """Where the child of this name says what troubles it."""
        return self.log_dir / f"{name}.log"

    def _start(self, child: Child) -> None:
        log = self.log_of(child.name)
        if child.work is None:
            child.process = spawn(
                child.argv, folder=self.folder, log=log, env=self.env, keep=child.keep
            )
        else:
            name = f"runyard-{child.name}"
            child.process = fork(child.work, name=name, log=log, env=self.env, keep=child.keep)
        child.started_at = time.monotonic()
        identities = {each.name: each.identity for each in self.children}
        self.on_change({name: who for name, who in identities.items() if who is not None})

    def _stop(self, _number: int, _frame: object) -> None:
        self.stopping = True
