"""Frames: a length-prefixed JSON header and a payload, the same in both directions."""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Mapping
from typing import Any

from compute.transports.base import Channel, TargetUnreachable

Header = dict[str, Any]

MAX_HEADER_BYTES = 1 << 20
MAX_PAYLOAD_BYTES = 4 << 20
_LENGTHS = struct.Struct(">II")


class FrameTooBig(ValueError):
    """A frame that no runner would accept; nothing was sent."""


def send_frame(
    channel: Channel,
    header: Mapping[str, Any],
    payload: bytes | memoryview = b"",
    *,
    timeout_s: float,
) -> None:
    """Send one frame whole.

    Raises:
        FrameTooBig: header or payload is over its limit.
        TargetUnreachable: the channel broke.
    """
    head = json.dumps(header, separators=(",", ":")).encode()
    if len(head) > MAX_HEADER_BYTES or len(payload) > MAX_PAYLOAD_BYTES:
        raise FrameTooBig(
            f"a frame of {len(head):,} + {len(payload):,} bytes is over the limit of "
            f"{MAX_HEADER_BYTES:,} + {MAX_PAYLOAD_BYTES:,}"
        )
    deadline = time.monotonic() + timeout_s
    channel.write(_LENGTHS.pack(len(head), len(payload)) + head, timeout_s=timeout_s)
    if payload:
        channel.write(payload, timeout_s=deadline - time.monotonic())


def receive_frame(channel: Channel, *, timeout_s: float) -> tuple[Header, bytes]:
    """The next frame, complete.

    Raises:
        TargetUnreachable: the channel broke, was silent for too long, or speaks
            something else than frames.
    """
    deadline = time.monotonic() + timeout_s
    lengths = channel.read_exact(_LENGTHS.size, timeout_s=timeout_s)
    header_bytes, payload_bytes = _LENGTHS.unpack(lengths)
    if header_bytes > MAX_HEADER_BYTES or payload_bytes > MAX_PAYLOAD_BYTES:
        raise _foreign(lengths)
    head = channel.read_exact(header_bytes, timeout_s=deadline - time.monotonic())
    try:
        header = json.loads(head)
    except ValueError as error:
        raise _foreign(head) from error
    if not isinstance(header, dict):
        raise _foreign(head)
    payload = b""
    if payload_bytes:
        payload = channel.read_exact(payload_bytes, timeout_s=deadline - time.monotonic())
    return header, payload


def _foreign(data: bytes) -> TargetUnreachable:
    return TargetUnreachable(
        f"The target sent {data[:40]!r} where a frame was expected: something else writes to "
        "the runner's standard output there."
    )
