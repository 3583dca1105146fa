"""The web process of `manage.py up`: serves on a socket that it inherits."""

from __future__ import annotations

import os
import socket
import sys

import uvicorn

_GOODBYE_S = 2
"""How long open pages may take when the studio goes down."""


def main(descriptor: int) -> None:
    """Serve until SIGTERM."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "studio.settings")
    config = uvicorn.Config(
        "studio.asgi:application",
        lifespan="off",
        log_config=None,  # Django's logging says where to
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=_GOODBYE_S,
    )
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=descriptor)])


if __name__ == "__main__":
    main(int(sys.argv[1]))
