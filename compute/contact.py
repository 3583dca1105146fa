"""First contact: bring the runner to a place, once, and hand its stdin and stdout over."""

from __future__ import annotations

import hashlib
import secrets
import time
from functools import cache
from pathlib import Path

from compute.frames import receive_frame, send_frame
from compute.place import Place
from compute.transports.base import Channel, TargetRefused, TargetUnreachable
from compute.transports.loader import LOADER

CONTACT_S = 30.0
BANNER_BYTES = 64 * 1024
"""So much may a login shell say before the loader's mark."""
_RUNNER = Path(__file__).parent / "runner" / "runner.py"
_PYTHON_GAVE_UP = frozenset({1, 2, 126, 127})
"""Exit statuses of a Python that ran and failed, or of a shell that found none."""


@cache
def runner_source() -> tuple[bytes, str]:
    """The runner's source and its SHA-256, read once: a process speaks to one version."""
    source = _RUNNER.read_bytes()
    return source, hashlib.sha256(source).hexdigest()


def open_runner(place: Place, *arguments: str) -> tuple[Channel, str]:
    """A channel that speaks frames with a subcommand of the runner, and that runner's SHA-256.

    Raises:
        TargetUnreachable: the place does not answer, or broke off.
        TargetRefused: it answers, and the runner cannot work there.
    """
    source, sha = runner_source()
    nonce = secrets.token_hex(8)
    channel = place.transport.popen(
        [place.python, "-I", "-S", "-c", LOADER, place.root, sha, nonce, *arguments]
    )
    try:
        deadline = time.monotonic() + CONTACT_S
        _hand_over(channel, nonce, source, deadline)
        # Only its own answer tells that the runner could be stored and works.
        send_frame(channel, {"op": "ping"}, timeout_s=deadline - time.monotonic())
        receive_frame(channel, timeout_s=deadline - time.monotonic())
    except TargetUnreachable as error:
        gave_up = channel.wait(timeout_s=0) in _PYTHON_GAVE_UP
        channel.close()
        if gave_up:
            raise TargetRefused(f"The runner cannot work on the target. {error}") from error
        raise
    except BaseException:
        channel.close()
        raise
    return channel, sha


def _hand_over(channel: Channel, nonce: str, source: bytes, deadline: float) -> None:
    """Answer the loader, whose line ends `have` or `send`."""
    _skip_banner(channel, f"RUNYARD {nonce} ".encode(), deadline)
    word = channel.read_exact(5, timeout_s=deadline - time.monotonic())
    if word == b"send\n":
        channel.write(
            len(source).to_bytes(8, "big") + source, timeout_s=deadline - time.monotonic()
        )


def _skip_banner(channel: Channel, mark: bytes, deadline: float) -> None:
    """Read up to the end of `mark` and not one byte further: the rest is the runner's.

    Each read takes as many bytes as the mark still lacks at least, so that a long
    banner costs few reads.
    """
    seen = b""
    while not seen.endswith(mark):
        if len(seen) > BANNER_BYTES + len(mark):
            raise TargetUnreachable(
                f"The target says more than {BANNER_BYTES // 1024} KiB before it obeys: let its "
                "login scripts be silent when no terminal is there."
            )
        lacks = next(n for n in range(1, len(mark) + 1) if seen.endswith(mark[: len(mark) - n]))
        seen += channel.read_exact(lacks, timeout_s=deadline - time.monotonic())
