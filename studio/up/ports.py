"""The address that the studio listens on."""

from __future__ import annotations

import errno
import socket
from contextlib import suppress

_TRIES = 50
_BACKLOG = 512
_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104


class NoPort(Exception):
    """The studio cannot listen; the sentence says why and what to set."""


def listen(host: str, wanted: int) -> socket.socket:
    """A socket that listens at `wanted`, or at the next free port after it.

    It is held by who keeps the processes alive and inherited by the web process, so that
    people who come while that one is started again wait a moment instead of being refused.

    Raises:
        NoPort: `host` is not an address of this machine, or no port is free.
    """
    try:
        family = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][0]
    except OSError as error:
        raise NoPort(f"RUNYARD_HOST={host} is no address: {error.strerror}.") from error
    for port in range(wanted, min(wanted + _TRIES, 65536)):
        with suppress(_Taken):
            return _listen_at(family, host, port)
    raise NoPort(f"No port from {wanted} on is free: set RUNYARD_PORT to another one.")


def is_wildcard(host: str) -> bool:
    """Whether the host stands for every address of this machine."""
    return host in _WILDCARDS


def local_url(host: str, port: int) -> str:
    """The address that a browser on this machine opens."""
    shown = _WILDCARDS.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}/"


class _Taken(Exception):
    """Somebody listens there."""


def _listen_at(family: int, host: str, port: int) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise _Taken from error
        raise NoPort(f"{host} cannot be listened on at port {port}: {error.strerror}.") from error
    return listener
