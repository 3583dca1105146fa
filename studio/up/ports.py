"""Choosing the port that the studio listens on."""

from __future__ import annotations

import errno
import socket

_TRIES = 50
_TAKEN = {errno.EADDRINUSE, errno.EACCES}


def free_port(host: str, wanted: int) -> int:
    """`wanted`, or the next port after it that nobody listens on.

    Raises:
        OSError: none of the next ports is free, or `host` is not an address of this machine.
    """
    for port in range(wanted, min(wanted + _TRIES, 65536)):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                if port + 1 == wanted + _TRIES or error.errno not in _TAKEN:
                    raise
            else:
                return port
    raise OSError(f"no port from {wanted} on is free")


