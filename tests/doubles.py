"""Slow, dead, lying and forgetful stand-ins for transports and launchers.

They stand at our own seam and, where they can, in front of the real thing, so that only the
one fault they are named for is played.
"""

from __future__ import annotations

import os
import shlex
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from compute.launchers.base import Handle, Launcher, LaunchSpec, Report, Witness
from compute.transports.base import Channel, TargetRefused, TargetUnreachable, Transport


class ChannelInFront:
    """A channel that passes everything on; its heirs spoil one thing."""

    def __init__(self, behind: Channel) -> None:
        self.behind = behind

    def read_exact(self, n: int, *, timeout_s: float) -> bytes:
        return self.behind.read_exact(n, timeout_s=timeout_s)

    def readable(self, *, timeout_s: float) -> bool:
        return self.behind.readable(timeout_s=timeout_s)

    def write(self, data: bytes | memoryview, *, timeout_s: float) -> None:
        self.behind.write(data, timeout_s=timeout_s)

    def wait(self, *, timeout_s: float) -> int | None:
        return self.behind.wait(timeout_s=timeout_s)

    def close(self) -> None:
        self.behind.close()


class DeadTransport:
    """The place does not answer at all."""

    def popen(self, argv: Sequence[str]) -> Channel:
        raise TargetUnreachable("The target does not answer. It said: No route to host")


@dataclass(frozen=True)
class SilentTransport:
    """The command starts, and then nothing comes from it, ever."""

    behind: Transport

    def popen(self, argv: Sequence[str]) -> Channel:
        return self.behind.popen(["sleep", "600"])


@dataclass(frozen=True)
class BannerTransport:
    """A login shell says something before the command does."""

    behind: Transport
    banner: bytes

    def popen(self, argv: Sequence[str]) -> Channel:
        text = self.banner.decode("ascii").replace("%", "%%").replace("\n", "\\n")
        return self.behind.popen(
            ["/bin/sh", "-c", f'printf {shlex.quote(text)}; exec "$@"', "sh", *argv]
        )


@dataclass(frozen=True)
class SlowTransport:
    """Each read takes a while longer than it must."""

    behind: Transport
    delay_s: float

    def popen(self, argv: Sequence[str]) -> Channel:
        return _SlowChannel(self.behind.popen(argv), self.delay_s)


class _SlowChannel(ChannelInFront):
    def __init__(self, behind: Channel, delay_s: float) -> None:
        super().__init__(behind)
        self._delay_s = delay_s

    def read_exact(self, n: int, *, timeout_s: float) -> bytes:
        time.sleep(min(self._delay_s, max(0.0, timeout_s)))
        return super().read_exact(n, timeout_s=timeout_s)


@dataclass(frozen=True)
class LyingTransport:
    """What comes back is not what was said: every byte after the loader's line is changed."""

    behind: Transport

    def popen(self, argv: Sequence[str]) -> Channel:
        return _LyingChannel(self.behind.popen(argv))


class _LyingChannel(ChannelInFront):
    _told = b""

    def read_exact(self, n: int, *, timeout_s: float) -> bytes:
        honest = self._told.endswith((b"have\n", b"send\n"))
        data = super().read_exact(n, timeout_s=timeout_s)
        if honest:
            return bytes(byte ^ 0x55 for byte in data)
        self._told = (self._told + data)[-5:]
        return data


@dataclass(frozen=True)
class CuttableTransport:
    """A link that breaks when `cut` is called and stands again after `mend`."""

    behind: Transport
    _channels: list[Channel] = field(default_factory=list, hash=False, compare=False)
    _cut: threading.Event = field(default_factory=threading.Event)

    def popen(self, argv: Sequence[str]) -> Channel:
        if self._cut.is_set():
            raise TargetUnreachable("The target does not answer. It said: link is down")
        channel = self.behind.popen(argv)
        self._channels.append(channel)
        return channel

    def cut(self) -> None:
        """Break every open channel, and let no new one come up."""
        self._cut.set()
        while self._channels:
            self._channels.pop().close()

    def mend(self) -> None:
        """Let new channels come up."""
        self._cut.clear()


@dataclass(frozen=True)
class LossyTransport:
    """Loses one byte in a thousand, and does not tell."""

    behind: Transport

    def popen(self, argv: Sequence[str]) -> Channel:
        return _LossyChannel(self.behind.popen(argv))


class _LossyChannel(ChannelInFront):
    def write(self, data: bytes | memoryview, *, timeout_s: float) -> None:
        kept = bytes(byte for at, byte in enumerate(bytes(data)) if at % 1000 != 999)
        super().write(kept + bytes(len(data) - len(kept)), timeout_s=timeout_s)


@dataclass(frozen=True)
class ShellTransport:
    """Lets a shell read the words again."""

    behind: Transport

    def popen(self, argv: Sequence[str]) -> Channel:
        return self.behind.popen(["/bin/sh", "-c", " ".join(argv)])


@dataclass(frozen=True)
class MuteTransport:
    """Swallows the command's standard error, which holds the reason of every failure."""

    behind: Transport

    def popen(self, argv: Sequence[str]) -> Channel:
        return self.behind.popen(["/bin/sh", "-c", 'exec "$@" 2>/dev/null', "sh", *argv])


@dataclass(frozen=True)
class PatientTransport:
    """Answers silence with nothing, as if nothing had been expected."""

    behind: Transport

    def popen(self, argv: Sequence[str]) -> Channel:
        return _PatientChannel(self.behind.popen(argv))


class _PatientChannel(ChannelInFront):
    def read_exact(self, n: int, *, timeout_s: float) -> bytes:
        return (
            super().read_exact(n, timeout_s=timeout_s)
            if self.readable(timeout_s=timeout_s)
            else b""
        )


@dataclass(frozen=True)
class LeakyTransport:
    """Its channels stay open when they are closed; `drop` closes them in earnest."""

    behind: Transport
    _open: list[Channel] = field(default_factory=list, hash=False, compare=False)

    def popen(self, argv: Sequence[str]) -> Channel:
        self._open.append(self.behind.popen(argv))
        return _LeakyChannel(self._open[-1])

    def drop(self) -> None:
        while self._open:
            self._open.pop().close()


class _LeakyChannel(ChannelInFront):
    def close(self) -> None:
        return None


@dataclass(frozen=True)
class VagueTransport:
    """Takes what can never work for a link that is down."""

    behind: Transport

    def popen(self, argv: Sequence[str]) -> Channel:
        try:
            return self.behind.popen(argv)
        except TargetRefused as error:
            raise TargetUnreachable(str(error)) from error


class LauncherInFront:
    """A launcher that passes everything on; its heirs spoil one thing."""

    def __init__(self, behind: Launcher) -> None:
        self.behind = behind

    def launch(self, spec: LaunchSpec) -> Handle:
        return self.behind.launch(spec)

    def pending(self, handles: Sequence[Handle]) -> Mapping[str, Report]:
        return self.behind.pending(handles)

    def alive(self, handle: Handle) -> bool:
        return self.behind.alive(handle)

    def stop(self, handle: Handle, *, grace_s: float, reason: str) -> None:
        self.behind.stop(handle, grace_s=grace_s, reason=reason)

    def settle(self, handle: Handle) -> str:
        return self.behind.settle(handle)

    def witness(self, handle: Handle, *, reason: str) -> Witness:
        return self.behind.witness(handle, reason=reason)

    def release(self, handle: Handle) -> None:
        self.behind.release(handle)

    def clear(self, handle: Handle) -> None:
        self.behind.clear(handle)


class HastyLauncher(LauncherInFront):
    """Takes whoever it is asked about for dead."""

    def settle(self, handle: Handle) -> None:
        self.behind.stop(handle, grace_s=0, reason="keeper_lost")


class DeadLauncher(LauncherInFront):
    """Nobody answers any request."""

    def launch(self, spec: LaunchSpec) -> Handle:
        raise TargetUnreachable("The target does not answer.")

    def alive(self, handle: Handle) -> bool:
        raise TargetUnreachable("The target does not answer.")


class SlowLauncher(LauncherInFront):
    """Waits for the end of what it is asked to stop, instead of answering at once."""

    def stop(self, handle: Handle, *, grace_s: float, reason: str) -> None:
        super().stop(handle, grace_s=0, reason=reason)
        while self.behind.alive(handle):
            time.sleep(0.01)


class LyingLauncher(LauncherInFront):
    """Says of everything that it is dead."""

    def alive(self, handle: Handle) -> bool:
        return False


class ForgetfulLauncher(LauncherInFront):
    """Does not know that it has launched this before, and starts it again elsewhere."""

    def launch(self, spec: LaunchSpec) -> Handle:
        return super().launch(replace(spec, name=f"{spec.name}-{os.urandom(4).hex()}"))


class TalkativeLauncher(LauncherInFront):
    """Writes the secrets into the handle."""

    def launch(self, spec: LaunchSpec) -> Handle:
        return {**super().launch(spec), "secrets": dict(spec.secrets)}


class StrictLauncher(LauncherInFront):
    """Refuses to stop what has ended."""

    def stop(self, handle: Handle, *, grace_s: float, reason: str) -> None:
        if not self.alive(handle):
            raise ValueError("nothing to stop")
        super().stop(handle, grace_s=grace_s, reason=reason)
